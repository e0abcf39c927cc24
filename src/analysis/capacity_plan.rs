//! When growth reaches the capacity: headroom, instances, the date, and the cost, with the
//! uncertainty of the measured capacity carried through to each of them.
//!
//! Demand today × (1 + growth)^t against capacity × instances × ceiling. What was asked comes
//! in with the day that counts as today, a [`Plan`] goes out; no clock. The low end of the
//! capacity gives the earliest date and the most instances, the high end the latest and the
//! fewest. It is arithmetic on what was measured: what it takes for granted stands in
//! [`Plan::assumptions`].

use jiff::civil::Date;
use jiff::{Span, ToSpan};
use schemars::JsonSchema;
use serde::Serialize;

use crate::units::Rate;
use crate::units::growth::{Growth, Period};

/// Months from today at which instances are counted.
const HORIZONS: [i32; 5] = [0, 3, 6, 12, 24];
/// Nothing is said of later days: a hundred years.
const FURTHEST: f64 = 36_525.0;
/// And nothing of a higher rate, per second.
const MOST_DEMAND: f64 = 1e9;
/// Hours of a month.
const MONTH: f64 = 730.5;
/// Points of the demand's curve.
const POINTS: u32 = 40;
/// The version of `plan.json`.
const VERSION: u32 = 1;

/// What a plan is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// What the capacity is of.
    pub name: String,
    /// What one instance serves within its objectives.
    pub capacity: Bounds,
    /// The highest rate of today.
    pub peak: Rate,
    /// How that grows.
    pub growth: Growth,
    /// The share of the capacity that may be used, in (0, 1].
    pub ceiling: f64,
    /// Instances that run today; more than are spare.
    pub instances: u32,
    /// How many of them may be missing.
    pub spare: u32,
    /// What an instance costs.
    pub price: Option<Price>,
    /// The day that counts as today.
    pub today: Date,
}

/// What an instance costs.
#[derive(Debug, Clone, PartialEq)]
pub struct Price {
    /// In an hour.
    pub per_hour: f64,
    /// Of which currency.
    pub currency: String,
    /// The mean rate that costs are shared by; without it they are by the peak.
    pub mean: Option<Rate>,
}

/// Between which values something lies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Bounds {
    /// At least.
    pub low: f64,
    /// At most; `None` where that is not known.
    pub high: Option<f64>,
}

impl Bounds {
    fn map(self, of: impl Fn(f64) -> f64) -> Bounds {
        Bounds { low: of(self.low), high: self.high.map(of) }
    }
}

/// `plan.json`. Rates are per second, shares in [0, 1] and beyond, days are UTC.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Plan {
    /// Version of this form.
    pub version: u32,
    /// What the capacity is of.
    pub name: String,
    /// The day that counts as today.
    pub today: String,
    /// What one instance serves within its objectives.
    pub capacity: Bounds,
    /// The highest rate of today.
    pub peak: f64,
    /// How that grows: `8%/month`.
    pub growth: String,
    /// The same in a year, as a share.
    pub growth_per_year: f64,
    /// The share of the capacity that may be used.
    pub ceiling: f64,
    /// Instances that run today.
    pub instances: u32,
    /// How many of them may be missing.
    pub spare: u32,
    /// What all instances but the spare ones may serve, below the ceiling.
    pub usable: Bounds,
    /// The share of their capacity that today's peak takes; `low` by the capacity's high end.
    pub utilisation: Bounds,
    /// By what share more than today's peak they may serve.
    pub headroom: Bounds,
    /// Whether there is any today.
    pub state: State,
    /// When there is none left.
    pub end: End,
    /// Demand and instances, from today on.
    pub horizons: Vec<Horizon>,
    /// What it costs, where a price is given.
    pub cost: Option<Cost>,
    /// What the plan takes for granted, one sentence each.
    pub assumptions: Vec<String>,
    /// Demand over time, for the chart.
    #[serde(skip)]
    pub course: Course,
}

