//! A stress test for tests: a target that is broken by timeouts at 121/s and comes back.

use crate::record::fingerprint::Fingerprint;
use crate::record::stress::{
    Phase, PhaseKind, Plan, Profile, Repeat, RepeatEnd, StressEnd, StressFile, StressSecond,
    VERSION,
};

/// A stress test for tests: a ramp from 100/s with steps of five seconds, as `seconds` has it for
/// each phase and second of the phase.
pub(crate) fn sample() -> StressFile {
    let healthy = |second, rate: u64| StressSecond {
        second,
        offered: rate,
        ok: rate,
        p99_ms: Some(12.0),
        in_flight: rate / 100,
        ..StressSecond::default()
    };
    let overloaded = |second, offered: u64, in_flight| StressSecond {
        second,
        offered,
        ok: 110,
        timeouts: offered.saturating_sub(110) / 2,
        p99_ms: Some(1_000.0),
        in_flight,
        ..StressSecond::default()
    };
    let phase = |kind, from, rate| Phase { kind, from, rate };
    let phases = vec![
        phase(PhaseKind::WarmUp, 0, 100.0),
        phase(PhaseKind::Ramp, 5, 100.0),
        phase(PhaseKind::Ramp, 10, 110.0),
        phase(PhaseKind::Ramp, 15, 121.0),
        phase(PhaseKind::Hold, 20, 121.0),
        phase(PhaseKind::Overload(1.2), 25, 145.2),
        phase(PhaseKind::Overload(1.5), 30, 181.5),
        phase(PhaseKind::FallBack, 35, 60.5),
    ];
    let mut seconds: Vec<StressSecond> = (0..10).map(|second| healthy(second, 100)).collect();
    seconds.extend((10..15).map(|second| healthy(second, 110)));
    seconds.extend((15..20).map(|second| overloaded(second, 121, 11 * u64::from(second - 13))));
    seconds.extend((20..35).map(|second| overloaded(second, 150, 40 * u64::from(second - 17))));
    seconds.extend((35..42).map(|second| overloaded(second, 60, 90 * u64::from(42 - second))));
    seconds.extend((42..48).map(|second| healthy(second, 60)));
    let repeat = |number: u32| Repeat {
        folder: format!("repeat-{number}"),
        phases: phases.clone(),
        seconds: seconds.clone(),
        steps: Vec::new(),
        end: Some(RepeatEnd::Recovered),
    };
    StressFile {
        version: VERSION,
        scenario: "orders".to_owned(),
        started: "2026-01-01T00:00:00Z".to_owned(),
        target: "http://127.0.0.1:3000".to_owned(),
        starts_afresh: true,
        fingerprint: Fingerprint::of(&crate::record::sample_head()),
        plan: sample_plan(),
        objectives: Vec::new(),
        connections: 1_000,
        repeats: vec![repeat(1), repeat(2)],
        end: Some(StressEnd::Finished),
    }
}

/// What the sample does.
pub(crate) fn sample_plan() -> Plan {
    Plan {
        profile: Profile::Ramp,
        from: 100.0,
        growth: 0.1,
        step_seconds: 5,
        warmup_seconds: 5,
        hold_seconds: 5,
        factors: vec![1.2, 1.5],
        highest: 1_000.0,
        capacity: None,
        recover_within_seconds: 20,
        within_seconds: 600,
        repeats: 2,
    }
}
