//! `loadgate plan`: when growth reaches the capacity, on the screen and as files.

use std::path::Path;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::analysis::capacity_plan::{Asked, Bounds, Plan, Price, State};
use crate::cli::args_plan::{self, PlanArgs};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::record::capacity::{self as search, CAPACITY_FILE};

/// What a plan is called whose capacity was typed.
const UNNAMED: &str = "capacity plan";

/// Runs the command.
pub fn plan(args: &PlanArgs) -> Exit {
    let asked = match asked(args) {
        Ok(asked) => asked,
        Err(failure) => return failure.tell(),
    };
    let plan = Plan::of(&asked);
    output::conclude_plan(&plan, args.output.as_deref(), args.print, exit_of(&plan))
}

/// Whether there is headroom today.
fn exit_of(plan: &Plan) -> Exit {
    match plan.state {
        State::Headroom => Exit::Pass,
        State::Undecided => Exit::Inconclusive,
        State::Over => Exit::SloMissed,
    }
}

fn asked(args: &PlanArgs) -> Result<Asked, Failure> {
    let (name, capacity) = capacity(&args.capacity)?;
    if args.spare >= args.instances {
        let spare = format!("--spare {} of --instances {}", args.spare, args.instances);
        let advice = "at least one instance must be left to serve".to_owned();
        return Err(Failure::usage(format!("{spare} leaves nothing"), vec![advice]));
    }
    let currency = args.currency.clone().unwrap_or_else(|| "USD".to_owned());
    Ok(Asked {
        name,
        capacity,
        peak: args.peak,
        growth: args.growth,
        ceiling: args.ceiling.0,
        instances: args.instances,
        spare: args.spare,
        price: args.price.map(|per_hour| Price { per_hour, currency, mean: args.mean }),
        today: args.today.unwrap_or_else(today),
    })
}

fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}

/// What the capacity is of, and its bounds.
fn capacity(text: &str) -> Result<(String, Bounds), Failure> {
    let path = Path::new(text);
    if path.exists() {
        return measured(path);
    }
    match args_plan::bounds(text) {
        Some(Ok(bounds)) => Ok((UNNAMED.to_owned(), bounds)),
        Some(Err(why)) => Err(Failure::usage(format!("--capacity {text}: {why}"), Vec::new())),
        None => Err(Failure::usage(
            format!("--capacity {text}: there is no such file or folder, and it is no rate"),
            vec![
                format!("name the folder of a search, or its {CAPACITY_FILE}"),
                "or its bounds, such as 400/s..430/s".to_owned(),
            ],
        )),
    }
}

fn measured(path: &Path) -> Result<(String, Bounds), Failure> {
    let advice =
        || vec![format!("name the folder of a search for capacity, or its {CAPACITY_FILE}")];
    let file = search::read(path).map_err(|error| Failure::usage(error.to_string(), advice()))?;
    if file.asked.unit.is_users() {
        let why = "it found a number of users, and demand is a rate";
        let advice = "search with a scenario whose stages have a \"rate\"";
        return Err(Failure::usage(format!("{}: {why}", path.display()), vec![advice.to_owned()]));
    }
    let Some(low) = file.found.low else {
        let why = "no rate was within the objectives, so that there is no capacity to plan with";
        let advice = "raise what the target can serve, or the limits of its objectives, and \
                      search again";
        return Err(Failure::usage(format!("{}: {why}", path.display()), vec![advice.to_owned()]));
    };
    if file.found.confirmed.is_none() {
        let why = "no longer run has confirmed what its short trials found";
        let high = file.found.high.map(|high| format!("..{high:.0}/s")).unwrap_or_default();
        let advice = format!(
            "search again with more time (--within), or say that it is to be believed: --capacity \
             {low:.0}/s{high}"
        );
        return Err(Failure::usage(format!("{}: {why}", path.display()), vec![advice]));
    }
    Ok((file.scenario, Bounds { low, high: file.found.high }))
}
