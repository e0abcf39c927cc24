//! Very many agents that only say what agents say: seconds that one generator has recorded are told
//! for each of them, as if it had sent them. What a coordinator and a server cost under them is
//! measured by `scripts/fleet.py`, which writes the lines: those of `seconds.jsonl`.
//!
//! ```text
//! cargo build --release --example fleet-crowd
//! target/release/examples/fleet-crowd nats://127.0.0.1:4222 POOL AGENTS LINES [SILENT_FROM_SECOND]
//! ```
//!
//! From the second that may be named on the first agent is silent, as one that was killed; when that
//! was is printed, in seconds since 1970.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program for one script")]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_nats::Client;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, Context};
use futures_util::StreamExt;
use loadgate::fleet::replies::Answer;
use loadgate::fleet::understood;
use loadgate::fleet::wire::{
    self, Alive, Beat, Call, Cause, Go, Hello, LOADGATE, Last, Offer, PROTOCOL,
};
use loadgate::record::generator::{Environment, GeneratorHead};
use loadgate::record::handshakes::Handshakes;
use loadgate::scenario::read::{Origin, parse};
use loadgate::scenario::slots::Slots;
use serde_json::Value;
use tokio::time::{interval, sleep};

/// How often an agent says that it lives.
const ALIVE: Duration = Duration::from_millis(250);
/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is told of one second, without whose it is and which tick.
type Told = BTreeMap<u32, Vec<Arc<str>>>;

struct Crowd {
    client: Client,
    context: Context,
    told: Told,
    slots: Vec<Slots>,
    run: String,
    epoch: String,
    silent_from: Option<u32>,
    /// When all said last that they live.
    lived: Cell<Duration>,
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [url, pool, agents, lines, more @ ..] = &words[..] else {
        panic!("URL POOL AGENTS LINES [SILENT_FROM_SECOND]")
    };
    let silent_from = more.first().map(|second| second.parse().unwrap());
    let told = read(&std::fs::read_to_string(lines).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = async_nats::connect(url).await.unwrap();
        let gathering = gather(client, pool, agents.parse().unwrap());
        let (client, slots, run, epoch) = tokio::time::timeout(PATIENCE, gathering).await.unwrap();
        let context = jetstream::new(client.clone());
        let lived = Cell::new(now());
        Crowd { client, context, told, slots, run, epoch, silent_from, lived }.play().await;
    });
}

/// Lines of a journal by the latest second that they tell of.
fn read(text: &str) -> Told {
    let mut told = Told::new();
    for line in text.lines() {
        let Ok(value) = serde_json::from_str::<Value>(line) else { continue };
        let Some(tick) = value.get("tick") else { continue };
        let seconds = |of: &str| -> Option<u64> {
            tick.get(of)?.as_array()?.iter().filter_map(|it| it.get("second")?.as_u64()).max()
        };
        let second = seconds("parts").max(seconds("generator")).unwrap_or(0) as u32;
        // What stands behind slots, claim and number.
        let behind = line.find("\"number\":").unwrap();
        let rest = &line[behind..][line[behind..].find(',').unwrap()..];
        told.entry(second).or_default().push(rest.into());
    }
    told
}

fn name(agent: usize) -> String {
    format!("crowd-{agent:04}")
}

/// What is unlike any other's.
fn whole(agent: usize) -> String {
    wire::agent(&name(agent), "one")
}

/// Answers calls and offers until all are ready.
async fn gather(client: Client, pool: &str, agents: usize) -> (Client, Vec<Slots>, String, String) {
    let mut calls = client.subscribe(wire::call(pool)).await.unwrap();
    let mut offers = client.subscribe("lg.v1.agent.*.*.offer").await.unwrap();
    let call: Call = wire::read(&calls.next().await.unwrap().payload).unwrap();
    for agent in 0..agents {
        let hello = Hello {
            agent: whole(agent),
            name: name(agent),
            protocol: PROTOCOL,
            loadgate: LOADGATE.to_owned(),
            key: None,
            cores: 2,
            place: place(),
        };
        client
            .publish(wire::hello(&call.run, &whole(agent)), wire::bytes(&hello).into())
            .await
            .unwrap();
    }
    let (mut slots, mut digest, mut epoch) = (vec![Slots::all(1); agents], None, String::new());
    for _ in 0..agents {
        let asked = offers.next().await.unwrap();
        let offer: Offer = wire::read(&asked.payload).unwrap();
        let agent = asked.subject.split('.').nth(3).unwrap();
        let index: usize = agent.rsplit_once('-').unwrap().1.parse().unwrap();
        slots[index] = offer.slots;
        let digest = digest.get_or_insert_with(|| digest_of(&offer)).clone();
        let head = GeneratorHead {
            name: agent.to_owned(),
            slots: offer.slots,
            environment: Environment::default(),
        };
        let answer = Answer::Ready { digest, head: Box::new(head), bound_ns: 100_000 };
        client.publish(asked.reply.unwrap(), wire::bytes(&answer).into()).await.unwrap();
        epoch = offer.epoch;
    }
    (client, slots, call.run, epoch)
}

