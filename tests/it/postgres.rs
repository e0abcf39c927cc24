//! A PostgreSQL of a test's own: in a folder of its own, on a socket in it, gone with the test.
//!
//! It is the one of the distribution (`bash scripts/needs.sh` installs it). PostgreSQL refuses to
//! run as root; the user of Debian's package, or `nobody`, runs it then.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::support;

/// A running PostgreSQL.
pub(crate) struct Postgres {
    folder: TempDir,
    server: Child,
    port: String,
}

impl Postgres {
    /// Starts one with `pg_stat_statements`, if it has that, and the database `orders`.
    pub(crate) fn start() -> Postgres {
        Postgres::start_with("5432", &["listen_addresses="], &[])
    }

    /// Starts one that speaks TLS, and nothing else, to the user `orders` on a port of the
    /// loopback.
    pub(crate) fn start_encrypted(port: u16, certificate: &str, key: &str) -> Postgres {
        let settings = ["listen_addresses=127.0.0.1", "ssl=on"];
        let hba = "local all all trust\nhostssl all all 127.0.0.1/32 trust\n";
        let files = [("server.crt", certificate), ("server.key", key), ("pg_hba.conf", hba)];
        Postgres::start_with(&port.to_string(), &settings, &files)
    }

    fn start_with(port: &str, settings: &[&str], files: &[(&str, &str)]) -> Postgres {
        // Short: the path of a socket has no more than a hundred letters.
        let folder = tempfile::Builder::new().prefix("lgpg").tempdir_in("/tmp").unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        if let Some((user, group)) = other_user() {
            chown(&data, Some(user), Some(group)).unwrap();
        }
        let made = program("initdb")
            .args(["--auth=trust", "--username=orders", "--no-sync", "-D"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", support::stderr(&made));
        for (name, text) in files {
            let file = data.join(name);
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            if let Some((user, group)) = other_user() {
                chown(&file, Some(user), Some(group)).unwrap();
            }
        }
        let settings = settings.iter().flat_map(|setting| ["-c", setting]);
        let server = program("postgres")
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(&data)
            .args(settings)
            .args(["-p", port])
            .args(["-c", "fsync=off", "-c", "max_connections=60"])
            .args(["-c", "shared_preload_libraries=pg_stat_statements"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let postgres = Postgres { folder, server, port: port.to_owned() };
        support::eventually("PostgreSQL answers", || {
            postgres.sql("postgres", "SELECT 1").status.success()
        });
        postgres.must("postgres", "CREATE DATABASE orders");
        postgres.must("orders", "CREATE EXTENSION pg_stat_statements");
        postgres
    }

    /// How to connect to `orders` as its owner.
    pub(crate) fn url(&self) -> String {
        self.url_of("orders")
    }

    /// How to connect as another user.
    pub(crate) fn url_of(&self, user: &str) -> String {
        format!("postgres://{user}@/orders?host={}", self.data().display())
    }

    /// Carries out a statement.
    #[track_caller]
    pub(crate) fn must(&self, database: &str, statement: &str) {
        let done = self.sql(database, statement);
        assert!(done.status.success(), "{}", support::stderr(&done));
    }

    fn sql(&self, database: &str, statement: &str) -> Output {
        let mut psql = program("psql");
        psql.arg("-h").arg(self.data()).args(["-p", &self.port]);
        psql.args(["-U", "orders", "-d", database, "-c", statement]);
        psql.stdin(Stdio::null()).output().unwrap()
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Somebody else's session, waiting for more input.
    pub(crate) fn session(&self) -> Child {
        let mut psql = program("psql");
        psql.arg("-h").arg(self.data()).args(["-p", &self.port, "-U", "orders", "-d", "orders"]);
        let session = psql.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let is_there = "SELECT 1 / (count(*) - 1) FROM pg_stat_activity \
                        WHERE datname = 'orders' AND state IS NOT NULL";
        // By itself it would divide by zero.
        support::eventually("the session", || self.sql("orders", is_there).status.success());
        session
    }

    /// Stops answering, as a server that is stuck does.
    pub(crate) fn freeze(&self) {
        for pid in self.processes() {
            let _ = kill(pid, Signal::SIGSTOP);
        }
    }

    fn processes(&self) -> Vec<Pid> {
        let server = self.server.id();
        let children = fs::read_to_string(format!("/proc/{server}/task/{server}/children"));
        let children = children.unwrap_or_default();
        let children = children.split_whitespace().filter_map(|pid| pid.parse().ok());
        children.chain([server.cast_signed()]).map(Pid::from_raw).collect()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        for pid in self.processes() {
            let _ = kill(pid, Signal::SIGCONT);
        }
        // At once, without writing what nobody will read.
        let _ = kill(Pid::from_raw(self.server.id().cast_signed()), Signal::SIGQUIT);
        let _ = self.server.wait();
    }
}

/// Who runs it in place of root: the ids of user and group.
fn other_user() -> Option<(u32, u32)> {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let named = |name: &str| {
        let user = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut ids = user.split(':').skip(2).map_while(|id| id.parse().ok());
        Some((ids.next()?, ids.next()?))
    };
    Some(named("postgres").or_else(|| named("nobody")).unwrap())
}

/// A program of the newest PostgreSQL that is installed.
fn program(name: &str) -> Command {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        versions.map(|version| version.path().join("bin").join(name)).collect();
    found.retain(|path| path.exists());
    found.sort();
    let mut command = Command::new(found.pop().unwrap_or_else(|| name.into()));
    if let Some((user, group)) = other_user() {
        command.uid(user).gid(group);
    }
    command.current_dir("/");
    command
}
