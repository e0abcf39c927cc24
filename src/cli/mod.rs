//! The command line: reads arguments and the environment, prints, and picks the exit
//! code. Nothing else in the crate does any of these.

pub mod args;
pub mod args_baseline;
pub mod args_capacity;
pub mod args_duet;
pub mod args_fleet;
pub mod args_gate;
pub mod args_init;
pub mod args_noise;
pub mod args_plan;
pub mod args_shared;
pub mod args_soak;
pub mod args_stress;
pub mod baseline;
pub mod capacity;
pub mod capacity_progress;
pub mod check;
mod check_load;
mod check_tenants;
mod columns;
pub mod comparison;
pub mod duet;
mod duet_course;
pub mod duet_progress;
mod duet_time;
mod ending;
pub mod exit;
mod explain;
mod failure;
#[cfg(feature = "fleet")]
mod fleet;
#[cfg(not(feature = "fleet"))]
#[path = "no_fleet.rs"]
mod fleet;
pub mod folder;
pub mod history;
mod init;
mod init_ask;
mod init_told;
pub mod interrupt;
mod load_chart;
pub mod noise;
mod once;
mod open_only;
pub mod output;
mod own_mistake;
pub mod plan;
pub mod progress;
mod resume;
pub mod run;
pub mod soak;
pub mod stress;
mod stress_plan;
pub mod stress_progress;
mod team_page;
pub mod variables;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::cli::args::{Cli, Command, DemoArgs, ReportArgs, SchemaOf};
use crate::cli::baseline::{read_judged_by, read_run};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::demo::{Demo, Manner};
use crate::experiment::control::Control;
use crate::record::{baseline_file, run_file, soak as soak_record, store};
use crate::report::format::json;
use crate::scenario::schema;

/// The whole program.
pub fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    if arguments.nth(1).is_some_and(|word| word == run::SUPERVISE) {
        let code = crate::target::supervisor::supervise(arguments);
        return ExitCode::from(u8::try_from(code).unwrap_or(1));
    }
    own_mistake::is_told();
    let exit = match Cli::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Duet(args) => duet::duet(&args),
        Command::Capacity(args) => capacity::capacity(&args),
        Command::Noise(args) => noise::noise(&args),
        Command::Soak(args) => soak::soak(&args),
        Command::Stress(args) => stress::stress(&args),
        Command::Agent(args) => fleet::agent(&args),
        Command::Watch(args) => fleet::watch(&args),
        Command::Check(args) => check::check(&args),
        Command::Init(args) => init::init(&args),
        Command::Report(args) => report(&args),
        Command::Baseline { command } => baseline::baseline(&command),
        Command::Compare(args) => comparison::compare(&args),
        Command::History(args) => history::history(&args),
        Command::Plan(args) => plan::plan(&args),
        Command::Explain(args) => explain::explain(&args),
        Command::Schema(args) => print_schema(args.of),
        Command::Demo(args) => demo(&args),
        Command::Completions { shell } => completions(shell),
        Command::Man { command } => man(command.as_deref()),
    };
    output::all_written(exit).into()
}

/// Renders a stored run again.
fn report(args: &ReportArgs) -> Exit {
    if let Err(exit) = fleet::complete(&args.run, &args.completing) {
        return exit;
    }
    report_kind(args).unwrap_or_else(|failure| failure.tell())
}

/// By what it is the record of.
fn report_kind(args: &ReportArgs) -> Result<Exit, Failure> {
    if let Some(template) = &args.template {
        return team_page::report(args, template);
    }
    if duet::is_duet(&args.run) {
        return duet::report(args);
    }
    if noise::is_noise(&args.run) {
        return noise::report(args);
    }
    if stress::is_stress(&args.run) {
        return stress::report(args);
    }
    if capacity::is_capacity(&args.run) {
        return capacity::report(args);
    }
    report_run(args)
}

