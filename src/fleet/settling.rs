//! What a load came to in the end: what each who carried it out has told last, and what whoever was
//! lost owes.

use std::time::Duration;

use crate::experiment::carried::{Carried, UsedUp};
use crate::experiment::crowd::Crowd;
use crate::fleet::roster::Member;
use crate::fleet::unsent::{self, Begun, NOBODY};
use crate::fleet::wire::Last;
use crate::record::generator::Lost;
use crate::units::Moment;

/// Whether a load was ended early, and whether it went on without whoever was lost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    pub(super) is_early: bool,
    pub(super) went_on: bool,
}

/// What became of all; what whoever was lost owes is in the record then.
pub(super) fn settle(crowd: &mut Crowd<'_>, members: &[Member], ended: Ended) -> Carried {
    let used_up = used_up(members);
    // What was due of a load that was steered is what was ordered of it.
    let mut scenario = crowd.scenario().clone();
    scenario.load = crowd.wanted().unwrap_or(scenario.load);
    let over = ended.is_early.then(|| crowd.until());
    let cut = used_up.as_ref().and_then(|used_up| used_up.cut);
    let end = [over, cut].into_iter().flatten().fold(scenario.load.length(), Duration::min);
    let end = Moment(end.as_nanos() as u64);
    let mut carried = Carried { used_up, ..Carried::default() };
    for member in members {
        if let Some((last, _)) = &member.last {
            carried.iterations += last.iterations;
            carried.completed += last.completed;
            carried.handshakes = carried.handshakes.and(last.handshakes);
        }
        let Some(detail) = member.lost.clone() else { continue };
        let span = (member.told_until(), end);
        let of = (&scenario, crowd.head());
        let mut owed = 0;
        // Where nobody goes on, what has no end is open as in any run that was cut short.
        let nothing = Begun::new();
        let begun = if ended.went_on { &member.open } else { &nothing };
        for tick in unsent::ticks(of, member.head.slots, span, (&member.told, begun)) {
            debug_assert_eq!(tick.claim, NOBODY);
            owed += tick.parts.iter().map(|part| part.counts.ended()).sum::<u64>();
            crowd.take(&tick);
        }
        let unsent = ended.went_on.then_some(owed);
        carried.lost.push(Lost { generator: member.id, detail, unsent });
    }
    carried
}

/// Whether rows of data ended it for anybody, and since when for all who were not lost.
fn used_up(members: &[Member]) -> Option<UsedUp> {
    let mine = members.iter().filter(|member| member.lost.is_none());
    let lasts: Vec<&Last> = mine.filter_map(|it| Some(&it.last.as_ref()?.0)).collect();
    let data = lasts.iter().find_map(|last| last.used_up.as_ref())?.data.clone();
    let cuts: Vec<u64> = lasts.iter().filter_map(|last| last.used_up.as_ref()?.cut_ns).collect();
    let is_all = cuts.len() == lasts.len();
    let cut = cuts.into_iter().max().filter(|_| is_all).map(Duration::from_nanos);
    Some(UsedUp { data, cut })
}