/// Whether today's peak is below what the instances may serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is, for certain.
    Headroom,
    /// It lies between the ends of what they may serve.
    Undecided,
    /// It is above, for certain.
    Over,
}

/// When the headroom ends.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// It has ended.
    Now,
    /// It does not: demand does not grow.
    Never,
    /// It does.
    Between {
        /// By the low end of the capacity; `None`: not within a hundred years.
        earliest: Option<Day>,
        /// By its high end; `None`: not within a hundred years, or that end is not known.
        latest: Option<Day>,
    },
}

/// A day to come.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Day {
    /// `2026-09-12`.
    pub date: String,
    /// Days from today.
    pub days: f64,
}

/// What is needed on a day.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Horizon {
    /// From today.
    pub months: i32,
    /// The day.
    pub date: String,
    /// The highest rate.
    pub demand: f64,
    /// The fewest instances that do, by the capacity's high end; `None` where that is not known.
    pub fewest: Option<u64>,
    /// The most that it takes, by its low end.
    pub most: u64,
    /// Whether today's instances do.
    pub state: State,
    /// What the most of them cost in a month.
    pub monthly_cost: Option<f64>,
}

/// What instances cost.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Cost {
    /// `EUR`.
    pub currency: String,
    /// An instance in an hour.
    pub per_instance_hour: f64,
    /// Today's instances in a month.
    pub per_month: f64,
    /// The rate that the next figure is by.
    pub rate: f64,
    /// Whether that rate is the mean, or the peak for want of it.
    pub is_mean: bool,
    /// A million arrivals, of as many requests as the flow has, with today's instances at that
    /// rate.
    pub per_million: f64,
    /// A million arrivals of an instance that is as full as the ceiling lets it, by the
    /// capacity's high end and by its low end.
    pub per_million_at_ceiling: Bounds,
}

/// Demand over time. Days are counted from today.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Course {
    /// Where it ends.
    pub days: f64,
    /// Day and rate, until the rate is far beyond what can be served.
    pub demand: Vec<(f64, f64)>,
    /// The first days of the months: day, and `2026-09`.
    pub months: Vec<(f64, String)>,
}

impl Plan {
    /// Works it out.
    pub fn of(asked: &Asked) -> Plan {
        let serving = f64::from(asked.instances.saturating_sub(asked.spare).max(1));
        let usable = asked.capacity.map(|rate| rate * serving * asked.ceiling);
        let state = state(asked.peak.0, usable);
        let end = end(asked, usable, state);
        let lowest = asked.capacity.high.map_or(0.0, |rate| asked.peak.0 / (rate * serving));
        Plan {
            version: VERSION,
            name: asked.name.clone(),
            today: asked.today.to_string(),
            capacity: asked.capacity,
            peak: asked.peak.0,
            growth: asked.growth.to_string(),
            growth_per_year: asked.growth.factor_after(Period::Year.days()) - 1.0,
            ceiling: asked.ceiling,
            instances: asked.instances,
            spare: asked.spare,
            usable,
            utilisation: Bounds {
                low: lowest,
                high: Some(asked.peak.0 / (asked.capacity.low * serving)),
            },
            headroom: usable.map(|rate| rate / asked.peak.0 - 1.0),
            state,
            horizons: horizons(asked, usable),
            cost: asked.price.as_ref().map(|price| cost(asked, price)),
            assumptions: assumptions(asked),
            course: course(asked, usable, &end),
            end,
        }
    }
}

fn state(demand: f64, usable: Bounds) -> State {
    match usable.high {
        _ if demand <= usable.low => State::Headroom,
        Some(high) if demand > high => State::Over,
        Some(_) | None => State::Undecided,
    }
}

