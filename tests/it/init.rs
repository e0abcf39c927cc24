//! `loadgate init`, as its users meet it: in projects with a real app, in folders that are none,
//! and with the packages of npm on a machine without Rust.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{finish, free_port, loadgate, root, skip, stderr, stdout};

/// An app of Node alone. `HERE` is where it listens.
const APP: &str = r"
const http = require('node:http');
const document = { openapi: '3.0.3', info: {}, paths: {
  '/products': { get: {} },
  '/products/{id}': { get: { parameters: [{ name: 'id', in: 'path', example: '${HOME}' }] } },
  '/orders/{id}': { get: {} },
  '/me': { get: {} },
} };
const answers = {
  '/healthz': 'ok',
  '/metrics': '# TYPE up gauge\nup 1\n',
  '/docs/json': JSON.stringify(document),
  '/products': '[]',
  '/products/%24%7BHOME%7D': '{}',
};
http.createServer((request, response) => {
  response.statusCode = request.url === '/me' ? 401 : answers[request.url] ? 200 : 404;
  response.end(answers[request.url] ?? 'no');
}).listen(HERE, '127.0.0.1');
";

/// A project in a folder with blanks and wide letters.
struct Project {
    _folder: TempDir,
    path: PathBuf,
}

impl Project {
    fn new(files: &[(&str, &str)]) -> Project {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("my shop 商店");
        let project = Project { _folder: folder, path };
        for (name, text) in files {
            project.write(name, text);
        }
        project
    }

    /// One whose app listens on the port in `PORT`, or else on this one.
    fn with_app(port: u16) -> Project {
        let app = APP.replace("HERE", &format!("Number(process.env.PORT ?? {port})"));
        let package =
            "{\n\t\"name\": \"@a/shop\",\n\t\"scripts\": { \"start\": \"node server.js\" }\n}";
        Project::new(&[("package.json", package), ("server.js", &app)])
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path.join(name)).unwrap()
    }

    fn scenario(&self) -> Value {
        serde_json::from_str(&self.read("scenarios/api.json")).unwrap()
    }

    fn loadgate(&self, args: &[&str]) -> Output {
        finish(loadgate().args(args).current_dir(&self.path))
    }

    /// `loadgate init` that ends with a code; what it printed.
    #[track_caller]
    fn init(&self, args: &[&str], code: i32) -> (String, String) {
        let output = self.loadgate(&[&["init"], args].concat());
        let (out, err) = (stdout(&output), stderr(&output));
        assert_eq!(output.status.code(), Some(code), "{out}\n{err}");
        (out, err)
    }

    /// The names of all files but the app's own.
    fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut waiting = vec![self.path.clone()];
        while let Some(folder) = waiting.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let path = entry.path();
                if path.is_dir() {
                    waiting.push(path);
                } else {
                    found.push(path.strip_prefix(&self.path).unwrap().display().to_string());
                }
            }
        }
        found.sort();
        found
    }
}

