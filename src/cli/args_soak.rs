//! What the user typed after `loadgate soak`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use crate::cli::args_fleet::FleetArgs;
use crate::cli::args_shared::{LoadingArgs, PrintArgs};
use crate::record::soak::GrowthLimit;
use crate::units::{Bytes, parse_duration};

/// Examples of `loadgate soak`.
pub const SOAK_EXAMPLES: &str = "\
Examples:
  loadgate soak scenarios/orders.json -d 8h
  loadgate soak scenarios/orders.json -d 2h --leak-limit 20MB/h --memory-limit 512MB
  loadgate soak --resume reports/orders/latest-soak
  loadgate soak scenarios/orders.json -d 3m --window 5s

The verdict needs 12 windows after the first quarter of the run: 80 min with windows of 5 min.
A leak or a drift ends in 3, a run that cannot tell in 5. docs/soak.md says how it is judged.";

/// `loadgate soak`
#[derive(Debug, Args)]
pub struct SoakArgs {
    /// A scenario file
    #[arg(value_hint = ValueHint::FilePath, required_unless_present = "resume")]
    pub scenario: Option<PathBuf>,
    /// How long, with the warm-up: 2h, 8h [default: 8h]
    #[arg(short, long, value_name = "LENGTH", conflicts_with = "resume", value_parser = parse_duration)]
    pub duration: Option<Duration>,
    /// The length of a window, of which each says how much memory was needed at least; rules that
    /// count windows follow it [default: 5m]
    #[arg(long, value_name = "LENGTH", conflicts_with = "resume", value_parser = window)]
    pub window: Option<u32>,
    /// How fast memory may grow: 20MB/h, 10%/h [default: 10 % within 12 windows, or what reaches
    /// the memory limit within 288 windows (24 h), whichever is less]
    #[arg(long, value_name = "GROWTH", conflicts_with = "resume", value_parser = growth)]
    pub leak_limit: Option<GrowthLimit>,
    /// How fast everything else may grow: 10%/h [default: 10 % within 12 windows]
    #[arg(long, value_name = "GROWTH", conflicts_with = "resume", value_parser = share)]
    pub drift_limit: Option<f64>,
    /// How much memory the target may have [default: that of its control group, if it has a
    /// limit]
    #[arg(long, value_name = "SIZE", conflicts_with = "resume", value_parser = bytes)]
    pub memory_limit: Option<Bytes>,
    /// Go on with the soak of this folder, which was interrupted or killed
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub resume: Option<PathBuf>,
    /// Where it loads and leaves what it finds.
    #[command(flatten)]
    pub loading: LoadingArgs,
    /// Several generators.
    #[command(flatten)]
    pub fleet: FleetArgs,
    /// How the result is printed.
    #[command(flatten)]
    pub print: PrintArgs,
}

/// Whole seconds, from one second to a day.
fn window(text: &str) -> Result<u32, String> {
    let length = parse_duration(text).map_err(|error| error.to_string())?;
    let seconds = length.as_secs();
    if length.subsec_nanos() > 0 || !(1..=86_400).contains(&seconds) {
        return Err("expected whole seconds, at least 1s and at most 24h".to_owned());
    }
    Ok(seconds as u32)
}

fn bytes(text: &str) -> Result<Bytes, String> {
    let found: Bytes = text.parse().map_err(|error: crate::units::UnitError| error.to_string())?;
    if found.0 == 0 { Err("expected more than nothing".to_owned()) } else { Ok(found) }
}

/// `20MB/h`, `10%/h`.
fn growth(text: &str) -> Result<GrowthLimit, String> {
    let amount = per_hour(text)?;
    match amount.strip_suffix('%') {
        Some(_) => share(text).map(GrowthLimit::SharePerHour),
        None => bytes(amount).map(|bytes| GrowthLimit::BytesPerHour(bytes.0 as f64)),
    }
}

/// `10%/h`, which may be more than all of it.
fn share(text: &str) -> Result<f64, String> {
    let percent = per_hour(text)?.strip_suffix('%').and_then(|number| number.trim().parse().ok());
    percent
        .filter(|percent: &f64| percent.is_finite() && *percent > 0.0)
        .map(|percent| percent / 100.0)
        .ok_or_else(|| format!("expected a growth such as \"10%/h\", found \"{text}\""))
}

fn per_hour(text: &str) -> Result<&str, String> {
    let amount = text.trim().strip_suffix("/h").map(str::trim_end);
    amount.ok_or_else(|| {
        format!("expected a growth per hour such as \"20MB/h\" or \"10%/h\", found \"{text}\"")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_read_in_bytes_and_in_percent() {
        assert_eq!(growth("20MB/h"), Ok(GrowthLimit::BytesPerHour(20e6)));
        assert_eq!(growth(" 1.5 GB/h"), Ok(GrowthLimit::BytesPerHour(1.5e9)));
        assert_eq!(growth("250%/h"), Ok(GrowthLimit::SharePerHour(2.5)));
        for text in ["20MB", "20", "/h", "-1%/h", "0%/h", "0MB/h", "many/h", "nan%/h"] {
            assert!(growth(text).is_err(), "{text}");
        }
        assert!(share("20MB/h").is_err());
    }

    #[test]
    fn windows_are_whole_seconds_within_reason() {
        assert_eq!(window("5m"), Ok(300));
        for text in ["0s", "1.5s", "25h", "5"] {
            assert!(window(text).is_err(), "{text}");
        }
    }
}
