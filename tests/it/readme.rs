//! The README and the guides do what they say: their commands run, their scenarios are
//! valid, their links lead somewhere.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use clap::Parser;
use loadgate::cli::args::Cli;

use super::support;

/// Commands that are not run here, and what runs them instead.
const NOT_RUN: &[(&str, &str)] = &[
    ("./scripts/test.sh", "runs this test"),
    ("npm ci --prefix tests/js", "`files` needs what it installs, and says so"),
    (
        "loadgate duet scenarios/orders.json --baseline-ref origin/main",
        "needs a remote; `duet` makes repositories of its own",
    ),
    ("loadgate noise scenarios/orders.json", "takes half an hour; `noise` measures another"),
    (
        "loadgate duet scenarios/orders.json --baseline-ref origin/main --start-noise noise.json",
        "needs a remote, and that half hour; `noise` does it with another scenario",
    ),
    ("npm install --save-dev loadgate", "`init` installs the tarballs of this checkout"),
    ("npx loadgate init", "`init` runs it in projects of its own"),
    ("npm run test:performance", "`init` runs it in projects of its own"),
    ("node scripts/compare-freeze.mjs", "takes two minutes; `fastify` runs its scenario"),
];

/// A text for people, with its path below the root.
struct Guide {
    path: &'static str,
    text: String,
}

fn guides() -> Vec<Guide> {
    let paths = [
        "README.md",
        "docs/scenario.md",
        "docs/answers.md",
        "docs/bodies.md",
        "docs/loads.md",
        "docs/variables.md",
        "docs/yaml.md",
        "docs/recipes.md",
        "docs/check.md",
        "docs/flows.md",
        "docs/data.md",
        "docs/tenants.md",
        "docs/streams.md",
        "docs/http2.md",
        "docs/tls.md",
        "docs/reach.md",
        "docs/verdicts.md",
        "docs/run-folder.md",
        "docs/baselines.md",
        "docs/duets.md",
        "docs/noise.md",
        "docs/soak.md",
        "docs/error-budget.md",
        "docs/capacity-plan.md",
        "docs/sre/performance-gate.md",
        "docs/sre/capacity-planning.md",
        "docs/stress.md",
        "docs/capacity.md",
        "docs/ci.md",
        "docs/coming-from.md",
        "docs/fastify.md",
        "docs/troubleshooting.md",
        "docs/init.md",
        "docs/saturation.md",
        "docs/architecture.md",
        "docs/measurements.md",
        "docs/vocabulary.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "npm/README.md",
        "examples/fastify-orders/README.md",
    ];
    let read = |path: &'static str| {
        let text = fs::read_to_string(support::root().join(path));
        Guide { path, text: text.unwrap_or_else(|error| panic!("{path}: {error}")) }
    };
    paths.map(read).into()
}

/// The fenced blocks of a language, without what they are indented by.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut block: Option<(usize, String)> = None;
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        match &mut block {
            None if line.trim() == format!("```{language}") => {
                block = Some((indent, String::new()));
            }
            None => {}
            Some(_) if line.trim() == "```" => found.extend(block.take().map(|(_, text)| text)),
            Some((indent, text)) => {
                text.push_str(line.get(*indent..).unwrap_or_default());
                text.push('\n');
            }
        }
    }
    assert!(block.is_none(), "a block without its end");
    found
}

/// A folder that looks like a checkout in which loadgate was built and installed.
fn checkout() -> tempfile::TempDir {
    let place = tempfile::tempdir().expect("a temporary folder");
    let root = place.path();
    let binary = Path::new(env!("CARGO_BIN_EXE_loadgate"));
    for name in ["scenarios", "examples", "npm", "tests", "docs", "schemas"] {
        symlink(support::root().join(name), root.join(name)).expect("a link");
    }
    for folder in ["reports/example", "target/release", "bin"] {
        fs::create_dir_all(root.join(folder)).expect("a folder");
    }
    // A copy, as commands may write into it.
    for entry in fs::read_dir(support::root().join("reports/example")).expect("the example") {
        let entry = entry.expect("an entry");
        let copy = root.join("reports/example").join(entry.file_name());
        fs::copy(entry.path(), copy).expect("it can be copied");
    }
    for link in ["target/release/loadgate", "bin/loadgate"] {
        symlink(binary, root.join(link)).expect("a link");
    }
    place
}

