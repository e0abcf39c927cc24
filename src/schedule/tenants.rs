//! Whose an iteration is: a function of the seed and of its number alone, as all choices are.
//!
//! The census is taken before the load begins, from the scenario and nothing else, so every worker
//! and every machine has the same table: the place of a tenant follows from its name. Declared
//! tenants are the largest by their sizes; of those that a template names, so many iterations are
//! looked at beforehand, and who comes most often is told apart; so are those whom the rows of the load
//! name most often.

use std::collections::HashMap;
use std::sync::Arc;

use crate::scenario::data::Source;
use crate::scenario::data::order::AtEnd;
use crate::scenario::model::{Scenario, TenantId};
use crate::scenario::template::{Template, Values};
use crate::scenario::tenants::{Noisy, RowTenants, Tenancy, Tenants};
use crate::schedule::{Arrival, Choices};
use crate::units::order;

/// Iterations that are looked at to see who comes most often.
const LOOKED_AT: u64 = 20_000;
/// Letters of a name in a table.
const LONGEST: usize = 60;
/// So many names have users of their own who come again.
const MOST_POOLS: usize = 200_000;
/// The pool of all others, of whose users none comes again as the same.
pub const STRANGERS: u32 = MOST_POOLS as u32 + 1;
/// Apart from the choices that iterations have without tenants.
const SALT: u64 = 0x7465_6e61_6e74_7321;

/// Apart from those.
const NOISE_SALT: u64 = 0x6e6f_6973_7920_6f6e;

/// Which iterations one tenant does more than his size says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Noise {
    when: Noisy,
    more: f64,
    seed: u64,
    /// Who it is, by his place among the drawn tenants.
    pub rank: usize,
}

impl Noise {
    /// That of a scenario; `None` where nobody is noisy in its load.
    pub fn of(scenario: &Scenario) -> Option<Noise> {
        let noise = scenario.tenants.as_ref()?.noise.as_ref()?;
        let when = noise.within(&scenario.load)?;
        let seed = scenario.load.seed ^ NOISE_SALT;
        Some(Noise { when, more: noise.more, seed, rank: noise.tenant })
    }

    /// Whether an arrival is one of them: by the seed, its number and its moment alone.
    pub fn has(&self, arrival: Arrival) -> bool {
        (self.when.from..self.when.until).contains(&arrival.at)
            && Choices::new(self.seed, arrival.index).unit() < self.more
    }
}

/// Whose an iteration is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Member {
    /// To whom its requests are counted.
    pub tenant: TenantId,
    /// Which virtual users may do it: those of a drawn tenant do nothing for others.
    pub pool: u32,
}

/// Who is told apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Told {
    /// The names, by their places.
    pub names: Vec<String>,
    /// Whether there may be others, who share the place behind them.
    pub has_others: bool,
}

impl Told {
    /// How many places there are.
    pub fn places(&self) -> u16 {
        self.names.len() as u16 + u16::from(self.has_others)
    }
}

/// All tenants, and who is told apart.
#[derive(Debug)]
pub struct Census {
    names: Vec<String>,
    /// The share of all iterations that the drawn tenants up to each of them have.
    up_to: Vec<f64>,
    /// Those that are told apart, by name.
    places: HashMap<String, u16>,
    told: Told,
    /// The shares of those that are told apart, where rows name them.
    shares: Vec<f64>,
    /// Those of rows, by flow.
    of_rows: Vec<Option<OfRows>>,
    /// The pools of names, where it matters whose a user is.
    pools: Option<HashMap<String, u32>>,
    /// The name of the member that was asked for last.
    last: Last,
    rendered: String,
}

#[derive(Debug, Clone, Copy)]
enum Last {
    Drawn(usize),
    OfRow { flow: usize, name: u32 },
    Rendered,
}

/// The tenants of the rows that a flow has.
#[derive(Debug)]
struct OfRows {
    tenants: Arc<RowTenants>,
    /// Who each of its names is.
    members: Vec<Member>,
}

