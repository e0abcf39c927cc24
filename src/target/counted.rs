//! How much what is counted grew between two readings, series by series.
//!
//! What each series of a metric had counted comes in, and when that was read; what was added since
//! goes out. A series that fell counts anew, and one that vanished says nothing: either way nobody
//! knows what was added in between. A series that is new has counted from zero.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::record::gauge::{ANEW, LATE};

/// What tells one series of a metric from the others.
pub type Labels = Vec<(String, String)>;

/// No more series than this are remembered that a page no longer has.
const MOST_GONE: usize = 20_000;
/// By how much longer than the shortest the longest time between two readings may be.
const MOST_UNSURE: f64 = 1.5;

/// When something was read: neither before it was asked for nor after it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct When {
    asked: Instant,
    told: Instant,
}

impl When {
    /// At this moment.
    pub fn at(moment: Instant) -> When {
        When { asked: moment, told: moment }
    }

    /// Somewhen between these.
    pub fn between(asked: Instant, told: Instant) -> When {
        When { asked, told }
    }

    /// Seconds since an earlier reading; `None` where nobody can say it to a fifth.
    fn since(self, earlier: When) -> Option<f64> {
        let longest = self.told.saturating_duration_since(earlier.asked);
        let shortest = self.asked.saturating_duration_since(earlier.told);
        let is_sure = shortest > Duration::ZERO && longest <= shortest.mul_f64(MOST_UNSURE);
        is_sure.then(|| (longest + shortest).as_secs_f64() / 2.0)
    }
}

/// What was added to a series, and since when.
#[derive(Debug, Clone, PartialEq)]
struct Added<T> {
    what: T,
    since: When,
}

/// What each series of a metric had counted when it was last read.
#[derive(Debug)]
pub struct Counted<T> {
    series: BTreeMap<Labels, (T, When)>,
    last: Option<When>,
}

impl<T> Default for Counted<T> {
    fn default() -> Counted<T> {
        Counted { series: BTreeMap::new(), last: None }
    }
}

impl<T: Clone> Counted<T> {
    /// What was added to each series since it was last read, by a function of what it had and what
    /// it has, which says `None` where it counts anew. `Ok(None)` the first time.
    fn added(
        &self,
        now: &BTreeMap<Labels, T>,
        between: impl Fn(&T, &T) -> Option<T>,
    ) -> Result<Option<Vec<Added<T>>>, &'static str> {
        let Some(last) = self.last else { return Ok(None) };
        let is_gone =
            |(labels, (_, when)): (&Labels, &(T, When))| *when == last && !now.contains_key(labels);
        if self.series.iter().any(is_gone) {
            return Err(ANEW);
        }
        let of = |(labels, now): (&Labels, &T)| match self.series.get(labels) {
            Some((before, since)) => Some(Added { what: between(before, now)?, since: *since }),
            None => Some(Added { what: now.clone(), since: last }),
        };
        now.iter().map(of).collect::<Option<Vec<_>>>().map(Some).ok_or(ANEW)
    }

    fn keep(&mut self, now: BTreeMap<Labels, T>, when: When) {
        self.series.extend(now.into_iter().map(|(labels, read)| (labels, (read, when))));
        if self.series.len() > MOST_GONE {
            self.series.retain(|_, (_, read)| *read == when);
        }
        self.last = Some(when);
    }
}

impl Counted<f64> {
    /// The growth of each series per second; `Ok(None)` the first time. What was read too late to
    /// tell a rate is left out: the next rate is since the reading before it.
    pub fn rates(
        &mut self,
        now: BTreeMap<Labels, f64>,
        when: When,
    ) -> Result<Option<Vec<f64>>, &'static str> {
        let grown = |before: &f64, now: &f64| (now >= before).then(|| now - before);
        let rates = self.added(&now, grown).and_then(|added| {
            let rate = |it: &Added<f64>| Some(it.what / when.since(it.since)?);
            let rates = |added: Vec<Added<f64>>| added.iter().map(rate).collect::<Option<_>>();
            added.map(|added| rates(added).ok_or(LATE)).transpose()
        });
        if rates != Err(LATE) {
            self.keep(now, when);
        }
        rates
    }
}

