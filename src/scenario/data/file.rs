//! A file of rows: opened, bounded, and read by what its name says that it is.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use super::delimited::{self, Form};
use super::objects;
use super::table::Table;
use super::wrong::Wrong;

/// Bytes of a file.
pub(crate) const LARGEST: u64 = 1 << 30;
const BUFFER: usize = 256 * 1024;

/// How rows are written in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Values between separators.
    Csv,
    /// A list of objects.
    Json,
    /// An object on each line.
    Ndjson,
}

impl Format {
    /// By the end of a file's name.
    pub(crate) fn of(path: &Path) -> Option<Format> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" | "tsv" | "txt" => Some(Format::Csv),
            "json" => Some(Format::Json),
            "ndjson" | "jsonl" => Some(Format::Ndjson),
            _ => None,
        }
    }
}

/// Reads a file that is there whole: a pipe would be waited for without an end.
pub(crate) fn read(path: &Path, format: Format, form: Form<'_>) -> Result<Table, Wrong> {
    let found = fs::metadata(path)?;
    if found.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory).into());
    }
    if !found.is_file() {
        return Err(Wrong::whole("is no regular file; write what it gives into one"));
    }
    if found.len() > LARGEST {
        return Err(Wrong::whole("is larger than 1 GiB"));
    }
    // A file of another file system may be larger than it says.
    let input = BufReader::with_capacity(BUFFER, File::open(path)?.take(LARGEST + 1));
    read_from(input, format, form)
}

/// Reads rows.
pub(crate) fn read_from(
    mut input: impl BufRead,
    format: Format,
    form: Form<'_>,
) -> Result<Table, Wrong> {
    match input.fill_buf()? {
        [0xef, 0xbb, 0xbf, ..] => input.consume(3),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            return Err(Wrong::whole("is UTF-16; save it as UTF-8"));
        }
        [0x1f, 0x8b, ..] => return Err(Wrong::whole("is compressed; unpack it")),
        _ => {}
    }
    let mut table = match format {
        Format::Csv => delimited::read(input, form)?,
        Format::Json => objects::read_list(input)?,
        Format::Ndjson => objects::read_lines(input)?,
    };
    if table.rows() == 0 {
        return Err(Wrong::whole("has no rows: there is nothing behind the names of its columns"));
    }
    table.shrink();
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: Form<'static> = Form { separator: b',', columns: None };

    #[test]
    fn what_is_no_file_of_rows_is_told_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for (path, told) in [
            (pipe.as_path(), "no regular file"),
            (folder.path(), "is a folder"),
            (&folder.path().join("none"), "does not exist"),
        ] {
            let found = read(path, Format::Csv, FORM).unwrap_err().told();
            assert!(found.contains(told), "{found}");
        }
        let large = folder.path().join("large.csv");
        File::create(&large).unwrap().set_len(LARGEST + 1).unwrap();
        let found = read(&large, Format::Csv, FORM).unwrap_err().told();
        assert!(found.contains("larger than 1 GiB"), "{found}");
    }

    #[test]
    fn marks_and_other_encodings_are_known_by_their_first_bytes() {
        let table = read_from(&b"\xef\xbb\xbfa\n1\n"[..], Format::Csv, FORM).unwrap();
        assert_eq!(table.columns(), ["a"]);
        for (bytes, told) in [
            (&b"\xff\xfea\0\n\0"[..], "UTF-16"),
            (b"\x1f\x8b\x08\0", "compressed"),
            (b"a,b\n", "no rows"),
            (b"\xef\xbb\xbf", "is empty"),
        ] {
            let found = read_from(bytes, Format::Csv, FORM).unwrap_err().told();
            assert!(found.contains(told), "{found}");
        }
    }

    #[test]
    fn the_end_of_its_name_says_what_it_is() {
        for (name, format) in [
            ("a.csv", Some(Format::Csv)),
            ("a.TSV", Some(Format::Csv)),
            ("a.json", Some(Format::Json)),
            ("a.jsonl", Some(Format::Ndjson)),
            ("a.parquet", None),
            ("csv", None),
        ] {
            assert_eq!(Format::of(Path::new(name)), format, "{name}");
        }
    }
}
