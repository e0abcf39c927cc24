//! The target's repository as it is at another git ref: a worktree in a folder of its own,
//! gone when the [`Checkout`] is dropped and when loadgate is killed.
//!
//! A folder of the repository and a ref come in; the worktree, its commit and the
//! counterparts of the repository's paths go out. The user's index, branches, hooks and
//! other worktrees are not touched. Submodules are not checked out: that is for the
//! command that prepares the worktree.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::cleaner::{Kept, Unkept};
use super::git::{GitError, SETTINGS, VARIABLES, ask};
use super::one_shot::{OneShotError, OneShots};
use crate::scenario::model::StartCommand;
use crate::scenario::problems::nearest;

/// How long writing the files of the worktree may take.
const WRITING: Duration = Duration::from_secs(600);
/// How much of a commit's subject is kept, in characters.
const SUBJECT: usize = 100;

/// A worktree at a commit. Dropping it removes it; what runs in it must be stopped before.
#[derive(Debug)]
pub struct Checkout {
    kept: Kept,
    tree: PathBuf,
    top: PathBuf,
    git_ref: String,
    commit: String,
    subject: String,
}

/// Why there is no checkout, or not this place in it.
#[derive(Debug)]
pub enum CheckoutError {
    /// The folder is in no repository, or git cannot be asked.
    NoRepository(PathBuf, GitError),
    /// It can be no ref: empty, or it would be read as an option.
    NoRef(String),
    /// No commit goes by this name.
    UnknownRef {
        /// The name.
        git_ref: String,
        /// What was probably meant.
        nearest: Option<String>,
        /// How much of the history is here.
        history: History,
    },
    /// Worktrees may not be made there.
    Destination(PathBuf, &'static str),
    /// The folder for the worktree could not be made.
    Folder(PathBuf, String),
    /// git could not write the worktree.
    NotWritten(String, OneShotError),
    /// The path is not below the top of the repository.
    Outside {
        /// The path.
        path: PathBuf,
        /// The repository.
        top: PathBuf,
    },
    /// The folder is not there at that ref.
    FolderMissing {
        /// Below the repository's top.
        folder: PathBuf,
        /// The ref.
        git_ref: String,
        /// What it meant.
        commit: String,
    },
    /// Somebody wanted it to end.
    Cancelled,
}

/// How much of a repository's history is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    /// All of it.
    Whole,
    /// The latest commits only, as CI systems fetch them.
    Shallow,
}

impl fmt::Display for CheckoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CheckoutError::NoRepository(folder, why) => write!(
                f,
                "{} is not in a git repository whose refs could be checked out: {why}",
                folder.display()
            ),
            CheckoutError::NoRef(git_ref) => {
                write!(f, "\"{git_ref}\" is no git ref; name a branch, a tag or a commit")
            }
            CheckoutError::UnknownRef { git_ref, nearest, history } => {
                unknown_ref(f, git_ref, nearest.as_deref(), *history)
            }
            CheckoutError::Destination(folder, why) => {
                write!(f, "no worktree can be made in {}: {why}", folder.display())
            }
            CheckoutError::Folder(folder, why) => {
                write!(f, "no folder for a worktree can be made in {}: {why}", folder.display())
            }
            CheckoutError::NotWritten(git_ref, why) => {
                write!(f, "\"{git_ref}\" could not be checked out: {why}")
            }
            CheckoutError::Outside { path, top } => write!(
                f,
                "{} is not in the repository {}, so a ref of it cannot take its place",
                path.display(),
                top.display()
            ),
            CheckoutError::FolderMissing { folder, git_ref, commit } => write!(
                f,
                "the folder {} does not exist at \"{git_ref}\" ({}); name a ref that has it, or \
                 give the baseline as a folder, a command or a url",
                folder.display(),
                short(commit)
            ),
            CheckoutError::Cancelled => f.write_str("interrupted"),
        }
    }
}

impl std::error::Error for CheckoutError {}

fn unknown_ref(
    f: &mut fmt::Formatter<'_>,
    git_ref: &str,
    nearest: Option<&str>,
    history: History,
) -> fmt::Result {
    write!(f, "there is no git ref \"{git_ref}\" here")?;
    if let Some(name) = nearest {
        write!(f, "; did you mean \"{name}\"?")?;
    }
    let branch = git_ref.strip_prefix("origin/").unwrap_or(git_ref);
    write!(
        f,
        "; if it is on the server only, fetch it: git fetch origin \
         {branch}:refs/remotes/origin/{branch}, and name it origin/{branch}"
    )?;
    match history {
        History::Whole => Ok(()),
        History::Shallow => f.write_str(
            "; this is a shallow clone: in GitHub Actions, give actions/checkout fetch-depth: 0",
        ),
    }
}

impl Checkout {
    /// Checks a ref out of the repository that `repo_folder` is in, below `into`, which is
    /// a folder for temporary files outside of it.
    pub fn of_ref(
        repo_folder: &Path,
        git_ref: &str,
        into: &Path,
        one_shots: &OneShots<'_>,
    ) -> Result<Checkout, CheckoutError> {
        let top = top_of(repo_folder)?;
        let commit = commit_of(&top, git_ref)?;
        let into = destination(into, &top)?;
        let subject = ask(&top, &["log", "-1", "--format=%s", &commit]).unwrap_or_default();
        let kept = Kept::new(&into, &top, one_shots).map_err(|why| match why {
            Unkept::Cancelled => CheckoutError::Cancelled,
            Unkept::Failed(why) => CheckoutError::Folder(into.clone(), why),
        })?;
        let tree = kept.tree();
        let subject = subject.chars().filter(|c| !c.is_control()).take(SUBJECT).collect();
        let checkout = Checkout { kept, tree, top, git_ref: git_ref.to_owned(), commit, subject };
        checkout.write(one_shots)?;
        Ok(checkout)
    }

