//! Mistakes that a person makes on the first day, and what loadgate says about them: with
//! its place, at once, and without any advice that does not help.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{finish, free_port, latest, loadgate, stderr, stdout};

/// A server that writes down what it gets, and prints a line before it ends by itself.
const SERVER: &str = "
const http = require('http'), fs = require('fs');
http.createServer((q, r) => {
  let body = '';
  q.on('data', d => body += d).on('end', () => {
    fs.appendFileSync('bodies', body + '\\n');
    r.end('{}');
  });
}).listen(+process.env.PORT, '127.0.0.1');
if (process.env.LAST_WORDS) setTimeout(() => {
  console.error(process.env.LAST_WORDS);
  process.exit(3);
}, 700);
";

struct Place(TempDir);

impl Place {
    fn new() -> Place {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("server.js"), SERVER).unwrap();
        Place(place)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a scenario of two seconds for the server, after a change.
    fn scenario(&self, port: u16, change: impl FnOnce(&mut Value)) -> PathBuf {
        let mut scenario = json!({
            "name": "advice",
            "target": {
                "url": format!("http://127.0.0.1:{port}"),
                "command": ["node", "server.js"],
                "env": { "PORT": port.to_string() }
            },
            "flows": [{ "name": "f", "steps": [{ "name": "s", "request": "POST /" }] }],
            "load": { "stages": [{ "for": "2s", "rate": "20/s" }] },
            "slo": { "all": ["p95 < 9s"] }
        });
        change(&mut scenario);
        let file = self.path().join("scenario.json");
        fs::write(&file, format!("{scenario:#}")).unwrap();
        file
    }

    fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
        let mut command = loadgate();
        command.args(arguments).envs(environment.iter().copied()).current_dir(self.path());
        finish(&mut command)
    }
}

#[track_caller]
fn says(output: &Output, code: i32, texts: &[&str]) {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for text in texts {
        assert!(said.contains(text), "{text:?} is not in:\n{said}");
    }
}

