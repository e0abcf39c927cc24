//! What loadgate writes, as programs read it that are not loadgate: an HdrHistogram
//! implementation, an XML parser, a validator of JSON Schema, and a browser.
//!
//! One short run against the demo API serves all of them. It has a step that always
//! fails, so that every kind of histogram and of outcome is in its files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use loadgate::record::histogram::Sparse;
use loadgate::record::interval::StepTimes;
use loadgate::record::phase::Phase;
use loadgate::record::run::RunRecord;
use loadgate::record::store;
use serde_json::{Value, json};

use super::support;

/// The run folder that all tests look at.
fn folder() -> &'static Path {
    static RUN: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, folder) = RUN.get_or_init(|| {
        let place = tempfile::tempdir().expect("a temporary folder");
        let folder = run(place.path());
        (place, folder)
    });
    folder
}

/// Eight seconds, of which seven are judged: enough for `p99`, short enough to wait for.
fn run(place: &Path) -> PathBuf {
    let scenario = json!({
        "name": "files <&> \"quoted\"",
        "target": { "demo": true },
        "flows": [{ "name": "browse", "steps": [
            { "name": "list products", "request": "GET /products", "check": { "status": 200 },
              "extract": { "product": "$.items[0].id" } },
            { "name": "show product", "request": "GET /products/{{product}}" },
            { "name": "no such <page>", "request": "GET /products/{{random 1..1000}}" },
        ] }],
        "load": { "seed": 3, "stages": [
            { "for": "1s", "rate": "100/s", "warmup": true }, { "for": "7s", "rate": "100/s" },
        ] },
        "slo": {
            "all": ["p99 < 9s", "client_error_rate < 50%", "server_error_rate < 1%"],
            "steps": { "no such <page>": ["error_rate < 1%"] },
        },
    });
    let file = place.join("files.json");
    fs::write(&file, scenario.to_string()).expect("the scenario can be written");
    let output = place.join("reports");
    let ran = support::loadgate()
        .args(["run", &text(&file), "-q", "--no-color", "-o", &text(&output)])
        .output()
        .expect("the binary starts");
    assert_eq!(ran.status.code(), Some(3), "{}{}", support::stdout(&ran), support::stderr(&ran));
    let runs = fs::read_dir(&output).expect("an output folder");
    let run = runs.map(|entry| entry.expect("an entry").path()).next().expect("a run");
    fs::canonicalize(run.join("latest")).expect("the newest run")
}

fn text(path: &Path) -> String {
    path.to_str().expect("paths of tests are plain").to_owned()
}

fn read(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Runs one of the tools of `tests/js`.
fn tool(name: &str, arguments: &[&str]) -> Output {
    let place = support::root().join("tests/js");
    assert!(
        place.join("node_modules").is_dir(),
        "the tests' tools are not installed; run: npm ci --prefix tests/js"
    );
    Command::new("node")
        .arg(place.join(name))
        .args(arguments)
        .output()
        .expect("node is installed, version 20 or newer")
}

fn tool_json(name: &str, arguments: &[&str]) -> Value {
    let output = tool(name, arguments);
    assert!(output.status.success(), "{name}: {}", support::stderr(&output));
    serde_json::from_slice(&output.stdout).expect("the tool prints JSON")
}

// ---- intervals.hlog -----------------------------------------------------------------

/// Our own reader's histograms over the seconds [from, to), by tag.
fn ours(record: &RunRecord, from: u32, to: u32) -> BTreeMap<String, Sparse> {
    let mut found: BTreeMap<String, Sparse> = BTreeMap::new();
    for second in record.seconds.range(from..to).map(|found| found.unpack()) {
        for (series, times) in record.head.series.iter().zip(&second.times) {
            for (kind, part) in kinds(times) {
                if !part.is_empty() {
                    let sum = found.entry(format!("{}.{kind}", series.tag)).or_default();
                    *sum = Sparse::merged([&*sum, part]);
                }
            }
        }
    }
    found
}

fn kinds(times: &StepTimes) -> [(&'static str, &Sparse); Phase::COUNT] {
    Phase::ALL.map(|phase| (phase.name(), &times[phase]))
}

fn theirs(from: u32, to: u32) -> Value {
    let log = text(&folder().join("intervals.hlog"));
    tool_json("hlog.mjs", &[&log, &from.to_string(), &to.to_string()])
}

/// Both speak of the same bucket. Theirs is its top; ours lies inside it.
#[track_caller]
fn same_bucket(what: &str, ours: f64, theirs: &Value) {
    let theirs = theirs.as_f64().expect("a number");
    let width = (theirs / 1_000.0).max(1.0);
    assert!((ours - theirs).abs() <= width + 1e-6, "{what}: ours {ours}, theirs {theirs} us");
}

#[test]
fn the_interval_log_is_read_by_an_independent_implementation() {
    let record = store::read(folder()).expect("our own reader");
    let last = record.seconds.last().expect("seconds") + 1;
    let (ours, theirs) = (ours(&record, 0, last), theirs(0, last));
    let tags: Vec<&String> = theirs.as_object().expect("tags").keys().collect();
    assert_eq!(tags.len(), ours.len(), "theirs: {tags:?}, ours: {:?}", ours.keys());
    assert!(ours.keys().any(|tag| tag.ends_with(".failed")), "failures have histograms");
    for (tag, times) in &ours {
        let other = &theirs[tag];
        assert_eq!(other["count"], json!(times.count()), "{tag}");
        assert_eq!(other["max"].as_f64(), times.max(), "{tag}");
        for (name, share) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)] {
            let value = times.quantile(share).expect("it has times");
            same_bucket(&format!("{tag} {name}"), value, &other[name]);
        }
    }
}

