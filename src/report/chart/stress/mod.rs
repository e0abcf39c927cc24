//! A stress test in, one chart for each repeat out: what was wanted, what came of it, how many
//! requests were in flight and how long they took, with the break, the fall back and the recovery.
//!
//! `bins` has the numbers, `draw` draws them.

mod bins;
mod draw;

use super::Figure;
use crate::analysis::stress_result::{Reach, Recovery, RepeatResult, StressResult};
use crate::record::stress::StressFile;
use crate::units::Rate;

/// What the files of the charts are called, without the ending, and what stands above them.
const NAMES: [(&str, &str); 5] = [
    ("stress-1", "Repeat 1"),
    ("stress-2", "Repeat 2"),
    ("stress-3", "Repeat 3"),
    ("stress-4", "Repeat 4"),
    ("stress-5", "Repeat 5"),
];

/// The charts of a stress test, to be drawn when they are needed.
pub(in crate::report) fn figures<'a>(
    file: &'a StressFile,
    result: &'a StressResult,
) -> Vec<Figure<'a>> {
    let pairs = file.repeats.iter().zip(&result.repeats);
    let figure = |(name, pair)| {
        let (_, found): (_, &RepeatResult) = pair;
        let (_, title): (&'static str, &'static str) = name;
        Figure::new(name, &describe(title, found), move |width| draw::draw(title, pair, width))
    };
    NAMES.into_iter().zip(pairs).map(figure).collect()
}

/// What a chart shows, in words.
fn describe(title: &str, found: &RepeatResult) -> String {
    let reach = match found.reach {
        Reach::Broke { rate, .. } => format!("the target breaks at {}", Rate(rate)),
        Reach::NotUpTo { rate, .. } => format!("the target keeps up to {}", Rate(rate)),
        Reach::AtStart { rate } => format!("the target does not keep up with {}", Rate(rate)),
        Reach::Spike { rate } => format!("a spike of {}", Rate(rate)),
        Reach::Unknown => "it ended too early to say".to_owned(),
    };
    let back = match found.recovery {
        Recovery::After(seconds) => format!("; it is as before {seconds} s after the overload"),
        Recovery::NotWithin(seconds) => format!("; it is not as before within {seconds} s"),
        Recovery::Gone => "; it accepts no connections any more".to_owned(),
        Recovery::Died => "; it dies".to_owned(),
        Recovery::NotMeasured(_) => String::new(),
    };
    format!(
        "{title}: {reach}{back}. Above, the rate that was wanted as a line over requests per second \
         by how they ended; below, requests in flight and the p99 of the response time."
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::stress::assess;
    use crate::record::stress::RepeatEnd;
    use crate::record::stress_sample::sample;
    use crate::report::chart::checks::{check_accessible, check_inside};
    use crate::report::chart::{Theme, Width};

    /// Every chart of a stress test, in both widths.
    fn charts(change: impl Fn(&mut StressFile)) -> Vec<String> {
        let mut file = sample();
        change(&mut file);
        let result = assess(&file);
        let figures = figures(&file, &result);
        let both = |figure: &Figure<'_>| {
            [Width::Wide, Width::Narrow].map(|width| figure.svg(width, Theme::System))
        };
        figures.iter().flat_map(both).flatten().collect()
    }

    #[track_caller]
    fn check(change: impl Fn(&mut StressFile), expected: usize) {
        let all = charts(change);
        assert_eq!(all.len(), expected);
        for svg in all {
            let document = roxmltree::Document::parse(&svg).unwrap();
            for broken in ["NaN", "inf", "A0000", "2147483647"] {
                assert!(!svg.contains(broken), "{broken}");
            }
            check_accessible(&document);
            check_inside(&document, "stress");
        }
    }

    #[test]
    fn every_chart_is_sound_however_a_repeat_ended() {
        check(|_| {}, 4);
        check(|file| file.repeats.clear(), 0);
        check(|file| file.repeats.iter_mut().for_each(|it| it.seconds.clear()), 0);
        check(
            |file| {
                file.repeats.truncate(1);
                file.repeats[0].phases.truncate(2);
                file.repeats[0].seconds.truncate(7);
                file.repeats[0].end = Some(RepeatEnd::BrokenAtStart);
            },
            2,
        );
        let long = |file: &mut StressFile| {
            let last = file.repeats[0].seconds[47];
            let more =
                (48..4_000).map(|second| crate::record::stress::StressSecond { second, ..last });
            file.repeats[0].seconds.extend(more);
        };
        check(long, 4);
    }

    #[test]
    fn the_recovery_is_in_the_chart_only_where_there_was_one() {
        let of = |svg: &String| svg.contains("as before again");
        assert!(charts(|_| {}).iter().all(of));
        let never = |file: &mut StressFile| {
            for repeat in &mut file.repeats {
                repeat.seconds.truncate(45);
                repeat.end = Some(RepeatEnd::NotRecovered);
            }
        };
        assert!(!charts(never).iter().any(of));
    }

    /// `LOADGATE_PICTURES=folder cargo test --lib stress::tests::pictures -- --ignored` writes
    /// them there, to be looked at.
    #[test]
    #[ignore = "writes files for the eye"]
    fn pictures() {
        let folder = std::path::PathBuf::from(std::env::var("LOADGATE_PICTURES").unwrap());
        for (index, svg) in charts(|_| {}).into_iter().enumerate() {
            std::fs::write(folder.join(format!("stress-{index}.svg")), svg).unwrap();
        }
    }
}
