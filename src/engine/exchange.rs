//! One request and its response, with the moments that matter.
//!
//! | state | ends by | next |
//! | --- | --- | --- |
//! | waiting for a connection | free or allowed to open | connecting, or sending |
//! | connecting | connected | sending |
//! | sending and waiting | head of the response | reading |
//! | reading | end of the body | done: judged by its status |
//! | any | time limit, or the connection breaks | done: timeout, transport error or unsent |
//!
//! A kept connection may have been closed by the target just as it was used again. A
//! request that got no byte of an answer on such a connection is sent once more on
//! another one, if it never left or may safely be repeated; the clock runs on.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::HeaderName;
use tokio::time::timeout_at;

use crate::engine::classify::{self, Ending};
use crate::engine::clock::Clock;
use crate::engine::connection::{Connection, Lease, Pool, keep_alive_limit};
use crate::engine::prepare::Rendered;
use crate::engine::stream::Stamps;
use crate::record::outcome::{Cause, Outcome};
use crate::record::sample::{Moment, Sample};
use crate::scenario::model::{Step, StepId};

/// What an exchange needs to know.
#[derive(Debug)]
pub struct Exchange<'a> {
    /// The worker's connections.
    pub pool: &'a Pool,
    /// The run's clock.
    pub clock: Clock,
    /// The step.
    pub step: &'a Step,
    /// Its index.
    pub id: StepId,
    /// When it is due.
    pub intended: Moment,
    /// The ceiling on the body.
    pub body_limit: u64,
}

/// A request as measured, and the body if the step extracts something from it.
#[derive(Debug)]
pub struct Answer {
    /// The measurement.
    pub sample: Sample,
    /// The body; empty unless the step extracts values and the request ended ok.
    pub body: Vec<u8>,
}

/// What is known of a request under way, also when it is given up.
#[derive(Debug, Default)]
struct Trace {
    leased: Cell<bool>,
    ready: Cell<Option<Instant>>,
    connect_ns: Cell<Option<u64>>,
    stamps: RefCell<Option<Rc<Stamps>>>,
    status: Cell<Option<u16>>,
    body_bytes: Cell<u64>,
    body: RefCell<Vec<u8>>,
}

/// A response that has been read to its end.
struct Complete {
    status: u16,
    connection: Connection,
}

/// Why a conversation did not come to its end.
enum Broken {
    Http(hyper::Error),
    TooLarge,
}

