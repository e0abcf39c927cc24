//! Rows that are JSON objects: one on each line (NDJSON), or a list of them. Bytes in, a table out,
//! or what is wrong in which row.
//!
//! The first object says which columns there are. Others must have them too; what they have besides
//! is left out. Texts lose their quotes, everything else stays as it is written.

use std::cell::RefCell;
use std::fmt;
use std::io::{BufRead, Read};

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::table::{Cell, Table};
use super::wrong::{MOST_CELL, MOST_COLUMNS, Wrong, columns_fault};

/// Bytes of a line.
const LONGEST_LINE: u64 = 16 * 1024 * 1024;

/// Reads a line for each row; blank ones are passed over.
pub(crate) fn read_lines(mut input: impl BufRead) -> Result<Table, Wrong> {
    let rows = Rows::default();
    let (mut line, mut number) = (Vec::new(), 0);
    loop {
        line.clear();
        let length = input.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        if length == 0 {
            return rows.finish();
        }
        number += 1;
        let row = rows.count() + 1;
        let wrong = |what: String| Wrong::in_row(row, Some(number), what);
        if length as u64 == LONGEST_LINE {
            return Err(wrong("the line is longer than 16 MiB".to_owned()));
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let text = std::str::from_utf8(&line)
            .map_err(|_| wrong("is not UTF-8; save the file as UTF-8".to_owned()))?;
        let mut json = serde_json::Deserializer::from_str(text);
        let read = Object(&rows).deserialize(&mut json).and_then(|()| json.end());
        read.map_err(|error| rows.take_fault().unwrap_or_else(|| wrong(plain(&error))))?;
    }
}

/// Reads a list of objects.
pub(crate) fn read_list(input: impl BufRead) -> Result<Table, Wrong> {
    let rows = Rows::default();
    let mut json = serde_json::Deserializer::from_reader(input);
    let read = List(&rows).deserialize(&mut json).and_then(|()| json.end());
    match read {
        Ok(()) => rows.finish(),
        Err(error) if error.is_io() => Err(Wrong::Io(error.into())),
        Err(error) => Err(rows.take_fault().unwrap_or_else(|| {
            let (row, line) = (rows.count() + 1, error.line() as u64);
            Wrong::in_row(row, Some(line), plain(&error))
        })),
    }
}

/// Without a place: that of one line among many is always the first.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    format!("no object in JSON: {text}")
}

/// The rows so far.
#[derive(Default)]
struct Rows {
    inner: RefCell<Inner>,
}

#[derive(Default)]
struct Inner {
    table: Table,
    /// The cells of the row that is being read, by column.
    cells: Vec<Option<Box<RawValue>>>,
    count: u64,
    /// Why nothing more is read.
    fault: Option<Wrong>,
}

impl Rows {
    fn count(&self) -> u64 {
        self.inner.borrow().count
    }

    fn take_fault(&self) -> Option<Wrong> {
        self.inner.borrow_mut().fault.take()
    }

    fn finish(self) -> Result<Table, Wrong> {
        let inner = self.inner.into_inner();
        if inner.count == 0 {
            return Err(Wrong::whole("has no rows: there is no object in it"));
        }
        Ok(inner.table)
    }
}

impl Inner {
    /// Takes a value of the row; `expected` is the column that comes next if all rows are alike.
    fn take(&mut self, name: &str, value: Box<RawValue>, expected: usize) -> Result<(), String> {
        let columns = self.table.columns();
        if self.count == 0 {
            if self.cells.len() == MOST_COLUMNS {
                return Err(format!("more than {MOST_COLUMNS} columns"));
            }
            let mut columns = columns.to_vec();
            columns.push(name.to_owned());
            self.table = Table::with(columns);
            self.cells.push(Some(value));
            return Ok(());
        }
        let is_next = columns.get(expected).is_some_and(|column| column == name);
        let known = || columns.iter().position(|column| column == name);
        let Some(place) = is_next.then_some(expected).or_else(known) else { return Ok(()) };
        if self.cells[place].replace(value).is_some() {
            return Err(format!("\"{name}\" stands twice"));
        }
        Ok(())
    }

