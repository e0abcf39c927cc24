//! The stream of a run: made, listened to, taken over. What agents tell is in it until the coordinator
//! says that it has it on its own disk.
//!
//! One consumer listens at a time. Whoever takes a run over puts its own in the place of the one
//! before, and hears everything that was not confirmed.

use std::sync::mpsc::Sender;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::message::Acker;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType, Stream};
use futures_util::StreamExt;
use tokio::task::AbortHandle;

use crate::fleet::fault::FleetFault;
use crate::fleet::link::{Heard, Link};
use crate::fleet::{watching, wire};

/// What the stream of a run holds at most, of what the coordinator has not confirmed.
const BYTES: i64 = 256 * 1024 * 1024;
/// The same in messages.
const MESSAGES: i64 = 1_000_000;
/// What a coordinator that was killed leaves on the server is gone after so long.
pub(super) const FORGOTTEN: Duration = Duration::from_secs(24 * 3_600);
/// Nothing has an id by which the server could know it again: anybody could give his own the id of
/// another's, which would then be taken for known. Ticks are known by their numbers. It is the least.
const KNOWN_FOR: Duration = Duration::from_millis(100);
/// So many may be heard and not confirmed: the last word of each agent is confirmed by nobody, as it
/// goes with the stream.
const UNCONFIRMED: i64 = 50_000;
/// Between two tries to listen.
const AGAIN: Duration = Duration::from_millis(250);
const CONSUMER: &str = "coordinator";

/// What the coordinator hears.
#[derive(Debug)]
pub enum Said {
    /// An agent is there.
    Hello(Heard),
    /// Something of the stream.
    Learnt {
        /// Under which subject.
        subject: String,
        /// What.
        said: Vec<u8>,
        /// By which the server hears that it need not be kept any more.
        receipt: Receipt,
    },
}

/// By which the server hears that something need not be kept any more.
pub struct Receipt(Box<Acker>);

impl std::fmt::Debug for Receipt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receipt").finish_non_exhaustive()
    }
}

/// What these are of is on our disk.
pub(super) fn confirm(link: &Link, receipts: &mut Vec<Receipt>) {
    if receipts.is_empty() {
        return;
    }
    let receipts = std::mem::take(receipts);
    link.spawn(async move {
        for receipt in receipts {
            let _ = receipt.0.ack().await;
        }
    });
}

/// Makes the stream of a run, and listens.
pub(super) fn make(link: &Link, run: &str, out: Sender<Said>) -> Result<AbortHandle, FleetFault> {
    let config = Config {
        name: wire::stream(run),
        subjects: vec![
            wire::ticks(run, wire::ANY),
            wire::end(run, wire::ANY),
            watching::seconds(run, wire::ANY),
        ],
        retention: RetentionPolicy::WorkQueue,
        discard: DiscardPolicy::New,
        storage: StorageType::File,
        max_bytes: BYTES,
        max_messages: MESSAGES,
        duplicate_window: KNOWN_FOR,
        max_age: FORGOTTEN,
        ..Config::default()
    };
    let opening = async {
        let stream = link.context().create_stream(config).await;
        consumer_of(&stream.map_err(|error| error.to_string())?).await
    };
    let consumer = link.wait(opening).map_err(|why| {
        FleetFault::Unreachable(format!("the server keeps no streams (JetStream): {why}"))
    })?;
    Ok(listen(link, consumer, out))
}

/// Listens to the stream of a run in the place of whoever did before.
pub(super) fn take_over(
    link: &Link,
    run: &str,
    out: Sender<Said>,
) -> Result<AbortHandle, FleetFault> {
    let opening = async {
        let stream = link.context().get_stream(wire::stream(run)).await;
        let stream = stream.map_err(|error| error.to_string())?;
        // It may be that there is none.
        let _ = stream.delete_consumer(CONSUMER).await;
        consumer_of(&stream).await
    };
    let consumer = link.wait(opening).map_err(|why| {
        FleetFault::Incompletable(format!("the server does not have the run any more: {why}"))
    })?;
    Ok(listen(link, consumer, out))
}

async fn consumer_of<I>(stream: &Stream<I>) -> Result<PullConsumer, String> {
    let config = pull::Config {
        durable_name: Some(CONSUMER.to_owned()),
        ack_policy: AckPolicy::Explicit,
        max_ack_pending: UNCONFIRMED,
        ..pull::Config::default()
    };
    stream.create_consumer(config).await.map_err(|error| error.to_string())
}

fn listen(link: &Link, consumer: PullConsumer, out: Sender<Said>) -> AbortHandle {
    link.spawn(async move {
        loop {
            let Ok(mut messages) = consumer.messages().await else {
                tokio::time::sleep(AGAIN).await;
                continue;
            };
            while let Some(message) = messages.next().await {
                // A connection that broke is made again, and what was not confirmed comes again.
                let Ok(message) = message else { break };
                let (message, acker) = message.split();
                let (subject, said) = (message.subject.to_string(), message.payload.to_vec());
                let learnt = Said::Learnt { subject, said, receipt: Receipt(Box::new(acker)) };
                if out.send(learnt).is_err() {
                    return;
                }
            }
            tokio::time::sleep(AGAIN).await;
        }
    })
}
