//! Runs on disk, whole, killed, cut and changed.

use super::claim::Claim;
use super::*;
use crate::record::gauge;
use crate::record::handshakes::Handshakes;
use crate::record::histogram::Sparse;
use crate::record::interval::{Second, StepCounts, StepTimes};
use crate::record::outcome::Outcome;
use crate::record::phase::Phase;
use crate::record::run::EndReason;
use crate::record::sample_head;
use crate::record::series::{self, SeriesId};
use crate::record::step_head::StepHead;
use crate::record::telemetry::GeneratorSecond;
use crate::scenario::slots::Slots;

/// What is recorded of one request that took so long.
fn part(second: u32, series: u16, micros: u64) -> Part {
    let counts = StepCounts {
        planned: 1,
        sent: 1,
        outcomes: [1, 0, 0, 0, 0, 0, 0, 0],
        slower: vec![u64::from(micros >= 1_000_000)],
        statuses: vec![(200, 1)],
        ..StepCounts::default()
    };
    let one = |micros| Sparse::from_counts([(micros, 1)]);
    let times = StepTimes::of([
        (Phase::Response, one(micros)),
        (Phase::Least, one(micros)),
        (Phase::Service, one(micros)),
        (Phase::FirstByte, one(micros)),
        (Phase::SendLag, one(1)),
    ]);
    Part { second, series: SeriesId(series), counts, times }
}

/// A request that falls due and has not ended.
fn due(second: u32, series: u16) -> Part {
    let counts = StepCounts { planned: 1, sent: 1, ..StepCounts::default() };
    Part { second, series: SeriesId(series), counts, times: StepTimes::default() }
}

/// The end of a request that fell due before: it timed out.
fn timeout(second: u32, series: u16) -> Part {
    let mut part = part(second, series, 10_000_000);
    let none = Sparse::default;
    (part.counts.planned, part.counts.sent) = (0, 0);
    part.counts.outcomes = [0; Outcome::COUNT];
    part.counts.outcomes[Outcome::Timeout.index()] = 1;
    part.counts.statuses.clear();
    (part.times[Phase::Service], part.times[Phase::FirstByte]) = (none(), none());
    part
}

fn end() -> End {
    End {
        reason: EndReason::Finished,
        scheduled: 10.0,
        seconds: 2.5,
        abandoned: 0,
        iterations: 4,
        iterations_completed: 4,
        handshakes: Handshakes::default(),
        later_addresses: Vec::new(),
        teardown: None,
        faults: vec![],
        lost: vec![],
        watcher: None,
        statements: vec![],
    }
}

/// Two steps.
fn head() -> Head {
    let mut head = sample_head();
    head.steps.push(StepHead { name: "b".into(), ..head.steps[0].clone() });
    head.series = series::table(["a", "b"].map(str::to_owned));
    head
}

/// Adds the next tick of the only generator.
fn append(writer: &mut RunWriter, parts: &[Part]) {
    take(writer, parts.to_vec(), Vec::new());
}

fn append_generator(writer: &mut RunWriter, second: GeneratorSecond) {
    take(writer, Vec::new(), vec![second]);
}

fn take(writer: &mut RunWriter, parts: Vec<Part>, generator: Vec<GeneratorSecond>) {
    let claim = writer.head.resumed.len() as u32;
    let number = writer.merge.taken(claim);
    writer.take(&Tick { slots: Slots::all(1), claim, number, parts, generator });
}

fn written(folder: &Path) -> RunWriter {
    let mut writer = RunWriter::create(folder, head()).unwrap();
    append(&mut writer, &[part(0, 0, 100), part(0, 1, 5_000)]);
    append_generator(&mut writer, GeneratorSecond { second: 0, cpu: 0.25, ..Default::default() });
    let seen = [(&gauge::RSS, 7.0)];
    writer.append_target(TargetSecond::of(0, &gauge::BEFORE_4, seen));
    append(&mut writer, &[part(0, 0, 2_000_000), part(1, 0, 100)]);
    writer
}