fn end(asked: &Asked, usable: Bounds, state: State) -> End {
    if state == State::Over {
        return End::Now;
    }
    if asked.growth.share <= 0.0 {
        return End::Never;
    }
    let day = |rate: f64| day(asked.today, asked.growth.days_until(rate / asked.peak.0)?);
    End::Between { earliest: day(usable.low), latest: usable.high.and_then(day) }
}

/// `None` beyond all planning.
fn day(today: Date, days: f64) -> Option<Day> {
    if days > FURTHEST {
        return None;
    }
    let date = today.checked_add((days.floor() as i64).days()).ok()?;
    Some(Day { date: date.to_string(), days })
}

/// Those whose demand means anything.
fn horizons(asked: &Asked, usable: Bounds) -> Vec<Horizon> {
    let all = HORIZONS.iter().map(|months| horizon(asked, usable, *months));
    all.take_while(|it| it.months == 0 || it.demand <= MOST_DEMAND).collect()
}

fn horizon(asked: &Asked, usable: Bounds, months: i32) -> Horizon {
    let date = later(asked.today, months.months());
    let demand = asked.peak.0 * asked.growth.factor_after(days_between(asked.today, date));
    let spare = u64::from(asked.spare);
    let needed = |capacity: f64| {
        // A share that was given in per cent must not cost an instance by its last digit.
        let instances = (demand / (capacity * asked.ceiling) - 1e-9).ceil().max(1.0);
        (instances as u64).saturating_add(spare)
    };
    let most = needed(asked.capacity.low);
    Horizon {
        months,
        date: date.to_string(),
        demand,
        fewest: asked.capacity.high.map(needed),
        most,
        state: state(demand, usable),
        monthly_cost: asked.price.as_ref().map(|price| price.per_hour * MONTH * most as f64),
    }
}

/// A day in the calendar's last year stays where it is.
fn later(date: Date, by: Span) -> Date {
    date.saturating_add(by)
}

fn days_between(from: Date, to: Date) -> f64 {
    f64::from(from.until(to).map_or(0, |span| span.get_days()))
}

fn cost(asked: &Asked, price: &Price) -> Cost {
    let rate = price.mean.unwrap_or(asked.peak).0;
    let per_million = |hourly: f64, rate: f64| hourly * 1e6 / (rate * 3_600.0);
    let at_ceiling = |capacity: f64| per_million(price.per_hour, capacity * asked.ceiling);
    let hourly = price.per_hour * f64::from(asked.instances);
    Cost {
        currency: price.currency.clone(),
        per_instance_hour: price.per_hour,
        per_month: hourly * MONTH,
        rate,
        is_mean: price.mean.is_some(),
        per_million: per_million(hourly, rate),
        per_million_at_ceiling: Bounds {
            low: asked.capacity.high.map_or(0.0, at_ceiling),
            high: Some(at_ceiling(asked.capacity.low)),
        },
    }
}

fn assumptions(asked: &Asked) -> Vec<String> {
    let mut all = vec![
        format!(
            "demand grows by {} all the time: seasons, launches and campaigns are not in it",
            asked.growth
        ),
        "capacity grows in proportion to the instances, which a shared database, lock or quota \
         prevents: measure it with several of them"
            .to_owned(),
        "the capacity is that of the version, the data and the machine that it was measured with: \
         measure again with each change of them"
            .to_owned(),
        "all rates, and what a million costs, are of arrivals: walks through a flow of the scenario, \
         each of as many requests as the flow has"
            .to_owned(),
    ];
    match asked.capacity.high {
        None => all.push(
            "how much more than its low end the capacity is was not measured: the headroom may \
             last longer"
                .to_owned(),
        ),
        Some(high) if high <= asked.capacity.low => all.push(
            "the capacity was given as one figure, so that the date looks more certain than it is"
                .to_owned(),
        ),
        Some(_) => {}
    }
    all
}

