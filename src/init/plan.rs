//! The files that `init` writes: which, with which text, and what stands in their way.
//!
//! A [`Project`], what was [`Seen`], and what is on the disk come in; a list of files goes out,
//! each new, the same as before, longer than before, or other than what somebody wrote. Writes
//! nothing.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::first_scenario::{self, Address, RATE, STAGES};
use super::pipeline::{self, GITLAB_ROOT, Service};
use super::project::Project;
use super::seen::Seen;
use crate::scenario::schema;

/// The scenario, below the project.
pub const SCENARIO: &str = "scenarios/api.json";
/// The script that runs it.
pub const RUN: &str = "test:performance";
/// The script that compares it.
pub const DUET: &str = "test:performance:duet";

/// A file that is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Where it is.
    pub path: PathBuf,
    /// As it is shown: below the project or the repository.
    pub shown: String,
    /// Its whole text.
    pub text: String,
    /// What it is, in a few words.
    pub note: String,
    /// How it is beside what is there.
    pub state: State,
}

/// A file beside what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing is there.
    New,
    /// The same is there.
    Same,
    /// What is there gets something more, and loses nothing.
    More,
    /// Something else is there.
    Other,
    /// Something else is there, and stays.
    Kept,
}

/// Reads a text that may be there.
pub type Existing<'e> = &'e dyn Fn(&Path) -> Option<String>;

/// All files, in the order in which they are told.
pub fn files(
    project: &Project,
    seen: &Seen,
    address: &Address,
    service: Option<Service>,
    existing: Existing<'_>,
) -> Vec<Planned> {
    let load = format!("{}, {RATE}/s for {}", routes(seen), STAGES[1]);
    let texts = [
        (SCENARIO, first_scenario::scenario(project, seen, address), load),
        ("scenarios/slo.json", first_scenario::objectives(), "what is good enough".to_owned()),
        ("scenarios/scenario.schema.json", written(&schema::schema()), for_editors()),
        ("scenarios/slo.schema.json", written(&schema::slo_schema()), for_editors()),
    ];
    let mut files: Vec<Planned> = texts
        .into_iter()
        .map(|(path, text, note)| own(&project.folder, path, text, note, existing))
        .collect();
    files.push(package(project, existing));
    files.extend(ignored(project, existing));
    files.extend(service.into_iter().flat_map(|service| workflow(service, project, existing)));
    files
}

fn routes(seen: &Seen) -> String {
    match seen.routes.len() {
        1 => "1 route".to_owned(),
        many => format!("{many} routes"),
    }
}

fn for_editors() -> String {
    "for editors".to_owned()
}

fn written(schema: &Value) -> String {
    format!("{schema:#}\n")
}

/// A file that is written as a whole.
fn own(root: &Path, path: &str, text: String, note: String, existing: Existing<'_>) -> Planned {
    let (shown, path) = (path.to_owned(), root.join(path));
    let state = match existing(&path) {
        None => State::New,
        Some(there) if there == text => State::Same,
        Some(_) => State::Other,
    };
    Planned { path, shown, text, note, state }
}

/// `package.json` with the scripts. A script of that name that says something else is
/// somebody's own.
fn package(project: &Project, existing: Existing<'_>) -> Planned {
    let path = project.folder.join("package.json");
    let scripts = scripts(project);
    let text = project.package.with_scripts(&scripts);
    let is_other = |(name, script): &(&str, String)| {
        project.package.script(name).is_some_and(|there| there != script)
    };
    let state = match existing(&path) {
        Some(there) if there == text => State::Same,
        _ if scripts.iter().any(is_other) => State::Other,
        _ => State::More,
    };
    let names: Vec<&str> = scripts.iter().map(|(name, _)| *name).collect();
    let note = format!("scripts {}", names.join(", "));
    Planned { path, shown: "package.json".to_owned(), text, note, state }
}

fn scripts(project: &Project) -> Vec<(&'static str, String)> {
    let build = project.start.as_ref().and_then(|start| start.build.as_ref());
    let build = build.map(|build| format!("{} && ", project.manager.run(build)));
    let build = build.unwrap_or_default();
    let run = (RUN, format!("{build}loadgate run {SCENARIO}"));
    let baseline = &project.baseline;
    let duet = (DUET, format!("{build}loadgate duet {SCENARIO} --baseline-ref {baseline}"));
    // A duet starts both of its arms.
    [Some(run), project.start.is_some().then_some(duet)].into_iter().flatten().collect()
}

