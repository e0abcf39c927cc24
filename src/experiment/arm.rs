//! An arm of a duet: where its target comes from, made ready once, started many times.
//!
//! A scenario and an [`ArmSource`] come in. A [`PreparedArm`] goes out, which makes a
//! scenario of its own for each start: the same requests and load, with this arm's
//! address, command, folder and environment. [`start`](super::start) does the rest.
//!
//! | source | command | folder | address |
//! | --- | --- | --- | --- |
//! | the scenario's own | the scenario's | the scenario's | its host, a port of the caller's |
//! | running | none | – | as given |
//! | command | as given | the scenario's | its host, a port of the caller's |
//! | folder | the scenario's | the one given, or what stands in it for the scenario's | the same |
//! | ref | the scenario's | what stands for the scenario's in a worktree | the same |

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::experiment::control::Control;
use crate::experiment::relocation::Relocation;
use crate::scenario::model::{
    Address, Arm, AssignedPort, HttpAddress, Prepare, Scenario, StartCommand,
};
use crate::target::checkout::{Checkout, CheckoutError};
use crate::target::one_shot::{OneShotError, OneShots};
use crate::target::process::Supervisor;

/// Tells a target which of the two it is.
const ARM_VARIABLE: &str = "LOADGATE_ARM";
/// What a target that is started here gets at least to become ready.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// Where an arm's target comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArmSource {
    /// The scenario's own target: started if it says how, else where it runs.
    Scenario,
    /// It runs already, there.
    Running(HttpAddress),
    /// Another command, in the scenario's folder.
    Command(Vec<String>),
    /// The scenario's command in another folder.
    Folder(PathBuf),
    /// The scenario's command in a worktree of a git ref.
    Ref {
        /// A branch, a tag or a commit.
        git_ref: String,
        /// What makes the worktree ready to start.
        prepare: Option<Prepare>,
    },
}

/// What arms are made ready with.
pub struct Site<'a> {
    /// How commands are started.
    pub supervisor: &'a Supervisor,
    /// Ends the making ready.
    pub control: &'a Control,
    /// A folder for temporary files, outside of the repository.
    pub temporary: &'a Path,
    /// The run folder, for what preparations print.
    pub folder: &'a Path,
    /// loadgate's own PATH. npm puts the candidate's programs into it, which the baseline
    /// must not find.
    pub search_path: Option<String>,
    /// Hears what is done.
    pub watch: &'a dyn Fn(Making),
}

impl fmt::Debug for Site<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").field("temporary", &self.temporary).finish_non_exhaustive()
    }
}

/// What is done to make an arm ready, for those who watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Making {
    /// This ref is being checked out.
    CheckingOut(String),
    /// This command runs in the worktree.
    Preparing(String),
}

/// Why an arm cannot be had.
#[derive(Debug)]
pub enum ArmError {
    /// The scenario has no command that could be started elsewhere.
    NothingToStart(Arm),
    /// The paths of all requests begin with the scenario's prefix, also for this arm.
    OtherPrefix {
        /// Which.
        arm: Arm,
        /// Its address.
        address: String,
        /// The prefix of the scenario's url.
        wanted: String,
    },
    /// There is no such folder.
    FolderMissing(Arm, PathBuf),
    /// The ref could not be checked out.
    Checkout(Arm, CheckoutError),
    /// The worktree could not be made ready to start.
    Prepare(Arm, OneShotError),
    /// A signal came.
    Interrupted(i32),
}

impl fmt::Display for ArmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArmError::NothingToStart(arm) => write!(
                f,
                "the {arm}: the scenario does not say how its target is started; add \
                 \"command\" to \"target\", or give the {arm} as a url or a command"
            ),
            ArmError::OtherPrefix { arm, address, wanted } => write!(
                f,
                "the {arm} at {address}: both arms get the same requests, whose paths begin \
                 with \"{wanted}\" after the scenario's \"url\"; give a url that ends with it"
            ),
            ArmError::FolderMissing(arm, folder) => {
                write!(f, "the {arm}: the folder {} does not exist", folder.display())
            }
            ArmError::Checkout(arm, why) => write!(f, "the {arm}: {why}"),
            ArmError::Prepare(arm, why) => write!(
                f,
                "the {arm}: the preparation {why}\n  (\"prepare\" of \"target\" says what makes \
                 a fresh checkout ready to start)"
            ),
            ArmError::Interrupted(_) => f.write_str("interrupted before the load began"),
        }
    }
}

impl std::error::Error for ArmError {}

/// An arm that can be started any number of times. Dropping it removes its worktree; stop
/// what runs in it before.
#[derive(Debug)]
pub struct PreparedArm {
    base: Arc<Scenario>,
    arm: Arm,
    target: ArmTarget,
    description: String,
    checkout: Option<Checkout>,
}

