//! A server of Node from `tests/js`, which prints its port and logs what comes to a file.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::support;

/// A running server.
pub(crate) struct NodeServer {
    child: Child,
    /// Where it listens.
    pub(crate) port: u16,
    log: PathBuf,
}

impl NodeServer {
    /// Starts one of the scripts.
    pub(crate) fn start(script: &str, folder: &Path, env: &[(&str, &str)]) -> NodeServer {
        let log = folder.join("server.log");
        fs::write(&log, "").unwrap();
        let mut child = Command::new("node")
            .arg(support::root().join("tests/js").join(script))
            .env("LOG", &log)
            .envs(env.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap_or_else(|_| panic!("no port in {line:?}"));
        NodeServer { child, port, log }
    }

    /// Lines of its log that begin so.
    pub(crate) fn count(&self, beginning: &str) -> usize {
        let log = fs::read_to_string(&self.log).unwrap();
        log.lines().filter(|line| line.starts_with(beginning)).count()
    }

    /// Lines of its log with a text in them.
    pub(crate) fn count_of(&self, text: &str) -> usize {
        let log = fs::read_to_string(&self.log).unwrap();
        log.lines().filter(|line| line.contains(text)).count()
    }
}

impl Drop for NodeServer {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
