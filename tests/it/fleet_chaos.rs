//! Several generators and a world that is against them: clocks that have nothing in common, a
//! link that breaks, a stream that takes nothing, and somebody who says what is not so.
#![cfg(all(target_os = "linux", feature = "fleet"))]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::Client;
use async_nats::jetstream;
use futures_util::StreamExt;
use loadgate::fleet::epoch;
use loadgate::fleet::gathering::Desk;
use loadgate::fleet::link::{Link, Via};
use loadgate::fleet::wire::{Alive, Last};
use loadgate::record::handshakes::Handshakes;
use loadgate::record::run::EndReason;
use loadgate::record::telemetry::GeneratorSecond;
use loadgate::scenario::read::load;
use loadgate::schedule::Arrivals;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::fleet::{
    RATE, Truth, came, is_named, numbers, record, scenario, sum, truth, truth_of, write,
};
use crate::nats::Nats;
use crate::support::{self, ends_with, eventually, finish, stderr, stdout};
use crate::truth_server::{Act, Behaviour, TruthServer, response};

/// In a namespace of time whose clock, which never goes back, is so many seconds ahead.
fn ahead(seconds: &str) -> [&str; 5] {
    ["unshare", "--time", "--monotonic", seconds, "--"]
}

#[test]
fn clocks_that_are_a_thousand_seconds_apart_send_what_one_machine_sends_at_the_same_moments() {
    let mut probe = Command::new("unshare");
    if !probe.args(&ahead("1000")[1..]).arg("true").status().is_ok_and(|it| it.success()) {
        return support::skip("this machine lets nobody have a clock of their own");
    }
    let (server, mut nats) = (truth(), Nats::start());
    for (name, seconds) in [("0", "0"), ("1", "1000"), ("2", "2000"), ("3", "3000")] {
        nats.agent_in(name, &ahead(seconds), &[]);
    }
    let asked = scenario(&server, 6);
    let path = write(nats.folder.path(), &asked);
    ends_with(&finish(&mut nats.run(&path, 4)), 0);
    let arrivals: Vec<_> = Arrivals::new(&load(&path, &|_| None).unwrap().load).collect();
    assert_eq!(numbers(&server), (1..=arrivals.len() as u64).collect());
    // How late each generator's requests came, against one clock; the truth's own start is unknown.
    let mut late: [Vec<i64>; 4] = [const { Vec::new() }; 4];
    for (number, at) in came(&server) {
        let due = arrivals[number as usize - 1].at.0.cast_signed();
        let at = at.duration_since(server.start).as_nanos() as i64;
        late[(number as usize - 1) % 4].push(at - due);
    }
    let medians = late.map(|mut late| {
        late.sort_unstable();
        late[late.len() / 2]
    });
    let apart = medians.iter().max().unwrap() - medians.iter().min().unwrap();
    assert!(apart < 2_000_000, "medians are {apart} ns apart: {medians:?}");
    let record = record(nats.folder.path());
    let off = record.generator.iter().map(GeneratorSecond::off_schedule_ns).max().unwrap();
    assert!(off < 250_000_000, "{off}");
}

/// A client of the server, beside coordinator and agents.
struct Stranger {
    runtime: Runtime,
    client: Client,
}

impl Stranger {
    fn at(nats: &Nats) -> Stranger {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = runtime.block_on(async_nats::connect(nats.url())).unwrap();
        Stranger { runtime, client }
    }

    /// The stream of the only run changes what it takes at most.
    fn limit(&self, bytes: i64) {
        let streams = self.streams();
        self.runtime.block_on(async {
            let context = jetstream::new(self.client.clone());
            let name = streams.keys().find(|name| name.starts_with("lg-")).unwrap();
            let stream = context.get_stream(name).await.unwrap();
            let config = stream.cached_info().config.clone();
            let config = jetstream::stream::Config { max_bytes: bytes, ..config };
            context.update_stream(config).await.unwrap();
        });
    }

    /// All streams, buckets among them, and how long what is in each is kept.
    fn streams(&self) -> BTreeMap<String, Duration> {
        self.runtime.block_on(async {
            let context = jetstream::new(self.client.clone());
            let of = |info: jetstream::stream::Info| (info.config.name, info.config.max_age);
            context.streams().map(|info| of(info.unwrap())).collect().await
        })
    }

