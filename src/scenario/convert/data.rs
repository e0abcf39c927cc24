//! Sources of data: files are read here, and what is wrong with them told at the name of the file.

use std::path::{Path, PathBuf};

use super::super::check::Check;
use super::super::data::delimited::Form;
use super::super::data::file::{Format, read};
use super::super::data::order::{AtEnd, Order};
use super::super::data::table::Table;
use super::super::data::wrong::{Wrong, columns_fault};
use super::super::data::zipf::Zipf;
use super::super::data::{Data, Per, Source};
use super::super::document::Pointer;
use super::super::entries::Entries;
use super::super::load::{Load, Stage};
use super::super::model::Flow;
use super::super::origin::{DataFiles, Origin};
use super::super::problems::Fault;
use super::super::raw_data::{RawAtEnd, RawFormat, RawOrder, RawPer, RawSource};

/// Sources of a scenario.
pub(crate) const MOST_SOURCES: usize = 32;

/// Reads all files.
pub(super) fn data(raw: &Entries<RawSource>, origin: &Origin, check: &mut Check<'_>) -> Data {
    let at = Pointer::default().key("data");
    if raw.0.len() > MOST_SOURCES {
        let fault = format!("{} sources, at most {MOST_SOURCES} are possible", raw.0.len());
        check.value(&at, Fault::new(fault));
        return Data::default();
    }
    let mut data = Data::default();
    for (name, raw) in &raw.0 {
        let at = at.key(name);
        if let Some(fault) = name_fault(name) {
            check.key(&at, fault);
        }
        let found = source(name, raw, origin, &at, check);
        // What is named by index stays in its place, and a source that is not there has no column.
        data.sources.push(found.unwrap_or_else(|| unread(name)));
    }
    data
}

/// Stands for a source with a mistake.
fn unread(name: &str) -> Source {
    let (table, order) = (Table::default(), Order::Sequential);
    Source { name: name.to_owned(), file: PathBuf::new(), table, order, per: Per::Iteration }
}

fn name_fault(name: &str) -> Option<Fault> {
    let valid = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    (!starts || !name.chars().all(valid)).then(|| {
        let fault = Fault::new(format!("\"{name}\" is not the name of a source"));
        fault.help(
            "letters, digits, _ and - only, with a letter first; a dot stands before the column",
        )
    })
}

