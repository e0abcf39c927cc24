//! Which colour, which dash and which hatch each thing in a chart has, in light and dark.
//!
//! Plotters knows neither themes nor dashes, so it draws with placeholder colours that
//! name an [`StrokeStyle`], and [`themed`] replaces them in the finished SVG. Series colours
//! are Okabe and Ito's, darkened on white and lightened on black until they stand out
//! by 3 to 1; lines that share a chart differ in dash or weight too.

use std::fmt::Write as _;

use plotters::style::RGBColor;

use crate::record::outcome::Outcome;

/// In which surroundings a chart is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// Dark on white.
    Light,
    /// Light on near black.
    Dark,
    /// As the reader's system has it; light where that is not known.
    System,
}

/// A colour that has one value in light and one in dark surroundings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum Colour {
    Background,
    Text,
    Muted,
    Grid,
    Axis,
    Shade,
    Blue,
    Green,
    Vermillion,
    Purple,
    Orange,
    Sky,
    Grey,
    Silver,
    Olive,
    Azure,
    Moss,
    Rust,
    Rose,
    Pine,
    Slate,
}

impl Colour {
    const ALL: [Colour; 21] = [
        Colour::Background,
        Colour::Text,
        Colour::Muted,
        Colour::Grid,
        Colour::Axis,
        Colour::Shade,
        Colour::Blue,
        Colour::Green,
        Colour::Vermillion,
        Colour::Purple,
        Colour::Orange,
        Colour::Sky,
        Colour::Grey,
        Colour::Silver,
        Colour::Olive,
        Colour::Azure,
        Colour::Moss,
        Colour::Rust,
        Colour::Rose,
        Colour::Pine,
        Colour::Slate,
    ];

    /// In light and in dark surroundings.
    fn values(self) -> (&'static str, &'static str) {
        match self {
            Colour::Background => ("#FFFFFF", "#14171C"),
            Colour::Text => ("#1F2328", "#E6E8EB"),
            Colour::Muted => ("#57606A", "#A3ADB8"),
            Colour::Grid => ("#E4E7EB", "#2A3038"),
            Colour::Axis => ("#8C959F", "#6B7480"),
            Colour::Shade => ("#EDEFF2", "#22272F"),
            Colour::Blue => ("#0072B2", "#4FB0EE"),
            Colour::Green => ("#00875F", "#2CC598"),
            Colour::Vermillion => ("#CC4E00", "#FF8B4A"),
            Colour::Purple => ("#A8417E", "#EC9CC8"),
            Colour::Orange => ("#A87000", "#F0B13C"),
            Colour::Sky => ("#2C8FC9", "#8FD0F7"),
            Colour::Grey => ("#6E7781", "#9AA4AF"),
            Colour::Silver => ("#BCC3CB", "#565F6B"),
            Colour::Olive => ("#7A7A00", "#E3DC5A"),
            Colour::Azure => ("#3D9AD1", "#4FB0EE"),
            Colour::Moss => ("#5F5F00", "#E3DC5B"),
            Colour::Rust => ("#8F2A00", "#D9480F"),
            Colour::Rose => ("#B0508A", "#F3B8D8"),
            Colour::Pine => ("#00503A", "#1FA37C"),
            Colour::Slate => ("#6D7680", "#7E8893"),
        }
    }
}

/// How a line is broken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum Dash {
    Solid,
    Long,
    Short,
    Dots,
    Mixed,
}

impl Dash {
    const ALL: [Dash; 5] = [Dash::Solid, Dash::Long, Dash::Short, Dash::Dots, Dash::Mixed];

    fn pattern(self) -> Option<&'static str> {
        match self {
            Dash::Solid => None,
            Dash::Long => Some("9 3"),
            Dash::Short => Some("5 3"),
            Dash::Dots => Some("2 3"),
            Dash::Mixed => Some("9 3 2 3"),
        }
    }
}

/// Which thin lines lie over an area.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum Hatch {
    Plain,
    Upright,
    Level,
    Both,
}

impl Hatch {
    /// Outcomes that share a hatch differ in lightness, in light and in dark surroundings.
    pub(in crate::report) fn of(outcome: Outcome) -> Hatch {
        match outcome {
            Outcome::Ok | Outcome::ClientError | Outcome::TransportError => Hatch::Plain,
            Outcome::Rejected | Outcome::Unsent => Hatch::Upright,
            Outcome::ServerError | Outcome::CheckFailed => Hatch::Level,
            Outcome::Timeout => Hatch::Both,
        }
    }
}

/// What a line, an area or a text is drawn with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) struct StrokeStyle(pub(super) Colour, pub(super) Dash);

