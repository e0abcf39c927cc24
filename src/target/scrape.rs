//! One page of metrics: asked for, and believed where it is a whole page of this moment.
//!
//! A page's address comes in, what it says of the gauges goes out, or why it says nothing. Which
//! second that belongs to is for the monitor.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::counted::When;
use super::fetch::{self, Answer, NoAnswer};
use super::gauges::{self, Scraped};
use super::prometheus::{self, Metrics};
use crate::scenario::model::HttpAddress;
use crate::scenario::watch::Watched;

/// How long a scrape may take: it is over before the next begins.
const WITHIN: Duration = Duration::from_millis(950);
/// What is read of a scrape.
const MOST_BYTES: usize = 1_000_000;
/// Said of a page that may go on.
const CUT: &str = "it ended in the middle of a line";
/// Said of a page that has stood still.
const COPY: &str = "it is the page of a second before, so that somebody keeps a copy of it";
/// What these count grows by the answer itself, in steps that no clock rounds away: CPU time of
/// Node in microseconds, and bytes that Go allocated.
const NEVER_STILL: [&str; 2] = ["process_cpu_user_seconds_total", "go_memstats_alloc_bytes_total"];

/// A page of metrics.
#[derive(Debug, Clone)]
pub struct Page {
    /// The server.
    pub server: HttpAddress,
    /// The path as it is asked for.
    pub path: String,
    /// Metrics that the scenario names.
    pub watch: Vec<Watched>,
}

/// What a page said.
pub(super) struct Told {
    scraped: Scraped,
    when: When,
    /// What tells it from others, of one that cannot stand still.
    print: Option<u64>,
}

/// What the last page was, so that a copy of it is seen.
#[derive(Debug, Default)]
pub(super) struct Copies(Option<u64>);

impl Copies {
    /// What a page said and when, unless it is the one before.
    pub(super) fn fresh(&mut self, told: Told) -> Result<(Scraped, When), String> {
        let is_copy = told.print.is_some() && told.print == self.0;
        self.0 = told.print;
        if is_copy { Err(COPY.to_owned()) } else { Ok((told.scraped, told.when)) }
    }
}

/// Reads a page.
pub(super) async fn scrape(page: &Page, watch: &Arc<[Watched]>) -> Result<Told, String> {
    let asked = Instant::now();
    let answer = fetch::get(&page.server, &page.path, WITHIN, MOST_BYTES).await;
    let when = When::between(asked, Instant::now());
    let (metrics, print) = read(answer)?;
    Ok(Told { scraped: gauges::of_metrics_page(&metrics, watch), when, print })
}

/// The metrics of an answer, if it is a whole page of them.
fn read(answer: Result<Answer, NoAnswer>) -> Result<(Metrics, Option<u64>), String> {
    let answer = answer.map_err(|reason| reason.to_string())?;
    if !answer.status.is_success() {
        return Err(answer.status.to_string());
    }
    // Nothing but its last line says that such a page was not cut: half of a number is one too.
    if answer.ended_by_close && !answer.body.ends_with(b"\n") {
        return Err(CUT.to_owned());
    }
    let metrics = prometheus::parse(&answer.body);
    if metrics.is_cut {
        return Err("it has more series than loadgate reads".to_owned());
    }
    let moves = |name: &str| NEVER_STILL.iter().any(|it| name.ends_with(it));
    let print = metrics.series.iter().any(|series| moves(&series.name)).then(|| {
        let mut hasher = DefaultHasher::new();
        answer.body.hash(&mut hasher);
        hasher.finish()
    });
    Ok((metrics, print))
}

#[cfg(test)]
mod tests {
    use hyper::StatusCode;

    use super::*;

    fn page(body: &str, ended_by_close: bool) -> Result<Option<u64>, String> {
        let body = body.as_bytes().to_vec();
        let answer = Answer { status: StatusCode::OK, body, ended_by_close };
        read(Ok(answer)).map(|(_, print)| print)
    }

    #[test]
    fn a_page_that_may_go_on_is_not_read() {
        assert_eq!(page("a 1000\n", true), Ok(None));
        assert_eq!(page("a 1", true), Err(CUT.to_owned()));
        assert_eq!(page("a 1", false), Ok(None), "its length says that this is all");
    }

    #[test]
    fn a_page_that_cannot_stand_still_is_a_copy_if_it_does() {
        let mut copies = Copies::default();
        let mut is_fresh = |body: &str| {
            let (scraped, when) = (Scraped::default(), When::at(Instant::now()));
            copies.fresh(Told { scraped, when, print: page(body, false).unwrap() }).is_ok()
        };
        let cpu = "shop_process_cpu_user_seconds_total 0.158237\nq 1\n";
        assert!(is_fresh(cpu) && !is_fresh(cpu) && !is_fresh(cpu));
        assert!(is_fresh(&cpu.replace("0.158237", "0.158301")));
        // Gauges may be what they were.
        assert!(is_fresh("q 1\n") && is_fresh("q 1\n"));
    }
}
