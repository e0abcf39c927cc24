//! Stored baselines as a person and a pipeline meet them. One short run of the demo serves
//! all tests: its copies with other starts are the accepted runs, and one with every time
//! so many times as long is the slower candidate.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::OnceLock;

use loadgate::record::histogram::Sparse;
use loadgate::record::interval::StepTimes;
use loadgate::record::phase::Phase;
use loadgate::record::recorder::Part;
use loadgate::record::run::RunRecord;
use loadgate::record::series::SeriesId;
use loadgate::record::store::{self, RunWriter};
use loadgate::record::tick::Ticks;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::support::{self, stderr, stdout};

/// Long enough for p99: 100 requests beyond it.
const RATE: &str = "1000/s";

/// A scenario that any machine holds.
fn scenario(place: &Path) -> PathBuf {
    let scenario = json!({
        "name": "stored",
        "target": { "demo": true },
        "flows": [{ "name": "a", "steps": [{ "request": "GET /products" }] }],
        "load": { "stages": [{ "for": "1s", "rate": RATE, "warmup": true },
                             { "for": "11s", "rate": RATE }] },
        "slo": { "all": ["p50 < 9s", "error_rate < 50%"] },
    });
    let file = place.join("stored.json");
    fs::write(&file, scenario.to_string()).unwrap();
    file
}

/// The one real run.
fn record() -> &'static RunRecord {
    static RUN: OnceLock<RunRecord> = OnceLock::new();
    RUN.get_or_init(|| {
        let place = tempfile::tempdir().unwrap();
        let (file, out) = (scenario(place.path()), place.path().join("out"));
        let ran = support::loadgate().arg("run").arg(file).arg("-q").arg("-o").arg(&out).output();
        let ran = ran.unwrap();
        assert!(matches!(ran.status.code(), Some(0 | 6)), "{}{}", stdout(&ran), stderr(&ran));
        let mut record = store::read(&support::latest(&out, "stored")).unwrap();
        // Whether this machine was calm is not what is tested.
        record.generator.iter_mut().for_each(|second| {
            *second = loadgate::record::telemetry::GeneratorSecond {
                second: second.second,
                ..Default::default()
            };
        });
        record
    })
}

/// A run like the real one with another start and times that are so many times as long.
fn made(folder: &Path, minute: usize, scale: f64, change: impl Fn(&mut RunRecord)) -> PathBuf {
    let mut record = record().clone();
    record.head.started = format!("2026-01-01T00:{minute:02}:00Z");
    record.head.started_unix_ms = 1_767_225_600_000 + minute as u64 * 60_000;
    change(&mut record);
    let place = folder.join(format!("2026-01-01T00-{minute:02}-00Z"));
    fs::create_dir_all(&place).unwrap();
    let mut writer = RunWriter::create(&place, record.head.clone()).unwrap();
    let mut ticks = Ticks::of(record.head.generators[0].slots, 0);
    for found in record.seconds.iter() {
        let content = found.unpack();
        for (series, counts) in content.counts.iter().enumerate() {
            let times = scaled(&content.times[series], scale);
            let (counts, series) = (counts.clone(), SeriesId(series as u16));
            let part = Part { second: found.second(), series, counts, times };
            writer.take(&ticks.parts(vec![part]));
        }
    }
    record.generator.iter().for_each(|second| {
        writer.take(&ticks.generator(second.clone()));
    });
    match record.end {
        Some(end) => drop(writer.finish(end).unwrap()),
        None => drop(writer),
    }
    place
}

fn scaled(times: &StepTimes, scale: f64) -> StepTimes {
    let slower = |times: &Sparse| {
        let buckets = times.buckets().iter();
        Sparse::from_counts(buckets.map(|(micros, n)| ((*micros as f64 * scale) as u64, *n)))
    };
    let (response, least) = (slower(&times[Phase::Response]), slower(&times[Phase::Least]));
    let mut scaled = times.clone();
    (scaled[Phase::Response], scaled[Phase::Least]) = (response, least);
    scaled
}

fn plain(folder: &Path, minute: usize, scale: f64) -> PathBuf {
    made(folder, minute, scale, |_| {})
}

