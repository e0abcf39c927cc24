//! The order of the modules, kept by a test: reads `src/` and fails on an arrow that the
//! table does not allow, a crate outside its home, a file that is too long, and the other
//! rules of `src/lib.rs`. Each rule is shown a text that breaks it, so that it is known to
//! be able to fail.
//!
//! The tables here are the source; `docs/architecture.md` shows them (`UPDATE_GOLDEN=1`).

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::support;

/// Which modules a module may use, besides itself.
const MODULES: &[(&str, &[&str])] = &[
    ("units", &[]),
    ("http1", &["units"]),
    ("http2", &["http1"]),
    ("demo", &["units"]),
    ("tls", &[]),
    ("scenario", &["tls", "units"]),
    ("record", &["scenario", "units"]),
    ("schedule", &["scenario", "units"]),
    ("engine", &["http1", "http2", "schedule", "record", "scenario", "tls", "units"]),
    ("target", &["http1", "http2", "record", "scenario", "tls", "units"]),
    ("init", &["target", "scenario", "units"]),
    ("analysis", &["record", "scenario", "units"]),
    // `demo` because a trial starts its target, and the demo is one.
    (
        "experiment",
        &["engine", "target", "analysis", "demo", "schedule", "record", "scenario", "units"],
    ),
    ("fleet", &["experiment", "engine", "target", "schedule", "record", "scenario", "units"]),
    ("report", &["analysis", "record", "scenario", "units"]),
    ("explain", &["scenario"]),
    (
        "cli",
        &[
            "fleet",
            "experiment",
            "report",
            "explain",
            "analysis",
            "init",
            "engine",
            "target",
            "demo",
            "schedule",
            "record",
            "scenario",
            "units",
        ],
    ),
];

