//! The folder of a checkout, and the process that removes it however loadgate ends.
//!
//! The cleaner is loadgate itself, started like a supervisor before anything is made.
//! It makes the folder; its standard input is the leash, whose end is the order to clean
//! up. It then waits until nobody uses the folder any more, deletes the worktree, makes
//! git forget it, and deletes the folder.
//!
//! Whoever uses the folder (loadgate, the cleaner, each supervisor of what runs there)
//! holds a shared lock on a marker file in it. A lock ends with its process and with
//! nothing else, so a folder whose lock is free is in nobody's use: this is also how the
//! leftovers of a cleaner that was killed are told from somebody else's work.
//!
//! | state | event | then |
//! | --- | --- | --- |
//! | starting | leftovers are removed, the folder is made | `ready` |
//! | ready | the leash ends | waiting |
//! | waiting | the lock is free, or [`PATIENCE`] is over | removing |
//! | removing | all is gone | `removed` |
//! | removing | [`REMOVING`] is over | `left`, and why |

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, Metadata, Permissions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::git;
use super::leash::{DEFAULT_GRACE, KILLING, handled_signals};
use super::one_shot::OneShots;
use super::process::Supervisor;

/// What follows the supervisor's hidden subcommand to make a cleaner of it.
pub(super) const WORD: &str = "--keep-checkout";
/// Set for all that runs in a checkout: its folder.
pub(super) const VARIABLE: &str = "LOADGATE_CHECKOUT";
/// How such folders are called, before the process id.
const PREFIX: &str = "loadgate-checkout-";
/// Says that the folder is ours; carries the lock and the path of the repository.
const MARKER: &str = "made-by-loadgate";
/// The first line of the marker.
const SIGNATURE: &[u8] = b"loadgate checkout 1\n";
/// The worktree in the folder.
const TREE: &str = "checkout";

/// How long the supervisors may take to end what runs in the folder.
const PATIENCE: Duration = DEFAULT_GRACE.saturating_add(KILLING).saturating_add(KILLING);
/// How long the deleting is repeated.
const REMOVING: Duration = Duration::from_secs(20);
/// How long leftovers of earlier runs are looked for.
const SWEEPING: Duration = Duration::from_secs(30);
/// A younger folder may be one whose cleaner is about to lock it.
const LEFTOVER_AGE: Duration = Duration::from_secs(60);
/// How often something is tried again.
const ROUND: Duration = Duration::from_millis(20);

/// A folder that a cleaner keeps. Dropping it removes the folder.
#[derive(Debug)]
pub(super) struct Kept {
    folder: PathBuf,
    top: PathBuf,
    cleaner: Child,
    leash: Option<ChildStdin>,
    words: Receiver<String>,
    /// Our own use of the folder.
    lock: Option<File>,
}

/// Why there is no folder.
#[derive(Debug)]
pub(super) enum Unkept {
    Cancelled,
    Failed(String),
}

impl Kept {
    /// A new folder in `into` for a worktree of the repository at `top`.
    pub(super) fn new(into: &Path, top: &Path, one_shots: &OneShots<'_>) -> Result<Kept, Unkept> {
        let folder = into.join(name());
        let mut cleaner =
            spawn(one_shots.supervisor, &folder, top).map_err(|e| Unkept::Failed(e.to_string()))?;
        let leash = cleaner.stdin.take();
        let words = listen(&mut cleaner);
        let mut kept = Kept { folder, top: top.to_owned(), cleaner, leash, words, lock: None };
        kept.wait_until_ready(one_shots)?;
        kept.lock = hold(&kept.folder);
        Ok(kept)
    }

    /// Where the worktree is to be.
    pub(super) fn tree(&self) -> PathBuf {
        self.folder.join(TREE)
    }

    /// To be set for all that runs there.
    pub(super) fn variable(&self) -> (String, String) {
        (VARIABLE.to_owned(), self.folder.to_string_lossy().into_owned())
    }

    /// Removes the folder; what remains is said in the error.
    pub(super) fn remove(mut self) -> Result<(), String> {
        self.end()
    }

