//! Files that a scenario names, from the coordinator to agents: by their hashes, in pieces.
//!
//! Rows of data and shared objectives are handed over; certificates and keys never are: each
//! machine has its own. An agent reads no other file for a coordinator, whatever it is asked for.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::fleet::fault::FleetFault;
use crate::fleet::link::{Heard, Link};
use crate::fleet::wire::{self, FileHead, Piece};
use crate::scenario::model::Scenario;

/// Bytes of a piece: half of what a server takes at once.
const PIECE: u64 = 512 * 1024;
/// Bytes of all files of a scenario.
const MOST: u64 = 2 << 30;
/// How long a piece may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is asked for.
const TRIES: usize = 3;
/// So many bytes per second come surely.
const SLOWEST: u64 = 4 << 20;

/// The files of a scenario, as the coordinator hands them over.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// What agents are told of them.
    pub heads: Vec<FileHead>,
}

impl Files {
    /// Those of a scenario.
    pub fn of(scenario: &Scenario) -> Result<Files, FleetFault> {
        Files::of_paths(scenario.files.clone())
    }

    /// Those at some paths.
    pub(super) fn of_paths(mut paths: Vec<PathBuf>) -> Result<Files, FleetFault> {
        paths.sort();
        paths.dedup();
        let mut heads = Vec::new();
        for path in paths {
            let head = head_of(&path).map_err(|error| {
                FleetFault::Unshareable(format!("{} cannot be read: {error}", path.display()))
            })?;
            heads.push(head);
        }
        let files = Files { heads };
        if files.bytes() > MOST {
            return Err(FleetFault::Unshareable(format!(
                "its files of data are {} MiB, and {} MiB at most are handed to generators",
                files.bytes() >> 20,
                MOST >> 20
            )));
        }
        Ok(files)
    }

    fn bytes(&self) -> u64 {
        self.heads.iter().map(|head| head.size).sum()
    }

    /// How long handing them over may take.
    pub fn patience(&self) -> Duration {
        Duration::from_secs(self.bytes() / SLOWEST)
    }

    /// Hands pieces to whoever asks, as long as there is a connection.
    pub fn serve(self, link: &Arc<Link>, run: &str) -> Result<(), FleetFault> {
        if self.heads.is_empty() {
            return Ok(());
        }
        let questions = link.listen(&wire::files(run))?;
        let link = Arc::downgrade(link);
        thread::spawn(move || {
            while let Ok(question) = questions.recv() {
                let Some(link) = link.upgrade() else { return };
                let reply = question.reply.clone().filter(|reply| wire::is_inbox(reply));
                if let (Some(reply), Some(piece)) = (reply, self.piece(&question)) {
                    link.say(reply, piece);
                }
            }
        });
        Ok(())
    }

    fn piece(&self, question: &Heard) -> Option<Vec<u8>> {
        let asked = wire::read::<Piece>(&question.said)?;
        let head = self.heads.iter().find(|head| head.sha256 == asked.sha256)?;
        let mut file = File::open(&head.path).ok()?;
        file.seek(SeekFrom::Start(asked.number.checked_mul(PIECE)?)).ok()?;
        let mut piece = Vec::new();
        file.take(PIECE).read_to_end(&mut piece).ok()?;
        Some(piece)
    }
}

fn head_of(path: &Path) -> io::Result<FileHead> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut file = File::open(path)?;
    let (mut hash, mut piece, mut size) = (Sha256::new(), vec![0; PIECE as usize], 0);
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            break;
        }
        hash.update(&piece[..read]);
        size += read as u64;
    }
    Ok(FileHead { path: path.display().to_string(), size, sha256: hexadecimal(hash) })
}

