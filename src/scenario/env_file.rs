//! A file of environment variables (`.env`): text in, names and values out, or every
//! mistake with line and column.
//!
//! Only what all readers of such files agree about is read; the rest is a mistake with
//! advice. No message quotes a value, or a line that may be part of one.

use super::document::positions;
use super::problems::{Fault, Problem};

/// The variables of a file, and what is wrong in it.
#[derive(Debug, Default)]
pub struct EnvFile {
    /// Name and value, as they stand there; of a name that stands twice the last counts.
    pub values: Vec<(String, String)>,
    /// In order of position.
    pub problems: Vec<Problem>,
}

impl EnvFile {
    /// Reads the text of a file.
    pub fn parse(file: &str, text: &str) -> EnvFile {
        let start = text.len() - text.trim_start_matches('\u{feff}').len();
        let mut reader = Reader { text, at: start, values: Vec::new(), faults: Vec::new() };
        while reader.at < text.len() {
            if let Err(fault) = reader.line() {
                reader.faults.push(fault);
                reader.at = reader.end_of_line();
            }
            reader.at += 1;
        }
        let offsets: Vec<usize> = reader.faults.iter().map(|fault| fault.offset).collect();
        let indexes = positions(text, &offsets).into_iter();
        let faults = reader.faults.into_iter();
        let problems = faults.zip(indexes).map(|(fault, at)| fault.problem(file, at)).collect();
        EnvFile { values: reader.values, problems }
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.values.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    values: Vec<(String, String)>,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    fn end_of_line(&self) -> usize {
        self.text[self.at..].find('\n').map_or(self.text.len(), |length| self.at + length)
    }

    /// Reads a line, or as many as a quoted value has, up to the last one's end.
    fn line(&mut self) -> Result<(), Fault> {
        let end = self.end_of_line();
        let line = &self.text[self.at..end];
        let begin = self.at + (line.len() - line.trim_start().len());
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            self.at = end;
            return Ok(());
        }
        let Some((name, rest)) = line.split_once('=') else {
            let fault = Fault::new("expected NAME=value").offset(begin);
            return Err(fault.help("a value of several lines stands in quotes"));
        };
        let name = name.trim_end();
        let name = name.strip_prefix("export ").map_or(name, str::trim_start);
        if !is_name(name) {
            let fault = Fault::new("no name of a variable stands before the =").offset(begin);
            return Err(fault.help(
                "a name has letters, digits and _; a value of several lines stands in quotes",
            ));
        }
        let blanks = rest.len() - rest.trim_start().len();
        self.at = begin + (line.len() - rest.len()) + blanks;
        let value = match self.text[self.at..].chars().next() {
            Some(quote @ ('"' | '\'' | '`')) if !rest.trim().is_empty() => self.quoted(quote)?,
            _ => self.bare(rest.trim_start())?,
        };
        self.values.push((name.to_owned(), value));
        Ok(())
    }

    fn bare(&mut self, rest: &str) -> Result<String, Fault> {
        let start = self.at;
        let Some(sign) = rest.find('#') else {
            self.at = self.end_of_line();
            return Ok(rest.to_owned());
        };
        if sign > 0 && !rest[..sign].ends_with([' ', '\t']) {
            let fault = Fault::new("some readers end the value at this #, and others do not");
            return Err(fault.help("put the value in single quotes").offset(start + sign));
        }
        self.at = self.end_of_line();
        Ok(rest[..sign].trim_end().to_owned())
    }

    fn quoted(&mut self, quote: char) -> Result<String, Fault> {
        let start = self.at + 1;
        let Some(length) = self.text[start..].find(quote) else {
            let fault = Fault::new(format!("{quote} without a second one that ends the value"));
            return Err(fault.help("close the quotes").offset(self.at));
        };
        let text = self.text[start..start + length].replace("\r\n", "\n");
        let value = if quote == '"' { unescaped(&text, start)? } else { text };
        self.at = start + length + 1;
        let end = self.end_of_line();
        let rest = self.text[self.at..end].trim();
        if !rest.is_empty() && !rest.starts_with('#') {
            let fault = Fault::new("something stands behind the quotes").offset(self.at);
            return Err(fault.help("a value with quotes in it stands in quotes of another kind"));
        }
        self.at = end;
        Ok(value)
    }
}

