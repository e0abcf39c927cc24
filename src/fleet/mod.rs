//! Several generators, one load: a coordinator has the target, the schedule's start and the record;
//! agents have a share of the slots each, and send.
//!
//! What they say goes over NATS. Control is messages that nobody keeps: a call for agents, an offer
//! to each, its answer, and then a *beat* of the coordinator four times a second that says all that
//! holds at the moment, so that a beat which is lost is no matter. What agents learn is a stream of
//! `JetStream`: each tick of a generator once, as a line of the journal, kept until the coordinator
//! has it.
//!
//! An agent sends only under a lease that beats renew ([`crate::engine::lease`]). The coordinator
//! calls an agent lost that has not been heard of for as long, so both know it at the same time.
//!
//! | file | owns |
//! | --- | --- |
//! | [`wire`] | what is said, and under which subjects |
//! | [`replies`] | what an agent says to an offer, and who is of another build |
//! | [`clock`] | how far two clocks are apart, from four stamps of an exchange; pure |
//! | [`clocks`] | the same of two machines, over the connection |
//! | [`understood`] | whether two understood a scenario alike; pure |
//! | [`allotment`] | which agent has which slots; pure |
//! | [`ceiling`] | the most that a share begins in a second; pure |
//! | [`unsent`] | what was due of a share and never begun; pure |
//! | [`entrance`], [`due`], [`reckoning`] | what fell due of a share, against what was told of it; pure |
//! | [`roster`] | what is known of each agent, and when it is lost; pure |
//! | [`hearing`] | up to when all was heard, by which somebody is missed |
//! | [`files`] | rows and objectives that a scenario names, from the coordinator to agents |
//! | [`sealed`] | values of variables that one agent can read |
//! | [`answers`] | who is ready, and who understood otherwise |
//! | [`identity`] | words that nobody else has, and where we are |
//! | [`link`] | the connection to the server |
//! | [`server`] | a server and agents of our own, on this machine |
//! | [`stream`] | what agents have told and nobody has confirmed |
//! | [`leftovers`] | what runs left on the server that nobody completed |
//! | [`epoch`], [`heeded`] | whose a run is, and whom an agent heeds; the second is pure |
//! | [`loads`] | what is said of several loads for which agents stay; pure |
//! | [`coordinator`], [`gathering`], [`course`] | from the call to the record |
//! | [`manner`], [`settling`] | in which manner that is, and what it came to in the end |
//! | [`company`] | the same for one load after the other |
//! | [`kept`] | what a coordinator leaves for that |
//! | [`takeover`] | the record of a run whose coordinator was killed |
//! | [`steering`] | a load that gets other rates while it goes on |
//! | [`lookout`], [`watching`] | who watches the target's processes where they are, and when it is lost |
//! | [`sidecar`] | the one who does |
//! | [`foreign`] | what others said, as it may be shown; pure |
//! | [`calling`] | who is there: the call for agents, and for others in the place of who has work |
//! | [`engaged`] | what an agent at work says to other offers |
//! | [`own_folder`] | where an agent has what it learns until that is told |
//! | [`refusal`] | why an agent does not accept an offer, and whom it may load; pure |
//! | [`agent`], [`staying`], [`duty`], [`at_work`], [`publisher`] | from the offer to the last tick |

pub mod agent;
pub mod allotment;
mod answers;
mod at_work;
mod calling;
pub mod ceiling;
pub mod clock;
pub mod clocks;
pub mod company;
pub mod coordinator;
pub mod course;
mod due;
pub mod duty;
mod engaged;
pub mod entrance;
pub mod epoch;
pub mod fault;
pub mod files;
mod foreign;
pub mod gathering;
pub mod hearing;
mod heeded;
mod identity;
pub mod kept;
mod leftovers;
pub mod link;
pub mod loads;
mod lookout;
pub mod manner;
mod own_folder;
pub mod publisher;
pub mod reckoning;
mod refusal;
pub mod replies;
pub mod roster;
pub mod sealed;
pub mod server;
mod settling;
pub mod sidecar;
mod staying;
mod steering;
pub mod stream;
pub mod takeover;
pub mod understood;
pub mod unsent;
pub mod watching;
pub mod wire;
