//! Tenants that rows of data name: who there is, whose each row is, and how often each comes.
//!
//! All of it is found when the scenario is read, so that nobody's name is made or looked up while
//! the load runs. A name may be anything that a file says; that it is there and not endless is asked
//! here, and what it looks like is the affair of whoever shows it.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::check::Check;
use super::super::data::order::Taking;
use super::super::data::table::Cell;
use super::super::data::{Data, Per, Rows, Source, Taker};
use super::super::document::Pointer;
use super::super::guessable::names_secret;
use super::super::load::{Load, Stage};
use super::super::model::Flow;
use super::super::problems::Fault;
use super::super::template::{Piece, Template};
use super::super::tenants::{RowTenants, Tenancy};

/// More names than anybody has tenants.
pub(super) const MOST_TENANTS: u32 = 100_000;
/// Letters of a name.
pub(super) const LONGEST_NAME: usize = 200;
/// So many rows are looked at to see who comes most often, where there are fewer.
const LOOKED_AT: u64 = 20_000;

/// The tenants that the rows of one source name; `None` where the name is not made of rows.
pub(super) fn of(
    template: &Template,
    flow: usize,
    data: &Data,
) -> Option<Result<RowTenants, Fault>> {
    let cells = template.pieces.iter().filter_map(|piece| match piece {
        Piece::Cell(id) => Some(*id),
        _ => None,
    });
    let source_id = cells.clone().next()?.source;
    let is_known = |piece: &Piece| match piece {
        Piece::Literal(_) => true,
        Piece::Cell(id) => id.source == source_id,
        _ => false,
    };
    if !template.pieces.iter().all(is_known) {
        return Some(Err(Fault::new("a tenant is named by the rows of one source alone")
            .help("write columns of one source and constant text, such as \"{{users.tenant}}\"")));
    }
    let source = data.sources.get(source_id.index())?;
    let columns = source.table.columns();
    let secret = cells.filter_map(|id| columns.get(usize::from(id.column)));
    if let Some(secret) = secret.into_iter().find(|name| names_secret(name)) {
        let fault = format!("the column \"{secret}\" is a secret, and reports name tenants");
        return Some(Err(Fault::new(fault).help("name them by another column, such as an id")));
    }
    Some(names(template, source).map(|(names, of_rows)| {
        let times = vec![0; names.len()];
        RowTenants { flow, source: source_id, names, of_rows, times }
    }))
}

/// The names, each once, and which of them each row has.
fn names(template: &Template, source: &Source) -> Result<(Vec<String>, Vec<u32>), Fault> {
    let (mut names, mut places) = (Vec::new(), HashMap::new());
    let mut of_rows = Vec::with_capacity(source.table.rows() as usize);
    let mut name = String::new();
    for row in 0..source.table.rows() {
        name.clear();
        write(template, (source, row), &mut name)?;
        if let Some(place) = places.get(name.as_str()) {
            of_rows.push(*place);
            continue;
        }
        if names.len() >= MOST_TENANTS as usize {
            let rows = &source.name;
            let fault = format!("the rows of \"{rows}\" name more than {MOST_TENANTS} tenants");
            return Err(Fault::new(fault).help("name the tenant, not the user or the order"));
        }
        let place = names.len() as u32;
        places.insert(name.clone(), place);
        names.push(name.clone());
        of_rows.push(place);
    }
    Ok((names, of_rows))
}

fn write(
    template: &Template,
    (source, row): (&Source, u64),
    name: &mut String,
) -> Result<(), Fault> {
    let fault = |what: &str| {
        let fault = format!("row {} of \"{}\" names a tenant {what}", row + 1, source.name);
        Fault::new(fault).help("mend the file, or name tenants by another column")
    };
    for piece in &template.pieces {
        match piece {
            Piece::Literal(text) => name.push_str(text),
            Piece::Cell(id) => match source.table.cell(row, id.column) {
                Some(Cell::Text("") | Cell::Json("null")) | None => {
                    return Err(fault("without a name"));
                }
                Some(Cell::Text(text) | Cell::Json(text)) => name.push_str(text),
            },
            // Of nothing else a name is made here.
            _ => {}
        }
        if name.len() > 4 * LONGEST_NAME || name.chars().count() > LONGEST_NAME {
            return Err(fault(&format!("of more than {LONGEST_NAME} letters")));
        }
    }
    Ok(())
}

/// Counts how often each of them comes, and asks whether it is known whose an iteration is.
pub(super) fn count(flows: &mut [Flow], data: &Data, load: &Load, check: &mut Check<'_>) {
    for flow in flows {
        let Tenancy::OfRow(tenants) = &mut flow.tenancy else { continue };
        let Some(source) = data.sources.get(tenants.source.index()) else { continue };
        let at = Pointer::default().key("flows").item(tenants.flow).key("tenant");
        if let Some(fault) = unknown(source, load) {
            check.value(&at, fault);
            continue;
        }
        let tenants = Arc::make_mut(tenants);
        let rows = Rows { data, seed: load.seed, taking: Taking::Load };
        for number in 1..=begun(source, load) {
            let taker = Taker { user: number, iteration: number };
            let row = rows.row(tenants.source, taker).and_then(|row| usize::try_from(row).ok());
            if let Some(place) = row.and_then(|row| tenants.of_rows.get(row)) {
                tenants.times[*place as usize] += 1;
            }
        }
    }
}

/// In a load of rates users are made as they are needed; in one of users each is one tenant's.
fn unknown(source: &Source, load: &Load) -> Option<Fault> {
    let (what, per) = match (source.per, load.is_closed()) {
        (Per::Iteration, false) | (Per::User, true) => return None,
        (Per::User, false) => {
            ("with rates, nobody knows beforehand which user has an iteration", "iteration")
        }
        (Per::Iteration, true) => ("in a load of users each user keeps his tenant", "user"),
    };
    let name = &source.name;
    Some(Fault::new(what).help(format!("write \"per\": \"{per}\" in the data \"{name}\"")))
}

/// Of so many iterations or users, the first ones, the rows are looked at.
fn begun(source: &Source, load: &Load) -> u64 {
    let most = source.table.rows().max(LOOKED_AT);
    let planned = match source.per {
        Per::User => u64::from(load.most_users()),
        Per::Iteration => load.stages.iter().map(Stage::area).sum::<f64>().ceil() as u64,
    };
    planned.clamp(1, most)
}
