//! What goes out for an iteration's request: that of its step, filled in, with its user's cookies, or
//! what a redirect says instead.

use crate::engine::cookies::{Asked, Jar};
use crate::engine::protocol::request::{Prepared, Unsendable};
use crate::engine::redirect::{self, is_redirect};
use crate::engine::transport::endpoint::Endpoint;
use crate::engine::worker::Worker;
use crate::engine::worker::report::unix_millis;
use crate::record::outcome::Cause;
use crate::record::phase::Phase;
use crate::scenario::template::Values;
use crate::units::Moment;

/// The field that carries cookies, behind the line before it.
const FIELD: &str = "\r\ncookie: ";

/// Where a request stands that is ready to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wording {
    /// Among those that were made ready before the run.
    Prepared,
    /// In the worker's room.
    InRoom,
}

impl Worker {
    /// Words an iteration's request.
    pub(super) fn word(&mut self, key: usize) -> Result<Wording, Unsendable> {
        self.word_at(key, unix_millis())
    }

    /// The same at another time.
    pub(super) fn word_at(&mut self, key: usize, millis: u64) -> Result<Wording, Unsendable> {
        let wording = self.fill_in(key, millis)?;
        if self.jar(key).is_none_or(Jar::is_empty) {
            return Ok(wording);
        }
        self.put_in_room(key, wording);
        self.add_cookies(key, millis);
        Ok(Wording::InRoom)
    }

    /// Fills in a request that is not always the same.
    fn fill_in(&mut self, key: usize, unix_millis: u64) -> Result<Wording, Unsendable> {
        let iteration = &mut self.iterations[key];
        if let Some(redirected) = &iteration.exchange.redirected {
            self.room.request.clone_from(&redirected.request);
            return Ok(Wording::InRoom);
        }
        let filled = match &mut self.prepared[iteration.exchange.step.index()] {
            Prepared::Fixed(fixed) => {
                fixed.number(iteration.number);
                return Ok(Wording::Prepared);
            }
            Prepared::Filled(filled) => filled,
        };
        let user = &self.users[iteration.user];
        iteration.choices = iteration.drawn_from.clone();
        let choices = &mut iteration.choices;
        let mut values = Values {
            variables: &user.variables,
            user: user.number,
            iteration: iteration.number,
            unix_millis,
            rows: self.plan.rows(),
            random: &mut || choices.bits(),
        };
        filled.render(&mut values, &mut self.room.request, &mut self.room.body)?;
        Ok(Wording::InRoom)
    }

    /// Puts a request there that has been worded.
    pub(super) fn put_in_room(&mut self, key: usize, wording: Wording) {
        let step = self.iterations[key].exchange.step.index();
        if let (Wording::Prepared, Prepared::Fixed(fixed)) = (wording, &self.prepared[step]) {
            self.room.request.clear();
            self.room.request.extend_from_slice(fixed.bytes());
        }
    }

    /// The cookies of who does an iteration, if its flow keeps any.
    fn jar(&self, key: usize) -> Option<&Jar> {
        let iteration = &self.iterations[key];
        let has_cookies = self.plan.scenario.flows[iteration.flow].cookies;
        has_cookies.then(|| self.users[iteration.user].jar.as_deref())?
    }

    /// Puts the field with the cookies behind the request line.
    fn add_cookies(&mut self, key: usize, millis: u64) {
        let host = self.host(key);
        let user = self.iterations[key].user;
        let room = &mut self.room;
        let Some(jar) = &mut self.users[user].jar else { return };
        room.body.clear();
        room.body.push_str(FIELD);
        let asked = Asked {
            host: &host,
            path: path(&room.request),
            is_secured: matches!(self.plan.address, Endpoint::Tls(..)),
            now: (millis / 1_000).cast_signed(),
        };
        jar.write(asked, &mut room.body);
        if room.body.len() > FIELD.len()
            && let Some(at) = room.request.windows(2).position(|pair| pair == b"\r\n")
        {
            room.request.splice(at..at, room.body.bytes());
        }
    }

    /// Keeps the cookies that an answer sets.
    pub(super) fn keep_cookies(&mut self, key: usize, head: &[u8]) {
        if head.is_empty() || self.jar(key).is_none() || !Jar::is_set_by(head) {
            return;
        }
        // Others have used the room since: the same choices give the same request.
        let millis = unix_millis();
        let Ok(wording) = self.word_at(key, millis) else { return };
        self.put_in_room(key, wording);
        let host = self.host(key);
        let asked = Asked {
            host: &host,
            path: path(&self.room.request),
            is_secured: matches!(self.plan.address, Endpoint::Tls(..)),
            now: (millis / 1_000).cast_signed(),
        };
        let user = self.iterations[key].user;
        if let Some(jar) = &mut self.users[user].jar {
            jar.take(head, asked);
        }
    }

    /// What is asked instead, if an answer is a redirect that the step follows.
    pub(super) fn redirection(
        &mut self,
        key: usize,
        status: u16,
        head: &[u8],
    ) -> Option<Result<Vec<u8>, Cause>> {
        let exchange = &self.iterations[key].exchange;
        let course = &self.plan.scenario.step(exchange.step).course;
        if course.redirects == 0 || !is_redirect(status) {
            return None;
        }
        if exchange.redirected.as_ref().is_some_and(|it| it.hops >= course.redirects) {
            return Some(Err(Cause::TooManyRedirects));
        }
        let wording = self.fill_in(key, unix_millis()).ok()?;
        self.put_in_room(key, wording);
        let is_secured = matches!(self.plan.address, Endpoint::Tls(..));
        Some(redirect::next(&self.room.request, is_secured, status, head))
    }

    /// Asks as a redirect says, which came at a moment.
    pub(super) fn follow(&mut self, key: usize, request: Vec<u8>, at: Moment) {
        let exchange = &mut self.iterations[key].exchange;
        let took = at.since(exchange.sent().unwrap_or(at));
        self.ledger.lap((exchange.key(), exchange.intended), Phase::Redirect, took, 1);
        exchange.follows(request);
        self.assign(key, at);
    }

    /// The host that a step asks, without a port: what its own `host` says, or the target's.
    fn host(&self, key: usize) -> String {
        let step = self.plan.scenario.step(self.iterations[key].exchange.step);
        let own = step.request.headers.iter().find(|(name, _)| name == "host");
        let own = own.and_then(|(_, value)| value.as_literal());
        without_port(own.unwrap_or(&self.plan.authority)).to_owned()
    }
}

/// Path and query of a request as it is written.
fn path(request: &[u8]) -> &str {
    let path = request.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    str::from_utf8(path).unwrap_or_default()
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}
