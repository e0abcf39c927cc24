//! Noise on the terminal: what a duet has to assume first, files and exit code last.
//!
//! One function per section; [`render`] only orders them.

use super::{NoiseReport, words};
use crate::record::noise::{NOISE_FILE, NoiseFile};
use crate::report::plain;
use crate::report::terminal;
use crate::report::terminal::paint::Paint;
use crate::report::terminal::screen::{Screen, Style};
use crate::report::terminal::table::{Cell, Column, Table};

/// The whole report, with a line break at its end.
pub fn render(report: &NoiseReport, style: Style) -> String {
    let screen = Screen::of(style);
    let noise = report.noise;
    terminal::joined([
        headline(noise, screen),
        facts(noise, screen),
        spread(noise, screen),
        movement(noise, screen),
        gates(noise, screen),
        terminal::unknowns(&words::unknowns(), screen),
        files(report, screen),
    ])
}

fn headline(noise: &NoiseFile, screen: Screen) -> String {
    let title = words::title(noise);
    let paint = if noise.invalid.is_empty() { Paint::Bold } else { Paint::Doubt };
    let room = screen.width - plain::width(title) - 2;
    let scenario = plain::fitted(&plain::line(&noise.scenario), room);
    let mut out = format!("{}  {scenario}\n", screen.paint(title, paint));
    out += &screen.paragraph("  ", &words::answer(noise));
    for why in &noise.invalid {
        out += &terminal::one_reason(why, screen);
    }
    out
}

fn facts(noise: &NoiseFile, screen: Screen) -> String {
    words::facts(noise).iter().map(|(name, text)| screen.entry(name, text)).collect()
}

fn spread(noise: &NoiseFile, screen: Screen) -> String {
    let rows = noise.metrics.iter().filter_map(words::spread_row);
    let table = table(words::SPREAD, &[1], rows.collect(), screen);
    if table.is_empty() {
        return table;
    }
    let means = screen.paragraph("  ", words::SPREAD_MEANS);
    screen.heading("From segment to segment, target ÷ itself") + &table + &means
}

fn movement(noise: &NoiseFile, screen: Screen) -> String {
    let rows = noise.metrics.iter().filter_map(words::movement_row);
    let table = table(words::MOVEMENT, &[1, 2], rows.collect(), screen);
    if table.is_empty() {
        return table;
    }
    screen.heading("Within segments") + &table + &screen.paragraph("  ", words::MOVEMENT_MEANS)
}

fn gates(noise: &NoiseFile, screen: Screen) -> String {
    let each = noise.metrics.iter().map(words::gate_row);
    let rows = each.chain([words::overall_row(noise)]).collect();
    let mut out = screen.heading("What the gate says, and can see here");
    out += &table(words::GATES, &[2], rows, screen);
    out += &screen.paragraph("  ", &words::alarms(noise));
    for remark in words::remarks(noise) {
        out += &screen.paragraph("  - ", &remark);
    }
    out
}

/// The first column is a name, the others are numbers, some of which may be left out where
/// room is short, in this order. Empty without rows.
fn table<const N: usize>(
    titles: [&'static str; N],
    dropped: &[usize],
    rows: Vec<[String; N]>,
    screen: Screen,
) -> String {
    let column = |(place, title): (usize, &'static str)| {
        if place == 0 {
            return Column::left(title);
        }
        let order = dropped.iter().position(|it| *it == place);
        let column = Column::right(title);
        match order {
            Some(order) => column.dropped(order as u8),
            None => column,
        }
    };
    let mut table = Table::new(titles.into_iter().enumerate().map(column).collect());
    if rows.is_empty() {
        return String::new();
    }
    for row in rows {
        table.add(row.map(Cell::plain).into());
    }
    table.render(screen)
}

fn files(report: &NoiseReport, screen: Screen) -> String {
    let takes = |folder: &str| {
        format!("next       loadgate duet … --start-noise {}/{NOISE_FILE}\n", plain::line(folder))
    };
    let told = report.noise.start_noise.is_some() && report.noise.invalid.is_empty();
    let next = report.folder.filter(|_| told).map(takes);
    next.unwrap_or_default() + &terminal::files(report.folder, report.exit_code, screen)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::duet::{Dropped, DuetEnd, GateMetric};
    use crate::record::noise;
    use crate::report::sample_runs::{self, golden};

    fn shown(noise: &NoiseFile, width: usize) -> String {
        let folder = Some("reports/orders/x");
        render(&NoiseReport { noise, exit_code: 0, folder }, Style { width, color: false })
    }

    /// Columns of the widest line; the folder may be longer.
    fn widest(text: &str) -> usize {
        let lines = text.lines().filter(|line| !line.contains("reports/orders/x"));
        lines.map(plain::width).max().unwrap()
    }

    #[test]
    fn noise_reads_as_before() {
        golden::check("noise.txt", &shown(&noise::sample(), 80));
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in [60, 80, 120] {
            let text = shown(&noise::sample(), width);
            assert!(widest(&text) <= width, "{width}:\n{text}");
        }
    }

    #[test]
    fn what_cannot_be_told_is_said() {
        let mut noise = noise::sample();
        noise.start_noise = None;
        noise.duets.truncate(1);
        let few = shown(&noise, 160);
        assert!(few.contains("it takes 4 segments with enough requests, and there are 3"), "{few}");
        assert!(few.contains("1 of 6 duets") && !few.contains("--start-noise"), "{few}");
        noise.starts_afresh = false;
        assert!(shown(&noise, 160).contains("both arms are the same process"));
        noise.metrics[0].times = None;
        noise.metrics[0].note = Some("cannot be told: too short".to_owned());
        let reason = "p99 needs 100 requests".to_owned();
        noise.dropped = vec![Dropped { metric: GateMetric::ResponseTime(0.99), reason }];
        noise.end = Some(DuetEnd::Interrupted { signal: 2 });
        let text = shown(&noise, 160);
        for part in ["p50: cannot be told: too short", "p99 needs 100", "by signal 2"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn what_is_invalid_or_below_the_floor_or_drifts_says_so() {
        let mut noise = noise::sample();
        noise.invalid = vec!["duet-2: 4 % were not sent".to_owned()];
        let text = shown(&noise, 160);
        assert!(text.starts_with("INVALID  orders") && text.contains("duet-2: 4 %"), "{text}");
        assert!(!text.contains("--start-noise"), "{text}");
        let found = noise.start_noise.as_mut().unwrap();
        (found.measured, found.value) = (0.001, 0.005);
        noise.metrics[1].times.as_mut().unwrap().ratio.trend_p = 0.001;
        let text = shown(&noise, 160);
        assert!(text.contains("takes 0.5 %, the least it ever assumes"), "{text}");
        assert!(text.contains("p95: the ratio drifts by +0.10 % a minute"), "{text}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn hostile_names_control_nothing(name in sample_runs::hostile()) {
            let mut noise = noise::sample();
            noise.scenario.clone_from(&name);
            noise.target.clone_from(&name);
            noise.fingerprint.cpu.clone_from(&name);
            noise.invalid = vec![name];
            let text = shown(&noise, 80);
            prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
            prop_assert!(widest(&text) <= 80, "{text}");
        }
    }
}