fn hexadecimal(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Files that were handed over, in a folder that is gone when this is.
#[derive(Debug)]
pub struct Handed {
    folder: PathBuf,
    /// Where each is, by the path that the scenario names.
    pub places: BTreeMap<PathBuf, PathBuf>,
}

impl Handed {
    /// Asks for the pieces of all.
    pub fn fetch(
        heads: &[FileHead],
        folder: PathBuf,
        ask: &mut dyn FnMut(&Piece) -> Result<Vec<u8>, String>,
    ) -> Result<Handed, String> {
        let sizes = heads.iter().map(|head| head.size).try_fold(0, u64::checked_add);
        if sizes.is_none_or(|sum| sum > MOST) {
            return Err("the files of the scenario are too large".to_owned());
        }
        let named = |error: io::Error| format!("{}: {error}", folder.display());
        DirBuilder::new().mode(0o700).create(&folder).map_err(named)?;
        let mut handed = Handed { folder, places: BTreeMap::new() };
        for head in heads {
            let place = handed.fetch_one(head, ask)?;
            handed.places.insert(PathBuf::from(&head.path), place);
        }
        Ok(handed)
    }

    fn fetch_one(
        &self,
        head: &FileHead,
        ask: &mut dyn FnMut(&Piece) -> Result<Vec<u8>, String>,
    ) -> Result<PathBuf, String> {
        let is_hash = head.sha256.len() == 64 && head.sha256.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_hash {
            return Err(format!("the file {} has no hash", head.path));
        }
        let place = self.folder.join(&head.sha256);
        if place.exists() {
            return Ok(place);
        }
        let unwritten =
            |error: io::Error| format!("the file {} cannot be kept: {error}", head.path);
        let mut options = OpenOptions::new();
        let mut file =
            options.write(true).create_new(true).mode(0o600).open(&place).map_err(unwritten)?;
        let mut hash = Sha256::new();
        for number in 0..head.size.div_ceil(PIECE) {
            let bytes = ask(&Piece { sha256: head.sha256.clone(), number })?;
            if bytes.len() as u64 != (head.size - number * PIECE).min(PIECE) {
                return Err(format!("the file {} has changed", head.path));
            }
            hash.update(&bytes);
            file.write_all(&bytes).map_err(unwritten)?;
        }
        if hexadecimal(hash) != head.sha256 {
            return Err(format!("the file {} has changed", head.path));
        }
        Ok(place)
    }

    /// The text of one that was handed over.
    pub fn text(&self, path: &Path) -> io::Result<String> {
        fs::read_to_string(self.places.get(path).ok_or(io::ErrorKind::NotFound)?)
    }
}

impl Drop for Handed {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Asks a coordinator for a piece.
pub fn ask(
    link: &Link,
    run: &str,
    piece: &Piece,
    is_over: impl Fn() -> bool,
) -> Result<Vec<u8>, String> {
    let mut why = String::new();
    for _ in 0..TRIES {
        if is_over() {
            return Err("it was told to end".to_owned());
        }
        match link.ask(wire::files(run), wire::bytes(piece), PATIENCE) {
            Ok(bytes) => return Ok(bytes),
            Err(error) => why = error,
        }
    }
    Err(format!("a file of the scenario did not come: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of so many bytes, and a coordinator that hands it over.
    fn handed(
        size: usize,
        mut spoil: impl FnMut(u64, Vec<u8>) -> Vec<u8>,
    ) -> (Vec<u8>, Result<Vec<u8>, String>, bool) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        let contents: Vec<u8> = (0..size).map(|at| (at * 31 % 251) as u8).collect();
        fs::write(&path, &contents).unwrap();
        let files = Files { heads: vec![head_of(&path).unwrap()] };
        let place = folder.path().join("handed");
        let fetched = Handed::fetch(&files.heads, place.clone(), &mut |piece| {
            let said = wire::bytes(piece);
            let heard = Heard { subject: String::new(), reply: None, said };
            Ok(spoil(piece.number, files.piece(&heard).unwrap()))
        });
        let read = fetched.map(|handed| fs::read(&handed.places[&path]).unwrap());
        (contents, read, place.exists())
    }

    #[test]
    fn files_come_whole_in_pieces_and_go_with_who_has_them() {
        let piece = PIECE as usize;
        for size in [0, 1, piece - 1, piece, piece + 1, 3 * piece + 7] {
            let (contents, read, is_left) = handed(size, |_, bytes| bytes);
            assert!(read.as_ref() == Ok(&contents), "{size}: {:?}", read.map(|it| it.len()));
            assert!(!is_left);
        }
    }

    #[test]
    fn a_file_that_changes_meanwhile_is_refused_and_leaves_nothing() {
        let cut = |number: u64, mut bytes: Vec<u8>| {
            bytes.truncate(bytes.len() - usize::from(number == 1));
            bytes
        };
        let changed = |number: u64, mut bytes: Vec<u8>| {
            bytes[0] ^= u8::from(number == 1);
            bytes
        };
        for spoil in [cut as fn(u64, Vec<u8>) -> Vec<u8>, changed] {
            let (_, read, is_left) = handed(PIECE as usize + 100, spoil);
            assert!(read.unwrap_err().contains("has changed"));
            assert!(!is_left);
        }
    }

    #[test]
    fn only_files_of_the_scenario_are_handed_over_and_only_hashes_are_names() {
        let files = Files::default();
        let said = wire::bytes(&Piece { sha256: "0".repeat(64), number: 0 });
        let heard = Heard { subject: String::new(), reply: None, said };
        assert_eq!(files.piece(&heard), None);
        let folder = tempfile::tempdir().unwrap();
        for (sha256, size, why) in
            [("../../etc/passwd", 1, "has no hash"), ("0", u64::MAX, "too large")]
        {
            let head = FileHead { path: "x.csv".to_owned(), size, sha256: sha256.to_owned() };
            let place = folder.path().join("handed");
            let found = Handed::fetch(&[head], place, &mut |_| panic!("asked"));
            assert!(found.unwrap_err().contains(why));
        }
    }
}
