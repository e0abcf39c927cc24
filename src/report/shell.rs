//! Words of a shell, made of parts: nothing in them has a meaning but what is meant to.

/// Part of a word of the shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ShellPart {
    /// As it is.
    Text(String),
    /// A variable of the shell.
    Variable(String),
    /// What a command prints.
    Command(&'static str),
}

/// A name that a shell takes.
pub(super) fn variable(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = name.chars().map(plain).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

/// A word of the shell.
pub(super) fn word(parts: &[ShellPart]) -> String {
    let mut joined: Vec<ShellPart> = Vec::new();
    for part in parts {
        match (joined.last_mut(), part) {
            (Some(ShellPart::Text(before)), ShellPart::Text(text)) => before.push_str(text),
            _ => joined.push(part.clone()),
        }
    }
    let written = joined.iter().map(|part| match part {
        ShellPart::Text(text) => quoted(text),
        ShellPart::Variable(name) => format!("\"${name}\""),
        ShellPart::Command(command) => format!("\"$({command})\""),
    });
    written.collect()
}

/// In single quotes, between which a shell changes nothing.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