fn requests(scenario: &Value) -> Vec<String> {
    let flows = scenario["flows"].as_array().unwrap().iter();
    flows.map(|flow| flow["steps"][0]["request"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_scenario_of_a_running_app_passes_its_check_and_its_run() {
    let port = free_port();
    let project = Project::with_app(port);
    let (out, _) = project.init(&["--yes"], 0);
    let scenario = project.scenario();
    assert_eq!(scenario["target"]["url"], json!(format!("http://127.0.0.1:{port}")), "{out}");
    assert_eq!(scenario["target"]["command"], json!(["node", "server.js"]));
    assert_eq!(scenario["target"]["ready"]["path"], "/healthz");
    assert_eq!(scenario["target"]["metrics"], "/metrics");
    assert_eq!(requests(&scenario), ["GET /products", "GET /products/%24%7BHOME%7D"]);
    for said in ["/docs/json, 4 GET routes", "/me: it answered 401", "needs a login", "\nNext: "] {
        assert!(out.contains(said), "{said}: {out}");
    }
    assert!(out.lines().all(|line| line.chars().count() <= 80 || line.contains('/')), "{out}");
    let package = project.read("package.json");
    assert!(
        package.starts_with("{\n\t\"name\": \"@a/shop\",\n\t\"scripts\": { \"start\""),
        "{package}"
    );
    assert!(package.ends_with('}') && package.contains("loadgate run scenarios/api.json"));
    assert_eq!(project.read(".gitignore"), "reports/\n");
    let check = project.loadgate(&["check", "scenarios/api.json"]);
    assert_eq!(check.status.code(), Some(0), "{}", stderr(&check));

    let mut short = scenario;
    short["load"]["stages"] = json!([{ "for": "3s", "rate": "40/s" }]);
    short["slo"] = json!({ "all": ["p95 < 5s", "error_rate < 20%"] });
    project.write("scenarios/api.json", &short.to_string());
    let run = project.loadgate(&["run", "scenarios/api.json"]);
    assert_eq!(run.status.code(), Some(0), "{}{}", stdout(&run), stderr(&run));
    assert!(project.path.join("reports/shop/latest/report.html").is_file());
}

#[test]
fn what_somebody_wrote_is_replaced_by_force_only() {
    let project = Project::with_app(free_port());
    let (out, _) = project.init(&["--no-start", "--dry-run"], 0);
    assert_eq!(project.files(), ["package.json", "server.js"], "a dry run writes nothing");
    assert!(out.contains("--- scenarios/api.json\n{\n  \"$schema\""), "{out}");

    project.init(&["--no-start"], 0);
    let (out, _) = project.init(&["--no-start"], 0);
    let changed = ["new ", "added to", "replaced"].iter().find(|word| out.contains(*word));
    assert_eq!((changed, out.matches("unchanged").count()), (None, 5), "{out}");

    project.write("scenarios/slo.json", "mine");
    project.write("scenarios/api.json", "mine");
    let package = project.read("package.json").replace("loadgate run", "mine");
    project.write("package.json", &package);
    for flags in [&["--no-start"][..], &["--no-start", "--yes"]] {
        let (_, err) = project.init(flags, 2);
        for said in [
            "scenarios/slo.json is there",
            "scenarios/api.json is there",
            "package.json has a script",
            "--force",
        ] {
            assert!(err.contains(said), "{said}: {err}");
        }
        assert_eq!(project.read("scenarios/slo.json"), "mine");
        assert_eq!(project.read("package.json"), package);
    }
    let (out, _) = project.init(&["--no-start", "--force"], 0);
    assert_eq!(out.matches("replaced").count(), 3, "{out}");
    assert!(project.read("package.json").contains("loadgate run"));
}

#[test]
fn without_leave_the_app_is_not_started() {
    let project = Project::with_app(free_port());
    let mark = project.path.join("started");
    let app =
        format!("require('node:fs').writeFileSync({mark:?}, '');{}", project.read("server.js"));
    project.write("server.js", &app);
    let (out, _) = project.init(&[], 0);
    assert!(out.contains("The app was not started"), "{out}");
    assert!(!mark.exists());
    project.init(&["--yes", "--force"], 0);
    assert!(mark.exists(), "with leave it is");
}

#[test]
fn an_app_that_ignores_its_port_or_dies_is_told_of() {
    let port = free_port();
    let fixed = Project::with_app(port);
    fixed.write("server.js", &APP.replace("HERE", &port.to_string()));
    let (out, _) = fixed.init(&["--yes"], 0);
    assert!(out.contains(&format!("listens on port {port} whatever PORT says")), "{out}");
    assert_eq!(fixed.scenario()["target"]["url"], json!(format!("http://127.0.0.1:{port}")));
    assert!(fixed.scenario()["target"].get("env").is_none());
    assert_eq!(requests(&fixed.scenario())[0], "GET /products");

    let dead = Project::with_app(free_port());
    dead.write("server.js", "throw new Error('no \u{1b}[31mdatabase');");
    let (out, _) = dead.init(&["--yes"], 0);
    assert!(out.contains("The app could not be started: it ended before it listened"), "{out}");
    assert!(out.contains("database") && !out.contains('\u{1b}'), "{out}");
    assert_eq!(requests(&dead.scenario()), ["GET /"]);
}

/// The port is read where init does not see it, and the app is ready after the third question.
#[test]
fn an_app_that_takes_its_time_is_waited_for() {
    let project = Project::with_app(free_port());
    let app = APP.replace("HERE", "Number(process.env['PO' + 'RT'])").replace(
        "response.statusCode = ",
        "globalThis.asked ??= 0;
  if (request.url === '/healthz') globalThis.asked += 1;
  const early = globalThis.asked < 4;
  response.statusCode = early ? (request.url === '/healthz' ? 503 : 404) : ",
    );
    project.write("server.js", &app);
    let (out, _) = project.init(&["--yes"], 0);
    let target = &project.scenario()["target"];
    assert_eq!(target["ready"]["path"], "/healthz", "{out}");
    assert_eq!(target["env"], json!({ "PORT": "3000" }), "{out}");
    assert_eq!(requests(&project.scenario())[0], "GET /products");
}

#[test]
fn a_workflow_is_written_for_the_service_that_is_named() {
    let project = Project::with_app(free_port());
    project.init(&["--no-start", "--ci", "github"], 0);
    let workflow = project.read(".github/workflows/performance.yml");
    assert!(workflow.contains("fetch-depth: 0") && workflow.contains("npx loadgate duet"));
    project.init(&["--no-start", "--ci", "gitlab"], 0);
    assert!(project.read(".gitlab/performance.yml").contains("loadgate duet"));
    assert!(project.read(".gitlab-ci.yml").contains("local: .gitlab/performance.yml"));
}

/// Ends with 2, says these, and writes nothing.
#[track_caller]
fn refused(files: &[(&str, &str)], said: &[&str]) {
    let project = Project::new(files);
    fs::create_dir_all(&project.path).unwrap();
    let (_, err) = project.init(&["--yes"], 2);
    for said in said {
        assert!(err.contains(said), "{said}: {err}");
    }
    assert_eq!(project.files().len(), files.len());
}

#[test]
fn a_folder_that_is_no_project_is_told_what_to_do() {
    refused(&[], &["no package.json in .", "npm init", "loadgate run http://"]);
    refused(
        &[("package.json", "{\n  \"name\": \"a\",\n}\n")],
        &["./package.json:3:1: not valid JSON: trailing comma", "nothing was written"],
    );
    refused(&[("package.json", "")], &["./package.json:1:1: the file is empty"]);
    refused(
        &[
            ("package.json", "{\"workspaces\": [\"packages/*\"]}"),
            ("packages/lib/package.json", "{}"),
            ("packages/the api/package.json", "{\"scripts\": {\"start\": \"node a.js\"}}"),
        ],
        &[
            "root of a monorepo",
            "loadgate init 'packages/the api'\n",
            "packages/lib (has no start script)",
        ],
    );
}

#[test]
fn the_nearest_project_above_is_named() {
    let project = Project::with_app(free_port());
    project.write("src/x.txt", "");
    let (_, err) = project.init(&["src"], 2);
    assert!(err.contains("the nearest project: loadgate init "), "{err}");
    let (_, err) = project.init(&["nowhere"], 2);
    assert!(err.contains("there is no folder nowhere"), "{err}");
}

/// The binary without its symbols, so that packing it takes no time.
fn small_binary(folder: &Path) -> PathBuf {
    let (whole, small) = (PathBuf::from(env!("CARGO_BIN_EXE_loadgate")), folder.join("loadgate"));
    let stripped = Command::new("strip").arg("-o").arg(&small).arg(&whole).status();
    if stripped.is_ok_and(|status| status.success()) { small } else { whole }
}

#[test]
fn five_minutes_lead_from_an_empty_folder_to_a_verdict() {
    let registry =
        Command::new("npm").args(["view", "fastify", "version", "--fetch-retries=2"]).output();
    if !registry.is_ok_and(|output| output.status.success()) {
        return skip("the npm registry cannot be reached");
    }
    let folder = tempfile::tempdir().unwrap();
    let platform = if cfg!(target_arch = "aarch64") { "linux-arm64" } else { "linux-x64" };
    let binary = small_binary(folder.path());
    let mut pack = Command::new(root().join("scripts/pack-npm.sh"));
    pack.arg(format!("{platform}={}", binary.display())).arg("-o").arg(folder.path());
    let packed = finish(&mut pack);
    assert!(packed.status.success(), "{}{}", stdout(&packed), stderr(&packed));
    let play = || {
        let mut play = Command::new("node");
        play.arg(root().join("scripts/five-minutes.mjs")).arg(folder.path()).arg("--short");
        finish(play.current_dir(folder.path()))
    };
    // A few seconds of load may meet a moment in which this machine stood still.
    let passed = |output: &Output| stdout(output).matches("PASS  shop").count() == 2;
    let played = Some(play()).filter(passed).unwrap_or_else(play);
    let (out, err) = (stdout(&played), stderr(&played));
    assert!(played.status.success(), "{out}\n{err}");
    for manager in ["npm", "pnpm"] {
        assert!(out.contains(&format!("{manager}: a verdict after 3 commands")), "{out}");
    }
    assert!(out.contains("node --import tsx src/server.ts") && out.contains("商店"), "{out}");
    assert!(passed(&played), "{out}\n{err}");
}
