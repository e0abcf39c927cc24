//! Made-up capacity plans for the tests of reports: an ordinary one and the odd ones.

use crate::analysis::capacity_plan::{Asked, Bounds, Plan, Price};
use crate::units::Rate;

/// One instance of 400 to 430/s, of which 70 % may be used, and 250/s that grow by 8 % a month.
pub(crate) fn asked() -> Asked {
    Asked {
        name: "orders".to_owned(),
        capacity: Bounds { low: 400.0, high: Some(430.0) },
        peak: Rate(250.0),
        growth: "8%/month".parse().unwrap(),
        ceiling: 0.7,
        instances: 1,
        spare: 0,
        price: Some(Price { per_hour: 0.12, currency: "EUR".to_owned(), mean: None }),
        today: jiff::civil::date(2026, 3, 1),
    }
}

pub(crate) fn normal() -> Plan {
    Plan::of(&asked())
}

/// Every plan here, with a name for messages.
pub(crate) fn all() -> Vec<(&'static str, Plan)> {
    let growth = |text: &str| text.parse().unwrap();
    let open = Bounds { low: 400.0, high: None };
    let of = |name, asked: Asked| (name, Plan::of(&asked));
    vec![
        of("normal", asked()),
        of("over", Asked { peak: Rate(900.0), price: None, ..asked() }),
        of("undecided", Asked { peak: Rate(290.0), ..asked() }),
        of("shrinking", Asked { growth: growth("-5%/month"), ..asked() }),
        of("still", Asked { growth: growth("0%/month"), ..asked() }),
        of("fast", Asked { growth: growth("1000%/week"), ..asked() }),
        of("slow", Asked { growth: growth("0.01%/year"), ..asked() }),
        of("open", Asked { capacity: open, instances: 40, spare: 3, ..asked() }),
        of("point", Asked { capacity: Bounds { low: 400.0, high: Some(400.0) }, ..asked() }),
        of("tiny", Asked { peak: Rate(0.001), ..asked() }),
    ]
}
