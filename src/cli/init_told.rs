//! What `loadgate init` tells: what was found, what was written, what is next. Pure.

use crate::init::first_scenario::Address;
use crate::init::plan::{DUET, Planned, RUN, State};
use crate::init::project::Project;
use crate::init::seen::Seen;
use crate::init::workspace::Member;
use crate::report::plain;
use crate::scenario::problems::Problems;

/// The columns of a terminal.
const COLUMNS: usize = 80;
/// The column where what is said of a word begins.
const BEHIND: usize = 12;
/// What is said of a file begins behind the longest name, if that is not longer.
const WIDEST_FILE: usize = 40;
/// More reasons are counted.
const REASONS: usize = 5;
/// More packages are counted.
const MEMBERS: usize = 30;

/// What is known of an app.
pub(super) struct Found {
    pub(super) seen: Seen,
    pub(super) address: Address,
    /// Whether it listens where a variable says; `None` if it was not started.
    pub(super) follows: Option<bool>,
    /// Why it could not be started, with its last words.
    pub(super) why_not: Option<(String, Vec<String>)>,
}

/// What its files say of a project.
pub(super) fn project(project: &Project) -> String {
    let framework = project.framework.map(|framework| {
        let version = project.package.dependency(framework.package).unwrap_or_default();
        format!(", {} {}", framework.name, version.trim_start_matches(['^', '~']))
            .trim_end()
            .to_owned()
    });
    let head =
        format!("{}: {}{}", project.name, project.manager.name(), framework.unwrap_or_default());
    let start = match &project.start {
        Some(start) => format!("{} ({})", start.command.join(" "), start.found),
        None => "not found".to_owned(),
    };
    let build = project.start.as_ref().and_then(|start| start.build.as_ref());
    let build = build.map(|build| word("build", &project.manager.run(build)));
    let variable = project.port.variable.as_ref();
    let variable = variable.map_or(String::new(), |name| format!(", or what {name} says"));
    let port = format!("{}{variable} ({})", project.port.number, project.port.found);
    [
        plain::line(&head),
        "\n".to_owned(),
        word("start", &start),
        build.unwrap_or_default(),
        word("port", &port),
    ]
    .concat()
}

/// What the app says of itself, or its files.
pub(super) fn app(project: &Project, found: &Found) -> String {
    let Found { seen, .. } = found;
    let asked = if found.follows.is_some() { "answers" } else { "by its files" };
    let path = |path: &Option<String>| match path {
        Some(path) => format!("{path} ({asked})"),
        None => "not found".to_owned(),
    };
    let openapi = seen.document.as_ref().map(|(from, count)| format!("{from}, {count} GET routes"));
    let mut text = [
        word("health", &path(&seen.health)),
        word("metrics", &path(&seen.metrics)),
        word("OpenAPI", &openapi.unwrap_or_else(|| "not found".to_owned())),
    ]
    .concat();
    let listed: Vec<&str> = seen.routes.iter().map(|(path, _)| path.as_str()).collect();
    text.push_str(&word("routes", &listed.join(", ")));
    for (path, why) in seen.left_out.iter().take(REASONS) {
        text.push_str(&word("left out", &format!("{path}: {why}")));
    }
    if seen.left_out.len() > REASONS {
        text.push_str(&word("", &format!("and {} more", seen.left_out.len() - REASONS)));
    }
    for (path, why) in &project.unread {
        text.push_str(&word("not read", &format!("{path}: {why}")));
    }
    text
}

/// The files of a dry run: the texts of those that people read.
pub(super) fn dry(files: &[Planned]) -> String {
    let mut text = format!("\nWould write\n{}", listed(files));
    for planned in files.iter().filter(|file| !file.shown.ends_with(".schema.json")) {
        text.extend(["\n--- ", &plain::line(&planned.shown), "\n"]);
        text.extend(planned.text.lines().map(shown_line));
    }
    text
}

/// A line of a file with its blanks, without what moves a cursor.
fn shown_line(line: &str) -> String {
    let kept = line.trim_start();
    let indent = &line[..line.len() - kept.len()];
    let kept = if kept.is_empty() { String::new() } else { plain::line(kept) };
    format!("{indent}{kept}\n")
}

/// What was written.
pub(super) fn written(project: &Project, files: &[Planned]) -> String {
    let folder = plain::line(&project.folder.display().to_string());
    format!("\nIn {folder}\n{}", listed(files))
}

fn listed(files: &[Planned]) -> String {
    let names = files.iter().map(|file| file.shown.chars().count());
    let widest = names.max().unwrap_or_default().min(WIDEST_FILE);
    files.iter().map(|planned| file(planned, widest)).collect()
}

fn file(file: &Planned, widest: usize) -> String {
    let done = match file.state {
        State::New => "new",
        State::Same => "unchanged",
        State::More => "added to",
        State::Other => "replaced",
        State::Kept => "kept",
    };
    let shown = plain::line(&file.shown);
    entry(&format!("  {done:<10}{shown}  "), widest + 14, &file.note)
}

