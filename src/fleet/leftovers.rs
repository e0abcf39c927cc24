//! What runs have left on the server whose coordinator was killed, and which nobody has completed.
//!
//! The server itself forgets what is in a stream and a bucket of a run after a day, and keeps both,
//! empty. The next coordinator removes them. A run whose epoch is there is somebody's, or may be
//! completed; that of one that is under way is written anew every hour ([`super::epoch`]).

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_nats::jetstream::Context;
use async_nats::jetstream::stream::Info;
use futures_util::StreamExt;

use crate::fleet::fault::FleetFault;
use crate::fleet::link::Link;
use crate::fleet::wire;

/// A server that is shared with others may have very many streams.
const MOST: usize = 10_000;
/// How long it may take.
const WITHIN: Duration = Duration::from_secs(20);
/// How long it may take to ask what is there.
const ASKING: Duration = Duration::from_secs(5);
/// So many are named.
const MOST_TOLD: usize = 6;

/// Removes them, beside whatever else is done.
pub(super) fn remove(link: &Link) {
    let context = link.context().clone();
    link.spawn(async move {
        // What is not removed now is the next one's.
        let _ = tokio::time::timeout(WITHIN, remove_from(&context)).await;
    });
}

/// Why a run can keep nothing, with what others left there and how it is got rid of.
pub(super) fn told_with(link: &Link, fault: FleetFault) -> FleetFault {
    let FleetFault::Unreachable(why) = fault else { return fault };
    let names = async {
        let streams = link.context().stream_names().take(MOST);
        let names = streams.filter_map(|name| async { name.ok() }).collect::<Vec<String>>();
        tokio::time::timeout(ASKING, names).await.unwrap_or_default()
    };
    let left = described(link.wait(names));
    FleetFault::Unreachable(left.map_or_else(|| why.clone(), |left| format!("{why}; {left}")))
}

/// What there is of runs, if anything is.
fn described(names: Vec<String>) -> Option<String> {
    let is_of_run = |name: &String| of_run(name).is_some();
    let mut left: Vec<String> = names.into_iter().filter(is_of_run).collect();
    left.sort_unstable();
    let more = left.len().saturating_sub(MOST_TOLD);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let shown = left.iter().take(MOST_TOLD).cloned().collect::<Vec<_>>().join(", ");
    (!left.is_empty()).then(|| {
        format!(
            "streams of other runs take room there, {shown}{more}: they are of runs under way, or of \
             coordinators that were killed, of which the next one removes what is a day old; what nobody \
             needs is deleted by `nats stream rm NAME`"
        )
    })
}

async fn remove_from(context: &Context) {
    let mut streams = context.streams().take(MOST);
    let (mut all, mut empty) = (BTreeSet::new(), BTreeSet::new());
    while let Some(Ok(info)) = streams.next().await {
        if is_forgotten(&info, SystemTime::now()) {
            empty.insert(info.config.name.clone());
        }
        all.insert(info.config.name);
    }
    for name in forgotten(&all, &empty) {
        let _ = context.delete_stream(name).await;
    }
}

/// Whether the server has forgotten all that was in a stream, and it is old enough for that.
fn is_forgotten(info: &Info, now: SystemTime) -> bool {
    let age = info.config.max_age;
    let created = u64::try_from(info.created.unix_timestamp()).unwrap_or(u64::MAX);
    let until = Duration::from_secs(created).saturating_add(age);
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    info.state.messages == 0 && !age.is_zero() && until < now
}

/// The run of a stream, and whether it is a bucket; `None` if it is no run's.
fn of_run(name: &str) -> Option<(String, bool)> {
    let (name, is_bucket) = match name.strip_prefix(BUCKETS) {
        Some(name) => (name, true),
        None => (name, false),
    };
    let run = name.strip_prefix(RUNS).filter(|run| wire::is_name(run))?;
    Some((run.to_owned(), is_bucket))
}

/// Streams and buckets of runs of which nobody knows any more whose they are.
fn forgotten<'s>(all: &'s BTreeSet<String>, empty: &BTreeSet<String>) -> Vec<&'s str> {
    let is_over = |name: &&String| {
        let Some((run, is_bucket)) = of_run(name) else { return false };
        let bucket = format!("{BUCKETS}{}", wire::bucket(&run));
        // A stream whose bucket is there goes with it; it may have nothing in it at the moment.
        let is_alone = !is_bucket && !all.contains(&bucket);
        empty.contains(&bucket) || is_alone && empty.contains(*name)
    };
    all.iter().filter(is_over).map(String::as_str).collect()
}

/// The names of streams of runs begin so.
const RUNS: &str = "lg-";
/// And those of streams that are buckets.
const BUCKETS: &str = "KV_";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_finds_no_room_learns_of_what_takes_it() {
        let names = |names: &[&str]| names.iter().map(|&it| it.to_owned()).collect();
        assert_eq!(described(names(&["orders", "KV_orders", "lg-"])), None);
        let told = described(names(&["lg-b", "orders", "KV_lg-a"])).unwrap();
        assert!(told.contains("KV_lg-a, lg-b: ") && told.contains("nats stream rm"), "{told}");
        let many: Vec<String> = (0..9).map(|run| format!("lg-{run}")).collect();
        assert!(described(many).unwrap().contains("lg-5 and 3 more: "));
    }

    #[test]
    fn what_is_somebodys_or_of_somebody_else_stays() {
        let names = |names: &[&str]| names.iter().map(|&it| it.to_owned()).collect();
        let all = names(&[
            "KV_lg-over",
            "lg-over",
            "KV_lg-kept",
            "lg-kept",
            "lg-alone",
            "lg-fresh",
            "KV_orders",
            "orders",
            "lg-",
            "KV_lg-half",
            "lg-a b",
        ]);
        // That of a run under way has nothing in it that is not confirmed.
        let empty = names(&[
            "KV_lg-over",
            "lg-kept",
            "lg-alone",
            "KV_orders",
            "orders",
            "lg-",
            "KV_lg-half",
            "lg-a b",
        ]);
        let found: Vec<&str> = forgotten(&all, &empty);
        assert_eq!(found, ["KV_lg-half", "KV_lg-over", "lg-alone", "lg-over"]);
        assert_eq!(
            (wire::stream("x"), wire::bucket("x")),
            (format!("{RUNS}x"), format!("{RUNS}x"))
        );
    }
}
