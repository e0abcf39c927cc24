//! An agent: waits for work, looks at it, carries it out.
//!
//! It dials out only. Whom it may load and how hard is its own affair, whatever a coordinator asks.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::engine::transport::clock::ReceiveClock;
use crate::engine::transport::tcp;
use crate::experiment::carry;
use crate::experiment::control::Control;
use crate::experiment::soak::lasting;
use crate::fleet::ceiling::busiest;
use crate::fleet::clocks::Clocks;
use crate::fleet::duty::{Done, Duty};
use crate::fleet::fault::FleetFault;
use crate::fleet::files::Handed;
use crate::fleet::foreign;
use crate::fleet::heeded::Heeded;
use crate::fleet::link::{Heard, Link, Via, connect};
use crate::fleet::loads::Stay;
use crate::fleet::publisher::Room;
use crate::fleet::refusal::{self, Refusal, address_of};
use crate::fleet::replies::{self, Answer};
use crate::fleet::sealed::Key;
use crate::fleet::staying::Staying;
use crate::fleet::wire::{self, Call, Hello, LOADGATE, Offer, PROTOCOL, Piece};
use crate::fleet::{engaged, files, identity, own_folder, understood};
use crate::scenario::model::{HttpAddress, Scenario};
use crate::scenario::read::{Caller, DataFiles, Lookup, Origin, parse};
use crate::scenario::slots::Slots;
use crate::units::Rate;

/// How often clocks are compared before the start.
const COMPARISONS: usize = 64;
/// How often it is looked whether there is something to do.
const LOOK: Duration = Duration::from_millis(100);
/// Whoever is here for one run goes when nobody wants it for so long.
const UNWANTED: Duration = Duration::from_secs(30);

/// An agent.
#[derive(Debug, Clone)]
pub struct Agent {
    /// The server.
    pub via: Via,
    /// Whom it works for.
    pub pool: String,
    /// What people call it.
    pub name: String,
    /// Hosts other than loopback that it may load.
    pub allow: Vec<String>,
    /// How many iterations per second it begins at most.
    pub max_rate: Option<Rate>,
    /// Whether it ends after one run.
    pub once: bool,
    /// How many bytes of what cannot be told it keeps.
    pub spool: usize,
    /// Where records may be until they are told.
    pub temporary: PathBuf,
}

/// What is offered, as it was understood.
struct Offered {
    offer: Offer,
    scenario: Scenario,
    digest: String,
    address: HttpAddress,
}

impl Offered {
    /// What is to be kept, where it was only asked if it could be done.
    fn asks(&self) -> Option<(Stay, Scenario)> {
        let stay = self.offer.stay.clone().filter(|stay| stay.is_question)?;
        Some((stay, self.scenario.clone()))
    }
}

