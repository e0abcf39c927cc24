//! `loadgate noise`: duets of the target against itself, and what they say of this machine;
//! and how a later duet takes `σ_p` from that.

use std::path::Path;

use crate::analysis::controller::duet::segment_load::describe;
use crate::cli::args::ReportArgs;
use crate::cli::args_noise::NoiseArgs;
use crate::cli::args_shared::PrintArgs;
use crate::cli::duet_course::{Course, scenario, settings};
use crate::cli::duet_time::{SEGMENTS, time_of};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::folder::{self, Latest};
use crate::cli::output;
use crate::experiment::arm::ArmSource;
use crate::experiment::noise::Noise;
use crate::record::duet::DuetEnd;
use crate::record::noise::{self as noise_record, NOISE_FILE, NoiseFile};

/// Runs the command.
pub fn noise(args: &NoiseArgs) -> Exit {
    let course = match course(args) {
        Ok(course) => course,
        Err(exit) => return exit,
    };
    let duets = args.duets;
    match course.play(|duet| Noise { duet, duets }.run()) {
        Ok((noise, folder)) => conclude(&noise, &folder, args.print),
        Err(exit) => exit,
    }
}

fn course(args: &NoiseArgs) -> Result<Course<'_>, Exit> {
    let scenario = scenario(&args.scenario, &args.course, "noise", args.print.quiet)?;
    let (time, plan) = time_of(args.within, args.segments, &args.course).map_err(|why| {
        output::error(&why, &[]);
        Exit::Usage
    })?;
    let looks = args.segments.unwrap_or(SEGMENTS);
    let started = scenario.target.start.is_some();
    let settings = settings(&args.gate, looks, &args.course, &scenario, started)?;
    let one = plan.unwrap_or_else(|| describe(&scenario.load, &settings, time.pilot()));
    Ok(Course {
        plan: format!("{} duets of the target against itself; each {one}", args.duets),
        scenario,
        sources: [ArmSource::Scenario, ArmSource::Scenario],
        settings,
        time,
        args: &args.course,
        quiet: args.print.quiet,
        latest: Latest::Noise,
    })
}

/// Whether a path is the folder of a measurement of noise, or its file.
pub fn is_noise(path: &Path) -> bool {
    path.join(NOISE_FILE).is_file() || path.file_name().is_some_and(|name| name == NOISE_FILE)
}

/// Renders a stored measurement again.
pub fn report(args: &ReportArgs) -> Result<Exit, Failure> {
    let noise = noise_record::read(&args.run)?;
    let folder = folder::of_reports(args)?;
    // Somewhere else the report would name a file that is not there.
    if args.output.is_some() {
        noise.write(&folder).map_err(|error| Failure::tool(error.to_string()))?;
    }
    Ok(conclude(&noise, &folder, args.print))
}

/// Writes the summary, prints the result.
fn conclude(noise: &NoiseFile, folder: &Path, print: PrintArgs) -> Exit {
    let exit = exit_of(noise);
    if !noise.duets.is_empty() {
        return output::conclude_noise(noise, folder, print, exit);
    }
    let why = match &noise.end {
        Some(DuetEnd::ArmLost { arm, detail }) => {
            format!("the {arm} was lost under load: {detail}")
        }
        Some(DuetEnd::Hopeless { detail, .. }) => format!("the target cannot work: {detail}"),
        Some(DuetEnd::Interrupted { .. } | DuetEnd::Finished) | None => {
            "interrupted before the first segment came to its end: nothing to tell".to_owned()
        }
    };
    output::plain_error(&why, &[]);
    exit
}

/// What a gate says of the target against itself is a figure, no verdict.
fn exit_of(noise: &NoiseFile) -> Exit {
    let judged = if noise.invalid.is_empty() { Exit::Pass } else { Exit::Invalid };
    Exit::of_duet(noise.end.as_ref()).unwrap_or(judged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::model::Arm;

    #[test]
    fn false_alarms_are_figures_and_a_limit_of_the_generator_is_invalid() {
        let mut noise = noise_record::sample();
        noise.rulings.regressed = 6;
        assert_eq!(exit_of(&noise), Exit::Pass);
        noise.invalid = vec!["late".to_owned()];
        assert_eq!(exit_of(&noise), Exit::Invalid);
        noise.end = Some(DuetEnd::ArmLost { arm: Arm::Baseline, detail: String::new() });
        assert_eq!(exit_of(&noise), Exit::TargetLost);
        noise.end = Some(DuetEnd::Interrupted { signal: 15 });
        assert_eq!(exit_of(&noise).code(), 143);
    }
}