impl Census {
    /// That of a scenario; `None` where nobody is told apart.
    pub fn of(scenario: &Scenario) -> Option<Census> {
        let tenants = scenario.tenants.as_ref()?;
        let mut census = Census {
            names: tenants.names.clone(),
            up_to: up_to(tenants),
            places: HashMap::new(),
            told: Told::default(),
            shares: Vec::new(),
            of_rows: Vec::new(),
            pools: scenario.steps.iter().any(|step| step.once).then(HashMap::new),
            last: Last::Rendered,
            rendered: String::new(),
        };
        let most = usize::from(tenants.told_apart);
        census.told = if tenants.names.is_empty() {
            census.most_frequent(scenario, most)
        } else {
            let names: Vec<String> = tenants.names.iter().take(most).cloned().collect();
            let is_named = |tenancy: &Tenancy| match tenancy {
                Tenancy::Named(_) | Tenancy::OfRow(_) => true,
                Tenancy::None | Tenancy::Drawn => false,
            };
            let has_named = scenario.flows.iter().any(|flow| is_named(&flow.tenancy));
            Told { has_others: has_named || tenants.names.len() > most, names }
        };
        census.places =
            (0..).zip(&census.told.names).map(|(at, name)| (name.clone(), at)).collect();
        if let Some(pools) = &mut census.pools {
            pools.extend((0..).zip(&census.names).map(|(pool, name)| (name.clone(), pool)));
        }
        census.of_rows = scenario.flows.iter().map(|it| census.rows_of(&it.tenancy)).collect();
        let shown = |name: &String| scenario.secrets.redact(name).chars().take(LONGEST).collect();
        census.told.names = census.told.names.iter().map(shown).collect();
        Some(census)
    }

    /// Who is told apart.
    pub fn told(&self) -> &Told {
        &self.told
    }

    /// Who the names of the rows of a flow are.
    fn rows_of(&mut self, tenancy: &Tenancy) -> Option<OfRows> {
        let Tenancy::OfRow(tenants) = tenancy else { return None };
        let others = self.told.names.len() as u16;
        let member = |name: &String| {
            let tenant = TenantId(self.places.get(name).copied().unwrap_or(others));
            Member { tenant, pool: pool_of(&mut self.pools, name) }
        };
        let members = tenants.names.iter().map(member).collect();
        Some(OfRows { tenants: Arc::clone(tenants), members })
    }

    /// Whose an iteration with a row of data is; of one that has none nobody knows it.
    pub fn of_row(&mut self, flow: usize, row: Option<u64>) -> Member {
        let nobody = Member { tenant: TenantId(self.told.names.len() as u16), pool: 0 };
        let found = self.of_rows.get(flow).and_then(Option::as_ref).and_then(|it| {
            let name = *it.tenants.of_rows.get(usize::try_from(row?).ok()?)?;
            Some((name, *it.members.get(name as usize)?))
        });
        let Some((name, member)) = found else {
            self.rendered.clear();
            self.last = Last::Rendered;
            return nobody;
        };
        self.last = Last::OfRow { flow, name };
        member
    }

    /// The share of all iterations that a tenant has, where that is known beforehand.
    pub fn share(&self, place: usize) -> Option<f64> {
        if let Some(share) = self.shares.get(place) {
            return Some(*share);
        }
        let before = place.checked_sub(1).and_then(|before| self.up_to.get(before)).copied();
        Some(self.up_to.get(place)? - before.unwrap_or(0.0))
    }

    /// Whose an iteration of a flow is.
    pub fn member(&mut self, tenancy: &Tenancy, seed: u64, index: u64) -> Member {
        let mut choices = Choices::new(seed ^ SALT, index);
        match tenancy {
            Tenancy::None => {
                self.rendered.clear();
                self.last = Last::Rendered;
                Member::default()
            }
            Tenancy::Drawn => {
                let unit = choices.unit();
                let rank = self.up_to.partition_point(|up_to| *up_to <= unit);
                self.drawn(rank.min(self.names.len().saturating_sub(1)))
            }
            Tenancy::Named(template) => {
                self.render(template, index, &mut choices);
                let others = self.told.names.len() as u16;
                let place = self.places.get(&self.rendered).copied().unwrap_or(others);
                Member { tenant: TenantId(place), pool: pool_of(&mut self.pools, &self.rendered) }
            }
            // Rows are looked up by whoever has them.
            Tenancy::OfRow(_) => self.of_row(usize::MAX, None),
        }
    }

    /// A certain one of the drawn tenants.
    pub fn drawn(&mut self, rank: usize) -> Member {
        self.last = Last::Drawn(rank);
        let place = rank.min(self.told.names.len()) as u16;
        Member { tenant: TenantId(place), pool: rank as u32 }
    }

    /// The name of the member that was asked for last; empty where it is nobody.
    pub fn name(&self) -> &str {
        match self.last {
            Last::Drawn(rank) => self.names.get(rank).map_or("", String::as_str),
            Last::OfRow { flow, name } => {
                let found = self.of_rows.get(flow).and_then(Option::as_ref);
                let name = found.and_then(|it| it.tenants.names.get(name as usize));
                name.map_or("", String::as_str)
            }
            Last::Rendered => &self.rendered,
        }
    }