    /// A stream, or a bucket with something in it, that keeps what it has for so long.
    fn make(&self, name: &str, max_age: Duration, content: Option<&'static str>) {
        self.runtime.block_on(async {
            let context = jetstream::new(self.client.clone());
            let Some(content) = content else {
                let subjects = vec![format!("other.{name}")];
                let name = name.to_owned();
                let config =
                    jetstream::stream::Config { name, subjects, max_age, ..Default::default() };
                context.create_stream(config).await.unwrap();
                return;
            };
            let bucket = name.strip_prefix("KV_").unwrap().to_owned();
            let config = jetstream::kv::Config { bucket, max_age, ..Default::default() };
            let bucket = context.create_key_value(config).await.unwrap();
            bucket.put("epoch", content.into()).await.unwrap();
        });
    }

    /// Whether there is nothing in a stream.
    fn is_empty(&self, name: &str) -> bool {
        self.runtime.block_on(async {
            let context = jetstream::new(self.client.clone());
            context.get_stream(name).await.unwrap().cached_info().state.messages == 0
        })
    }

    /// The next thing that is said under a subject, and under which.
    fn hear(&self, subject: &str) -> (String, Vec<u8>) {
        self.runtime.block_on(async {
            let mut heard = self.client.subscribe(subject.to_owned()).await.unwrap();
            let next = tokio::time::timeout(Duration::from_secs(20), heard.next());
            let message = next.await.expect("something is said").unwrap();
            (message.subject.to_string(), message.payload.to_vec())
        })
    }

    fn say(&self, subject: &str, said: &[u8]) {
        self.runtime.block_on(async {
            self.client.publish(subject.to_owned(), said.to_vec().into()).await.unwrap();
            self.client.flush().await.unwrap();
        });
    }
}

/// Two agents at work.
fn at_work(seconds: u64) -> (Truth, Nats, Child) {
    at_work_with(seconds, &[])
}

/// The same with flags of theirs.
fn at_work_with(seconds: u64, flags: &[&str]) -> (Truth, Nats, Child) {
    sharing((seconds, flags, &[]))
}

/// The same with flags of the run.
fn sharing((seconds, flags, of_run): (u64, &[&str], &[&str])) -> (Truth, Nats, Child) {
    let (server, mut nats) = (truth(), Nats::start());
    for name in ["one", "two"] {
        nats.agent(name, flags, &[]);
    }
    let path = write(nats.folder.path(), &scenario(&server, seconds));
    let file = |name: &str| fs::File::create(nats.folder.path().join(name)).unwrap();
    let mut run = nats.run(&path, 2);
    run.args(of_run).stdout(file("out.txt")).stderr(file("err.txt"));
    let run = run.spawn().unwrap();
    eventually("the load has begun", || came(&server).len() as u64 > 2 * RATE);
    (server, nats, run)
}

/// The run's end, with what it printed.
fn end_of(nats: &Nats, run: &mut Child) -> std::process::Output {
    let status = support::wait(run);
    let read = |name: &str| fs::read(nats.folder.path().join(name)).unwrap();
    std::process::Output { status, stdout: read("out.txt"), stderr: read("err.txt") }
}

#[test]
fn a_stream_that_is_full_for_a_while_is_told_and_loses_nothing() {
    let (server, nats, mut run) = at_work(12);
    let stranger = Stranger::at(&nats);
    stranger.limit(100);
    let errors = nats.folder.path().join("err.txt");
    eventually("it is told", || {
        fs::read_to_string(&errors).unwrap().contains("cannot tell what it learns")
    });
    stranger.limit(256 * 1024 * 1024);
    let output = end_of(&nats, &mut run);
    ends_with(&output, 0);
    let record = record(nats.folder.path());
    let [planned, sent, unsent] = sum(&record);
    assert_eq!((sent, unsent), (planned, 0));
    assert_eq!(numbers(&server).len() as u64, planned);
    let said = stderr(&output);
    assert!(["one", "two"].iter().any(|name| said.contains(&format!("{name} cannot"))), "{said}");
}

