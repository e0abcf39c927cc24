//! One small project, broken in the ways that everybody meets on the first day: in each,
//! the first line that `check --once` and `run` say of it tells what to do. And whole, it works.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use loadgate::record::store;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    eventually, finish, free_port, latest, loadgate, stderr, stdout, summary, wait,
};

/// Logs in with a password, lists orders for who has the token.
const APP: &str = r"
const http = require('http');
const token = 't0ken-of-this-start';
http.createServer((q, r) => {
  const say = (status, body) => {
    r.writeHead(status, { 'content-type': 'application/json' });
    r.end(JSON.stringify(body));
  };
  if (q.url === '/login') return say(200, { token });
  if (q.url !== '/orders') return say(404, { message: `Route ${q.method}:${q.url} not found` });
  if (q.headers.authorization !== `Bearer ${token}`) return say(401, { message: 'who are you?' });
  say(200, [{ id: 1 }]);
}).listen(+process.env.PORT, '127.0.0.1');
";

/// A copy of the project with its scenario.
struct Project {
    folder: TempDir,
    scenario: Value,
    app: String,
    port: u16,
}

impl Project {
    fn new() -> Project {
        let port = free_port();
        let scenario = json!({
            "name": "shop",
            "target": {
                "url": format!("http://127.0.0.1:{port}"),
                "command": ["node", "app.js"],
                "ready": { "within": "20s" },
            },
            "flows": [{ "name": "buy", "steps": [
                { "name": "log in", "request": "POST /login", "json": { "password": "pa55word!" },
                  "extract": { "token": "$.token" } },
                { "name": "list orders", "request": "GET /orders",
                  "headers": { "authorization": "Bearer {{token}}" }, "check": { "status": 200 } },
            ]}],
            "load": { "stages": [{ "for": "30s", "rate": "20/s" }] },
        });
        let folder = tempfile::tempdir().unwrap();
        Project { folder, scenario, app: APP.to_owned(), port }
    }

    /// With another text in the app.
    fn app(mut self, from: &str, to: &str) -> Project {
        assert!(self.app.contains(from), "{from}");
        self.app = self.app.replace(from, to);
        self
    }

    /// With another scenario.
    fn scenario(mut self, change: impl FnOnce(&mut Value)) -> Project {
        change(&mut self.scenario);
        self
    }

    fn step(self, place: usize, key: &str, value: Value) -> Project {
        self.scenario(|scenario| scenario["flows"][0]["steps"][place][key] = value)
    }

    fn file(&self) -> PathBuf {
        let file = self.folder.path().join("shop.json");
        fs::write(self.folder.path().join("app.js"), &self.app).unwrap();
        fs::write(&file, format!("{:#}", self.scenario)).unwrap();
        file
    }

    fn check(&self, flags: &[&str]) -> Output {
        finish(loadgate().arg("check").arg(self.file()).args(flags))
    }

    fn run(&self, flags: &[&str]) -> Output {
        let out = self.folder.path().join("out");
        finish(loadgate().arg("run").arg(self.file()).arg("-o").arg(out).args(flags))
    }
}

/// The first line that is said of what is wrong.
fn first_error(output: &Output) -> String {
    let said = stderr(output);
    said.lines().find(|line| line.starts_with("error: ")).unwrap_or_default().to_owned()
}

/// What is said by the walk and by the run, and with which code they end.
#[track_caller]
fn says(project: &Project, code: i32, texts: &[&str]) {
    let checked = project.check(&["--once"]);
    let said = stderr(&checked);
    let first = said.lines().next().unwrap_or_default().to_owned();
    let ran = project.run(&[]);
    for (what, output, first) in
        [("check --once", &checked, first), ("run", &ran, first_error(&ran))]
    {
        let all = format!("{}\n{}", stderr(output), stdout(output));
        assert_eq!(output.status.code(), Some(code), "{what}: {all}");
        for text in texts {
            assert!(first.contains(text), "{what}: {text:?} is not in {first:?}\n{all}");
        }
        assert!(!all.contains("pa55word!") && !all.contains("t0ken-of"), "{what}: {all}");
    }
}

