//! What is known of a project: the app, how it is started, where it listens, what it serves.
//!
//! `package.json` and what was read of the folder come in; a [`Project`] goes out. Pure.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::framework::{self, Framework};
use super::manager::Manager;
use super::openapi;
use super::package_json::PackageJson;
use super::port::{self, Port};
use super::routes;
use super::seen::Known;
use super::sources::{SourceFile, Sources, is_json};
use super::start::{self, Start};
use crate::scenario::yaml;

/// Packages that serve Prometheus metrics at `/metrics`.
const METRICS: [&str; 4] =
    ["fastify-metrics", "express-prom-bundle", "@willsoto/nestjs-prometheus", "hapi-prometheus"];
/// Longer names are cut.
const LONGEST_NAME: usize = 60;

/// A project.
#[derive(Debug, Clone)]
pub struct Project {
    /// Its folder, absolute.
    pub folder: PathBuf,
    /// Its name, without the scope; fit for a scenario.
    pub name: String,
    /// `package.json`.
    pub package: PackageJson,
    /// How packages are managed.
    pub manager: Manager,
    /// Whether there is a lockfile.
    pub is_locked: bool,
    /// What it is written in.
    pub framework: Option<Framework>,
    /// How it is started.
    pub start: Option<Start>,
    /// Where it listens.
    pub port: Port,
    /// What it serves, as far as files say.
    pub known: Known,
    /// `OpenAPI` documents that could not be read, and why.
    pub unread: Vec<(String, String)>,
    /// The folder of the git repository.
    pub repository: Option<PathBuf>,
    /// What a duet compares with.
    pub baseline: String,
    /// Whether there is an `.env`.
    pub has_env: bool,
}

/// What is known of a project in a folder.
pub fn of(folder: &Path, package: PackageJson, sources: &Sources) -> Project {
    let manager = Manager::of(&package, &sources.lockfiles);
    let framework = framework::of(&package);
    let start = start::of(&package, sources, manager);
    let port = port::of(sources, start.as_ref(), framework);
    let (document, unread) = document(sources);
    let known = Known {
        routes: routes::of(sources),
        document,
        serves_metrics: METRICS.iter().any(|name| package.dependency(name).is_some()),
    };
    Project {
        folder: folder.to_owned(),
        name: name(&package, folder),
        manager,
        is_locked: sources.lockfiles.iter().any(|file| file != "pnpm-workspace.yaml"),
        framework,
        start,
        port,
        known,
        unread,
        repository: sources.repository.clone(),
        // Without a remote, what is not committed is compared with what is.
        baseline: sources.git.upstream.clone().unwrap_or_else(|| "HEAD".to_owned()),
        has_env: sources.env.is_some(),
        package,
    }
}

impl Project {
    /// Its folder below the repository, with `/`; empty if it is the repository's.
    pub fn below_repository(&self) -> Option<String> {
        let below = self.folder.strip_prefix(self.repository.as_ref()?).ok()?;
        Some(below.to_string_lossy().into_owned())
    }

    /// The command that makes a fresh checkout ready to start.
    pub fn prepare(&self) -> Vec<String> {
        let install = self.manager.install(self.is_locked);
        match self.start.as_ref().and_then(|start| start.build.as_ref()) {
            Some(build) => {
                let both = format!("{} && {}", install.join(" "), self.manager.run(build));
                vec!["sh".to_owned(), "-c".to_owned(), both]
            }
            None => install.into_iter().map(str::to_owned).collect(),
        }
    }

    /// The variable that tells it its port, if one does.
    pub fn variable(&self) -> Option<&str> {
        self.port.variable.as_deref()
    }
}

/// An `OpenAPI` document and its path.
type Named = (String, openapi::Described);

/// The first `OpenAPI` document that can be read, and those that cannot.
fn document(sources: &Sources) -> (Option<Named>, Vec<(String, String)>) {
    let mut unread = Vec::new();
    for file in &sources.documents {
        match value(file) {
            Ok(value) if openapi::is_document(&value) => {
                return (Some((file.path.clone(), openapi::described(&value))), unread);
            }
            Ok(_) => unread.push((file.path.clone(), "it is no OpenAPI document".to_owned())),
            Err(why) => unread.push((file.path.clone(), why)),
        }
    }
    (None, unread)
}

