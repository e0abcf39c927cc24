//! How far tenants are apart, in words.

use crate::analysis::assessment::{Assessment, SloStatus};
use crate::report::figures;
use crate::report::plain;

/// Letters of a name in a sentence.
const LONGEST: usize = 40;

/// Who is worst and by how much; nothing where nobody is told apart.
pub(in crate::report) fn sentence(assessment: &Assessment) -> Option<String> {
    let tenants = assessment.tenants.as_ref()?;
    let worst = tenants.worst.and_then(|place| tenants.all.get(usize::from(place)));
    let worst = worst.and_then(|tenant| Some((tenant, tenant.times?.p99)));
    let (Some((worst, p99)), Some(median), Some(spread)) =
        (worst, tenants.median_p99, tenants.spread)
    else {
        return Some("No tenant has enough requests to tell its p99.".to_owned());
    };
    let name = plain::shortened(&plain::line(&worst.name), LONGEST);
    let missed = tenants.all.iter().filter(|it| it.status == Some(SloStatus::Missed)).count();
    let also = match missed {
        0 => String::new(),
        one_or_more => format!(" {} an objective.", missing(one_or_more)),
    };
    Some(format!(
        "The longest p99 is that of {name}, {}: {} times that of the tenant in the middle, {}.{also}",
        figures::millis(p99),
        figures::number(spread),
        figures::millis(median),
    ))
}

fn missing(count: usize) -> String {
    if count == 1 { "1 tenant misses".to_owned() } else { format!("{count} tenants miss") }
}
