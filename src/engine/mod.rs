//! Scenario in, intervals out, over the wire. Measures, never judges: it does not know
//! what an objective or a baseline is.
//!
//! A [`worker`] is one thread with a [`poller`] of its own. It waits for the next arrival,
//! takes a [`user`] for an [`iteration`] of its flow: a [`request`] goes out on a
//! [`connection`], whose [`socket`] stamps what comes back, and a
//! [`crate::http1::response`] is made of the bytes; [`answer`] decides how it ended, and
//! [`extract`] finds what later steps need of it. [`timers`] has the moments at which an iteration must
//! be looked at again. Once a second each worker sends its [`ledger`] to the [`collector`],
//! which writes the record; [`evidence`] has what some requests that failed looked like.
//! Workers share nothing else.

pub mod answer;
pub mod clock;
pub mod collector;
pub mod connection;
pub mod demand;
pub mod evidence;
pub mod extract;
pub mod iteration;
mod json_text;
pub mod lateness;
pub mod ledger;
pub mod plan;
pub mod poller;
pub mod priority;
pub mod request;
pub mod socket;
pub mod timers;
pub mod usage;
pub mod user;
pub mod worker;
