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
use crate::support::{self, ends_with, finish, stderr};

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
    for name in ["eu-1", "eu-2"] {
        let via = as_user(&nats, name);
        nats.agent_via(&via, name, &[]);
    }
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
    let mut watcher = Somebody::at(&nats, "orders");
    let said = watcher.refused(async |client| {
        client.publish("lg.v1.run.sec.eu-1.word", "x".into()).await.unwrap();
    });
    assert!(said.is_some());
}