    /// The row is whole.
    fn add(&mut self) -> Result<(), Wrong> {
        let row = self.count + 1;
        let wrong = |what: String| Wrong::in_row(row, None, what);
        if self.count == 0 {
            columns_fault(self.table.columns())?;
        }
        for place in 0..self.cells.len() {
            let name = || self.table.columns()[place].clone();
            let Some(value) = self.cells[place].take() else {
                return Err(wrong(format!("\"{}\" is missing", name())));
            };
            let text = value.get();
            if text.len() > MOST_CELL {
                return Err(wrong(format!("the value of \"{}\" is longer than 64 KiB", name())));
            }
            if text.starts_with('"') {
                let text: String = serde_json::from_str(text)
                    .map_err(|error| wrong(format!("the value of \"{}\": {error}", name())))?;
                self.table.push(Cell::Text(&text))?;
            } else {
                self.table.push(Cell::Json(text))?;
            }
        }
        self.count += 1;
        Ok(())
    }
}

struct List<'r>(&'r Rows);

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Object(self.0))?.is_some() {}
        Ok(())
    }
}

struct Object<'r>(&'r Rows);

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut expected = 0;
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value::<Box<RawValue>>()?;
            let mut inner = self.0.inner.borrow_mut();
            inner.take(&name, value, expected).map_err(A::Error::custom)?;
            expected += 1;
        }
        let mut inner = self.0.inner.borrow_mut();
        inner.add().map_err(|wrong| {
            inner.fault = Some(wrong);
            A::Error::custom("a row")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of a table, JSON in angle brackets.
    fn shown(table: &Table) -> Vec<String> {
        let cell = |row, column| match table.cell(row, column) {
            Some(Cell::Text(text)) => text.to_owned(),
            Some(Cell::Json(text)) => format!("<{text}>"),
            None => panic!("no such cell"),
        };
        let columns = 0..table.columns().len() as u16;
        let of = |row| columns.clone().map(|column| cell(row, column)).collect::<Vec<_>>();
        let mut all = vec![table.columns().join("|")];
        all.extend((0..table.rows()).map(|row| of(row).join("|")));
        all
    }

    #[test]
    fn rows_are_objects_with_the_columns_of_the_first() {
        let rows = ["{\"a\": \"x\\n\", \"b\": 10.00}", "{\"b\": [1, 2], \"c\": 0, \"a\": \"é\"}"];
        let expected = ["a|b", "x\n|<10.00>", "é|<[1, 2]>"];
        let lines = format!("{}\r\n\n{}", rows[0], rows[1]);
        assert_eq!(shown(&read_lines(lines.as_bytes()).unwrap()), expected);
        let list = format!("[{},\n {}]\n", rows[0], rows[1]);
        assert_eq!(shown(&read_list(list.as_bytes()).unwrap()), expected);
    }

    #[test]
    fn what_is_wrong_has_its_row() {
        for (text, told) in [
            (&b""[..], "no rows"),
            (b"\n \n", "no rows"),
            (b"{\"a\":1}\n\n{\"b\":1}\n", "row 2: \"a\" is missing"),
            (
                b"{\"a\":1}\n{\"a\":1,\"a\":2}\n",
                "row 2 (line 2): no object in JSON: \"a\" stands twice",
            ),
            (b"{\"a\":1,\"a\":2}\n", "two columns named \"a\""),
            (b"{}\n", "no columns"),
            (b"{\"a\":1}\n\n[1]\n", "row 2 (line 3): no object in JSON: invalid type"),
            (b"{\"a\":1}\n{\"a\":\n", "row 2 (line 2): no object in JSON: EOF"),
            (b"{\"a\":1} 2\n", "row 1 (line 1): no object in JSON: trailing"),
            (b"{\"a\":\"\xe9\"}\n", "row 1 (line 1): is not UTF-8"),
            (b"{\"a\":\"\\ud800\"}\n", "row 1: the value of \"a\""),
        ] {
            let found = read_lines(text).unwrap_err().told();
            assert!(found.contains(told), "{}: {found}", text.escape_ascii());
        }
        for (text, told) in [
            (&b""[..], "EOF"),
            (b"[]", "no rows"),
            (b"{\"a\":1}", "a list of objects"),
            (b"[{\"a\":1},\n{\"b\":1}]", "row 2: \"a\" is missing"),
            (b"[{\"a\":1},\n2]", "row 2 (line 2): no object in JSON: invalid type"),
            (b"[{\"a\":1}] x", "trailing"),
            (b"[{\"a\":\"\xe9\"}]", "row 1"),
        ] {
            let found = read_list(text).unwrap_err().told();
            assert!(found.contains(told), "{}: {found}", text.escape_ascii());
        }
        let deep = format!("{{\"a\":{}", "[".repeat(200_000));
        assert!(read_lines(deep.as_bytes()).is_err());
        assert!(read_list(format!("[{deep}").as_bytes()).is_err());
    }
}
