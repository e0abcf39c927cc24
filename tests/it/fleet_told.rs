//! An agent that says of itself what is not so, beside one that does as it should: whoever leaves out a
//! part of its share, or tells of more, is named, and the run has no verdict.
#![cfg(all(target_os = "linux", feature = "fleet"))]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_nats::jetstream::{self, Context};
use async_nats::{Client, Subscriber};
use futures_util::StreamExt;
use loadgate::fleet::replies::Answer;
use loadgate::fleet::understood;
use loadgate::fleet::wire::{
    self, Alive, Beat, Call, Cause, Hello, LOADGATE, Last, Offer, PROTOCOL,
};
use loadgate::record::generator::{Environment, GeneratorHead};
use loadgate::record::handshakes::Handshakes;
use loadgate::record::interval::StepCounts;
use loadgate::record::telemetry::GeneratorSecond;
use loadgate::scenario::read::{Origin, parse};
use loadgate::scenario::slots::Slots;
use serde_json::json;
use tokio::time::timeout;

use crate::fleet::{scenario, truth, write};
use crate::nats::Nats;
use crate::support::{ends_with, finish, stdout};

/// Seconds of the load.
const SECONDS: u32 = 4;
const PATIENCE: Duration = Duration::from_secs(40);
const AGENT: &str = "liar.word";

/// What it tells of its share, which it does not carry out.
#[derive(Clone, Copy, PartialEq)]
enum Lie {
    /// No tick at all.
    Nothing,
    /// All seconds, and of none what fell due in it.
    NoRequests,
    /// More than was asked of it, without an end.
    Many,
}

impl Lie {
    /// Its ticks, as lines of a journal.
    fn lines(self, slots: Slots) -> Vec<String> {
        if self == Lie::Nothing {
            return Vec::new();
        }
        let counts = StepCounts { planned: 900, sent: 900, ..StepCounts::default() };
        let parts = match self {
            Lie::Many => json!([{ "second": 1, "series": 0, "counts": counts, "log": [] }]),
            Lie::Nothing | Lie::NoRequests => json!([]),
        };
        let line = |number: u32| {
            let second = GeneratorSecond { second: number, ..GeneratorSecond::default() };
            let parts = if number == 1 { parts.clone() } else { json!([]) };
            let tick = json!({ "slots": slots, "claim": 0, "number": number, "parts": parts,
                "generator": [second] });
            format!("{}\n", json!({ "tick": tick }))
        };
        (0..=SECONDS).map(line).collect()
    }
}

/// Takes part in the next run.
async fn lie(url: String, lie: Lie) {
    let client = async_nats::connect(url).await.unwrap();
    let context = jetstream::new(client.clone());
    let (run, slots, epoch) = join(&client).await;
    let mut beats = client.subscribe(wire::beats(&run)).await.unwrap();
    let started = live_until(&client, (&run, &epoch), &mut beats, |beat| beat.go.is_some()).await;
    let start = UNIX_EPOCH + Duration::from_nanos(started.go.unwrap().wall_ns);
    let end = start + Duration::from_secs(u64::from(SECONDS)) + Duration::from_millis(300);
    let is_over = |_: &Beat| SystemTime::now() > end;
    live_until(&client, (&run, &epoch), &mut beats, is_over).await;
    let lines = lie.lines(slots);
    for line in &lines {
        put(&context, wire::ticks(&run, AGENT), line.clone().into_bytes()).await;
    }
    let last = Last {
        epoch: epoch.clone(),
        cause: Cause::Finished,
        ticks: lines.len() as u32,
        iterations: 0,
        completed: 0,
        handshakes: Handshakes::default(),
        failures: String::new(),
        used_up: None,
    };
    put(&context, wire::end(&run, AGENT), wire::bytes(&last)).await;
    let is_known = |beat: &Beat| beat.over || beat.done.iter().any(|agent| agent == AGENT);
    live_until(&client, (&run, &epoch), &mut beats, is_known).await;
}

