//! The connection to the server of NATS: its own thread, from which others hear by channels.
//!
//! It is made again whenever it breaks, five times a second. What is said meanwhile is said when it
//! is there again; whoever needs to know that it arrived asks for an answer.

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, Context};
use async_nats::{Client, ConnectOptions, Request, ServerAddr};
use futures_util::StreamExt;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use crate::experiment::control::Control;
use crate::fleet::fault::FleetFault;

/// How long one try to connect may take.
const CONNECTING: Duration = Duration::from_secs(5);
/// Between two tries of whoever waits for work.
const LATER: Duration = Duration::from_secs(1);
/// How often it is looked meanwhile whether it shall end.
const LOOK: Duration = Duration::from_millis(100);
/// Between two tries.
const AGAIN: Duration = Duration::from_millis(200);
/// How often it is looked whether the other side lives.
const PING: Duration = Duration::from_secs(2);
/// How long the server's answer to what a stream takes may take.
const ANSWER: Duration = Duration::from_secs(3);

/// Where the server is, and who we are to it.
#[derive(Debug, Clone, Default)]
pub struct Via {
    /// `nats://host:port`, or `tls://host:port`; a token or a user and a password may be in it.
    pub url: String,
    /// A token, for a server whose URL has none.
    pub token: Option<String>,
    /// A certificate to trust besides those of the system.
    pub ca: Option<PathBuf>,
    /// A file of credentials: a user's JWT and the seed of its key.
    pub creds: Option<PathBuf>,
}

impl Via {
    /// The server as it may be shown.
    pub fn shown(&self) -> String {
        let rest = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        rest.rsplit_once('@').map_or(rest, |(_, host)| host).to_owned()
    }
}

/// What was heard.
#[derive(Debug)]
pub struct Heard {
    /// Under which subject.
    pub subject: String,
    /// Where an answer goes, if one is awaited.
    pub reply: Option<String>,
    /// What.
    pub said: Vec<u8>,
}

/// A connection.
pub struct Link {
    handle: Handle,
    client: Client,
    context: Context,
    _ends: oneshot::Sender<()>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

impl Link {
    /// Connects. Answers come under a subject of its own, where it has one.
    pub fn connect(via: &Via, name: &str, inbox: Option<&str>) -> Result<Link, FleetFault> {
        let unusable = |error: io::Error| FleetFault::Unreachable(error.to_string());
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(unusable)?;
        let handle = runtime.handle().clone();
        let (ends, ended) = oneshot::channel::<()>();
        thread::Builder::new()
            .name("nats".to_owned())
            .spawn(move || {
                // It ends with the link.
                let _ = runtime.block_on(ended);
                runtime.shutdown_background();
            })
            .map_err(unusable)?;
        let unreachable = |why: String| {
            FleetFault::Unreachable(format!("{} cannot be reached: {why}", via.shown()))
        };
        let connecting = async {
            options(via, (name, inbox))?
                .connect(via.url.as_str())
                .await
                .map_err(|error| error.to_string())
        };
        let client = handle.block_on(connecting).map_err(unreachable)?;
        // It starts a task of its own.
        let mut context = {
            let _inside = handle.enter();
            jetstream::new(client.clone())
        };
        context.set_timeout(ANSWER);
        Ok(Link { handle, client, context, _ends: ends })
    }

    /// Waits for something that happens on the link's thread.
    pub fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.handle.block_on(work)
    }

    /// Does something on the link's thread.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        self.handle.spawn(work).abort_handle()
    }

    /// Whether the server is there at the moment.
    pub fn is_connected(&self) -> bool {
        self.client.connection_state() == async_nats::connection::State::Connected
    }

    /// The client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Its streams.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Says something to whoever hears it.
    pub fn say(&self, subject: String, said: Vec<u8>) {
        // A connection that was given up for good is noticed by what is not heard.
        let _ = self.wait(self.client.publish(subject, said.into()));
    }

    /// Asks somebody.
    pub fn ask(&self, subject: String, said: Vec<u8>, within: Duration) -> Result<Vec<u8>, String> {
        self.wait(async {
            // However long the client would wait: the patience is ours.
            let request = Request::new().payload(said.into()).timeout(None);
            let asked = self.client.send_request(subject, request);
            match tokio::time::timeout(within, asked).await {
                Ok(Ok(answer)) => Ok(answer.payload.to_vec()),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err(format!("no answer within {} s", within.as_secs_f64())),
            }
        })
    }

    /// Hears everything under a subject.
    pub fn listen(&self, subject: &str) -> Result<Receiver<Heard>, FleetFault> {
        let (out, heard) = channel();
        self.listen_into(subject, out, |heard| heard)?;
        Ok(heard)
    }

    /// The same, into a channel that hears other things too.
    pub fn listen_into<T: Send + 'static>(
        &self,
        subject: &str,
        out: Sender<T>,
        as_what: impl Fn(Heard) -> T + Send + 'static,
    ) -> Result<AbortHandle, FleetFault> {
        let unreachable = |why: String| FleetFault::Unreachable(format!("{subject}: {why}"));
        let listening = async {
            let messages = self.client.subscribe(subject.to_owned()).await;
            let messages = messages.map_err(|error| error.to_string())?;
            // What is said from now on is heard.
            self.client.flush().await.map_err(|error| error.to_string())?;
            Ok(messages)
        };
        let gone = |_| Err("the server does not answer".to_owned());
        let mut messages = self
            .wait(async { tokio::time::timeout(ANSWER, listening).await.unwrap_or_else(gone) })
            .map_err(unreachable)?;
        Ok(self.spawn(async move {
            while let Some(message) = messages.next().await {
                let heard = Heard {
                    subject: message.subject.to_string(),
                    reply: message.reply.map(|reply| reply.to_string()),
                    said: message.payload.to_vec(),
                };
                if out.send(as_what(heard)).is_err() {
                    return;
                }
            }
        }))
    }

    /// Puts something into a stream; the server has it then. What is tried again may be there twice.
    pub fn put(&self, subject: &str, said: &[u8]) -> Result<(), String> {
        self.wait(async {
            let message = PublishMessage::build().payload(said.to_vec().into());
            let asked = self.context.send_publish(subject.to_owned(), message);
            let putting = async {
                asked
                    .await
                    .map_err(|error| error.to_string())?
                    .await
                    .map_err(|error| error.to_string())
            };
            match tokio::time::timeout(ANSWER, putting).await {
                Ok(put) => put.map(drop),
                Err(_) => Err("the server does not answer".to_owned()),
            }
        })
    }

    /// Waits until everything that was said has left.
    pub fn flush(&self) {
        let _ = self.wait(async { tokio::time::timeout(ANSWER, self.client.flush()).await });
    }
}

