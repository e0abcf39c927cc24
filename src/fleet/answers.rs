//! What agents are, and say to an offer: who takes part, and why somebody does not.

use std::time::Instant;

use crate::fleet::fault::FleetFault;
use crate::fleet::foreign;
use crate::fleet::identity;
use crate::fleet::replies::{self, Answer};
use crate::fleet::roster::Member;
use crate::fleet::sealed::{Sealed, Values};
use crate::fleet::wire::{self, Hello};
use crate::record::generator::{GeneratorHead, GeneratorId};
use crate::scenario::model::HttpAddress;
use crate::scenario::slots::Slots;

/// Who has another loopback than we have reaches another target there.
pub(super) fn check_place(hellos: &[Hello], address: &HttpAddress) -> Result<(), FleetFault> {
    if !address.is_loopback() {
        return Ok(());
    }
    let own = identity::place();
    let elsewhere = hellos.iter().filter(|hello| hello.place != own);
    let elsewhere: Vec<&str> = elsewhere.map(|hello| hello.name.as_str()).collect();
    if elsewhere.is_empty() {
        return Ok(());
    }
    Err(FleetFault::Unshareable(format!(
        "the target is at the loopback of this machine, {address}, and {} would load their own: name \
         the target by an address that all generators reach",
        elsewhere.join(", ")
    )))
}

/// Who is ready, if all are and understood the same.
pub(super) fn members(
    hellos: &[Hello],
    slots: &[Slots],
    answers: Vec<Result<Vec<u8>, String>>,
    digest: &str,
) -> Result<Vec<Member>, FleetFault> {
    let (mut members, mut unready, mut unlike) = (Vec::new(), Vec::new(), Vec::new());
    for (index, (hello, answer)) in hellos.iter().zip(answers).enumerate() {
        let name = &hello.name;
        if let Some(other) = replies::other_build(&hello.loadgate, hello.protocol) {
            unlike.push(format!("{name} is {other}, this is {}", replies::own_build()));
            continue;
        }
        match answer.map(|answer| wire::read::<Answer>(&answer)) {
            Ok(Some(Answer::Ready { digest: theirs, head, .. })) if theirs == digest => {
                let (who, id) = ((hello.agent.clone(), name.clone()), GeneratorId(index as u16));
                // What it was offered counts, not what it says that it has.
                let environment = foreign::environment(head.environment);
                let head = GeneratorHead { name: name.clone(), slots: slots[index], environment };
                members.push(Member::new(who, id, head, Instant::now()));
            }
            Ok(Some(Answer::Ready { .. })) => unlike.push(format!(
                "{name} understood the scenario otherwise: its variables, the files that the \
                 scenario names, or its arrivals differ from ours"
            )),
            Ok(Some(Answer::Busy { run })) => {
                unready.push(format!("{name} works for another run, {run}"));
            }
            Ok(Some(Answer::Refused { detail, is_unlike: true })) => {
                unlike.push(format!("{name}: {detail}"));
            }
            Ok(Some(Answer::Refused { detail, is_unlike: false })) => {
                unready.push(format!("{name}: {detail}"));
            }
            Ok(None) => unready.push(format!("{name} said what cannot be understood")),
            Err(why) => unready.push(format!("{name} did not answer: {why}")),
        }
    }
    match (unlike.is_empty(), unready.is_empty()) {
        (false, _) => Err(FleetFault::Unlike(unlike)),
        (true, false) => Err(FleetFault::Unready(unready)),
        (true, true) => Ok(members),
    }
}

/// The places of those who have other work.
pub(super) fn busy(answers: &[Result<Vec<u8>, String>]) -> Vec<usize> {
    let is_busy = |answer: &Result<Vec<u8>, String>| {
        let answer = answer.as_ref().ok().and_then(|said| wire::read::<Answer>(said));
        matches!(answer, Some(Answer::Busy { .. }))
    };
    (0..answers.len()).filter(|&index| is_busy(&answers[index])).collect()
}

/// Values for each agent, sealed to it.
pub(super) fn sealed(
    hellos: &[&Hello],
    values: Option<&Values>,
) -> Result<Vec<Option<Sealed>>, FleetFault> {
    let Some(values) = values else { return Ok(vec![None; hellos.len()]) };
    let (mut sealed, mut unable) = (Vec::new(), Vec::new());
    for hello in hellos {
        let key = hello.key.as_deref().ok_or_else(|| "it has no key".to_owned());
        match key.and_then(|key| values.seal(key)) {
            Ok(one) => sealed.push(Some(one)),
            Err(why) => unable.push(format!("{} cannot be sent secrets: {why}", hello.name)),
        }
    }
    if unable.is_empty() { Ok(sealed) } else { Err(FleetFault::Unready(unable)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::sealed::Key;
    use crate::fleet::wire::{LOADGATE, PROTOCOL};
    use crate::record::generator::Environment;

    fn hello(name: &str, key: Option<String>) -> Hello {
        Hello {
            agent: format!("{name}.word"),
            name: name.to_owned(),
            protocol: PROTOCOL,
            loadgate: LOADGATE.to_owned(),
            key,
            cores: 1,
            place: String::new(),
        }
    }

    #[test]
    fn what_a_machine_says_of_itself_comes_in_plain_and_who_has_work_is_known() {
        let slots = [0, 1].map(|first| Slots { first, count: 1, of: 2 });
        let warnings = vec!["\u{1b}[2Jgone".to_owned()];
        let environment = Environment { warnings, ..Environment::default() };
        let head = Box::new(GeneratorHead { name: String::new(), slots: slots[0], environment });
        let ready = Answer::Ready { digest: "d".to_owned(), head, bound_ns: 1 };
        let busy_one = Answer::Busy { run: "other".to_owned() };
        let said = || [&ready, &busy_one].map(|answer| Ok(wire::bytes(answer))).to_vec();
        assert_eq!(busy(&said()), [1]);
        let hellos = ["one", "two"].map(|name| hello(name, None));
        let fault = members(&hellos, &slots, said(), "d").unwrap_err().to_string();
        assert!(fault.contains("two works for another run, other"), "{fault}");
        let members = members(&hellos[..1], &slots, said()[..1].to_vec(), "d").unwrap();
        assert_eq!(members[0].head.environment.warnings, ["[2Jgone"]);
    }

    #[test]
    fn an_agent_without_a_key_is_sent_no_secrets_and_named() {
        let key = Key::new();
        let values = Values([("A".to_owned(), "secret-0123".to_owned())].into_iter().collect());
        let able = hello("able", Some(key.public()));
        let for_able = sealed(&[&able], Some(&values)).unwrap();
        assert_eq!(for_able[0].as_ref().unwrap().open(&key).unwrap(), values);
        let (old, odd) = (hello("old", None), hello("odd", Some("XODD".to_owned())));
        let all = [&able, &old, &odd];
        let fault = sealed(&all, Some(&values)).unwrap_err().to_string();
        assert!(fault.contains("old cannot be sent secrets: it has no key"), "{fault}");
        assert!(fault.contains("odd cannot be sent secrets") && !fault.contains("able"), "{fault}");
        assert_eq!(sealed(&all, None).unwrap(), [None, None, None]);
    }
}
