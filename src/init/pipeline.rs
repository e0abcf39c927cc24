//! The workflow that runs a duet for each pull request, for GitHub or GitLab.
//!
//! A [`Project`] comes in; the text of a file goes out, and where it belongs in the repository.

use serde_json::Value;

use super::manager::Manager;
use super::project::Project;

/// Who runs the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// GitHub Actions.
    GitHub,
    /// GitLab CI.
    GitLab,
}

/// Where the file belongs, from the repository's folder.
pub fn path(service: Service) -> &'static str {
    match service {
        Service::GitHub => ".github/workflows/performance.yml",
        Service::GitLab => ".gitlab/performance.yml",
    }
}

/// The file that makes GitLab read [`path`], if the project has none of its own.
pub const GITLAB_ROOT: (&str, &str) =
    (".gitlab-ci.yml", "include:\n  - local: .gitlab/performance.yml\n");

/// The text of the workflow.
pub fn text(service: Service, project: &Project) -> String {
    match service {
        Service::GitHub => github(project),
        Service::GitLab => gitlab(project),
    }
}

fn github(project: &Project) -> String {
    let below = folder(project);
    let (defaults, reports) = match &below {
        Some(below) => (
            format!("    defaults:\n      run:\n        working-directory: {}\n", quoted(below)),
            quoted(&format!("{below}/reports/")),
        ),
        None => (String::new(), "reports/".to_owned()),
    };
    let steps: String =
        commands(project).iter().map(|step| format!("      - run: {step}\n")).collect();
    let exec = project.manager.exec();
    format!(
        "# Is this pull request slower than the branch that it goes to?\n\
         name: performance\n\
         on: pull_request\n\
         permissions:\n  contents: read\n\
         concurrency:\n  group: performance-${{{{ github.ref }}}}\n  cancel-in-progress: true\n\
         jobs:\n  duet:\n    runs-on: ubuntu-latest\n    timeout-minutes: 20\n{defaults}    \
         steps:\n\
         \x20     # All of the history: a duet checks the other branch out beside this one.\n\
         \x20     - uses: actions/checkout@v4\n        with:\n          fetch-depth: 0\n\
         \x20     - uses: actions/setup-node@v4\n        with:\n          node-version: 22\n\
         {steps}\
         \x20     - run: {exec} loadgate duet scenarios/api.json --baseline-ref \"origin/$BASE\"\n\
         \x20       env:\n          BASE: ${{{{ github.base_ref }}}}\n\
         \x20     - uses: actions/upload-artifact@v4\n        if: always()\n        with:\n\
         \x20         name: loadgate\n          path: {reports}\n          \
         if-no-files-found: ignore\n"
    )
}

fn gitlab(project: &Project) -> String {
    let below = folder(project);
    let cd = below.as_ref().map(|below| format!("cd {}", shell(below)));
    let exec = project.manager.exec();
    let target = "$CI_MERGE_REQUEST_TARGET_BRANCH_NAME";
    let duet =
        format!("{exec} loadgate duet scenarios/api.json --baseline-ref \"origin/{target}\"");
    let fetch = format!("git fetch origin \"{target}\"");
    let all = [fetch].into_iter().chain(cd).chain(commands(project)).chain([duet]);
    let steps: String = all.map(|step| format!("    - {}\n", scalar(&step))).collect();
    let reports = below.map_or("reports".to_owned(), |below| format!("{below}/reports"));
    let (all, junit) =
        (quoted(&format!("{reports}/")), quoted(&format!("{reports}/*/*/junit.xml")));
    format!(
        "# Is this merge request slower than the branch that it goes to?\n\
         performance:\n  image: node:22\n  rules:\n    \
         - if: $CI_PIPELINE_SOURCE == \"merge_request_event\"\n  variables:\n    \
         GIT_DEPTH: \"0\"\n  script:\n{steps}  artifacts:\n    when: always\n    \
         paths: [{all}]\n    reports:\n      junit: {junit}\n"
    )
}

/// What comes before the duet.
fn commands(project: &Project) -> Vec<String> {
    let enable = match project.manager {
        Manager::Npm => None,
        Manager::Pnpm | Manager::Yarn => Some("corepack enable".to_owned()),
        Manager::Bun => Some("npm install --global bun".to_owned()),
    };
    let build = project.start.as_ref().and_then(|start| start.build.as_ref());
    let build = build.map(|build| project.manager.run(build));
    let install = project.manager.install(project.is_locked).join(" ");
    enable.into_iter().chain([install]).chain(build).collect()
}

/// The project's folder in the repository, unless it is the repository's.
fn folder(project: &Project) -> Option<String> {
    project.below_repository().filter(|below| !below.is_empty())
}

/// A text of JSON is one of YAML.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A command as an item of a list: in quotes where YAML would read more into it.
fn scalar(command: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " -_./&=".contains(c);
    if command.chars().all(is_plain) { command.to_owned() } else { quoted(command) }
}

/// A word of a shell.
fn shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::init::package_json::PackageJson;
    use crate::init::project;
    use crate::init::sources::Sources;

    fn project(folder: &str, package: &str) -> Project {
        let sources = Sources { repository: Some(PathBuf::from("/r")), ..Sources::default() };
        project::of(Path::new(folder), PackageJson::read(package).unwrap(), &sources)
    }

    #[test]
    fn github_runs_a_duet_with_the_whole_history() {
        let text = text(Service::GitHub, &project("/r", "{}"));
        assert_eq!(
            text,
            "# Is this pull request slower than the branch that it goes to?
name: performance
on: pull_request
permissions:
  contents: read
concurrency:
  group: performance-${{ github.ref }}
  cancel-in-progress: true
jobs:
  duet:
    runs-on: ubuntu-latest
    timeout-minutes: 20
    steps:
      # All of the history: a duet checks the other branch out beside this one.
      - uses: actions/checkout@v4
        with:
          fetch-depth: 0
      - uses: actions/setup-node@v4
        with:
          node-version: 22
      - run: npm install --no-audit --no-fund
      - run: npx loadgate duet scenarios/api.json --baseline-ref \"origin/$BASE\"
        env:
          BASE: ${{ github.base_ref }}
      - uses: actions/upload-artifact@v4
        if: always()
        with:
          name: loadgate
          path: reports/
          if-no-files-found: ignore
"
        );
    }

    #[test]
    fn a_package_of_a_monorepo_is_run_in_its_folder() {
        let package = r#"{"packageManager": "pnpm@9", "scripts": {"start": "node dist/a.js", "build": "tsc"}}"#;
        let project = project("/r/apps/a 商店", package);
        let hub = text(Service::GitHub, &project);
        assert!(
            hub.contains(
                "    defaults:\n      run:\n        working-directory: \"apps/a 商店\"\n    steps"
            ),
            "{hub}"
        );
        assert!(
            hub.contains(
                "- run: corepack enable\n      - run: pnpm install\n      - run: pnpm run build\n"
            ),
            "{hub}"
        );
        assert!(hub.contains("path: \"apps/a 商店/reports/\"\n"), "{hub}");
        let lab = text(Service::GitLab, &project);
        assert!(lab.contains("    - \"cd 'apps/a 商店'\"\n    - corepack enable\n"), "{lab}");
        assert!(lab.contains("junit: \"apps/a 商店/reports/*/*/junit.xml\"\n"), "{lab}");
    }
}
