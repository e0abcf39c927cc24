//! Workers for tests, and a target whose every move the test makes itself.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::engine::lease::Lease;
use crate::engine::ledger::Batch;
use crate::engine::orders::Heard;
use crate::engine::plan::{Plan, Purpose, Start, Stop};
use crate::engine::transport::clock::ReceiveClock;
use crate::engine::transport::endpoint::Endpoint;
use crate::engine::worker::Worker;
use crate::record::sample::Sample;
use crate::scenario::read::{Origin, parse};
use crate::scenario::slots::Slots;
use crate::schedule::Arrival;
use crate::schedule::arms::Timing;

/// A worker that sends `GET /` to an address, once somebody starts an arrival.
pub(super) fn worker(address: SocketAddr) -> Worker {
    asking(address, "GET /", None)
}

/// A worker that sends a request without a body, by HTTP/2 with so many streams at a time.
fn asking(address: SocketAddr, request: &str, streams: Option<u32>) -> Worker {
    let text = format!(
        r#"{{"name": "one", "target": {{"url": "http://{address}"}},
            "flows": [{{"name": "flow", "steps": [{{"name": "step", "request": "{request}"}}]}}],
            "load": {{"stages": [{{"for": "60s", "rate": "1/s"}}]}},
            "slo": {{"all": ["p50 < 5s"]}}}}"#
    );
    let origin = Origin::default();
    let no_file = |_: &std::path::Path| Err(io::ErrorKind::NotFound.into());
    let plan = Plan {
        scenario: Arc::new(parse(&text, &origin, &|_| None, &no_file).unwrap()),
        address: Endpoint::Tcp(address.into()),
        authority: address.to_string(),
        slots: Slots::all(1),
        streams,
        timing: Timing::Alone,
        start: Start::now(),
        from: crate::units::Moment(0),
        receive_clock: ReceiveClock::Generator,
        purpose: Purpose::Load,
        given: Arc::default(),
        stop: watch::channel(Stop::Running).1,
        orders: Heard::nobody(),
        lease: Lease::endless(),
    };
    Worker::new(plan, 0, mpsc::channel().0).unwrap()
}

/// A worker and the other end of its connections.
pub(super) struct Scene {
    pub(super) worker: Worker,
    listener: TcpListener,
    arrivals: u64,
}

impl Scene {
    pub(super) fn asking(request: &str) -> Scene {
        Scene::by(request, None)
    }

    /// The same by HTTP/2, with so many streams at a time.
    pub(super) fn of_streams(request: &str, streams: u32) -> Scene {
        Scene::by(request, Some(streams))
    }

    fn by(request: &str, streams: Option<u32>) -> Scene {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let worker = asking(listener.local_addr().unwrap(), request, streams);
        Scene { worker, listener, arrivals: 0 }
    }

    /// A request is due now.
    pub(super) fn arrive(&mut self) {
        let at = self.worker.look_at_clock();
        self.worker.start(Arrival { index: self.arrivals, at, part: 0 });
        self.arrivals += 1;
    }

    /// Lets the worker serve its sockets until something is so, for some seconds at most.
    #[track_caller]
    pub(super) fn until(&mut self, mut is_so: impl FnMut(&mut Worker) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !is_so(&mut self.worker) {
            assert!(Instant::now() < deadline, "it never came to that");
            self.worker.poller.wait(None).unwrap();
            self.worker.serve_all();
            self.worker.look_at_doubtful();
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    /// The other end of the next connection that the worker opens.
    #[track_caller]
    pub(super) fn accept(&mut self) -> TcpStream {
        let listener = self.listener.try_clone().unwrap();
        let mut accepted = None;
        self.until(|_| {
            accepted = accepted.take().or_else(|| listener.accept().ok());
            accepted.is_some()
        });
        let (other, _) = accepted.unwrap();
        other.set_nonblocking(false).unwrap();
        other.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        other
    }

    /// Reads one request without a body, which the worker has sent or will send.
    #[track_caller]
    pub(super) fn read_request(&mut self, other: &mut TcpStream) {
        other.set_nonblocking(true).unwrap();
        let (mut bytes, mut buffer) = (Vec::new(), [0; 1000]);
        self.until(|_| {
            if let Ok(read) = other.read(&mut buffer) {
                assert!(read > 0, "ended after {}", String::from_utf8_lossy(&bytes));
                bytes.extend_from_slice(&buffer[..read]);
            }
            bytes.ends_with(b"\r\n\r\n")
        });
        other.set_nonblocking(false).unwrap();
    }

    /// A connection that has served one request.
    pub(super) fn used(&mut self) -> TcpStream {
        self.arrive();
        let mut other = self.accept();
        self.read_request(&mut other);
        other.write_all(ANSWER).unwrap();
        self.until(|worker| worker.iterations.is_empty());
        assert_eq!(self.ended().len(), 1);
        other
    }

    /// The requests that have ended since the last time.
    pub(super) fn ended(&mut self) -> Vec<Sample> {
        let mut batch = Batch::default();
        self.worker.ledger.take(&mut batch);
        batch.samples.into_iter().flatten().collect()
    }
}

/// A whole answer.
pub(super) const ANSWER: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";
