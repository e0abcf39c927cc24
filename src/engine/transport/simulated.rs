//! A world for tests: a target that says what a test tells it to, and a time of its own.
//!
//! Time passes only while a poller waits or sleeps, and jumps to what comes next, so an hour
//! takes milliseconds and every moment is exact. Bytes carry the stamp of their arrival,
//! whenever they are read, as with the kernel's stamps.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::engine::transport::clock::ReceiveClock;
use crate::engine::transport::poller::Ready;
use crate::engine::transport::tcp::Received;
use crate::units::Moment;

/// What takes a packet from one side to the other, in nanoseconds.
pub const WAY: u64 = 20_000;

/// What a target does on a connection.
#[derive(Debug, Clone)]
pub enum Deed {
    /// Takes a connection.
    Accept,
    /// Refuses it.
    Refuse,
    /// Sends bytes.
    Say(Vec<u8>),
    /// Closes: what it is sent from now on meets nobody.
    Close,
    /// Breaks off.
    Reset,
}

/// A request that a target got.
#[derive(Debug, Clone)]
pub struct Request {
    /// Which one, from 0.
    pub number: usize,
    /// On which connection, from 0.
    pub connection: usize,
    /// When it was written.
    pub at: Moment,
    /// Its bytes.
    pub text: String,
}

/// What a target does upon a request, and how many nanoseconds later that reaches the worker.
type Respond = Box<dyn FnMut(&Request) -> Vec<(u64, Deed)> + Send>;
/// What it does upon the n-th connection.
type Greet = Box<dyn FnMut(usize) -> Option<(u64, Deed)> + Send>;

/// Target and time.
#[derive(Clone)]
pub struct World(Arc<Mutex<Inner>>);

struct Inner {
    zero: Instant,
    now: u64,
    /// What will reach the worker, by moment and order.
    coming: BTreeMap<(u64, usize), Event>,
    scheduled: usize,
    wires: Vec<Wire>,
    requests: Vec<Request>,
    respond: Respond,
    greet: Greet,
    pollers: usize,
}

/// Something that will happen.
enum Event {
    /// To a connection.
    Of(usize, Deed),
    /// The worker stands still for so many nanoseconds.
    Stall(u64),
}

/// One connection.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "what has happened to it, in any order")]
struct Wire {
    /// Poller and key.
    watched: Option<(usize, u64)>,
    /// Whether something has happened since the poller looked last.
    is_changed: bool,
    is_accepted: bool,
    is_refused: bool,
    inbox: VecDeque<(u64, Vec<u8>)>,
    /// Whether the worker knows of the end.
    is_ended: bool,
    is_reset: bool,
    /// When the target closed.
    closed: Option<u64>,
    /// Bytes that met nobody.
    lost: usize,
    unread: String,
    is_dropped: bool,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("World")
    }
}

impl World {
    /// A target that takes every connection and does something upon each request.
    pub fn new(respond: impl FnMut(&Request) -> Vec<(u64, Deed)> + Send + 'static) -> World {
        World(Arc::new(Mutex::new(Inner {
            zero: Instant::now(),
            now: 0,
            coming: BTreeMap::new(),
            scheduled: 0,
            wires: Vec::new(),
            requests: Vec::new(),
            respond: Box::new(respond),
            greet: Box::new(|_| Some((2 * WAY, Deed::Accept))),
            pollers: 0,
        })))
    }

    /// What the target does upon the n-th connection, and when that reaches the worker.
    #[must_use]
    pub fn greet(self, greet: impl FnMut(usize) -> Option<(u64, Deed)> + Send + 'static) -> World {
        self.lock().greet = Box::new(greet);
        self
    }

    /// The worker stands still at a moment.
    #[must_use]
    pub fn stall(self, at: Moment, nanoseconds: u64) -> World {
        self.lock().schedule(at.0, Event::Stall(nanoseconds));
        self
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    /// The instant of moment zero.
    pub fn zero(&self) -> Instant {
        self.lock().zero
    }

    /// Now.
    pub fn now(&self) -> Moment {
        Moment(self.lock().now)
    }

    /// The requests that the target got.
    pub fn requests(&self) -> Vec<Request> {
        self.lock().requests.clone()
    }

    /// Connections that the worker has made, and those that it has not closed.
    pub fn connections(&self) -> (usize, usize) {
        let inner = self.lock();
        (inner.wires.len(), inner.wires.iter().filter(|wire| !wire.is_dropped).count())
    }

    /// A connection begins to be made.
    pub fn connect(&self, clock: ReceiveClock) -> Socket {
        let mut inner = self.lock();
        let wire = inner.wires.len();
        inner.wires.push(Wire::default());
        if let Some((later, deed)) = (inner.greet)(wire) {
            let at = inner.now + later;
            inner.schedule(at, Event::Of(wire, deed));
        }
        Socket { world: self.clone(), wire, clock }
    }

    /// A poller in it.
    pub fn poller(&self) -> Poller {
        let mut inner = self.lock();
        inner.pollers += 1;
        Poller { world: self.clone(), number: inner.pollers, found: Vec::new() }
    }
}

impl Inner {
    fn schedule(&mut self, at: u64, event: Event) {
        self.scheduled += 1;
        self.coming.insert((at, self.scheduled), event);
    }

    /// Lets happen what is due.
    fn happen(&mut self) {
        while let Some(entry) = self.coming.first_entry()
            && entry.key().0 <= self.now
        {
            let ((at, _), event) = entry.remove_entry();
            match event {
                Event::Stall(nanoseconds) => self.now = self.now.max(at + nanoseconds),
                Event::Of(wire, deed) => self.wires[wire].meet(at, deed),
            }
        }
    }

