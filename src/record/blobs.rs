//! Bytes by second, most of them on the disk.
//!
//! What is appended is kept in memory up to a bound and then goes to a file without a name in
//! the folder of the run, so that it is gone with the process. Of each second a place of 16
//! bytes stays in memory. Where no file can be had, as in a folder that may only be read, or
//! where the disk is full, memory has to do.

use std::borrow::Cow;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes that are kept in memory before they go to the file.
pub(super) const MOST_HELD: usize = 8 << 20;

/// Bytes by second.
#[derive(Debug, Default, Clone)]
pub(super) struct Blobs {
    /// Ascending.
    extents: Vec<Extent>,
    /// What is not in the file.
    buffered: Vec<u8>,
    disk: Disk,
}

/// Where the bytes of a second are, counted from the start of the file through what is held.
#[derive(Debug, Clone, Copy)]
struct Extent {
    second: u32,
    length: u32,
    offset: u64,
}

/// Where there is room besides memory.
#[derive(Debug, Default, Clone)]
enum Disk {
    /// Nowhere.
    #[default]
    None,
    /// In a folder, once it is needed.
    Folder(PathBuf, usize),
    /// In a file, of which so many bytes are used. A copy reads it; only one of its own that
    /// nobody else reads is written.
    File { file: Arc<File>, length: u64, most: usize },
}

impl Blobs {
    /// Bytes beyond so many go to a file in a folder.
    pub(super) fn beyond(most: usize, folder: &Path) -> Blobs {
        Blobs { disk: Disk::Folder(folder.to_owned(), most), ..Blobs::default() }
    }

    /// Keeps the bytes of a second, in place of what was kept of it before.
    pub(super) fn put(&mut self, second: u32, bytes: &[u8]) {
        let offset = self.on_disk() + self.buffered.len() as u64;
        let extent = Extent { second, length: bytes.len() as u32, offset };
        self.buffered.extend_from_slice(bytes);
        match self.find(second) {
            Ok(at) => self.extents[at] = extent,
            Err(at) => self.extents.insert(at, extent),
        }
        self.make_room();
    }

    /// What is kept of a second.
    pub(super) fn get(&self, second: u32) -> Option<Cow<'_, [u8]>> {
        self.find(second).ok().map(|at| self.read(at))
    }

    /// What is kept at a place in the order of the seconds.
    pub(super) fn read(&self, at: usize) -> Cow<'_, [u8]> {
        let Extent { length, offset, .. } = self.extents[at];
        if let Disk::File { file, length: on_disk, .. } = &self.disk
            && offset < *on_disk
        {
            let mut bytes = vec![0; length as usize];
            file.read_exact_at(&mut bytes, offset)
                .expect("a file that nobody else can open has what was written to it");
            return Cow::Owned(bytes);
        }
        let start = (offset - self.on_disk()) as usize;
        Cow::Borrowed(&self.buffered[start..start + length as usize])
    }

    /// The place of a second in the order of the seconds, or where it would be.
    pub(super) fn find(&self, second: u32) -> Result<usize, usize> {
        match self.extents.last() {
            Some(last) if last.second < second => Err(self.extents.len()),
            _ => self.extents.binary_search_by_key(&second, |extent| extent.second),
        }
    }

    /// The second at a place.
    pub(super) fn second(&self, at: usize) -> u32 {
        self.extents[at].second
    }

    /// How many seconds there are.
    pub(super) fn len(&self) -> usize {
        self.extents.len()
    }

    /// Forgets the seconds that are not wanted.
    pub(super) fn retain(&mut self, wanted: impl Fn(u32) -> bool) {
        self.extents.retain(|extent| wanted(extent.second));
    }

    /// Bytes of content in memory.
    pub(super) fn buffered(&self) -> usize {
        self.buffered.len()
    }

    fn on_disk(&self) -> u64 {
        match &self.disk {
            Disk::File { length, .. } => *length,
            Disk::None | Disk::Folder(..) => 0,
        }
    }

    /// Moves what is held to the disk, if it is much and there is room.
    fn make_room(&mut self) {
        if let Disk::Folder(folder, most) = &self.disk
            && self.buffered.len() > *most
        {
            let most = *most;
            self.disk = match nameless(folder) {
                Ok(file) => Disk::File { file: Arc::new(file), length: 0, most },
                Err(_) => Disk::None,
            };
        }
        let Disk::File { file, length, most } = &mut self.disk else { return };
        if self.buffered.len() <= *most || Arc::strong_count(file) > 1 {
            return;
        }
        match file.write_all_at(&self.buffered, *length) {
            Ok(()) => {
                *length += self.buffered.len() as u64;
                self.buffered.clear();
            }
            // What was written before stays where it is; nothing more is.
            Err(_) => *most = usize::MAX,
        }
    }
}

/// A file that is there as long as it is open.
fn nameless(folder: &Path) -> io::Result<File> {
    let path = folder.join(format!(".seconds-{}", std::process::id()));
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(second: u32) -> Vec<u8> {
        second.to_le_bytes().repeat(1 + second as usize % 7)
    }

    #[track_caller]
    fn check(blobs: &Blobs, seconds: impl Iterator<Item = u32>) {
        for second in seconds {
            assert_eq!(blobs.get(second).as_deref(), Some(&content(second)[..]), "{second}");
        }
    }

    #[test]
    fn memory_has_no_more_than_its_bound_and_nothing_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let mut blobs = Blobs::beyond(100, folder.path());
        for second in 0..1_000 {
            blobs.put(second, &content(second));
            assert!(blobs.buffered() <= 100, "{second}: {}", blobs.buffered());
        }
        check(&blobs, 0..1_000);
        assert_eq!((blobs.len(), blobs.get(1_000)), (1_000, None));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "it has no name");
    }

    #[test]
    fn a_second_can_be_put_late_and_anew() {
        let folder = tempfile::tempdir().unwrap();
        let mut blobs = Blobs::beyond(50, folder.path());
        for second in [9, 3, 5, 3, 0, 9, 1] {
            blobs.put(second, b"before");
            blobs.put(second, &content(second));
        }
        check(&blobs, [0, 1, 3, 5, 9].into_iter());
        assert_eq!(
            (0..blobs.len()).map(|at| blobs.second(at)).collect::<Vec<_>>(),
            [0, 1, 3, 5, 9]
        );
        blobs.retain(|second| second != 3);
        assert_eq!((blobs.len(), blobs.get(3)), (4, None));
    }

    #[test]
    fn a_copy_and_its_original_do_not_write_over_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let mut one = Blobs::beyond(50, folder.path());
        (0..100).for_each(|second| one.put(second, &content(second)));
        let mut other = one.clone();
        (100..200).for_each(|second| one.put(second, &content(second)));
        (200..300).for_each(|second| other.put(second, &content(second)));
        check(&one, 0..200);
        check(&other, (0..100).chain(200..300));
    }

    #[test]
    fn without_room_on_the_disk_memory_has_to_do() {
        let mut blobs = Blobs::beyond(50, Path::new("/nowhere/at/all"));
        (0..100).for_each(|second| blobs.put(second, &content(second)));
        check(&blobs, 0..100);
        let full = OpenOptions::new().read(true).write(true).open("/dev/full").unwrap();
        let disk = Disk::File { file: Arc::new(full), length: 0, most: 50 };
        let mut blobs = Blobs { disk, ..Blobs::default() };
        (0..100).for_each(|second| blobs.put(second, &content(second)));
        check(&blobs, 0..100);
    }
}