/// What an arm loads.
#[derive(Debug)]
enum ArmTarget {
    /// What the scenario says.
    Scenarios,
    /// What runs there.
    At(HttpAddress),
    /// What is started so, on a port of the caller's.
    Started(StartCommand),
}

impl PreparedArm {
    /// Makes an arm ready: checks out, prepares.
    pub fn new(
        scenario: &Arc<Scenario>,
        arm: Arm,
        source: &ArmSource,
        site: &Site<'_>,
    ) -> Result<PreparedArm, ArmError> {
        let mut prepared = PreparedArm {
            base: Arc::clone(scenario),
            arm,
            target: ArmTarget::Scenarios,
            description: String::new(),
            checkout: None,
        };
        match source {
            ArmSource::Scenario => prepared.as_it_is(),
            ArmSource::Running(address) => prepared.running(address)?,
            ArmSource::Command(words) => prepared.another_command(words),
            ArmSource::Folder(folder) => prepared.another_folder(folder)?,
            ArmSource::Ref { git_ref, prepare } => {
                prepared.another_ref(git_ref, prepare.as_ref(), site)?;
            }
        }
        Ok(prepared)
    }

    /// Which of the two it is.
    pub fn arm(&self) -> Arm {
        self.arm
    }

    /// Where it comes from, for reports: `origin/main (1a2b3c4d, List orders faster)`.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The whole name of the commit, if it is a git ref.
    pub fn commit(&self) -> Option<&str> {
        self.checkout.as_ref().map(Checkout::commit)
    }

    /// Whether it is started, on a port that the caller chooses.
    pub fn needs_port(&self) -> bool {
        matches!(self.target, ArmTarget::Started(_))
    }

    /// The scenario with this arm's target, to be started on a port of loopback such as
    /// [`free_port`](crate::target::port::free_port) gives. A target that runs already
    /// keeps its port.
    pub fn scenario(&self, port: u16) -> Arc<Scenario> {
        let mut scenario = Scenario::clone(&self.base);
        match &self.target {
            ArmTarget::Scenarios => {}
            ArmTarget::At(address) => {
                scenario.target.address = Address::Http(address.clone());
                scenario.target.start = None;
            }
            ArmTarget::Started(command) => self.started(&mut scenario, command, port),
        }
        Arc::new(scenario)
    }

    /// Removes what was made for it, and says what could not be removed. Dropping it does
    /// the same in silence.
    pub fn remove(self) -> Result<(), String> {
        self.checkout.map_or(Ok(()), Checkout::remove)
    }

    fn started(&self, scenario: &mut Scenario, command: &StartCommand, port: u16) {
        let target = &mut scenario.target;
        if target.start.is_none() {
            target.ready.within = target.ready.within.max(READY_WITHIN);
        }
        let own = match &target.address {
            Address::Http(address) => address.clone(),
            Address::Demo(_) => HttpAddress::plain("127.0.0.1", port),
        };
        let variable = target.arms.port_variable.clone();
        let mut command = command.clone();
        let address = own.beside(port, self.arm.name());
        let ours = [(variable.clone(), address.listens_at())].into_iter();
        let ours = ours.chain([(ARM_VARIABLE.to_owned(), self.arm.name().to_owned())]);
        for (name, value) in ours.chain(target.arms.variables(self.arm).iter().cloned()) {
            set(&mut command.env, name, value);
        }
        let is_port = address.socket().is_none();
        target.assigned = is_port.then_some(AssignedPort { variable, instead_of: own.port });
        target.address = Address::Http(address);
        target.start = Some(command);
    }

    fn as_it_is(&mut self) {
        "the scenario's target".clone_into(&mut self.description);
        if let Some(command) = self.base.target.start.clone() {
            self.target = ArmTarget::Started(command);
        }
    }

    fn running(&mut self, address: &HttpAddress) -> Result<(), ArmError> {
        let wanted = match &self.base.target.address {
            Address::Http(own) => own.prefix.clone(),
            Address::Demo(_) => String::new(),
        };
        let shown = self.base.secrets.redact(&address.to_string());
        if address.prefix != wanted {
            return Err(ArmError::OtherPrefix { arm: self.arm, address: shown, wanted });
        }
        self.description = shown;
        self.target = ArmTarget::At(self.secured(address.clone()));
        Ok(())
    }

    /// An address with what the scenario says of TLS and of HTTP/2.
    fn secured(&self, address: HttpAddress) -> HttpAddress {
        let own = match &self.base.target.address {
            Address::Http(own) => Some(own),
            Address::Demo(_) => None,
        };
        let client = own.and_then(|own| own.tls.as_ref()?.at(&address.host).ok());
        let tls =
            address.tls.as_ref().map(|by_default| client.unwrap_or_else(|| by_default.clone()));
        let address = HttpAddress { tls, ..address };
        if own.is_some_and(|own| own.is_http2) { address.by_http2() } else { address }
    }