    fn wait_until_ready(&mut self, one_shots: &OneShots<'_>) -> Result<(), Unkept> {
        let deadline = Instant::now() + SWEEPING + REMOVING + REMOVING;
        while Instant::now() < deadline && !(one_shots.cancelled)() {
            match self.words.recv_timeout(ROUND) {
                Ok(word) if word == "ready" => return Ok(()),
                Ok(word) => return Err(Unkept::Failed(word)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Unkept::Failed("its keeper ended without a word".to_owned()));
                }
            }
        }
        if (one_shots.cancelled)() {
            return Err(Unkept::Cancelled);
        }
        Err(Unkept::Failed("its keeper did not answer".to_owned()))
    }

    fn end(&mut self) -> Result<(), String> {
        if self.leash.take().is_none() {
            return Ok(());
        }
        drop(self.lock.take());
        let deadline = Instant::now() + PATIENCE + REMOVING + REMOVING;
        let mut outcome = None;
        while let Ok(word) = self.words.recv_timeout(deadline.duration_since(Instant::now())) {
            outcome = match word.as_str() {
                "ready" => None,
                "removed" => Some(Ok(())),
                why => Some(Err(why.to_owned())),
            };
        }
        let _ = self.cleaner.kill();
        let _ = self.cleaner.wait();
        // A cleaner that was killed leaves its work to us.
        outcome.unwrap_or_else(|| clear(&self.folder, &self.top))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

fn name() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{PREFIX}{}-{:x}", std::process::id(), now.as_nanos())
}

fn spawn(supervisor: &Supervisor, folder: &Path, top: &Path) -> io::Result<Child> {
    let program = std::path::absolute(&supervisor.program)?;
    Command::new(program)
        .args([OsStr::new(supervisor.argument), OsStr::new(WORD)])
        .args([folder, top])
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // What the terminal sends to loadgate is not for the cleaner.
        .process_group(0)
        .spawn()
}

fn listen(cleaner: &mut Child) -> Receiver<String> {
    let (sender, words) = channel();
    if let Some(output) = cleaner.stdout.take() {
        let lines = BufReader::new(output).lines();
        thread::spawn(move || {
            lines.map_while(Result::ok).try_for_each(|line| sender.send(line)).ok()
        });
    }
    words
}

/// The body of the cleaner: the folder and the repository come as `arguments`.
pub(super) fn keep(mut arguments: impl Iterator<Item = OsString>) -> i32 {
    // It ends with its leash and not before.
    let _ = handled_signals().thread_block();
    let (Some(folder), Some(top)) = (arguments.next(), arguments.next()) else {
        return say("a folder and a repository are needed");
    };
    let (folder, top) = (PathBuf::from(folder), PathBuf::from(top));
    let marker = match make(&folder, &top) {
        Ok(marker) => marker,
        Err(error) => return say(&format!("{}: {error}", folder.display())),
    };
    if let (Some(into), Ok(ours)) = (folder.parent(), marker.metadata()) {
        sweep(into, ours.uid());
    }
    say("ready");
    let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
    wait_until_unused(&marker);
    match clear(&folder, &top) {
        Ok(()) => say("removed"),
        Err(why) => say(&why),
    }
}

/// Tells loadgate, if it is still there.
fn say(word: &str) -> i32 {
    let mut output = io::stdout().lock();
    let _ = writeln!(output, "{}", word.replace('\n', "; ")).and_then(|()| output.flush());
    i32::from(!["ready", "removed"].contains(&word))
}

/// Makes the folder with its marker, which is locked.
fn make(folder: &Path, top: &Path) -> io::Result<File> {
    DirBuilder::new().mode(0o700).create(folder)?;
    let mut marker = File::create_new(folder.join(MARKER))?;
    marker.lock_shared()?;
    marker.write_all(&[SIGNATURE, top.as_os_str().as_bytes()].concat())?;
    Ok(marker)
}

/// Says that this process uses the folder for as long as the file is open.
pub(super) fn hold(folder: &Path) -> Option<File> {
    let marker = File::open(folder.join(MARKER)).ok()?;
    marker.try_lock_shared().ok().map(|()| marker)
}

fn wait_until_unused(marker: &File) {
    let deadline = Instant::now() + PATIENCE;
    while marker.try_lock().is_err() && Instant::now() < deadline {
        thread::sleep(ROUND);
    }
}