/// By what it was judged at its end.
fn report_run(args: &ReportArgs) -> Result<Exit, Failure> {
    let record = read_run(&args.run)?;
    // In a folder that cannot be written to the log stays as the kill left it.
    let _ = store::complete_log(&args.run, &record);
    let asked = soak_record::read(&args.run)
        .map_err(|error| Failure::usage(error.to_string(), Vec::new()))?;
    let judged_by = read_judged_by(&args.run)?;
    let folder = folder::of_reports(args)?;
    if let Some(asked) = asked {
        let how = (args.print, args.inconclusive);
        return Ok(output::conclude_soak(&record, &asked, &folder, how));
    }
    let by = judged_by.as_ref();
    Ok(comparison::conclude(by, &record, &folder, args.print, args.inconclusive))
}

fn print_schema(of: SchemaOf) -> Exit {
    output::result(&schema_of(of));
    Exit::Pass
}

fn schema_of(of: SchemaOf) -> String {
    let schema = match of {
        SchemaOf::Scenario => schema::schema(),
        SchemaOf::Slo => schema::slo_schema(),
        SchemaOf::Run => run_file::schema(),
        SchemaOf::Summary => json::schema(),
        SchemaOf::Duet => crate::record::duet::schema(),
        SchemaOf::Comparison => json::comparison::schema(),
        SchemaOf::Noise => crate::record::noise::schema(),
        SchemaOf::Soak => soak_record::schema(),
        SchemaOf::Stress => crate::record::stress::schema(),
        SchemaOf::StressSummary => json::stress::schema(),
        SchemaOf::Capacity => crate::record::capacity::schema(),
        SchemaOf::Baseline => baseline_file::schema(),
        SchemaOf::Plan => json::plan_schema(),
        SchemaOf::Exchange => crate::record::exchange::schema(),
    };
    format!("{schema:#}\n")
}

/// Serves the demo API until a signal comes.
fn demo(args: &DemoArgs) -> Exit {
    let control = Control::default();
    let watching = interrupt::watch(&control);
    let manner = match (args.tls, args.http2) {
        (true, _) => Manner::Secured,
        (false, true) => Manner::PlainHttp2,
        (false, false) => Manner::Plain,
    };
    let demo = Demo::start(args.port, manner).and_then(|demo| watching.map(|()| demo));
    match demo {
        Ok(demo) => {
            let scheme = if args.tls { "https" } else { "http" };
            let place = demo.address();
            output::result(&format!("the demo API listens on {scheme}://{place}\n"));
            control.wait();
            Exit::Pass
        }
        Err(error) => {
            let port = args.port;
            output::error(&format!("port {port}: {error}; name another one with --port"), &[]);
            Exit::Failed
        }
    }
}

fn completions(shell: clap_complete::Shell) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "loadgate", &mut script);
    output::result(&String::from_utf8_lossy(&script));
    Exit::Pass
}

fn man(of: Option<&str>) -> Exit {
    let mut whole = Cli::command();
    // Names the commands' pages `loadgate-run`, as the page of loadgate does.
    whole.build();
    let page_of = match of {
        None => Some(whole),
        Some(name) => whole.find_subcommand(name).cloned(),
    };
    let Some(page_of) = page_of else {
        let name = of.unwrap_or_default();
        output::error(&format!("there is no command {name}"), &["see loadgate --help".to_owned()]);
        return Exit::Usage;
    };
    let mut page = Vec::new();
    match clap_mangen::Man::new(page_of).render(&mut page) {
        Ok(()) => {
            output::result(&String::from_utf8_lossy(&page));
            Exit::Pass
        }
        Err(error) => {
            output::error(&format!("the manual page cannot be made: {error}"), &[]);
            Exit::Failed
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::ValueEnum as _;

    use super::*;

    /// Programs print the files as they are checked in; the types say what is in them.
    #[test]
    fn the_checked_in_schemas_are_the_generated_ones() {
        for of in SchemaOf::value_variants() {
            let is_written_by_people = matches!(of, SchemaOf::Scenario | SchemaOf::Slo);
            let folder = if is_written_by_people { "scenarios" } else { "schemas" };
            let name = of.to_possible_value().expect("none is hidden").get_name().to_owned();
            let root = Path::new(env!("CARGO_MANIFEST_DIR"));
            let path = root.join(folder).join(format!("{name}.schema.json"));
            let text = schema_of(*of);
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                std::fs::write(&path, &text).expect("the checkout can be written to");
            }
            let stored = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(stored == text, "{name} is out of date; run the tests with UPDATE_GOLDEN=1");
        }
    }
}