impl<T: Clone> Counted<T> {
    /// What was added to all series, whenever that was; `Ok(None)` the first time.
    pub fn growth(
        &mut self,
        now: BTreeMap<Labels, T>,
        when: When,
        between: impl Fn(&T, &T) -> Option<T>,
    ) -> Result<Option<Vec<T>>, &'static str> {
        let added = self.added(&now, between);
        self.keep(now, when);
        Ok(added?.map(|added| added.into_iter().map(|it| it.what).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Page<'a> = &'a [(&'a str, f64)];

    fn series(page: Page<'_>) -> BTreeMap<Labels, f64> {
        let labels = |name: &str| vec![("of".to_owned(), name.to_owned())];
        page.iter().map(|(name, value)| (labels(name), *value)).collect()
    }

    /// The rates of pages that were asked for and told so many milliseconds after the first.
    #[track_caller]
    fn check(pages: &[(u64, u64, Page<'_>)], expected: &[Result<Option<f64>, &str>]) {
        let (mut counted, start) = (Counted::default(), Instant::now());
        let moment = |millis| start + Duration::from_millis(millis);
        let rates = pages.iter().map(|(asked, told, page)| {
            let when = When::between(moment(*asked), moment(*told));
            let rates = counted.rates(series(page), when)?;
            Ok(rates.map(|rates| (rates.iter().sum::<f64>() * 1e6).round() / 1e6))
        });
        assert_eq!(rates.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_series_that_falls_counts_anew_though_the_sum_grows() {
        let pages: [(u64, u64, Page<'_>); 4] = [
            (0, 0, &[("a", 100.0), ("b", 10.0)]),
            (1_000, 1_000, &[("a", 130.0), ("b", 12.0)]),
            (2_000, 2_000, &[("a", 900.0), ("b", 1.0)]),
            (3_000, 3_000, &[("a", 910.0), ("b", 2.0)]),
        ];
        check(&pages, &[Ok(None), Ok(Some(32.0)), Err(ANEW), Ok(Some(11.0))]);
    }

    #[test]
    fn a_series_that_comes_back_has_not_counted_everything_at_once() {
        let pages: [(u64, u64, Page<'_>); 4] = [
            (0, 0, &[("a", 100_000.0), ("b", 10.0)]),
            (1_000, 1_000, &[("b", 40.0)]),
            (2_000, 2_000, &[("a", 100_060.0), ("b", 70.0)]),
            (3_000, 3_000, &[("a", 100_090.0), ("b", 100.0), ("c", 7.0)]),
        ];
        check(&pages, &[Ok(None), Err(ANEW), Ok(Some(60.0)), Ok(Some(67.0))]);
    }

    #[test]
    fn pages_of_one_process_after_the_other_have_no_rate() {
        let page = |number: u64| -> [(&'static str, f64); 1] {
            [(if number.is_multiple_of(2) { "1" } else { "2" }, number as f64 * 1e6)]
        };
        let all: Vec<_> = (0..4).map(page).collect();
        let pages: Vec<(u64, u64, Page<'_>)> =
            (0..).zip(&all).map(|(n, page)| (n * 1_000, n * 1_000, page.as_slice())).collect();
        check(&pages, &[Ok(None), Err(ANEW), Err(ANEW), Err(ANEW)]);
    }

    /// 30 a second, told at once and 850 ms late by turns.
    #[test]
    fn a_page_that_is_late_inflates_no_rate() {
        let pages: [(u64, u64, Page<'_>); 5] = [
            (0, 0, &[("a", 0.0)]),
            (1_000, 1_850, &[("a", 30.0)]),
            (2_000, 2_000, &[("a", 60.0)]),
            (3_000, 3_850, &[("a", 90.0)]),
            (4_000, 4_000, &[("a", 120.0)]),
        ];
        let told = Ok(Some(30.0));
        check(&pages, &[Ok(None), Err(LATE), told, Err(LATE), told]);
        let soon: [(u64, u64, Page<'_>); 2] =
            [(0, 100, &[("a", 0.0)]), (1_000, 1_100, &[("a", 30.0)])];
        check(&soon, &[Ok(None), told]);
    }

    #[test]
    fn series_that_are_gone_are_forgotten_when_there_are_many() {
        let (mut counted, now) = (Counted::default(), Instant::now());
        for page in 0..5_u64 {
            let names: Vec<String> = (0..9_000).map(|n| format!("{page} {n}")).collect();
            let page_of: Vec<(&str, f64)> = names.iter().map(|name| (name.as_str(), 1.0)).collect();
            let when = When::at(now + Duration::from_secs(page));
            let _ = counted.rates(series(&page_of), when);
        }
        assert!(counted.series.len() <= MOST_GONE, "{}", counted.series.len());
    }
}
