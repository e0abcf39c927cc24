//! `loadgate check --once`: walks each flow once, shows what came, and says what to mend first.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::analysis::mend;
use crate::cli::args::CheckArgs;
use crate::cli::exit::Exit;
use crate::cli::progress::Display;
use crate::cli::run::{SUPERVISE, fail_as};
use crate::cli::{interrupt, output};
use crate::engine::transport::tcp;
use crate::experiment::control::Control;
use crate::experiment::walk::Look;
use crate::record::walk::Walk;
use crate::report::curl;
use crate::report::subject::walk::{WalkReport, describe};
use crate::scenario::model::Scenario;
use crate::target::process::Supervisor;

/// Walks a checked scenario.
pub(super) fn once(args: &CheckArgs, scenario: &Arc<Scenario>) -> Exit {
    let prepared = Scratch::new().and_then(|scratch| {
        let control = Control::default();
        interrupt::watch(&control)?;
        Ok((scratch, control, std::env::current_exe()?))
    });
    let (scratch, control, program) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            output::error(&format!("the walk cannot begin: {error}"), &[]);
            return Exit::Failed;
        }
    };
    // In a pipe the result is the first line.
    let mut display = Display::new(&scenario.load, !io::stderr().is_terminal(), false);
    let log = scratch.0.join("target.log");
    let look = Look {
        scenario: Arc::clone(scenario),
        supervisor: Supervisor { program, argument: SUPERVISE },
        log: &log,
        seed: seed(),
        receive_clock: tcp::best_clock(),
        control,
        watch: &mut |event| display.show(event),
    };
    let walked = look.run();
    display.stop();
    match walked {
        Ok(walk) => tell(args, scenario, &walk),
        Err(error) => fail_as("", &error),
    }
}

fn tell(args: &CheckArgs, scenario: &Scenario, walk: &Walk) -> Exit {
    let mend = mend::first(walk);
    let exit = match (&walk.died, &mend) {
        (Some(_), _) => Exit::TargetLost,
        (None, Some(_)) => Exit::Invalid,
        (None, None) => Exit::Pass,
    };
    if let Some(mend) = &mend {
        output::plain_error(mend, &[]);
    }
    let next = format!("loadgate run {}", args.scenario.display());
    let report = WalkReport {
        walk,
        mend: mend.as_deref(),
        next: mend.is_none().then_some(next.as_str()),
        exit_code: exit.code(),
    };
    output::result(&output::written(&describe(&report)));
    if args.curl {
        output::result(&format!("\n{}", curl::commands(scenario, Some(walk))));
    }
    exit
}

/// Other random values each time: a target that keeps what it is given would refuse them the
/// second time.
fn seed() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    now.as_nanos() as u64
}

/// A folder for what the target prints, gone at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> io::Result<Scratch> {
        let name = format!("loadgate-check-{}-{:x}", std::process::id(), seed());
        let folder: PathBuf = Path::new(&std::env::temp_dir()).join(name);
        fs::create_dir(&folder)?;
        Ok(Scratch(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // It is for temporary files: what cannot be removed is left to the system.
        let _ = fs::remove_dir_all(&self.0);
    }
}