/// The block without the commands of the table, on a port of its own.
fn runnable(block: &str) -> String {
    let skipped = |line: &&str| NOT_RUN.iter().any(|(command, _)| line.trim() == *command);
    let lines: Vec<&str> = block.lines().filter(|line| !skipped(line)).collect();
    let port = support::free_port().to_string();
    let block = lines.join("\n");
    block
        // The binary under test stands in for a release build.
        .replace("cargo run --release -- ", "loadgate ")
        .replace("127.0.0.1:3000", &format!("127.0.0.1:{port}"))
        .replace("--port 3000", &format!("--port {port}"))
}

/// A machine that stalls for a second makes a run inconclusive or invalid, as it should;
/// such a block is tried again.
const TRIES: usize = 3;

#[track_caller]
fn runs(guide: &str, block: &str, place: &Path) {
    let mut last = once(block, place);
    for _ in 1..TRIES {
        if !matches!(last.status.code(), Some(5 | 6)) {
            break;
        }
        last = once(block, place);
    }
    let said = format!("{}{}", support::stdout(&last), support::stderr(&last));
    assert!(last.status.success(), "{guide}: {}\n{block}\n{said}", last.status);
}

fn once(block: &str, place: &Path) -> Output {
    let path = std::env::var("PATH").unwrap_or_default();
    let script = format!("trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{}", runnable(block));
    Command::new("bash")
        .args(["-e", "-o", "pipefail", "-m", "-c", &script])
        .current_dir(place)
        .env("PATH", format!("{}:{path}", place.join("bin").display()))
        .env_remove("CI")
        .output()
        .expect("bash starts")
}

#[test]
fn every_command_runs() {
    let place = checkout();
    let mut count = 0;
    for guide in
        guides().iter().filter(|guide| !guide.path.contains('/') || guide.path.starts_with("docs/"))
    {
        for block in blocks(&guide.text, "sh") {
            runs(guide.path, &block, place.path());
            count += 1;
        }
    }
    assert!(count >= 8, "only {count} blocks were found");
    let page = place.path().join("reports/quickstart/latest/report.html");
    assert!(page.exists(), "the README says that it is written");
}

/// What is shown and cannot be run here stands in blocks of `sh not-run`, and is at least a command
/// that loadgate understands.
#[test]
fn commands_of_blocks_that_are_not_run_are_understood() {
    let mut count = 0;
    for guide in guides() {
        let lines: Vec<String> = blocks(&guide.text, "sh not-run")
            .iter()
            .flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        for line in lines {
            let words: Vec<&str> =
                line.split_whitespace().skip_while(|word| *word != "loadgate").collect();
            if let Err(wrong) = Cli::try_parse_from(&words) {
                panic!("{}: {line}\n{wrong}", guide.path);
            }
            count += 1;
        }
    }
    assert!(count >= 1, "no such block is left");
}

/// The words of a message without what differs from case to case, the longest run of them.
fn steady_part(message: &str) -> String {
    let changes =
        |c: char| matches!(c, '"' | ':' | ',' | '(' | ')' | '`' | '/') || c.is_ascii_digit();
    // `expected` stands before what each quantity says of itself.
    let message = message.trim_start_matches("expected ");
    let parts = message.split("...").flat_map(|part| part.split(changes));
    parts.map(str::trim).max_by_key(|part| part.len()).unwrap_or_default().to_owned()
}

#[test]
fn every_message_that_is_explained_exists() {
    let mut sources = String::new();
    let mut folders = vec![support::root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                sources.push_str(&fs::read_to_string(path).expect("a source"));
            }
        }
    }
    // Long texts go on in the next line of the source.
    let sources =
        sources.split_whitespace().filter(|word| *word != "\\").collect::<Vec<_>>().join(" ");
    let sources = sources.replace("\\\"", "\"");
    let page =
        fs::read_to_string(support::root().join("docs/troubleshooting.md")).expect("the page");
    let tables = page.split("| message | cause").skip(1);
    let rows =
        tables.flat_map(|table| table.lines().skip(2).take_while(|line| line.starts_with("| ")));
    let mut count = 0;
    for message in rows.filter_map(|row| row.strip_prefix("| `")?.split("` |").next()) {
        let part = steady_part(message);
        assert!(part.len() >= 8 && sources.contains(&part), "no message has \"{part}\": {message}");
        count += 1;
    }
    assert!(count >= 15, "{count}");
}

