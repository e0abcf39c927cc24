//! A worker's iterations: from the arrival through the actions of a flow to the end.

use crate::engine::answer::{Answer, Conclusion, conclude};
use crate::engine::checks::Known;
use crate::engine::drawn;
use crate::engine::exchange::Exchange;
use crate::engine::iteration::{Activity, Attempt, Iteration};
use crate::engine::timers::Wait;
use crate::engine::way::{self, Next};
use crate::engine::worker::Worker;
use crate::engine::worker::patience::is_followed_at_once;
use crate::record::outcome::{Cause, Outcome};
use crate::record::sample::Sample;
use crate::record::series::SeriesKey;
use crate::scenario::course::OnFailure;
use crate::scenario::model::{Flow, Step, StepId, TenantId};
use crate::schedule::{Arrival, Choices};
use crate::units::Moment;

impl Worker {
    /// Starts an iteration, or records why it could not be started.
    pub(super) fn start(&mut self, arrival: Arrival) {
        let mut choices = Choices::new(self.plan.scenario.load.seed, arrival.index);
        let flow = self.pick_flow(&mut choices, arrival);
        let member = self.member(flow, arrival);
        let user = match self.source.user_of(arrival.index) {
            None => self.users.take_of(member.pool),
            Some(place) => self.users.seat(place),
        };
        let refused = (flow, member.tenant);
        let Some(user) = user else { return self.refuse(refused, arrival.at, &Answer::NoUser) };
        let member = self.member_with(flow, user, member);
        if let Some(missing) = self.missing_row(flow, user, arrival) {
            return self.without_row(missing, (user, member), arrival);
        }
        self.name_tenant(user);
        self.ledger.totals.iterations += 1;
        let iteration = self.iterations.insert(Iteration {
            user,
            flow,
            member,
            next: 0,
            counters: Vec::new(),
            number: self.number(arrival),
            drawn_from: choices.clone(),
            kept: choices.clone(),
            choices,
            due: arrival.at,
            ticket: 0,
            activity: Activity::Thinking,
            exchange: Exchange::new(StepId(0), arrival.at, 0, arrival.at),
            is_hurried: false,
            has_failed: false,
            has_looked: false,
            attempt: Attempt::First,
        });
        self.users[user].forget(&self.plan.scenario.flows[flow].fleeting);
        self.proceed(iteration);
    }

    /// The flow that the iteration of an arrival walks through.
    fn pick_flow(&self, choices: &mut Choices, arrival: Arrival) -> usize {
        drawn::flow(&self.plan.scenario, self.noise.as_ref(), arrival, choices)
    }

    /// The number of an arrival's iteration.
    pub(super) fn number(&self, arrival: Arrival) -> u64 {
        self.plan.purpose.iterations_from() + arrival.index + 1
    }

    /// All allowed users are busy, or there is no row of data: the iteration's first request was due
    /// and is not sent.
    pub(super) fn refuse(
        &mut self,
        (flow, tenant): (usize, TenantId),
        due: Moment,
        why: &Answer<'_>,
    ) {
        let Some(step) = drawn::first_step(&self.plan.scenario, flow) else { return };
        self.ledger.planned(SeriesKey { step, tenant }, due);
        let now = self.clock.now();
        let mut exchange = Exchange::new(step, due, self.limit(step), now).of_tenant(tenant);
        exchange.ends(now, 0);
        let conclusion = conclude(self.plan.scenario.step(step), why, Known::NOTHING);
        self.ledger.ended(exchange.sample(conclusion.ending));
    }

    /// The schedule is over and an iteration was not started: its first request was due and
    /// is not sent.
    pub(super) fn miss(&mut self, arrival: Arrival, now: Moment) {
        let mut choices = Choices::new(self.plan.scenario.load.seed, arrival.index);
        let flow = self.pick_flow(&mut choices, arrival);
        if self.ends_before(flow, arrival) {
            return;
        }
        let Some(step) = drawn::first_step(&self.plan.scenario, flow) else { return };
        let limit = self.limit(step);
        let tenant = self.member(flow, arrival).tenant;
        self.ledger.missed(SeriesKey { step, tenant }, arrival.at, now.since(arrival.at), limit);
    }