#[test]
fn the_summary_has_the_percentiles_of_the_interval_log() {
    let summary = support::summary(folder());
    let record = store::read(folder()).expect("our own reader");
    let bound = |key: &str| summary["window"][key].as_u64().expect("a second") as u32;
    let theirs = theirs(bound("from"), bound("to"));
    let steps = summary["steps"].as_array().expect("steps").iter();
    for ((step, head), series) in steps.zip(&record.head.steps).zip(&record.head.series) {
        for (key, kind) in [("response", "response"), ("failed", "failed"), ("service", "service")]
        {
            let (shown, other) = (&step[key], &theirs[format!("{}.{kind}", series.tag)]);
            assert_eq!(shown.is_null(), other.is_null(), "{} {kind}", head.name);
            if shown.is_null() {
                continue;
            }
            assert_eq!(shown["count"], other["count"], "{} {kind}", head.name);
            for name in ["p50", "p95", "p99", "max"] {
                let micros = shown[name].as_f64().expect("a number") * 1_000.0;
                same_bucket(&format!("{} {kind} {name}", head.name), micros, &other[name]);
            }
        }
    }
}

// ---- XML ----------------------------------------------------------------------------

#[test]
fn the_junit_file_is_what_ci_servers_expect() {
    let junit = read("junit.xml");
    let document = roxmltree::Document::parse(&junit).expect("XML");
    let suites = document.root_element();
    assert_eq!(suites.tag_name().name(), "testsuites");
    let children = |node: roxmltree::Node<'_, '_>, name: &str| {
        node.descendants().filter(|child| child.has_tag_name(name)).count()
    };
    let suite = suites.children().find(|node| node.has_tag_name("testsuite")).expect("a suite");
    assert_eq!(suite.attribute("name"), Some("files <&> \"quoted\""));
    for node in [suites, suite] {
        for (attribute, element) in
            [("tests", "testcase"), ("failures", "failure"), ("errors", "error")]
        {
            let told: usize = node.attribute(attribute).expect(attribute).parse().expect("a count");
            assert_eq!(told, children(node, element), "{attribute}");
        }
        let time: f64 = node.attribute("time").expect("a time").parse().expect("seconds");
        assert!(time > 0.0);
    }
    assert_eq!(children(suite, "failure"), 1, "one objective is missed");
    assert_eq!(children(suite, "testcase"), 5, "four objectives, and whether the run is valid");
    for case in suite.children().filter(|node| node.has_tag_name("testcase")) {
        let filled = |name| case.attribute(name).is_some_and(|value| !value.is_empty());
        assert!(filled("name") && filled("classname"), "{case:?}");
        for failure in case.children().filter(|node| node.has_tag_name("failure")) {
            assert!(failure.attribute("message").is_some_and(|message| message.contains('%')));
            assert!(failure.attribute("type").is_some());
        }
    }
}

#[test]
fn every_chart_is_an_xml_file_with_a_text_for_those_who_cannot_see_it() {
    let files = fs::read_dir(folder()).expect("the run folder");
    let paths = files.map(|entry| entry.expect("an entry").path());
    let charts: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|e| e == "svg")).collect();
    // The target's own use is unknown for the demo, but not the generator's.
    assert_eq!(charts.len(), 6, "{charts:?}");
    for path in charts {
        let text = fs::read_to_string(&path).expect("text");
        let document = roxmltree::Document::parse(&text).expect("XML");
        let root = document.root_element();
        assert_eq!(root.tag_name().name(), "svg");
        assert_eq!(root.tag_name().namespace(), Some("http://www.w3.org/2000/svg"));
        let said = |name: &str| {
            let found = root
                .children()
                .find(|node| node.has_tag_name(("http://www.w3.org/2000/svg", name)));
            found.and_then(|node| node.text()).is_some_and(|text| !text.trim().is_empty())
        };
        assert!(said("title") && said("desc"), "{}: no text alternative", path.display());
    }
}

// ---- JSON ---------------------------------------------------------------------------

/// The schema that is checked in, which must be what this build prints.
fn schema(of: &str) -> Value {
    let path = support::root().join(format!("schemas/{of}.schema.json"));
    let printed = support::stdout(&support::run(&["schema", of]));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &printed).expect("the schema can be written");
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(stored, printed, "{}: run it again with UPDATE_GOLDEN=1", path.display());
    serde_json::from_str(&stored).expect("JSON")
}