/// The seconds of the lines of an interval log, in their order.
fn starts(folder: &Path) -> Vec<u32> {
    let log = fs::read_to_string(folder.join(LOG_FILE)).unwrap();
    let lines = log.lines().filter_map(|line| line.strip_prefix("Tag="));
    lines.map(|line| line.split(',').nth(1).unwrap().parse::<f64>().unwrap() as u32).collect()
}

/// Reads a folder, or says why not: the words and the advice.
fn refusal(folder: &Path) -> String {
    let error = read(folder).unwrap_err();
    format!("{error} | {}", error.advice())
}

#[test]
fn a_finished_run_is_read_as_it_was_returned() {
    let folder = tempfile::tempdir().unwrap();
    let record = written(folder.path()).finish(end()).unwrap();
    assert_eq!(record.seconds.get(0).unwrap().unpack().counts[0].planned, 2);
    assert_eq!(record.seconds.get(0).unwrap().unpack().times[0][Phase::Response].count(), 2);
    assert_eq!(read(folder.path()).unwrap(), record);
    assert_eq!(read(&folder.path().join(RUN_FILE)).unwrap(), record);
    assert!(!folder.path().join(JOURNAL_FILE).exists());
}

#[test]
fn a_killed_run_keeps_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    drop(written(folder.path()));
    let path = folder.path().join(JOURNAL_FILE);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 9]).unwrap();
    let record = read(folder.path()).unwrap();
    assert_eq!(record.end, None);
    assert_eq!(record.seconds.get(0).unwrap().unpack().counts[1].planned, 1);
    assert_eq!(record.generator.len(), 1);
    assert!(record.seconds.get(1).is_none(), "the torn line is left out");
}

/// A minute in which each second has a request that is answered at once and one that is
/// answered by none for ten seconds, as they come to the writer.
fn minute(writer: &mut RunWriter, seconds: u32) {
    for now in 0..seconds {
        append(writer, &[part(now, 0, 100), due(now, 1)]);
        if let Some(then) = now.checked_sub(10) {
            append(writer, &[timeout(then, 1)]);
        }
        append_generator(writer, GeneratorSecond { second: now, ..Default::default() });
    }
}

#[test]
fn the_log_is_in_order_at_every_moment_though_requests_time_out_late() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = RunWriter::create(folder.path(), head()).unwrap();
    minute(&mut writer, 40);
    let (there, last) = (starts(folder.path()), 29);
    assert!(there.is_sorted() && there.last() == Some(&last), "{there:?}");
    assert!(writer.log_holds() <= 11, "{} seconds are held back", writer.log_holds());
    // Killed now, it has all there is once it is reported.
    drop(writer);
    let record = read(folder.path()).unwrap();
    assert_eq!(record.seconds.len(), 40);
    assert_eq!(record.seconds.get(29).unwrap().unpack().times[1][Phase::Response].count(), 1);
    let before = fs::read_to_string(folder.path().join(LOG_FILE)).unwrap();
    complete_log(folder.path(), &record).unwrap();
    let after = fs::read_to_string(folder.path().join(LOG_FILE)).unwrap();
    assert!(after.starts_with(&before) && after.len() > before.len());
    let there = starts(folder.path());
    assert!(there.is_sorted() && there.last() == Some(&39), "{there:?}");
    assert_eq!(read(folder.path()).unwrap(), record);
}

#[test]
fn at_the_end_the_log_is_whole_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = RunWriter::create(folder.path(), head()).unwrap();
    minute(&mut writer, 40);
    (30..40).for_each(|then| append(&mut writer, &[timeout(then, 1)]));
    let record = writer.finish(End { seconds: 41.0, ..end() }).unwrap();
    assert_eq!(starts(folder.path()), (0..40).flat_map(|s| [s; 8]).collect::<Vec<_>>());
    assert_eq!(read(folder.path()).unwrap(), record);
}

