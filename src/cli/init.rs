//! `loadgate init`: look at the project, start its app once if allowed, write the files.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cli::args_init::{CiService, InitArgs};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::init_ask::{asked, can_ask};
use crate::cli::init_told::{self, Found};
use crate::cli::output;
use crate::cli::run::SUPERVISE;
use crate::cli::variables::with_variables;
use crate::init::first_scenario::Address;
use crate::init::package_json::PackageJson;
use crate::init::pipeline::Service;
use crate::init::plan::{self, Planned, SCENARIO, State};
use crate::init::probe::{App, Launch};
use crate::init::project::{self, Project};
use crate::init::routes::HEALTH;
use crate::init::seen::{self, Seen};
use crate::init::sources::{self, bounded};
use crate::init::workspace;
use crate::record::whole_file;
use crate::report::plain;
use crate::scenario::model::{Secrets, StartCommand};
use crate::scenario::problems::{Problem, Problems};
use crate::scenario::read::{self, Caller};
use crate::target::one_shot::OneShots;
use crate::target::process::Supervisor;

/// A larger `package.json` is none.
const LARGEST: u64 = 1024 * 1024;
/// A file of the project that is compared with what is to be written is not larger.
const LARGEST_FILE: u64 = 16 * 1024 * 1024;
/// How long a build may take.
const BUILD: Duration = Duration::from_secs(300);

/// Runs the command.
pub(super) fn init(args: &InitArgs) -> Exit {
    set_up(args).unwrap_or_else(|stop| match stop {
        Stop::Failed(failure) => failure.tell(),
        Stop::Wrong(problems) => {
            output::problems(&problems);
            Exit::Usage
        }
    })
}

/// Why nothing was written.
enum Stop {
    Failed(Failure),
    Wrong(Problems),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Stop {
        Stop::Failed(failure)
    }
}

fn set_up(args: &InitArgs) -> Result<Exit, Stop> {
    let mut project = project(&args.folder)?;
    output::result(&init_told::project(&project));
    let found = look(args, &project);
    project.port.learn(found.follows);
    output::result(&init_told::app(&project, &found));
    let service = args.ci.map(|service| match service {
        CiService::Github => Service::GitHub,
        CiService::Gitlab => Service::GitLab,
    });
    let existing = |path: &Path| bounded(path, LARGEST_FILE);
    let mut files = plan::files(&project, &found.seen, &found.address, service, &existing);
    if args.dry_run {
        output::result(&init_told::dry(&files));
        return Ok(Exit::Pass);
    }
    settle(args, &mut files)?;
    write(&files)?;
    output::result(&init_told::written(&project, &files));
    output::result(&init_told::notes(&project, &found, check(&project)));
    output::result(&init_told::next(&project));
    Ok(Exit::Pass)
}

/// The project of a folder.
fn project(folder: &Path) -> Result<Project, Stop> {
    let path = folder.join("package.json");
    if !path.is_file() {
        return Err(no_project(folder).into());
    }
    let text = bounded(&path, LARGEST);
    let text = text.ok_or_else(|| {
        let why = format!("{} cannot be read as text of at most 1 MB", path.display());
        Failure::usage(why, Vec::new())
    })?;
    let package = PackageJson::read(&text).map_err(|wrong| {
        let problem = Problem {
            file: plain::line(&path.display().to_string()),
            line: wrong.line,
            column: wrong.column,
            message: wrong.message,
            help: Some("correct it; nothing was written".to_owned()),
        };
        Stop::Wrong(Problems { all: vec![problem] })
    })?;
    let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let sources = sources::read(&folder);
    let members = workspace::members(&folder, &package);
    let project = project::of(&folder, package, &sources);
    match members {
        Some(members) if project.start.is_none() => {
            Err(Failure::usage(MONOREPO.to_owned(), init_told::members(&members)).into())
        }
        _ => Ok(project),
    }
}

const MONOREPO: &str = "this is the root of a monorepo, which has no app of its own; name the \
                        package to load";

fn no_project(folder: &Path) -> Failure {
    let absolute = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let shown = folder.display();
    if !folder.is_dir() {
        return Failure::usage(format!("there is no folder {shown}"), Vec::new());
    }
    let above = absolute.ancestors().skip(1).find(|folder| folder.join("package.json").is_file());
    let mut details = Vec::new();
    if let Some(above) = above {
        details.push(format!("the nearest project: loadgate init {}", above.display()));
    }
    details.push("a new Node project: npm init --yes, then write the app".to_owned());
    details.push(
        "anything else that speaks HTTP: loadgate run http://127.0.0.1:3000/ -R 100, or a \
         scenario written by hand (docs/scenario.md)"
            .to_owned(),
    );
    Failure::usage(format!("no package.json in {shown}: init is for Node projects"), details)
}