impl Exchange<'_> {
    /// Sends a request and waits for its end; always ends by the step's time limit.
    pub async fn run(&self, request: &Rendered) -> Answer {
        let begun = Instant::now();
        let deadline = self.clock.instant(self.intended) + self.step.timeout;
        let trace = Trace::default();
        let ending = match timeout_at(deadline.into(), self.converse(request, &trace)).await {
            Ok(ending) => ending,
            Err(_elapsed) => trace.given_up(),
        };
        let sample = self.sample(begun, ending, &trace);
        Answer { sample, body: trace.body.into_inner() }
    }

    /// The sample of a request that was never tried.
    pub fn unsent(&self, cause: Cause) -> Sample {
        let now = Instant::now();
        self.sample(now, (Outcome::Unsent, Some(cause)), &Trace::default())
    }

    async fn converse(&self, request: &Rendered, trace: &Trace) -> Ending {
        let lease = self.pool.lease().await;
        trace.leased.set(true);
        loop {
            let connection = match lease.take_idle() {
                Some(connection) => connection,
                None => match Self::connect(&lease, trace).await {
                    Ok(connection) => connection,
                    Err(error) => return classify::not_connected(&error),
                },
            };
            let was_used = connection.was_used();
            trace.begin(&connection);
            match self.ask(connection, request, trace).await {
                Ok(complete) => {
                    lease.give_back(complete.connection);
                    return classify::answered(&self.step.expect, complete.status);
                }
                Err(Broken::TooLarge) => return (Outcome::TransportError, Some(Cause::TooLarge)),
                Err(Broken::Http(error)) if was_used && trace.may_repeat(&error, request) => {}
                Err(Broken::Http(error)) => return classify::broken_off(&error),
            }
        }
    }

    async fn connect(lease: &Lease<'_>, trace: &Trace) -> std::io::Result<Connection> {
        let started = Instant::now();
        let connection = lease.connect().await;
        trace.connect_ns.set(Some(started.elapsed().as_nanos() as u64));
        connection
    }

    async fn ask(
        &self,
        mut connection: Connection,
        request: &Rendered,
        trace: &Trace,
    ) -> Result<Complete, Broken> {
        let response = connection.send(request.to_request()).await.map_err(Broken::Http)?;
        let status = response.status().as_u16();
        trace.status.set(Some(status));
        let keep_alive = response.headers().get(HeaderName::from_static("keep-alive"));
        connection
            .keep_idle_for(keep_alive_limit(keep_alive.map(hyper::header::HeaderValue::as_bytes)));
        self.read_body(response.into_body(), trace).await?;
        Ok(Complete { status, connection })
    }

    async fn read_body(&self, mut body: Incoming, trace: &Trace) -> Result<(), Broken> {
        let keep = !self.step.extract.is_empty();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(Broken::Http)?.into_data() else { continue };
            trace.body_bytes.set(trace.body_bytes.get() + data.len() as u64);
            if trace.body_bytes.get() > self.body_limit {
                return Err(Broken::TooLarge);
            }
            if keep {
                append(&mut trace.body.borrow_mut(), &data);
            }
        }
        Ok(())
    }

    fn sample(&self, begun: Instant, (outcome, cause): Ending, trace: &Trace) -> Sample {
        let stamps = trace.stamps.borrow();
        let sent = stamps.as_ref().and_then(|stamps| stamps.sent());
        let first_byte = stamps.as_ref().and_then(|stamps| stamps.first_byte());
        let last_byte = stamps.as_ref().and_then(|stamps| stamps.last_byte());
        let ended = match outcome {
            Outcome::Timeout | Outcome::TransportError | Outcome::Unsent => None,
            Outcome::Ok
            | Outcome::Rejected
            | Outcome::ClientError
            | Outcome::ServerError
            | Outcome::CheckFailed => last_byte,
        };
        Sample {
            step: self.id,
            intended: self.intended,
            sent: sent.map(|at| self.clock.at(at)),
            first_byte: first_byte.map(|at| self.clock.at(at)),
            ended: self.clock.at(ended.unwrap_or_else(Instant::now)),
            send_lag: self.clock.at(begun).since(self.intended) + trace.write_lag(sent),
            connect: trace.connect_ns.get(),
            outcome,
            cause,
            status: trace.status.get(),
            body_bytes: trace.body_bytes.get(),
            limit: self.step.timeout.as_nanos() as u64,
        }
    }
}

fn append(kept: &mut Vec<u8>, data: &Bytes) {
    kept.extend_from_slice(data);
}

impl Trace {
    fn begin(&self, connection: &Connection) {
        connection.stamps().begin();
        *self.stamps.borrow_mut() = Some(connection.stamps().clone());
        self.ready.set(Some(Instant::now()));
        self.status.set(None);
        self.body_bytes.set(0);
        self.body.borrow_mut().clear();
    }

    /// From having a connection to handing bytes to the kernel: the generator's own doing.
    fn write_lag(&self, sent: Option<Instant>) -> u64 {
        let lag =
            sent.zip(self.ready.get()).map(|(sent, ready)| sent.saturating_duration_since(ready));
        lag.map_or(0, |lag| lag.as_nanos() as u64)
    }

    /// How a request ended whose time limit passed.
    fn given_up(&self) -> Ending {
        if !self.leased.get() {
            return (Outcome::Unsent, Some(Cause::ConnectionLimit));
        }
        let connected = self.ready.get().is_some();
        (Outcome::Timeout, (!connected).then_some(Cause::Unreachable))
    }

    fn may_repeat(&self, error: &hyper::Error, request: &Rendered) -> bool {
        let stamps = self.stamps.borrow();
        let answered = stamps.as_ref().is_some_and(|stamps| stamps.first_byte().is_some());
        let never_left = error.is_canceled();
        let closed = error.is_closed() || error.is_incomplete_message() || is_reset(error);
        !answered && (never_left || closed && request.is_idempotent())
    }
}

fn is_reset(error: &hyper::Error) -> bool {
    classify::broken_off(error).1 == Some(Cause::Reset)
}
