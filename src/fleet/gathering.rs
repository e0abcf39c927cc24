//! From the call for agents to their answers: who takes part, with which slots.
//!
//! Nothing is sent to a target before all are ready.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use tokio::task::AbortHandle;

use crate::fleet::allotment;
use crate::fleet::answers::{busy, check_place, members, sealed};
use crate::fleet::clock::Clock;
use crate::fleet::fault::FleetFault;
use crate::fleet::files::Files;
use crate::fleet::hearing::{self, Lives};
use crate::fleet::kept::Kept;
use crate::fleet::link::Link;
use crate::fleet::loads::Stay;
use crate::fleet::roster::{LEASE, Member};
use crate::fleet::sealed::{Sealed, Values};
use crate::fleet::stream::{self, Said};
use crate::fleet::watching::{self, WatchHello};
use crate::fleet::wire::{self, Beat, DemoPlace, Hello, LOADGATE, Offer, PROTOCOL};
use crate::fleet::{epoch, identity, leftovers, understood};
use crate::scenario::model::{Address, HttpAddress, Scenario};
use crate::scenario::slots::Slots;
use crate::units::Rate;

/// How long agents may take to say that they are there.
pub(super) const CALLING: Duration = Duration::from_secs(10);
/// How often they are called.
pub(super) const CALL_EVERY: Duration = Duration::from_millis(250);
/// How long they may take to be ready.
const READYING: Duration = Duration::from_secs(30);
/// How often the coordinator says what holds.
const BEAT: Duration = Duration::from_millis(250);

/// Whom to gather.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// How many.
    pub generators: u32,
    /// Of which pool.
    pub pool: String,
    /// Whether somebody watches the target's processes where they are.
    pub is_watched: bool,
}

/// The text of a scenario, as agents are told it.
#[derive(Debug, Clone)]
pub struct Told {
    /// Its file.
    pub file: PathBuf,
    /// Its text, variables unfilled.
    pub text: String,
    /// How long its load is played, if that is not what it says itself.
    pub lasting: Option<Duration>,
    /// What its variables are, if agents are told.
    pub values: Option<Values>,
    /// Files that it names.
    pub files: Files,
    /// Whether the generator's own clock stamps the arrival of bytes.
    pub own_clock: bool,
    /// Whether it is one of several loads, for which agents stay.
    pub stay: Option<Stay>,
}

impl Told {
    /// The scenario with the most that may be sent.
    fn at_most(&self, scenario: &Scenario) -> Scenario {
        let mut most = scenario.clone();
        if let Some(stay) = self.stay.as_ref().filter(|_| !scenario.load.is_closed()) {
            for stage in &mut most.load.stages {
                stage.to = Rate(stage.to.0.max(stay.highest));
            }
        }
        most
    }
}

/// The coordinator's connection, and what it says at the moment.
pub struct Desk {
    /// The connection.
    pub link: Arc<Link>,
    /// Names the run.
    pub run: String,
    /// Of this coordinator.
    pub epoch: String,
    /// What beats are stamped with.
    pub clock: Clock,
    /// What holds at the moment.
    pub beat: Arc<Mutex<Beat>>,
    /// What is heard.
    pub inbox: Receiver<Said>,
    /// Who lives: apart from it, as that is heard at once however much there is to be learnt.
    pub lives: Receiver<Lives>,
    /// Who watches the target's processes where they are.
    pub watcher: OnceLock<WatchHello>,
    /// What goes on as long as the run does.
    tasks: Mutex<Vec<AbortHandle>>,
}

impl Drop for Desk {
    /// The connection may be there for further runs.
    fn drop(&mut self) {
        let tasks = self.tasks.get_mut().unwrap_or_else(PoisonError::into_inner);
        tasks.drain(..).for_each(|task| task.abort());
    }
}

impl Desk {
    /// Makes the run's stream, and begins to listen and to beat.
    pub fn open(link: Arc<Link>) -> Result<Desk, FleetFault> {
        let run = word()?;
        let (desk, out) = Desk::of(link, run, Vec::new())?;
        let begun = epoch::begin(&desk.link, &desk.run, &desk.epoch);
        let stream = begun.and_then(|()| stream::make(&desk.link, &desk.run, out));
        desk.keep(stream.map_err(|fault| {
            // There may be one and not the other.
            desk.close();
            leftovers::told_with(&desk.link, fault)
        })?);
        desk.keep(epoch::keep(&desk.link, &desk.run, &desk.epoch));
        desk.answer_clocks()?;
        desk.keep_beating();
        Ok(desk)
    }