async fn put(context: &Context, subject: String, said: Vec<u8>) {
    context.publish(subject, said.into()).await.unwrap().await.unwrap();
}

/// Answers a call and an offer: the run, its share, and whose it is.
async fn join(client: &Client) -> (String, Slots, String) {
    let mut calls = client.subscribe(wire::call("default")).await.unwrap();
    let mut offers = client.subscribe(wire::offer(AGENT)).await.unwrap();
    let call: Call = wire::read(&calls.next().await.unwrap().payload).unwrap();
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let network = std::fs::read_link("/proc/self/ns/net").unwrap();
    let hello = Hello {
        agent: AGENT.to_owned(),
        name: "liar".to_owned(),
        protocol: PROTOCOL,
        loadgate: LOADGATE.to_owned(),
        key: None,
        cores: 2,
        place: format!("{} {}", boot.trim(), network.display()),
    };
    client.publish(wire::hello(&call.run, AGENT), wire::bytes(&hello).into()).await.unwrap();
    let asked = offers.next().await.unwrap();
    let offer: Offer = wire::read(&asked.payload).unwrap();
    let head = GeneratorHead {
        name: "liar".to_owned(),
        slots: offer.slots,
        environment: Environment::default(),
    };
    let answer = Answer::Ready { digest: digest(&offer), head: Box::new(head), bound_ns: 100_000 };
    client.publish(asked.reply.unwrap(), wire::bytes(&answer).into()).await.unwrap();
    (call.run, offer.slots, offer.epoch)
}

fn digest(offer: &Offer) -> String {
    let origin = Origin {
        file: offer.file.clone().map(Into::into),
        folder: offer.folder.clone().into(),
        ..Origin::default()
    };
    let no_file = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
    let scenario = parse(&offer.text, &origin, &|_| None, &no_file).unwrap();
    understood::digest(&scenario, &offer.epoch)
}

/// Says that it lives until a beat says something, or nobody beats any more.
async fn live_until(
    client: &Client,
    (run, epoch): (&str, &str),
    beats: &mut Subscriber,
    is_it: impl Fn(&Beat) -> bool,
) -> Beat {
    loop {
        let alive = Alive {
            epoch: epoch.to_owned(),
            is_running: true,
            skew_ns: 0,
            bound_ns: 100_000,
            trouble: None,
            over: None,
            passed: Vec::new(),
        };
        client.publish(wire::alive(run, AGENT), wire::bytes(&alive).into()).await.unwrap();
        let heard = timeout(PATIENCE / 4, beats.next()).await;
        let Ok(Some(beat)) = heard else { return Beat { over: true, ..Beat::default() } };
        let beat: Beat = wire::read(&beat.payload).unwrap();
        if is_it(&beat) || beat.over {
            return beat;
        }
    }
}

/// A run in which one of two lies, and what it is named for.
#[track_caller]
fn is_named(what: Lie, words: &str) {
    let (server, mut nats) = (truth(), Nats::start());
    nats.agent("honest", &[], &[]);
    let url = nats.url();
    let liar = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { timeout(PATIENCE, lie(url, what)).await }).unwrap();
    });
    let path = write(nats.folder.path(), &scenario(&server, u64::from(SECONDS) - 1));
    let output = finish(&mut nats.run(&path, 2));
    ends_with(&output, 6);
    let said = stdout(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains(words), "{said}");
    liar.join().unwrap();
}

#[test]
fn who_tells_nothing_and_says_that_it_has_finished_is_named() {
    is_named(Lie::Nothing, "liar told of 0 s of 4 s, and that it had finished");
}

#[test]
fn who_tells_of_seconds_in_which_nothing_fell_due_is_named() {
    is_named(Lie::NoRequests, "liar told nothing of");
}

#[test]
fn who_tells_of_more_than_fell_due_is_named() {
    is_named(Lie::Many, "requests more than fell due in second 1");
}