/// Until some time after the headroom ends, three months at least and three years at most.
fn course(asked: &Asked, usable: Bounds, end: &End) -> Course {
    let (quarter, years) = (91.0, 3.0 * Period::Year.days());
    let days = match end {
        End::Between { latest: Some(day), .. } => (day.days * 1.25).clamp(quarter, years),
        End::Between { earliest: Some(day), latest: None } => {
            (day.days * 2.0).clamp(quarter, years)
        }
        End::Between { earliest: None, latest: None } | End::Now | End::Never => {
            Period::Year.days()
        }
    };
    let most = (usable.high.unwrap_or(usable.low) * 1.5).max(asked.peak.0 * 1.5);
    let point = |step| {
        let day = days * f64::from(step) / f64::from(POINTS);
        (day, asked.peak.0 * asked.growth.factor_after(day))
    };
    let demand = (0..=POINTS).map(point).take_while(|(_, rate)| *rate <= most).collect();
    Course { days, demand, months: months(asked.today, days) }
}

/// The first days of the months to come.
fn months(today: Date, days: f64) -> Vec<(f64, String)> {
    let first = today.first_of_month();
    let starts = (1..).map(|month: i32| later(first, month.months()));
    let placed = starts.map(|date| (days_between(today, date), date.strftime("%Y-%m").to_string()));
    placed.take(40).take_while(|(day, _)| *day <= days).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three instances of 400 to 430/s, up to 70 %, and 250/s that grow by 8 % a month.
    fn asked() -> Asked {
        Asked {
            name: "orders".to_owned(),
            capacity: Bounds { low: 400.0, high: Some(430.0) },
            peak: Rate(250.0),
            growth: "8%/month".parse().unwrap(),
            ceiling: 0.7,
            instances: 1,
            spare: 0,
            price: None,
            today: jiff::civil::date(2026, 3, 1),
        }
    }

    fn close(found: f64, expected: f64) -> bool {
        (found - expected).abs() <= 1e-9 * expected.abs().max(1.0)
    }

    #[test]
    fn the_interval_of_the_capacity_is_carried_to_the_date() {
        let plan = Plan::of(&asked());
        assert!(close(plan.usable.low, 280.0) && close(plan.usable.high.unwrap(), 301.0));
        assert!(close(plan.utilisation.high.unwrap(), 0.625), "{plan:?}");
        assert!(close(plan.headroom.low, 0.12) && plan.state == State::Headroom, "{plan:?}");
        let End::Between { earliest: Some(earliest), latest: Some(latest) } = &plan.end else {
            panic!("{:?}", plan.end);
        };
        // ln(280/250)/ln(1.08) = 1.4726 months, ln(301/250)/ln(1.08) = 2.4122 months.
        assert_eq!((earliest.date.as_str(), latest.date.as_str()), ("2026-04-14", "2026-05-13"));
        assert!((earliest.days - 44.82).abs() < 0.01, "{earliest:?}");
        assert!((latest.days - 73.42).abs() < 0.01, "{latest:?}");
    }

    #[test]
    fn instances_are_counted_at_both_ends_of_the_capacity() {
        let plan = Plan::of(&asked());
        let found: Vec<_> = plan
            .horizons
            .iter()
            .map(|it| (it.date.as_str(), it.fewest, it.most, it.state))
            .collect();
        assert_eq!(found[0], ("2026-03-01", Some(1), 1, State::Headroom));
        // After 184 days 250/s are 397.9/s.
        assert_eq!(found[2], ("2026-09-01", Some(2), 2, State::Over));
        assert_eq!(found[4].0, "2028-03-01");
        let unsure = Bounds { low: 200.0, high: Some(430.0) };
        let plan = Plan::of(&Asked { capacity: unsure, ..asked() });
        assert_eq!((plan.horizons[0].fewest, plan.horizons[0].most), (Some(1), 2));
        assert_eq!(plan.horizons[0].state, State::Undecided);
    }

    #[test]
    fn demand_beyond_all_reason_is_left_out() {
        let growth = "1000%/week".parse().unwrap();
        let plan = Plan::of(&Asked { growth, ..asked() });
        assert_eq!(plan.horizons.len(), 1, "{:?}", plan.horizons);
    }

    #[test]
    fn an_instance_that_may_be_missing_serves_nothing_and_is_counted() {
        let plan = Plan::of(&Asked { instances: 3, spare: 1, ..asked() });
        assert!(close(plan.usable.low, 560.0), "{plan:?}");
        assert_eq!(plan.horizons[0].most, 2);
    }

    #[test]
    fn what_is_over_already_and_what_never_ends_is_said() {
        let over = Plan::of(&Asked { peak: Rate(310.0), ..asked() });
        assert_eq!((over.state, &over.end), (State::Over, &End::Now));
        assert!(over.headroom.high.unwrap() < 0.0);
        let undecided = Plan::of(&Asked { peak: Rate(290.0), ..asked() });
        assert_eq!(undecided.state, State::Undecided);
        let End::Between { earliest: Some(earliest), latest: Some(_) } = undecided.end else {
            panic!("{undecided:?}");
        };
        assert_eq!(earliest.date, "2026-03-01");
        for growth in ["0%/month", "-5%/month"] {
            let plan = Plan::of(&Asked { growth: growth.parse().unwrap(), ..asked() });
            assert_eq!((plan.state, plan.end), (State::Headroom, End::Never), "{growth}");
        }
    }

    #[test]
    fn a_capacity_without_an_upper_end_has_no_latest_date() {
        let plan = Plan::of(&Asked { capacity: Bounds { low: 400.0, high: None }, ..asked() });
        let End::Between { earliest: Some(_), latest: None } = plan.end else {
            panic!("{:?}", plan.end);
        };
        assert_eq!((plan.horizons[2].fewest, plan.horizons[2].state), (None, State::Undecided));
        let over =
            Asked { capacity: Bounds { low: 400.0, high: None }, peak: Rate(9_000.0), ..asked() };
        assert_eq!(Plan::of(&over).state, State::Undecided);
    }

    #[test]
    fn slow_growth_has_no_date_within_a_hundred_years() {
        let growth = "0.01%/year".parse().unwrap();
        let plan = Plan::of(&Asked { growth, ..asked() });
        assert_eq!(plan.end, End::Between { earliest: None, latest: None });
        let last_year = Asked { today: Date::MAX, ..asked() };
        assert_eq!(Plan::of(&last_year).horizons[4].date, Date::MAX.to_string());
    }

    #[test]
    fn costs_are_by_the_mean_rate_or_else_by_the_peak() {
        let price = Price { per_hour: 0.12, currency: "EUR".to_owned(), mean: None };
        let with = |mean| {
            let price = Some(Price { mean, ..price.clone() });
            Plan::of(&Asked { instances: 3, price, ..asked() }).cost.unwrap()
        };
        // 0.36 an hour for 900,000 requests.
        assert!(close(with(None).per_million, 0.4), "{:?}", with(None));
        assert!(close(with(Some(Rate(100.0))).per_million, 1.0));
        let ceiling = with(None).per_million_at_ceiling;
        assert!(close(ceiling.high.unwrap(), 0.12e6 / (280.0 * 3_600.0)), "{ceiling:?}");
        assert!(ceiling.low < ceiling.high.unwrap());
    }

    #[test]
    fn the_course_ends_after_the_headroom_and_shows_months() {
        let course = Plan::of(&asked()).course;
        assert!((course.days - 91.77).abs() < 0.1, "{}", course.days);
        assert_eq!(course.demand[0], (0.0, 250.0));
        let months: Vec<&str> = course.months.iter().map(|(_, month)| month.as_str()).collect();
        assert_eq!(months, ["2026-04", "2026-05"]);
        let fast = Plan::of(&Asked { growth: "1000%/week".parse().unwrap(), ..asked() }).course;
        assert!(fast.demand.iter().all(|(_, rate)| *rate <= 451.5), "{:?}", fast.demand);
    }
}
