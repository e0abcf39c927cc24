//! CSV: bytes in, a table out, or what is wrong in which row.
//!
//! RFC 4180 with any separator: quotes around values, doubled within them, lines that end with
//! LF or CRLF. Lines without anything are passed over.

use std::io::{self, BufRead, Read};

use csv::{ByteRecord, ReaderBuilder};

use super::table::{Cell, Table};
use super::wrong::{MOST_CELL, MOST_COLUMNS, Wrong, columns_fault};

/// How a file is to be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form<'f> {
    /// What stands between two values.
    pub(crate) separator: u8,
    /// The names of the columns, where its first line does not have them.
    pub(crate) columns: Option<&'f [String]>,
}

/// Reads a table.
pub(crate) fn read(input: impl BufRead, form: Form<'_>) -> Result<Table, Wrong> {
    let mut input = Quotes { input, count: 0 };
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(form.separator)
        .from_reader(&mut input);
    let mut record = ByteRecord::new();
    let mut table = match form.columns {
        Some(columns) => Table::with(columns.to_vec()),
        None => Table::with(header(&mut reader, &mut record)?),
    };
    columns_fault(table.columns())?;
    let (mut row, mut ends_in_lines) = (0, false);
    while reader.read_byte_record(&mut record)? {
        row += 1;
        let line = record.position().map_or(0, csv::Position::line);
        let wrong = |what: String| Wrong::in_row(row, Some(line), what);
        add(&mut table, &record, &wrong)?;
        ends_in_lines = record.iter().any(|cell| cell.contains(&b'\n'));
    }
    drop(reader);
    // The rest of the file is in its last value then.
    if ends_in_lines && input.count % 2 == 1 {
        let what = "a quotation mark that opens a value and does not close it".to_owned();
        return Err(Wrong::in_row(row, None, what));
    }
    Ok(table)
}

fn header<R: Read>(
    reader: &mut csv::Reader<R>,
    record: &mut ByteRecord,
) -> Result<Vec<String>, Wrong> {
    if !reader.read_byte_record(record)? {
        return Err(Wrong::whole("is empty: not even the names of its columns are there"));
    }
    if record.len() > MOST_COLUMNS {
        return Err(Wrong::whole(format!("has {} columns, at most {MOST_COLUMNS}", record.len())));
    }
    let name = |cell: &[u8]| std::str::from_utf8(cell).map(|name| name.trim().to_owned());
    let names: Result<Vec<String>, _> = record.iter().map(name).collect();
    names.map_err(|_| Wrong::whole("has names of columns that are not UTF-8; save it as UTF-8"))
}

fn add(
    table: &mut Table,
    record: &ByteRecord,
    wrong: &dyn Fn(String) -> Wrong,
) -> Result<(), Wrong> {
    let (found, columns) = (record.len(), table.columns().len());
    if found != columns {
        let values = if found == 1 { "1 value".to_owned() } else { format!("{found} values") };
        return Err(wrong(format!("{values}, and there are {columns} columns")));
    }
    for (index, cell) in record.iter().enumerate() {
        let column = || &table.columns()[index];
        if cell.len() > MOST_CELL {
            return Err(wrong(format!(
                "the value of \"{}\" is longer than 64 KiB; is a quotation mark missing?",
                column()
            )));
        }
        let Ok(text) = std::str::from_utf8(cell) else {
            return Err(wrong(format!(
                "the value of \"{}\" is not UTF-8; save the file as UTF-8",
                column()
            )));
        };
        table.push(Cell::Text(text))?;
    }
    Ok(())
}

/// Counts quotation marks on their way.
struct Quotes<R> {
    input: R,
    count: u64,
}

impl<R: Read> Read for Quotes<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(buffer)?;
        let is_quote = |byte: &u8| u64::from(*byte == b'"');
        self.count += buffer[..length].iter().map(is_quote).sum::<u64>();
        Ok(length)
    }
}

impl From<csv::Error> for Wrong {
    fn from(error: csv::Error) -> Wrong {
        match error.into_kind() {
            csv::ErrorKind::Io(error) => Wrong::Io(error),
            other => Wrong::whole(format!("is no CSV: {other:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_with(text: &[u8], form: Form<'_>) -> Result<Vec<Vec<String>>, String> {
        let table = read(text, form).map_err(|wrong| wrong.told())?;
        let cell = |row, column| match table.cell(row, column) {
            Some(Cell::Text(text)) => text.to_owned(),
            other => panic!("{other:?}"),
        };
        let columns = 0..table.columns().len() as u16;
        let of = |row| columns.clone().map(|column| cell(row, column)).collect();
        let mut all = vec![table.columns().to_vec()];
        all.extend((0..table.rows()).map(of));
        Ok(all)
    }

    const COMMAS: Form<'static> = Form { separator: b',', columns: None };

    #[track_caller]
    fn check(text: &str, expected: &[&[&str]]) {
        let found = read_with(text.as_bytes(), COMMAS).unwrap();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn quotes_line_ends_and_blank_lines_are_as_everywhere() {
        check("a,b\n1,2\n", &[&["a", "b"], &["1", "2"]]);
        check("a,b\r\n1,2\r\n3,4", &[&["a", "b"], &["1", "2"], &["3", "4"]]);
        check("a, b\n\"x,\"\"y\"\"\r\n\",\"\"\n\n", &[&["a", "b"], &["x,\"y\"\r\n", ""]]);
        check("a\n5\" pipe\n", &[&["a"], &["5\" pipe"]]);
        check("a,b\n\n,\n", &[&["a", "b"], &["", ""]]);
    }

    #[test]
    fn another_separator_and_names_of_ones_own() {
        let names = ["a".to_owned(), "b".to_owned()];
        let form = Form { separator: b';', columns: Some(&names) };
        let found = read_with(b"1,0;2\n", form).unwrap();
        assert_eq!(found, [["a", "b"], ["1,0", "2"]]);
    }

    #[test]
    fn what_is_wrong_has_its_row() {
        let long = format!("a,b\n1,\"{}\n", "x".repeat(70_000));
        for (text, told) in [
            (&b""[..], "is empty"),
            (b"a,b\n1,2\n3\n", "row 2 (line 3): 1 value, and there are 2 columns"),
            (b"a,b\n1,2,3\n", "row 1 (line 2): 3 values, and there are 2 columns"),
            (b"a,b\n1,\xe9\n", "row 1 (line 2): the value of \"b\" is not UTF-8"),
            (b"\xe9,b\n", "not UTF-8"),
            (b"a,b,a\n1,2,3\n", "two columns named \"a\""),
            (b"a,,c\n1,2,3\n", "column 2 has no name"),
            (b"a,b\n1,2\n3,\"4\n5,6\n", "row 2: a quotation mark"),
            (long.as_bytes(), "row 1 (line 2): the value of \"b\" is longer than 64 KiB"),
        ] {
            let found = read_with(text, COMMAS).unwrap_err();
            assert!(found.contains(told), "{found}");
        }
    }
}