    /// Takes a run over from those who had it, whose last epoch is the new one; begins to listen to
    /// what its stream still has, and to say that the load is over.
    pub fn take_over(link: Arc<Link>, kept: &Kept) -> Result<Desk, FleetFault> {
        let mut after = kept.epochs.clone();
        let own = after.pop().unwrap_or_default();
        let (mut desk, out) = Desk::of(link, kept.run.clone(), after.clone())?;
        desk.epoch.clone_from(&own);
        desk.change(|beat| (beat.epoch, beat.stop) = (own.clone(), Some(0)));
        epoch::look(&desk.link, &desk.run, &after)?.take(&desk.link, &own)?;
        desk.keep(stream::take_over(&desk.link, &desk.run, out)?);
        desk.keep_beating();
        Ok(desk)
    }

    fn of(
        link: Arc<Link>,
        run: String,
        after: Vec<String>,
    ) -> Result<(Desk, Sender<Said>), FleetFault> {
        let epoch = word()?;
        let ((out, inbox), (living, lives)) = (channel(), channel());
        let clock = Clock::start();
        let beat = Beat { epoch: epoch.clone(), after, ..Beat::default() };
        let (beat, tasks) = (Arc::new(Mutex::new(beat)), Mutex::default());
        let watcher = OnceLock::new();
        let desk = Desk { link, run, epoch, clock, beat, inbox, lives, watcher, tasks };
        let (link, run) = (&desk.link, &desk.run);
        let watches = watching::alive(run, wire::ANY);
        let watcher = |heard| Lives::Watcher(heard, Instant::now());
        desk.keep(link.listen_into(&watches, living.clone(), watcher)?);
        desk.keep(link.listen_into(&wire::hello(run, wire::ANY), out.clone(), Said::Hello)?);
        let own = wire::ourselves(run, &desk.epoch);
        let lives = move |heard| Lives::of(heard, &own);
        desk.keep(link.listen_into(&wire::alive(run, wire::ANY), living, lives)?);
        Ok((desk, out))
    }

    /// From now on it is known up to when everything was heard.
    pub(super) fn hear_ourselves(&self) {
        let own = wire::ourselves(&self.run, &self.epoch);
        self.keep(hearing::say(&self.link, own, self.clock));
    }