/// What the user should know.
pub(super) fn notes(project: &Project, found: &Found, problems: Option<Problems>) -> String {
    let start_note = found.why_not.iter().flat_map(|(why, words)| {
        let first =
            format!("The app could not be started: {why}. The routes are those of its files.");
        std::iter::once(first).chain(words.iter().map(|word| format!("| {word}")))
    });
    let mut notes: Vec<String> = start_note.collect();
    notes.extend(routes_note(project, found));
    notes.extend(port_note(project, found));
    if project.has_env {
        notes.push(
            "A duet's baseline is a fresh checkout, without .env if git ignores it: name what \
             the app needs of it under \"env\" of \"target\"."
                .to_owned(),
        );
    }
    if let Some(problems) = problems {
        notes.push("loadgate check finds mistakes, which you can mend in the file:".to_owned());
        notes.extend(problems.to_string().lines().map(str::to_owned));
    }
    let lines = notes.iter().flat_map(|note| plain::wrapped(&plain::line(note), COLUMNS));
    let text: String = lines.map(|line| format!("{line}\n")).collect();
    if text.is_empty() { text } else { format!("\n{text}") }
}

fn routes_note(project: &Project, found: &Found) -> Option<String> {
    let needs_login = found.seen.left_out.iter().any(|(_, why)| why.contains("login"));
    if project.start.is_none() {
        return Some(format!(
            "Nothing says how the app is started. Start it yourself on port {}, or add \
             \"command\" to \"target\" of the scenario.",
            found.address.port
        ));
    }
    if found.why_not.is_some() {
        return None;
    }
    if found.follows.is_none() {
        return Some(
            "The app was not started: the routes are those that its files name, untried. \
             `loadgate init --yes` starts it once and asks."
                .to_owned(),
        );
    }
    if !found.seen.is_proven {
        return Some(
            "No route answered well. The scenario asks for /: put a route of yours there."
                .to_owned(),
        );
    }
    needs_login.then(|| {
        "Some routes need a login: add a step that logs in, with \"once\": true \
         (docs/scenario.md)."
            .to_owned()
    })
}

fn port_note(project: &Project, found: &Found) -> Option<String> {
    project.start.as_ref()?;
    match (found.follows, project.variable()) {
        (Some(false), _) => Some(format!(
            "The app listens on port {} whatever PORT says. A run works; a duet needs two \
             ports: let the app listen on process.env.PORT.",
            found.address.port
        )),
        (None, None) => Some(
            "Nothing in the sources reads PORT, as far as init can see. A duet needs an app \
             that listens on process.env.PORT."
                .to_owned(),
        ),
        (Some(true), _) | (None, Some(_)) => None,
    }
}

/// What to type now.
pub(super) fn next(project: &Project) -> String {
    let run = project.manager.run(RUN);
    let install = match project.package.dependency("loadgate") {
        Some(_) => String::new(),
        None => format!("{}\n      ", project.manager.add()),
    };
    let duet = project
        .start
        .as_ref()
        .map(|_| format!("Then: {}, after a change: is it slower?\n", project.manager.run(DUET)));
    format!("\nNext: {install}{run}\n{}", duet.unwrap_or_default())
}

/// What is asked before the app is started.
pub(super) fn start_question(project: &Project) -> String {
    let start = project.start.as_ref();
    let command = start.map(|start| start.command.join(" ")).unwrap_or_default();
    let build = start.and_then(|start| start.build.as_ref());
    let build = build.map_or(String::new(), |build| format!("{}; ", project.manager.run(build)));
    plain::line(&format!("Start the app once, to see which routes answer ({build}{command})?"))
}

/// What is said of a file that somebody else wrote.
pub(super) fn other(shown: &str) -> String {
    match shown {
        "package.json" => {
            format!("package.json has a script {RUN} or {DUET} that says something else")
        }
        shown => format!("{shown} is there and says something else"),
    }
}

/// The packages of a monorepo, as commands.
pub(super) fn members(members: &[Member]) -> Vec<String> {
    let named = members.iter().take(MEMBERS).map(|member| {
        let note = if member.starts { "" } else { " (has no start script)" };
        plain::line(&format!("loadgate init {}{note}", in_shell(&member.folder)))
    });
    let more = members.len().checked_sub(MEMBERS + 1).map(|more| format!("and {} more", more + 1));
    named.chain(more).collect()
}

/// A path as a shell takes it.
fn in_shell(path: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-@+".contains(c);
    if path.chars().all(is_plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', "'\\''"))
    }
}

fn word(word: &str, said: &str) -> String {
    entry(&format!("  {word}"), BEHIND, said)
}

/// A beginning, and what is said of it, in lines of its own column.
fn entry(beginning: &str, column: usize, said: &str) -> String {
    let lines = plain::wrapped(&plain::line(said), COLUMNS.saturating_sub(column));
    let starts = std::iter::once(beginning).chain(std::iter::repeat(""));
    starts.zip(&lines).map(|(before, line)| format!("{before:<column$}{line}\n")).collect()
}
