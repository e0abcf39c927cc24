//! What of the lines of `loadgate duet` and `loadgate noise` is decided before anything starts: how its time is spent, and
//! whether it can be judged by what was asked for.

use std::time::Duration;

use crate::analysis::controller::duet::Course as Time;
use crate::analysis::controller::duet::course::Within;
use crate::cli::args_duet::CourseArgs;
use crate::cli::args_gate::GateArgs;
use crate::experiment::arm::ArmSource;
use crate::record::duet::GateMetric;
use crate::scenario::model::Scenario;
use crate::units::format_duration;

/// Segments of a duet whose lengths are given.
pub(super) const SEGMENTS: u32 = 5;
/// How long a duet may take, and the least that is worth starting.
const WITHIN: Duration = Duration::from_secs(180);
const SHORTEST_TIME: Duration = Duration::from_secs(30);

/// How the time is spent, and the sentence on it where no number of segments is known yet.
pub(super) fn time_of(
    within: Option<Duration>,
    segments: Option<u32>,
    course: &CourseArgs,
) -> Result<(Time, Option<String>), String> {
    let is_given = segments.is_some() && course.segment.is_some();
    if is_given && within.is_some() {
        return Err(
            "--segment and --segments say how long it takes: leave one out, or --within".to_owned()
        );
    }
    if is_given || course.pilot.is_some() {
        return Ok((Time::Fixed(course.pilot()), None));
    }
    let time = within.unwrap_or(WITHIN);
    if time < SHORTEST_TIME {
        return Err(format!(
            "--within {}: two segments of both arms take at least {}",
            format_duration(time),
            format_duration(SHORTEST_TIME)
        ));
    }
    let plan = format!("within {}, less if it is decided before", format_duration(time));
    let (segment, warmup) = (course.segment, course.warmup);
    Ok((Time::Within(Within { time, segments, segment, warmup }), Some(plan)))
}

/// Whether loadgate starts an arm's processes.
pub(super) fn is_started(arm: &ArmSource, scenario: &Scenario) -> bool {
    match arm {
        ArmSource::Running(_) => false,
        ArmSource::Scenario => scenario.target.start.is_some(),
        ArmSource::Folder(_) | ArmSource::Command(_) | ArmSource::Ref { .. } => true,
    }
}

/// Whether a duet can be judged by what was asked for; if not, why, and what to do.
pub(super) fn can_gate(gate: &GateArgs, started: bool) -> Result<(), (&'static str, &'static str)> {
    let Some(metrics) = &gate.metrics else { return Ok(()) };
    if !metrics.iter().any(|metric| metric.is_time()) {
        let help = "add one, such as --metrics p50,errors,cpu: without one there is no pass";
        return Err(("a duet needs a quantile of the response time", help));
    }
    if metrics.contains(&GateMetric::CpuPerRequest) && !started {
        let help = "give folders, commands or git refs as arms, or leave cpu out of --metrics";
        return Err(("cpu is known only of targets that loadgate starts", help));
    }
    Ok(())
}