/// A worker that stood still tells of a second long after the others.
#[test]
fn what_comes_too_late_for_its_place_is_put_there_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = RunWriter::create(folder.path(), head()).unwrap();
    for now in 0..20 {
        append(&mut writer, &[part(now, 0, 100)]);
    }
    append(&mut writer, &[part(3, 1, 50), part(0, 0, 70)]);
    append(&mut writer, &[part(20, 0, 100), part(21, 0, 100)]);
    let there = starts(folder.path());
    assert!(there.is_sorted(), "{there:?}");
    append_generator(&mut writer, GeneratorSecond { second: 21, ..Default::default() });
    let killed = tempfile::tempdir().unwrap();
    for name in [RUN_FILE, LOG_FILE, JOURNAL_FILE] {
        fs::copy(folder.path().join(name), killed.path().join(name)).unwrap();
    }
    let record = writer.finish(End { seconds: 22.0, ..end() }).unwrap();
    let there = starts(folder.path());
    assert!(there.is_sorted() && there.len() == 24 * 5, "{there:?}");
    assert_eq!(read(folder.path()).unwrap(), record);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left over");
    let before = read(killed.path()).unwrap();
    assert_eq!(before.seconds, record.seconds);
    complete_log(killed.path(), &before).unwrap();
    assert_eq!(read(killed.path()).unwrap(), before);
    let [whole, completed] = [&folder, &killed].map(|it| fs::read(it.path().join(LOG_FILE)));
    assert_eq!(whole.unwrap(), completed.unwrap());
}

#[test]
fn a_request_that_never_ends_does_not_hold_up_the_log_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = RunWriter::create(folder.path(), head()).unwrap();
    append(&mut writer, &[due(0, 1)]);
    for now in 0..100 {
        append(&mut writer, &[part(now, 0, 100)]);
        assert!(writer.log_holds() <= 17, "the limit is 10 s");
    }
    assert_eq!(starts(folder.path()).last(), Some(&97));
}

/// What is left of a killed run when one of its files ends somewhere else: nothing but its
/// last second may be lacking, or it is refused.
#[test]
fn wherever_a_file_of_a_killed_run_ends_only_its_last_second_is_lacking() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = RunWriter::create(folder.path(), sample_head()).unwrap();
    (0..4).for_each(|second| append(&mut writer, &[part(second, 0, 100)]));
    drop(writer);
    let whole = read(folder.path()).unwrap();
    for name in [JOURNAL_FILE, LOG_FILE] {
        let path = folder.path().join(name);
        let bytes = fs::read(&path).unwrap();
        let mut shortest = bytes.len();
        // Each byte of the last lines, and one of seven before them.
        let near = bytes.len() - 400;
        for length in (0..bytes.len()).rev().filter(|it| *it > near || it % 7 == 0) {
            fs::write(&path, &bytes[..length]).unwrap();
            let Ok(record) = read(folder.path()) else { continue };
            shortest = length;
            // The log has two seconds less than the journal, and no more is insisted on.
            let least = if name == LOG_FILE { 4 } else { 2 };
            assert!(record.seconds.len() >= least, "{name} cut to {length}");
            for found in record.seconds.iter() {
                let expected = whole.seconds.get(found.second()).unwrap().unpack();
                assert_eq!(found.unpack(), expected, "{name} cut to {length}");
            }
        }
        assert!(shortest < bytes.len() - 20, "{name}: the last line may be torn");
        fs::remove_file(&path).unwrap();
        assert!(refusal(folder.path()).contains("missing; "), "{name}");
        fs::write(&path, &bytes).unwrap();
    }
}

