//! What holds of every chart, as an XML parser sees it.

use crate::report::plain;

#[track_caller]
pub(in crate::report) fn check_accessible(document: &roxmltree::Document) {
    let root = document.root_element();
    assert_eq!(root.attribute("role"), Some("img"));
    let labels = root.attribute("aria-labelledby").unwrap().split(' ');
    for id in labels {
        let named = root.children().find(|node| node.attribute("id") == Some(id)).unwrap();
        assert!(named.text().is_some_and(|text| text.len() > 5));
    }
    for text in document.descendants().filter(|node| node.has_tag_name("text")) {
        assert_eq!(text.attribute("font-family"), Some("sans-serif"));
    }
}

/// No text leaves the picture, and no two texts cover each other, as far as widths can
/// be estimated.
#[track_caller]
pub(in crate::report) fn check_inside(document: &roxmltree::Document, name: &str) {
    let root = document.root_element();
    let size = ["width", "height"].map(|side| root.attribute(side).unwrap().parse().unwrap());
    let texts: Vec<TextBox> = document
        .descendants()
        .filter(|node| node.tag_name().name() == "text")
        .map(|node| TextBox::of(&node))
        .collect();
    for (index, text) in texts.iter().enumerate() {
        assert!(text.is_inside(size), "{name}: {text:?} leaves {size:?}");
        for other in &texts[index + 1..] {
            assert!(!text.covers(other), "{name}: {text:?} covers {other:?}");
        }
    }
}

struct TextBox {
    text: String,
    left: f64,
    right: f64,
    middle: f64,
    size: f64,
}

impl std::fmt::Debug for TextBox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{}\" at {:.0}–{:.0}, {:.0}", self.text, self.left, self.right, self.middle)
    }
}

impl TextBox {
    fn of(node: &roxmltree::Node) -> TextBox {
        let number = |name| node.attribute(name).unwrap().parse::<f64>().unwrap();
        let text = node.text().unwrap().trim().to_owned();
        let size = number("font-size");
        let width = plain::width(&text) as f64 * size * 0.55;
        let left = match node.attribute("text-anchor").unwrap() {
            "start" => number("x"),
            "middle" => number("x") - width / 2.0,
            _ => number("x") - width,
        };
        TextBox { left, right: left + width, middle: number("y"), size, text }
    }

    fn is_inside(&self, [width, height]: [f64; 2]) -> bool {
        let half = self.size / 2.0;
        self.left >= 0.0
            && self.right <= width
            && self.middle >= half
            && self.middle + half <= height
    }

    fn covers(&self, other: &TextBox) -> bool {
        let apart =
            (self.middle - other.middle).abs() >= f64::midpoint(self.size, other.size) - 2.0;
        !apart && self.left < other.right && other.left < self.right
    }
}