    fn another_command(&mut self, words: &[String]) {
        self.description = self.base.secrets.redact(&words.join(" "));
        let (folder, env) = match &self.base.target.start {
            Some(own) => (own.folder.clone(), own.env.clone()),
            None => (scenarios_folder(&self.base), Vec::new()),
        };
        self.target = ArmTarget::Started(StartCommand { command: words.to_vec(), folder, env });
    }

    fn another_folder(&mut self, folder: &Path) -> Result<(), ArmError> {
        let own = self.own_command()?;
        let missing = |folder: &Path| ArmError::FolderMissing(self.arm, folder.to_owned());
        let folder = folder.canonicalize().map_err(|_| missing(folder))?;
        let own_folder = own.folder.canonicalize().map_err(|_| missing(&own.folder))?;
        // The top of another checkout stands for the top of the candidate's.
        let top = own_folder.ancestors().find(|top| top.join(".git").exists());
        let index = match top {
            Some(top) if folder.join(".git").exists() => Relocation { from: top, to: &folder },
            Some(_) | None => Relocation { from: &own_folder, to: &folder },
        };
        let command = index.command(&own, index.path(&own_folder));
        if !command.folder.is_dir() {
            return Err(missing(&command.folder));
        }
        self.description = folder.display().to_string();
        self.target = ArmTarget::Started(command);
        Ok(())
    }

    fn another_ref(
        &mut self,
        git_ref: &str,
        prepare: Option<&Prepare>,
        site: &Site<'_>,
    ) -> Result<(), ArmError> {
        let own = self.own_command()?;
        let one_shots = OneShots {
            supervisor: site.supervisor,
            secrets: &self.base.secrets,
            cancelled: &|| site.control.ended().is_some(),
        };
        let failed = |why| match why {
            CheckoutError::Cancelled => interrupted(site),
            why => ArmError::Checkout(self.arm, why),
        };
        (site.watch)(Making::CheckingOut(git_ref.to_owned()));
        let checkout =
            Checkout::of_ref(&own.folder, git_ref, site.temporary, &one_shots).map_err(failed)?;
        let folder = checkout.counterpart(&own.folder).map_err(failed)?;
        let index = Relocation { from: checkout.top(), to: checkout.folder() };
        let mut command = index.command(&own, folder);
        if let Some(path) = &site.search_path {
            let listed = command.env.iter().any(|(name, _)| name == "PATH");
            if !listed {
                set(&mut command.env, "PATH".to_owned(), index.search_path(path));
            }
        }
        let (name, value) = checkout.variable();
        set(&mut command.env, name, value);
        if let Some(prepare) = prepare {
            self.prepare(&command, prepare, &one_shots, site)?;
        }
        self.description = checkout.description();
        self.target = ArmTarget::Started(command);
        self.checkout = Some(checkout);
        Ok(())
    }

    /// Runs the preparation where the target will run, in the same environment.
    fn prepare(
        &self,
        own: &StartCommand,
        prepare: &Prepare,
        one_shots: &OneShots<'_>,
        site: &Site<'_>,
    ) -> Result<(), ArmError> {
        let mut command = StartCommand { command: prepare.command.clone(), ..own.clone() };
        set(&mut command.env, ARM_VARIABLE.to_owned(), self.arm.name().to_owned());
        for (name, value) in self.base.target.arms.variables(self.arm) {
            set(&mut command.env, name.clone(), value.clone());
        }
        let shown = self.base.secrets.redact(&command.command.join(" "));
        (site.watch)(Making::Preparing(shown));
        let log = site.folder.join(format!("{}-prepare.log", self.arm));
        match one_shots.run(&command, prepare.within, Some(&log)) {
            Ok(()) => Ok(()),
            Err(OneShotError::Cancelled) => Err(interrupted(site)),
            Err(why) => Err(ArmError::Prepare(self.arm, why)),
        }
    }

    fn own_command(&self) -> Result<StartCommand, ArmError> {
        self.base.target.start.clone().ok_or(ArmError::NothingToStart(self.arm))
    }
}

fn interrupted(site: &Site<'_>) -> ArmError {
    ArmError::Interrupted(site.control.signal().unwrap_or(2))
}

fn scenarios_folder(scenario: &Scenario) -> PathBuf {
    let folder = scenario.file.as_deref().and_then(Path::parent);
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new(".")).to_owned()
}

/// Sets a variable, also where it is set already.
fn set(env: &mut Vec<(String, String)>, name: String, value: String) {
    env.retain(|(known, _)| *known != name);
    env.push((name, value));
}