    /// The top of the worktree.
    pub fn folder(&self) -> &Path {
        &self.tree
    }

    /// The top of the repository that it was made from.
    pub fn top(&self) -> &Path {
        &self.top
    }

    /// The whole name of the commit.
    pub fn commit(&self) -> &str {
        &self.commit
    }

    /// The first line of what the commit says of itself.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// `origin/main (1a2b3c4d, List orders faster)`.
    pub fn description(&self) -> String {
        format!("{} ({}, {})", self.git_ref, short(&self.commit), self.subject)
    }

    /// The folder of the worktree that stands for a folder of the repository.
    pub fn counterpart(&self, folder: &Path) -> Result<PathBuf, CheckoutError> {
        let outside = || CheckoutError::Outside { path: folder.to_owned(), top: self.top.clone() };
        let whole = folder.canonicalize().map_err(|_| outside())?;
        let below = whole.strip_prefix(&self.top).map_err(|_| outside())?;
        let counterpart = self.tree.join(below);
        if counterpart.is_dir() {
            return Ok(counterpart);
        }
        Err(CheckoutError::FolderMissing {
            folder: below.to_owned(),
            git_ref: self.git_ref.clone(),
            commit: self.commit.clone(),
        })
    }

    /// The environment variable that everything started in the worktree must carry, so
    /// that the worktree is removed after it has ended, and it ends before the removal.
    pub fn variable(&self) -> (String, String) {
        self.kept.variable()
    }

    /// Removes the worktree; as dropping it does, which cannot say what went wrong.
    pub fn remove(self) -> Result<(), String> {
        self.kept.remove()
    }

    /// Lets git write the worktree, as a command that ends with loadgate.
    fn write(&self, one_shots: &OneShots<'_>) -> Result<(), CheckoutError> {
        let tree = self.tree.to_string_lossy();
        let words = ["worktree", "add", "--detach", &tree, &self.commit];
        let command = ["git"].into_iter().chain(SETTINGS).chain(words).map(str::to_owned);
        let quiet = VARIABLES.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let command = StartCommand {
            command: command.collect(),
            folder: self.top.clone(),
            env: quiet.into_iter().chain([self.variable()]).collect(),
        };
        match one_shots.run(&command, WRITING, None) {
            Ok(()) => Ok(()),
            Err(OneShotError::Cancelled) => Err(CheckoutError::Cancelled),
            Err(why) => Err(CheckoutError::NotWritten(self.git_ref.clone(), why)),
        }
    }
}

fn short(commit: &str) -> &str {
    commit.get(..8).unwrap_or(commit)
}

fn top_of(folder: &Path) -> Result<PathBuf, CheckoutError> {
    let none = |why| CheckoutError::NoRepository(folder.to_owned(), why);
    let missing = || GitError::Refused("there is no such folder".to_owned());
    let whole = folder.canonicalize().map_err(|_| none(missing()))?;
    let top = ask(&whole, &["rev-parse", "--show-toplevel"]).map_err(none)?;
    Path::new(&top).canonicalize().map_err(|_| none(missing()))
}

/// What a ref means now. Whoever moves it later does not move the baseline.
fn commit_of(top: &Path, git_ref: &str) -> Result<String, CheckoutError> {
    if git_ref.is_empty() || git_ref.starts_with('-') || git_ref.contains(char::is_control) {
        return Err(CheckoutError::NoRef(git_ref.escape_debug().to_string()));
    }
    let wanted = format!("{git_ref}^{{commit}}");
    match ask(top, &["rev-parse", "--verify", "--quiet", &wanted]) {
        Ok(commit) => Ok(commit),
        Err(GitError::Refused(_)) => Err(unknown(top, git_ref)),
        Err(why) => Err(CheckoutError::NoRepository(top.to_owned(), why)),
    }
}

fn unknown(top: &Path, git_ref: &str) -> CheckoutError {
    const NAMES: [&str; 5] =
        ["for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/remotes", "refs/tags"];
    let names = ask(top, &NAMES).unwrap_or_default();
    let shallow = ask(top, &["rev-parse", "--is-shallow-repository"]);
    let history = if shallow.as_deref() == Ok("true") { History::Shallow } else { History::Whole };
    let names: Vec<&str> = names.lines().collect();
    // `main` where there is only `origin/main`, as CI systems leave it.
    let suffix = format!("/{git_ref}");
    let of_remote = names.iter().copied().find(|name| name.ends_with(&suffix));
    let nearest = of_remote.or_else(|| nearest(git_ref, &names)).map(str::to_owned);
    CheckoutError::UnknownRef { git_ref: git_ref.to_owned(), nearest, history }
}

/// Not in the repository: there programs would find the packages of the candidate.
fn destination(into: &Path, top: &Path) -> Result<PathBuf, CheckoutError> {
    let refuse = |why| CheckoutError::Destination(into.to_owned(), why);
    let whole = into.canonicalize().map_err(|_| refuse("there is no such folder"))?;
    if whole.starts_with(top) {
        return Err(refuse("it is in the repository, where programs find the candidate's files"));
    }
    if whole.to_str().is_none() {
        return Err(refuse("its name is not UTF-8"));
    }
    Ok(whole)
}
