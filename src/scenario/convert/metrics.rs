//! What is looked at of the target beside its processes: where its metrics are, which of them the
//! scenario names, and how its database is connected to.

use std::collections::HashSet;
use std::path::Path;

use url::Url;

use super::super::check::Check;
use super::super::document::Pointer;
use super::super::model::{Connection, HttpAddress, MetricsPage};
use super::super::origin::Origin;
use super::super::problems::Fault;
use super::super::raw_metrics::{RawCombine, RawKind, RawPage, RawPostgres, RawWatched};
use super::super::routing::Permits;
use super::super::template::faults::url_fault;
use super::super::watch::{Combine, HowRead, Watched};

/// Where Prometheus looks if nobody says otherwise.
const USUAL_PATH: &str = "/metrics";
/// More are not looked at: each is a line of the record's table.
const MOST_WATCHED: usize = 100;
/// Names that are longer say nothing in a table.
const LONGEST_NAME: usize = 100;

/// The page of the target's metrics.
pub(super) fn page(
    raw: &RawPage,
    (permits, origin): (&Permits, &Origin),
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<MetricsPage> {
    let watch = watched(raw, &at.key("watch"), check);
    let (server, path) = match (&raw.path, &raw.url) {
        (Some(_), Some(_)) => {
            let fault = Fault::new("the metrics have either a path on the target or a url");
            check.key(&at.key("url"), fault.help("remove \"path\" or \"url\""));
            return None;
        }
        (None, Some(url)) => {
            let found = elsewhere(&check.fill(url), permits, &origin.folder);
            let (server, path) = check.accept(&at.key("url"), found)?;
            (Some(server), path)
        }
        (path, None) => {
            // Written as a text, the path is the whole value.
            let position = if raw.watch.is_empty() { at.clone() } else { at.key("path") };
            (None, self::path(path.as_deref().unwrap_or(USUAL_PATH), &position, check)?)
        }
    };
    Some(MetricsPage { server, path, watch })
}

/// A path on the target, as it is asked for.
pub(super) fn path(text: &str, at: &Pointer, check: &mut Check<'_>) -> Option<String> {
    let filled = check.fill(text);
    if !filled.starts_with('/') {
        let fault = Fault::new(format!("the path \"{filled}\" must start with /"));
        check.value(at, fault.help("write the path only; the host is the target's"));
        return None;
    }
    let fault = url_fault(&filled);
    check.accept(at, fault.map_or(Ok(filled), |(_, fault)| Err(fault)))
}

/// A server of metrics beside the target, and the path on it.
fn elsewhere(url: &str, permits: &Permits, folder: &Path) -> Result<(HttpAddress, String), Fault> {
    let address = HttpAddress::of_url(url, permits, folder).map_err(Fault::new)?;
    let path = if address.prefix.is_empty() { USUAL_PATH.to_owned() } else { address.prefix };
    Ok((HttpAddress { prefix: String::new(), ..address }, path))
}

fn watched(raw: &RawPage, at: &Pointer, check: &mut Check<'_>) -> Vec<Watched> {
    if raw.watch.len() > MOST_WATCHED {
        let fault = Fault::new(format!("more than {MOST_WATCHED} metrics are watched"));
        check.value(at, fault.help("keep those that somebody looks at"));
        return Vec::new();
    }
    let (mut all, mut names) = (Vec::new(), HashSet::new());
    for (index, raw) in raw.watch.iter().enumerate() {
        let at = at.item(index);
        let found = match one(&raw.0, check) {
            Ok(found) => found,
            Err((key, fault)) => {
                check.value(&at.key(key), fault);
                continue;
            }
        };
        if names.insert(found.name.clone()) {
            all.push(found);
            continue;
        }
        let fault = Fault::new(format!("two watched metrics are called \"{}\"", found.name));
        check.value(&at, fault.help("give one of them another name with \"as\""));
    }
    all
}

/// A watched metric, or which of its keys is wrong.
fn one(raw: &RawWatched, check: &Check<'_>) -> Result<Watched, (&'static str, Fault)> {
    let metric = check.fill(&raw.name);
    if !is_metric(&metric) {
        let fault = Fault::new(format!("\"{metric}\" is not the name of a metric"));
        let help = "write it as it stands on the page, without labels: \"my_queue_depth\"";
        return Err(("name", fault.help(help)));
    }
    let base = metric.strip_suffix("_bucket").filter(|_| raw.quantile.is_some());
    let metric = base.unwrap_or(&metric).to_owned();
    let name = match &raw.alias {
        Some(alias) => check.fill(alias),
        None => metric.replace(':', "_"),
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(is_plain) {
        let fault = Fault::new(format!("a metric cannot be called \"{name}\""));
        return Err(("as", fault.help("use letters, digits and underscores")));
    }
    let labels = raw.labels.0.iter().map(|(name, value)| (name.clone(), check.fill(value)));
    let labels = labels.collect();
    let reading = reading(raw, &metric)?;
    Ok(Watched { name, metric, labels, reading })
}

fn is_metric(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let starts = name.starts_with(|c: char| !c.is_ascii_digit());
    starts && name.len() <= LONGEST_NAME && name.chars().all(is_plain)
}

fn reading(raw: &RawWatched, metric: &str) -> Result<HowRead, (&'static str, Fault)> {
    let combine = match raw.combine {
        None | Some(RawCombine::Sum) => Combine::Sum,
        Some(RawCombine::Max) => Combine::Max,
    };
    if let Some(quantile) = raw.quantile {
        let is_share = quantile > 0.0 && quantile < 1.0;
        if !is_share || raw.kind.is_some() || raw.combine.is_some() {
            let fault =
                Fault::new("a quantile between 0 and 1 stands without \"kind\" and \"combine\"");
            let help = "write {\"name\": \"queue_wait_seconds\", \"quantile\": 0.95}";
            return Err(("quantile", fault.help(help)));
        }
        return Ok(HowRead::Quantile(quantile));
    }
    if metric.ends_with("_bucket") {
        let fault = Fault::new(format!("\"{metric}\" is of a histogram"));
        let name = metric.trim_end_matches("_bucket");
        let help = format!("write {{\"name\": \"{name}\", \"quantile\": 0.95}}");
        return Err(("name", fault.help(help)));
    }
    let counts = ["_total", "_sum", "_count"].iter().any(|end| metric.ends_with(end));
    let by_name = if counts { RawKind::Counter } else { RawKind::Gauge };
    Ok(match raw.kind.unwrap_or(by_name) {
        RawKind::Gauge => HowRead::Gauge(combine),
        RawKind::Counter => HowRead::Counter(combine),
    })
}

/// How the database is connected to. A password in the file itself is refused: it would be in
/// everybody's checkout.
pub(super) fn connection(
    raw: &RawPostgres,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<Connection> {
    let at = at.key("connection");
    let filled = check.fill(&raw.connection);
    let found = connectable(&raw.connection, &filled);
    check.accept(&at, found).map(|()| Connection(filled))
}

fn connectable(written: &str, filled: &str) -> Result<(), Fault> {
    const HELP: &str = "write \"${PGSTAT_URL}\", and set PGSTAT_URL to something like \
                        postgres://user:password@127.0.0.1:5432/orders";
    if filled.trim().is_empty() {
        return Err(Fault::new("the connection is empty").help(HELP));
    }
    let is_url = filled.starts_with("postgres://") || filled.starts_with("postgresql://");
    if !is_url && (filled.contains("://") || !filled.contains('=')) {
        // What came from a variable is not shown: it may be a password.
        return Err(Fault::new("the connection is no url of PostgreSQL").help(HELP));
    }
    if has_password(written) {
        return Err(Fault::new("the connection has a password in this file").help(HELP));
    }
    Ok(())
}

/// Whether a text has a password in clear.
fn has_password(written: &str) -> bool {
    let is_clear = |password: &str| !password.is_empty() && !password.contains("${");
    let in_words = written.split_whitespace().filter_map(|word| word.strip_prefix("password="));
    let in_url = Url::parse(written).ok().and_then(|url| url.password().map(str::to_owned));
    let in_query = written.split(['?', '&']).filter_map(|pair| pair.strip_prefix("password="));
    in_words.chain(in_query).any(is_clear)
        || in_url.is_some_and(|password| !password.contains("%7B") && is_clear(&password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn connects(written: &str, filled: &str, expected: Result<(), &str>) {
        let found = connectable(written, filled);
        let found = found.as_ref().map_err(|fault| fault.message.as_str());
        assert_eq!(found.copied(), expected, "{written}");
    }

    #[test]
    fn a_password_does_not_stand_in_the_file() {
        let none = Err("the connection has a password in this file");
        for written in [
            "postgres://a:secret@127.0.0.1/b",
            "host=127.0.0.1 user=a password=secret",
            "postgres://a@127.0.0.1/b?password=secret",
        ] {
            connects(written, written, none);
        }
        let filled = "postgres://a:secret@127.0.0.1/b";
        for written in ["${PGSTAT_URL}", "postgres://a:${PASSWORD}@127.0.0.1/b"] {
            connects(written, filled, Ok(()));
        }
        connects("host=/run/postgresql user=a", "host=/run/postgresql user=a", Ok(()));
        let no_url = Err("the connection is no url of PostgreSQL");
        connects("${URL}", "s3cret", no_url);
        connects("mysql://a/b", "mysql://a/b", no_url);
        connects("${URL}", " ", Err("the connection is empty"));
    }
}
