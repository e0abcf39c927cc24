//! Questions to git, and how it is asked: without hooks, prompts and background work.
//!
//! A folder and arguments come in; what git prints goes out, or why it does not. Never
//! changes anything itself, is never waited for without end, and takes no notice of the
//! repository of a hook that loadgate may run in.

use std::fmt;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::record::run::Revision;

/// Settings under which git does what it is told and nothing else.
pub(super) const SETTINGS: [&str; 10] = [
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "gc.auto=0",
    "-c",
    "maintenance.auto=false",
    "-c",
    "advice.detachedHead=false",
];
/// The same by variable.
pub(super) const VARIABLES: [(&str, &str); 2] =
    [("GIT_TERMINAL_PROMPT", "0"), ("GIT_OPTIONAL_LOCKS", "0")];
/// Variables that git sets for its hooks: they name the user's repository and index, and
/// whatever is started with them works on those, wherever it runs.
pub(super) const FOREIGN: [&str; 10] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_QUARANTINE_PATH",
    "GIT_NAMESPACE",
    "GIT_SHALLOW_FILE",
];

/// How long an answer may take: they are read from the disk.
const ANSWER: Duration = Duration::from_secs(30);
/// The most characters of a commit's subject, or of a branch, that are kept.
const LONGEST_SUBJECT: usize = 120;
/// How much of an answer is kept.
const LONGEST: u64 = 4_000_000;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GitError {
    /// git could not be run.
    NotRun(String),
    /// It said no, in these words.
    Refused(String),
    /// It did not answer in time.
    Silent,
}

impl fmt::Display for GitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GitError::NotRun(why) => write!(f, "git cannot be run: {why}; is it installed?"),
            GitError::Refused(words) if words.is_empty() => f.write_str("git gave no reason"),
            GitError::Refused(words) => write!(f, "git says: {words}"),
            GitError::Silent => write!(f, "git did not answer within {} s", ANSWER.as_secs()),
        }
    }
}

impl std::error::Error for GitError {}

/// What is checked out in a folder; `None` where that is no repository, or git is not there.
pub fn revision(folder: &Path) -> Option<Revision> {
    let commit = ask(folder, &["log", "-1", "--no-show-signature", "--format=%h %s"]).ok()?;
    let branch = ask(folder, &["symbolic-ref", "--short", "--quiet", "HEAD"]).ok();
    let changes = ask(folder, &["status", "--porcelain", "--untracked-files=no"]);
    Some(Revision {
        commit: commit.chars().take(LONGEST_SUBJECT).collect(),
        branch: branch.map(|branch| branch.chars().take(LONGEST_SUBJECT).collect()),
        has_changes: changes.is_ok_and(|changes| !changes.is_empty()),
    })
}

/// What git prints, without the line's end.
pub(super) fn ask(folder: &Path, arguments: &[&str]) -> Result<String, GitError> {
    let mut child = command(folder, arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| GitError::NotRun(error.to_string()))?;
    let answer = child.stdout.take().map(read);
    let words = child.stderr.take().map(read);
    let success = wait(&mut child).ok_or(GitError::Silent)?;
    let text = |reader: Option<JoinHandle<String>>| {
        reader.and_then(|reader| reader.join().ok()).unwrap_or_default()
    };
    if success { Ok(text(answer)) } else { Err(GitError::Refused(text(words).replace('\n', "; "))) }
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.args(SETTINGS).args(arguments).current_dir(folder).envs(VARIABLES);
    for name in FOREIGN {
        command.env_remove(name);
    }
    command
}

/// Reads to the end, so that git never waits for a full pipe.
fn read(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.by_ref().take(LONGEST).read_to_end(&mut bytes);
        let _ = io::copy(&mut pipe, &mut io::sink());
        String::from_utf8_lossy(&bytes).trim_end().to_owned()
    })
}

/// Whether it ended well; `None` when it had to be killed.
fn wait(child: &mut Child) -> Option<bool> {
    let deadline = Instant::now() + ANSWER;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status.success()),
            Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(2)),
            Ok(None) | Err(_) => break,
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_is_checked_out_is_its_commit_its_branch_and_whether_it_has_changed() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path();
        assert_eq!(revision(folder), None, "no repository");
        let git = |arguments: &[&str]| ask(folder, arguments).unwrap();
        git(&["init", "--quiet", "--initial-branch=faster"]);
        assert_eq!(revision(folder), None, "no commit yet");
        fs::write(folder.join("app.js"), "1").unwrap();
        git(&["add", "app.js"]);
        let name = ["-c", "user.name=a", "-c", "user.email=a@b.c"];
        git(&[&name[..], &["commit", "--quiet", "-m", "Fix the cache\n\nAt length."]].concat());
        let found = revision(folder).unwrap();
        assert!(found.commit.ends_with(" Fix the cache"), "{found:?}");
        assert_eq!((found.branch.as_deref(), found.has_changes), (Some("faster"), false));
        fs::write(folder.join("new.txt"), "not git's").unwrap();
        assert!(!revision(folder).unwrap().has_changes);
        fs::write(folder.join("app.js"), "2").unwrap();
        git(&["checkout", "--quiet", "--detach"]);
        let found = revision(folder).unwrap();
        assert_eq!((found.branch, found.has_changes), (None, true));
    }
}
