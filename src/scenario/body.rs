//! What a request has behind its head: a text, a file, or several parts of a form.
//!
//! Files are read once, with the scenario. What is filled in may come from the target: no value
//! can end the part that it stands in.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::template::{Template, Values};

/// A request's body.
#[derive(Debug, Clone)]
pub enum Body {
    /// A text, filled in.
    Text(Template),
    /// A file, as it is.
    File(Attached),
    /// The parts of a form (`multipart/form-data`, RFC 7578).
    Parts(Parts),
}

/// A file that was read with the scenario.
#[derive(Clone)]
pub struct Attached {
    /// Where it is.
    pub path: PathBuf,
    /// What was in it.
    pub bytes: Arc<[u8]>,
}

impl fmt::Debug for Attached {
    /// Not its bytes, which are many.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Attached").field(&self.path).field(&self.bytes.len()).finish()
    }
}

/// The parts of a form.
#[derive(Debug, Clone)]
pub struct Parts {
    /// What stands between them, and in none of their files and texts as they are written.
    boundary: String,
    /// In the order of writing; at least one.
    pub parts: Vec<Part>,
}

/// One part of a form.
#[derive(Debug, Clone)]
pub struct Part {
    /// The name of the field.
    pub name: String,
    /// The name of the file, if it is one.
    pub filename: Option<String>,
    /// Its type.
    pub content_type: Option<String>,
    /// What is in it.
    pub content: Content,
}

/// What is in a part.
#[derive(Debug, Clone)]
pub enum Content {
    /// A text, filled in.
    Text(Template),
    /// A file, as it is.
    File(Attached),
}

/// A value that was filled in has the boundary between the parts in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoundaryInside;

impl Body {
    /// All that is filled in.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        let (text, parts) = match self {
            Body::Text(template) => (Some(template), &[][..]),
            Body::File(_) => (None, &[][..]),
            Body::Parts(parts) => (None, parts.parts.as_slice()),
        };
        text.into_iter().chain(parts.iter().filter_map(Part::template))
    }

    /// Whether it is the same each time.
    pub fn is_fixed(&self) -> bool {
        self.templates().all(|template| template.as_literal().is_some())
    }

    /// Adds it to `out`; `room` is room to write in.
    pub fn render(
        &self,
        values: &mut Values<'_>,
        room: &mut String,
        out: &mut Vec<u8>,
    ) -> Result<(), BoundaryInside> {
        match self {
            Body::Text(template) => {
                room.clear();
                template.render(values, room);
                out.extend_from_slice(room.as_bytes());
                Ok(())
            }
            Body::File(file) => {
                out.extend_from_slice(&file.bytes);
                Ok(())
            }
            Body::Parts(parts) => parts.render(values, room, out),
        }
    }
}

impl Part {
    fn template(&self) -> Option<&Template> {
        match &self.content {
            Content::Text(template) => Some(template),
            Content::File(_) => None,
        }
    }

    /// Its head, with the blank line behind it.
    fn head(&self, out: &mut Vec<u8>) {
        let add = |out: &mut Vec<u8>, text: &str| out.extend_from_slice(text.as_bytes());
        add(out, "content-disposition: form-data; name=\"");
        add(out, &in_quotes(&self.name));
        add(out, "\"");
        if let Some(filename) = &self.filename {
            add(out, "; filename=\"");
            add(out, &in_quotes(filename));
            add(out, "\"");
        }
        if let Some(kind) = &self.content_type {
            add(out, "\r\ncontent-type: ");
            add(out, kind);
        }
        add(out, "\r\n\r\n");
    }
}