#[test]
fn a_log_without_seconds_that_its_journal_promises_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = RunWriter::create(folder.path(), head()).unwrap();
    minute(&mut writer, 30);
    drop(writer);
    let path = folder.path().join(LOG_FILE);
    let log = fs::read_to_string(&path).unwrap();
    // Seconds 0 to 19 are there, eight lines each, behind four of the header.
    for (lines, refused) in [(4, true), (4 + 8 * 10, true), (4 + 8 * 18, true), (4 + 8 * 19, false)]
    {
        let cut: String = log.split_inclusive('\n').take(lines).collect();
        fs::write(&path, cut).unwrap();
        assert_eq!(read(folder.path()).is_err(), refused, "{lines} lines");
    }
    fs::write(&path, log.split_inclusive('\n').take(50).collect::<String>()).unwrap();
    let told = refusal(folder.path());
    assert!(told.contains("intervals.hlog: second 5 of step \"b\": 0 of 1 times"), "{told}");
    assert!(told.contains("run the scenario again"), "{told}");
}

#[test]
fn a_journal_without_what_the_log_has_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = RunWriter::create(folder.path(), head()).unwrap();
    minute(&mut writer, 30);
    drop(writer);
    let path = folder.path().join(JOURNAL_FILE);
    let journal = fs::read_to_string(&path).unwrap();
    let half: String = journal.split_inclusive('\n').take(40).collect();
    fs::write(&path, half).unwrap();
    let told = refusal(folder.path());
    assert!(
        told.contains("seconds.jsonl: second ") && told.contains(": 0 times of the kind"),
        "{told}"
    );
    let changed = journal.replacen("\"planned\":1", "\"planned\":0", 1);
    fs::write(&path, changed).unwrap();
    let told = refusal(folder.path());
    assert!(told.contains("second 0 of step \"a\": 1 requests ended, 0 were due"), "{told}");
    fs::write(&path, journal.replacen("},\"log\":[\"Tag=a.resp", "},\"log\":[\"Tag=b.resp", 1))
        .unwrap();
    let told = refusal(folder.path());
    assert!(told.contains("line 1: a histogram of another series or second"), "{told}");
}

/// Up to version 2 counts were in the journal and histograms in the log, as they came.
#[test]
fn a_killed_run_of_version_2_is_read_and_its_last_part_may_lack_its_counts() {
    let folder = tempfile::tempdir().unwrap();
    let mut head = head();
    head.version = 2;
    write_run(folder.path(), &empty(&head, None, Seconds::default()), Durable::Eventually).unwrap();
    let parts = [part(3, 0, 100), part(0, 1, 70), part(3, 0, 90), part(4, 1, 60)];
    let (mut journal, mut log) = (Vec::new(), LogEncoder::header("a", 0));
    let mut encoder = LogEncoder::default();
    for Part { second, series, counts, times } in parts {
        encoder.append(&mut log, ["a", "b"][series.index()], second, &times);
        journal.extend(Entry::Counts { second, series: series.0, counts, log: None }.line());
    }
    let (counts, lines) = (folder.path().join(JOURNAL_FILE), folder.path().join(LOG_FILE));
    fs::write(&counts, &journal).unwrap();
    fs::write(&lines, &log).unwrap();
    let whole = read(folder.path()).unwrap();
    assert_eq!(whole.seconds.get(3).unwrap().unpack().times[0][Phase::Response].count(), 2);
    let before = journal[..journal.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap();
    fs::write(&counts, &journal[..=before]).unwrap();
    let last = log.split_inclusive('\n').rev().take(5).map(str::len).sum::<usize>();
    for more in 0..=last {
        fs::write(&lines, &log[..log.len() - last + more]).unwrap();
        let record = read(folder.path()).unwrap();
        assert_eq!(
            record.seconds.iter().map(|it| it.second()).collect::<Vec<_>>(),
            [0, 3],
            "{more} bytes of it"
        );
    }
    fs::write(&lines, &log[..log.len() - last - 20]).unwrap();
    assert!(refusal(folder.path()).contains("second 3 of step \"a\""), "two parts are lacking");
}

#[test]
fn damage_is_told_with_the_file_and_the_line() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path()).finish(end()).unwrap();
    let log = folder.path().join(LOG_FILE);
    let text = fs::read_to_string(&log).unwrap().replace("Tag=b.response,0", "Tag=b.weather,0");
    fs::write(&log, text).unwrap();
    let message = read(folder.path()).unwrap_err().to_string();
    assert!(message.contains("intervals.hlog: line 10: a tag with an unknown kind"), "{message}");
}

