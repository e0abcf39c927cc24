//! The socket file of a target: why it lets nobody in, and what becomes of one that is left over.
//!
//! A path comes in. A server that ends without removing its socket file leaves it behind, and the
//! next one cannot listen there; of a target that is started here, it is removed.

use std::fmt;
use std::fs::{self, FileType};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};

/// Why a socket file lets nobody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shut {
    /// There is no such file.
    Missing,
    /// It is something else.
    NoSocket(&'static str),
    /// Nobody listens at it any more, or not yet.
    Stale,
    /// A server listens there and lets nobody in: so many wait already.
    Full,
    /// It, or a folder on the way to it, is not for this user.
    Forbidden,
}

impl Shut {
    /// What an error in connecting means, if it is that.
    pub(crate) fn of(path: &Path, error: &io::Error) -> Option<Shut> {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Some(Shut::Missing),
            io::ErrorKind::PermissionDenied => Some(Shut::Forbidden),
            io::ErrorKind::WouldBlock => Some(Shut::Full),
            io::ErrorKind::ConnectionRefused => {
                let kind = fs::metadata(path).ok().and_then(|found| other(found.file_type()));
                Some(kind.map_or(Shut::Stale, Shut::NoSocket))
            }
            _ => None,
        }
    }
}

/// What a file is that is no socket.
fn other(kind: FileType) -> Option<&'static str> {
    if kind.is_socket() {
        None
    } else if kind.is_dir() {
        Some("a folder")
    } else if kind.is_char_device() || kind.is_block_device() {
        Some("a device")
    } else if kind.is_fifo() {
        Some("a pipe")
    } else {
        Some("an ordinary file")
    }
}

impl fmt::Display for Shut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shut::Missing => f.write_str("there is no such file"),
            Shut::NoSocket(kind) => write!(f, "it is {kind} and no socket"),
            Shut::Stale => f.write_str(
                "connection refused: the socket file is left over from a server that has ended",
            ),
            Shut::Full => f.write_str("its server accepts no more connections (a full backlog)"),
            Shut::Forbidden => f.write_str(
                "permission denied: this user may not write to the socket file, or not enter its \
                 folder",
            ),
        }
    }
}

/// Whether somebody listens there.
pub(crate) fn is_served(path: &Path) -> bool {
    matches!(knock(path), Ok(()) | Err(Errno::EAGAIN))
}

/// Connects, without waiting where a server lets nobody in.
fn knock(path: &Path) -> Result<(), Errno> {
    let opened = socket(AddressFamily::Unix, SockType::Stream, SockFlag::empty(), None)?;
    let stream = UnixStream::from(opened);
    stream.set_nonblocking(true).map_err(|_| Errno::EINVAL)?;
    connect(stream.as_raw_fd(), &UnixAddr::new(path)?)
}

/// Removes a socket file at which nobody listens, so that a target can; whether there was one.
/// Whatever else is there stays.
pub fn remove_stale(path: &Path) -> bool {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    is_socket && knock(path) == Err(Errno::ECONNREFUSED) && fs::remove_file(path).is_ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[track_caller]
    fn check(path: &Path, expected: Shut) {
        let error = UnixStream::connect(path).unwrap_err();
        assert_eq!(Shut::of(path, &error), Some(expected), "{error}");
    }

    #[test]
    fn what_lets_nobody_in_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        check(&at("none"), Shut::Missing);
        check(folder.path(), Shut::NoSocket("a folder"));
        fs::write(at("file"), "").unwrap();
        check(&at("file"), Shut::NoSocket("an ordinary file"));
        check(&at("file/s"), Shut::Missing);
        check(Path::new("/dev/null"), Shut::NoSocket("a device"));
        drop(UnixListener::bind(at("stale")).unwrap());
        check(&at("stale"), Shut::Stale);
    }

    #[test]
    fn only_a_socket_at_which_nobody_listens_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "").unwrap();
        let listener = UnixListener::bind(at("served")).unwrap();
        drop(UnixListener::bind(at("stale")).unwrap());
        std::os::unix::fs::symlink(at("stale"), at("link")).unwrap();
        assert!(!remove_stale(&at("file")) && at("file").exists());
        assert!(!remove_stale(&at("served")) && is_served(&at("served")));
        assert!(!remove_stale(&at("none")));
        assert!(!remove_stale(&at("link")) && at("stale").exists());
        assert!(remove_stale(&at("stale")) && !at("stale").exists());
        drop(listener);
    }
}
