//! Scenario in, intervals out, over the wire. Measures, never judges: it does not know
//! what an objective or a baseline is.
//!
//! [`worker`] is one thread with its own runtime, connections and virtual users; it
//! waits for the next arrival ([`pacer`], [`alarm`]), takes a [`user`] and lets it walk
//! its flow. Each request is an [`exchange`] over a [`connection`], whose [`stream`]
//! stamps reads and writes; [`classify`] names how it ended. Once a second each worker
//! sends what it saw to the [`collector`], which writes the record. Workers share
//! nothing else.

pub mod alarm;
pub mod classify;
pub mod clock;
pub mod collector;
pub mod connection;
pub mod exchange;
pub mod ledger;
pub mod pacer;
pub mod plan;
pub mod prepare;
pub mod stream;
pub mod user;
pub mod walk;
pub mod worker;
