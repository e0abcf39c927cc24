//! Runs a scenario from Rust and reads the verdict.
//!
//! ```sh
//! cargo run --release --example embed -- scenarios/quickstart.json
//! ```
//!
//! The record and the target's output stay in a folder of their own, of which `loadgate report`
//! makes every report. A target with a command is started under a supervisor, a process of its
//! own, so that nothing of it outlives this program: that is this program again, with a hidden
//! first argument.
#![allow(clippy::print_stdout, reason = "it is a program whose result is text")]

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use loadgate::analysis::assess::assess;
use loadgate::cli::exit::Exit;
use loadgate::engine::transport::tcp::best_clock;
use loadgate::experiment::control::Control;
use loadgate::experiment::event::Event;
use loadgate::experiment::trial::Trial;
use loadgate::record::phase::Phase;
use loadgate::scenario::read;
use loadgate::target::process::Supervisor;
use loadgate::target::supervisor::supervise;

const SUPERVISE: &str = "__supervise";

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next().ok_or("usage: embed SCENARIO [FOLDER]")?;
    if first == SUPERVISE {
        return Ok(ExitCode::from(u8::try_from(supervise(arguments)).unwrap_or(1)));
    }
    let folder = arguments.next().unwrap_or_else(|| "reports/embedded".into());
    let scenario = read::load(Path::new(&first), &|name| std::env::var(name).ok())?;
    let trial = Trial {
        scenario: Arc::new(scenario),
        folder: Path::new(&folder),
        supervisor: Supervisor { program: std::env::current_exe()?, argument: SUPERVISE },
        receive_clock: best_clock(),
        tries_out: true,
        control: Control::default(),
        watch: &mut |event| {
            if let Event::Loading(after) = event {
                println!("ready after {after:.1?}, loading");
            }
        },
    };
    let record = trial.run()?;
    let assessment = assess(&record);
    for reason in &assessment.reasons {
        println!("{:?}: {reason}", assessment.verdict);
    }
    if let Some(times) = assessment.total.times[Phase::Response] {
        println!("p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms", times.p50, times.p95, times.p99);
    }
    println!("reports: loadgate report {}", Path::new(&folder).display());
    Ok(Exit::of(assessment.verdict, None).into())
}