/// Where a third-party crate may be named, and why there.
const HOMES: &[(&str, &[&str], &str)] = &[
    (
        "tokio",
        &[
            "engine/",
            "target/",
            "experiment/",
            "fleet/",
            "init/probe.rs",
            "demo.rs",
            "demo/",
            "cli/interrupt.rs",
        ],
        "one runtime per thread that waits for sockets, timers or signals",
    ),
    (
        "hyper",
        &["target/fetch.rs", "demo.rs", "demo/"],
        "the demo's HTTP, and the names of statuses",
    ),
    (
        "httparse",
        &["http1/head.rs", "http1/odd_head.rs", "http1/upgrade.rs"],
        "the head of a response",
    ),
    (
        "mio",
        &["engine/transport/poller.rs", "engine/transport/tcp.rs", "engine/transport/unix.rs"],
        "sockets that do not wait",
    ),
    (
        "rustls",
        &["tls.rs", "tls/", "engine/transport/tls.rs", "demo/secured.rs"],
        "TLS sessions without sockets of their own",
    ),
    ("rustls_native_certs", &["tls.rs"], "whom this machine trusts"),
    ("webpki", &["tls/"], "why a certificate was refused"),
    ("x509_parser", &["tls/expiry.rs"], "until when a certificate is valid"),
    (
        "tokio_rustls",
        &["target/fetch.rs", "target/postgres_tls.rs", "demo.rs", "demo/secured.rs"],
        "the same sessions on tokio's sockets",
    ),
    ("slab", &["engine/"], "iterations and connections by their place"),
    ("hyper_util", &["demo.rs", "demo/"], "hyper on tokio's sockets"),
    ("http_body_util", &["demo.rs", "demo/"], "bodies of hyper"),
    (
        "h2",
        &["engine/protocol/http2/", "target/fetch_http2.rs"],
        "HTTP/2 as a state machine: polled by hand under load, by tokio for readiness and metrics",
    ),
    ("tracing", &[], "what h2 tells of itself, which nobody hears: left out of a release build"),
    ("http", &["engine/protocol/http2/", "target/fetch_http2.rs"], "requests and answers of h2"),
    (
        "bytes",
        &[
            "engine/protocol/http2/",
            "engine/protocol/websocket.rs",
            "target/fetch_http2.rs",
            "demo.rs",
            "demo/events.rs",
        ],
        "buffers of hyper, h2 and tungstenite",
    ),
    (
        "tungstenite",
        &["engine/protocol/websocket.rs", "demo/live.rs"],
        "the frames of WebSocket, over bytes in memory",
    ),
    (
        "nix",
        &["engine/", "target/", "experiment/resources.rs"],
        "timerfd, CPU clocks, process groups, signals and limits without unsafe code",
    ),
    ("rustix", &["engine/priority.rs"], "the workers' nice value, which nix does not know"),
    ("procfs", &["target/"], "what Linux knows of processes and of the machine"),
    (
        "tokio_postgres",
        &["target/postgres.rs", "target/postgres_tls.rs"],
        "what PostgreSQL says of itself, over TCP, TLS and unix sockets",
    ),
    (
        "async_nats",
        &["fleet/link.rs", "fleet/stream.rs", "fleet/epoch.rs", "fleet/leftovers.rs"],
        "what coordinator and agents of a shared load say to each other, by NATS",
    ),
    (
        "futures_util",
        &["fleet/link.rs", "fleet/gathering.rs", "fleet/stream.rs", "fleet/leftovers.rs"],
        "messages one after the other",
    ),
    ("nkeys", &["fleet/sealed.rs"], "variables that one agent can read and nobody else"),
    ("hdrhistogram", &["record/interval_log.rs"], "writes the interval log"),
    (
        "base64",
        &[
            "fleet/sealed.rs",
            "record/interval_log.rs",
            "scenario/convert/auth.rs",
            "scenario/convert/websocket.rs",
            "scenario/secrets.rs",
            "scenario/spellings.rs",
            "scenario/template.rs",
        ],
        "the interval log's encoding; secrets that are written in it, names with their passwords, \
         and bytes of messages",
    ),
    (
        "flate2",
        &["record/interval_log.rs", "http1/coding.rs", "scenario/schema.rs"],
        "the interval log's compression, bodies in gzip or deflate, and the schemas that build.rs packs",
    ),
    ("brotli_decompressor", &["http1/coding.rs"], "bodies in brotli"),
    ("ruzstd", &["http1/coding.rs"], "bodies in zstd"),
    (
        "rand_xoshiro",
        &["schedule.rs", "demo.rs", "analysis/gate/flips.rs"],
        "named generators: seeds must last",
    ),
    (
        "libm",
        &[
            "schedule.rs",
            "scenario/tenants.rs",
            "schedule/think.rs",
            "scenario/convert/profile.rs",
            "scenario/data/zipf.rs",
        ],
        "the same logarithm and cosine on every platform",
    ),
    ("csv", &["scenario/data/delimited.rs"], "rows of data from CSV"),
    ("statrs", &["analysis/"], "quantiles of beta, normal and Student distributions"),
    (
        "serde",
        &[
            "scenario/",
            "record/",
            "fleet/kept.rs",
            "fleet/wire.rs",
            "fleet/replies.rs",
            "fleet/foreign.rs",
            "fleet/loads.rs",
            "fleet/sealed.rs",
            "fleet/watching.rs",
            "analysis/assessment.rs",
            "analysis/capacity_plan.rs",
            "analysis/comparison.rs",
            "analysis/error_budget.rs",
            "analysis/failures.rs",
            "analysis/fullness.rs",
            "analysis/gauges.rs",
            "analysis/generator_seen.rs",
            "analysis/history.rs",
            "analysis/neighbours_seen.rs",
            "analysis/slo_result.rs",
            "analysis/soak/found.rs",
            "analysis/scalability.rs",
            "analysis/stress_result.rs",
            "analysis/times.rs",
            "report/format/json/",
        ],
        "types that are files",
    ),
    (
        "serde_json",
        &[
            "scenario/",
            "record/",
            "engine/",
            "fleet/",
            "report/format/json/",
            "init/",
            "demo.rs",
            "demo/",
        ],
        "files, messages, JSON bodies and values extracted from responses",
    ),
    (
        "schemars",
        &[
            "scenario/",
            "record/",
            "analysis/assessment.rs",
            "analysis/capacity_plan.rs",
            "analysis/comparison.rs",
            "analysis/error_budget.rs",
            "analysis/failures.rs",
            "analysis/fullness.rs",
            "analysis/gauges.rs",
            "analysis/generator_seen.rs",
            "analysis/history.rs",
            "analysis/neighbours_seen.rs",
            "analysis/slo_result.rs",
            "analysis/soak/found.rs",
            "analysis/scalability.rs",
            "analysis/stress_result.rs",
            "analysis/times.rs",
            "report/format/json/",
        ],
        "types that are files have a schema",
    ),
    (
        "jsonc_parser",
        &["scenario/json.rs", "init/package_json.rs"],
        "mistakes with line and column; a file that keeps its form when it is changed",
    ),
    ("granit_parser", &["scenario/yaml.rs"], "the same for YAML"),
    ("strsim", &["scenario/problems.rs"], "the nearest valid name"),
    (
        "url",
        &["scenario/", "engine/redirect.rs"],
        "the target's address is checked once; where a redirect points to",
    ),
    ("serde_json_path", &["scenario/"], "paths are parsed when the scenario is read"),
    (
        "regex",
        &[
            "scenario/checks.rs",
            "scenario/extraction.rs",
            "scenario/convert/pattern.rs",
            "scenario/json_schema/",
            "engine/capture.rs",
        ],
        "patterns of checks and extractions, in linear time",
    ),
    (
        "sha2",
        &[
            "scenario/convert/mod.rs",
            "scenario/template.rs",
            "fleet/understood.rs",
            "fleet/files.rs",
        ],
        "hashes of a scenario and of its files, `{{sha256}}`, and whether two generators understood it alike",
    ),
    ("uuid", &["scenario/template.rs"], "`{{uuid}}`"),
    (
        "jiff",
        &[
            "analysis/capacity_plan.rs",
            "cli/args_plan.rs",
            "cli/folder.rs",
            "cli/plan.rs",
            "experiment/head.rs",
            "scenario/convert/replay.rs",
            "scenario/json_schema/format.rs",
            "scenario/template/moment.rs",
        ],
        "when a run began, the days of a capacity plan, `{{now}}` in words, and dates of schemas",
    ),
    ("plotters", &["report/chart/"], "drawing"),
    ("maud", &["report/format/html/"], "HTML that escapes"),
    ("quick_junit", &["report/format/junit.rs"], "JUnit"),
    ("unicode_width", &["report/plain.rs"], "columns of wide letters"),
    ("clap", &["cli/"], "arguments"),
    ("clap_complete", &["cli/"], "completions"),
    ("clap_mangen", &["cli/"], "the manual page"),
    (
        "indicatif",
        &[
            "cli/capacity_progress.rs",
            "cli/duet_progress.rs",
            "cli/progress.rs",
            "cli/stress_progress.rs",
        ],
        "progress bars",
    ),
    ("console", &["cli/output.rs"], "the width of the terminal"),
];

