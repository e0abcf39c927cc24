//! Texts that become part of Markdown without becoming markup.

/// A plain line with a backslash before all that Markdown or GitHub gives a meaning to.
/// Colons and the dot of `www.` would make links; `$` formulas; `@` mentions.
pub(super) fn escaped(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    for (index, c) in line.char_indices() {
        let at_start = index == 0 && matches!(c, '-' | '+' | '=');
        let in_web_name = c == '.' && out.to_ascii_lowercase().ends_with("www");
        let in_number = matches!(c, '.' | ')')
            && index > 0
            && matches!(line.as_bytes().get(index + 1), None | Some(b' '))
            && line[..index].chars().all(|digit| digit.is_ascii_digit());
        let in_address = c == ':' && line[index..].starts_with("://");
        let everywhere = matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~')
            || matches!(c, '#' | '&' | '@' | '!' | '$' | '{' | '}');
        if everywhere || at_start || in_web_name || in_number || in_address {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_neither_markup_nor_links() {
        let cases = [
            ("a|b", "a\\|b"),
            ("`x` *y* _z_", "\\`x\\` \\*y\\* \\_z\\_"),
            ("<script>", "\\<script\\>"),
            ("https://evil.example www.evil.example", "https\\://evil.example www\\.evil.example"),
            ("- item", "\\- item"),
            ("1. item", "1\\. item"),
            ("@someone #1 $x$", "\\@someone \\#1 \\$x\\$"),
            ("p99 < 500ms", "p99 \\< 500ms"),
        ];
        for (text, expected) in cases {
            assert_eq!(escaped(text), expected);
        }
    }
}
