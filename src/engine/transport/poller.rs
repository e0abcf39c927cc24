//! Waits for sockets and for a moment, precisely.
//!
//! `tokio::time` rounds every deadline up to the next millisecond. On Linux the worker
//! waits on epoll with a timer of the kernel in it (`timerfd`, `CLOCK_MONOTONIC`, absolute):
//! the timer is set only when the next moment has changed, never read, and costs nothing
//! while sockets are busy. Elsewhere it waits as precisely as the platform's own call
//! allows; the record says which.

use std::io;
use std::time::Instant;

#[cfg(target_os = "linux")]
use linux::System;
#[cfg(not(target_os = "linux"))]
use portable::System;

#[cfg(target_os = "linux")]
pub use linux::NAME;
#[cfg(not(target_os = "linux"))]
pub use portable::NAME;

use crate::engine::transport::endpoint::Endpoint;
#[cfg(test)]
use crate::engine::transport::simulated;
use crate::engine::transport::socket::Socket;
use crate::units::Moment;

/// Waits for sockets and for a moment.
#[derive(Debug)]
pub struct Poller(Kind);

/// Who waits.
#[derive(Debug)]
enum Kind {
    System(System),
    #[cfg(test)]
    Simulated(simulated::Poller),
}

impl Poller {
    /// A poller for targets at an address, whose moments count from `start`, which may lie
    /// ahead.
    pub fn new(address: &Endpoint, start: Instant) -> io::Result<Poller> {
        match address {
            Endpoint::Tcp(_) | Endpoint::Tls(..) | Endpoint::Unix(_) => {
                System::new(start).map(Kind::System).map(Poller)
            }
            #[cfg(test)]
            Endpoint::Simulated(world) => Ok(Poller(Kind::Simulated(world.poller()))),
        }
    }

    /// Watches a socket: every change once, until it is closed.
    pub fn add(&self, socket: &mut Socket, key: u64) -> io::Result<()> {
        match (&self.0, socket) {
            (Kind::System(system), Socket::Tcp(tcp)) => system.add(tcp.stream(), key),
            (Kind::System(system), Socket::Tls(tls)) => system.add(tls.tcp().stream(), key),
            (Kind::System(system), Socket::Unix(unix)) => system.add(unix.stream(), key),
            #[cfg(test)]
            (Kind::Simulated(poller), Socket::Simulated(socket)) => {
                poller.add(socket, key);
                Ok(())
            }
            #[cfg(test)]
            (Kind::System(_), Socket::Simulated(_))
            | (Kind::Simulated(_), Socket::Tcp(_) | Socket::Tls(_) | Socket::Unix(_)) => {
                Err(io::ErrorKind::InvalidInput.into())
            }
        }
    }

    /// Watches another poller: as long as one of its sockets has something.
    #[cfg(target_os = "linux")]
    pub fn watch(&self, other: &Poller, key: u64) -> io::Result<()> {
        match (&self.0, &other.0) {
            (Kind::System(own), Kind::System(other)) => own.watch(other, key),
            #[cfg(test)]
            (Kind::Simulated(_), _) | (_, Kind::Simulated(_)) => Ok(()),
        }
    }

    /// Sleeps until a moment, whatever the sockets have; a signal may end it early.
    pub fn sleep(&self, until: Moment) {
        match &self.0 {
            Kind::System(system) => system.sleep(until),
            #[cfg(test)]
            Kind::Simulated(poller) => poller.sleep(until),
        }
    }

    /// Waits for sockets, at most until a moment; with `None` not at all.
    pub fn wait(&mut self, until: Option<Moment>) -> io::Result<()> {
        match &mut self.0 {
            Kind::System(system) => system.wait(until),
            #[cfg(test)]
            Kind::Simulated(poller) => {
                poller.wait(until);
                Ok(())
            }
        }
    }

    /// What the last wait found at a place; `None` behind the end.
    pub fn found(&self, index: usize) -> Option<Ready> {
        match &self.0 {
            Kind::System(system) => system.found(index),
            #[cfg(test)]
            Kind::Simulated(poller) => poller.found(index),
        }
    }

    /// Whether a key is the poller's own, and no socket's.
    pub fn is_own(key: u64) -> bool {
        System::is_timer(key)
    }
}

/// What happened to a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ready {
    /// The key under which it was added.
    pub key: u64,
    /// Bytes, the end of the stream, or an error can be read.
    pub readable: bool,
    /// Bytes can be written, or a connection attempt is over.
    pub writable: bool,
    /// The other side writes no more, or the connection is broken.
    pub closed: bool,
}