/// Removes what janitors left that were killed, of this user and nobody else.
fn sweep(into: &Path, user: u32) {
    let deadline = Instant::now() + SWEEPING;
    for entry in fs::read_dir(into).into_iter().flatten().flatten() {
        if Instant::now() > deadline {
            return;
        }
        if entry.file_name().as_bytes().starts_with(PREFIX.as_bytes()) {
            // The lock lasts until it is gone, so that two do not sweep the same.
            if let Some((top, _lock)) = leftover(&entry.path(), user) {
                let _ = clear(&entry.path(), &top);
            }
        }
    }
}

/// The repository of a folder that nobody uses any more, and the lock on it.
fn leftover(folder: &Path, user: u32) -> Option<(PathBuf, File)> {
    let is_ours = |found: &Metadata| found.uid() == user;
    fs::symlink_metadata(folder).ok().filter(|found| found.is_dir() && is_ours(found))?;
    let path = folder.join(MARKER);
    let found = fs::symlink_metadata(&path).ok()?;
    let age = found.modified().ok()?.elapsed().ok()?;
    if !found.is_file() || !is_ours(&found) || age < LEFTOVER_AGE {
        return None;
    }
    let marker = File::open(path).ok()?;
    marker.try_lock().ok()?;
    let mut text = Vec::new();
    (&marker).take(10_000).read_to_end(&mut text).ok()?;
    let top = text.strip_prefix(SIGNATURE)?.to_vec();
    Some((PathBuf::from(OsString::from_vec(top)), marker))
}

/// Deletes the worktree, makes git forget it, and deletes the folder.
fn clear(folder: &Path, top: &Path) -> Result<(), String> {
    kill_users(folder);
    let tree = folder.join(TREE);
    delete(&tree)?;
    let forgotten = forget(&tree, top);
    delete(folder)?;
    forgotten
}

/// Ends what escaped its supervisor. Nothing, as a rule.
fn kill_users(folder: &Path) {
    #[cfg(target_os = "linux")]
    for pid in super::procfs::carriers(VARIABLE, &folder.to_string_lossy()) {
        let pid = nix::unistd::Pid::from_raw(pid);
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::SIGKILL);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = folder;
}

/// Takes the worktree out of git's list, also when its making was cut short, which leaves
/// it locked: hence twice `--force`. `git worktree prune` would do it as well, but it
/// would also forget worktrees of the user whose disk is not mounted at the moment.
fn forget(tree: &Path, top: &Path) -> Result<(), String> {
    let path = tree.to_string_lossy();
    let removal = git::ask(top, &["worktree", "remove", "--force", "--force", &path]);
    let Err(why) = removal else { return Ok(()) };
    // A making that was cut short leaves the folder of the list, empty, which git itself
    // deletes with the last worktree.
    if let Ok(list) = git::ask(top, &["rev-parse", "--git-path", "worktrees"]) {
        let _ = fs::remove_dir(top.join(list));
    }
    // It also refuses what it does not know.
    let known = git::ask(top, &["worktree", "list", "--porcelain"]).unwrap_or_default();
    if known.lines().any(|line| line.strip_prefix("worktree ") == Some(&path)) {
        return Err(format!("the worktree {path} is still in git's list: {why}"));
    }
    Ok(())
}

/// Deletes a folder with all that is in it, again and again while somebody still writes.
fn delete(folder: &Path) -> Result<(), String> {
    let deadline = Instant::now() + REMOVING;
    loop {
        match fs::remove_dir_all(folder) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !folder.exists() => {
                return Ok(());
            }
            Err(error) if Instant::now() > deadline => {
                return Err(format!("{} cannot be deleted: {error}", folder.display()));
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => unlock(folder),
            Err(_) => thread::sleep(ROUND),
        }
    }
}

/// Package managers make folders that cannot be written to; they are ours all the same.
fn unlock(folder: &Path) {
    let _ = fs::set_permissions(folder, Permissions::from_mode(0o700));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        // The kind of the entry itself: links are not followed.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            unlock(&entry.path());
        }
    }
    thread::sleep(ROUND);
}