impl StrokeStyle {
    pub(in crate::report) const BACKGROUND: StrokeStyle =
        StrokeStyle(Colour::Background, Dash::Solid);
    pub(in crate::report) const TEXT: StrokeStyle = StrokeStyle(Colour::Text, Dash::Solid);
    pub(in crate::report) const MUTED: StrokeStyle = StrokeStyle(Colour::Muted, Dash::Solid);
    pub(in crate::report) const GRID: StrokeStyle = StrokeStyle(Colour::Grid, Dash::Solid);
    pub(in crate::report) const AXIS: StrokeStyle = StrokeStyle(Colour::Axis, Dash::Solid);
    pub(in crate::report) const SHADE: StrokeStyle = StrokeStyle(Colour::Shade, Dash::Solid);

    pub(in crate::report) const P50: StrokeStyle = StrokeStyle(Colour::Blue, Dash::Solid);
    pub(in crate::report) const P95: StrokeStyle = StrokeStyle(Colour::Green, Dash::Long);
    pub(in crate::report) const P99: StrokeStyle = StrokeStyle(Colour::Vermillion, Dash::Solid);
    pub(in crate::report) const MAX: StrokeStyle = StrokeStyle(Colour::Grey, Dash::Dots);
    pub(in crate::report) const LIMIT: StrokeStyle = StrokeStyle(Colour::Purple, Dash::Mixed);

    pub(in crate::report) const LIMIT_TICK: StrokeStyle = StrokeStyle(Colour::Purple, Dash::Solid);

    pub(in crate::report) const RESPONSE: StrokeStyle = StrokeStyle(Colour::Blue, Dash::Solid);
    pub(in crate::report) const SERVICE: StrokeStyle = StrokeStyle(Colour::Orange, Dash::Long);

    pub(in crate::report) const OFFERED: StrokeStyle = StrokeStyle(Colour::Silver, Dash::Solid);
    pub(in crate::report) const SENT: StrokeStyle = StrokeStyle(Colour::Blue, Dash::Solid);
    pub(in crate::report) const COMPLETED: StrokeStyle = StrokeStyle(Colour::Orange, Dash::Short);
    pub(in crate::report) const IN_FLIGHT: StrokeStyle = StrokeStyle(Colour::Purple, Dash::Dots);

    pub(in crate::report) const TARGET: StrokeStyle = StrokeStyle(Colour::Blue, Dash::Solid);
    pub(in crate::report) const GENERATOR: StrokeStyle = StrokeStyle(Colour::Orange, Dash::Long);

    pub(in crate::report) const BASELINE: StrokeStyle = StrokeStyle(Colour::Orange, Dash::Long);
    pub(in crate::report) const CANDIDATE: StrokeStyle = StrokeStyle(Colour::Blue, Dash::Solid);
    pub(in crate::report) const REGRESSED: StrokeStyle =
        StrokeStyle(Colour::Vermillion, Dash::Solid);
    pub(in crate::report) const IMPROVED: StrokeStyle = StrokeStyle(Colour::Green, Dash::Solid);
    pub(in crate::report) const PASSED: StrokeStyle = StrokeStyle(Colour::Blue, Dash::Solid);
    pub(in crate::report) const UNDECIDED: StrokeStyle = StrokeStyle(Colour::Grey, Dash::Solid);
    pub(in crate::report) const ACCEPTED: StrokeStyle = StrokeStyle(Colour::Axis, Dash::Dots);

    pub(in crate::report) const DEMAND: StrokeStyle = StrokeStyle(Colour::Blue, Dash::Solid);
    pub(in crate::report) const USABLE: StrokeStyle = StrokeStyle(Colour::Orange, Dash::Long);

    /// Inks of quantiles that share a chart, in their order.
    pub(in crate::report) const QUANTILES: [StrokeStyle; 5] = [
        StrokeStyle::P50,
        StrokeStyle::P95,
        StrokeStyle::P99,
        StrokeStyle(Colour::Olive, Dash::Short),
        StrokeStyle(Colour::Grey, Dash::Dots),
    ];

    /// The ink of an outcome's area. Ok is told from all others, and each from those that it
    /// is stacked between, by its lightness alone: without any colours they stay apart.
    pub(in crate::report) fn outcome(outcome: Outcome) -> StrokeStyle {
        let colour = match outcome {
            Outcome::Ok => Colour::Azure,
            Outcome::Rejected => Colour::Moss,
            Outcome::ClientError => Colour::Orange,
            Outcome::ServerError => Colour::Rust,
            Outcome::CheckFailed => Colour::Rose,
            Outcome::Timeout => Colour::Pine,
            Outcome::TransportError => Colour::Text,
            Outcome::Unsent => Colour::Slate,
        };
        StrokeStyle(colour, Dash::Solid)
    }

    /// The colour that plotters is told; it names the ink and is on no screen.
    pub(in crate::report) fn placeholder(self) -> RGBColor {
        RGBColor(0xA0, self.0 as u8, self.1 as u8)
    }