#[test]
fn a_target_is_told_its_port_whatever_the_environment_says() {
    let place = Place::new();
    let (wanted, foreign) = (free_port(), free_port().to_string());
    let file = place.scenario(wanted, |scenario| {
        scenario["target"].as_object_mut().unwrap().remove("env");
    });
    let file = file.to_str().unwrap();
    let output = place.run(&["check", file, "--once"], &[("PORT", &foreign)]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn a_port_in_the_scenario_that_is_not_that_of_its_url_ends_the_waiting() {
    let place = Place::new();
    let (wanted, other) = (free_port(), free_port().to_string());
    let file = place.scenario(wanted, |scenario| {
        scenario["target"]["env"]["PORT"] = json!(other);
    });
    let begun = Instant::now();
    let output = place.run(&["run", file.to_str().unwrap(), "-q"], &[]);
    assert!(begun.elapsed() < Duration::from_secs(25), "it does not wait for all of its 30 s");
    let listens = format!("listens on port {other}, as PORT={other} in \"env\" of \"target\"");
    let says_else = format!("\"url\" of \"target\" says {wanted}; make the two the same");
    says(&output, 7, &[&listens, &says_else]);
}

#[test]
fn a_url_with_nothing_behind_it_is_told_what_to_start() {
    let place = Place::new();
    let url = format!("http://127.0.0.1:{}/", free_port());
    let output = place.run(&["run", &url, "-R", "5", "-d", "2s"], &[]);
    says(
        &output,
        7,
        &["nothing listens at 127.0.0.1", "connection refused (for 1s)", "start the target first"],
    );
}

#[test]
fn a_target_that_runs_already_has_the_time_that_the_scenario_gives_it() {
    let place = Place::new();
    let file = place.scenario(free_port(), |scenario| {
        scenario["target"] = json!({
            "url": scenario["target"]["url"], "ready": { "within": "2s" }
        });
    });
    let output = place.run(&["run", file.to_str().unwrap()], &[]);
    says(&output, 7, &["was not ready within 2s", "connection refused"]);
}

#[test]
fn a_rate_beyond_the_machine_is_refused_before_anything_is_sent() {
    let place = Place::new();
    let cores = std::thread::available_parallelism().unwrap().get();
    let rate = format!("{}/s", 250_001 * cores);
    let beyond = ["requests per second are beyond this machine", "lower the rate"];
    let url = ["run", "http://127.0.0.1:9/", "-R", &rate];
    let output = place.run(&url, &[]);
    says(&output, 2, &["-R and -d: ", beyond[0], beyond[1]]);
    let ramp = format!("1/s -> {rate}");
    for rate in [rate.as_str(), ramp.as_str()] {
        let file = place.scenario(free_port(), |scenario| {
            scenario["load"]["stages"][0]["rate"] = rate.into();
        });
        let file = file.to_str().unwrap();
        let text = fs::read_to_string(file).unwrap();
        let line = text.lines().position(|line| line.contains("\"rate\"")).unwrap() + 1;
        let place_of_rate = format!("scenario.json:{line}:");
        for command in ["check", "run"] {
            says(&place.run(&[command, file], &[]), 2, &[&place_of_rate, beyond[0]]);
        }
    }
    let file = place.scenario(free_port(), |_| {});
    let duet = ["duet", file.to_str().unwrap(), "--baseline", "true", "-R", &rate];
    says(&place.run(&duet, &[]), 2, &[beyond[0], "loads both arms"]);
    let file = place.scenario(free_port(), |scenario| {
        scenario["load"]["stages"][0]["for"] = "40d".into();
    });
    let output = place.run(&["check", file.to_str().unwrap()], &[]);
    says(&output, 2, &["a load of 40 days", "31 days at most"]);
}

#[test]
fn check_looks_for_what_starts_the_target_and_names_the_nearest() {
    let place = Place::new();
    for (change, wrong, near) in [
        (json!(["node", "servr.js"]), "servr.js does not exist", "did you mean \"server.js\"?"),
        (json!(["nod", "server.js"]), "no program \"nod\"", "in any folder of PATH"),
        (json!(["node server.js"]), "no program", "write [\"node\", \"server.js\"]"),
    ] {
        let file = place.scenario(free_port(), |scenario| scenario["target"]["command"] = change);
        let output = place.run(&["check", file.to_str().unwrap()], &[]);
        says(&output, 2, &["scenario.json:", wrong, near]);
    }
    let file = place.scenario(free_port(), |_| {});
    says(&place.run(&["check", file.to_str().unwrap()], &[]), 0, &[]);
}

#[test]
fn the_last_words_of_a_target_are_readable_and_keep_its_secrets() {
    let place = Place::new();
    let words = "cannot open the latest snapshot of contest-7 at http://127.0.0.1:13000/v3000 \
                 with hunter22-x, Basic YWxpY2U6aHVudGVyMjIteA==, ?p=hunter22%2Dx";
    let file = place.scenario(free_port(), |scenario| {
        let env = scenario["target"]["env"].as_object_mut().unwrap();
        env.insert("NODE_ENV".to_owned(), "${NODE_ENV}".into());
        env.insert("UPSTREAM_PORT".to_owned(), "${UPSTREAM_PORT}".into());
        env.insert("DB_PASSWORD".to_owned(), "${DB_PASSWORD}".into());
        scenario["load"]["stages"][0]["for"] = "9s".into();
    });
    let environment = [
        ("NODE_ENV", "test"),
        ("UPSTREAM_PORT", "3000"),
        ("DB_PASSWORD", "hunter22-x"),
        ("LAST_WORDS", words),
    ];
    let output = place.run(&["run", file.to_str().unwrap(), "-q"], &environment);
    assert_eq!(output.status.code(), Some(7), "{}", stderr(&output));
    let log = latest(&place.path().join("reports"), "advice").join("target.log");
    let log = fs::read_to_string(log).unwrap();
    let readable = "cannot open the latest snapshot of contest-7 at http://127.0.0.1:13000/v3000";
    assert!(log.contains(readable), "{log}");
    for text in [log, stdout(&output), stderr(&output)] {
        assert!(!text.contains("hunter22") && !text.contains("aHVudGVy"), "{text}");
    }
}

/// What the environment brought into the command, the address, a path, a header and a variable of
/// the target is printed by no command and written into no file.
#[test]
fn what_the_environment_brought_is_shown_nowhere() {
    let environment = [("API_KEY", "zq7-s3cr3t-w4x")];
    let with_key = |port: u16, change: &dyn Fn(&mut Value)| {
        let place = Place::new();
        let file = place.scenario(port, |scenario| {
            let target = &mut scenario["target"];
            target["url"] = format!("http://127.0.0.1:{port}/${{API_KEY}}").into();
            target["command"] = json!(["node", "server.js", "--key=${API_KEY}"]);
            target["env"]["KEY"] = "${API_KEY}".into();
            target["ready"] = json!({ "path": "/${API_KEY}", "within": "6s" });
            target["metrics"] = json!({ "path": "/m?key=${API_KEY}", "watch": ["q"] });
            let step = &mut scenario["flows"][0]["steps"][0];
            step["request"] = "POST /?key=${API_KEY}".into();
            step["headers"] = json!({ "authorization": "Bearer ${API_KEY}" });
            scenario["load"]["stages"][0]["rate"] = "60/s".into();
            change(scenario);
        });
        (place, file)
    };
    let kept = |(place, file): &(Place, PathBuf), command: &[&str], code: i32| {
        let mut arguments = command.to_vec();
        arguments.insert(1, file.to_str().unwrap());
        let output = place.run(&arguments, &environment);
        let printed = format!("{}{}", stdout(&output), stderr(&output));
        assert_eq!(output.status.code(), Some(code), "{command:?}: {printed}");
        assert!(!printed.contains("s3cr3t"), "{command:?}: {printed}");
        printed
    };
    let fine = with_key(free_port(), &|_| {});
    let said = kept(&fine, &["run"], 0);
    assert!(said.contains("starting node server.js --key=[redacted]"), "{said}");
    let told = latest(&fine.0.path().join("reports"), "advice");
    for entry in fs::read_dir(told).unwrap() {
        let path = entry.unwrap().path();
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()).into_owned();
        assert!(!text.contains("s3cr3t"), "{}", path.display());
    }
    kept(&fine, &["check", "--once"], 0);
    let nobody = with_key(free_port(), &|scenario| {
        scenario["target"]["command"] = json!(["sleep", "60"]);
    });
    let said = kept(&nobody, &["run"], 7);
    assert!(said.contains("/[redacted]"), "{said}");
    let no_folder = with_key(free_port(), &|scenario| {
        scenario["target"]["cwd"] = "${API_KEY}".into();
    });
    kept(&no_folder, &["run"], 7);
    let no_host = with_key(free_port(), &|scenario| {
        scenario["allow"] = json!(["${API_KEY}.invalid"]);
        let target = scenario["target"].as_object_mut().unwrap();
        target["url"] = "http://${API_KEY}.invalid:80".into();
        target.remove("command");
        target.remove("env");
        target.remove("ready");
    });
    kept(&no_host, &["run", "--no-walk"], 7);
}

#[test]
fn placeholders_in_keys_reach_the_target_filled_in() {
    let place = Place::new();
    let file = place.scenario(free_port(), |scenario| {
        scenario["variables"] = json!({ "tenant": "t\"1" });
        scenario["flows"][0]["steps"][0]["json"] =
            json!({ "{{tenant}}": 1, "list": [{ "a{{user}}": ["{{tenant}}"] }] });
    });
    let output = place.run(&["run", "--no-walk", file.to_str().unwrap(), "-q"], &[]);
    assert_ne!(output.status.code(), Some(2), "{}", stderr(&output));
    let bodies = fs::read_to_string(place.path().join("bodies")).unwrap();
    let first: Value = serde_json::from_str(bodies.lines().next().unwrap()).unwrap();
    assert_eq!(first["t\"1"], 1, "{first}");
    assert_eq!(first["list"][0]["a1"], json!(["t\"1"]), "{first}");
}

#[test]
fn the_end_of_a_run_names_the_report_that_is_there() {
    let place = Place::new();
    let file = place.scenario(free_port(), |_| {});
    let output = place.run(&["run", file.to_str().unwrap(), "-q"], &[]);
    let said = stdout(&output);
    let path = said.lines().find_map(|line| line.strip_prefix("report     ")).unwrap();
    assert!(place.path().join(path).is_file(), "{path}");
}

#[test]
fn a_file_of_another_tool_is_recognised() {
    let place = Place::new();
    for (name, text, what) in [
        ("load.js", "import http from 'k6/http';\n", "a k6 script"),
        ("load.yml", "config:\n  phases: []\n", "a test script of Artillery"),
        ("load.json", "name: orders\n", "YAML"),
    ] {
        fs::write(place.path().join(name), text).unwrap();
        for command in ["check", "run"] {
            let output = place.run(&[command, name], &[]);
            let at = format!("{name}:1:1: this is {what}");
            says(&output, 2, &[&at, "scenarios/quickstart.json"]);
        }
    }
}

#[test]
fn quantities_in_the_words_of_other_tools_are_told_in_ours() {
    let place = Place::new();
    let url = "http://127.0.0.1:9/";
    for (flags, advice) in [
        (["-R", "100 rps"], "write \"100/s\""),
        (["-d", "30"], "write \"30s\" for seconds"),
        (["--timeout", "5000"], "write \"5s\" if these are milliseconds"),
        (["--slo", "p(95)<200"], "write \"p95 < 200ms\""),
        (["--slo", "http_req_failed: rate<0.01"], "write \"error_rate < 1%\""),
        (["--slo", "http_req_duration"], "write \"p95 < 200ms\""),
    ] {
        let rate = if flags[0] == "-R" { &[][..] } else { &["-R", "5"] };
        let arguments = [&["run", url][..], rate, &flags].concat();
        says(&place.run(&arguments, &[]), 2, &[advice]);
    }
    for (change, advice) in [
        ("/load/stages/0/for", json!(30)),
        ("/load/stages/0/rate", json!("100 rps")),
        ("/target/command", json!("npm start")),
        ("/target/url", json!("http://0.0.0.0:3000")),
    ]
    .into_iter()
    .zip(["\"30s\"", "\"100/s\"", "[\"npm\", \"start\"]", "\"http://127.0.0.1:3000\""])
    {
        let (at, value) = change;
        let file = place.scenario(free_port(), |scenario| {
            *scenario.pointer_mut(at).unwrap() = value;
        });
        let output = place.run(&["check", file.to_str().unwrap()], &[]);
        says(&output, 2, &["scenario.json:", &format!("write {advice}")]);
    }
}

#[test]
fn an_empty_file_is_not_sent_to_a_command_that_does_not_exist() {
    let place = Place::new();
    fs::write(place.path().join("empty.json"), "").unwrap();
    let output = place.run(&["check", "empty.json"], &[]);
    says(&output, 2, &["empty.json:1:1: the file is empty", "quickstart.json"]);
    assert!(!stderr(&output).contains("init"), "there is no such command");
}

#[test]
fn variables_come_from_a_file_where_the_environment_has_none() {
    let place = Place::new();
    let file = place.scenario(free_port(), |scenario| {
        scenario["flows"][0]["steps"][0]["headers"] =
            json!({ "a": "${TOKEN_A}", "b": "${TOKEN_B}", "c": "${TOKEN_C:-none}" });
        scenario["flows"][0]["steps"][0]["request"] = json!("POST /${TOKEN_A}");
    });
    let check = ["check", file.to_str().unwrap()];
    let env = [("TOKEN_B", "from-outside")];
    says(&place.run(&check, &env), 2, &["the environment variable TOKEN_A is not set"]);
    fs::write(place.path().join(".env"), "TOKEN_A='s3cr3t-a'\nTOKEN_B=s3cr3t-b\nD=1\n").unwrap();
    let output = place.run(&check, &env);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said = stdout(&output);
    assert!(said.contains("\nEnv      .env gives TOKEN_A\n"), "{said}");
    assert!(!said.contains("s3cr3t"), "{said}");
    fs::write(place.path().join("other"), "TOKEN_A=s3cr3t\nTOKEN_C=d\nno s3cr3t\n").unwrap();
    let named = [&check[..], &["--env-file", "other"]].concat();
    let output = place.run(&named, &env);
    says(&output, 2, &["other:3:1: expected NAME=value"]);
    assert!(!stderr(&output).contains("s3cr3t"));
    says(&place.run(&[&check[..], &["--env-file", "none"]].concat(), &env), 2, &["none: does not"]);
    fs::write(place.path().join(".env"), "TOKEN_A: s3cr3t").unwrap();
    says(&place.run(&check, &env), 2, &[".env:1:1: expected NAME=value", "TOKEN_A is not set"]);
    let all = [("TOKEN_A", "x"), ("TOKEN_B", "x"), ("TOKEN_C", "x")];
    let output = place.run(&check, &all);
    assert_eq!(output.status.code(), Some(0), "{}: nobody needs the file", stderr(&output));
}

#[test]
fn a_script_that_measures_for_hours_begins_with_nothing_that_it_does_not_know() {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let mut seen = 0;
    for entry in fs::read_dir(&scripts).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap_or_default();
        if !text.contains("measuring import") && !text.contains("import measuring") {
            continue;
        }
        let ask = |flags: &[&str]| finish(Command::new("python3").arg(&path).args(flags));
        let help = ask(&["--help"]);
        assert_eq!(help.status.code(), Some(0), "{}", stderr(&help));
        assert!(stdout(&help).lines().count() > 2, "{}", path.display());
        // What its own usage names comes before it, so that a refusal of that would be the first.
        let help = stdout(&help);
        let usage = help.lines().filter(|line| line.trim_start().starts_with("python3 scripts/"));
        let named = usage.flat_map(str::split_whitespace).map(|word| word.trim_matches(['[', ']']));
        let mut flags: Vec<&str> = named.filter(|word| word.starts_with("--")).collect();
        flags.push("--nonsense");
        says(&ask(&flags), 2, &["--nonsense: not an argument of this script"]);
        seen += 1;
    }
    assert!(seen > 5);
}
