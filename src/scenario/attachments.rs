//! Files whose content is sent or compared with: read once, with the scenario, and bounded.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::body::Attached;
use super::origin::DataFiles;
use super::problems::Fault;

/// The largest file.
const LARGEST: u64 = 64 << 20;
/// The most bytes of all files of a scenario.
const MOST: u64 = 256 << 20;

/// The files of a scenario.
#[derive(Debug, Default)]
pub(crate) struct Attachments {
    folder: PathBuf,
    /// Where they are read from.
    files: DataFiles,
    read: RefCell<BTreeMap<PathBuf, Arc<[u8]>>>,
}

impl Attachments {
    /// Those beside a scenario.
    pub(crate) fn beside(folder: &Path, files: &DataFiles) -> Attachments {
        let (folder, files) = (folder.to_path_buf(), files.clone());
        Attachments { folder, files, read: RefCell::default() }
    }

    /// What is in a file; `None` is a fault without a file's name.
    pub(crate) fn read(&self, name: &str) -> Result<Attached, Fault> {
        if name.is_empty() {
            return Err(Fault::new("the name of a file is missing"));
        }
        let path = self.folder.join(name);
        if let Some(bytes) = self.read.borrow().get(&path) {
            return Ok(Attached { path: path.clone(), bytes: Arc::clone(bytes) });
        }
        let told = |told: String| Fault::new(format!("the file {} {told}", path.display()));
        let before: u64 = self.read.borrow().values().map(|bytes| bytes.len() as u64).sum();
        let place = self.files.place(&path).map_err(|why| told(why.to_owned()))?;
        let bytes = read(place).map_err(|error| told(unreadable(&error)))?;
        if bytes.len() as u64 > LARGEST {
            return Err(told("is larger than 64 MiB".to_owned()));
        }
        if before + bytes.len() as u64 > MOST {
            return Err(told("is too much: all files together have 256 MiB at most".to_owned()));
        }
        let bytes: Arc<[u8]> = bytes.into();
        self.read.borrow_mut().insert(path.clone(), Arc::clone(&bytes));
        Ok(Attached { path, bytes })
    }

    /// The same of a text.
    pub(crate) fn text(&self, name: &str) -> Result<String, Fault> {
        let file = self.read(name)?;
        let text = String::from_utf8(file.bytes.to_vec());
        let text = text.map_err(|_| {
            let fault = Fault::new(format!("the file {} is not UTF-8 text", file.path.display()));
            fault.help("save it as UTF-8")
        })?;
        Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
    }

    /// Those that have been read.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        self.read.borrow().keys().cloned().collect()
    }

    /// What has been read, each file once.
    pub(crate) fn contents(&self) -> Vec<Arc<[u8]>> {
        self.read.borrow().values().cloned().collect()
    }
}

/// No more than is needed to see that it is too large; a device may have no end.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unreadable(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "does not exist".to_owned(),
        io::ErrorKind::IsADirectory => "is no regular file".to_owned(),
        _ => format!("cannot be read: {error}"),
    }
}

/// The type of a file's content, as its name says.
pub(crate) fn content_type(path: &str) -> Option<&'static str> {
    const TYPES: [(&str, &str); 20] = [
        ("json", "application/json"),
        ("ndjson", "application/x-ndjson"),
        ("xml", "application/xml"),
        ("txt", "text/plain; charset=utf-8"),
        ("csv", "text/csv; charset=utf-8"),
        ("html", "text/html; charset=utf-8"),
        ("md", "text/markdown; charset=utf-8"),
        ("pdf", "application/pdf"),
        ("png", "image/png"),
        ("jpg", "image/jpeg"),
        ("jpeg", "image/jpeg"),
        ("gif", "image/gif"),
        ("webp", "image/webp"),
        ("svg", "image/svg+xml"),
        ("mp4", "video/mp4"),
        ("mp3", "audio/mpeg"),
        ("zip", "application/zip"),
        ("gz", "application/gzip"),
        ("wasm", "application/wasm"),
        ("graphql", "application/graphql"),
    ];
    let end = Path::new(path).extension()?.to_str()?.to_ascii_lowercase();
    TYPES.iter().find(|(known, _)| *known == end).map(|(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_once_and_what_cannot_be_read_is_told() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.txt"), "\u{feff}one").unwrap();
        std::fs::write(folder.path().join("b.bin"), b"\xff").unwrap();
        let files = Attachments::beside(folder.path(), &DataFiles::Here);
        assert_eq!(files.text("a.txt").unwrap(), "one");
        std::fs::write(folder.path().join("a.txt"), "two").unwrap();
        assert_eq!(files.text("a.txt").unwrap(), "one");
        for (name, told) in
            [("", "missing"), ("c", "does not exist"), (".", "no regular file"), ("b.bin", "UTF-8")]
        {
            let fault = files.text(name).unwrap_err();
            assert!(fault.message.contains(told), "{name}: {}", fault.message);
        }
        assert_eq!(files.contents().len(), 2);
        let none = Attachments::beside(folder.path(), &DataFiles::Unread);
        assert!(none.read("a.txt").unwrap_err().message.contains("is not read here"));
    }

    #[test]
    fn names_say_what_files_are() {
        assert_eq!(content_type("a/b.JSON"), Some("application/json"));
        assert_eq!(content_type("a.tar.gz"), Some("application/gzip"));
        assert_eq!((content_type("a.xyz"), content_type("json")), (None, None));
    }

    #[test]
    fn files_that_are_too_large_are_refused_and_not_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let make = |name: &str, length| {
            File::create(folder.path().join(name)).unwrap().set_len(length).unwrap();
        };
        make("large", LARGEST + 1);
        let files = Attachments::beside(folder.path(), &DataFiles::Here);
        let fault = files.read("large").unwrap_err();
        assert!(fault.message.contains("larger than 64 MiB"), "{}", fault.message);
        for name in ["a", "b", "c", "d"] {
            make(name, LARGEST);
            assert_eq!(files.read(name).unwrap().bytes.len() as u64, LARGEST);
        }
        make("e", 1);
        let fault = files.read("e").unwrap_err();
        assert!(fault.message.contains("256 MiB at most"), "{}", fault.message);
        assert!(files.read("a").is_ok(), "what is known is not read again");
    }
}