#[track_caller]
fn validates(of: &str) {
    let schema = schema(of);
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let mut file: Value = serde_json::from_str(&read(&format!("{of}.json"))).expect("JSON");
    let faults: Vec<String> = validator
        .iter_errors(&file)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");
    // A schema that takes anything would prove nothing.
    file["version"] = json!("one");
    assert!(!validator.is_valid(&file), "the schema takes a version that is no number");
}

#[test]
fn the_record_keeps_its_schema() {
    validates("run");
}

#[test]
fn the_summary_keeps_its_schema() {
    validates("summary");
}

#[test]
fn the_run_folder_has_what_its_documentation_lists() {
    let names: Vec<String> = fs::read_dir(folder())
        .expect("the run folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    for name in
        ["run.json", "intervals.hlog", "report.html", "junit.xml", "summary.md", "summary.json"]
    {
        assert!(names.iter().any(|known| known == name), "{name} is missing: {names:?}");
    }
    assert!(!names.iter().any(|name| name == "seconds.jsonl"), "the journal is folded in");
}

// ---- HTML ---------------------------------------------------------------------------

/// The browser that CI installs, or another one.
fn browser() -> String {
    let path = std::env::var("CHROME_BIN").unwrap_or_else(|_| "/usr/bin/chromium".to_owned());
    assert!(
        Path::new(&path).exists(),
        "{path} is missing; run: apt-get install chromium, or set CHROME_BIN"
    );
    path
}

#[test]
fn the_page_opens_in_a_browser_without_a_word_of_complaint() {
    browser();
    let looked = tool_json("page.mjs", &[&text(&folder().join("report.html"))]);
    let views = looked["views"].as_array().expect("views");
    assert_eq!(views.len(), 4, "two widths in two colour schemes");
    for view in views {
        let name = format!("{} {}", view["width"], view["colorScheme"]);
        assert_eq!(view["said"], json!([]), "{name}: the console");
        assert_eq!(view["requested"], json!([]), "{name}: requests");
        assert_eq!(view["title"], json!("SLO MISSED: files <&> \"quoted\""), "{name}");
        assert_eq!(view["overflow"], json!(0), "{name}: the page is wider than the window");
        assert_eq!(view["tooWide"], json!([]), "{name}: cut off");
        assert_eq!(view["barriers"], json!([]), "{name}: axe-core");
        let charts = view["charts"].as_array().expect("charts");
        assert_eq!(charts.len(), 6, "{name}: one of the two widths of each chart is shown");
        for chart in charts {
            for key in ["alternative", "caption"] {
                let said = chart[key].as_str().is_some_and(|text| text.len() > 5);
                assert!(said, "{name}: a chart without {key}");
            }
        }
    }
    let background = |scheme: &str| {
        views.iter().find(|view| view["colorScheme"] == scheme).map(|view| &view["background"])
    };
    assert_ne!(background("light"), background("dark"), "dark is dark");
}

#[test]
fn the_browser_would_complain() {
    browser();
    let place = tempfile::tempdir().expect("a temporary folder");
    let page = place.path().join("bad.html");
    let text = "<!doctype html><title>bad</title><script>console.warn('a'); nothing.here()</script>\
                <img src='http://127.0.0.1:9/x.png'><p style='width: 2000px'>wide</p>\
                <figure><svg width='9' height='9'></svg></figure>";
    fs::write(&page, text).expect("it can be written");
    let looked = tool_json("page.mjs", &[&self::text(&page)]);
    for view in looked["views"].as_array().expect("views") {
        let said = view["said"].to_string();
        assert!(said.contains("warning: a") && said.contains("nothing is not defined"), "{said}");
        assert_eq!(view["requested"], json!(["http://127.0.0.1:9/x.png"]));
        assert!(view["overflow"].as_i64().is_some_and(|pixels| pixels > 500), "{view}");
        assert!(!view["tooWide"].as_array().expect("a list").is_empty(), "{view}");
        assert_eq!(view["charts"][0]["alternative"], "");
        assert!(view["barriers"].to_string().contains("image-alt"), "{view}");
    }
}

// ---- The example --------------------------------------------------------------------

/// `reports/example` is what this build makes of its own record.
#[test]
fn the_example_report_is_current() {
    let example = support::root().join("reports/example");
    let place = tempfile::tempdir().expect("a temporary folder");
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let output = if update { example.clone() } else { place.path().to_owned() };
    let ran = support::run(&["report", &text(&example), "-q", "-o", &text(&output)]);
    assert_eq!(ran.status.code(), Some(0), "{}", support::stderr(&ran));
    for entry in fs::read_dir(&output).expect("what was rendered") {
        let entry = entry.expect("an entry");
        let stored = fs::read(example.join(entry.file_name())).unwrap_or_default();
        let new = fs::read(entry.path()).expect("a file");
        let name = entry.file_name();
        assert!(stored == new, "{name:?} is out of date; run it again with UPDATE_GOLDEN=1");
    }
    let record = fs::metadata(example.join("run.json")).expect("a record");
    assert!(record.len() < 200_000, "{} bytes", record.len());
}