/// The server of docs/fastify.md, as it stands there, is measured with all that the page promises.
#[test]
fn the_server_of_the_fastify_page_shows_what_it_should() {
    let modules = support::root().join("examples/fastify-orders/node_modules");
    assert!(modules.is_dir(), "run: npm ci --prefix examples/fastify-orders");
    let page = fs::read_to_string(support::root().join("docs/fastify.md")).expect("the page");
    let place = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| fs::write(place.path().join(name), text).expect("a file");
    symlink(modules, place.path().join("node_modules")).expect("a link");
    write("package.json", "{ \"type\": \"module\" }");
    write("server.js", &blocks(&page, "js")[0]);
    let mut scenario: serde_json::Value =
        serde_json::from_str(&blocks(&page, "json")[0]).expect("JSON");
    scenario["target"]["cwd"] = ".".into();
    scenario["load"]["stages"] = serde_json::json!([{ "for": "5s", "rate": "50/s" }]);
    write("api.json", &scenario.to_string());
    let output = support::loadgate()
        .args(["run", "api.json", "-q", "--inconclusive", "pass"])
        .current_dir(place.path())
        .env("PORT", support::free_port().to_string())
        .output()
        .expect("the binary starts");
    let said = format!("{}{}", support::stdout(&output), support::stderr(&output));
    let summary = support::summary(&support::latest(&place.path().join("reports"), "api"));
    let seen = &summary["saturation"];
    assert_eq!(summary["whole_run"]["statuses"][0][0].as_u64(), Some(200), "{said}");
    let series = seen["event_loop_series"].as_str();
    assert!(series.is_some_and(|name| name.ends_with("_max_seconds")), "{said}{seen:#}");
    for (name, value) in [("pool_in_use", 1.0), ("pool_waiting", 0.0)] {
        assert_eq!(seen[name]["max"].as_f64(), Some(value), "{name}: {seen:#}");
    }
    assert!(seen["target_cpu"]["mean"].as_f64().is_some(), "{seen:#}");
}

#[test]
fn a_command_that_fails_is_noticed() {
    let place = checkout();
    for block in ["false\ntrue\n", "loadgate check nowhere.json | cat\n", "no-such-command\n"] {
        let runs = std::panic::catch_unwind(|| runs("made up", block, place.path()));
        assert!(runs.is_err(), "{block}");
    }
    runs("made up", "./scripts/test.sh\nloadgate --version", place.path());
}

#[test]
fn commands_that_are_not_run_are_still_there() {
    for (command, why) in NOT_RUN {
        let named = |guide: &Guide| guide.text.lines().any(|line| line.trim() == *command);
        assert!(guides().iter().any(named), "{command} ({why}) is in no guide any more");
    }
}

#[test]
fn every_scenario_of_the_guides_is_valid() {
    let place = tempfile::tempdir().expect("a temporary folder");
    // The project that they are in: check looks whether the script is there.
    let scenarios = place.path().join("scenarios");
    fs::create_dir(&scenarios).expect("a folder");
    fs::write(place.path().join("server.js"), "").expect("a script");
    let mut count = 0;
    // Those of the recipes run, in `recipes`.
    for guide in guides().into_iter().filter(|guide| guide.path != "docs/recipes.md") {
        for block in blocks(&guide.text, "json") {
            // A block may show a key with its value.
            let json: serde_json::Value = serde_json::from_str(&block)
                .or_else(|_| serde_json::from_str(&format!("{{{block}}}")))
                .unwrap_or_else(|error| panic!("{}: {error}\n{block}", guide.path));
            // What has no target is a part of a scenario.
            if json.get("flows").is_none() || json.get("target").is_none() {
                continue;
            }
            let file = scenarios.join("scenario.json");
            fs::write(&file, &block).expect("it can be written");
            let output = support::run(&["check", file.to_str().expect("a plain path")]);
            assert_eq!(
                output.status.code(),
                Some(0),
                "{}: {}",
                guide.path,
                support::stderr(&output)
            );
            count += 1;
        }
    }
    assert!(count >= 1, "the README has a scenario");
}