fn source(
    name: &str,
    raw: &RawSource,
    origin: &Origin,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<Source> {
    means_something(raw, at, check);
    let path = origin.folder.join(check.fill(&raw.file));
    let format = format(raw, &path, at, check)?;
    let separator = separator(raw, format, &path, at, check)?;
    if let Some(fault) = raw.columns.as_deref().and_then(|names| columns_fault(names).err()) {
        check.value(&at.key("columns"), Fault::new(format!("the file {}", fault.told())));
        return None;
    }
    if origin.data == DataFiles::Unread {
        check.value(&at.key("file"), Fault::new("no files of data are read here"));
        return None;
    }
    let form = Form { separator, columns: raw.columns.as_deref() };
    let table = match origin
        .data
        .place(&path)
        .map_err(Wrong::whole)
        .and_then(|place| read(place, format, form))
    {
        Ok(table) => table,
        Err(wrong) => {
            let fault = Fault::new(format!("the data file {} {}", path.display(), wrong.told()));
            check.value(&at.key("file"), fault);
            return None;
        }
    };
    let order = order(raw, table.rows());
    let per = match raw.per {
        RawPer::Iteration => Per::Iteration,
        RawPer::User => Per::User,
    };
    Some(Source { name: name.to_owned(), file: path, table, order, per })
}

/// Keys that have a meaning beside others only.
fn means_something(raw: &RawSource, at: &Pointer, check: &mut Check<'_>) {
    if raw.exponent.is_some() && raw.order != RawOrder::Zipf {
        let fault = Fault::new("\"exponent\" means nothing without \"order\": \"zipf\"");
        check.key(&at.key("exponent"), fault.help("add \"order\": \"zipf\", or remove it"));
    }
    if raw.at_end.is_some() && raw.order != RawOrder::Unique {
        let fault = Fault::new("\"at_end\" means nothing without \"order\": \"unique\"");
        check.key(&at.key("at_end"), fault.help("add \"order\": \"unique\", or remove it"));
    }
}

fn order(raw: &RawSource, rows: u64) -> Order {
    match raw.order {
        RawOrder::Sequential => Order::Sequential,
        RawOrder::Shuffled => Order::Shuffled,
        RawOrder::Random => Order::Random,
        RawOrder::Zipf => Order::Zipf(Zipf::new(rows, raw.exponent.unwrap_or(1.0))),
        RawOrder::Unique => Order::Unique(match raw.at_end {
            Some(RawAtEnd::Stop) => AtEnd::Stop,
            Some(RawAtEnd::Wrap) => AtEnd::Wrap,
            Some(RawAtEnd::Fail) | None => AtEnd::Fail,
        }),
    }
}

fn format(raw: &RawSource, path: &Path, at: &Pointer, check: &mut Check<'_>) -> Option<Format> {
    let found = match raw.format {
        Some(RawFormat::Csv) => Some(Format::Csv),
        Some(RawFormat::Json) => Some(Format::Json),
        Some(RawFormat::Ndjson) => Some(Format::Ndjson),
        None => Format::of(path),
    };
    if found.is_none() {
        let fault = Fault::new(format!("the end of \"{}\" does not say what it is", raw.file));
        let help = "add \"format\": \"csv\", \"json\" or \"ndjson\"";
        check.value(&at.key("file"), fault.help(help));
    }
    let only_csv = [("separator", raw.separator.is_some()), ("columns", raw.columns.is_some())];
    if found.is_some_and(|found| found != Format::Csv) {
        for (key, _) in only_csv.iter().filter(|(_, given)| *given) {
            let fault = Fault::new(format!("\"{key}\" is for CSV files only"));
            check.key(&at.key(key), fault.help("objects have the names of their columns"));
        }
    }
    found
}

fn separator(
    raw: &RawSource,
    format: Format,
    path: &Path,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<u8> {
    let is_tabs = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("tsv"));
    let usual = if is_tabs && format == Format::Csv { b'\t' } else { b',' };
    let Some(text) = &raw.separator else { return Some(usual) };
    match text.as_bytes() {
        [b'"' | b'\r' | b'\n'] => {}
        [byte] => return Some(*byte),
        _ => {}
    }
    let fault = Fault::new(format!("{text:?} cannot stand between values"));
    check.value(&at.key("separator"), fault.help("write one character, such as \";\" or \"\\t\""));
    None
}

/// Whether unique rows surely end before the load does, though they must not.
pub(super) fn lasts(data: &Data, load: &Load, flows: &[Flow], check: &mut Check<'_>) {
    let at = Pointer::default().key("data");
    for (index, source) in data.sources.iter().enumerate() {
        let rows = source.table.rows();
        let uses = |flow: &Flow| flow.sources.iter().any(|id| id.index() == index);
        let is_fatal = source.at_end() == Some(AtEnd::Fail) && flows.iter().all(uses);
        let needed = match source.per {
            Per::User => f64::from(load.most_users()),
            Per::Iteration => surely(load),
        };
        if rows > 0 && is_fatal && needed > rows as f64 {
            let (what, needed) = match source.per {
                Per::User => ("users", needed),
                Per::Iteration => ("iterations", needed.ceil()),
            };
            let fault = format!("{rows} unique rows for at least {needed} {what} of the load");
            let help = "add rows, or say what comes then: \"at_end\": \"wrap\" or \"stop\"";
            check.value(&at.key(&source.name).key("file"), Fault::new(fault).help(help));
        }
    }
}

/// So many iterations come surely: six standard deviations below what is expected.
fn surely(load: &Load) -> f64 {
    let expected: f64 = load.stages.iter().map(Stage::area).sum();
    expected - 6.0 * expected.sqrt()
}