/// Where something may be printed, read from the environment or ended: the command line,
/// and the supervisor and the cleaner, which are processes of their own.
const OUTSIDE_WORLD: [&str; 3] = ["cli/", "target/supervisor.rs", "target/cleaner.rs"];

/// Names that say nothing.
const EMPTY_NAMES: [&str; 8] =
    ["util", "utils", "common", "helpers", "types", "models", "errors", "imp"];

/// The most lines of a file without its tests.
const LONGEST_FILE: usize = 400;

/// One file of `src/`.
pub(super) struct Source {
    /// Below `src/`, with `/`.
    path: String,
    text: String,
    /// Compiled for tests only.
    pub(super) is_test: bool,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned(), is_test: false }
    }

    /// `crate::engine::pacer` as `["engine", "pacer"]`.
    pub(super) fn module(&self) -> Vec<&str> {
        let stem = self.path.trim_end_matches(".rs");
        let parts: Vec<&str> = stem.split('/').collect();
        parts.into_iter().filter(|part| !["mod", "lib", "main"].contains(part)).collect()
    }

    /// The text up to the tests at its end.
    pub(super) fn without_tests(&self) -> String {
        let lines: Vec<&str> = self.text.lines().collect();
        let opens = |at: usize| {
            let next = lines[at + 1..].iter().find(|line| !line.starts_with('#'));
            let next = next.map(|line| line.trim_start_matches("pub(crate) "));
            next.is_some_and(|line| line.starts_with("mod ") && line.ends_with('{'))
        };
        let end = (0..lines.len()).find(|at| lines[*at] == "#[cfg(test)]" && opens(*at));
        lines[..end.unwrap_or(lines.len())].join("\n")
    }

    fn is_in(&self, homes: &[&str]) -> bool {
        homes.iter().any(|home| match home.strip_suffix('/') {
            Some(_) => self.path.starts_with(home),
            None => self.path == *home,
        })
    }
}