#[test]
fn a_stream_that_stays_full_ends_the_run_early_by_name() {
    let (server, nats, mut run) = at_work_with(60, &["--spool", "4kB"]);
    Stranger::at(&nats).limit(100);
    let output = end_of(&nats, &mut run);
    ends_with(&output, 6);
    let said = stdout(&output);
    assert!(said.contains("could not be told"), "{said}");
    assert!(["one", "two"].iter().any(|name| said.contains(&format!("{name} failed"))), "{said}");
    let end = record(nats.folder.path()).end.unwrap();
    assert!(end.scheduled < 40.0, "early: {}", end.scheduled);
    assert!(came(&server).len() < 50 * RATE as usize);
}

/// What is of nobody of the run is confirmed, and leaves room again.
#[test]
fn a_stream_of_200_kb_that_strangers_fill_loses_nothing() {
    let (server, nats, mut run) = at_work(10);
    let stranger = Stranger::at(&nats);
    stranger.limit(200_000);
    let (subject, _) = stranger.hear("lg.v1.*.sec.*.*");
    let (before, _) = subject.rsplit_once('.').unwrap();
    for bytes in [60_000, 10_000, 1_000, 100].repeat(20) {
        stranger.say(&format!("{before}.stranger"), &vec![b'x'; bytes]);
    }
    let output = end_of(&nats, &mut run);
    ends_with(&output, 0);
    let [planned, sent, unsent] = sum(&record(nats.folder.path()));
    assert_eq!((sent, unsent), (planned, 0));
    assert_eq!(numbers(&server).len() as u64, planned);
}

/// Nothing of any run is on the server, but for these.
#[track_caller]
fn there_are(stranger: &Stranger, expected: &[&str]) {
    let mut found = Vec::new();
    eventually(&format!("there are {expected:?}"), || {
        found = stranger.streams().into_keys().collect::<Vec<_>>();
        found == expected
    });
}

#[test]
fn of_two_who_want_a_run_at_the_same_time_one_has_it() {
    let nats = Nats::start();
    let link = Link::connect(&Via { url: nats.url(), ..Via::default() }, "test", None).unwrap();
    let one = ["one".to_owned()];
    epoch::begin(&link, "run", "one").unwrap();
    assert!(epoch::begin(&link, "run", "another").is_err(), "it has begun");
    let [first, second] = [(); 2].map(|()| epoch::look(&link, "run", &one).unwrap());
    first.take(&link, "two").unwrap();
    let why = second.take(&link, "three").unwrap_err().to_string();
    assert!(why.contains("another one is taking it over"), "{why}");
    let late = epoch::look(&link, "run", &one).unwrap_err().to_string();
    assert!(late.contains("another one has taken it over"), "{late}");
    let is_of = |own: &str| link.wait(epoch::is_of(link.context(), "run", own));
    assert!(is_of("two") && !is_of("one") && !is_of("three"));
    // Nobody but its owner says again whose it is, and whoever looked before that is too late.
    let seen = epoch::look(&link, "run", &["two".to_owned()]).unwrap();
    link.wait(epoch::renew(link.context(), "run", "one"));
    assert!(is_of("two"));
    link.wait(epoch::renew(link.context(), "run", "two"));
    assert!(is_of("two") && seen.take(&link, "four").is_err(), "it was said again");
}

#[test]
fn whoever_has_a_run_no_more_takes_nothing_of_it_away() {
    let nats = Nats::start();
    let via = Via { url: nats.url(), ..Via::default() };
    let link = Arc::new(Link::connect(&via, "test", None).unwrap());
    let [frozen, own] = [(); 2].map(|()| Desk::open(Arc::clone(&link)).unwrap());
    let seen = epoch::look(&link, &frozen.run, std::slice::from_ref(&frozen.epoch)).unwrap();
    seen.take(&link, "another").unwrap();
    frozen.close();
    own.close();
    let run = &frozen.run;
    there_are(&Stranger::at(&nats), &[&format!("KV_lg-{run}"), &format!("lg-{run}")]);
}