    /// Changes what holds; the next beat says it.
    pub fn change(&self, change: impl FnOnce(&mut Beat)) {
        change(&mut self.beat.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn keep(&self, task: AbortHandle) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(task);
    }

    /// Says to whoever asks what the clock shows.
    fn answer_clocks(&self) -> Result<(), FleetFault> {
        let (client, clock) = (self.link.client().clone(), self.clock);
        let subject = wire::clock(&self.run);
        let mut questions = self
            .link
            .wait(async {
                let questions = client.subscribe(subject).await.map_err(|it| it.to_string())?;
                client.flush().await.map_err(|it| it.to_string())?;
                Ok(questions)
            })
            .map_err(FleetFault::Unreachable)?;
        let task = self.link.spawn(async move {
            while let Some(question) = questions.next().await {
                let received = clock.now();
                let reply = question.reply.filter(|reply| wire::is_inbox(reply));
                let Some(reply) = reply else { continue };
                let stamps = [received.to_le_bytes(), clock.now().to_le_bytes()].concat();
                let _ = client.publish(reply, stamps.into()).await;
            }
        });
        self.keep(task);
        Ok(())
    }

    /// Whoever has not beaten for longer than a lease was frozen: another one may have the run now,
    /// and agents are told nothing then.
    fn keep_beating(&self) {
        let (client, clock) = (self.link.client().clone(), self.clock);
        let (beat, subject) = (Arc::clone(&self.beat), wire::beats(&self.run));
        let (context, run, own) =
            (self.link.context().clone(), self.run.clone(), self.epoch.clone());
        let task = self.link.spawn(async move {
            let mut every = tokio::time::interval(BEAT);
            every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
            let mut last = Instant::now();
            loop {
                every.tick().await;
                let is_late = std::mem::replace(&mut last, Instant::now()).elapsed() > LEASE;
                if is_late && !epoch::is_of(&context, &run, &own).await {
                    return;
                }
                let said = {
                    let beat = beat.lock().unwrap_or_else(PoisonError::into_inner);
                    wire::bytes(&Beat { at: clock.now(), ..beat.clone() })
                };
                if client.publish(subject.clone(), said.into()).await.is_err() {
                    return;
                }
            }
        });
        self.keep(task);
    }

    /// Says at once what holds.
    pub fn beat_now(&self) {
        let beat = self.beat.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.link.say(wire::beats(&self.run), wire::bytes(&Beat { at: self.clock.now(), ..beat }));
        self.link.flush();
    }

    /// The run is over: lets all go, and the server forget it; unless it is another one's now.
    pub fn close(&self) {
        let forgetting = async {
            if epoch::is_of(self.link.context(), &self.run, &self.epoch).await {
                self.change(|beat| beat.over = true);
                let beat = self.beat.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let said = wire::bytes(&Beat { at: self.clock.now(), ..beat });
                let _ = self.link.client().publish(wire::beats(&self.run), said.into()).await;
                let _ = self.link.client().flush().await;
                let _ = self.link.context().delete_stream(wire::stream(&self.run)).await;
                epoch::forget(self.link.context(), &self.run).await;
            }
        };
        let _ = self.link.wait(async { tokio::time::timeout(READYING / 10, forgetting).await });
    }

    /// Offers each its slots, and waits until all are ready. Where one has got other work since it was
    /// called, one that is free takes its place, if others are `wanted`.
    pub fn offer(
        &self,
        (hellos, wanted): (&mut [Hello], Option<&Wanted>),
        (scenario, told): (&Scenario, &Told),
        address: &HttpAddress,
    ) -> Result<Vec<Member>, FleetFault> {
        check_place(hellos, address)?;
        let cores = hellos.iter().map(|hello| hello.cores).min().unwrap_or(1);
        let slots = allotment::slots(&told.at_most(scenario), hellos.len() as u32, cores)
            .map_err(FleetFault::Unshareable)?;
        let own = understood::digest(scenario, &self.epoch);
        told.files.clone().serve(&self.link, &self.run)?;
        let until = Instant::now() + CALLING;
        let of = (scenario, told, address);
        let mut answers = self.ask(hellos.iter().zip(&slots), of)?;
        while let (Some(wanted), busy) = (wanted, busy(&answers)) {
            if busy.is_empty() || Instant::now() >= until {
                break;
            }
            let others = self.others(wanted, (hellos, &busy), (cores, until));
            check_place(&others, address)?;
            let places: Vec<usize> = busy.into_iter().take(others.len()).collect();
            for (&place, other) in places.iter().zip(others) {
                hellos[place] = other;
            }
            let again = self.ask(places.iter().map(|&it| (&hellos[it], &slots[it])), of)?;
            for (place, answer) in places.into_iter().zip(again) {
                answers[place] = answer;
            }
        }
        members(hellos, &slots, answers, &own)
    }

    /// What agents say to offers, all at once.
    fn ask<'h>(
        &self,
        asked: impl Iterator<Item = (&'h Hello, &'h Slots)>,
        (scenario, told, address): (&Scenario, &Told, &HttpAddress),
    ) -> Result<Vec<Result<Vec<u8>, String>>, FleetFault> {
        let (hellos, slots): (Vec<&Hello>, Vec<&Slots>) = asked.unzip();
        let sealed = sealed(&hellos, told.values.as_ref())?;
        let patience = READYING + told.files.patience();
        Ok(thread::scope(|scope| {
            let asked: Vec<_> = hellos
                .iter()
                .zip(slots.into_iter().zip(sealed))
                .map(|(hello, (slots, sealed))| {
                    let offer = self.offer_of((*slots, sealed), scenario, told, address);
                    let subject = wire::offer(&hello.agent);
                    let link = &self.link;
                    scope.spawn(move || link.ask(subject, wire::bytes(&offer), patience))
                })
                .collect();
            let lost = |_| Err("the question was lost".to_owned());
            asked.into_iter().map(|asked| asked.join().unwrap_or_else(lost)).collect()
        }))
    }

    fn offer_of(
        &self,
        (slots, sealed): (Slots, Option<Sealed>),
        scenario: &Scenario,
        told: &Told,
        address: &HttpAddress,
    ) -> Offer {
        let folder = told.file.parent().filter(|parent| !parent.as_os_str().is_empty());
        let folder = folder.map_or_else(|| ".".to_owned(), |parent| parent.display().to_string());
        let is_demo = matches!(scenario.target.address, Address::Demo(_));
        Offer {
            protocol: PROTOCOL,
            loadgate: LOADGATE.to_owned(),
            run: self.run.clone(),
            epoch: self.epoch.clone(),
            slots,
            file: Some(told.file.display().to_string()),
            folder,
            text: told.text.clone(),
            sealed,
            lasting_ns: told.lasting.map(|lasting| lasting.as_nanos() as u64),
            files: told.files.heads.clone(),
            demo: is_demo.then(|| DemoPlace {
                host: address.host.clone(),
                port: address.port,
                is_http2: address.is_http2,
            }),
            process: std::process::id(),
            own_clock: told.own_clock,
            stay: told.stay.clone(),
        }
    }
}

fn word() -> Result<String, FleetFault> {
    identity::word().map_err(|error| FleetFault::Unreachable(error.to_string()))
}
