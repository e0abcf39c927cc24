//! The integration tests: loadgate as its users meet it, against real processes, sockets
//! and parsers.

mod advice;
mod architecture;
mod arms;
mod baseline;
mod broken_projects;
mod capacity;
mod checks;
mod circles;
mod cli;
mod closed;
mod cut_short;
mod data;
mod demo_run;
mod duet;
mod events;
mod evidence;
mod exchange;
mod explain;
mod fail_fast;
mod fastify;
mod files;
mod fleet;
mod fleet_scenarios;
mod flow;
mod frame_server;
mod fuzz;
mod http2;
mod init;
#[cfg(all(target_os = "linux", feature = "fleet"))]
mod nats;
mod never_worked;
mod node_server;
mod noise;
mod odd_answers;
mod oracle;
mod plan;
#[cfg(target_os = "linux")]
mod postgres;
mod reach;
mod readme;
mod recipes;
mod record;
mod sabotage;
mod saturation;
mod short_stops;
mod soak;
mod streamed;
mod stress;
mod support;
mod target;
mod tenants;
mod tls;
mod truth_server;
mod websocket;