/// `.gitignore` with the folder of reports.
fn ignored(project: &Project, existing: Existing<'_>) -> Option<Planned> {
    const LINE: &str = "reports/";
    let path = project.folder.join(".gitignore");
    let there = existing(&path);
    let old = there.clone().unwrap_or_default();
    let is_there = old.lines().any(|line| line.trim().trim_matches('/') == "reports");
    if is_there {
        return None;
    }
    let end = if old.contains("\r\n") { "\r\n" } else { "\n" };
    let gap = if old.is_empty() || old.ends_with('\n') { "" } else { end };
    let text = format!("{old}{gap}{LINE}{end}");
    let state = if there.is_some() { State::More } else { State::New };
    Some(Planned { path, shown: ".gitignore".to_owned(), text, note: LINE.to_owned(), state })
}

fn workflow(service: Service, project: &Project, existing: Existing<'_>) -> Vec<Planned> {
    let root = project.repository.as_ref().unwrap_or(&project.folder);
    let text = pipeline::text(service, project);
    let note = "a duet for each pull request".to_owned();
    let mut files = vec![own(root, pipeline::path(service), text, note, existing)];
    let (path, text) = GITLAB_ROOT;
    if service == Service::GitLab && existing(&root.join(path)).is_none() {
        files.push(own(root, path, text.to_owned(), "includes it".to_owned(), existing));
    }
    files
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::init::package_json::PackageJson;
    use crate::init::sources::Sources;
    use crate::init::{project, seen};

    /// The states of all files beside what is there.
    fn states(there: &HashMap<PathBuf, String>, service: Option<Service>) -> Vec<(String, State)> {
        let text = there.get(Path::new("/p/package.json")).unwrap();
        let package = PackageJson::read(text).unwrap();
        let project = project::of(Path::new("/p"), package, &Sources::default());
        let seen = seen::guess(&project.known);
        let address = Address { host: "127.0.0.1".to_owned(), port: 3000 };
        let existing = |path: &Path| there.get(path).cloned();
        let files = files(&project, &seen, &address, service, &existing);
        files.into_iter().map(|file| (file.shown, file.state)).collect()
    }

    fn there(files: &[(&str, &str)]) -> HashMap<PathBuf, String> {
        let entry = |(path, text): &(&str, &str)| (Path::new("/p").join(path), (*text).to_owned());
        files.iter().map(entry).collect()
    }

    #[track_caller]
    fn check(files: &[(&str, &str)], shown: &str, state: Option<State>) {
        let states = states(&there(files), Some(Service::GitLab));
        let found = states.iter().find(|(name, _)| name == shown).map(|(_, state)| *state);
        assert_eq!(found, state, "{states:?}");
    }

    #[test]
    fn what_somebody_wrote_is_told_from_what_only_grows() {
        let package = ("package.json", r#"{"scripts": {"start": "node a.js"}}"#);
        check(&[package], SCENARIO, Some(State::New));
        check(&[package], "package.json", Some(State::More));
        check(&[package, (SCENARIO, "{}")], SCENARIO, Some(State::Other));
        let own = ("package.json", r#"{"scripts": {"test:performance": "mine"}}"#);
        check(&[own], "package.json", Some(State::Other));
        check(&[package, (".gitignore", "node_modules")], ".gitignore", Some(State::More));
        check(&[package, (".gitignore", "/reports/\r\n")], ".gitignore", None);
        check(&[package], ".gitlab-ci.yml", Some(State::New));
        check(&[package, (".gitlab-ci.yml", "x: 1")], ".gitlab-ci.yml", None);
    }

    #[test]
    fn scripts_build_first_and_a_duet_needs_a_command() {
        let scripts = |text: &str| {
            let package = PackageJson::read(text).unwrap();
            scripts(&project::of(Path::new("/p"), package, &Sources::default()))
        };
        let built = scripts(r#"{"scripts": {"start": "node dist/a.js", "build": "tsc"}}"#);
        assert_eq!(built[0].1, "npm run build && loadgate run scenarios/api.json");
        assert_eq!(
            built[1].1,
            "npm run build && loadgate duet scenarios/api.json --baseline-ref HEAD"
        );
        assert_eq!(scripts("{}").len(), 1);
    }
}