#[test]
fn a_whole_project_works() {
    let project = Project::new();
    let checked = project.check(&["--once", "--curl"]);
    let told = stdout(&checked);
    assert_eq!(checked.status.code(), Some(0), "{told}{}", stderr(&checked));
    assert!(told.starts_with("WORKS  shop"), "{told}");
    for part in [
        "1. log in (POST /login): works, 200 after",
        "> POST /login HTTP/1.1",
        "< HTTP/1.1 200 OK",
        "= token from $.token: [redacted], 19 characters",
        "2. list orders (GET /orders): works, 200 after",
        "< [{\"id\":1}]",
        "curl -i -g --max-time 10 'http://127.0.0.1:",
        "-H 'authorization: Bearer '\"$token\"",
        "--data-raw '{\"password\":\"'\"$SECRET\"'\"}'",
    ] {
        assert!(told.contains(part), "{part:?} is not in\n{told}");
    }
    assert!(!told.contains("pa55word!") && !told.contains("t0ken-of"), "{told}");
}

#[test]
fn the_wrong_port() {
    let other = free_port();
    let deaf = Project::new()
        .app("+process.env.PORT", &other.to_string())
        .scenario(|scenario| scenario["target"]["ready"]["within"] = json!("3s"));
    says(&deaf, 7, &[&format!("it listens on port {other}"), "correct \"url\""]);
    let nobody = Project::new().scenario(|scenario| {
        let target = scenario["target"].as_object_mut().unwrap();
        target.remove("command");
        target.remove("ready");
    });
    let address = format!("nothing listens at 127.0.0.1:{}", nobody.port);
    says(&nobody, 7, &[&address, "start the target first"]);
}

#[test]
fn the_wrong_route() {
    let project = Project::new().step(1, "request", json!("GET /order"));
    says(&project, 6, &["no \"GET /order\" (404)", "list orders", "\"request\"", "not found"]);
}

#[test]
fn a_missing_token() {
    let none = Project::new().step(1, "headers", json!({}));
    says(&none, 6, &["list orders", "refused with 401", "sends no credentials", "who are you?"]);
    let empty = Project::new().app("200, { token }", "200, { token: '' }");
    says(&empty, 6, &["list orders", "401, as {{token}} in it is empty", "extracts as \"token\""]);
}

#[test]
fn no_database() {
    let down = "say(500, { message: 'connect ECONNREFUSED 127.0.0.1:5432' })";
    let project = Project::new().app("say(200, [{ id: 1 }])", down);
    says(&project, 6, &["list orders", "500", "connect ECONNREFUSED 127.0.0.1:5432", "database"]);
}

#[test]
fn a_slow_boot() {
    let project = Project::new()
        .app("http.createServer(", "const server = http.createServer(")
        .app("}).listen(", "});\nsetTimeout((...to) => server.listen(...to), 60000, ")
        .scenario(|scenario| scenario["target"]["ready"]["within"] = json!("1s"));
    says(&project, 7, &["not ready within 1s", "connection refused", "give it more time"]);
}

#[test]
fn a_server_that_dies() {
    let at_start =
        Project::new().app("const token", "throw new Error('no DATABASE_URL');\nconst token");
    says(&at_start, 7, &["ended before it was ready: Error: no DATABASE_URL; mend"]);
    let later = Project::new().app("say(200, [{ id: 1 }])", "throw new Error('no such table')");
    let checked = later.check(&["--once"]);
    assert_eq!(checked.status.code(), Some(7), "{}", stdout(&checked));
    let first = first_error(&checked);
    assert!(first.contains("the target ended when the step \"list orders\""), "{first}");
    assert!(first.contains("Error: no such table"), "{first}");
    assert_eq!(later.run(&["-q"]).status.code(), Some(7));
}