/// What there is to know of the app, by starting it if that is allowed.
fn look(args: &InitArgs, project: &Project) -> Found {
    let guess = |why_not: Option<(String, Vec<String>)>| Found {
        seen: seen::guess(&project.known),
        address: Address { host: "127.0.0.1".to_owned(), port: project.port.number },
        follows: None,
        why_not,
    };
    if project.start.is_none() || !may_start(args, project) {
        return guess(None);
    }
    match started(project) {
        Ok(mut app) => {
            app.wait_until_ready(&HEALTH);
            let seen = seen::ask(&project.known, &|path| app.ask(path));
            let found = asked_app(project, &app, seen);
            app.stop();
            found
        }
        Err(why) => guess(Some(why)),
    }
}

fn asked_app(project: &Project, app: &App, seen: Seen) -> Found {
    let (at, follows) = (app.address(), app.follows());
    let port = if follows { project.port.number } else { at.port };
    let address = Address { host: at.host.clone(), port };
    Found { seen, address, follows: Some(follows), why_not: None }
}

fn may_start(args: &InitArgs, project: &Project) -> bool {
    if args.no_start {
        return false;
    }
    args.yes || (can_ask() && asked(&init_told::start_question(project), true))
}

/// The app, built and started.
fn started(project: &Project) -> Result<App, (String, Vec<String>)> {
    let Some(start) = &project.start else { return Err(Default::default()) };
    let program = std::env::current_exe().map_err(|error| (error.to_string(), Vec::new()))?;
    let supervisor = Supervisor { program, argument: SUPERVISE };
    if let Some(build) = &start.build {
        let run = project.manager.run(build);
        output::hint(&format!("building the app: {run}"));
        let command = StartCommand {
            command: run.split(' ').map(str::to_owned).collect(),
            folder: project.folder.clone(),
            env: Vec::new(),
        };
        let (secrets, cancelled) = (Secrets::default(), || false);
        let build = OneShots { supervisor: &supervisor, secrets: &secrets, cancelled: &cancelled };
        build.run(&command, BUILD, None).map_err(|error| (error.to_string(), Vec::new()))?;
    }
    output::hint(&plain::line(&format!("starting the app: {}", start.command.join(" "))));
    let (folder, port) = (project.folder.as_path(), &project.port);
    App::start(&Launch { folder, start, port, supervisor: &supervisor })
}

/// Asks about what somebody else wrote; refuses where nobody can be asked.
fn settle(args: &InitArgs, files: &mut [Planned]) -> Result<(), Failure> {
    if args.force {
        return Ok(());
    }
    let others: Vec<String> = files
        .iter()
        .filter(|file| file.state == State::Other)
        .map(|file| file.shown.clone())
        .collect();
    if others.is_empty() {
        return Ok(());
    }
    if args.yes || !can_ask() {
        let mut details: Vec<String> =
            others.iter().map(|shown| plain::line(&init_told::other(shown))).collect();
        details.push("--force replaces them; --dry-run shows with what".to_owned());
        return Err(Failure::usage(
            "nothing was written, because something is there".to_owned(),
            details,
        ));
    }
    for file in files.iter_mut().filter(|file| file.state == State::Other) {
        if !asked(&format!("{}; replace it?", init_told::other(&file.shown)), false) {
            file.state = State::Kept;
        }
    }
    Ok(())
}

fn write(files: &[Planned]) -> Result<(), Failure> {
    let is_written = |file: &&Planned| !matches!(file.state, State::Same | State::Kept);
    for file in files.iter().filter(is_written) {
        // What a link points at is written to, and the link stays.
        let path = fs::canonicalize(&file.path).unwrap_or_else(|_| file.path.clone());
        let folder = path.parent().map_or(PathBuf::from("."), Path::to_owned);
        let written =
            fs::create_dir_all(folder).and_then(|()| whole_file::write(&path, &file.text));
        written.map_err(|error| Failure::tool(format!("{}: {error}", file.path.display())))?;
    }
    Ok(())
}

/// What `loadgate check` says of the scenario that is there now. What is built later is missed
/// by nobody.
fn check(project: &Project) -> Option<Problems> {
    let is_built = project.start.as_ref().is_some_and(|start| start.build.is_some());
    let path = project.folder.join(SCENARIO);
    let found =
        with_variables(None, |variables| read::load_looking(&path, &Caller::default(), variables));
    found.err().filter(|_| !is_built)
}
