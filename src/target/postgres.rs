//! The statistics of the PostgreSQL behind the target: sessions and what they wait for, cache
//! hits, and the statements that took most of its time.
//!
//! A connection of its own asks one question a second, with a time limit and for reading only.
//! What cannot be had is said in a sentence; nothing of how it connects is. The statements are
//! the differences of `pg_stat_statements` between begin and end, where that is installed.
//!
//! | event | then |
//! | --- | --- |
//! | begin | connects, reads the statements |
//! | a second is over | asks, connecting anew if that failed, not oftener than every [`RETRY`] |
//! | nobody asks any more | reads the statements again and tells what came in between |

use std::collections::HashMap;
use std::error::Error as _;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_postgres::{Client, Config, Error, SimpleQueryMessage, SimpleQueryRow};

use super::counted::When;
use super::postgres_tls::{Encryption, encryption};
use super::statement;
use crate::record::statement::Statement;
use crate::scenario::model::Connection;
use crate::units::order;

/// How long connecting and a question may take: over before the next.
const WITHIN: Duration = Duration::from_millis(900);
/// How long a server that could not be reached is left alone.
const RETRY: Duration = Duration::from_secs(5);
/// How many statements are told.
const MOST_STATEMENTS: usize = 5;
/// How many of those here may be among them.
const OWN: usize = 4;
/// Entries of `pg_stat_statements` that are read: more than it keeps by default.
const MOST_ENTRIES: usize = 20_000;
/// Bytes of a statement's text that are read.
const LONGEST_TEXT: usize = 4_000;

/// What the database's statistics say.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DatabaseUsage {
    /// `None` where the connection's user may not see all of them.
    pub sessions: Option<Sessions>,
    /// How many sessions there may be.
    pub connection_limit: Option<f64>,
    /// The share of blocks that were found in the server's cache, of those that were wanted since
    /// the last question; `None` where none was.
    pub cache_hits: Option<f64>,
    /// Transactions so far.
    pub transactions: Option<f64>,
}

/// Sessions of clients.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sessions {
    /// Of all databases of the server.
    pub all: f64,
    /// Of this database, at work.
    pub active: f64,
    /// Waiting for their client.
    pub idle: f64,
    /// The same, and keeping a transaction open.
    pub idle_in_transaction: f64,
    /// At work, and waiting for a lock.
    pub lock_waits: f64,
    /// At work, and waiting for reading or writing.
    pub io_waits: f64,
}

/// What a database says.
#[derive(Debug)]
pub enum Said {
    /// Of a second: what it uses and when that was, or why it says nothing; and what is missing.
    Second(u32, Result<(DatabaseUsage, When), String>, Option<String>),
    /// At the end.
    Statements(Vec<Statement>),
}

/// One question for all that changes from second to second.
const QUESTION: &str = "\
SELECT a.*, current_setting('max_connections'), d.blks_hit, d.blks_read, \
       d.xact_commit + d.xact_rollback \
FROM (SELECT count(*), \
        count(*) FILTER (WHERE own AND state = 'active'), \
        count(*) FILTER (WHERE own AND state = 'idle'), \
        count(*) FILTER (WHERE own AND state LIKE 'idle in transaction%'), \
        count(*) FILTER (WHERE own AND state = 'active' AND wait_event_type = 'Lock'), \
        count(*) FILTER (WHERE own AND state = 'active' AND wait_event_type = 'IO'), \
        count(*) FILTER (WHERE hidden) \
      FROM (SELECT state, wait_event_type, datname = current_database() AS own, \
                   backend_type IS NULL AS hidden \
            FROM pg_stat_activity \
            WHERE datid IS NOT NULL AND pid <> pg_backend_pid() \
              AND coalesce(backend_type, 'client backend') = 'client backend') AS s) AS a, \
     pg_stat_database AS d \
WHERE d.datname = current_database()";

/// Whoever waits for this connection is this tool, and it changes nothing.
const MANNERS: &str = "SET application_name = 'loadgate'; SET statement_timeout = 800; \
                       SET lock_timeout = 400; SET default_transaction_read_only = on";

