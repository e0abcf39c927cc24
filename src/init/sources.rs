//! Reads what a project's folder says of the app: sources, lockfiles, `.env`, `OpenAPI` files.
//!
//! A folder comes in; texts of bounded number and size go out, in the same order every time.
//! Links are not followed, tests and what is built or installed are passed over. The only
//! place of this module that reads files.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::manager::LOCKFILES;
use crate::units::order;

/// Larger sources are generated.
const LARGEST_SOURCE: u64 = 256 * 1024;
/// Larger documents are not read.
const LARGEST_DOCUMENT: u64 = 8 * 1024 * 1024;
/// More sources are not read.
const MOST_SOURCES: usize = 400;
/// More entries are not looked at, in all folders together.
const MOST_ENTRIES: usize = 20_000;
/// Deeper folders are not looked into.
const DEEPEST: usize = 8;
/// How far above the project a lockfile, the repository or a workspace may lie.
const ABOVE: usize = 8;
/// Folders without sources of the app.
const PASSED_OVER: [&str; 16] = [
    "node_modules",
    "dist",
    "build",
    "out",
    "lib-cov",
    "coverage",
    "reports",
    "public",
    "static",
    "test",
    "tests",
    "__tests__",
    "__mocks__",
    "e2e",
    "scenarios",
    "migrations",
];
const ENDINGS: [&str; 6] = ["js", "mjs", "cjs", "ts", "mts", "cts"];
/// Where `OpenAPI` documents lie.
const DOCUMENTS: [&str; 16] = [
    "openapi.json",
    "openapi.yaml",
    "openapi.yml",
    "swagger.json",
    "swagger.yaml",
    "swagger.yml",
    "docs/openapi.json",
    "docs/openapi.yaml",
    "docs/swagger.json",
    "api/openapi.json",
    "api/openapi.yaml",
    "spec/openapi.json",
    "src/openapi.json",
    "src/openapi.yaml",
    "public/openapi.json",
    "static/openapi.json",
];

/// One file of the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Below the project's folder, with `/`.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// What was read.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The sources, in the order of their paths.
    pub files: Vec<SourceFile>,
    /// The lockfiles beside and above, the nearest first.
    pub lockfiles: Vec<String>,
    /// `.env`.
    pub env: Option<String>,
    /// The commands of `node_modules/.bin`.
    pub commands: BTreeSet<String>,
    /// `OpenAPI` documents, by path; those in JSON first.
    pub documents: Vec<SourceFile>,
    /// The folder of the git repository.
    pub repository: Option<PathBuf>,
    /// What `.git` says of branches, if there is one.
    pub git: Git,
}

/// What a repository says without being asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Git {
    /// The branch of the remote that pull requests go to, such as `origin/main`.
    pub upstream: Option<String>,
}