#[test]
fn wherever_the_log_of_a_finished_run_ends_too_early_it_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path()).finish(end()).unwrap();
    let path = folder.path().join(LOG_FILE);
    let log = fs::read(&path).unwrap();
    for length in (0..log.len() - 1).filter(|it| *it > log.len() - 200 || it % 5 == 0) {
        fs::write(&path, &log[..length]).unwrap();
        assert!(read(folder.path()).is_err(), "{length} of {} bytes", log.len());
    }
    let text = String::from_utf8(log).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    for at in 4..lines.len() {
        let without: String = [&lines[..at], &lines[at + 1..]].concat().concat();
        fs::write(&path, without).unwrap();
        assert!(refusal(folder.path()).contains("in the histogram"), "without line {}", at + 1);
        let twice: String = [&lines[..=at], &lines[at..]].concat().concat();
        fs::write(&path, twice).unwrap();
        assert!(refusal(folder.path()).contains("in the histogram"), "line {} twice", at + 1);
    }
    fs::remove_file(&path).unwrap();
    let told = refusal(folder.path());
    assert!(told.contains("intervals.hlog: missing; the times of all requests"), "{told}");
    fs::create_dir(&path).unwrap();
    assert!(refusal(folder.path()).contains("intervals.hlog: not a file"));
}

#[test]
fn what_is_tried_out_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    try_out(folder.path(), &sample_head()).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let nowhere = folder.path().join("nowhere");
    assert!(try_out(&nowhere, &sample_head()).is_err());
}

/// What was planned for a year and interrupted at once is as long as it was.
#[test]
fn a_run_that_was_cut_short_claims_only_what_was_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut head = sample_head();
    head.load.stages[0].seconds = 31_536_000.0;
    let mut end = end();
    end.reason = EndReason::Interrupted { signal: 2 };
    RunWriter::create(folder.path(), head).unwrap().finish(end).unwrap();
    assert!(read(folder.path()).is_ok());
}