/// Double quotes make line breaks of `\n` and `\r`.
fn unescaped(text: &str, start: usize) -> Result<String, Fault> {
    let mut value = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        value.push_str(&rest[..at]);
        let offset = start + (text.len() - rest.len()) + at;
        value.push(match rest[at + 1..].chars().next() {
            Some('n') => '\n',
            Some('r') => '\r',
            _ => {
                let fault = Fault::new("readers do not agree about this backslash");
                let help = "put the value in single quotes; in double quotes only \\n and \\r \
                            have a meaning";
                return Err(fault.help(help).offset(offset));
            }
        });
        rest = &rest[at + 2..];
    }
    value.push_str(rest);
    Ok(value)
}

fn is_name(name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(is_part)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn reads(text: &str, name: &str, value: &str) {
        let file = EnvFile::parse(".env", text);
        assert_eq!(file.problems, [], "{text}");
        assert_eq!(file.get(name), Some(value), "{text}");
    }

    #[test]
    fn names_and_values_are_read() {
        reads("A=b", "A", "b");
        reads("\u{feff}# x\r\n\r\nA=b\r\nC = d e # f\r\n", "C", "d e");
        reads("export A='b # c'  # d\nE=f", "A", "b # c");
        reads("A='b\nc'\nD=e", "D", "e");
        reads("A='b\r\nc'\nD=e", "A", "b\nc");
        reads("A=\"b\\nc\"", "A", "b\nc");
        reads("A=`b\"'`", "A", "b\"'");
        reads("A=\nB=c", "A", "");
        reads("A= # b\nB=c", "A", "");
        reads("A=\"\"", "A", "");
        reads("A=b=c==", "A", "b=c==");
        reads("A=b'c", "A", "b'c");
        reads("A=$B${C}\\n", "A", "$B${C}\\n");
        reads("A=1\nA=2", "A", "2");
        reads("  a.b-c=ä", "a.b-c", "ä");
    }

    /// `¦` marks the place; the value must not be told.
    #[track_caller]
    fn refused(text: &str, message: &str) {
        let offset = text.find('¦').unwrap();
        let text = text.replace('¦', "");
        let file = EnvFile::parse(".env", &text);
        let index = positions(&text, &[offset])[0];
        let found: Vec<_> = file.problems.iter().map(|it| (it.line, it.column)).collect();
        assert_eq!(found, [index], "{text}: {:?}", file.problems);
        let said = file.problems[0].to_string();
        assert!(said.contains(message), "{said}");
        assert!(file.problems[0].help.is_some() && !said.contains("s3cr3t"), "{said}");
        assert_eq!(file.get("LAST"), Some("x"), "{text}: what follows is read");
    }

    #[test]
    fn what_readers_disagree_about_is_refused() {
        refused("A=1\n¦A: s3cr3t\nLAST=x", "expected NAME=value");
        refused("¦s3cr3t/==\nLAST=x", "no name");
        refused("KEY=-----BEGIN\n¦s3cr3t/x\nLAST=x", "expected NAME=value");
        refused("¦1A=s3cr3t\nLAST=x", "no name");
        refused("A=s3cr3t¦#b\nLAST=x", "this #");
        refused("A=¦\"s3cr3t\nLAST=x", "without a second one");
        refused("A=\"s3cr3t\"¦b\nLAST=x", "behind the quotes");
        refused("A=\"s3cr3t¦\\d\"\nLAST=x", "backslash");
        refused("A=\"s3cr3t¦\\\"b\"\nLAST=x", "backslash");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[A-Z=#'\"`\\\\\n\r äexport-]{0,40}") {
            let file = EnvFile::parse(".env", &text);
            prop_assert!(file.values.len() <= text.lines().count());
        }

        #[test]
        fn what_stands_in_single_quotes_is_the_value(value in "[^'\r]{0,20}") {
            let file = EnvFile::parse(".env", &format!("A='{value}'\nB=c"));
            prop_assert_eq!(&file.problems, &[]);
            prop_assert_eq!(file.get("A"), Some(value.as_str()));
            prop_assert_eq!(file.get("B"), Some("c"));
        }
    }
}