/// Reads a project's folder.
pub fn read(folder: &Path) -> Sources {
    let documents = DOCUMENTS.iter().filter_map(|path| document(folder, path));
    let mut documents: Vec<SourceFile> = documents.collect();
    order::by_key(&mut documents, |document| !is_json(&document.path));
    let absolute = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let above: Vec<&Path> = absolute.ancestors().take(ABOVE).collect();
    let repository = above.iter().find(|folder| folder.join(".git").exists());
    let has = |folder: &Path, name: &str| folder.join(name).is_file();
    let beside = |folder: &&Path| {
        let names = LOCKFILES.iter().map(|(name, _)| *name).filter(|name| has(folder, name));
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    Sources {
        files: walk(folder),
        lockfiles: above.iter().flat_map(beside).collect(),
        env: bounded(&folder.join(".env"), LARGEST_SOURCE),
        commands: commands(folder),
        documents,
        git: repository.map(|folder| git(folder)).unwrap_or_default(),
        repository: repository.map(|folder| (*folder).to_owned()),
    }
}

/// The text of a file that is not larger than so many bytes.
pub fn bounded(path: &Path, largest: u64) -> Option<String> {
    let file = File::open(path).ok()?;
    let metadata = file.metadata().ok()?;
    if !metadata.is_file() || metadata.len() > largest {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(largest).read_to_end(&mut bytes).ok()?;
    String::from_utf8(bytes).ok()
}

/// The beginning of a text, of at most so many bytes.
pub fn head(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Whether a document is JSON, by its name.
pub fn is_json(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|ending| ending == "json")
}

fn document(folder: &Path, path: &str) -> Option<SourceFile> {
    let text = bounded(&folder.join(path), LARGEST_DOCUMENT)?;
    Some(SourceFile { path: path.to_owned(), text })
}

fn walk(folder: &Path) -> Vec<SourceFile> {
    let (mut found, mut seen) = (Vec::new(), 0);
    let mut waiting = vec![(folder.to_owned(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = waiting.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        let mut entries: Vec<_> = entries.take(MOST_ENTRIES).filter_map(Result::ok).collect();
        order::by_key(&mut entries, fs::DirEntry::file_name);
        seen += entries.len();
        for entry in entries {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let Ok(kind) = entry.file_type() else { continue };
            let path = format!("{prefix}{name}");
            if kind.is_dir() && depth < DEEPEST && is_looked_into(&entry.path(), &name) {
                waiting.push((entry.path(), format!("{path}/"), depth + 1));
            } else if kind.is_file() && is_source(&name) && found.len() < MOST_SOURCES {
                let text = bounded(&entry.path(), LARGEST_SOURCE);
                found.extend(text.map(|text| SourceFile { path, text }));
            }
        }
        if seen > MOST_ENTRIES {
            break;
        }
    }
    order::by(&mut found, |one, other| one.path.cmp(&other.path));
    found
}

/// A folder with a `package.json` of its own is another project.
fn is_looked_into(folder: &Path, name: &str) -> bool {
    !name.starts_with('.') && !PASSED_OVER.contains(&name) && !folder.join("package.json").exists()
}

fn is_source(name: &str) -> bool {
    let Some((stem, ending)) = name.rsplit_once('.') else { return false };
    let is_test = [".test", ".spec", ".d", ".config"].iter().any(|end| stem.ends_with(end));
    ENDINGS.contains(&ending) && !is_test
}

fn commands(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder.join("node_modules/.bin")).into_iter().flatten();
    let entries = entries.take(MOST_ENTRIES).filter_map(Result::ok);
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// Reads the few files that say where pull requests go. In a worktree `.git` is a file, and
/// nothing is known.
fn git(repository: &Path) -> Git {
    const LARGEST: u64 = 1024 * 1024;
    let read = |path: &str| bounded(&repository.join(".git").join(path), LARGEST);
    let head = read("refs/remotes/origin/HEAD");
    let head = head.as_deref().and_then(|text| text.trim().strip_prefix("ref: refs/remotes/"));
    let config = read("config").unwrap_or_default();
    let has_remote = config.contains("[remote \"origin\"]");
    let is_plain = |name: &&str| {
        name.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c)) && !name.is_empty()
    };
    let named = head.filter(is_plain).map(str::to_owned);
    Git { upstream: named.or_else(|| has_remote.then(|| "origin/main".to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, path: &str, text: &str) {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn sources_are_found_and_what_is_installed_built_or_tested_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("a b 商店");
        for path in [
            "src/server.ts",
            "app.js",
            "node_modules/x/index.js",
            "dist/server.js",
            "test/app.test.js",
            "src/app.test.ts",
            "src/types.d.ts",
            "packages/other/package.json",
            "packages/other/index.js",
            ".cache/x.js",
        ] {
            write(&folder, path, "{}");
        }
        write(&folder, "src/large.js", &"x".repeat(300 * 1024));
        write(&folder, "docs/openapi.json", "{}");
        write(&folder, "openapi.yaml", "a: 1");
        write(&folder, "yarn.lock", "");
        std::os::unix::fs::symlink("/", folder.join("loop")).unwrap();
        let found = read(&folder);
        let paths: Vec<&str> = found.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["app.js", "src/server.ts"]);
        let paths: Vec<&str> = found.documents.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["docs/openapi.json", "openapi.yaml"]);
        assert_eq!(found.lockfiles.first().map(String::as_str), Some("yarn.lock"));
    }

    #[test]
    fn the_branch_that_pull_requests_go_to_is_read_from_git() {
        let folder = tempfile::tempdir().unwrap();
        let upstream = || read(&folder.path().join("packages/api")).git.upstream;
        write(folder.path(), "packages/api/package.json", "{}");
        write(folder.path(), ".git/config", "[core]\n");
        assert_eq!(upstream(), None);
        write(folder.path(), ".git/config", "[remote \"origin\"]\n");
        assert_eq!(upstream().as_deref(), Some("origin/main"));
        write(folder.path(), ".git/refs/remotes/origin/HEAD", "ref: refs/remotes/origin/trunk\n");
        assert_eq!(upstream().as_deref(), Some("origin/trunk"));
        write(folder.path(), ".git/refs/remotes/origin/HEAD", "ref: refs/remotes/origin/$(x)\n");
        assert_eq!(upstream().as_deref(), Some("origin/main"));
    }
}