    /// A step's time limit, in nanoseconds.
    fn limit(&self, step: StepId) -> u64 {
        self.plan.scenario.step(step).timeout.as_nanos() as u64
    }

    /// Does the next action of an iteration.
    pub(super) fn proceed(&mut self, iteration: usize) {
        match self.next_action(iteration) {
            Next::Ask(step) => self.ask(iteration, step),
            Next::Think(length) => self.think(iteration, length),
            Next::End => self.end(iteration, true),
        }
    }

    fn next_action(&mut self, key: usize) -> Next {
        let iteration = &mut self.iterations[key];
        let known = (&self.users[iteration.user], self.plan.rows());
        way::next(&self.plan.scenario, known, iteration)
    }

    fn think(&mut self, key: usize, length: u64) {
        let ticket = self.ticket();
        let iteration = &mut self.iterations[key];
        iteration.due = Moment(iteration.due.0.saturating_add(length));
        iteration.ticket = ticket;
        iteration.activity = Activity::Thinking;
        let at = iteration.due;
        if self.is_over(at) {
            return self.end(key, false);
        }
        self.timers.set(Wait { at, iteration: key, ticket });
    }

    /// Thinking is over, or the time of an event.
    pub(super) fn wake(&mut self, wait: Wait) {
        let waiting = self.iterations.get(wait.iteration);
        let waiting = waiting.filter(|iteration| iteration.ticket == wait.ticket);
        match waiting.map(|iteration| iteration.activity) {
            Some(Activity::Thinking) => self.proceed(wait.iteration),
            Some(Activity::On(key)) => self.stream_is_due(key, wait.iteration),
            Some(Activity::Queued) | None => {}
        }
    }

    /// Whether nothing more may be sent.
    fn is_over(&self, due: Moment) -> bool {
        self.closing || due >= self.end
    }

    fn ticket(&mut self) -> u64 {
        self.tickets += 1;
        self.tickets
    }

    /// A request is due: counts it, and looks for a connection.
    fn ask(&mut self, key: usize, step: StepId) {
        let due = self.iterations[key].due;
        if self.is_over(due) {
            return self.end(key, false);
        }
        let tenant = self.iterations[key].member.tenant;
        self.ledger.planned(SeriesKey { step, tenant }, due);
        let (ticket, begun) = (self.ticket(), self.seen);
        let exchange = Exchange::new(step, due, self.limit(step), begun).of_tenant(tenant);
        let at = exchange.deadline();
        let iteration = &mut self.iterations[key];
        iteration.ticket = ticket;
        iteration.kept = iteration.choices.clone();
        iteration.drawn_from = if self.plan.scenario.step(step).once {
            iteration.choices.aside(u64::from(step.0))
        } else {
            iteration.choices.clone()
        };
        iteration.exchange = exchange;
        let flow = &self.plan.scenario.flows[iteration.flow];
        let after_the_last = self.source.waits_for_answers();
        let is_followed = is_followed_at_once(flow, iteration.next, after_the_last);
        let is_followed = is_followed
            || !flow.logins.is_empty()
            || self.plan.scenario.step(step).course.redirects > 0;
        if is_followed | self.patience.asks(step) {
            self.hurry(key);
        }
        let iterations = &self.iterations;
        let is_stale = |wait: &Wait| {
            iterations.get(wait.iteration).is_none_or(|iteration| iteration.ticket != wait.ticket)
        };
        self.limits.forget(step, is_stale);
        self.limits.set(step, Wait { at, iteration: key, ticket });
        let needs = &self.plan.scenario.step(step).course.needs;
        if self.users[self.iterations[key].user].lacks(needs) {
            return self.fail(key, &Answer::ValueMissing);
        }
        self.assign(key, begun);
    }

    /// The answer to an iteration's request has to be read at once.
    pub(super) fn hurry(&mut self, key: usize) {
        if !std::mem::replace(&mut self.iterations[key].is_hurried, true) {
            self.patience.hurry();
        }
    }