    fn from_placeholder(digits: &str) -> Option<StrokeStyle> {
        let colour = usize::from_str_radix(digits.get(0..2)?, 16).ok()?;
        let dash = usize::from_str_radix(digits.get(2..4)?, 16).ok()?;
        Some(StrokeStyle(*Colour::ALL.get(colour)?, *Dash::ALL.get(dash)?))
    }
}

/// Starts every placeholder. No text of ours can hold it, as quotes are escaped there.
const PLACEHOLDER: &str = "=\"#A0";

/// The SVG with inks in place of placeholders. [`Theme::System`] gets the light ones;
/// [`dark_rules`] turns them dark.
pub(in crate::report) fn themed(svg: &str, theme: Theme) -> String {
    let mut parts = svg.split(PLACEHOLDER);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let stroke_style = StrokeStyle::from_placeholder(part).expect("only inks are drawn with");
        let (light, dark) = stroke_style.0.values();
        let colour = match theme {
            Theme::Light | Theme::System => light,
            Theme::Dark => dark,
        };
        let stroked = out.ends_with("stroke");
        let _ = write!(out, "=\"{colour}\"");
        if let Some(pattern) = stroke_style.1.pattern().filter(|_| stroked) {
            let _ = write!(out, " stroke-dasharray=\"{pattern}\"");
        }
        out.push_str(part.get(5..).unwrap_or_default());
    }
    out
}

/// Style rules that turn a light chart dark, below a CSS selector such as `svg`.
pub(in crate::report) fn dark_rules(selector: &str) -> String {
    let rules = Colour::ALL.into_iter().map(|colour| {
        let (light, dark) = colour.values();
        format!(
            "{selector} [fill=\"{light}\"]{{fill:{dark}}}\
             {selector} [stroke=\"{light}\"]{{stroke:{dark}}}"
        )
    });
    rules.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_name_their_ink() {
        for colour in Colour::ALL {
            for dash in Dash::ALL {
                let RGBColor(_, high, low) = StrokeStyle(colour, dash).placeholder();
                let digits = format!("{high:02X}{low:02X}\"");
                assert_eq!(StrokeStyle::from_placeholder(&digits), Some(StrokeStyle(colour, dash)));
            }
        }
    }

    #[test]
    fn only_strokes_are_dashed() {
        let svg = "<a stroke=\"#A00602\"/><b fill=\"#A00602\"/>";
        let expected = "<a stroke=\"#0072B2\" stroke-dasharray=\"5 3\"/><b fill=\"#0072B2\"/>";
        assert_eq!(themed(svg, Theme::Light), expected);
    }

    /// WCAG relative luminance.
    fn luminance(hex: &str) -> f64 {
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        a.max(b) / a.min(b)
    }

    #[test]
    fn outcomes_are_told_apart_by_their_lightness_alone() {
        let apart = |a: Outcome, b: Outcome| {
            let ((a_light, a_dark), (b_light, b_dark)) =
                (StrokeStyle::outcome(a).0.values(), StrokeStyle::outcome(b).0.values());
            for (theme, x, y) in [("light", a_light, b_light), ("dark", a_dark, b_dark)] {
                assert!(contrast(x, y) >= 1.25, "{a:?} {b:?} {theme} {}", contrast(x, y));
            }
        };
        Outcome::ALL.windows(2).for_each(|pair| apart(pair[0], pair[1]));
        let failed = Outcome::ALL.into_iter().filter(|outcome| *outcome != Outcome::Ok);
        failed.for_each(|outcome| apart(Outcome::Ok, outcome));
        for (index, a) in Outcome::ALL.into_iter().enumerate() {
            let hatched = |b: &Outcome| Hatch::of(a) == Hatch::of(*b);
            Outcome::ALL.into_iter().skip(index + 1).filter(hatched).for_each(|b| apart(a, b));
        }
    }

    #[test]
    fn no_two_colours_are_the_same_in_light() {
        let light: std::collections::HashSet<&str> =
            Colour::ALL.iter().map(|colour| colour.values().0).collect();
        assert_eq!(light.len(), Colour::ALL.len(), "a light colour names its dark one");
    }

    #[test]
    fn lines_and_texts_stand_out_from_the_background() {
        let (white, black) = Colour::Background.values();
        for colour in Colour::ALL {
            let least = match colour {
                Colour::Background
                | Colour::Grid
                | Colour::Axis
                | Colour::Shade
                | Colour::Silver => continue,
                Colour::Text | Colour::Muted | Colour::Purple => 4.5,
                _ => 3.0,
            };
            let (light, dark) = colour.values();
            assert!(contrast(light, white) >= least, "{colour:?} {}", contrast(light, white));
            assert!(contrast(dark, black) >= least, "{colour:?} {}", contrast(dark, black));
        }
    }
}