impl Agent {
    /// Works until `control` ends it; `tell` hears what happens.
    pub fn work(
        &self,
        control: &Control,
        env: Lookup<'_>,
        tell: &mut dyn FnMut(&str),
    ) -> Result<(), FleetFault> {
        let word = identity::word().map_err(|error| FleetFault::Unreachable(error.to_string()))?;
        own_folder::check(&self.temporary, &word)?;
        let name = format!("loadgate agent {}", self.name);
        let connected = connect((&self.via, &name, Some(&self.name)), self.once, control, tell)?;
        let Some(link) = connected else { return Ok(()) };
        let link = Arc::new(link);
        let (word, key) = (wire::agent(&self.name, &word), Key::new());
        let calls = link.listen(&wire::call(&self.pool))?;
        let mut offers = link.listen(&wire::offer(&word))?;
        let mut next = VecDeque::new();
        tell(&format!(
            "{} waits for work in the pool \"{}\" at {}",
            self.name,
            self.pool,
            self.via.shown()
        ));
        let (mut wanted, mut staying) = (Instant::now(), None::<Staying>);
        while control.ended().is_none() {
            if staying.as_mut().is_some_and(|by| !by.look()) {
                staying = None;
                tell("free again");
                while calls.try_recv().is_ok() {}
                if self.once {
                    return Ok(());
                }
            }
            match calls.recv_timeout(LOOK) {
                // It is not free.
                Ok(_) if staying.is_some() => {}
                Ok(heard) => {
                    wanted = Instant::now();
                    self.say_hello(&link, (&word, &key), &heard);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => thread::sleep(LOOK),
            }
            let Some(heard) = next.pop_front().or_else(|| offers.try_recv().ok()) else {
                if self.once && staying.is_none() && wanted.elapsed() > UNWANTED {
                    return Ok(());
                }
                continue;
            };
            let (done, meanwhile) = self.take(
                (&link, &word, &key),
                (heard, &mut offers, &mut staying),
                (control, env),
                tell,
            );
            next.extend(meanwhile);
            if let Some(by) = &mut staying {
                by.go_on();
                continue;
            }
            next.clear();
            // What was offered meanwhile was for somebody who was free.
            while offers.try_recv().is_ok() {}
            while calls.try_recv().is_ok() {}
            if self.once && done.is_some() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Looks at an offer, and carries it out; what the same coordinator offers meanwhile comes next.
    fn take(
        &self,
        (link, word, key): (&Arc<Link>, &str, &Key),
        (heard, offers, staying): (Heard, &mut Receiver<Heard>, &mut Option<Staying>),
        (control, env): (&Control, Lookup<'_>),
        tell: &mut dyn FnMut(&str),
    ) -> (Option<Done>, Vec<Heard>) {
        let offer = wire::read::<Offer>(&heard.said).filter(|it| wire::is_name(&it.run));
        let other = staying.as_ref().and_then(|by| by.instead_of(offer.as_ref()?.stay.as_ref()));
        if let Some(run) = other {
            engaged::answer(link, heard.reply, run);
            return (None, Vec::new());
        }
        engaged::while_at_work((link, offers), offer.clone().as_ref(), || {
            self.serve((link, word, key), (heard.reply, offer, staying), (control, env), tell)
        })
    }

    fn say_hello(&self, link: &Link, (word, key): (&str, &Key), heard: &Heard) {
        let Some(call) = wire::read::<Call>(&heard.said).filter(|call| wire::is_name(&call.run))
        else {
            return;
        };
        let hello = Hello {
            agent: word.to_owned(),
            name: self.name.clone(),
            protocol: PROTOCOL,
            loadgate: LOADGATE.to_owned(),
            key: Some(key.public()),
            cores: thread::available_parallelism().map_or(1, usize::from) as u32,
            place: identity::place(),
        };
        link.say(wire::hello(&call.run, word), wire::bytes(&hello));
    }

    /// Carries out what is offered; `None` if it was refused.
    fn serve(
        &self,
        (link, word, key): (&Arc<Link>, &str, &Key),
        (reply, offer, staying): (Option<String>, Option<Offer>, &mut Option<Staying>),
        (control, env): (&Control, Lookup<'_>),
        tell: &mut dyn FnMut(&str),
    ) -> Option<Done> {
        let reply = reply?;
        let prepared = offer
            .ok_or_else(|| Refusal::unlike("the offer is of another version of loadgate"))
            .and_then(|offer| self.consider((link, key), offer, staying.as_ref(), (control, env)))
            .and_then(|offered| {
                let asks = offered.asks();
                Ok((self.prepare((link, word), offered, control)?, asks))
            });
        match prepared {
            Ok(((duty, answer), Some((stay, scenario)))) => {
                duty.give_back();
                match Staying::by(link, &stay, scenario) {
                    Ok(by) => {
                        *staying = Some(by);
                        link.say(reply, wire::bytes(&answer));
                        tell(&format!("stays for the loads of {}", stay.run));
                    }
                    Err(error) => tell(&error.to_string()),
                }
                None
            }
            Ok(((duty, answer), None)) => {
                link.say(reply, wire::bytes(&answer));
                tell(&format!("works for run {}", duty.offer.run));
                let done = duty.run();
                tell(match done {
                    Done::Confirmed => "done",
                    Done::Forgotten => "given back",
                    Done::Untold => "told to end: what it has learnt and not told is lost",
                });
                Some(done)
            }
            Err(Refusal { detail, is_unlike }) => {
                let lines: Vec<&str> = detail.lines().map(str::trim).collect();
                let detail = foreign::line(&lines.join("; "), foreign::REFUSAL);
                tell(&format!("refused: {detail}"));
                link.say(reply, wire::bytes(&Answer::Refused { detail, is_unlike }));
                link.flush();
                None
            }
        }
    }

    /// Whether it may do what is offered, and how it understands that.
    fn consider(
        &self,
        (link, key): (&Link, &Key),
        offer: Offer,
        staying: Option<&Staying>,
        (control, env): (&Control, Lookup<'_>),
    ) -> Result<Offered, Refusal> {
        if let Some(other) = replies::other_build(&offer.loadgate, offer.protocol) {
            let found =
                format!("it is loadgate {}, the coordinator is {other}", replies::own_build());
            return Err(Refusal::unlike(found));
        }
        let stay = offer.stay.as_ref();
        let scenario = match staying {
            Some(by) if by.is_by(stay) => by.scenario.clone(),
            Some(_) => return Err(Refusal::unready("it stays with another coordinator")),
            None if stay.is_some_and(|stay| !stay.is_question) => {
                return Err(Refusal::unready("it does not stay with this coordinator"));
            }
            None => {
                let is_over = || control.ended().is_some();
                let ask = &mut |piece: &Piece| files::ask(link, &offer.run, piece, is_over);
                match &offer.sealed {
                    Some(sealed) => {
                        // What it has of its own is then no matter.
                        let values = sealed.open(key).map_err(Refusal::unready)?.0;
                        self.understand(&offer, &|name: &str| values.get(name).cloned(), ask)?
                    }
                    None => self.understand(&offer, env, ask)?,
                }
            }
        };
        let load = stay.map_or_else(|| scenario.load.clone(), |stay| stay.load.load());
        let scenario = Scenario { load, ..scenario };
        let digest = understood::digest(&scenario, &offer.epoch);
        let address = address_of(&scenario, &offer)?;
        let peak = match stay {
            None => scenario.load.peak(),
            // Its own load is none of those that follow.
            Some(stay) if stay.is_question => Rate(stay.highest),
            Some(stay) => Rate(scenario.load.peak().0.max(stay.highest)),
        };
        self.check(&scenario, &address, (offer.slots, peak))?;
        Ok(Offered { offer, scenario, digest, address })
    }

    fn prepare<'d>(
        &self,
        (link, word): (&'d Arc<Link>, &'d str),
        offered: Offered,
        control: &Control,
    ) -> Result<(Duty<'d>, Answer), Refusal> {
        let Offered { offer, scenario, digest, address } = offered;
        let receive_clock =
            if offer.own_clock { ReceiveClock::Generator } else { tcp::best_clock() };
        let scenario = Arc::new(carry::shared(scenario, address));
        let head = carry::head_of(&scenario, offer.slots, receive_clock)
            .map_err(|error| Refusal::unready(error.to_string()))?;
        // Beats are heard before the coordinator knows that we are ready.
        let unheard = |error: FleetFault| Refusal::unready(error.to_string());
        let beats = link.listen(&wire::beats(&offer.run)).map_err(unheard)?;
        let clocks = Clocks::new();
        clocks.compare(link, &offer.run, COMPARISONS);
        let (_, bound_ns) = clocks
            .offset()
            .ok_or_else(|| Refusal::unready("the coordinator's clock could not be asked"))?;
        let folder = self.temporary.join(format!("loadgate-{}-{word}", offer.run));
        own_folder::make(&folder).map_err(Refusal::unready)?;
        let control = control.next_part();
        let answer = Answer::Ready { digest, head: Box::new(head), bound_ns };
        let heeded = RefCell::new(Heeded::of(&offer));
        let duty = Duty {
            link,
            agent: word,
            offer,
            scenario,
            receive_clock,
            room: Room::of(self.spool),
            folder,
            beats,
            heeded,
            control,
            clocks,
        };
        Ok((duty, answer))
    }

    fn understand(
        &self,
        offer: &Offer,
        env: Lookup<'_>,
        ask: &mut dyn FnMut(&Piece) -> Result<Vec<u8>, String>,
    ) -> Result<Scenario, Refusal> {
        let word = identity::word().map_err(|error| Refusal::unready(error.to_string()))?;
        let folder = self.temporary.join(format!("loadgate-{word}"));
        let handed = Handed::fetch(&offer.files, folder, ask).map_err(Refusal::unready)?;
        // Socket files are allowed by the agent alone.
        let hosts = self.allow.iter().filter(|it| !it.starts_with("unix:")).cloned();
        let caller = Caller { allow: hosts.collect(), ..Caller::default() };
        let origin = Origin {
            file: offer.file.clone().map(PathBuf::from),
            folder: PathBuf::from(&offer.folder),
            caller,
            data: DataFiles::Handed(handed.places.clone()),
            ..Origin::default()
        };
        let read_file = |path: &std::path::Path| handed.text(path);
        let mut scenario = parse(&offer.text, &origin, env, &read_file)
            .map_err(|problems| refusal::of(&problems))?;
        if let Some(nanos) = offer.lasting_ns {
            scenario.load = lasting(&scenario.load, Duration::from_nanos(nanos))
                .map_err(|why| Refusal::unlike(why.to_string()))?;
        }
        Ok(scenario)
    }

    /// Whether it may do that: what its owner allows holds, whatever the scenario says.
    fn check(
        &self,
        scenario: &Scenario,
        address: &HttpAddress,
        (slots, peak): (Slots, Rate),
    ) -> Result<(), Refusal> {
        refusal::check_host(&self.allow, scenario, address)?;
        let Some(most) = self.max_rate else { return Ok(()) };
        if scenario.load.is_closed() {
            return Err(Refusal::unready(
                "users who wait for answers have no rate that could be kept under --max-rate",
            ));
        }
        let own = busiest(&scenario.load, slots, peak);
        if own > most {
            return Err(Refusal::unready(format!(
                "its share is up to {own}, and it may begin {most} at most (--max-rate)"
            )));
        }
        Ok(())
    }
}

/// What this machine is called, as far as it may be part of a subject.
pub fn host_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let plain: String = name
        .trim()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(63)
        .collect();
    if wire::is_name(&plain) { plain } else { "agent".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::publisher;
    use crate::scenario::http_address::HttpAddress;

    fn agent(allow: &[&str], max_rate: Option<f64>) -> Agent {
        Agent {
            via: Via::default(),
            pool: "default".to_owned(),
            name: "one".to_owned(),
            allow: allow.iter().map(|&host| host.to_owned()).collect(),
            max_rate: max_rate.map(Rate),
            once: true,
            spool: publisher::MOST,
            temporary: std::env::temp_dir(),
        }
    }

    fn offer(text: &str) -> Offer {
        Offer {
            protocol: PROTOCOL,
            loadgate: LOADGATE.to_owned(),
            run: "run".to_owned(),
            epoch: "epoch".to_owned(),
            slots: Slots { first: 0, count: 1, of: 4 },
            file: None,
            folder: ".".to_owned(),
            text: text.to_owned(),
            sealed: None,
            lasting_ns: None,
            files: Vec::new(),
            demo: None,
            process: 1,
            own_clock: false,
            stay: None,
        }
    }

    const TEXT: &str = r#"{"name": "one", "target": {"url": "http://other.example:1"},
        "allow": ["other.example"],
        "flows": [{"name": "flow", "steps": [{"name": "a", "request": "GET /?k=${KEY}"}]}],
        "load": {"stages": [{"for": "60s", "rate": "400/s"}]}}"#;

    fn check(agent: &Agent, text: &str) -> Result<(), Refusal> {
        let offer = offer(text);
        let key = |name: &str| (name == "KEY").then(|| "k".to_owned());
        let scenario = agent.understand(&offer, &key, &mut |_| panic!("there is no file"))?;
        let address = address_of(&scenario, &offer)?;
        agent.check(&scenario, &address, (offer.slots, scenario.load.peak()))
    }

    #[test]
    fn an_agent_loads_only_whom_its_owner_allows() {
        let refused = check(&agent(&[], None), TEXT).unwrap_err();
        assert!(refused.detail.contains("may not load other.example"), "{refused:?}");
        assert!(!refused.is_unlike);
        assert!(check(&agent(&["third.example"], None), TEXT).is_err());
        assert_eq!(check(&agent(&["other.example"], None), TEXT), Ok(()));
        let here = TEXT.replace("other.example:1", "127.0.0.1:1");
        assert_eq!(check(&agent(&[], None), &here), Ok(()));
        // Neither where the scenario itself says nothing of it.
        let silent = TEXT.replace(r#""allow": ["other.example"],"#, "");
        assert_ne!(silent, TEXT);
        assert_eq!(check(&agent(&[], None), &silent).unwrap_err(), refused);
        let docker = TEXT.replace("http://other.example:1", "unix:/var/run/docker.sock");
        for allow in [&[][..], &["localhost"], &["unix:/var/run"]] {
            let refused = check(&agent(allow, None), &docker).unwrap_err();
            assert!(
                refused.detail.contains("--allow-host unix:/var/run/docker.sock"),
                "{refused:?}"
            );
        }
        assert_eq!(check(&agent(&["unix:/var/run/docker.sock"], None), &docker), Ok(()));
        assert!(HttpAddress::plain("::1", 1).is_loopback());
        assert!(!HttpAddress::plain("10.0.0.1", 1).is_loopback());
    }

    #[test]
    fn an_agent_begins_no_more_than_its_owner_allows() {
        let here = TEXT.replace("other.example:1", "127.0.0.1:1");
        assert_eq!(check(&agent(&[], Some(100.0)), &here), Ok(()));
        let refused = check(&agent(&[], Some(99.0)), &here).unwrap_err();
        assert!(refused.detail.contains("100/s") && refused.detail.contains("99/s"), "{refused:?}");
    }

    #[test]
    fn an_agent_reads_no_file_of_its_own_for_a_coordinator() {
        let folder = tempfile::tempdir().unwrap();
        let rows = folder.path().join("rows.csv");
        fs::write(&rows, "name\nown\n").unwrap();
        let data = format!(r#"{{"rows": {{"file": "{}"}}}}"#, rows.display());
        let text = TEXT.replace("\"load\":", &format!("\"data\": {data}, \"load\":"));
        let key = |name: &str| (name == "KEY").then(|| "k".to_owned());
        let agent = Agent { temporary: folder.path().to_owned(), ..agent(&[], None) };
        let nothing = &mut |_: &Piece| panic!("there is no file");
        let refused = agent.understand(&offer(&text), &key, nothing).unwrap_err();
        assert!(refused.detail.contains("was not handed over"), "{refused:?}");
        // The same path, with what the coordinator has there.
        let file = files::Files::of_paths(vec![rows.clone()]).unwrap().heads.remove(0);
        let offer = Offer { files: vec![file], ..offer(&text) };
        let scenario = agent.understand(&offer, &key, &mut |_| Ok(b"name\nown\n".to_vec()));
        assert_eq!(scenario.unwrap().data.sources[0].table.rows(), 1);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is kept");
    }

    #[test]
    fn a_variable_that_is_not_set_is_a_difference() {
        let nothing = &mut |_: &Piece| panic!("there is no file");
        let refused = agent(&[], None).understand(&offer(TEXT), &|_| None, nothing).unwrap_err();
        assert!(refused.is_unlike && refused.detail.contains("KEY"), "{refused:?}");
    }
}