#[test]
fn a_check_that_never_holds() {
    let project = Project::new().step(1, "check", json!({ "status": 201 }));
    says(&project, 6, &["list orders", "answered with 200", "\"check\" wants 201", "[{\"id\":1}]"]);
    let missing = Project::new().step(1, "extract", json!({ "order": "$.orders[0].id" }));
    says(&missing, 6, &["for \"order\" is not in the answer", "\"extract\""]);
}

#[test]
fn what_prepares_it_is_missing() {
    let project = Project::new().app("const http", "require('fastify');\nconst http");
    says(&project, 7, &["Cannot find module 'fastify'", "npm ci"]);
    let mistyped = Project::new()
        .scenario(|scenario| scenario["target"]["prepare"] = json!({ "command": ["nmp", "ci"] }));
    let checked = mistyped.check(&[]);
    assert_eq!(checked.status.code(), Some(2), "{}", stdout(&checked));
    assert!(stderr(&checked).contains("there is no program \"nmp\""), "{}", stderr(&checked));
}

/// Nothing of it is left.
#[test]
fn a_walk_that_is_interrupted_stops_the_target() {
    let project = Project::new()
        .app("say(200, [{ id: 1 }])", "require('fs').writeFileSync('asked', '')")
        .step(1, "timeout", json!("60s"));
    let mut child = loadgate().arg("check").arg(project.file()).arg("--once").spawn().unwrap();
    let asked = project.folder.path().join("asked");
    eventually("the request has come", || asked.exists());
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    assert_eq!(wait(&mut child).code(), Some(130));
    let address = ("127.0.0.1", project.port);
    assert!(std::net::TcpStream::connect(address).is_err(), "the target has ended");
}

/// What stops a run leaves all reports, with the verdict of a run in which a step never worked.
#[test]
fn a_run_that_the_walk_stops_leaves_its_reports() {
    let project = Project::new().step(1, "request", json!("GET /order"));
    let ran = project.run(&[]);
    let folder = latest(&project.folder.path().join("out"), "shop");
    let summary = summary(&folder);
    assert_eq!((ran.status.code(), &summary["verdict"]), (Some(6), &json!("invalid")));
    let reason = summary["reasons"][0].as_str().unwrap();
    assert!(reason.starts_with("the step \"list orders\" (GET /order) never worked: 404 on all"));
    for file in ["summary.md", "junit.xml", "report.html", "exchanges.jsonl", "run.json"] {
        let text = fs::read_to_string(folder.join(file)).unwrap();
        assert!(text.contains("list orders") || text.contains("404"), "{file}");
    }
    let again = finish(loadgate().arg("report").arg(&folder));
    assert_eq!(again.status.code(), Some(6), "{}", stderr(&again));
}

/// One failure, or some, are no proof.
#[test]
fn a_target_that_fails_at_first_is_measured() {
    let project = Project::new()
        .app("const token", "let asked = 0;\nconst token")
        .app("say(200, [{ id: 1 }])", "say(++asked < 4 ? 404 : 200, [{ id: 1 }])")
        .scenario(|scenario| {
            scenario["load"]["stages"] = json!([{ "for": "3s", "rate": "100/s" }]);
            scenario["slo"] = json!({ "all": ["p95 < 5s", "error_rate < 5%"] });
        });
    let ran = project.run(&[]);
    assert_eq!(ran.status.code(), Some(0), "{}{}", stderr(&ran), stdout(&ran));
    assert_eq!(first_error(&ran), "");
    let folder = latest(&project.folder.path().join("out"), "shop");
    let end = store::read(&folder).unwrap().end.unwrap();
    assert!(end.iterations > 200 && end.iterations_completed == end.iterations, "{end:?}");
}

