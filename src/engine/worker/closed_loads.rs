//! Closed loads, played in simulated time: who is ready when, and what a slow target gets.

use crate::engine::transport::simulated::{Deed, Request, WAY, World};
use crate::engine::worker::simulation::{MS, Played, Simulation, answering, serving_in_turn};
use crate::record::outcome::Outcome;
use crate::record::sample::Sample;
use crate::units::Moment;

const STEP: &str = r#"{"name": "get", "request": "GET /{{user}}/{{iteration}}"}"#;

fn simulation(world: &World, steps: &str, users: &str) -> Simulation {
    let stages = format!(r#"{{"for": "1s", "users": {users}}}"#);
    Simulation::new(world.clone(), steps, "{}", &stages)
}

fn play(world: &World, steps: &str, users: &str) -> Played {
    simulation(world, steps, users).play()
}

/// The users of the requests that came, in their order.
fn users(world: &World) -> Vec<u32> {
    let of = |request: Request| request.text.split('/').nth(1)?.parse().ok();
    world.requests().into_iter().filter_map(of).collect()
}

#[test]
fn a_user_is_ready_when_the_answer_before_has_come() {
    let played = play(&answering(9 * MS), STEP, "1");
    assert_eq!(played.samples[0].intended, Moment(0));
    for pair in played.samples.windows(2) {
        assert_eq!(pair[1].intended, pair[0].ended, "{pair:?}");
        assert_eq!(pair[1].sent, Some(pair[1].intended), "at once");
    }
    assert!((110..=112).contains(&played.samples.len()), "{}", played.samples.len());
    let all = played.samples.len() as u32;
    assert_eq!(played.counts, [all, all, 0]);
}

#[test]
fn who_waits_for_others_waits_in_the_targets_time() {
    let played = play(&serving_in_turn(10 * MS), STEP, "4");
    let settled = |sample: &&Sample| (200 * MS..950 * MS).contains(&sample.intended.0);
    for sample in played.samples.iter().filter(settled) {
        let took = sample.response_time() / (MS / 10);
        assert!((400..=401).contains(&took), "four at 10 ms each: {sample:?}");
        assert_eq!(sample.send_lag, 0);
    }
    assert!((96..=104).contains(&played.samples.len()), "{}", played.samples.len());
}

#[test]
fn thinking_is_part_of_the_round_and_not_of_the_response_time() {
    let think = format!(r#"{STEP}, {{"think": "90ms"}}"#);
    let played = play(&answering(10 * MS - WAY), &think, "2");
    assert!((20..=21).contains(&played.samples.len()), "{}", played.samples.len());
    assert!(played.samples.iter().all(|sample| sample.response_time() < 11 * MS));
}

#[test]
fn who_fails_thinks_as_if_he_had_not() {
    let refusal = b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n";
    let world = World::new(move |_| vec![(10 * MS - WAY, Deed::Say(refusal.to_vec()))]);
    let think =
        format!(r#"{STEP}, {{"think": "40ms"}}, {{"request": "GET /b"}}, {{"think": "50ms"}}"#);
    let played = play(&world, &think, "2");
    assert!((20..=21).contains(&played.samples.len()), "{}", played.samples.len());
    assert!(played.samples.iter().all(|sample| sample.outcome == Outcome::ServerError));
}

#[test]
fn a_user_logs_in_once_and_keeps_what_he_got() {
    let world = World::new(|request: &Request| {
        let user = request.text.split('/').nth(1).unwrap_or_default().to_owned();
        let body = format!("{{\"id\":\"{user}\"}}");
        let text = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        vec![(MS, Deed::Say(text.into_bytes()))]
    });
    let steps = r#"{"name": "login", "request": "POST /{{user}}/login", "once": true,
         "extract": {"id": "$.id"}}, {"name": "get", "request": "GET /{{user}}/{{id}}"},
        {"think": "20ms"}"#;
    play(&world, steps, "7");
    let texts: Vec<String> = world.requests().into_iter().map(|request| request.text).collect();
    let mut logins: Vec<&str> =
        texts.iter().filter(|text| text.contains("/login")).map(|text| &text[..7]).collect();
    logins.sort_unstable();
    let each: Vec<String> = (1..=7).map(|user| format!("POST /{user}")).collect();
    assert_eq!(logins, each);
    for text in texts.iter().filter(|text| text.starts_with("GET")) {
        let mut parts = text.split(['/', ' ']).skip(2);
        assert_eq!(parts.next(), parts.next(), "{text}");
    }
    assert!(texts.len() > 200);
}

#[test]
fn a_target_that_stands_still_gets_one_request_of_each_user_and_that_is_slow() {
    let world = World::new(|request: &Request| {
        let thawed = (800 * MS).saturating_sub(request.at.0);
        let is_frozen = (300 * MS..800 * MS).contains(&request.at.0);
        vec![(if is_frozen { thawed } else { MS }, crate::engine::worker::simulation::answer())]
    });
    let played = play(&world, STEP, "5");
    let slow = played.samples.iter().filter(|sample| sample.response_time() > 100 * MS);
    assert_eq!(slow.count(), 5);
    let meanwhile =
        played.samples.iter().filter(|sample| (302 * MS..799 * MS).contains(&sample.intended.0));
    assert_eq!(meanwhile.count(), 0, "nobody else comes");
    assert_eq!(played.counts[0], played.samples.len() as u32);
}

#[test]
fn a_target_that_hangs_gets_one_request_of_each_user_in_a_time_limit() {
    let step = r#"{"name": "get", "request": "GET /", "timeout": "300ms"}"#;
    let played = play(&World::new(|_| vec![]), step, "3");
    assert!(played.samples.iter().all(|sample| sample.outcome == Outcome::Timeout));
    assert_eq!(played.counts, [12, 12, 0]);
}

#[test]
fn the_generators_own_lateness_is_felt_and_counts() {
    let world = answering(9 * MS).stall(Moment(500 * MS), 60 * MS);
    let played = play(&world, STEP, "1");
    let late: Vec<_> = played.samples.iter().filter(|sample| sample.send_lag > 20 * MS).collect();
    assert_eq!(late.len(), 1, "the one whose answer lay unread");
    assert!(late[0].response_time() > 30 * MS, "{:?}", late[0]);
    assert!(late[0].lag_felt >= late[0].send_lag);
}

#[test]
fn the_users_of_a_ramp_come_one_after_the_other() {
    let world = answering(9 * MS);
    play(&world, STEP, r#""1 -> 10""#);
    let users = users(&world);
    let firsts: Vec<usize> =
        (1..=10).filter_map(|user| users.iter().position(|found| *found == user)).collect();
    assert!(firsts.len() == 10 && firsts.is_sorted(), "{firsts:?}");
    // Half of what ten users do from the beginning on.
    assert!((500..=650).contains(&users.len()), "{}", users.len());
}

#[test]
fn a_run_that_is_stopped_leaves_nothing_of_what_was_sent_out() {
    let world = answering(50 * MS);
    let simulation = simulation(&world, STEP, "4");
    simulation.stop(std::time::Duration::from_millis(30));
    let played = simulation.play();
    let [planned, sent, missed] = played.counts;
    assert!(planned <= 4 && sent + missed == planned, "{:?}", played.counts);
}