/// Answers questions until nobody asks any more.
pub(super) async fn serve(
    connection: Connection,
    mut asked: mpsc::Receiver<u32>,
    said: mpsc::Sender<Said>,
) {
    let mut database = Database::new(&connection);
    let before = database.entries().await;
    while let Some(second) = asked.recv().await {
        let answer = database.ask().await;
        let partly = answer.as_ref().ok().and_then(|(usage, _)| hidden(usage));
        let _ = said.send(Said::Second(second, answer, partly)).await;
    }
    if let Some(before) = before {
        let statements = database.statements_since(&before).await.unwrap_or_default();
        let _ = said.send(Said::Statements(statements)).await;
    }
}

fn hidden(usage: &DatabaseUsage) -> Option<String> {
    usage.sessions.is_none().then(|| {
        "sessions of other users are hidden from the user of the connection; grant it pg_monitor"
            .to_owned()
    })
}

/// The connection, if there is one, and what was counted by its last answer.
struct Database {
    config: Result<(Config, Encryption), String>,
    client: Option<Client>,
    failed: Option<(Instant, String)>,
    blocks: Option<(f64, f64)>,
}

impl Database {
    fn new(connection: &Connection) -> Database {
        let config = encryption(&connection.0).and_then(|(text, encryption)| {
            let config = text.parse::<Config>();
            let config = config.map_err(|_| "the connection cannot be read".to_owned())?;
            Ok((config, encryption))
        });
        Database { config, client: None, failed: None, blocks: None }
    }

    /// What it uses now.
    async fn ask(&mut self) -> Result<(DatabaseUsage, When), String> {
        let asked = Instant::now();
        let rows = self.rows(QUESTION).await?;
        let when = When::between(asked, Instant::now());
        let row = rows.first().ok_or("it does not say what it uses")?;
        let answer = Answer::of(row).ok_or("it answers in an unknown form")?;
        let usage = answer.usage(self.blocks);
        self.blocks = Some(answer.blocks);
        Ok((usage, when))
    }

    /// What a question is answered with, within its time.
    async fn rows(&mut self, question: &str) -> Result<Vec<SimpleQueryRow>, String> {
        if let Some((at, why)) = &self.failed
            && at.elapsed() < RETRY
        {
            return Err(why.clone());
        }
        let answered = timeout(WITHIN, self.connected_rows(question)).await;
        let answered = answered.unwrap_or_else(|_| {
            Err((format!("no answer within {} ms", WITHIN.as_millis()), Failed::Answer))
        });
        answered.map_err(|(why, failed)| {
            // An answer that comes late would be taken for that of the next question.
            self.client = None;
            self.blocks = None;
            if let Failed::Connection = failed {
                self.failed = Some((Instant::now(), why.clone()));
            }
            why
        })
    }

    async fn connected_rows(
        &mut self,
        question: &str,
    ) -> Result<Vec<SimpleQueryRow>, (String, Failed)> {
        let config = self.config.as_ref().map_err(|why| (why.clone(), Failed::Connection));
        let (config, encryption) = config?;
        if self.client.as_ref().is_none_or(Client::is_closed) {
            let refused = |error: Error| (described(&error), Failed::Connection);
            let (client, connection) = config.connect(encryption.clone()).await.map_err(refused)?;
            tokio::spawn(async move { drop(connection.await) });
            client.batch_execute(MANNERS).await.map_err(refused)?;
            self.client = Some(client);
            self.failed = None;
        }
        let Some(client) = &self.client else { return Ok(Vec::new()) };
        let found = client.simple_query(question).await;
        let found = found.map_err(|error| (described(&error), Failed::Answer))?;
        let rows = found.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        Ok(rows.collect())
    }

    /// What was spent on each statement so far; `None` where nobody counts.
    async fn entries(&mut self) -> Option<Entries> {
        const WHERE: &str = "SELECT quote_ident(n.nspname) FROM pg_extension e \
                             JOIN pg_namespace n ON n.oid = e.extnamespace \
                             WHERE e.extname = 'pg_stat_statements'";
        let rows = self.rows(WHERE).await.ok()?;
        let schema = rows.first()?.get(0)?.to_owned();
        let question = format!(
            "SELECT userid, queryid, toplevel, calls, total_exec_time \
             FROM {schema}.pg_stat_statements(false) \
             WHERE queryid IS NOT NULL \
               AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) \
             LIMIT {MOST_ENTRIES}"
        );
        let rows = self.rows(&question).await.ok()?;
        let spent = rows.iter().filter_map(entry).collect();
        Some(Entries { schema, spent })
    }

