//! One segment of a duet: both arms started afresh, warmed, loaded side by side, stopped.
//!
//! The arms share one thread of the generator. What was measured of each is a run folder
//! of its own, `baseline` and `candidate`.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::experiment::arm::PreparedArm;
use crate::experiment::control::Control;
use crate::experiment::event::Event;
use crate::experiment::idle;
use crate::experiment::measured::{Measured, StillUp};
use crate::experiment::session::{Failure, Session};
use crate::experiment::side::Side;
use crate::experiment::trial_error::TrialError;
use crate::record::duet::{Idle, Segment};
use crate::scenario::load::Load;
use crate::scenario::model::{Arm, Scenario};
use crate::schedule::arms::Timing;
use crate::target::port::free_port;
use crate::target::process::ExitReport;
use crate::units::order;

/// Baseline before candidate, wherever there are two.
const ARMS: [Arm; 2] = [Arm::Baseline, Arm::Candidate];

/// What all segments of a duet have in common.
pub(super) struct Arena<'a> {
    /// Baseline, candidate.
    pub(super) arms: [&'a PreparedArm; 2],
    /// How they are measured.
    pub(super) session: Session<'a>,
}

/// Where one segment's arms are started, and who is first.
#[derive(Clone, Copy)]
pub(super) struct Turn<'a> {
    /// Its folder.
    pub(super) folder: &'a Path,
    /// Who is started first, and has the first block.
    pub(super) first: Arm,
}

/// How one segment is played.
pub(super) struct Play<'a> {
    /// Where.
    pub(super) turn: Turn<'a>,
    /// Warm-up and judged stages.
    pub(super) load: Load,
    /// Length of a block, if the arms take turns.
    pub(super) block: Option<Duration>,
}

/// Both arms, up and ready.
pub(super) struct BothUp {
    /// Baseline, candidate.
    sides: [Side; 2],
    /// How long that took.
    pub(super) took: Duration,
}

impl BothUp {
    /// What they use while nothing is asked of them; `None` where nobody knows.
    pub(super) fn idle(&self, control: &Control) -> Option<Idle> {
        let tree =
            |side: &Side| Some(side.target.monitor(&side.scenario, Timing::Alone).watch?.tree());
        let [baseline, candidate] = &self.sides;
        idle::measure([tree(baseline)?, tree(candidate)?], control)
    }
}

/// Why a segment came to nothing.
#[derive(Debug)]
pub(super) enum Failed {
    /// One arm's target could not be had.
    Arm(Arm, TrialError),
    /// One arm's target died under load.
    Died(Arm, ExitReport),
    /// A step of one arm cannot work.
    Hopeless(Arm, String),
    /// The generator, or the disk.
    Own(TrialError),
}

impl Arena<'_> {
    /// Starts both arms and waits until they are ready.
    pub(super) fn start_both(
        &self,
        turn: Turn<'_>,
        watch: &mut dyn FnMut(Arm, Event),
    ) -> Result<BothUp, Failed> {
        let begun = Instant::now();
        let mut up = Vec::new();
        for arm in [turn.first, turn.first.other()] {
            let side = self.start(arm, turn, &mut |event| watch(arm, event));
            up.push((arm, side.map_err(|error| Failed::Arm(arm, error))?));
        }
        for (arm, side) in &mut up {
            self.session
                .wait_until_ready(side, &mut |event| watch(*arm, event))
                .map_err(|error| Failed::Arm(*arm, error))?;
        }
        order::by_key(&mut up, |(arm, _)| *arm != Arm::Baseline);
        let sides: Vec<Side> = up.into_iter().map(|(_, side)| side).collect();
        let sides = <[Side; 2]>::try_from(sides).ok().expect("both arms were started");
        Ok(BothUp { sides, took: begun.elapsed() })
    }

    fn start(
        &self,
        arm: Arm,
        turn: Turn<'_>,
        watch: &mut dyn FnMut(Event),
    ) -> Result<Side, TrialError> {
        let prepared = self.arms[usize::from(arm == Arm::Candidate)];
        let port =
            if prepared.needs_port() { free_port().map_err(TrialError::Engine)? } else { 0 };
        self.session.start(prepared.scenario(port), &turn.folder.join(arm.name()), watch)
    }

    /// Plays one segment with arms that are up.
    pub(super) fn play(
        &self,
        play: &Play<'_>,
        up: BothUp,
        watch: &mut dyn FnMut(Arm, Event),
    ) -> Result<Segment, Failed> {
        let sides = up.sides.into_iter().zip(ARMS).map(|(side, arm)| {
            let load = play.load.clone();
            let scenario = Arc::new(Scenario { load, ..Scenario::clone(&side.scenario) });
            let timing = match play.block {
                None => Timing::interleaved(arm, &scenario.load),
                Some(block) => Timing::Alternating { arm, first: play.turn.first, block },
            };
            (Side { scenario, ..side }, timing)
        });
        let measured = self
            .session
            .measure(sides.collect(), &mut |turn, event| watch(ARMS[turn], event))
            .map_err(|failure| match failure {
                Failure::Side(turn, error) => Failed::Arm(ARMS[turn], error),
                Failure::Own(error) => Failed::Own(error),
            })?;
        let measured = measured.into_iter().map(StillUp::stop).collect::<Vec<_>>();
        let measured = <[Measured; 2]>::try_from(measured).ok().expect("two sides were measured");
        segment(measured, play.turn.first)
    }
}

/// What both arms came to: a death before what cannot work, as the first may be why.
fn segment([baseline, candidate]: [Measured; 2], first: Arm) -> Result<Segment, Failed> {
    let died = |arm, measured: Option<ExitReport>| measured.map(|exit| Failed::Died(arm, exit));
    let cannot = |arm, why: Option<String>| why.map(|why| Failed::Hopeless(arm, why));
    let lost = died(Arm::Baseline, baseline.died)
        .or_else(|| died(Arm::Candidate, candidate.died))
        .or_else(|| cannot(Arm::Candidate, candidate.hopeless))
        .or_else(|| cannot(Arm::Baseline, baseline.hopeless));
    let (baseline, candidate) = (baseline.record, candidate.record);
    lost.map_or(Ok(Segment { baseline, candidate, first }), Err)
}