#[track_caller]
fn ends(arguments: &[&str], folder: &Path, code: i32, texts: &[&str]) -> Output {
    let output = support::loadgate().args(arguments).current_dir(folder).output().unwrap();
    let said = format!("{}{}", stdout(&output), stderr(&output));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    // Where the lines break is not what is tested here.
    let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for text in texts {
        assert!(
            said.contains(text) || flat.contains(text),
            "{arguments:?} does not say {text:?}:\n{said}"
        );
    }
    output
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A folder with a baseline of so many runs, up to 2 % apart.
fn accepted(runs: usize) -> TempDir {
    let place = tempfile::tempdir().unwrap();
    for run in 0..runs {
        let scale = 1.0 + 0.01 * (run % 3) as f64;
        let folder = plain(place.path(), run, scale);
        ends(&["baseline", "accept", text(&folder)], place.path(), 0, &["accepted the run of"]);
    }
    place
}

const FILE: &str = "baselines/stored.json";

#[test]
fn a_run_is_accepted_shown_listed_and_removed() {
    let place = tempfile::tempdir().unwrap();
    let here = place.path();
    let (first, second) = (plain(here, 0, 1.0), plain(here, 1, 1.0));
    let note = ["baseline", "accept", text(&first), "--note", "\u{1b}[31m1.4"];
    ends(&note, here, 0, &["accepted the run of 2026-01-01T00:00:00Z into", "9 more"]);
    ends(&["baseline", "accept", text(&first)], here, 2, &["is accepted already"]);
    ends(&["baseline", "accept", text(&second)], here, 0, &["2 runs", "8 more"]);
    let texts = ["2026-01-01T00:01:00Z", "[31m1.4", "median", "spread", "scenario hash", "8 more"];
    let shown = ends(&["baseline", "show", FILE], here, 0, &texts);
    assert!(!stdout(&shown).contains('\u{1b}'), "what a file says moves no cursor");
    ends(&["baseline", "list"], here, 0, &[FILE, "stored", "needs 8 more", "/s"]);
    let wrong = ["baseline", "remove", FILE, "2027-01-01T00:00:00Z"];
    ends(&wrong, here, 2, &["there is no run of 2027", "2026-01-01T00:01:00Z"]);
    ends(&["baseline", "remove", FILE], here, 2, &["--last"]);
    ends(&["baseline", "remove", FILE, "2026-01-01T00:00:00Z"], here, 0, &["1 run: advice"]);
    let last = ["baseline", "remove", FILE, "--last"];
    ends(&last, here, 0, &["removed the run of 2026-01-01T00:01:00Z", "is deleted"]);
    assert!(!here.join(FILE).exists());
    ends(&["baseline", "show", FILE], here, 2, &[FILE, "baseline accept"]);
}

#[test]
fn unfit_runs_are_not_accepted() {
    let place = tempfile::tempdir().unwrap();
    let here = place.path();
    let killed = made(here, 0, 1.0, |record| record.end = None);
    ends(&["baseline", "accept", text(&killed)], here, 2, &["unfinished", "--force"]);
    // Each of them takes longer than the limit: none is shorter than 10 µs.
    let slow = made(here, 1, 1e6, |record| {
        record.seconds.edit(.., |_, second| {
            second.counts.iter_mut().for_each(|counts| counts.slower.fill(counts.planned));
        });
    });
    ends(&["baseline", "accept", text(&slow)], here, 2, &["SLO missed: ", "--force"]);
    assert!(!here.join(FILE).exists());
    ends(&["baseline", "accept", text(&slow), "--force"], here, 0, &["accepted"]);
}

#[test]
fn unlike_runs_are_refused_with_each_difference() {
    let place = accepted(1);
    let here = place.path();
    let other = made(here, 30, 1.0, |record| {
        record.head.load.seed = 4_711;
        record.head.generators[0].environment.cpu = "Another\u{1b}[2J CPU".to_owned();
    });
    let texts = ["seed: ", "4711 (candidate)", "CPU model: ", "baseline remove"];
    for arguments in [&["baseline", "accept"][..], &["compare", FILE]] {
        let arguments = [arguments, &[text(&other)]].concat();
        let said = stderr(&ends(&arguments, here, 2, &texts));
        assert!(!said.contains('\u{1b}'), "{said}");
    }
}

#[test]
fn one_run_is_advice() {
    let place = tempfile::tempdir().unwrap();
    let (a, b) = (plain(place.path(), 0, 1.0), plain(place.path(), 1, 1.0));
    let texts = ["INCONCLUSIVE", "accept 9 runs more", "loadgate duet"];
    ends(&["compare", text(&a), text(&b)], place.path(), 5, &texts);
    let as_file = a.join("run.json");
    ends(&["compare", text(&as_file), text(&b)], place.path(), 5, &texts);
    ends(&["compare", text(&a), text(&b), "--inconclusive", "pass"], place.path(), 0, &[]);
    ends(&["compare", text(&a), text(&a)], place.path(), 2, &["one of the baseline's own"]);
}

#[test]
fn ten_runs_decide() {
    let place = accepted(10);
    let here = place.path();
    ends(&["baseline", "show", FILE], here, 0, &["it decides", "sees changes from +"]);
    let (same, slower) = (plain(here, 40, 1.01), plain(here, 41, 2.0));
    ends(&["compare", FILE, text(&same)], here, 0, &["PASS", "from 10 earlier runs"]);
    ends(&["compare", FILE, text(&slower)], here, 4, &["REGRESSED", "p50 of response time"]);
    let printed = ends(&["compare", FILE, text(&slower), "--json"], here, 4, &[]);
    let comparison: Value = serde_json::from_slice(&printed.stdout).unwrap();
    assert_eq!(comparison["verdict"], "regressed");
    assert_eq!(comparison["comparison"]["method"], "stored");
}

#[test]
fn tolerance_and_metrics_are_what_the_team_says() {
    let place = accepted(10);
    let here = place.path();
    let slower = plain(here, 41, 1.5);
    let compare = |flags: &[&str], code: i32, texts: &[&str]| {
        ends(&[&["compare", FILE, text(&slower)], flags].concat(), here, code, texts)
    };
    compare(&["--tolerance", "48%"], 5, &["INCONCLUSIVE", "p50 of response time"]);
    compare(&["--tolerance", "70%"], 0, &["PASS"]);
    compare(&["--metrics", "errors"], 0, &["PASS", "1 metric is no worse"]);
    let printed = compare(&["--metrics", "p95,errors", "--tolerance", "10%", "--json"], 4, &[]);
    let summary: Value = serde_json::from_slice(&printed.stdout).unwrap();
    assert_eq!(summary["comparison"]["settings"]["tolerance"], 0.1);
    assert_eq!(summary["comparison"]["metrics"].as_array().unwrap().len(), 2);
}

#[test]
fn a_run_is_judged_by_its_baseline() {
    let place = accepted(1);
    let here = place.path();
    let file = scenario(here);
    let run = |file: &Path, baseline: &str, code: i32, texts: &[&str]| {
        let arguments = ["run", text(file), "-q", "--baseline", baseline, "-o", "out"];
        ends(&arguments, here, code, texts)
    };
    let ran = support::loadgate()
        .args(["run", text(&file), "-q", "--baseline", FILE, "-o", "out"])
        .args(["--metrics", "p50,errors", "--tolerance", "8%"])
        .current_dir(here)
        .output()
        .unwrap();
    // A generator that was held up says so; else one run is not enough to decide.
    let code = ran.status.code().unwrap();
    assert!(matches!(code, 5 | 6), "{}{}", stdout(&ran), stderr(&ran));
    assert!(stdout(&ran).contains("Candidate ÷ baseline"), "{}", stdout(&ran));
    let folder = support::latest(&here.join("out"), "stored");
    for (file, shown) in [
        ("report.html", "Candidate ÷ baseline"),
        ("summary.md", "| metric | baseline | candidate |"),
        ("junit.xml", "name=\"against the baseline\""),
    ] {
        let text = fs::read_to_string(folder.join(file)).unwrap();
        assert!(text.contains(shown), "{file}: {text}");
    }
    let summary = support::summary(&folder);
    assert_eq!(summary["exit_code"], code);
    assert_eq!(summary["comparison"]["settings"]["tolerance"], 0.08);
    assert_eq!(summary["comparison"]["metrics"].as_array().unwrap().len(), 2);
    fs::remove_dir_all(here.join("out")).unwrap();

    // What does not fit is found before anything is loaded.
    let text = fs::read_to_string(&file).unwrap().replace("1000/s", "900/s");
    let other = here.join("other.json");
    fs::write(&other, text).unwrap();
    run(&other, FILE, 2, &["load profile: ", "900/s (candidate)", "baseline remove"]);
    run(&file, "nowhere.json", 2, &["nowhere.json"]);
    assert!(!here.join("out").exists(), "no run folder was made");
}

#[test]
fn a_run_that_was_judged_by_a_baseline_says_the_same_when_rendered_again() {
    let place = accepted(1);
    let here = place.path();
    let ran = support::loadgate()
        .args(["run", text(&scenario(here)), "-q", "--baseline", FILE, "-o", "out"])
        .args(["--metrics", "p50,errors", "--tolerance", "8%"])
        .current_dir(here)
        .output()
        .unwrap();
    let code = ran.status.code().unwrap();
    let newest = fs::canonicalize(support::latest(&here.join("out"), "stored")).unwrap();
    let folder = Path::new("out/stored").join(newest.file_name().unwrap());
    let whole = here.join(&folder);
    let first = fs::read_to_string(whole.join("summary.json")).unwrap();
    // The baseline goes on, with this very run in it.
    ends(&["baseline", "accept", text(&whole), "--file", FILE, "--force"], here, 0, &[]);
    fs::remove_file(whole.join("summary.json")).unwrap();
    let again = ends(&["report", text(&folder)], here, code, &["Candidate ÷ baseline"]);
    assert_eq!(stdout(&again), stdout(&ran));
    assert_eq!(fs::read_to_string(whole.join("summary.json")).unwrap(), first);
    let file = folder.join("run.json");
    let printed = ends(&["report", text(&file), "-o", "again", "--json"], here, code, &[]);
    let summary: Value = serde_json::from_slice(&printed.stdout).unwrap();
    let before: Value = serde_json::from_str(&first).unwrap();
    assert_eq!(summary["comparison"], before["comparison"]);

    let kept = whole.join("judged-by.json");
    let good = fs::read_to_string(&kept).unwrap();
    fs::write(&kept, good.replace("\"requests\": ", "\"requests\": -")).unwrap();
    let texts = ["judged-by.json: not what a run was judged by", "judged by itself"];
    ends(&["report", text(&folder)], here, 2, &texts);
    fs::remove_file(&kept).unwrap();
    let alone = support::loadgate().args(["report", text(&whole), "--json"]).output().unwrap();
    let summary: Value = serde_json::from_slice(&alone.stdout).unwrap();
    assert!(summary.get("comparison").is_none_or(Value::is_null), "{summary:#}");
}

#[test]
fn hostile_files_are_refused() {
    let place = accepted(1);
    let here = place.path();
    let good = fs::read_to_string(here.join(FILE)).unwrap();
    let deep = "[".repeat(200_000);
    let cases = [
        ("", "not a baseline"),
        (deep.as_str(), "not a baseline"),
        (r#"{"version":7}"#, "newer than this loadgate"),
        (r#"{"version":1,"\u001b[2J":0}"#, "not a baseline"),
        (&good.replace("\"p50_ms\": ", "\"p50_ms\": 9"), "edited by hand?"),
        (&good.replace("\"requests\": ", "\"requests\": -"), "not a baseline"),
        (&good[..good.len() / 2], "not a baseline"),
    ];
    let bad = here.join("bad.json");
    let run = plain(here, 50, 1.0);
    for (text_of, said) in cases {
        fs::write(&bad, text_of).unwrap();
        let path = text(&bad);
        for arguments in [
            &["baseline", "show", path][..],
            &["baseline", "remove", path, "--last"],
            &["baseline", "accept", text(&run), "--file", path],
            &["compare", path, text(&run)],
        ] {
            let output = ends(arguments, here, 2, &[said]);
            assert!(!stderr(&output).contains("panicked") && !stderr(&output).contains('\u{1b}'));
        }
        assert_eq!(fs::read_to_string(&bad).unwrap(), text_of, "it is left as it was");
    }
    ends(&["baseline", "list", text(here)], here, 0, &["no baseline in", "bad.json"]);
}

#[test]
fn the_history_shows_where_it_changed() {
    let place = tempfile::tempdir().unwrap();
    let here = place.path();
    let runs = here.join("reports/stored");
    for run in 0..16 {
        let level = if run < 8 { 1.0 } else { 1.5 };
        plain(&runs, run, level + 0.01 * (run % 3) as f64);
    }
    made(&runs, 20, 1.0, |record| record.end = None);
    let unlike = made(&here.join("else"), 5, 1.0, |record| record.head.load.seed = 4_711);
    let arguments = ["history", "reports/stored", text(&unlike), "-o", "trend"];
    let texts = [
        "16 runs, oldest first",
        "p50 is slower from the run of 2026-01-01T00:08:00Z on",
        "2 runs are left out",
        "it was cut short",
        "seed was 4711",
    ];
    ends(&arguments, here, 0, &texts);
    let history: Value =
        serde_json::from_str(&fs::read_to_string(here.join("trend/history.json")).unwrap())
            .unwrap();
    assert_eq!(history["runs"].as_array().unwrap().len(), 16);
    assert_eq!(history["figures"][0]["trend"]["changes"][0]["index"], 8);
    let svg = fs::read_to_string(here.join("trend/history.svg")).unwrap();
    assert!(roxmltree::Document::parse(&svg).is_ok());
    ends(&["history", "nowhere"], here, 2, &["nowhere"]);
    fs::create_dir(here.join("empty")).unwrap();
    ends(&["history", "empty"], here, 2, &["there is no run to look at"]);
}
