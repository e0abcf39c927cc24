//! Whether two understood a scenario alike: a digest of all that it came to.
//!
//! That is the checked scenario with what variables and other files gave, and the arrivals that
//! this platform computes. What each may have of its own, such as whom it may load, is left out.
//! Salted with a word of the run, as values from the environment have part in it.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::scenario::data::table::Table;
use crate::scenario::data::{Data, Source};
use crate::scenario::model::Scenario;
use crate::scenario::routing::Permits;
use crate::schedule::several::Stream;

/// So many arrivals are computed: later ones are sums of these and of more of the kind.
const ARRIVALS: usize = 200_000;

/// The digest, in hexadecimal.
pub fn digest(scenario: &Scenario, salt: &str) -> String {
    let mut bare = scenario.clone();
    bare.allow = Permits::default();
    // Rows have too many digits to be written out; they are hashed as they are.
    bare.data = Arc::new(without_rows(&scenario.data));
    let mut hash = Sha256::new();
    hash.update(format!("{salt}\n{bare:?}"));
    for source in &scenario.data.sources {
        rows(&source.table, &mut hash);
    }
    if !scenario.load.is_closed() {
        for arrival in Stream::new(&scenario.load).take(ARRIVALS) {
            hash.update(arrival.at.0.to_le_bytes());
        }
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn without_rows(data: &Data) -> Data {
    let bare = |source: &Source| Source {
        name: source.name.clone(),
        file: source.file.clone(),
        table: Table::with(source.table.columns().to_vec()),
        order: source.order,
        per: source.per,
    };
    Data { sources: data.sources.iter().map(bare).collect() }
}

fn rows(table: &Table, hash: &mut Sha256) {
    hash.update(table.rows().to_le_bytes());
    table.contents().for_each(|piece| hash.update(piece));
    for ends in table.ends().chunks(1_024) {
        let bytes: Vec<u8> = ends.iter().flat_map(|end| end.to_le_bytes()).collect();
        hash.update(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::read::{Caller, DataFiles, Origin, parse};

    const TEXT: &str = r#"{"name": "one", "target": {"url": "http://127.0.0.1:1"},
        "flows": [{"name": "flow", "steps": [{"name": "a", "request": "GET /?k=${KEY}",
            "headers": {"authorization": "Bearer ${TOKEN:-none}"}}]}],
        "slo": {"file": "slo.json"},
        "load": {"seed": 3, "stages": [{"for": "60s", "rate": "50/s"}]}}"#;

    fn of(text: &str, (key, token): (&str, &str), objective: &str, allow: &str) -> String {
        let caller = Caller { allow: vec![allow.to_owned()], ..Caller::default() };
        let origin = Origin { caller, ..Origin::default() };
        let env = |name: &str| match name {
            "KEY" => Some(key.to_owned()),
            "TOKEN" => Some(token.to_owned()),
            _ => None,
        };
        let files = |_: &std::path::Path| Ok(format!(r#"{{"all": ["{objective}"]}}"#));
        digest(&parse(text, &origin, &env, &files).unwrap(), "salt")
    }

    #[test]
    fn each_moment_of_an_arrival_has_part_in_the_digest() {
        let text = TEXT.replace("\"slo\": {\"file\": \"slo.json\"},", "");
        let env = |_: &str| Some("k".to_owned());
        let no_file = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
        let scenario = parse(&text, &Origin::default(), &env, &no_file).unwrap();
        let with_moments = |change: u64| {
            let bare = Scenario { allow: Permits::default(), ..scenario.clone() };
            let mut hash = Sha256::new();
            hash.update(format!("salt\n{bare:?}"));
            for (place, arrival) in Stream::new(&scenario.load).enumerate() {
                let at = arrival.at.0 + if place == 1_000 { change } else { 0 };
                hash.update(at.to_le_bytes());
            }
            hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        assert_eq!(digest(&scenario, "salt"), with_moments(0));
        assert_ne!(digest(&scenario, "salt"), with_moments(1), "a nanosecond of one of them");
    }

    #[test]
    fn rows_decide_the_digest_cell_by_cell() {
        let of_rows = |rows: &str| {
            let folder = tempfile::tempdir().unwrap();
            let place = folder.path().join("rows.csv");
            std::fs::write(&place, rows).unwrap();
            let places = [(std::path::PathBuf::from("rows.csv"), place)].into_iter().collect();
            let text = TEXT.replace(
                "\"slo\": {\"file\": \"slo.json\"},",
                "\"data\": {\"r\": {\"file\": \"rows.csv\"}},",
            );
            let origin = Origin { data: DataFiles::Handed(places), ..Origin::default() };
            let no_file = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
            let env = |_: &str| Some("k".to_owned());
            digest(&parse(&text, &origin, &env, &no_file).unwrap(), "salt")
        };
        let whole = of_rows("a,b\none,two\n");
        assert_eq!(whole, of_rows("a,b\r\none,two\r\n"));
        for other in
            ["a,b\none,twO\n", "a,b\nonet,wo\n", "a,c\none,two\n", "a,b\none,two\none,two\n"]
        {
            assert_ne!(whole, of_rows(other), "{other}");
        }
    }

    #[test]
    fn whatever_decides_the_requests_or_the_verdict_decides_the_digest() {
        let whole = of(TEXT, ("k", "t-0123456789"), "p99 < 1s", "a.example");
        assert_eq!(whole, of(TEXT, ("k", "t-0123456789"), "p99 < 1s", "b.example"));
        let seed = TEXT.replace("\"seed\": 3", "\"seed\": 4");
        for (text, values, objective) in [
            (TEXT, ("l", "t-0123456789"), "p99 < 1s"),
            (TEXT, ("k", "t-012345678X"), "p99 < 1s"),
            (TEXT, ("k", "t-0123456789"), "p99 < 2s"),
            (&seed, ("k", "t-0123456789"), "p99 < 1s"),
        ] {
            assert_ne!(whole, of(text, values, objective, "a.example"), "{values:?} {objective}");
        }
        let scenario = |salt: &str| {
            let text = TEXT.replace("\"file\": \"slo.json\"", "\"all\": [\"p99 < 1s\"]");
            let no_file = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
            let env = |_: &str| Some("k".to_owned());
            digest(&parse(&text, &Origin::default(), &env, &no_file).unwrap(), salt)
        };
        assert_ne!(scenario("one"), scenario("other"));
    }
}