#[test]
fn what_runs_leave_on_the_server_has_an_end_and_the_next_run_removes_it() {
    let (_server, nats, mut run) = at_work(60);
    let stranger = Stranger::at(&nats);
    let streams = stranger.streams();
    let (day, two) = (Duration::from_secs(24 * 3_600), streams.len() == 2);
    assert!(two && streams.values().all(|kept| *kept == day), "{streams:?}");
    run.kill().unwrap();
    run.wait().unwrap();
    // Of runs of long ago: one that nobody completed, one that somebody may, and what is no run's.
    let (soon, long) = (Duration::from_secs(1), Duration::from_secs(1_000));
    for (name, kept) in [("KV_lg-over", soon), ("KV_lg-mine", long), ("KV_orders", soon)] {
        stranger.make(name, kept, Some("word"));
    }
    for (name, kept) in [("lg-over", long), ("lg-mine", soon), ("orders", soon)] {
        stranger.make(name, kept, None);
    }
    let mut all: Vec<String> = streams.into_keys().collect();
    all.extend(["KV_lg-mine", "KV_orders", "lg-mine", "orders"].map(str::to_owned));
    all.sort_unstable();
    eventually("the server has forgotten", || stranger.is_empty("KV_lg-over"));
    std::thread::sleep(Duration::from_secs(2));
    // Nobody is there to take part, and yet.
    let path = nats.folder.path().join("shared.json");
    ends_with(&finish(nats.run(&path, 5).args(["--pool", "nobody"])), 1);
    there_are(&stranger, &all.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn what_a_stranger_says_is_not_counted() {
    let (server, nats, mut run) = at_work(8);
    let stranger = Stranger::at(&nats);
    let (subject, tick) = stranger.hear("lg.v1.*.sec.*.*");
    let (before, _) = subject.rsplit_once('.').unwrap();
    stranger.say(&format!("{before}.stranger"), &tick);
    // The same tick again is known, and nobody's last word is that of another coordinator.
    stranger.say(&subject, &tick);
    // Nor does it become another one by what else it says: the first of a claim and number counts.
    let mut other: serde_json::Value = serde_json::from_slice(&tick).unwrap();
    other["tick"]["generator"] = json!([]);
    let parts = other["tick"]["parts"].as_array_mut();
    for part in parts.into_iter().flatten() {
        part["counts"]["planned"] = json!(part["counts"]["planned"].as_u64().unwrap() + 1_000);
    }
    stranger.say(&subject, other.to_string().as_bytes());
    let end = subject.replace(".sec.", ".end.");
    let last = json!({ "epoch": "x", "cause": "finished", "ticks": 0, "iterations": 0, "completed": 0,
        "handshakes": serde_json::to_value(Handshakes::default()).unwrap(), "failures": "",
        "used_up": null });
    assert!(serde_json::from_value::<Last>(last.clone()).is_ok(), "it can be read");
    stranger.say(&end, last.to_string().as_bytes());
    stranger.say(&end, b"\xff\xfe nonsense");
    let lives = subject.replace(".sec.", ".alive.");
    stranger.say(&lives, b"{}");
    let (_, alive) = stranger.hear(&lives);
    let mut failed: serde_json::Value = serde_json::from_slice(&alive).unwrap();
    (failed["epoch"], failed["over"]) = (json!("x"), json!({ "failed": "it is of another run" }));
    assert!(serde_json::from_value::<Alive>(failed.clone()).is_ok(), "it can be read");
    stranger.say(&lives, failed.to_string().as_bytes());
    ends_with(&end_of(&nats, &mut run), 0);
    let [planned, sent, unsent] = sum(&record(nats.folder.path()));
    assert_eq!((sent, unsent, numbers(&server).len() as u64), (planned, 0, planned));
}

#[test]
fn who_tells_of_slots_of_another_is_named_and_voids_the_run() {
    let (_server, nats, mut run) = at_work(30);
    let stranger = Stranger::at(&nats);
    let (subject, tick) = stranger.hear("lg.v1.*.sec.*.*");
    let mut other = subject.clone();
    while other == subject {
        (other, _) = stranger.hear("lg.v1.*.sec.*.*");
    }
    stranger.say(&other, &tick);
    let output = end_of(&nats, &mut run);
    ends_with(&output, 6);
    assert!(stdout(&output).contains("told what cannot be"), "{}", stdout(&output));
    let end = record(nats.folder.path()).end.unwrap();
    assert!(matches!(end.reason, EndReason::GeneratorLost { .. }), "{:?}", end.reason);
}

#[test]
fn who_tells_under_another_claim_is_named_and_nobody_goes_on_without_it() {
    // What such a one has begun nobody knows, so that nothing of it can be counted as unsent.
    let (server, nats, mut run) = sharing((30, &[], &["--lost", "unsent"]));
    let stranger = Stranger::at(&nats);
    let (subject, tick) = stranger.hear("lg.v1.*.sec.*.*");
    let mut other: serde_json::Value = serde_json::from_slice(&tick).unwrap();
    other["tick"]["claim"] = json!(1);
    other["tick"]["number"] = json!(0);
    stranger.say(&subject, other.to_string().as_bytes());
    let output = end_of(&nats, &mut run);
    ends_with(&output, 6);
    assert!(stdout(&output).contains("told what cannot be"), "{}", stdout(&output));
    assert!(sum(&record(nats.folder.path()))[1] as usize <= came(&server).len());
}

#[test]
fn a_beat_of_somebody_else_prolongs_nothing_and_stops_nobody() {
    let (_server, nats, mut run) = at_work(6);
    let stranger = Stranger::at(&nats);
    // One as agents read it, of somebody else.
    let (subject, said) = stranger.hear("lg.v1.*.ctl");
    let mut beat: serde_json::Value = serde_json::from_slice(&said).unwrap();
    for (key, value) in [
        ("epoch", json!("x")),
        ("at", json!(u64::MAX / 2)),
        ("stop", json!(0)),
        ("over", json!(true)),
    ] {
        assert!(beat.get(key).is_some(), "{key}: {beat}");
        beat[key] = value;
    }
    stranger.say(&subject, beat.to_string().as_bytes());
    ends_with(&end_of(&nats, &mut run), 0);
}

#[test]
fn whoever_was_followed_by_another_one_commands_nobody_any_more() {
    let (_server, nats, mut run) = at_work(30);
    let stranger = Stranger::at(&nats);
    let (subject, said) = stranger.hear("lg.v1.*.ctl");
    let mut beat: serde_json::Value = serde_json::from_slice(&said).unwrap();
    // It lets nobody stop, and yet nobody heeds those whom it follows.
    beat["after"] = json!([beat["epoch"]]);
    beat["epoch"] = json!("next");
    beat["at"] = json!(0);
    stranger.say(&subject, beat.to_string().as_bytes());
    let output = end_of(&nats, &mut run);
    ends_with(&output, 6);
    let said = stdout(&output);
    assert!(said.contains("heard nothing of the coordinator for 3 s"), "{said}");
}

#[test]
fn who_lives_and_does_not_start_is_named() {
    // The walk before takes a while, in which all are ready and wait.
    let server = truth_of(|request| {
        let answer = response(200, "{}");
        let is_walk = request.path().len() > "/s/100000".len();
        if is_walk {
            [vec![Act::Wait(Duration::from_millis(1_800))], answer].concat()
        } else {
            answer
        }
    });
    let mut nats = Nats::start();
    for name in ["one", "two"] {
        nats.agent(name, &[], &[]);
    }
    let stranger = Stranger::at(&nats);
    let path = write(nats.folder.path(), &scenario(&server, 30));
    let file = |name: &str| fs::File::create(nats.folder.path().join(name)).unwrap();
    let mut run =
        nats.run(&path, 2).stdout(file("out.txt")).stderr(file("err.txt")).spawn().unwrap();
    // Both wait; one of them only is there when the other one stands still.
    let mut waiting = BTreeMap::new();
    while waiting.len() < 2 {
        waiting.extend([stranger.hear("lg.v1.*.alive.*.*")]);
    }
    nats.signal("two", nix::sys::signal::Signal::SIGSTOP);
    std::thread::sleep(Duration::from_millis(100));
    let (of_one, _) = stranger.hear("lg.v1.*.alive.*.*");
    waiting.remove(&of_one);
    // Somebody says for it that it waits.
    let (other, said) = waiting.pop_first().unwrap();
    let said: serde_json::Value = serde_json::from_slice(&said).unwrap();
    assert_eq!(said["is_running"], json!(false));
    while run.try_wait().unwrap().is_none() {
        stranger.say(&other, said.to_string().as_bytes());
        std::thread::sleep(Duration::from_millis(200));
    }
    let output = end_of(&nats, &mut run);
    ends_with(&output, 6);
    assert!(stdout(&output).contains("two did not start"), "{}", stdout(&output));
    let end = record(nats.folder.path()).end.unwrap();
    assert!(end.scheduled < 4.0, "after {} s", end.scheduled);
}

/// Set for the test that runs in a network of its own.
const OWN_NETWORK: &str = "LOADGATE_TEST_OWN_NETWORK";

#[test]
fn a_generator_that_is_cut_off_stops_by_itself_and_voids_the_run() {
    let can = Command::new("unshare").args(["-n", "--", "true"]).stderr(Stdio::null()).status();
    if !can.is_ok_and(|status| status.success()) {
        return support::skip("this machine lets nobody make a network");
    }
    let mut command = Command::new("unshare");
    command.args(["-n", "--", "sh", "-c", "ip link set lo up && exec \"$0\" \"$@\""]);
    command.arg(std::env::current_exe().unwrap());
    let inside = ["--exact", "fleet_chaos::cut_off", "--ignored", "--nocapture"];
    let inside = finish(command.args(inside).env(OWN_NETWORK, "yes"));
    let said = format!("{}{}", stdout(&inside), stderr(&inside));
    assert!(inside.status.success() && said.contains("1 passed"), "{said}");
}

fn ip(words: &str) {
    let status = Command::new("ip").args(words.split(' ')).status().unwrap();
    assert!(status.success(), "ip {words}");
}

/// Two links to the network of a process: one to the server, one to the target.
fn link(process: u32) {
    let place = format!("/proc/{process}/ns/net");
    let own = fs::read_link("/proc/self/ns/net").unwrap();
    eventually("it has a network of its own", || {
        fs::read_link(&place).is_ok_and(|network| network != own)
    });
    for (name, ours, theirs) in
        [("nats", "198.18.0.1/30", "198.18.0.2/30"), ("site", "198.18.1.1/30", "198.18.1.2/30")]
    {
        ip(&format!("link add {name} type veth peer name far-{name} netns {process}"));
        ip(&format!("addr add {ours} dev {name}"));
        ip(&format!("link set {name} up"));
        let far = |words: String| {
            let mut command = Command::new("nsenter");
            command.args(["-t", &process.to_string(), "-n", "ip"]).args(words.split(' '));
            assert!(command.status().unwrap().success(), "{words}");
        };
        far(format!("addr add {theirs} dev far-{name}"));
        far(format!("link set far-{name} up"));
    }
}

#[test]
#[ignore = "needs the network that another test makes for it"]
fn cut_off() {
    assert!(std::env::var_os(OWN_NETWORK).is_some(), "run by another test only");
    // An address that stays when the link is down.
    ip("addr add 198.18.2.1/32 dev lo");
    let site = Ipv4Addr::new(198, 18, 1, 1);
    let mut nats = Nats::start_with("0.0.0.0", "");
    nats.host = "198.18.0.1".to_owned();
    let allow = ["--allow-host", "198.18.1.1"];
    let far = nats.agent_in("far", &["unshare", "-n", "--"], &allow);
    link(far);
    nats.host = "198.18.2.1".to_owned();
    nats.agent("near", &allow, &[]);
    let server = TruthServer::start_at(site, Behaviour::replying(|_| response(200, "{}")));
    let server = Truth { server, start: Instant::now() };
    let path = write(nats.folder.path(), &scenario(&server, 40));
    let file = |name: &str| fs::File::create(nats.folder.path().join(name)).unwrap();
    let mut run = nats.run(&path, 2);
    run.args(["--allow-host", "198.18.1.1"]).stdout(file("out.txt")).stderr(file("err.txt"));
    let mut run = run.spawn().unwrap();
    eventually("the load has begun", || {
        assert!(run.try_wait().unwrap().is_none(), "{}", stderr(&end_of(&nats, &mut run)));
        came(&server).len() as u64 > 2 * RATE
    });
    // The target is still to be had.
    ip("link set nats down");
    let cut = Instant::now();
    let output = end_of(&nats, &mut run);
    is_named(&nats, &output, "far", "not heard of for 3 s");
    std::thread::sleep(Duration::from_secs(5).saturating_sub(cut.elapsed()));
    let last = came(&server).into_iter().map(|(_, at)| at).max().unwrap();
    let after = last.saturating_duration_since(cut);
    assert!(after < Duration::from_millis(3_900), "{after:?}");
}