/// The scenarios of `scenarios/`: those that are no schema and no shared objectives.
fn scenarios() -> Vec<PathBuf> {
    let entries = fs::read_dir(support::root().join("scenarios")).expect("scenarios");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let other = |path: &PathBuf| {
        let name = path.to_string_lossy().into_owned();
        name.ends_with(".schema.json") || name.contains("slo.")
    };
    let mut found: Vec<PathBuf> = paths.filter(|path| !other(path)).collect();
    found.sort();
    found
}

#[test]
fn every_example_scenario_is_valid_and_named_in_a_guide() {
    let scenarios = scenarios();
    assert!(scenarios.len() >= 2, "{scenarios:?}");
    for path in scenarios {
        let output = support::run(&["check", path.to_str().expect("a plain path")]);
        assert_eq!(output.status.code(), Some(0), "{}", support::stderr(&output));
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        let named = guides().iter().any(|guide| guide.text.contains(&format!("scenarios/{name}")));
        assert!(named, "{name} is in no guide");
    }
}

/// What stands in the round brackets of links and pictures.
fn links(text: &str) -> Vec<String> {
    let parts = text.split("](").skip(1);
    parts.filter_map(|part| part.split_once(')')).map(|(link, _)| link.to_owned()).collect()
}

#[test]
fn every_link_leads_somewhere() {
    for guide in guides() {
        let folder = support::root().join(guide.path).parent().expect("a folder").to_owned();
        for link in links(&guide.text) {
            if link.contains("://") {
                continue;
            }
            let (file, place) = link.split_once('#').unwrap_or((&link, ""));
            let file =
                if file.is_empty() { support::root().join(guide.path) } else { folder.join(file) };
            assert!(file.exists(), "{}: {link} leads nowhere", guide.path);
            if !place.is_empty() && file.extension().is_some_and(|end| end == "md") {
                let page = fs::read_to_string(&file).expect("a page");
                let there = anchors(&page).iter().any(|anchor| anchor == place);
                assert!(there, "{}: {link} leads to no heading", guide.path);
            }
        }
    }
}

/// What links to the headings of a page are called: in small letters, with hyphens for blanks and
/// without what else is no letter or digit.
fn anchors(page: &str) -> Vec<String> {
    let mut in_block = false;
    let headings = page.lines().filter(|line| {
        in_block ^= line.trim_start().starts_with("```");
        !in_block && line.starts_with('#')
    });
    let slug = |line: &str| -> String {
        let text = line.trim_start_matches('#').trim().to_lowercase();
        let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(slug).collect()
}

/// Files that the guides name in code, such as `scripts/test.sh`.
#[test]
fn every_file_that_is_named_is_there() {
    let folders =
        ["src/", "scripts/", "tests/", "schemas/", "scenarios/", "docs/", "examples/", ".ci/"];
    for guide in guides().iter().filter(|guide| !guide.path.starts_with("npm/")) {
        let words = guide.text.split(['`', ' ', '\n', '(', ')', ',', ';']);
        for word in words.filter(|word| folders.iter().any(|folder| word.starts_with(folder))) {
            // The README's own project has a scenario of its own.
            let made_up = word.contains("api.json")
                || word.starts_with("scenarios/scenario.schema")
                || word.starts_with("scenarios/slo.json");
            let file = word.split('#').next().unwrap_or_default();
            let there = support::root().join(file.trim_end_matches(['.', ':'])).exists();
            assert!(made_up || there, "{}: {word} is not there", guide.path);
        }
    }
}

#[test]
fn the_picture_is_small_enough_for_a_readme() {
    let picture = fs::metadata(support::root().join("docs/report.png")).expect("a picture");
    assert!(picture.len() < 300_000, "{} bytes", picture.len());
}
