//! The permissions of `deploy/nats/permissions.conf` with a real server: a run works, and nobody speaks
//! or listens for another.
#![cfg(all(target_os = "linux", feature = "fleet"))]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event};
use futures_util::StreamExt;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use crate::fleet::{record, scenario, sum, truth, write};
use crate::nats::Nats;
use crate::support::{self, ends_with, eventually, finish, stderr};

const SECRET: &str = "pass-of-the-test-0123";

/// A server with these permissions, whose agents and coordinator say who they are.
fn restricted() -> Nats {
    let path = support::root().join("deploy/nats/permissions.conf");
    let text = fs::read_to_string(path).unwrap();
    let passwords = ["COORDINATOR", "EU_1", "EU_2", "ORDERS"].map(|who| format!("${who}_PASSWORD"));
    let text = passwords.iter().fold(text, |text, who| text.replace(who, SECRET));
    Nats::start_with("127.0.0.1", &text)
}

fn as_user(nats: &Nats, user: &str) -> String {
    nats.url().replace("nats://", &format!("nats://{user}:{SECRET}@"))
}

#[test]
fn a_run_works_whose_agents_may_speak_for_themselves_only() {
    let server = truth();
    let mut nats = restricted();
    join(&mut nats);
    let path = write(nats.folder.path(), &scenario(&server, 3));
    let run = |nats: &Nats| {
        let mut command = support::loadgate();
        command.arg("run").arg(&path).args(["--generators", "2", "--via"]);
        command.arg(as_user(nats, "coordinator")).arg("-o").arg(nats.folder.path().join("out"));
        finish(&mut command)
    };
    ends_with(&run(&nats), 0);
    let [planned, sent, unsent] = sum(&record(nats.folder.path()));
    assert_eq!((sent, unsent), (planned, 0));
    // Whoever calls himself by the name of another is not heard.
    let mut nats = restricted();
    let via = as_user(&nats, "eu-1");
    nats.agent_via(&via, "eu-1", &[]);
    nats.agent_via(&via, "eu-2", &[]);
    let output = run(&nats);
    ends_with(&output, 1);
    assert!(stderr(&output).contains("1 of 2 generators"), "{}", stderr(&output));
}

/// Somebody with the credentials of a user.
struct Somebody {
    runtime: Runtime,
    client: Client,
    refusals: mpsc::UnboundedReceiver<String>,
}

impl Somebody {
    fn at(nats: &Nats, user: &str) -> Somebody {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (out, refusals) = mpsc::unbounded_channel();
        let options = ConnectOptions::new()
            .user_and_password(user.to_owned(), SECRET.to_owned())
            .event_callback(move |event| {
                let out = out.clone();
                async move {
                    if let Event::ServerError(error) = event {
                        let _ = out.send(error.to_string());
                    }
                }
            });
        let client = runtime.block_on(options.connect(nats.url())).unwrap();
        Somebody { runtime, client, refusals }
    }

    /// The next thing that is said under a subject, and under which.
    fn hears(&mut self, subject: &str) -> (String, Vec<u8>) {
        self.runtime.block_on(async {
            let mut heard = self.client.subscribe(subject.to_owned()).await.unwrap();
            let next = tokio::time::timeout(Duration::from_secs(20), heard.next());
            let message = next.await.expect("something is said").unwrap();
            (message.subject.to_string(), message.payload.to_vec())
        })
    }

    /// The last message of a stream's subject.
    fn last_of(&self, stream: &str, subject: &str) -> Vec<u8> {
        self.runtime.block_on(async {
            let context = async_nats::jetstream::new(self.client.clone());
            let stream = context.get_stream(stream).await.unwrap();
            let message = stream.get_last_raw_message_by_subject(subject).await.unwrap();
            message.payload.to_vec()
        })
    }

    fn streams(&self) -> Vec<String> {
        self.runtime.block_on(async {
            let context = async_nats::jetstream::new(self.client.clone());
            context.stream_names().map(Result::unwrap).collect().await
        })
    }

    /// What the server said to something: nothing where it took it.
    fn refused(&mut self, doing: impl AsyncFnOnce(&Client)) -> Option<String> {
        let Somebody { runtime, client, refusals } = self;
        runtime.block_on(async {
            doing(client).await;
            client.flush().await.unwrap();
            tokio::time::timeout(Duration::from_millis(500), refusals.recv()).await.ok().flatten()
        })
    }
}

fn join(nats: &mut Nats) {
    for name in ["eu-1", "eu-2"] {
        let via = as_user(nats, name);
        nats.agent_via(&via, name, &[]);
    }
}

#[test]
fn who_is_named_in_the_url_needs_no_other_token() {
    let mut nats = restricted();
    let via = as_user(&nats, "eu-1");
    let mut command = support::loadgate();
    command.args(["agent", "--via", &via, "--name", "eu-1"]).env("LOADGATE_NATS_TOKEN", "another");
    nats.start_agent("eu-1", &mut command);
    let log = nats.folder.path().join("eu-1.log");
    eventually("it waits", || fs::read_to_string(&log).unwrap().contains("waits for work"));
}