    /// What was spent since, most first.
    async fn statements_since(&mut self, before: &Entries) -> Option<Vec<Statement>> {
        let after = self.entries().await?;
        let most = after.since(before);
        let mut ids = String::new();
        for (id, _) in &most {
            let comma = if ids.is_empty() { "" } else { ", " };
            let _ = write!(ids, "{comma}{}", id.queryid);
        }
        if ids.is_empty() {
            return None;
        }
        let question = format!(
            "SELECT queryid, left(min(query), {LONGEST_TEXT}) FROM {}.pg_stat_statements \
             WHERE queryid IN ({ids}) GROUP BY queryid",
            after.schema
        );
        let rows = self.rows(&question).await.ok()?;
        let texts: HashMap<&str, &str> =
            rows.iter().filter_map(|row| Some((row.get(0)?, row.get(1)?))).collect();
        let told = most.iter().filter_map(|(id, spent)| {
            let text = texts.get(id.queryid.to_string().as_str()).filter(|text| !is_own(text))?;
            let (calls, total_ms) = (spent.calls, spent.total_ms);
            Some(Statement { text: statement::plain(text), calls, total_ms })
        });
        Some(told.take(MOST_STATEMENTS).collect())
    }
}

/// Whether a statement is one of those here.
fn is_own(text: &str) -> bool {
    ["pg_stat_activity", "pg_stat_statements"].iter().any(|view| text.contains(view))
}

/// What of a question went wrong.
enum Failed {
    Connection,
    Answer,
}

/// What an error says, from the outermost reason to the innermost.
fn described(error: &Error) -> String {
    if let Some(database) = error.as_db_error() {
        return database.message().to_owned();
    }
    let mut text = error.to_string();
    let mut inner = error.source();
    while let Some(reason) = inner {
        let _ = write!(text, ": {reason}");
        inner = reason.source();
    }
    text
}

/// One row of the question.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Answer {
    sessions: Sessions,
    hidden: f64,
    connection_limit: f64,
    blocks: (f64, f64),
    transactions: f64,
}

impl Answer {
    fn of(row: &SimpleQueryRow) -> Option<Answer> {
        let number = |index: usize| row.try_get(index).ok()??.parse::<f64>().ok();
        Some(Answer {
            sessions: Sessions {
                all: number(0)?,
                active: number(1)?,
                idle: number(2)?,
                idle_in_transaction: number(3)?,
                lock_waits: number(4)?,
                io_waits: number(5)?,
            },
            hidden: number(6)?,
            connection_limit: number(7)?,
            blocks: (number(8)?, number(9)?),
            transactions: number(10)?,
        })
    }

    /// Blocks since the last answer; what cannot be seen is not taken for none.
    fn usage(&self, before: Option<(f64, f64)>) -> DatabaseUsage {
        let added = before.map(|(hit, read)| (self.blocks.0 - hit, self.blocks.1 - read));
        let cache_hits = added.and_then(|(hit, read)| {
            (hit >= 0.0 && read >= 0.0 && hit + read > 0.0).then(|| hit / (hit + read))
        });
        DatabaseUsage {
            sessions: (self.hidden <= 0.0).then_some(self.sessions),
            connection_limit: Some(self.connection_limit),
            cache_hits,
            transactions: Some(self.transactions),
        }
    }
}

/// What was spent on each statement so far.
#[derive(Debug, Clone, PartialEq, Default)]
struct Entries {
    /// Where the extension is.
    schema: String,
    spent: HashMap<EntryId, Spent>,
}

/// Whose statement it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct EntryId {
    user: String,
    queryid: i64,
    toplevel: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Spent {
    calls: u64,
    total_ms: f64,
}

fn entry(row: &SimpleQueryRow) -> Option<(EntryId, Spent)> {
    let text = |index: usize| row.try_get(index).ok().flatten();
    let id = EntryId {
        user: text(0)?.to_owned(),
        queryid: text(1)?.parse().ok()?,
        toplevel: text(2)?.to_owned(),
    };
    Some((id, Spent { calls: text(3)?.parse().ok()?, total_ms: text(4)?.parse().ok()? }))
}