    fn render(&mut self, template: &Template, index: u64, choices: &mut Choices) {
        self.rendered.clear();
        self.last = Last::Rendered;
        let mut random = || choices.bits();
        let mut values = Values { iteration: index + 1, ..Values::nobodys(&mut random) };
        template.render(&mut values, &mut self.rendered);
    }

    /// Who comes most often, among the first iterations of each flow that names its tenant.
    fn most_frequent(&mut self, scenario: &Scenario, most: usize) -> Told {
        let mut seen: HashMap<String, f64> = HashMap::new();
        let mut has_others = false;
        for flow in &scenario.flows {
            match &flow.tenancy {
                Tenancy::None | Tenancy::Drawn => {}
                // Whoever did not come among the first may come later.
                Tenancy::Named(template) => {
                    has_others = true;
                    self.count_named(template, (scenario.load.seed, flow.weight), &mut seen);
                }
                Tenancy::OfRow(tenants) => {
                    has_others |= may_end(scenario, tenants);
                    count_rows(tenants, flow.weight, &mut seen);
                }
            }
        }
        let total: f64 = seen.values().sum();
        // Loads of their own say how often flows are done, not their weights.
        let is_of_rows = scenario.load.parts.is_empty()
            && scenario.flows.iter().all(|it| !matches!(it.tenancy, Tenancy::Named(_)));
        let mut all: Vec<(String, f64)> = seen.into_iter().collect();
        order::by(&mut all, |a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        has_others |= all.len() > most;
        all.truncate(most);
        if is_of_rows && total > 0.0 {
            self.shares = all.iter().map(|(_, times)| times / total).collect();
        }
        Told { names: all.into_iter().map(|(name, _)| name).collect(), has_others }
    }

    fn count_named(
        &mut self,
        template: &Template,
        (seed, weight): (u64, u32),
        seen: &mut HashMap<String, f64>,
    ) {
        let part = f64::from(weight) / LOOKED_AT as f64;
        for index in 0..LOOKED_AT {
            let mut choices = Choices::new(seed ^ SALT, index);
            self.render(template, index, &mut choices);
            match seen.get_mut(&self.rendered) {
                Some(times) => *times += part,
                None => drop(seen.insert(self.rendered.clone(), part)),
            }
        }
    }
}

/// How often each of them comes, each flow by its weight.
fn count_rows(tenants: &RowTenants, weight: u32, seen: &mut HashMap<String, f64>) {
    let all = tenants.times.iter().sum::<u64>().max(1) as f64;
    for (name, times) in tenants.names.iter().zip(&tenants.times) {
        *seen.entry(name.clone()).or_default() += f64::from(weight) * *times as f64 / all;
    }
}

/// Whether some iteration may find no row, so that nobody knows whose it is.
fn may_end(scenario: &Scenario, tenants: &RowTenants) -> bool {
    let source = scenario.data.sources.get(tenants.source.index());
    source.and_then(Source::at_end).is_some_and(|at_end| at_end != AtEnd::Wrap)
}

/// The pool of users that a name has: what one of them knows is used for no other tenant. Names
/// beyond what can be remembered have users of their own each time.
fn pool_of(pools: &mut Option<HashMap<String, u32>>, name: &str) -> u32 {
    let Some(pools) = pools else { return 0 };
    if let Some(pool) = pools.get(name) {
        return *pool;
    }
    if pools.len() >= MOST_POOLS {
        return STRANGERS;
    }
    // The first pool is that of users who are nobody's.
    let pool = pools.len() as u32 + 1;
    pools.insert(name.to_owned(), pool);
    pool
}

/// Sums of the shares, which end at one.
fn up_to(tenants: &Tenants) -> Vec<f64> {
    let weights: Vec<f64> =
        (0..tenants.names.len()).map(|place| tenants.sizes.weight(place)).collect();
    let total: f64 = weights.iter().sum();
    let mut sum = 0.0;
    let next = |weight: f64| {
        sum += weight;
        sum / total
    };
    weights.into_iter().map(next).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::scenario::read::{Origin, parse};

    fn scenario(tenants: &str, flow: &str) -> Scenario {
        let text = format!(
            r#"{{"name": "one", "target": {{"url": "http://127.0.0.1:1"}}, {tenants}
            "flows": [{{"name": "flow", {flow} "steps": [{{"name": "step", "request": "GET /{{{{tenant}}}}"}}]}}],
            "load": {{"stages": [{{"for": "60s", "rate": "1/s"}}]}}}}"#
        );
        let no_file = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
        parse(&text, &Origin::default(), &|_| None, &no_file).unwrap()
    }

    /// How often each tenant comes in so many iterations, and to whom it is counted.
    fn seen(scenario: &Scenario, number: u64) -> BTreeMap<(u16, String), u64> {
        let mut census = Census::of(scenario).unwrap();
        let mut seen = BTreeMap::new();
        for index in 0..number {
            let member = census.member(&scenario.flows[0].tenancy, 1, index);
            let name = census.name().to_owned();
            *seen.entry((member.tenant.0, name)).or_default() += 1;
        }
        seen
    }

    #[test]
    fn declared_tenants_come_by_their_sizes() {
        let tenants =
            r#""tenants": {"count": 50, "sizes": "zipf(1.1)"}, "limits": {"tenants": 3},"#;
        let scenario = scenario(tenants, "");
        let census = Census::of(&scenario).unwrap();
        assert_eq!(census.told().names, ["tenant-1", "tenant-2", "tenant-3"]);
        assert!(census.told().has_others && census.told().places() == 4);
        let found = seen(&scenario, 100_000);
        assert_eq!(found.len(), 50);
        let of = |place: u16, name: &str| found[&(place, name.to_owned())] as f64 / 100_000.0;
        for place in 0..3_u16 {
            let share = of(place, &format!("tenant-{}", place + 1));
            let expected = census.share(usize::from(place)).unwrap();
            assert!((share - expected).abs() < 0.006, "{place}: {share} of {expected}");
        }
        assert!((of(0, "tenant-1") / of(1, "tenant-2") - 2.0_f64.powf(1.1)).abs() < 0.1);
        let others = found.keys().filter(|(place, _)| *place == 3).count();
        assert_eq!(others, 47);
    }

    #[test]
    fn weights_are_sorted_and_whoever_is_small_is_among_the_others() {
        let tenants = r#""tenants": {"weights": {"small": 1, "big": 7, "middle": 2}}, "limits": {"tenants": 2},"#;
        let found = seen(&scenario(tenants, ""), 10_000);
        let places: Vec<(u16, &str)> =
            found.keys().map(|(at, name)| (*at, name.as_str())).collect();
        assert_eq!(places, [(0, "big"), (1, "middle"), (2, "small")]);
        assert!(found[&(0, "big".to_owned())].abs_diff(7_000) < 200);
    }

    #[test]
    fn of_names_that_a_template_makes_the_most_frequent_are_told_apart() {
        let flow = r#""tenant": "t{{random 1..1000}}","#;
        let text = r#""limits": {"tenants": 5},"#;
        let scenario = scenario(text, flow);
        let told = Census::of(&scenario).unwrap().told().clone();
        assert!(told.names.len() == 5 && told.has_others);
        assert_eq!(Census::of(&scenario).unwrap().told(), &told, "every worker has the same");
        let found = seen(&scenario, 5_000);
        let others = found.iter().filter(|((place, _), _)| *place == 5);
        assert!(others.map(|(_, times)| times).sum::<u64>() > 4_800);
        for (place, name) in found.keys().filter(|(place, _)| *place < 5) {
            assert_eq!(&told.names[usize::from(*place)], name);
        }
    }

    #[test]
    fn who_an_iteration_is_for_depends_on_its_number_alone() {
        let scenario = scenario(r#""tenants": {"count": 9},"#, "");
        let (mut one, mut other) = (Census::of(&scenario).unwrap(), Census::of(&scenario).unwrap());
        let tenancy = &scenario.flows[0].tenancy;
        let forwards: Vec<Member> = (0..100).map(|index| one.member(tenancy, 7, index)).collect();
        let backwards: Vec<Member> =
            (0..100).rev().map(|index| other.member(tenancy, 7, index)).collect();
        assert!(forwards.iter().eq(backwards.iter().rev()));
    }

    #[test]
    fn users_of_one_name_are_used_for_no_other() {
        let text = r#"{"name": "one", "target": {"url": "http://127.0.0.1:1"}, "limits": {"tenants": 2},
            "flows": [{"name": "flow", "tenant": "t{{random 1..9}}", "steps": [
                {"name": "login", "request": "GET /login", "once": true},
                {"name": "step", "request": "GET /{{tenant}}"}]}],
            "load": {"stages": [{"for": "60s", "rate": "1/s"}]}}"#;
        let no_file = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
        let scenario = parse(text, &Origin::default(), &|_| None, &no_file).unwrap();
        let mut census = Census::of(&scenario).unwrap();
        let mut pools: BTreeMap<u32, String> = BTreeMap::new();
        for index in 0..2_000 {
            let pool = census.member(&scenario.flows[0].tenancy, 1, index).pool;
            assert!(pool > 0, "those of the first pool are nobody's");
            assert_eq!(pools.entry(pool).or_insert(census.name().to_owned()), census.name());
        }
        assert_eq!(pools.len(), 9);
    }

    #[test]
    fn a_noisy_tenant_does_so_much_more_and_the_others_as_much_as_before() {
        let text = r#"{"name": "one", "target": {"url": "http://127.0.0.1:1"},
            "tenants": {"names": ["a", "b"], "sizes": "zipf(1)"},
            "flows": [{"name": "flow", "steps": [{"name": "step", "request": "GET /{{tenant}}"}]}],
            "load": {"stages": [{"for": "100s", "rate": "100/s"},
                {"for": "100s", "rate": "100/s", "noisy": {"tenant": "b", "times": 5}}]},
            "slo": {"neighbours": ["p99 < 2x"]}}"#;
        let no_file = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
        let scenario = parse(text, &Origin::default(), &|_| None, &no_file).unwrap();
        let (mut census, noise) = (Census::of(&scenario).unwrap(), Noise::of(&scenario).unwrap());
        let mut counts = [[0_u32; 2]; 2];
        for arrival in crate::schedule::Arrivals::new(&scenario.load) {
            let member = if noise.has(arrival) {
                census.drawn(noise.rank)
            } else {
                census.member(&scenario.flows[0].tenancy, 1, arrival.index)
            };
            let stage = usize::from(arrival.at.0 >= 100_000_000_000);
            counts[stage][usize::from(member.tenant.0)] += 1;
        }
        let near = |found: u32, expected: f64| (f64::from(found) / expected - 1.0).abs() < 0.05;
        assert!(near(counts[0][0], 6_667.0) && near(counts[0][1], 3_333.0), "{counts:?}");
        assert!(near(counts[1][0], 6_667.0) && near(counts[1][1], 16_667.0), "{counts:?}");
        let mut other = scenario.clone();
        other.load.stages.remove(0);
        assert!(Noise::of(&other).is_none(), "another load has no noise");
    }

    /// Of flows and rows beside them.
    fn with_rows(more: &str, flows: &str, rows: &str) -> Scenario {
        let text = format!(
            r#"{{"name": "one", "target": {{"url": "http://127.0.0.1:1"}}, {more}
            "flows": [{flows}],
            "load": {{"stages": [{{"for": "60s", "rate": "1/s"}}]}}}}"#
        );
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("rows.csv"), rows).unwrap();
        let data = crate::scenario::origin::DataFiles::Here;
        let origin = Origin { data, folder: folder.path().to_owned(), ..Origin::default() };
        let env = |name: &str| (name == "KEY").then(|| "t0ken-0123456789".to_owned());
        let no_file = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
        parse(&text, &origin, &env, &no_file).unwrap()
    }

    fn flow(name: &str, more: &str, request: &str) -> String {
        format!(
            r#"{{"name": "{name}", {more} "steps": [
                {{"name": "{name}-login", "request": "GET /login", "once": true}},
                {{"name": "{name}-step", "request": "GET /{request}"}}]}}"#
        )
    }

    #[test]
    fn a_tenant_has_the_same_users_however_he_is_named() {
        let flows = [flow("a", "", "{{tenant}}"), flow("b", r#""tenant": "small","#, "")].join(",");
        let tenants = r#""tenants": {"weights": {"big": 9, "middle": 3, "small": 1}},"#;
        let scenario = with_rows(tenants, &flows, "");
        let mut census = Census::of(&scenario).unwrap();
        assert!(census.told().has_others, "a flow may name somebody else");
        let named = census.member(&scenario.flows[1].tenancy, 1, 0);
        assert_eq!(named, census.drawn(2));
        assert_ne!(named.pool, census.drawn(0).pool);
    }

    #[test]
    fn names_beyond_what_is_remembered_have_no_users_of_their_own() {
        let known = (0..MOST_POOLS as u32).map(|at| (at.to_string(), at + 1)).collect();
        let mut pools = Some(known);
        assert_eq!(pool_of(&mut pools, "17"), 18);
        assert_eq!(pool_of(&mut pools, "new"), STRANGERS);
        assert_eq!(pool_of(&mut None, "new"), 0);
    }

    #[test]
    fn names_are_filled_in_by_the_number_of_the_iteration_and_told_without_secrets() {
        let flows = [
            flow("a", r#""tenant": "${KEY}","#, ""),
            flow("b", r#""weight": 4, "tenant": "n{{iteration}}","#, ""),
            flow("c", r#""tenant": "other","#, ""),
        ];
        let scenario = with_rows(r#""limits": {"tenants": 2},"#, &flows.join(","), "");
        let mut census = Census::of(&scenario).unwrap();
        census.member(&scenario.flows[1].tenancy, 1, 41);
        assert_eq!(census.name(), "n42");
        let told = census.told();
        assert!(told.has_others && told.names.len() == 2, "{told:?}");
        assert!(!told.names.iter().any(|name| name.contains("0123456789")), "{told:?}");
        assert!(told.names.contains(&"other".to_owned()), "{told:?}");
        assert_eq!(census.share(0), None, "templates say no shares");
        census.member(&Tenancy::None, 1, 0);
        assert_eq!(census.name(), "");
    }

    #[test]
    fn who_comes_most_often_is_known_by_the_weights_of_the_flows() {
        let often = flow("a", r#""weight": 9, "tenant": "t{{random 1..3}}","#, "{{tenant}}");
        let seldom = flow("b", r#""tenant": "seldom","#, "");
        let scenario = with_rows(r#""limits": {"tenants": 3},"#, &format!("{seldom},{often}"), "");
        let mut names = Census::of(&scenario).unwrap().told().names.clone();
        names.sort_unstable();
        assert_eq!(names, ["t1", "t2", "t3"]);
        let alone = with_rows("", &often, "");
        assert!(Census::of(&alone).unwrap().told().has_others, "somebody may come later");
        let long = flow("a", &format!(r#""tenant": "{}","#, "x".repeat(99)), "");
        assert_eq!(Census::of(&with_rows("", &long, "")).unwrap().told().names[0].len(), LONGEST);
    }

    #[test]
    fn tenants_of_rows_have_the_shares_of_their_flows() {
        let more = r#""data": {"rows": {"file": "rows.csv", "order": "shuffled"}},
            "limits": {"tenants": 2},"#;
        let of_rows = flow("a", r#""weight": 3, "tenant": "{{rows.t}}","#, "{{rows.t}}");
        let rows = "t\na\na\nb\nc\n";
        let scenario_of = |flows: &str| with_rows(more, flows, rows);
        let alone = scenario_of(&of_rows);
        let mut census = Census::of(&alone).unwrap();
        let told = Told { names: vec!["a".to_owned(), "b".to_owned()], has_others: true };
        assert_eq!(
            (census.told(), census.share(0), census.share(1)),
            (&told, Some(0.5), Some(0.25))
        );
        assert_eq!(census.of_row(0, Some(3)).tenant, TenantId(2), "others have the last place");
        assert_eq!(census.name(), "c");
        assert_eq!(census.of_row(0, None), Member { tenant: TenantId(2), pool: 0 });
        assert_eq!(census.name(), "");
        let two = format!("{of_rows},{}", flow("b", r#""tenant": "a","#, ""));
        let two = Census::of(&scenario_of(&two)).unwrap();
        assert_eq!(two.share(0), None, "a flow of a template has no share that is known");
        let own = r#""tenant": "{{rows.t}}", "load": {"stages": [{"for": "9s", "rate": "1/s"}]},"#;
        let own = format!("{of_rows},{}", flow("b", own, "{{rows.t}}"));
        assert_eq!(Census::of(&scenario_of(&own)).unwrap().share(0), None, "loads of their own");
    }

    #[test]
    fn whoever_has_no_row_any_more_is_among_the_others() {
        let more = |at_end: &str| {
            format!(
                r#""data": {{"rows": {{"file": "rows.csv", "order": "unique", "at_end": "{at_end}"}}}},"#
            )
        };
        let flow = flow("a", r#""tenant": "{{rows.t}}","#, "{{rows.t}}");
        let rows = format!("t\n{}", "a\nb\n".repeat(60));
        for (at_end, has_others) in [("fail", true), ("stop", true), ("wrap", false)] {
            let scenario = with_rows(&more(at_end), &flow, &rows);
            assert_eq!(Census::of(&scenario).unwrap().told().has_others, has_others, "{at_end}");
        }
    }
}