    /// An exchange has ended: counts it, keeps what the step extracts, and goes on.
    pub(super) fn finish(&mut self, key: usize, answer: &Answer<'_>) {
        let iteration = &mut self.iterations[key];
        let step = self.plan.scenario.step(iteration.exchange.step);
        let user = &mut self.users[iteration.user];
        let (variables, number) = (&user.variables, iteration.number);
        let rows = self.plan.rows();
        let known = Known { variables, user: user.number, iteration: number, rows };
        let Conclusion { mut ending, extracted, failed_check, said } =
            conclude(step, answer, known);
        let login = refused(&self.plan.scenario.flows[iteration.flow], step, iteration, ending.0);
        if login.is_some() {
            ending.1 = Some(Cause::TokenRefused);
        }
        (iteration.exchange.failed_check, iteration.exchange.said) = (failed_check, said);
        let sample = iteration.exchange.sample(ending);
        if std::mem::take(&mut iteration.is_hurried) {
            self.patience.calm();
        }
        user.keep(extracted);
        iteration.due = sample.ended.max(iteration.due);
        iteration.ticket = 0;
        self.ledger.ended(sample);
        if let Some(login) = login {
            return self.asks_again(key, login, &sample);
        }
        if step.once {
            iteration.choices = iteration.kept.clone();
        } else {
            iteration.attempt = Attempt::First;
        }
        if sample.outcome != Outcome::Ok {
            return self.has_failed(key, &sample);
        }
        if step.once {
            let refresh = step.course.refresh;
            let life = refresh.and_then(|it| it.due_after(|id| user.number_of(id)));
            let until = life.map_or(u64::MAX, |life| sample.ended.0.saturating_add(life));
            user.did(sample.step, Moment(until));
        }
        if self.plan.purpose.is_walk() {
            self.testify(key, &sample);
        }
        self.proceed(key);
    }

    /// 401, as a login is no longer valid: that is done anew, and the same step asked once more.
    fn asks_again(&mut self, key: usize, login: StepId, sample: &Sample) {
        self.testify(key, sample);
        let iteration = &mut self.iterations[key];
        self.users[iteration.user].ends(login);
        iteration.choices = iteration.drawn_from.clone();
        iteration.next -= 1;
        (iteration.has_failed, iteration.attempt) = (true, Attempt::Second);
        self.proceed(key);
    }

    /// A request has failed: the iteration is over, unless its step says that it goes on.
    fn has_failed(&mut self, key: usize, sample: &Sample) {
        self.testify(key, sample);
        self.iterations[key].has_failed = true;
        match self.plan.scenario.step(sample.step).course.on_failure {
            OnFailure::Stop => self.end(key, false),
            // In the next turn: what fails before it is sent would be called ever deeper.
            OnFailure::Continue => self.think(key, 0),
        }
    }

    /// The iteration is over.
    fn end(&mut self, key: usize, completed: bool) {
        let mut iteration = self.iterations.remove(key);
        self.ledger.totals.completed += u64::from(completed && !iteration.has_failed);
        if !self.source.waits_for_answers() {
            return self.users.give_back_of(iteration.member.pool, iteration.user);
        }
        // Whoever fails thinks as if he had not: failures do not make the load larger.
        let (user, mut length) = (&self.users[iteration.user], 0_u64);
        loop {
            match way::next(&self.plan.scenario, (user, self.plan.rows()), &mut iteration) {
                Next::Think(more) => length = length.saturating_add(more),
                Next::Ask(_) => {}
                Next::End => break,
            }
        }
        let ready = Moment(iteration.due.0.saturating_add(length));
        let index = iteration.number - self.plan.purpose.iterations_from() - 1;
        self.source.ended(index, ready);
    }
}