/// As browsers write names in a form's heads (HTML, *multipart/form-data encoding algorithm*).
fn in_quotes(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

impl Parts {
    /// Finds what may stand between some parts; at least one.
    pub fn new(parts: Vec<Part>) -> Parts {
        let mut number = 0_u32;
        loop {
            let boundary = format!("loadgate-7d1f4c0e9a3b5826-{number}");
            if !parts.iter().any(|part| part.has(&boundary)) {
                return Parts { boundary, parts };
            }
            number += 1;
        }
    }

    /// The type of the body.
    pub fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    fn render(
        &self,
        values: &mut Values<'_>,
        room: &mut String,
        out: &mut Vec<u8>,
    ) -> Result<(), BoundaryInside> {
        for part in &self.parts {
            out.extend_from_slice(b"--");
            out.extend_from_slice(self.boundary.as_bytes());
            out.extend_from_slice(b"\r\n");
            part.head(out);
            match &part.content {
                Content::File(file) => out.extend_from_slice(&file.bytes),
                Content::Text(template) => {
                    room.clear();
                    template.render(values, room);
                    if room.contains(&self.boundary) {
                        return Err(BoundaryInside);
                    }
                    out.extend_from_slice(room.as_bytes());
                }
            }
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"--");
        out.extend_from_slice(self.boundary.as_bytes());
        out.extend_from_slice(b"--\r\n");
        Ok(())
    }
}

impl Part {
    /// Whether a text stands in it as it is written.
    fn has(&self, text: &str) -> bool {
        let mut head = Vec::new();
        self.head(&mut head);
        let is_in_content = match &self.content {
            Content::File(file) => contains(&file.bytes, text.as_bytes()),
            // What is filled in is looked at when it is.
            Content::Text(template) => template.as_literal().is_some_and(|it| it.contains(text)),
        };
        is_in_content || contains(&head, text.as_bytes())
    }
}

/// Whether some bytes have others in them; fast where their first one is rare.
fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    let first = wanted.first().copied().unwrap_or_default();
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == first) {
        if rest[at..].starts_with(wanted) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::ids::VariableId;
    use crate::scenario::template::{Escape, Piece, Value};

    fn text(pieces: Vec<Piece>) -> Content {
        Content::Text(Template { pieces, escape: Escape::Verbatim })
    }

    fn file(bytes: &[u8]) -> Content {
        Content::File(Attached { path: "a.bin".into(), bytes: bytes.into() })
    }

    fn part(name: &str, content: Content) -> Part {
        Part { name: name.to_owned(), filename: None, content_type: None, content }
    }

    fn rendered(parts: &Parts, variable: &str) -> Result<Vec<u8>, BoundaryInside> {
        let variables = [Value::Text(variable.to_owned())];
        let mut random = || 0;
        let mut values = Values { variables: &variables, ..Values::nobodys(&mut random) };
        let (mut room, mut out) = (String::from("old"), Vec::new());
        Body::Parts(parts.clone()).render(&mut values, &mut room, &mut out).map(|()| out)
    }

    #[test]
    fn parts_have_heads_and_a_boundary_between_them() {
        let picture = Part {
            filename: Some("a \"b\"\r\nx: y.png".to_owned()),
            content_type: Some("image/png".to_owned()),
            ..part("picture", file(b"\x89PNG\r\n\xff\0"))
        };
        let parts =
            Parts::new(vec![part("title", text(vec![Piece::Variable(VariableId(0))])), picture]);
        let boundary = "loadgate-7d1f4c0e9a3b5826-0";
        assert_eq!(parts.content_type(), format!("multipart/form-data; boundary={boundary}"));
        let expected = [
            format!("--{boundary}\r\ncontent-disposition: form-data; name=\"title\"\r\n\r\nHi\r\n")
                .as_bytes(),
            format!(
                "--{boundary}\r\ncontent-disposition: form-data; name=\"picture\"; \
                 filename=\"a %22b%22%0D%0Ax: y.png\"\r\ncontent-type: image/png\r\n\r\n"
            )
            .as_bytes(),
            b"\x89PNG\r\n\xff\0",
            format!("\r\n--{boundary}--\r\n").as_bytes(),
        ]
        .concat();
        assert_eq!(rendered(&parts, "Hi"), Ok(expected));
    }

    #[test]
    fn no_content_has_the_boundary_in_it() {
        let first = "loadgate-7d1f4c0e9a3b5826-0";
        let inside = file(format!("x\r\n--{first}\r\n").as_bytes());
        let parts =
            Parts::new(vec![part("a", inside), part(&first.replace("-0", "-1"), file(b""))]);
        assert!(parts.content_type().ends_with("-2"), "{}", parts.content_type());
        let parts = Parts::new(vec![part("a", text(vec![Piece::Variable(VariableId(0))]))]);
        assert_eq!(rendered(&parts, &format!("\r\n--{first}--\r\n")), Err(BoundaryInside));
        assert!(rendered(&parts, "\r\n--loadgate--\r\n").is_ok());
    }

    #[test]
    fn what_is_always_the_same_is_known_to_be() {
        let fixed =
            Body::Parts(Parts::new(vec![part("a", text(vec![Piece::Literal("b".into())]))]));
        assert!(fixed.is_fixed());
        let filled = Body::Parts(Parts::new(vec![part("a", text(vec![Piece::Uuid]))]));
        assert!(!filled.is_fixed() && filled.templates().count() == 1);
    }
}