/// What of a rule is broken: file and what is wrong.
type Complaints = Vec<String>;
type Rule = fn(&Source) -> Complaints;

const RULES: [Rule; 8] = [arrows, length, header, homes, root, printing, environment, empty_names];

// ---- The rules ----------------------------------------------------------------------

/// Every arrow to another module is in the table.
fn arrows(source: &Source) -> Complaints {
    let module = source.module();
    let Some(top) = module.first() else {
        return Vec::new();
    };
    let Some((_, allowed)) = MODULES.iter().find(|(name, _)| name == top) else {
        return vec![format!("{}: the module {top} is not in the table", source.path)];
    };
    targets(&tokens(&source.text), &module)
        .into_iter()
        .filter(|target| target != top && !allowed.contains(&target.as_str()))
        .map(|target| format!("{}: {top} must not use {target}", source.path))
        .collect()
}

fn length(source: &Source) -> Complaints {
    let lines = source.without_tests().lines().count();
    let too_long = !source.is_test && lines > LONGEST_FILE;
    let complaint = || format!("{}: {lines} lines, {LONGEST_FILE} are allowed", source.path);
    too_long.then(complaint).into_iter().collect()
}

fn header(source: &Source) -> Complaints {
    let missing = !source.text.starts_with("//! ");
    missing.then(|| format!("{}: does not begin with `//!`", source.path)).into_iter().collect()
}

/// A crate is named only where it is at home. Tests may use what they like.
fn homes(source: &Source) -> Complaints {
    if source.is_test {
        return Vec::new();
    }
    let tokens = tokens(&source.without_tests());
    HOMES
        .iter()
        .filter(|(name, homes, _)| !source.is_in(homes) && names_crate(&tokens, name))
        .map(|(name, homes, _)| {
            format!("{}: {name} is at home in {}", source.path, homes.join(", "))
        })
        .collect()
}

/// The root only declares modules, and `main` only calls the command line.
fn root(source: &Source) -> Complaints {
    let tokens = tokens(&source.text);
    let has = |words: &[&str]| has_sequence(&tokens, words);
    let complaint = match source.path.as_str() {
        "lib.rs" if has(&["use"]) => "re-exports something",
        "lib.rs" if has(&["fn"]) || has(&["struct"]) || has(&["enum"]) => "is more than the map",
        "main.rs" if tokens.windows(4).any(|w| w[0] == "loadgate" && w[3] != "cli") => {
            "knows more than the command line"
        }
        _ => return Vec::new(),
    };
    vec![format!("{}: {complaint}", source.path)]
}

fn printing(source: &Source) -> Complaints {
    if source.is_test || source.is_in(&OUTSIDE_WORLD) {
        return Vec::new();
    }
    let tokens = tokens(&source.without_tests());
    let macros = ["print", "println", "eprint", "eprintln", "dbg"];
    let printed = macros.into_iter().find(|name| has_sequence(&tokens, &[name, "!"]));
    let streams = ["stdout", "stderr"];
    let stream = streams.into_iter().find(|name| {
        has_sequence(&tokens, &["io", ":", ":", name, "("])
            || has_sequence(&tokens, &[name, "(", ")", "."])
    });
    let exit = has_sequence(&tokens, &["process", ":", ":", "exit"]).then_some("process::exit");
    let found = printed.or(stream).or(exit);
    found.map(|what| format!("{}: {what} outside cli", source.path)).into_iter().collect()
}

/// `std::env` but for its constants.
fn environment(source: &Source) -> Complaints {
    if source.is_test || source.is_in(&OUTSIDE_WORLD) {
        return Vec::new();
    }
    let tokens = tokens(&source.without_tests());
    let reads =
        tokens.windows(4).any(|w| w[0] == "env" && w[1] == ":" && w[2] == ":" && w[3] != "consts");
    let imports = has_sequence(&tokens, &["std", ":", ":", "env", ";"]);
    let found = reads || imports;
    found.then(|| format!("{}: reads the environment", source.path)).into_iter().collect()
}

fn empty_names(source: &Source) -> Complaints {
    let module = source.module();
    let found = module.iter().find(|name| EMPTY_NAMES.contains(name));
    found.map(|name| format!("{}: the name {name} says nothing", source.path)).into_iter().collect()
}

// ---- Reading source text ------------------------------------------------------------

