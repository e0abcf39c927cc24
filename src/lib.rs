//! loadgate: an open-loop HTTP load generator that audits itself and ends in a verdict.
//!
//! This page is the map. Read it first; then the header of the module you are about to
//! change. `docs/architecture.md` has the tables that a test keeps.
//!
//! # Flow
//!
//! **One request.** Scenario file → [`scenario::model::Scenario`] → the [`schedule`] says
//! when each iteration is due → a worker of the [`engine`] asks its [`engine::source`], waits
//! for that moment, takes a virtual user and lets it walk its flow → each step is an
//! [`engine::exchange`] in a slot of the [`engine::pool`]: bytes go over a transport
//! ([`engine::transport`]), a protocol says what comes back ([`engine::protocol`]), and
//! [`engine::answer`] how it ended → [`record::sample::Sample`] → [`record::recorder`] adds it to the second in
//! which it was *due* → once a second the collector makes [`record::tick`]s of what the workers
//! saw → the record is their sum, on the disk.
//!
//! **One verdict.** [`record::run::RunRecord`] → [`analysis::assess::assess`] chooses the
//! window, audits the generator, judges each objective and decides →
//! [`analysis::assessment::Assessment`] → [`report::subject`] describes both as one
//! [`report::document::Document`] → each of [`report::format`] writes it → [`cli`] prints it
//! and picks the exit code.
//!
//! **One comparison.** `experiment::duet` plays segments of fresh processes, baseline and
//! candidate on one thread of the engine, as [`analysis::controller::duet`] asks for them, until
//! [`analysis::gate`] has decided →
//! [`record::duet::DuetRecord`] → [`analysis::compare::compare`] →
//! [`analysis::comparison::Comparison`] → [`report`]. Stored baselines take the same way
//! from `analysis::stored` on.
//!
//! **One soak.** The same run for hours, with `soak.json` beside its record → [`analysis::soak`]
//! compares windows within parts of the same processes → the report of the run, with what grew.
//! A run that was interrupted or killed goes on by [`experiment::resume`].
//!
//! **One stress test.** `experiment::stress` loads a target and tells
//! [`analysis::controller::stress`] of each second; what that decides goes to the running workers
//! as [`engine::orders`], and everything into [`record::stress`] →
//! [`analysis::stress::assess`] → [`analysis::stress_result::StressResult`] → [`report`].
//!
//! **Several generators.** `fleet`: a coordinator has the target and the record, agents have a
//! share of the slots each and send under a lease; what they tell each second goes over NATS, and
//! is added up as the ticks of threads are.
//!
//! # Code map
//!
//! | module | owns |
//! | --- | --- |
//! | [`units`] | `250ms`, `200/s`, `99.9%`, `p95`, `10MB` |
//! | [`tls`] | whom to trust, who we are, and what it means when no session can be had |
//! | [`scenario`] | what to send, how hard, what is good enough: file → checked model, with every mistake |
//! | [`schedule`] | load profile → the moments at which iterations are due; pure |
//! | [`record`] | the waist: outcomes, histograms, seconds, the run, and its files |
//! | [`http1`] | bytes of a target → one HTTP/1.1 response; no sockets |
//! | [`http2`] | bytes of a target → whose frames they are, and which have a status; no sockets |
//! | [`engine`] | scenario → seconds, over the wire |
//! | [`target`] | the system under test: started, awaited, watched, stopped |
//! | [`analysis`] | record → assessment; pure |
//! | [`experiment`] | a trial, a duet of two arms, a stress test: target and engine brought together |
//! | `fleet` | one load shared by generators on several machines, and one record of it |
//! | [`report`] | (record, analysis) → a document for each subject → terminal, Markdown, `JUnit`, HTML; JSON, SVG |
//! | [`init`] | a Node project → a first scenario, and what belongs beside it |
//! | [`explain`] | what the words of a report mean |
//! | [`demo`] | an API in this process, so that the first command needs nothing |
//! | [`cli`] | arguments, environment, progress, printing, exit codes |
//!
//! # Invariants
//!
//! 1. [`record`] is the waist. Engine and target write it; analysis and report read it.
//!    `loadgate report` judges a stored run with no network code involved; `--via` completes one first.
//! 2. [`analysis`] has no I/O, no clock, no async and no randomness of its own. Its answer
//!    for a record never changes.
//! 3. [`report`] computes nothing. A number that is in neither record nor assessment is in
//!    no report.
//! 4. [`engine`] measures, never judges. It does not know what an objective is. It does not
//!    know [`target`] either; only [`experiment`] knows both.
//! 5. Intended, sent, first byte and ended are fields of every sample. Response time is
//!    ended − intended. There is no switch for it.
//! 6. What was due and got no answer stays in the figures: a timeout at its limit, an
//!    unsent request as if it had timed out.
//! 7. A failed request is an outcome, a failed gate is a verdict. `Err` means that the tool
//!    could not do its job.
//! 8. Only [`cli`] prints, exits and reads arguments or the environment. The exceptions
//!    are [`target::supervisor`] and `target::cleaner`, which are processes of their own.
//! 9. Each third-party crate has a home. A change of library is a change of those files.
//! 10. Workers share nothing while they run: no locks and no atomics on the way of a
//!     request, one message a second to the collector.
//! 11. Names in hot data are indexes ([`scenario::model::StepId`]), never texts.
//! 12. The same seed gives the same arrivals and the same choices, whatever the number of
//!     workers and wherever they are.
//! 13. Memory is bounded by the scenario, never by the length of the run. A finished second
//!     is on disk, so a kill costs at most the last one.
//! 14. What comes from the target is hostile: it enters a document plain, and each format of
//!     [`report`] escapes it. What comes from the environment is secret, but for what anybody
//!     would guess: it is in no record, report or log.
//! 15. Nothing is re-exported here: `loadgate::record::sample::Sample`, never
//!     `loadgate::Sample`.
//! 16. One request is one attempt. A repeat is counted, happens once at most, and only where
//!     the first has surely met no open socket, or the target says that it has not begun with it.
//! 17. What was due and did not end as the scenario expects is failed, and no default
//!     objective passes over it. A run in which a step never worked has no verdict about the
//!     target.
//! 18. Counts and histograms agree, by step and second; a record in which they do not is
//!     refused.
//!
//! `tests/it/architecture.rs` fails when the order of the modules, 8, 9 or 15 is broken,
//! `tests/it/circles.rs` when two files use each other.
#![warn(missing_docs)]
// The documentation is for those who change the crate: they build it with private items.
#![allow(rustdoc::private_intra_doc_links)]

pub mod analysis;
pub mod cli;
pub mod demo;
pub mod engine;
pub mod experiment;
pub mod explain;
#[cfg(feature = "fleet")]
pub mod fleet;
pub mod http1;
pub mod http2;
pub mod init;
pub mod record;
pub mod report;
pub mod scenario;
pub mod schedule;
pub mod target;
pub mod tls;
pub mod units;