    /// A request is written on a connection.
    fn take(&mut self, wire: usize, bytes: &[u8]) -> usize {
        let now = self.now;
        let line = &mut self.wires[wire];
        if line.closed.is_some_and(|closed| closed <= now) {
            line.lost += bytes.len();
            self.schedule(now + 2 * WAY, Event::Of(wire, Deed::Reset));
            return bytes.len();
        }
        line.unread.push_str(std::str::from_utf8(bytes).unwrap());
        if line.unread.ends_with("\r\n\r\n") {
            let text = std::mem::take(&mut line.unread);
            let number = self.requests.len();
            let request = Request { number, connection: wire, at: Moment(now), text };
            for (later, deed) in (self.respond)(&request) {
                if let Deed::Close = deed {
                    self.wires[wire].closed = Some((now + later).saturating_sub(WAY));
                }
                self.schedule(now + later, Event::Of(wire, deed));
            }
            self.requests.push(request);
        }
        bytes.len()
    }
}

impl Wire {
    fn meet(&mut self, at: u64, deed: Deed) {
        self.is_changed = true;
        match deed {
            Deed::Accept => self.is_accepted = true,
            Deed::Refuse => self.is_refused = true,
            Deed::Say(bytes) => self.inbox.push_back((at, bytes)),
            Deed::Close => self.is_ended = true,
            Deed::Reset => self.is_reset = true,
        }
    }
}

/// The worker's end of a connection.
#[derive(Debug)]
pub struct Socket {
    world: World,
    wire: usize,
    clock: ReceiveClock,
}

impl Socket {
    /// Whether the target took it.
    pub fn is_connected(&self) -> io::Result<bool> {
        let inner = self.world.lock();
        let wire = &inner.wires[self.wire];
        if wire.is_refused {
            Err(io::ErrorKind::ConnectionRefused.into())
        } else {
            Ok(wire.is_accepted)
        }
    }

    /// Whether it was reset.
    pub fn is_given_up(&self) -> bool {
        self.world.lock().wires[self.wire].is_reset
    }

    /// Bytes that met nobody.
    pub fn unacknowledged(&self) -> usize {
        self.world.lock().wires[self.wire].lost
    }

    /// Takes all of the bytes.
    pub fn write(&mut self, bytes: &[u8]) -> usize {
        self.world.lock().take(self.wire, bytes)
    }

    /// Reads what has arrived.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<Received> {
        let mut inner = self.world.lock();
        let (zero, now) = (inner.zero, inner.now);
        let wire = &mut inner.wires[self.wire];
        let (mut bytes, mut at) = (0, now);
        while let Some((arrived, packet)) = wire.inbox.front()
            && packet.len() <= buffer.len() - bytes
        {
            buffer[bytes..bytes + packet.len()].copy_from_slice(packet);
            (bytes, at) = (bytes + packet.len(), *arrived);
            wire.inbox.pop_front();
        }
        // What was there before the end comes before it.
        if bytes == 0 && wire.is_reset && !wire.is_ended {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if bytes == 0 && !wire.is_ended {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let is_stamped = self.clock == ReceiveClock::Kernel && bytes > 0;
        let at = if is_stamped { at } else { now };
        let lag = is_stamped.then(|| Duration::from_nanos(now - at));
        Ok(Received { bytes, at: zero + Duration::from_nanos(at), lag })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.world.lock().wires[self.wire].is_dropped = true;
    }
}

/// Waits in the world's time. One that watches no socket itself waits for all of them.
#[derive(Debug)]
pub struct Poller {
    world: World,
    number: usize,
    found: Vec<Ready>,
}

impl Poller {
    /// Watches a socket.
    pub fn add(&self, socket: &Socket, key: u64) {
        self.world.lock().wires[socket.wire].watched = Some((self.number, key));
    }

    /// Time passes, and nothing is looked at.
    pub fn sleep(&self, until: Moment) {
        let mut inner = self.world.lock();
        inner.now = inner.now.max(until.0);
    }

    /// Time passes until something has happened, or the moment has come.
    pub fn wait(&mut self, until: Option<Moment>) {
        let mut inner = self.world.lock();
        inner.happen();
        while let Some(until) = until
            && inner.now < until.0
            && !inner.has_news(self.number)
        {
            let next = inner.coming.keys().next().map_or(u64::MAX, |(at, _)| *at);
            inner.now = next.min(until.0);
            inner.happen();
        }
        self.found.clear();
        let own = inner.wires.iter_mut().filter(|wire| wire.is_changed && !wire.is_dropped);
        for wire in own {
            if let Some((_, key)) = wire.watched.filter(|(poller, _)| *poller == self.number) {
                wire.is_changed = false;
                self.found.push(wire.ready(key));
            }
        }
    }

    /// What the last wait found.
    pub fn found(&self, index: usize) -> Option<Ready> {
        self.found.get(index).copied()
    }
}

impl Inner {
    /// Whether there is something for a poller: of its own sockets, or of any if it has none.
    fn has_news(&self, poller: usize) -> bool {
        let watched = |wire: &Wire| wire.watched.is_some_and(|(own, _)| own == poller);
        let has_own = self.wires.iter().any(watched);
        let mut news = self.wires.iter().filter(|wire| wire.is_changed && !wire.is_dropped);
        news.any(|wire| watched(wire) || !has_own)
    }
}

impl Wire {
    fn ready(&self, key: u64) -> Ready {
        let closed = self.is_ended || self.is_reset || self.is_refused;
        Ready { key, readable: closed || !self.inbox.is_empty(), writable: true, closed }
    }
}