/// What a document says, in JSON or YAML.
fn value(file: &SourceFile) -> Result<Value, String> {
    if is_json(&file.path) {
        serde_json::from_str(&file.text).map_err(|error| format!("not valid JSON: {error}"))
    } else {
        yaml::value(&file.text)
    }
}

/// The package's name or the folder's, as far as it can be the name of a scenario.
fn name(package: &PackageJson, folder: &Path) -> String {
    let own = package.text_of("name").map(|name| name.rsplit('/').next().unwrap_or_default());
    let of_folder = folder.file_name().map(|name| name.to_string_lossy().into_owned());
    let text = own.map(str::to_owned).or(of_folder).unwrap_or_default();
    let fits = |c: char| c.is_alphanumeric() || "-_. ".contains(c);
    let kept: String = text.chars().filter(|c| fits(*c)).take(LONGEST_NAME).collect();
    let kept = kept.trim();
    if kept.chars().any(char::is_alphanumeric) { kept.to_owned() } else { "api".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(package: &str, sources: &Sources) -> Project {
        of(Path::new("/r/packages/a b"), PackageJson::read(package).unwrap(), sources)
    }

    #[test]
    fn names_are_fit_for_a_scenario() {
        let name = |text: &str| project(text, &Sources::default()).name;
        assert_eq!(name(r#"{"name": "@acme/orders-api"}"#), "orders-api");
        assert_eq!(name(r#"{"name": "商店${HOME}{{x}}\u001b[31m"}"#), "商店HOMEx31m");
        assert_eq!(name("{}"), "a b");
        assert_eq!(name(r#"{"name": "..."}"#), "api");
    }

    #[test]
    fn a_checkout_is_installed_and_built() {
        let sources =
            Sources { lockfiles: vec!["pnpm-lock.yaml".to_owned()], ..Sources::default() };
        let built = r#"{"scripts": {"start": "node dist/a.js", "build": "tsc"}}"#;
        assert_eq!(
            project(built, &sources).prepare(),
            ["sh", "-c", "pnpm install --frozen-lockfile && pnpm run build"]
        );
        let plain = project(r#"{"scripts": {"start": "node a.js"}}"#, &Sources::default());
        assert_eq!(plain.prepare(), ["npm", "install", "--no-audit", "--no-fund"]);
        assert_eq!(plain.baseline, "HEAD");
    }

    #[test]
    fn a_document_in_yaml_says_what_it_would_say_in_json() {
        let text = "openapi: 3.0.3\ninfo: {title: Orders, version: 1.0.0}\nservers:\n  - url: /v1\n\
                    paths:\n  /orders/{id}:\n    get:\n      parameters:\n        - name: id\n          \
                    in: path\n          required: true\n          example: 7\n      responses:\n        \
                    200: {description: 'an order'}\n";
        let file = |path: &str, text: &str| SourceFile { path: path.into(), text: text.into() };
        let documents = vec![file("openapi.yaml", "openapi: [3"), file("docs/openapi.yaml", text)];
        let found = project("{}", &Sources { documents, ..Sources::default() });
        let (path, said) = found.known.document.unwrap();
        assert_eq!(path, "docs/openapi.yaml");
        assert_eq!(said.routes.len(), 1, "{said:?}");
        assert_eq!(
            (said.routes[0].path.as_str(), said.routes[0].status),
            ("/v1/orders/7", Some(200))
        );
        let (path, why) = &found.unread[0];
        assert!(path == "openapi.yaml" && why.starts_with("line 1, column "), "{why}");
    }

    #[test]
    fn the_first_document_that_can_be_read_is() {
        let file = |path: &str, text: &str| SourceFile { path: path.into(), text: text.into() };
        let documents = vec![
            file("openapi.json", "{"),
            file("swagger.json", r#"{"swagger": "2.0", "paths": {"/a": {"get": {}}}}"#),
            file("openapi.yaml", "openapi: 3"),
        ];
        let repository = Some(PathBuf::from("/r"));
        let found = project("{}", &Sources { documents, repository, ..Sources::default() });
        assert_eq!(
            found.known.document.as_ref().map(|(path, _)| path.as_str()),
            Some("swagger.json")
        );
        assert_eq!(found.unread.len(), 1);
        assert_eq!(found.below_repository().as_deref(), Some("packages/a b"));
    }
}
