//! Requests that met the end of their connection instead of an answer.
//!
//! A kept connection may have been closed by the target just as it was used again. A
//! request that surely met nobody there is sent once more, on another connection, and
//! counted as a repeat; the clock runs on. That it met nobody is sure when the target had
//! ended the stream before (FIN), then answered that there is no such connection (RST), and
//! has acknowledged no byte of the request; see
//! [`unacknowledged`](crate::engine::transport::tcp::Tcp::unacknowledged). A connection that was
//! reset without having been ended may have been open when the request came: that, and all
//! else, is a transport error. Nothing is sent a third time.

use crate::engine::answer::Answer;
use crate::engine::connection::{Connection, ConnectionKey, StreamEnd};
use crate::engine::worker::Worker;

/// Whether a request met somebody.
enum Met {
    /// It may have.
    Somebody,
    /// It surely has not.
    Nobody,
    /// That will be known soon.
    Unknown,
}

impl Worker {
    /// The other side has ended its stream instead of answering: once it is known whether the
    /// request met anybody, it is sent again, or has failed.
    pub(super) fn settle(&mut self, key: ConnectionKey) {
        let Some(connection) = self.pool.find(key) else { return };
        let Some(iteration) = connection.protocol.under_way() else { return self.pool.close(key) };
        let may_repeat = connection.has_served && !self.iterations[iteration].exchange.is_repeat;
        match if may_repeat { connection.met() } else { Met::Somebody } {
            Met::Somebody => {
                let is_reset = connection.end == StreamEnd::Reset;
                self.break_off(key, if is_reset { &Answer::Reset } else { &Answer::Closed });
            }
            Met::Nobody => self.repeat_all(key),
            Met::Unknown if self.doubtful.contains(&key) => {}
            Met::Unknown => self.doubtful.push(key),
        }
    }

    /// Asks again of those of which it was not known. What is never known ends at its limit.
    pub(super) fn look_at_doubtful(&mut self) {
        for key in std::mem::take(&mut self.doubtful) {
            self.settle(key);
        }
    }

    /// All requests of a connection have met nobody.
    fn repeat_all(&mut self, key: ConnectionKey) {
        let Some(mut connection) = self.pool.remove_ended(key) else { return };
        while let Some(iteration) = connection.protocol.under_way() {
            connection.protocol.take(iteration);
            if self.iterations[iteration].exchange.is_repeat {
                self.fail(iteration, &Answer::Closed);
            } else {
                self.repeat(iteration);
            }
        }
    }

    /// Sends a request that met nobody once more, on a connection of its own if one may be
    /// opened: the other idle ones may be closed as well.
    fn repeat(&mut self, iteration: usize) {
        self.iterations[iteration].exchange.repeats();
        let now = self.clock.now();
        if self.pool.has_room() && !self.pool.will_have_room(self.queue.len()) {
            self.open_for(iteration, now);
        } else {
            self.assign(iteration, now);
        }
    }
}

impl Connection {
    /// Whether the request under way met somebody, on a connection whose other side has ended
    /// its stream.
    fn met(&self) -> Met {
        if self.written == 0 {
            // The kernel took nothing: it knew that the connection was gone.
            return Met::Nobody;
        }
        let Some(open) = self.socket.unacknowledged() else { return Met::Somebody };
        match self.end {
            StreamEnd::Open | StreamEnd::Reset => Met::Somebody,
            StreamEnd::Ended if open < self.written => Met::Somebody,
            StreamEnd::Ended if self.socket.is_given_up() => Met::Nobody,
            StreamEnd::Ended => Met::Unknown,
        }
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::io::Write;
    use std::net::{Shutdown, TcpStream};

    use socket2::SockRef;

    use crate::engine::worker::scene::{ANSWER, Scene};
    use crate::record::outcome::{Cause, Outcome};

    fn reset(other: TcpStream) {
        SockRef::from(&other).set_linger(Some(std::time::Duration::ZERO)).unwrap();
        drop(other);
    }

    /// How a request ends that is sent on a used connection after, or before, the other side
    /// did something.
    #[track_caller]
    fn check(
        request: &str,
        ending: (Outcome, Option<Cause>, bool),
        act: impl Fn(&mut Scene, TcpStream),
    ) {
        let mut scene = Scene::asking(request);
        let other = scene.used();
        act(&mut scene, other);
        scene.until(|worker| worker.iterations.is_empty());
        let ended = scene.ended();
        assert_eq!(ended.len(), 1);
        let found = (ended[0].outcome, ended[0].cause, ended[0].repeated);
        assert_eq!(found, ending, "{request}");
    }

    /// Answers on the next connection that is opened.
    fn answer_elsewhere(scene: &mut Scene) {
        let mut next = scene.accept();
        scene.read_request(&mut next);
        next.write_all(ANSWER).unwrap();
        scene.until(|worker| worker.iterations.is_empty());
    }

    #[test]
    fn what_met_nobody_is_sent_once_more_whatever_its_method() {
        for request in ["GET /", "POST /"] {
            check(request, (Outcome::Ok, None, true), |scene, other| {
                drop(other);
                scene.arrive();
                answer_elsewhere(scene);
            });
        }
    }

    #[test]
    fn what_an_open_socket_took_is_never_sent_again() {
        let closed = (Outcome::TransportError, Some(Cause::Closed), false);
        let broken = (Outcome::TransportError, Some(Cause::Reset), false);
        // Read, and then closed: in good order, or by a reset.
        check("GET /", closed, |scene, mut other| {
            scene.arrive();
            scene.read_request(&mut other);
        });
        check("GET /", broken, |scene, mut other| {
            scene.arrive();
            scene.read_request(&mut other);
            reset(other);
        });
        // Not read, but the socket was open when it came.
        check("GET /", broken, |scene, other| {
            scene.arrive();
            drop(other);
        });
        // Half closed: it reads on, and whether it does something nobody knows.
        check("GET /", closed, |scene, other| {
            other.shutdown(Shutdown::Write).unwrap();
            scene.arrive();
            scene.until(|worker| worker.iterations.is_empty());
        });
    }

    #[test]
    fn a_connection_that_was_reset_while_it_was_idle_takes_nothing_and_has_met_nobody() {
        check("POST /", (Outcome::Ok, None, true), |scene, other| {
            reset(other);
            scene.arrive();
            answer_elsewhere(scene);
        });
    }

    #[test]
    fn nothing_is_sent_a_third_time() {
        let closed = (Outcome::TransportError, Some(Cause::Closed), true);
        check("GET /", closed, |scene, other| {
            drop(other);
            scene.arrive();
            let mut next = scene.accept();
            scene.read_request(&mut next);
        });
    }

    #[test]
    fn a_connection_that_never_served_is_not_one_that_may_be_repeated_from() {
        let mut scene = Scene::asking("GET /");
        scene.arrive();
        drop(scene.accept());
        scene.until(|worker| worker.iterations.is_empty());
        let ended = scene.ended();
        assert_eq!(ended.len(), 1);
        assert_eq!((ended[0].outcome, ended[0].repeated), (Outcome::TransportError, false));
    }

    #[test]
    fn an_end_that_is_read_with_the_answer_ends_the_connection() {
        let mut scene = Scene::asking("GET /");
        scene.arrive();
        let mut other = scene.accept();
        scene.read_request(&mut other);
        // One packet with both.
        SockRef::from(&other).send_with_flags(ANSWER, nix::libc::MSG_MORE).unwrap();
        other.shutdown(Shutdown::Write).unwrap();
        scene.until(|worker| worker.iterations.is_empty());
        assert_eq!(scene.worker.pool.open(), 0);
    }
}