/// The login that 401 to a step of its flow ends, for the first time.
fn refused(flow: &Flow, step: &Step, iteration: &Iteration, outcome: Outcome) -> Option<StepId> {
    let is_refused = outcome == Outcome::ClientError && iteration.exchange.status() == Some(401);
    if flow.logins.is_empty() || !is_refused || step.once || iteration.attempt == Attempt::Second {
        return None;
    }
    let before = flow.logins.iter().rev().find(|it| it.on_401 && it.place + 1 < iteration.next);
    before.map(|login| login.step)
}

#[cfg(test)]
mod tests {
    use crate::engine::transport::simulated::{Deed, Request, WAY, World};
    use crate::engine::worker::simulation::{
        MS, Played, Simulation, answer, answering, from_due, serving_in_turn,
    };
    use crate::record::outcome::{Cause, Outcome};
    use crate::record::sample::Sample;
    use crate::units::Moment;

    const OK: (Outcome, Option<Cause>) = (Outcome::Ok, None);

    /// Plays two steps with something between them, once.
    fn two(world: World, between: &str) -> Played {
        let steps = format!(
            r#"{{"name": "first", "request": "GET /a"}}, {between}
               {{"name": "second", "request": "GET /b"}}"#
        );
        let stages = r#"{"for": "1s", "rate": "1/s"}, {"for": "1s", "pause": true}"#;
        Simulation::new(world, &steps, "{}", stages).play()
    }

    #[test]
    fn the_next_step_is_due_when_the_one_before_has_ended() {
        let played = two(answering(3 * MS), "");
        let [first, second] = &played.samples[..] else { panic!("{played:?}") };
        assert_eq!((first.intended, second.intended), (Moment(500 * MS), first.ended));
        assert_eq!(from_due(second), [Some(0), Some(3 * MS), Some(3 * MS)]);
        assert_eq!((played.totals.iterations, played.totals.completed), (1, 1));
    }