/// Events that are taken at once.
const EVENTS: usize = 256;

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::os::fd::AsFd;
    use std::time::{Duration, Instant};

    use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
    use nix::sys::time::TimeSpec;
    use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
    use nix::time::{ClockNanosleepFlags, clock_gettime, clock_nanosleep};

    use super::{EVENTS, Ready};
    use crate::units::Moment;

    /// What waits, for the record.
    pub const NAME: &str = "timerfd";
    /// The key of the timer; no socket has it.
    const TIMER: u64 = u64::MAX;

    /// Waits on epoll and a timer.
    #[derive(Debug)]
    pub(super) struct System {
        epoll: Epoll,
        timer: TimerFd,
        /// A moment, and the kernel's monotonic clock at it; moment zero may lie before the
        /// machine's own start.
        known: (Moment, Duration),
        armed: Option<Moment>,
        events: Box<[EpollEvent]>,
        /// How many of the events are those of the last wait.
        count: usize,
    }

    impl System {
        /// A poller whose moments count from `start`, which may lie ahead.
        pub(super) fn new(start: Instant) -> io::Result<System> {
            let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
            let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
            let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
            let interest = EpollFlags::EPOLLIN | EpollFlags::EPOLLET;
            epoll.add(&timer, EpollEvent::new(interest, TIMER))?;
            let now = Duration::from(clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC)?);
            let ahead = start.saturating_duration_since(Instant::now());
            let known = (Moment(start.elapsed().as_nanos() as u64), now + ahead);
            let events = vec![EpollEvent::empty(); EVENTS].into();
            Ok(System { epoll, timer, known, armed: None, events, count: 0 })
        }

        /// The kernel's monotonic clock at a moment; what has passed long ago has just passed.
        fn clock_at(&self, moment: Moment) -> Duration {
            let (known, clock) = self.known;
            clock + Duration::from_nanos(moment.since(known))
        }

        /// Watches a socket: every change once, until it is closed.
        pub(super) fn add(&self, socket: &mut impl AsFd, key: u64) -> io::Result<()> {
            let interest = EpollFlags::EPOLLIN
                | EpollFlags::EPOLLOUT
                | EpollFlags::EPOLLRDHUP
                | EpollFlags::EPOLLET;
            Ok(self.epoll.add(&*socket, EpollEvent::new(interest, key))?)
        }

        /// Watches another poller: as long as one of its sockets has something.
        pub(super) fn watch(&self, other: &System, key: u64) -> io::Result<()> {
            Ok(self.epoll.add(&other.epoll.0, EpollEvent::new(EpollFlags::EPOLLIN, key))?)
        }

        /// Sleeps until a moment, whatever the sockets have; a signal may end it early.
        pub(super) fn sleep(&self, until: Moment) {
            let at = TimeSpec::from_duration(self.clock_at(until));
            let clock = nix::time::ClockId::CLOCK_MONOTONIC;
            let _ = clock_nanosleep(clock, ClockNanosleepFlags::TIMER_ABSTIME, &at);
        }

        /// Waits for sockets, at most until a moment; with `None` not at all.
        pub(super) fn wait(&mut self, until: Option<Moment>) -> io::Result<()> {
            let timeout = match until {
                None => EpollTimeout::ZERO,
                Some(until) => {
                    self.arm(until)?;
                    EpollTimeout::NONE
                }
            };
            self.count = match self.epoll.wait(&mut self.events, timeout) {
                Ok(count) => count,
                Err(nix::errno::Errno::EINTR) => 0,
                Err(error) => return Err(error.into()),
            };
            if self.events[..self.count].iter().any(|event| event.data() == TIMER) {
                self.armed = None;
            }
            Ok(())
        }

        fn arm(&mut self, until: Moment) -> io::Result<()> {
            if self.armed == Some(until) {
                return Ok(());
            }
            // A moment of zero would disarm it; the past is due at once.
            let at = self.clock_at(until).max(Duration::from_nanos(1));
            let expiration = Expiration::OneShot(TimeSpec::from_duration(at));
            self.timer.set(expiration, TimerSetTimeFlags::TFD_TIMER_ABSTIME)?;
            self.armed = Some(until);
            Ok(())
        }

        /// What the last wait found at a place; `None` for the timer and behind the end.
        pub(super) fn found(&self, index: usize) -> Option<Ready> {
            let event = self.events[..self.count].get(index)?;
            let flags = event.events();
            let broken = EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR;
            Some(Ready {
                key: event.data(),
                readable: flags.intersects(EpollFlags::EPOLLIN | broken),
                writable: flags.intersects(EpollFlags::EPOLLOUT | broken),
                closed: flags.intersects(EpollFlags::EPOLLRDHUP | broken),
            })
        }

        /// Whether a key is the timer's own.
        pub(super) fn is_timer(key: u64) -> bool {
            key == TIMER
        }
    }
}

/// Compiled for tests on Linux too, so that it is known to work.
#[cfg(any(test, not(target_os = "linux")))]
#[cfg_attr(target_os = "linux", allow(dead_code, unreachable_pub))]
mod portable {
    use std::io;
    use std::time::{Duration, Instant};

    use mio::event::Source;
    use mio::{Events, Interest, Poll, Token};

    use super::{EVENTS, Ready};
    use crate::units::Moment;

    /// What waits, for the record.
    pub const NAME: &str = "system-poll";