/// One place of `run.json` changed, and a part of what is said of it.
const CHANGES: [(&str, &str, &str); 49] = [
    ("\"version\":6", "\"version\":99", "newer than this loadgate"),
    ("\"version\":6", "\"version\":1", "older loadgate"),
    ("{\"version\"", "[{\"version\"", "not a run record"),
    ("\"second\":1,\"series\"", "\"second\":4000000000,\"series\"", "beyond all reason"),
    ("\"second\":1,\"series\"", "\"second\":0,\"series\"", "seconds out of order"),
    ("\"planned\":2", "\"planned\":18446744073709551615", "a count beyond all reason"),
    ("\"planned\":2", "\"planned\":1", "2 requests ended, 1 were due"),
    ("\"planned\":2", "\"planned\":9", "7 requests have no outcome, but 0 were given up"),
    ("\"sent\":2", "\"sent\":3", "3 requests sent, 2 were due"),
    ("\"outcomes\":[2,", "\"outcomes\":[1,", "1 requests counted, 2 in the histogram \"response\""),
    ("\"outcomes\":[2,0", "\"outcomes\":[0,2", "0 requests counted, 2 in the histogram"),
    ("\"slower\":[1]", "\"slower\":[0]", "0 requests counted as slower than 1s, 1 to 1 by"),
    ("\"slower\":[1]", "\"slower\":[]", "0 counts of slow requests for 1 limits"),
    ("\"statuses\":[[200,2]]", "\"statuses\":[]", "0 statuses of 2 to 2 answers"),
    ("\"statuses\":[[200,2]]", "\"statuses\":[[7,2]]", "statuses that are none"),
    ("\"statuses\":[[200,2]]", "\"statuses\":[[200,1],[200,1]]", "statuses that are none"),
    ("\"body_bytes\":0", "\"body_bytes\":9007199254740993", "a count beyond all reason"),
    ("\"connects\":0", "\"connects\":1", "1 connections waited for, 0 in the histogram"),
    ("\"seconds\":10.0", "\"seconds\":-10.0", "a stage of less than no time"),
    ("\"seconds\":10.0", "\"seconds\":20.0", "finished after 10 s of a schedule of 20 s"),
    ("\"seconds\":10.0", "\"seconds\":1e300", "a stage of 1"),
    ("\"from\":1.0", "\"from\":-1.0", "a stage with a rate of -1/s"),
    (
        "\"stages\":[{\"seconds\":10.0,\"from\":1.0,\"to\":1.0,\"warmup\":false}]",
        "\"stages\":[]",
        "a run without stages",
    ),
    ("[{\"second\":0,\"cpu\"", "[{\"second\":4000000000,\"cpu\"", "a run of 4000000000 s"),
    ("\"cpu\":0.25", "\"cpu\":-0.25", "second 0 of the generator is beyond all reason"),
    ("\"cpu\":0.25", "\"cpu\":null", "not a run record"),
    ("\"scheduled\":10.0", "\"scheduled\":3.0", "finished after 3 s"),
    ("\"scheduled\":10.0", "\"scheduled\":1e300", "ended after 2.5 s, 1"),
    ("\"seconds\":2.5", "\"seconds\":9.5", "nothing is known of the generator after second 1"),
    ("\"iterations\":4", "\"iterations\":3", "4 of 3 iterations completed"),
    ("\"abandoned\":0", "\"abandoned\":5", "0 requests have no outcome, but 5 were given up"),
    ("\"quantile\":0.5", "\"quantile\":1.5", "a quantile of 1.5"),
    ("\"quantile\":0.5", "\"quantile\":0.25", "a quantile of 0.25, but 0.5 are allowed"),
    ("\"threshold\":0", "\"threshold\":1", "threshold 1 is not there"),
    ("\"allowed\":0.5", "\"allowed\":1.5", "a share of 1.5 is allowed"),
    ("\"allowed\":0.5", "\"allowed\":-0.5", "a share of -0.5 is allowed"),
    ("\"step\":null", "\"step\":2", "of a step that is not there"),
    ("\"windows\":null", "\"windows\":{\"share\":0.0,\"seconds\":1}", "windows of 1 s, 0 of them"),
    (
        "\"windows\":null",
        "\"windows\":{\"share\":0.5,\"seconds\":1}",
        "is not what its numbers say",
    ),
    ("p50 < 1s", "p50 < 2s", "\"p50 < 2s\": is not what its numbers say"),
    ("\"limit_ns\":1000000000", "\"limit_ns\":0", "a threshold of no time"),
    ("\"limit_ns\":1000000000", "\"limit_ns\":3000000000", "is not what its numbers say"),
    (
        "\"thresholds\":[{\"limit_ns\":1000000000,\"inclusive\":false}]",
        "\"thresholds\":[]",
        "threshold 0 is not there",
    ),
    ("\"tag\":\"b\"", "\"tag\":\"a\"", "\"a\" is no tag of a series of its own"),
    ("\"step\":1,\"tag\"", "\"step\":2,\"tag\"", "a series of step 2 of only 2"),
    ("\"step\":1,\"tag\"", "\"step\":0,\"tag\"", "a step without a series"),
    ("\"count\":1", "\"count\":2", "generators that share slots, or have none of the load's"),
    ("\"of\":1", "\"of\":0", "generators that share slots, or have none of the load's"),
    ("{\"second\":0,\"cpu\"", "{\"second\":0,\"generator\":1,\"cpu\"", "a generator that is not"),
];

#[test]
fn foreign_and_changed_records_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path()).finish(end()).unwrap();
    let path = folder.path().join(RUN_FILE);
    let text = fs::read_to_string(&path).unwrap();
    for (from, to, what) in CHANGES {
        assert!(text.contains(from), "{from} is not in {text}");
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let message = read(folder.path()).unwrap_err().to_string();
        assert!(message.contains(what), "{from} -> {to}: {message}");
    }
}

