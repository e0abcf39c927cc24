//! What the generator's machine must have before a run starts.
//!
//! Too few descriptors end the run before it begins. What the plan may not come to need,
//! or may get by with, is a warning: it is shown at once, kept in the record, and a finding.

use std::fmt;
use std::fs;
use std::time::SystemTime;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::scenario::model::{Address, Scenario};
use crate::target::certificate::Expiry;
use crate::target::host;

/// Descriptors beside the connections: files, pipes, timers, the runtimes.
const OVERHEAD: u64 = 100;
/// The kernel's own choice of local ports, and those among them that it must not take.
const PORT_RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";
const PORTS_RESERVED: &str = "/proc/sys/net/ipv4/ip_local_reserved_ports";

/// A certificate that is valid for fewer days is told.
const SOON: u64 = 30;
/// Seconds of a day.
const DAY: u64 = 86_400;

/// The machine allows too few open files for the allowed connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooFewDescriptors {
    /// How many the plan may need.
    pub needed: u64,
    /// How many are allowed.
    pub allowed: u64,
    /// The most connections that would do.
    pub connections: u64,
}

impl fmt::Display for TooFewDescriptors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TooFewDescriptors { needed, allowed, connections } = self;
        write!(
            f,
            "the run may need {needed} open files and {allowed} are allowed; raise the limit \
             (ulimit -n {needed})"
        )?;
        match connections {
            0 => Ok(()),
            fewer => write!(f, " or lower \"connections\" of \"limits\" to {fewer}"),
        }
    }
}

impl std::error::Error for TooFewDescriptors {}

/// Raises the soft limit on open files to what so many connections need.
pub fn allow_connections(
    connections: u32,
    in_process_server: bool,
) -> Result<(), TooFewDescriptors> {
    // Both ends of a connection to the demo API are in this process.
    let ends = if in_process_server { 2 } else { 1 };
    let needed = u64::from(connections) * ends + OVERHEAD;
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return Ok(()) };
    if soft >= needed {
        return Ok(());
    }
    if hard < needed || setrlimit(Resource::RLIMIT_NOFILE, needed, hard).is_err() {
        let connections = hard.saturating_sub(OVERHEAD) / ends;
        return Err(TooFewDescriptors { needed, allowed: hard, connections });
    }
    Ok(())
}

/// What a plan is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Machine {
    /// Cores that loadgate may use.
    cores: usize,
    /// Local ports that connections may have.
    ports: Option<u64>,
    /// Bytes of memory that are free or can be freed.
    memory: Option<u64>,
}

/// What the plan may lack on this machine, each with what to raise.
pub fn warnings(scenario: &Scenario, workers: usize) -> Vec<String> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let machine = Machine { cores, ports: local_ports(), memory: host::available_memory() };
    warnings_on(machine, scenario, workers)
}

fn warnings_on(machine: Machine, scenario: &Scenario, workers: usize) -> Vec<String> {
    let all = [
        too_few_ports(machine, scenario),
        too_few_cores(machine, scenario, workers),
        too_little_memory(machine, scenario),
        unverified(scenario),
    ];
    all.into_iter().flatten().collect()
}

/// How many connections the target will make loadgate open is known to nobody before; that
/// fewer can be open at once than the plan allows is.
fn too_few_ports(machine: Machine, scenario: &Scenario) -> Option<String> {
    let connections = scenario.limits.connections;
    // Each address to come from has as many.
    let ports = machine.ports?.saturating_mul(scenario.target.routing.from.len().max(1) as u64);
    if matches!(&scenario.target.address, Address::Http(it) if it.socket().is_some()) {
        return None;
    }
    (u64::from(connections) > ports).then(|| {
        format!(
            "the run may open {connections} connections and there are {ports} local ports; \
             widen net.ipv4.ip_local_port_range, come from several addresses (--local-addr) or lower \"connections\" of \"limits\""
        )
    })
}

/// The cores without the workers are the target's, and the collector's.
fn too_few_cores(machine: Machine, scenario: &Scenario, workers: usize) -> Option<String> {
    let cores = machine.cores;
    let is_here = scenario.target.start.is_some() || scenario.target.address.is_demo();
    let left = cores.saturating_sub(workers);
    (workers > cores || (is_here && left == 0)).then(|| {
        let (workers, cores) = (counted(workers, "worker"), counted(cores, "core"));
        format!(
            "{workers} on {cores} leave none for the target; lower \"workers\" of \"limits\" or \
             use a machine with more cores"
        )
    })
}

fn counted(value: usize, noun: &str) -> String {
    format!("{value} {noun}{}", if value == 1 { "" } else { "s" })
}

/// Only bodies that something is extracted from are kept, and only while a connection reads
/// them.
fn too_little_memory(machine: Machine, scenario: &Scenario) -> Option<String> {
    let limits = &scenario.limits;
    let extracts = scenario.steps.iter().any(|step| !step.extract.is_empty());
    let at_once = limits.connections.min(limits.in_flight);
    let needed = u64::from(at_once).saturating_mul(limits.body.0);
    let memory = machine.memory.filter(|memory| extracts && needed > *memory)?;
    // The default ceilings are there to stop a runaway, and say nothing about the plan.
    let is_chosen = *limits != crate::scenario::limits::Limits::default();
    is_chosen.then(|| {
        format!(
            "{at_once} bodies of up to {} MB at once are more than the {} MB of memory that are \
             free; lower \"body\", \"connections\" or \"in_flight\" of \"limits\"",
            limits.body.0 / 1_000_000,
            memory / 1_000_000
        )
    })
}