/// Connects, however long that takes, unless it is for one run.
pub fn connect(
    (via, name, inbox): (&Via, &str, Option<&str>),
    once: bool,
    control: &Control,
    tell: &mut dyn FnMut(&str),
) -> Result<Option<Link>, FleetFault> {
    let mut is_told = false;
    loop {
        match Link::connect(via, name, inbox) {
            Ok(link) => return Ok(Some(link)),
            Err(error) if once => return Err(error),
            Err(error) if !is_told => tell(&format!("{error}; trying on")),
            Err(_) => {}
        }
        is_told = true;
        let until = Instant::now() + LATER;
        while Instant::now() < until {
            if control.ended().is_some() {
                return Ok(None);
            }
            thread::sleep(LOOK);
        }
    }
}

/// Who we are to a server.
#[derive(Debug, PartialEq, Eq)]
enum Who<'v> {
    Nobody,
    Credentials(&'v Path),
    Token(String),
    User(String, String),
}

/// What was written for this server counts before what the environment has for any.
fn who<'v>(via: &'v Via, address: &ServerAddr) -> Who<'v> {
    if let Some(path) = &via.creds {
        return Who::Credentials(path);
    }
    match (address.username(), address.password(), &via.token) {
        (Some(user), Some(password), _) => Who::User(user.to_owned(), password.to_owned()),
        (Some(token), None, _) => Who::Token(token.to_owned()),
        (None, _, Some(token)) => Who::Token(token.clone()),
        (None, _, None) => Who::Nobody,
    }
}

fn options(via: &Via, (name, inbox): (&str, Option<&str>)) -> Result<ConnectOptions, String> {
    let mut options = ConnectOptions::new()
        .name(name)
        .connection_timeout(CONNECTING)
        .ping_interval(PING)
        .request_timeout(Some(CONNECTING))
        .reconnect_delay_callback(|_| AGAIN);
    if let Some(inbox) = inbox {
        options = options.custom_inbox_prefix(format!("_INBOX_{inbox}"));
    }
    let address: ServerAddr = via.url.parse().map_err(|error: io::Error| error.to_string())?;
    match who(via, &address) {
        Who::Nobody => {}
        Who::Credentials(path) => {
            let unusable = |error: io::Error| format!("{}: {error}", path.display());
            let creds = std::fs::read_to_string(path).map_err(unusable)?;
            options = options.credentials(&creds).map_err(unusable)?;
        }
        Who::Token(token) => options = options.token(token),
        Who::User(user, password) => options = options.user_and_password(user, password),
    }
    if let Some(ca) = &via.ca {
        options = options.add_root_certificates(ca.clone());
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_the_url_counts_before_a_token_of_the_environment() {
        let user = |name: &str| Who::User(name.to_owned(), "word".to_owned());
        let token = |token: &str| Who::Token(token.to_owned());
        let creds = Some(PathBuf::from("a.creds"));
        for (url, environment, creds, expected) in [
            ("nats://eu-1:word@host:4222", Some("t"), None, user("eu-1")),
            ("nats://eu-1:word@host:4222", None, None, user("eu-1")),
            ("nats://own@host:4222", Some("t"), None, token("own")),
            ("nats://host:4222", Some("t"), None, token("t")),
            ("nats://host:4222", None, None, Who::Nobody),
            ("nats://host:4222", Some("t"), creds, Who::Credentials(Path::new("a.creds"))),
        ] {
            let token = environment.map(str::to_owned);
            let via = Via { url: url.to_owned(), token, ca: None, creds };
            assert_eq!(who(&via, &url.parse().unwrap()), expected, "{url} {environment:?}");
        }
    }

    #[test]
    fn what_is_shown_of_a_server_has_no_secret() {
        for (url, shown) in [
            ("nats://127.0.0.1:4222", "127.0.0.1:4222"),
            ("tls://secret@nats.example:4222", "nats.example:4222"),
            ("nats://user:p@ss@nats.example", "nats.example"),
        ] {
            let via = Via { url: url.to_owned(), ..Via::default() };
            assert_eq!(via.shown(), shown);
        }
    }
}