/// As version 4 wrote it: each step has its tag, and the machine is that of the only generator.
fn as_version_4(new: &mut serde_json::Value) {
    new["version"] = 4.into();
    let whole = new.as_object_mut().unwrap();
    let series = whole.remove("series").unwrap();
    let generators = whole.remove("generators").unwrap();
    whole.insert("environment".to_owned(), generators[0]["environment"].clone());
    for (place, step) in whole["steps"].as_array_mut().unwrap().iter_mut().enumerate() {
        step["tag"] = series[place]["tag"].clone();
    }
    for second in whole["seconds"].as_array_mut().unwrap() {
        let counts = second.as_object_mut().unwrap().remove("series").unwrap();
        second["steps"] = counts;
    }
}

/// As version 3 wrote it: without a table of gauges, each with a field of its own.
fn as_version_3(new: &mut serde_json::Value) {
    as_version_4(new);
    new["version"] = 3.into();
    new.as_object_mut().unwrap().remove("gauges");
    new["target_seconds"] = serde_json::json!([{ "second": 0, "cpu": null, "rss": 7,
        "descriptors": null, "threads": null, "event_loop_delay": null, "pool_in_use": null,
        "pool_waiting": null, "scrape_error": null }]);
}

#[test]
fn a_record_of_an_older_version_is_read_as_what_it_would_be_today() {
    let folder = tempfile::tempdir().unwrap();
    let mut expected = written(folder.path()).finish(end()).unwrap();
    let path = folder.path().join(RUN_FILE);
    let new: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for (version, age) in [(4, as_version_4 as fn(&mut serde_json::Value)), (3, as_version_3)] {
        let mut old = new.clone();
        age(&mut old);
        fs::write(&path, old.to_string()).unwrap();
        expected.head.version = version;
        assert_eq!(read(folder.path()).unwrap(), expected, "version {version}");
    }
}

/// Every list and every object of `run.json` emptied, one after the other.
#[test]
fn emptied_lists_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path()).finish(end()).unwrap();
    let path = folder.path().join(RUN_FILE);
    let whole: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for key in
        ["steps", "load", "slos", "thresholds", "limits", "generators", "series", "end", "seconds"]
    {
        for empty in [serde_json::json!([]), serde_json::json!({}), serde_json::Value::Null] {
            let mut changed = whole.clone();
            changed[key] = empty.clone();
            fs::write(&path, changed.to_string()).unwrap();
            assert!(read(folder.path()).is_err(), "{key}: {empty}");
        }
        let mut changed = whole.clone();
        changed.as_object_mut().unwrap().remove(key);
        fs::write(&path, changed.to_string()).unwrap();
        assert!(read(folder.path()).is_err(), "without {key}");
    }
}

/// A few bytes must not become more memory than a machine has.
#[test]
fn few_bytes_do_not_claim_much_memory() {
    let folder = tempfile::tempdir().unwrap();
    let mut head = sample_head();
    head.steps = vec![head.steps[0].clone(); 60_000];
    head.series = series::table((0..60_000).map(|number| format!("s{number}")));
    let mut record = empty(&head, Some(end()), Seconds::default());
    record.seconds = (0..100).map(|second| (second, Second::default())).collect();
    write_run(folder.path(), &record, Durable::Eventually).unwrap();
    let told = refusal(folder.path());
    assert!(told.contains("100 s of 60000 series are more than can be judged at once"), "{told}");
    record.head.steps.truncate(2);
    record.head.series.truncate(2);
    record.seconds = (0..50).map(|second| (second, Second::default())).collect();
    write_run(folder.path(), &record, Durable::Eventually).unwrap();
    assert!(refusal(folder.path()).contains("intervals.hlog: missing"), "that is not too much");
}