impl Entries {
    /// The statements that took most since, most first. One that counts less than before was
    /// forgotten meanwhile, and what it took is not known.
    fn since(&self, before: &Entries) -> Vec<(EntryId, Spent)> {
        let added = self.spent.iter().filter_map(|(id, now)| {
            let then = before.spent.get(id).copied().unwrap_or_default();
            let calls = now.calls.checked_sub(then.calls).filter(|calls| *calls > 0)?;
            Some((id.clone(), Spent { calls, total_ms: (now.total_ms - then.total_ms).max(0.0) }))
        });
        let mut added: Vec<(EntryId, Spent)> = added.collect();
        order::by(&mut added, |a, b| {
            b.1.total_ms.total_cmp(&a.1.total_ms).then(a.0.queryid.cmp(&b.0.queryid))
        });
        added.truncate(MOST_STATEMENTS + OWN);
        added
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(hidden: f64) -> Answer {
        let sessions = Sessions { all: 9.0, active: 3.0, ..Sessions::default() };
        let blocks = (1_000.0, 100.0);
        Answer { sessions, hidden, connection_limit: 100.0, blocks, transactions: 7.0 }
    }

    #[test]
    fn cache_hits_are_those_since_the_last_answer() {
        let hits = |before| answer(0.0).usage(before).cache_hits;
        assert_eq!(hits(None), None);
        assert_eq!(hits(Some((910.0, 90.0))), Some(0.9));
        assert_eq!(hits(Some((1_000.0, 100.0))), None, "nothing was wanted");
        assert_eq!(hits(Some((2_000.0, 0.0))), None, "the counters began anew");
    }

    #[test]
    fn sessions_that_are_hidden_are_not_taken_for_none() {
        assert_eq!(answer(0.0).usage(None).sessions.map(|it| it.active), Some(3.0));
        let usage = answer(2.0).usage(None);
        assert_eq!(usage.sessions, None);
        assert!(hidden(&usage).unwrap().contains("pg_monitor"));
    }

    fn entries(all: &[(i64, u64, f64)]) -> Entries {
        let id = |queryid| EntryId { user: "10".to_owned(), queryid, toplevel: "t".to_owned() };
        let spent = all.iter().map(|(queryid, calls, total_ms)| {
            (id(*queryid), Spent { calls: *calls, total_ms: *total_ms })
        });
        Entries { schema: "public".to_owned(), spent: spent.collect() }
    }

    #[test]
    fn statements_are_told_by_what_they_took_meanwhile() {
        let before = entries(&[(1, 100, 9_000.0), (2, 5, 10.0), (3, 50, 500.0), (4, 1, 1.0)]);
        let after =
            entries(&[(1, 110, 9_005.0), (2, 6, 90.0), (3, 2, 20.0), (4, 1, 1.0), (5, 3, 30.0)]);
        let found: Vec<(i64, u64, f64)> = after
            .since(&before)
            .into_iter()
            .map(|(id, spent)| (id.queryid, spent.calls, spent.total_ms))
            .collect();
        assert_eq!(found, [(2, 1, 80.0), (5, 3, 30.0), (1, 10, 5.0)]);
    }

    #[tokio::test]
    async fn a_connection_that_cannot_be_is_said_and_not_shown() {
        for (text, expected) in [
            ("host=/nonexistent/loadgate user=a password=s3cret", "error connecting to server"),
            ("postgres://a:s3cret@127.0.0.1:1/b", "error connecting to server"),
            ("postgres://a:s3cret@127.0.0.1:1/b?sslmode=require", "error connecting to server"),
            ("postgres://a:s3cret@127.0.0.1:1/b?sslmode=yes", "sslmode is disable, prefer"),
            ("host=", "the connection cannot be read"),
            ("s3cret", "the connection cannot be read"),
        ] {
            let mut database = Database::new(&Connection(text.to_owned()));
            let why = database.ask().await.unwrap_err();
            assert!(!why.contains("s3cret"), "{why}");
            assert!(why.contains(expected) || text == "host=", "{text}: {why}");
            assert_eq!(database.ask().await.unwrap_err(), why, "it is not asked again at once");
        }
    }
}
