//! Whose a run is: the epoch of its coordinator in a bucket of the server, changed by comparing and
//! setting only. Of two who want a run one has it, and one that was frozen can look whether it still
//! has.

use async_nats::jetstream::Context;
use async_nats::jetstream::kv::{Config, Store};
use tokio::task::AbortHandle;

use crate::fleet::fault::FleetFault;
use crate::fleet::link::Link;
use crate::fleet::stream::FORGOTTEN;
use crate::fleet::wire;

const KEY: &str = "epoch";

/// A run begins.
pub fn begin(link: &Link, run: &str, own: &str) -> Result<(), FleetFault> {
    let config = Config { bucket: wire::bucket(run), max_age: FORGOTTEN, ..Config::default() };
    let beginning = async {
        let bucket = link.context().create_key_value(config).await;
        let bucket = bucket.map_err(|error| error.to_string())?;
        let created = bucket.create(KEY, own.to_owned().into()).await;
        created.map(drop).map_err(|error| error.to_string())
    };
    link.wait(beginning).map_err(|why| {
        FleetFault::Unreachable(format!("the server keeps no buckets (JetStream): {why}"))
    })
}

/// Whose a run was when that was looked at.
#[derive(Debug)]
pub struct Seen {
    bucket: Store,
    revision: u64,
}

/// Looks whether a run is of one of those who have had it.
pub fn look(link: &Link, run: &str, before: &[String]) -> Result<Seen, FleetFault> {
    let looking = async {
        let bucket = link.context().get_key_value(wire::bucket(run)).await;
        let bucket = bucket.map_err(|error| error.to_string())?;
        let entry = bucket.entry(KEY).await.map_err(|error| error.to_string())?;
        let entry = entry.ok_or("nobody knows whose it is")?;
        let is_known = before.iter().any(|epoch| epoch.as_bytes() == &entry.value[..]);
        if !is_known {
            return Err("another one has taken it over".to_owned());
        }
        Ok(Seen { bucket, revision: entry.revision })
    };
    link.wait(looking).map_err(|why: String| not_to_be_had(&why))
}

impl Seen {
    /// Takes it over, unless somebody else has since.
    pub fn take(self, link: &Link, own: &str) -> Result<(), FleetFault> {
        let taking = async {
            let updated = self.bucket.update(KEY, own.to_owned().into(), self.revision).await;
            updated.map(drop).map_err(|error| format!("another one is taking it over: {error}"))
        };
        link.wait(taking).map_err(|why: String| not_to_be_had(&why))
    }
}

fn not_to_be_had(why: &str) -> FleetFault {
    FleetFault::Incompletable(format!("the run is not to be had at the server: {why}"))
}

/// As long as a run is somebody's the server does not forget whose, until it is aborted.
pub(super) fn keep(link: &Link, run: &str, own: &str) -> AbortHandle {
    let (context, run, own) = (link.context().clone(), run.to_owned(), own.to_owned());
    link.spawn(async move {
        loop {
            tokio::time::sleep(FORGOTTEN / 24).await;
            renew(&context, &run, &own).await;
        }
    })
}

/// Says again whose it is, if it still is. What cannot be said now is said an hour later.
pub async fn renew(context: &Context, run: &str, own: &str) {
    let Ok(bucket) = context.get_key_value(wire::bucket(run)).await else { return };
    let Ok(Some(entry)) = bucket.entry(KEY).await else { return };
    if entry.value[..] == *own.as_bytes() {
        let _ = bucket.update(KEY, own.to_owned().into(), entry.revision).await;
    }
}

/// Whether a run is somebody's. Where that cannot be asked it is nobody's.
pub async fn is_of(context: &Context, run: &str, own: &str) -> bool {
    let Ok(bucket) = context.get_key_value(wire::bucket(run)).await else { return false };
    let entry = bucket.get(KEY).await.ok().flatten();
    entry.is_some_and(|epoch| &epoch[..] == own.as_bytes())
}

/// The run is over.
pub(super) async fn forget(context: &Context, run: &str) {
    let _ = context.delete_key_value(wire::bucket(run)).await;
}