/// Goes on from a second with one request of each of so many, and is killed or ends.
fn gone_on(folder: &Path, from: u32, to: u32) -> RunWriter {
    let record = read(folder).unwrap();
    let files = reopen::Reopened::of(folder, &record, from, Claim::of(folder)).unwrap();
    assert_eq!(read(folder).unwrap(), record, "until it begins it is what it was");
    let mut head = record.head;
    head.resumed.push(Resumed { from, ..Resumed::default() });
    let mut writer = files.begin(head).unwrap();
    for second in from..to {
        append(&mut writer, &[part(second, 0, 300)]);
        append_generator(&mut writer, GeneratorSecond { second, ..Default::default() });
    }
    writer
}

#[track_caller]
fn has_seconds(record: &RunRecord, folder: &Path, to: u32) {
    let planned: Vec<u64> = record.seconds.iter().map(|it| it.counts()[0].planned).collect();
    let expected: Vec<u64> = (0..to).map(|second| if second == 0 { 2 } else { 1 }).collect();
    assert_eq!(planned, expected);
    let times = record.seconds.iter().map(|it| it.times().of_series(Phase::Response, 0).count());
    assert_eq!(times.collect::<Vec<_>>(), expected, "counts and histograms");
    assert!(starts(folder).is_sorted());
    assert!(record.generator.is_sorted_by(|a, b| a.second < b.second));
}

#[test]
fn a_killed_run_goes_on_and_may_be_killed_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    drop(written(folder));
    for file in [JOURNAL_FILE, LOG_FILE] {
        let path = folder.join(file);
        let torn = [fs::read(&path).unwrap().as_slice(), b"{\"counts\":{\"second\":3"].concat();
        fs::write(&path, torn).unwrap();
    }
    drop(gone_on(folder, 2, 5));
    has_seconds(&read(folder).unwrap(), folder, 5);
    let record = gone_on(folder, 5, 9).finish(end()).unwrap();
    has_seconds(&record, folder, 9);
    assert_eq!(read(folder).unwrap(), record);
    assert_eq!(starts(folder).last(), Some(&8));
    assert_eq!(record.head.resumed.len(), 2);
}

#[test]
fn an_interrupted_run_goes_on_without_what_came_after_it_was_told_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut writer = written(folder);
    append_generator(&mut writer, GeneratorSecond { second: 3, ..Default::default() });
    let reason = EndReason::Interrupted { signal: 2 };
    let whole = writer.finish(End { reason, scheduled: 1.5, ..end() }).unwrap();
    assert_eq!(whole.generator.len(), 2);
    drop(gone_on(folder, 2, 4));
    has_seconds(&read(folder).unwrap(), folder, 4);
    let record = gone_on(folder, 4, 7).finish(end()).unwrap();
    has_seconds(&record, folder, 7);
    assert_eq!(read(folder).unwrap(), record);
    assert_eq!(record.target.len(), 1);
}

#[test]
fn a_run_under_way_is_known_as_such() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Claim::of(folder.path()).is_some());
    let writer = written(folder.path());
    assert!(Claim::of(folder.path()).is_none());
    drop(writer);
    assert!(Claim::of(folder.path()).is_some());
    let writer = gone_on(folder.path(), 2, 3);
    assert!(Claim::of(folder.path()).is_none());
    writer.finish(end()).unwrap();
    let ended = Claim::of(folder.path()).unwrap();
    assert!(
        Claim::of(folder.path()).is_none(),
        "one that goes on with it keeps it from its look at the record on"
    );
    drop(ended);
    assert!(Claim::of(folder.path()).is_some());
}

#[test]
fn what_failed_before_is_kept() {
    use crate::record::exchange::tests::exchange;
    let folder = tempfile::tempdir().unwrap();
    let mut writer = written(folder.path());
    (0..3).for_each(|_| writer.failures.append(exchange(0, 500)));
    drop(writer);
    let mut writer = gone_on(folder.path(), 2, 3);
    writer.failures.append(exchange(0, 500));
    writer.failures.append(exchange(0, 503));
    let record = writer.finish(end()).unwrap();
    let expected = [vec![exchange(0, 500); 3], vec![exchange(0, 503)]].concat();
    assert_eq!(record.failures.exchanges, expected);
}