    #[test]
    fn who_thinks_goes_on_when_that_is_over() {
        for (think, least, most) in [("50ms", 50, 50), ("50ms..80ms", 50, 80)] {
            let played = two(answering(3 * MS), &format!(r#"{{"think": "{think}"}},"#));
            let [first, second] = &played.samples[..] else { panic!("{played:?}") };
            let thought = second.intended.since(first.ended);
            assert!((least * MS..=most * MS).contains(&thought), "{thought} of {think}");
            assert_eq!(from_due(second)[0], Some(0));
        }
        let never = two(answering(3 * MS), r#"{"think": "2s"},"#);
        assert_eq!((never.samples.len(), never.totals.completed), (1, 0), "the run is over");
    }

    #[test]
    fn an_iteration_ends_with_the_first_request_that_does_not_end_well() {
        let refusal = b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n";
        let played = two(World::new(move |_| vec![(MS, Deed::Say(refusal.to_vec()))]), "");
        assert_eq!(played.endings(), [(Outcome::ServerError, None)]);
        assert_eq!((played.totals.iterations, played.totals.completed), (1, 0));
    }

    /// Gets with a time limit of 40 ms, one every 50 ms.
    fn gets_within_40_ms(world: &World) -> Vec<Sample> {
        let step = r#"{"name": "get", "request": "GET /", "timeout": "40ms"}"#;
        let stages = r#"{"for": "1s", "rate": "20/s"}"#;
        Simulation::new(world.clone(), step, "{}", stages).play().samples
    }

    #[test]
    fn a_request_without_an_answer_ends_at_its_limit_and_so_does_its_connection() {
        let world = World::new(|request| match request.number {
            3 => vec![],
            4 => vec![(MS, Deed::Say(b"HTTP/1.1 200 OK\r\n".to_vec()))],
            _ => vec![(39 * MS, answer())],
        });
        let samples = gets_within_40_ms(&world);
        for (index, sample) in samples.iter().enumerate() {
            let is_late = [3, 4].contains(&index);
            let ending = if is_late { (Outcome::Timeout, None) } else { OK };
            assert_eq!((sample.outcome, sample.cause), ending, "{index}");
            let elapsed = if is_late { 40 * MS } else { 39 * MS };
            assert!(sample.response_time() <= elapsed + 2 * WAY, "{index}: {sample:?}");
        }
        assert_eq!(world.connections().0, 3, "each of the two took its connection with it");
    }

    #[test]
    fn a_stamp_tells_whether_an_answer_came_in_time_however_late_it_is_read() {
        // The tenth request is due at 475 ms.
        for (takes, ending) in [(39, OK), (41, (Outcome::Timeout, None))] {
            let world = World::new(move |request: &Request| {
                vec![(if request.number == 9 { takes * MS } else { MS }, answer())]
            });
            let world = world.stall(Moment(480 * MS), 200 * MS);
            let samples = gets_within_40_ms(&world);
            assert_eq!((samples[9].outcome, samples[9].cause), ending);
            assert_eq!(samples[9].ended.since(samples[9].intended), takes.min(40) * MS);
        }
    }

    #[test]
    fn who_waits_for_a_connection_waits_in_the_targets_time() {
        let world = serving_in_turn(80 * MS);
        let played = Simulation::of_gets(world.clone(), r#"{"connections": 1}"#, 20).play();
        assert_eq!((played.counts, world.connections().0), ([20, 20, 0], 1));
        for (index, sample) in (0_u64..).zip(&played.samples) {
            // Each is due 50 ms after the one before it and goes out 80 ms after it.
            assert_eq!(from_due(sample)[0], Some(2 * WAY + index * 30 * MS), "{index}");
            assert_eq!(sample.send_lag, 0, "nothing of that is the generator's");
        }
    }

    #[test]
    fn whoever_finds_all_users_busy_is_unsent() {
        let played = Simulation::of_gets(answering(80 * MS), r#"{"in_flight": 1}"#, 20).play();
        let unsent = (Outcome::Unsent, Some(Cause::InFlightLimit));
        assert_eq!(played.endings()[..4], [OK, unsent, OK, unsent]);
        assert_eq!(played.counts, [20, 10, 0]);
    }

    #[test]
    fn a_refused_connection_is_the_targets_failure_and_one_that_is_never_made_a_timeout() {
        let refusing = answering(MS).greet(|_| Some((MS, Deed::Refuse)));
        let samples = gets_within_40_ms(&refusing);
        assert!(samples.iter().all(|one| one.cause == Some(Cause::Refused) && one.sent.is_none()));
        let silent = answering(MS).greet(|_| None);
        let samples = gets_within_40_ms(&silent);
        assert_eq!(samples.len(), 20);
        for sample in samples {
            let found = (sample.outcome, sample.cause);
            assert_eq!(found, (Outcome::Timeout, Some(Cause::Unreachable)));
            assert_eq!(sample.ended.since(sample.intended), 40 * MS);
        }
        assert_eq!(silent.connections().1, 0, "all are closed");
    }

    #[test]
    fn a_connection_that_the_target_has_closed_is_not_used_again() {
        let world = World::new(|_| vec![(MS, answer()), (2 * MS, Deed::Close)]);
        let played = Simulation::of_gets(world.clone(), "{}", 20).play();
        assert_eq!(played.endings(), [OK; 20]);
        assert!(played.samples.iter().all(|sample| !sample.repeated));
        assert_eq!(world.connections(), (20, 0));
    }

    #[test]
    fn a_request_that_crosses_the_end_of_its_connection_is_sent_once_more() {
        // The second request is due at 75 ms; the end reaches the worker half a way later.
        let world = World::new(|request: &Request| match request.number {
            0 => {
                let close = 75 * MS + WAY / 2 - request.at.0;
                vec![(MS, answer()), (close, Deed::Close)]
            }
            _ => vec![(MS, answer())],
        });
        let played = Simulation::of_gets(world.clone(), "{}", 20).play();
        assert_eq!(played.endings(), [OK; 20]);
        let repeated: Vec<usize> =
            (0..20).filter(|index| played.samples[*index].repeated).collect();
        assert_eq!(repeated, [1]);
        assert_eq!((played.counts, world.requests().len()), ([20, 20, 0], 20));
        assert_eq!(world.requests()[1].connection, 1);
    }
}
