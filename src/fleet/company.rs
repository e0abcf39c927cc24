//! Agents that stay with a coordinator for one load after the other: those of a search, or the
//! repeats of a stress test.
//!
//! They are called once, and asked whether they understand the scenario as we do, before anything
//! is sent. Beats under a name of the whole keep them ([`super::staying`]). Each load is a run of its
//! own: a desk, a stream and a schedule that no other has, so that nothing of one load can be taken
//! for another's.

use std::sync::Arc;

use crate::experiment::control::Control;
use crate::experiment::crowd::Hosted;
use crate::experiment::event::Event;
use crate::experiment::measured::StillUp;
use crate::experiment::others::Others;
use crate::experiment::trial_error::TrialError;
use crate::fleet::coordinator::{Place, check, play, reached, with_words};
use crate::fleet::fault::FleetFault;
use crate::fleet::files::Files;
use crate::fleet::gathering::{Desk, Told, Wanted};
use crate::fleet::leftovers;
use crate::fleet::link::Link;
use crate::fleet::loads::{OneLoad, Stay};
use crate::fleet::manner::{Manner, OnLoss, Pace};
use crate::fleet::server::Local;
use crate::fleet::wire::Hello;
use crate::scenario::model::{Address, HttpAddress, Scenario};
use crate::target::process::Supervisor;

/// Whom to gather, and for what.
#[derive(Debug)]
pub struct Gathering<'a> {
    /// The scenario of all loads.
    pub scenario: &'a Scenario,
    /// Its text.
    pub told: Told,
    /// How many, of which pool.
    pub wanted: Wanted,
    /// Where.
    pub place: Place,
    /// The most arrivals per second of any load, all together.
    pub highest: f64,
    /// Whether loads get other rates while they go on.
    pub pace: Pace,
}

/// Agents that stay.
pub struct Company {
    link: Arc<Link>,
    desk: Desk,
    hellos: Vec<Hello>,
    told: Told,
    stay: Stay,
    pace: Pace,
    wanted: Wanted,
    /// A server and agents of our own end with it.
    _local: Option<Local>,
}

impl Drop for Company {
    fn drop(&mut self) {
        self.desk.close();
    }
}

impl Gathering<'_> {
    /// Gathers them.
    pub fn gather(
        self,
        (control, supervisor): (&Control, &Supervisor),
        watch: &mut dyn FnMut(Event),
    ) -> Result<Company, FleetFault> {
        check(self.scenario, &self.wanted, OnLoss::Void)?;
        let (local, via) = reached(&self.place, (self.scenario, &self.wanted), supervisor)?;
        let number = self.wanted.generators;
        watch(Event::Told(format!("waiting for {number} generators at {}", via.shown())));
        let link = Arc::new(Link::connect(&via, "loadgate coordinator", None)?);
        leftovers::remove(&link);
        let desk = Desk::open(Arc::clone(&link))?;
        let hellos = desk.call(&self.wanted, || control.ended().is_some());
        if let Some(signal) = control.signal() {
            return Err(TrialError::Interrupted(signal).into());
        }
        let hellos = hellos.map_err(|fault| with_words(fault, local.as_ref()))?;
        // It is looked for before each load; that it is there is known before a target is loaded. Asked
        // for the whole search, it would not be free for its loads.
        if self.wanted.is_watched {
            let asking = Desk::open(Arc::clone(&link))?;
            let found = asking.find_watcher(&self.wanted, || control.ended().is_some());
            asking.close();
            found?;
        }
        let company = self.ask((link, desk), hellos, local)?;
        let names: Vec<&str> = company.hellos.iter().map(|hello| hello.name.as_str()).collect();
        watch(Event::Told(format!("ready: {}", names.join(", "))));
        Ok(company)
    }

    /// Whether they could carry it out, before a target is started for it.
    fn ask(
        self,
        (link, desk): (Arc<Link>, Desk),
        hellos: Vec<Hello>,
        local: Option<Local>,
    ) -> Result<Company, FleetFault> {
        let load = OneLoad::of(&self.scenario.load, 0, self.pace == Pace::Steered);
        let scenario = Scenario { load: load.load(), ..self.scenario.clone() };
        let (run, epoch) = (desk.run.clone(), desk.epoch.clone());
        let stay = Stay { run, epoch, highest: self.highest, is_question: true, load };
        // The demo API has no address before it is started; it is here.
        let address = match &scenario.target.address {
            Address::Http(address) => address.clone(),
            Address::Demo(_) => HttpAddress::plain("127.0.0.1", 1),
        };
        let question = Told { stay: Some(stay.clone()), ..self.told };
        // The scenario of the question holds for all that follow.
        let told =
            Told { text: String::new(), values: None, files: Files::default(), ..question.clone() };
        let stay = Stay { is_question: false, ..stay };
        let (pace, wanted) = (self.pace, self.wanted);
        let mut company = Company { link, desk, hellos, told, stay, pace, wanted, _local: local };
        let asked = (company.hellos.as_mut_slice(), Some(&company.wanted));
        company.desk.offer(asked, (&scenario, &question), &address)?;
        Ok(company)
    }
}

impl Company {
    fn load_at(
        &self,
        desk: &Desk,
        hosted: Hosted<'_>,
        watch: &mut dyn FnMut(Event),
    ) -> Result<StillUp, FleetFault> {
        let is_steered = self.pace == Pace::Steered;
        let load = OneLoad::of(&hosted.scenario().load, hosted.iterations(), is_steered);
        let stay = Stay { load, ..self.stay.clone() };
        let told = Told { stay: Some(stay), ..self.told.clone() };
        let mut hellos = self.hellos.clone();
        let members =
            desk.offer((&mut hellos, None), (hosted.scenario(), &told), hosted.address())?;
        let mut hosted = hosted;
        hosted.set_up()?;
        // Nothing is searched for with generators of whom one is lacking.
        let manner = Manner { pace: self.pace, on_loss: OnLoss::Void };
        play(desk, (hosted, manner), members, watch)
    }
}

impl Others for Company {
    fn load(
        &self,
        hosted: Hosted<'_>,
        watch: &mut dyn FnMut(Event),
    ) -> Result<StillUp, TrialError> {
        let loaded = Desk::open(Arc::clone(&self.link)).and_then(|desk| {
            let is_over = || hosted.control().ended().is_some();
            let loaded = desk
                .find_watcher(&self.wanted, is_over)
                .and_then(|()| self.load_at(&desk, hosted, watch));
            desk.close();
            loaded
        });
        loaded.map_err(|fault| match fault {
            FleetFault::Trial(error) => error,
            fault => TrialError::Generators(fault.to_string()),
        })
    }
}
