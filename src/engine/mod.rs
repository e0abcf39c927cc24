//! Scenario in, intervals out, over the wire. Measures, never judges: it does not know
//! what an objective or a baseline is.
//!
//! A [`worker`] is one thread. It waits for what its [`source`] has next, takes a
//! [`user`] for an [`iteration`] of its flow, [`way`] says which step is next, and each step of that is an [`exchange`]: it gets a slot of the
//! [`pool`], its request goes out on a [`connection`], and what comes back, stamped by the
//! [`transport`], is read by a [`protocol`]. [`answer`] decides how it ended, and [`extract`]
//! finds what later steps need of it; [`cookies`] are kept for all, and a [`redirect`] is followed where the step says so. Of [`streams`], which are [`events`] or a [`dialogue`] over
//! a WebSocket, something is awaited while they come; [`matching`] knows the awaited message. [`timers`] has the moments at which an iteration must
//! be looked at again. Once a second each worker sends its [`ledger`] to the [`collector`],
//! which writes the record; [`evidence`] has what some requests that failed looked like.
//! [`orders`] tell running workers of another rate. Workers share nothing else.

pub mod answer;
pub mod capture;
pub mod checks;
pub mod closed;
pub mod collector;
pub mod connection;
pub mod cookies;
pub mod demand;
pub mod dialogue;
pub mod drawn;
pub mod events;
pub mod evidence;
pub mod exchange;
pub mod extract;
pub mod graphql;
pub mod head_fields;
pub mod iteration;
mod json_text;
pub mod lateness;
pub mod lease;
pub mod ledger;
pub mod matching;
pub mod orders;
mod parts;
pub mod plan;
pub mod pool;
pub mod priority;
pub mod protocol;
pub mod redirect;
pub mod source;
pub mod streams;
pub mod timers;
pub mod transport;
pub mod usage;
pub mod user;
pub mod way;
pub mod worker;