/// What a walk and its tries leave in the target must not be in the load's way: a user who signs up
/// can do so once.
#[test]
fn a_target_that_is_cold_at_first_signs_up_each_user_of_the_load() {
    let project = Project::new()
        .app("const token", "let cold = 30; const known = new Set();\nconst token")
        .app(
            "if (q.url === '/login') return",
            "if (q.url.startsWith('/login') && cold-- > 0) return say(503, {});
  if (known.has(q.url)) return say(409, { message: 'has signed up' });
  if (q.url.startsWith('/login')) known.add(q.url);
  if (q.url.startsWith('/login')) return",
        )
        .step(0, "request", json!("POST /login?u={{user}}"))
        .step(0, "once", json!(true))
        .scenario(|scenario| {
            scenario["load"]["stages"] = json!([{ "for": "3s", "rate": "50/s" }]);
            scenario["slo"] = json!({ "all": ["p95 < 5s", "error_rate < 5%"] });
        });
    let ran = project.run(&[]);
    assert_eq!(ran.status.code(), Some(0), "{}{}", stderr(&ran), stdout(&ran));
}

/// A target may know only the users that the load has.
#[test]
fn a_target_that_knows_some_users_only_is_measured() {
    let project = Project::new()
        .app(
            "if (q.url === '/login')",
            "const user = +q.url.split('u=')[1];
  if (q.url.startsWith('/login') && user > 1000) return say(401, { message: 'unknown' });
  if (q.url.startsWith('/login'))",
        )
        .step(0, "request", json!("POST /login?u={{user}}"))
        .scenario(|scenario| {
            scenario["load"]["stages"] = json!([{ "for": "3s", "rate": "50/s" }]);
            scenario["slo"] = json!({ "all": ["p95 < 5s", "error_rate < 5%"] });
        });
    let ran = project.run(&[]);
    assert_eq!(ran.status.code(), Some(0), "{}{}", stderr(&ran), stdout(&ran));
    assert!(stderr(&ran).contains("--no-walk leaves the walk out"), "{}", stderr(&ran));
}

/// The walk's requests are told from the load's by their numbers, and are in no figure.
#[test]
fn the_walk_disturbs_no_iteration_of_the_load() {
    let seen = |flags: &[&str]| {
        let project = Project::new()
            .app("const token", "const fs = require('fs');\nconst token")
            .app("if (q.url === '/login')", "if (q.url.startsWith('/login'))")
            .app("const say", "fs.appendFileSync('seen', q.url + '\\n');\n  const say")
            .step(0, "request", json!("POST /login?n={{iteration}}&u={{user}}&id={{uuid}}"))
            .scenario(|scenario| {
                scenario["load"]["stages"] = json!([{ "for": "2s", "rate": "20/s" }]);
                scenario["load"]["seed"] = json!(7);
            });
        let ran = project.run(flags);
        assert!([0, 5].contains(&ran.status.code().unwrap()), "{}", stdout(&ran));
        let text = fs::read_to_string(project.folder.path().join("seen")).unwrap();
        let logins = text.lines().filter(|line| line.starts_with("/login")).map(str::to_owned);
        let is_of_walk = |line: &String| {
            let (number, _) = line["/login?n=".len()..].split_once('&').unwrap();
            number.parse::<u64>().unwrap() > 900_000_000
        };
        let (of_walk, of_load): (Vec<String>, Vec<String>) = logins.partition(is_of_walk);
        let folder = latest(&project.folder.path().join("out"), "shop");
        let iterations = store::read(&folder).unwrap().end.unwrap().iterations;
        (of_load, of_walk.len(), iterations)
    };
    let (with, walked, counted) = seen(&[]);
    let (without, none, counted_without) = seen(&["--no-walk"]);
    assert_eq!((walked, none), (1, 0));
    let strip = |line: &String| {
        // Users are taken as they are free, which is a matter of time.
        let (before, behind) = line.split_once("&u=").unwrap();
        format!("{before}{}", behind.split_once('&').unwrap().1)
    };
    let sorted = |lines: &[String]| {
        let mut lines: Vec<String> = lines.iter().map(strip).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&with), sorted(&without));
    assert_eq!(counted, counted_without);
}