/// Whoever answers is loaded, and told what the scenario says.
fn unverified(scenario: &Scenario) -> Option<String> {
    let Address::Http(address) = &scenario.target.address else { return None };
    let is_insecure = address.tls.as_ref().is_some_and(|client| client.settings().insecure);
    is_insecure.then(|| {
        "the target's certificate is not verified (\"insecure\" of \"tls\"): whoever answers \
         at its address was loaded"
            .to_owned()
    })
}

/// A certificate that ends soon, or has ended where nobody looks at it.
pub fn ends_soon(expiry: Expiry, date: &str, now: SystemTime) -> Option<String> {
    let whose = if expiry.is_own {
        "the target's certificate"
    } else {
        "who signs the target's certificate"
    };
    let left = expiry.at.duration_since(now);
    match left.map(|left| left.as_secs() / DAY) {
        Ok(days) if days >= SOON => None,
        Ok(days) => {
            let days = counted(days as usize, "day");
            Some(format!("{whose} is valid until {date}, for {days} more; renew it"))
        }
        Err(_) => Some(format!("{whose} was valid until {date}: others refuse the target")),
    }
}

fn local_ports() -> Option<u64> {
    let reserved = fs::read_to_string(PORTS_RESERVED).unwrap_or_default();
    count_ports(&fs::read_to_string(PORT_RANGE).ok()?, &reserved)
}

/// `32768 60999` without `40000-40009,50000`.
fn count_ports(range: &str, reserved: &str) -> Option<u64> {
    let mut ends = range.split_whitespace().map(str::parse::<u64>);
    let (first, last) = (ends.next()?.ok()?, ends.next()?.ok()?);
    let taken = reserved.trim().split(',').filter_map(|part| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to) = (from.parse::<u64>().ok()?.max(first), to.parse::<u64>().ok()?.min(last));
        Some((to + 1).saturating_sub(from))
    });
    Some((last + 1).saturating_sub(first).saturating_sub(taken.sum()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::read;

    const ROOMY: Machine = Machine { cores: 8, ports: Some(28_232), memory: Some(8_000_000_000) };

    fn scenario(limits: &str) -> Scenario {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scenario.json");
        let text = format!(
            r#"{{ "name": "a", "target": {{ "demo": true }}, "flows": [{{ "name": "f", "steps": [
                {{ "name": "s", "request": "GET /products", "extract": {{ "id": "$.id" }} }} ] }}],
                "load": {{ "stages": [{{ "for": "1s", "rate": "1/s" }}] }},
                "limits": {limits}, "slo": {{ "all": ["p99 < 1s"] }} }}"#
        );
        fs::write(&path, text).unwrap();
        read::load(&path, &|_| None).unwrap()
    }

    #[track_caller]
    fn check(machine: Machine, limits: &str, workers: usize, expected: &[&str]) {
        let found = warnings_on(machine, &scenario(limits), workers);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        assert!(found.iter().zip(expected).all(|(w, part)| w.contains(part)), "{found:?}");
    }

    #[test]
    fn a_plan_that_fits_warns_of_nothing() {
        check(ROOMY, "{}", 1, &[]);
        check(Machine { memory: Some(1_000_000), ..ROOMY }, "{}", 1, &[]);
        check(Machine { ports: None, memory: None, cores: 2 }, "{}", 1, &[]);
    }

    #[test]
    fn what_is_too_small_is_named() {
        check(
            Machine { ports: Some(999), ..ROOMY },
            "{}",
            1,
            &["1000 connections and there are 999"],
        );
        check(ROOMY, "{}", 8, &["8 workers on 8 cores"]);
        check(Machine { cores: 1, ..ROOMY }, "{}", 1, &["1 worker on 1 core leave none"]);
        let little = Machine { memory: Some(900_000_000), ..ROOMY };
        check(little, r#"{ "body": "1MB" }"#, 1, &["1000 bodies of up to 1 MB"]);
        check(little, r#"{ "body": "1MB", "in_flight": 800 }"#, 1, &[]);
    }

    #[test]
    fn a_certificate_that_ends_within_thirty_days_is_told() {
        use std::time::Duration;

        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(DAY * 20_000);
        let after = |days: u64| now + Duration::from_secs(days * DAY + 1);
        let told = |at, is_own| ends_soon(Expiry { at, is_own }, "2024-11-02", now);
        assert_eq!(told(after(30), true), None);
        let own = told(after(29), true).unwrap();
        assert_eq!(
            own,
            "the target's certificate is valid until 2024-11-02, for 29 days more; renew it"
        );
        assert!(told(after(0), false).unwrap().starts_with("who signs the target's certificate"));
        let over = told(now - Duration::from_secs(1), true).unwrap();
        assert!(over.contains("was valid until 2024-11-02"), "{over}");
    }

    #[test]
    fn reserved_ports_are_nobodys() {
        for (range, reserved, ports) in [
            ("32768\t60999\n", "", Some(28_232)),
            ("100 199", "50-109,150,190-300\n", Some(79)),
            ("199 100", "", Some(0)),
            ("nothing", "", None),
        ] {
            assert_eq!(count_ports(range, reserved), ports, "{range} {reserved}");
        }
    }

    #[test]
    fn too_few_descriptors_say_what_to_raise() {
        let error = TooFewDescriptors { needed: 1_100, allowed: 300, connections: 200 };
        let text = error.to_string();
        assert!(text.contains("ulimit -n 1100") && text.contains("\"limits\" to 200"), "{text}");
        let hopeless = TooFewDescriptors { connections: 0, ..error }.to_string();
        assert!(!hopeless.contains("limits"), "{hopeless}");
    }
}