    /// Waits on the platform's own call.
    #[derive(Debug)]
    pub(super) struct System {
        poll: Poll,
        start: Instant,
        events: Events,
        found: Vec<Ready>,
    }

    impl System {
        /// A poller whose moments count from `start`, which may lie ahead.
        pub(super) fn new(start: Instant) -> io::Result<System> {
            let events = Events::with_capacity(EVENTS);
            Ok(System { poll: Poll::new()?, start, events, found: Vec::new() })
        }

        /// Watches a socket: every change once, until it is closed.
        pub(super) fn add(&self, socket: &mut impl Source, key: u64) -> io::Result<()> {
            let token = Token(key as usize);
            self.poll.registry().register(socket, token, Interest::READABLE | Interest::WRITABLE)
        }

        /// Sleeps until a moment, whatever the sockets have.
        pub(super) fn sleep(&self, until: Moment) {
            let at = self.start + Duration::from_nanos(until.0);
            std::thread::sleep(at.saturating_duration_since(Instant::now()));
        }

        /// Waits for sockets, at most until a moment; with `None` not at all.
        pub(super) fn wait(&mut self, until: Option<Moment>) -> io::Result<()> {
            let until = until.map(|until| self.start + Duration::from_nanos(until.0));
            let timeout = until.map(|until| until.saturating_duration_since(Instant::now()));
            match self.poll.poll(&mut self.events, Some(timeout.unwrap_or_default())) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                Ok(()) | Err(_) => {}
            }
            self.found.clear();
            self.found.extend(self.events.iter().map(|event| Ready {
                key: event.token().0 as u64,
                readable: event.is_readable() || event.is_error(),
                writable: event.is_writable() || event.is_error(),
                closed: event.is_read_closed() || event.is_error(),
            }));
            Ok(())
        }

        /// What the last wait found at a place.
        pub(super) fn found(&self, index: usize) -> Option<Ready> {
            self.found.get(index).copied()
        }

        /// Whether a key is the timer's own; there is none here.
        pub(super) fn is_timer(_key: u64) -> bool {
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;
    use std::time::Duration;

    use mio::net::TcpStream;

    use super::*;

    macro_rules! both {
        ($name:ident, $check:ident) => {
            #[test]
            fn $name() {
                $check!(super::portable::System);
                #[cfg(target_os = "linux")]
                $check!(super::linux::System);
            }
        };
    }

    macro_rules! returns_at_its_moment {
        ($poller:ty) => {
            let start = Instant::now();
            let mut poller = <$poller>::new(start).unwrap();
            for ms in [5, 20, 21] {
                poller.wait(Some(Moment(ms * 1_000_000))).unwrap();
                assert!(start.elapsed() >= Duration::from_millis(ms));
            }
            poller.wait(None).unwrap();
            poller.wait(Some(Moment(1))).unwrap();
            poller.sleep(Moment(25_000_000));
            assert!(start.elapsed() >= Duration::from_millis(25));
            poller.sleep(Moment(1));
        };
    }

    macro_rules! sees_what_a_socket_does {
        ($poller:ty) => {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let mut poller = <$poller>::new(Instant::now()).unwrap();
            let mut socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            poller.add(&mut socket, 7).unwrap();
            let (mut other, _) = listener.accept().unwrap();
            let mut until = |what: fn(Ready) -> bool| {
                let seen = (0..100).any(|_| {
                    poller.wait(Some(Moment(60_000_000_000))).unwrap();
                    (0..)
                        .map_while(|index| poller.found(index))
                        .any(|ready| ready.key == 7 && what(ready))
                });
                assert!(seen);
            };
            until(|ready| ready.writable);
            other.write_all(b"x").unwrap();
            until(|ready| ready.readable && !ready.closed);
            drop(other);
            until(|ready| ready.closed);
        };
    }

    both!(it_returns_at_its_moment, returns_at_its_moment);
    both!(it_sees_what_a_socket_does, sees_what_a_socket_does);

    /// `tokio::time` rounds up to whole milliseconds, so it is 0.5 ms late on average; the
    /// ratio of the two in one run does not depend on the machine's speed.
    #[cfg(target_os = "linux")]
    #[test]
    fn it_is_several_times_closer_than_a_millisecond_timer() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let start = Instant::now();
        let mut poller = super::linux::System::new(start).unwrap();
        let (mut paced, mut timed) = (Vec::new(), Vec::new());
        for _ in 0..200 {
            let due = start.elapsed() + Duration::from_micros(1_100);
            poller.wait(Some(Moment(due.as_nanos() as u64))).unwrap();
            paced.push(start.elapsed().saturating_sub(due));
            let due = start.elapsed() + Duration::from_micros(1_100);
            runtime.block_on(async { tokio::time::sleep_until((start + due).into()).await });
            timed.push(start.elapsed().saturating_sub(due));
        }
        paced.sort_unstable();
        timed.sort_unstable();
        assert!(
            paced[100] * 2 < timed[100],
            "poller {:?} late, tokio {:?}",
            paced[100],
            timed[100]
        );
    }
}