#[test]
fn nobody_speaks_by_the_mouth_of_the_coordinator_nor_keeps_others_from_being_heard() {
    let server = truth();
    let mut nats = restricted();
    join(&mut nats);
    let path = write(nats.folder.path(), &scenario(&server, 6));
    let mut command = support::loadgate();
    command.arg("run").arg(&path).args(["--generators", "2", "--via"]);
    command.arg(as_user(&nats, "coordinator")).arg("-o").arg(nats.folder.path().join("out"));
    let printed = nats.folder.path().join("printed");
    let file = || fs::File::options().append(true).create(true).open(&printed).unwrap();
    let mut run = command.stdout(file()).stderr(file()).spawn().unwrap();
    let mut other = Somebody::at(&nats, "coordinator");
    let (subject, _) = other.hears("lg.v1.*.sec.eu-2.*");
    let parts: Vec<&str> = subject.split('.').collect();
    let (run_name, word) = (parts[2], parts[5]);
    let mut attacker = Somebody::at(&nats, "eu-1");
    let own = format!("lg.v1.{run_name}.sec.eu-1.other");
    let refused = attacker.refused(async |client| {
        let clock = format!("lg.v1.{run_name}.clock");
        for reply in [subject.clone(), format!("$KV.lg-{run_name}.epoch")] {
            client.publish_with_reply(clock.clone(), reply, "".into()).await.unwrap();
        }
        for number in (4..30).map(|number| number.to_string()).chain(["end".to_owned()]) {
            let mut headers = async_nats::HeaderMap::new();
            headers.insert("Nats-Msg-Id", format!("eu-2.{word}:{number}").as_str());
            client.publish_with_headers(own.clone(), headers, "{}".into()).await.unwrap();
        }
        // More than the server has under way at a time.
        for _ in 0..60_000 {
            client.publish(own.clone(), "x".into()).await.unwrap();
        }
    });
    assert_eq!(refused, None, "the server lets it say so, and nobody heeds it");
    let epoch = other.last_of(&format!("KV_lg-{run_name}"), &format!("$KV.lg-{run_name}.epoch"));
    assert!(epoch.len() > 16, "another epoch: {epoch:?}");
    let status = support::wait(&mut run);
    let said = fs::read_to_string(&printed).unwrap();
    assert_eq!(status.code(), Some(0), "{said}");
    assert_eq!(other.streams(), Vec::<String>::new(), "nothing is left of the run");
}

#[test]
fn a_forged_subject_is_refused() {
    let nats = restricted();
    let mut agent = Somebody::at(&nats, "eu-1");
    for (subject, is_own) in [
        ("lg.v1.run.sec.eu-1.word", true),
        ("lg.v1.run.end.eu-1.word", true),
        ("lg.v1.run.clock", true),
        ("lg.v1.run.sec.eu-2.word", false),
        ("lg.v1.run.end.eu-2.word", false),
        ("lg.v1.run.alive.eu-2.word", false),
        ("lg.v1.run.hello.eu-2.word", false),
        ("lg.v1.run.target.orders.word", false),
        ("lg.v1.run.ctl", false),
        ("lg.v1.call.default", false),
        ("lg.v1.agent.eu-2.word.offer", false),
        ("$JS.API.STREAM.DELETE.lg-run", false),
    ] {
        let said = agent.refused(async |client| {
            client.publish(subject.to_owned(), "x".into()).await.unwrap();
        });
        assert_eq!(said.is_none(), is_own, "{subject}: {said:?}");
    }
    for (subject, is_own) in [
        ("lg.v1.agent.eu-1.*.offer", true),
        ("lg.v1.agent.eu-2.*.offer", false),
        ("lg.v1.agent.*.*.offer", false),
        ("_INBOX_eu-2.>", false),
        ("_INBOX.>", false),
        ("lg.v1.>", false),
    ] {
        let said = agent.refused(async |client| {
            let mut heard = client.subscribe(subject.to_owned()).await.unwrap();
            let _ = tokio::time::timeout(Duration::from_millis(50), heard.next()).await;
        });
        assert_eq!(said.is_none(), is_own, "{subject}: {said:?}");
    }
    let mut coordinator = Somebody::at(&nats, "coordinator");
    for (subject, is_own) in [
        ("lg.v1.run.ctl", true),
        ("lg.v1.call.default", true),
        ("lg.v1.agent.eu-1.word.offer", true),
        ("_INBOX_eu-1.word.1", true),
        ("lg.v1.run.sec.eu-1.word", false),
        ("lg.v1.run.end.eu-1.word", false),
        ("lg.v1.run.target.orders.word", false),
    ] {
        let said = coordinator.refused(async |client| {
            client.publish(subject.to_owned(), "x".into()).await.unwrap();
        });
        assert_eq!(said.is_none(), is_own, "{subject}: {said:?}");
    }
    let mut watcher = Somebody::at(&nats, "orders");
    let said = watcher.refused(async |client| {
        client.publish("lg.v1.run.sec.eu-1.word", "x".into()).await.unwrap();
    });
    assert!(said.is_some());
}