/// Words and single signs, without comments and without what is quoted.
pub(super) fn tokens(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = match (c, raw_string(rest)) {
            (_, Some(length)) => length,
            ('/', _) if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            ('/', _) if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |at| at + 2),
            ('"', _) => string(rest),
            ('\'', _) => quote(rest),
            (c, _) if is_word(c) => {
                let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                found.push(rest[..length].to_owned());
                length
            }
            (c, _) => {
                found.extend((!c.is_whitespace()).then(|| c.to_string()));
                c.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    found
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of `r#"…"#`, also with a `b` or `c` before it.
fn raw_string(text: &str) -> Option<usize> {
    let after = text.trim_start_matches(['b', 'c']);
    let hashes = after.strip_prefix('r')?;
    let count = hashes.len() - hashes.trim_start_matches('#').len();
    let body = hashes[count..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(count));
    let end = body.find(&close).map_or(body.len(), |at| at + close.len());
    Some(text.len() - body.len() + end)
}

/// The length of `"…"`.
fn string(text: &str) -> usize {
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|(_, c)| {
        let closes = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        closes
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}

/// The length of `'x'`, or of the sign before a lifetime.
fn quote(text: &str) -> usize {
    let inner: Vec<char> = text.chars().take(3).collect();
    match inner.as_slice() {
        ['\'', '\\', ..] => text[3..].find('\'').map_or(text.len(), |at| at + 4),
        ['\'', c, '\''] => 2 + c.len_utf8(),
        _ => 1,
    }
}

fn has_sequence(tokens: &[String], words: &[&str]) -> bool {
    tokens.windows(words.len()).any(|window| window == words)
}

/// Whether a crate is named: `name::`, but not `other::name::`.
fn names_crate(tokens: &[String], name: &str) -> bool {
    (0..tokens.len()).any(|at| {
        let before = at.checked_sub(1).map_or("", |before| tokens[before].as_str());
        let after = tokens.get(at + 1).map_or("", String::as_str);
        let imported = before == "use" && after == ";";
        let path = after == ":" && tokens.get(at + 2).is_some_and(|next| next == ":");
        tokens[at] == name && (imported || (path && ![":", "."].contains(&before)))
    })
}

/// The top modules that a file names, by `crate::` or by climbing out with `super::`.
fn targets(tokens: &[String], module: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    // Whether each open brace is that of an inline module.
    let mut braces: Vec<bool> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match tokens[at].as_str() {
            "{" => braces.push(at >= 2 && tokens[at - 2] == "mod"),
            "}" => drop(braces.pop()),
            "crate" if has_path(tokens, at + 1) => found.extend(names(&tokens[at + 3..])),
            "super" if has_path(tokens, at + 1) => {
                let climbed = climb(&tokens[at..]);
                let inline = braces.iter().filter(|inline| **inline).count();
                at += 3 * climbed;
                if climbed >= module.len() + inline {
                    found.extend(names(&tokens[at..]));
                }
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

fn has_path(tokens: &[String], at: usize) -> bool {
    tokens.get(at..at + 2).is_some_and(|signs| signs == [":", ":"])
}

/// How many `super::` follow each other.
fn climb(tokens: &[String]) -> usize {
    tokens.chunks(3).take_while(|chunk| chunk.len() == 3 && chunk[0] == "super").count()
}

/// `engine` of `engine::pacer`, `a` and `b` of `{a::x, b::{c, d}}`.
fn names(tokens: &[String]) -> Vec<String> {
    if tokens.first().is_none_or(|first| first != "{") {
        return tokens.first().cloned().into_iter().collect();
    }
    let mut depth = 0;
    let mut names = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            name if depth == 1 && ["{", ","].contains(&tokens[at - 1].as_str()) => {
                names.push(name.to_owned());
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names
}

/// All files of `src/`.
pub(super) fn sources() -> Vec<Source> {
    let root = support::root().join("src");
    let mut found = Vec::new();
    collect(&root, &root, &mut found);
    let texts: Vec<(String, String)> =
        found.iter().map(|source| (source.path.clone(), source.text.clone())).collect();
    for source in &mut found {
        source.is_test = is_test_only(&source.path, &texts);
    }
    found
}

fn collect(folder: &Path, root: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, root, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("text");
            let below = path.strip_prefix(root).expect("it was found there");
            found.push(Source::new(&below.to_string_lossy().replace('\\', "/"), &text));
        }
    }
}

/// Whether a module or one above it is declared under `#[cfg(test)]`.
fn is_test_only(path: &str, texts: &[(String, String)]) -> bool {
    let source = Source::new(path, "");
    let module = source.module();
    (1..=module.len()).any(|length| {
        let (name, above) = (module[length - 1], module[..length - 1].join("/"));
        let parents = match above.as_str() {
            "" => vec!["lib.rs".to_owned()],
            above => vec![format!("{above}/mod.rs"), format!("{above}.rs")],
        };
        texts.iter().filter(|(path, _)| parents.contains(path)).any(|(_, text)| {
            ["", "pub ", "pub(crate) ", "pub(super) "]
                .iter()
                .any(|access| text.contains(&format!("#[cfg(test)]\n{access}mod {name};")))
        })
    })
}

// ---- The tests ----------------------------------------------------------------------

#[test]
fn the_sources_keep_the_rules() {
    let sources = sources();
    assert!(sources.len() > 50, "the sources were found");
    let complaints: Complaints =
        sources.iter().flat_map(|source| RULES.iter().flat_map(|rule| rule(source))).collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn the_table_of_crates_is_that_of_the_manifest() {
    let manifest = fs::read_to_string(support::root().join("Cargo.toml")).expect("a manifest");
    let section = manifest.split("\n[").find(|section| section.starts_with("dependencies]"));
    let lines = section.expect("dependencies").lines().skip(1);
    let named: BTreeSet<String> = lines
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name.replace('-', "_"))
        .collect();
    let housed: BTreeSet<String> = HOMES.iter().map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(named, housed);
}

#[test]
fn every_home_is_lived_in() {
    let sources = sources();
    for (name, homes, _) in HOMES {
        for home in *homes {
            let lives = |source: &&Source| {
                source.is_in(&[home]) && names_crate(&tokens(&source.without_tests()), name)
            };
            assert!(sources.iter().any(|source| lives(&source)), "{name} is not used in {home}");
        }
    }
}

#[test]
fn the_modules_go_down_only() {
    for (place, (name, allowed)) in MODULES.iter().enumerate() {
        for other in *allowed {
            let lower = MODULES.iter().position(|(known, _)| known == other);
            let is_above = lower.is_some_and(|lower| lower < place);
            assert!(is_above, "{name} uses {other}, which does not stand above it in the table");
        }
    }
}

#[test]
fn the_documentation_shows_the_tables() {
    let path = support::root().join("docs/architecture.md");
    let text = fs::read_to_string(&path).expect("the documentation");
    let text_with = |text: &str, mark: &str, table: &str| {
        let (open, close) = (format!("<!-- {mark} -->\n"), format!("<!-- end of {mark} -->"));
        let start = text.find(&open).expect("the opening mark") + open.len();
        let end = text.find(&close).expect("the closing mark");
        format!("{}{table}{}", &text[..start], &text[end..])
    };
    let current = text_with(&text, "modules", &modules_table());
    let current = text_with(&current, "crates", &crates_table());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &current).expect("the documentation can be written");
        return;
    }
    assert_eq!(text, current, "run it again with UPDATE_GOLDEN=1");
}

fn modules_table() -> String {
    let rows = MODULES.iter().map(|(name, allowed)| {
        let allowed = if allowed.is_empty() { "–".to_owned() } else { allowed.join(", ") };
        format!("| {name} | {allowed} |\n")
    });
    format!("| module | may use |\n| --- | --- |\n{}", rows.collect::<String>())
}

fn crates_table() -> String {
    let rows = HOMES
        .iter()
        .map(|(name, homes, why)| format!("| {name} | {} | {why} |\n", homes.join(", ")));
    format!("| crate | home | why |\n| --- | --- | --- |\n{}", rows.collect::<String>())
}

// ---- The rules can fail -------------------------------------------------------------

/// The rule catches the bad text and passes the good one.
#[track_caller]
fn check(rule: Rule, path: &str, bad: &str, good: &str) {
    assert!(!rule(&Source::new(path, bad)).is_empty(), "not caught: {bad}");
    assert_eq!(rule(&Source::new(path, good)), Complaints::new(), "{good}");
}

#[test]
fn a_forbidden_arrow_is_caught() {
    let good = "use crate::record::sample::Sample;";
    for bad in [
        "use crate::analysis::assess;",
        "use crate::{record::run::Head, analysis::assess};",
        "use crate::{\n    record::{run, store},\n    report,\n};",
        "fn f() { crate::cli::main(); }",
        "use super::super::analysis;",
        "use super::super::{record, target};",
        "use crate::*;",
        "use crate::nowhere;",
        "mod tests {\n    use super::super::super::analysis;\n}",
    ] {
        check(arrows, "engine/worker.rs", bad, good);
    }
    for good in [
        "// crate::analysis is not for us",
        "/// [`crate::analysis`]\nfn f() {}",
        "const A: &str = \"crate::analysis\"; const B: &str = r#\"\"crate::cli\"#;",
        "use crate::{record::{run, store}, schedule};",
        "use super::pacer;",
        "mod tests {\n    use super::super::pacer;\n}",
        "fn f<'a>(c: &'a str) -> bool { c == '\"' } use crate::units;",
    ] {
        check(arrows, "engine/worker.rs", "use crate::cli;", good);
    }
    check(arrows, "units.rs", "use super::scenario;", "use super::units;");
    assert!(!arrows(&Source::new("new.rs", "")).is_empty(), "a module outside the table");
}

#[test]
fn a_long_file_is_caught() {
    let lines = |count: usize| "//! x\n".repeat(count);
    check(length, "units.rs", &lines(401), &lines(400));
    let tested = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", lines(400), lines(300));
    check(length, "units.rs", &lines(401), &tested);
    // Only a module ends what is counted.
    let early = format!("#[cfg(test)]\nfn f() {{}}\n{}", lines(400));
    check(length, "units.rs", &early, &tested);
}

#[test]
fn a_missing_header_is_caught() {
    check(header, "units.rs", "use std::fmt;\n", "//! Units.\nuse std::fmt;\n");
}

#[test]
fn a_crate_outside_its_home_is_caught() {
    for bad in [
        "use clap::Parser;",
        "use clap;",
        "fn f() { clap::builder(); }",
        "#[derive(clap::Args)]\nstruct A;",
    ] {
        check(homes, "engine/worker.rs", bad, "use tokio::time; // clap::Parser");
    }
    check(homes, "report/chart/ink.rs", "use maud::html;", "use plotters::prelude;");
    check(homes, "record/run.rs", "use hdrhistogram::Histogram;", "fn f() { my::clap::x(); }");
    let tested = "//! x\n#[cfg(test)]\nmod tests {\n    use clap::Parser;\n}";
    check(homes, "units.rs", "use clap::Parser;", tested);
}

#[test]
fn a_root_that_does_more_is_caught() {
    let good = "//! use the map\npub mod units;";
    check(root, "lib.rs", "pub mod units;\npub use units::Rate;", good);
    check(root, "lib.rs", "pub fn helper() {}", good);
    let main = "fn main() -> ExitCode { loadgate::cli::main() }";
    check(root, "main.rs", "fn main() { loadgate::engine::run() }", main);
}

#[test]
fn printing_outside_the_command_line_is_caught() {
    let good = "fn f() -> String { format!(\"println!\") }";
    for bad in [
        "fn f() { println!(\"a\"); }",
        "fn f() { eprint!(\"a\"); }",
        "fn f() { std::io::stdout().flush(); }",
        "use std::io::stderr; fn f() { stderr().lock(); }",
        "fn f() { std::process::exit(1); }",
    ] {
        check(printing, "analysis/slo.rs", bad, good);
        assert_eq!(printing(&Source::new("cli/output.rs", bad)), Complaints::new());
    }
}

#[test]
fn reading_the_environment_is_caught() {
    let good = "const A: &str = env!(\"CARGO_PKG_VERSION\"); const O: &str = std::env::consts::OS;";
    for bad in ["fn f() { std::env::var(\"A\"); }", "use std::env;", "use std::env::var_os;"] {
        check(environment, "engine/worker.rs", bad, good);
        assert_eq!(environment(&Source::new("cli/run.rs", bad)), Complaints::new());
    }
}

#[test]
fn a_name_that_says_nothing_is_caught() {
    for path in ["util.rs", "engine/helpers.rs", "report/common/mod.rs"] {
        assert!(!empty_names(&Source::new(path, "")).is_empty(), "{path}");
    }
    assert_eq!(empty_names(&Source::new("engine/pacer.rs", "")), Complaints::new());
}