/// As an agent of the same machine and network says it.
fn place() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let network = std::fs::read_link("/proc/self/ns/net").unwrap();
    format!("{} {}", boot.trim(), network.display())
}

fn digest_of(offer: &Offer) -> String {
    let origin = Origin {
        file: offer.file.clone().map(Into::into),
        folder: offer.folder.clone().into(),
        ..Origin::default()
    };
    let no_file = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
    let scenario = parse(&offer.text, &origin, &|_| None, &no_file).unwrap();
    understood::digest(&scenario, &offer.epoch)
}

impl Crowd {
    async fn play(self) {
        let mut beats = self.client.subscribe(wire::beats(&self.run)).await.unwrap();
        let go = self.start(&mut beats).await;
        let mut every = interval(ALIVE);
        let (mut told, mut ticks, mut is_over) = (0, 0_u32, false);
        let last = self.told.keys().next_back().copied().unwrap_or(0);
        let since = UNIX_EPOCH + Duration::from_nanos(go.wall_ns);
        while told <= last && !is_over {
            tokio::select! {
                _ = every.tick() => self.live(told).await,
                Some(beat) = beats.next() => {
                    let beat: Beat = wire::read(&beat.payload).unwrap();
                    is_over = beat.over || beat.stop.is_some();
                }
            }
            let elapsed = SystemTime::now().duration_since(since).unwrap_or_default();
            // A second is told when it has passed.
            while told <= last && elapsed >= Duration::from_secs(u64::from(told) + 1) {
                ticks += self.tell(told, ticks).await;
                told += 1;
                if self.silent_from == Some(told) {
                    println!("silent {:?}", now().as_secs_f64());
                }
            }
        }
        self.end(ticks).await;
        let until = now() + PATIENCE / 4;
        while now() < until && !is_over {
            self.live(told).await;
            let heard = tokio::time::timeout(ALIVE, beats.next()).await;
            let Ok(Some(beat)) = heard else { continue };
            let beat: Beat = wire::read(&beat.payload).unwrap();
            is_over = beat.over || beat.done.len() >= self.slots.len();
        }
    }

    async fn start(&self, beats: &mut async_nats::Subscriber) -> Go {
        loop {
            tokio::select! {
                () = sleep(ALIVE) => self.live(0).await,
                Some(beat) = beats.next() => {
                    let beat: Beat = wire::read(&beat.payload).unwrap();
                    if let Some(go) = beat.go {
                        return go;
                    }
                }
            }
        }
    }

    /// Whether an agent says anything at a second.
    fn speaks(&self, agent: usize, second: u32) -> bool {
        agent > 0 || self.silent_from.is_none_or(|from| second < from)
    }

    async fn live(&self, second: u32) {
        self.lived.set(now());
        let alive = Alive {
            epoch: self.epoch.clone(),
            is_running: true,
            skew_ns: 0,
            bound_ns: 100_000,
            trouble: None,
            over: None,
            passed: Vec::new(),
        };
        let said = wire::bytes(&alive);
        for agent in (0..self.slots.len()).filter(|agent| self.speaks(*agent, second)) {
            let subject = wire::alive(&self.run, &whole(agent));
            self.client.publish(subject, said.clone().into()).await.unwrap();
        }
    }

    /// Tells a second for all; how many ticks each has told.
    async fn tell(&self, second: u32, before: u32) -> u32 {
        let Some(lines) = self.told.get(&second) else { return 0 };
        for agent in (0..self.slots.len()).filter(|agent| self.speaks(*agent, second)) {
            // To tell a second takes a while.
            if now() > self.lived.get() + ALIVE {
                self.live(second).await;
                tokio::task::yield_now().await;
            }
            let Slots { first, count, of } = self.slots[agent];
            for (number, rest) in (before..).zip(lines) {
                let line = format!(
                    "{{\"tick\":{{\"slots\":{{\"first\":{first},\"count\":{count},\"of\":{of}}},\
                     \"claim\":0,\"number\":{number}{rest}\n"
                );
                let id = format!("{}:{number}", whole(agent));
                self.put(wire::ticks(&self.run, &whole(agent)), &id, line.into_bytes()).await;
            }
        }
        lines.len() as u32
    }

    async fn put(&self, subject: String, id: &str, said: Vec<u8>) {
        let message = PublishMessage::build().message_id(id).payload(said.into());
        let sent = self.context.send_publish(subject, message).await.unwrap();
        tokio::spawn(async move {
            if let Err(error) = sent.await {
                println!("refused {error}");
            }
        });
    }

    async fn end(&self, ticks: u32) {
        let last = Last {
            epoch: self.epoch.clone(),
            cause: Cause::Finished,
            ticks,
            iterations: 0,
            completed: 0,
            handshakes: Handshakes::default(),
            failures: String::new(),
            used_up: None,
        };
        let said = wire::bytes(&last);
        for agent in (0..self.slots.len()).filter(|agent| self.speaks(*agent, u32::MAX)) {
            let subject = wire::end(&self.run, &whole(agent));
            self.put(subject, &format!("{}:end", whole(agent)), said.clone()).await;
        }
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}
