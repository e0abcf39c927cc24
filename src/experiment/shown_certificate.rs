//! What the certificates say that a target shows before its load.

use std::net::SocketAddr;
use std::time::SystemTime;

use crate::experiment::event::Event;
use crate::experiment::head::{certificate_head, date};
use crate::experiment::resources;
use crate::record::run::Head;
use crate::scenario::model::HttpAddress;
use crate::target::certificate;

/// Puts into a head when the first of a target's certificates ends, of the addresses that are used, and says
/// so if that is soon.
pub(super) fn look_at(
    head: &mut Head,
    (address, used): (&HttpAddress, &[SocketAddr]),
    watch: &mut dyn FnMut(Event),
) {
    let expiry = certificate::expiry(address, used);
    head.certificate = expiry.map(certificate_head);
    let ending = expiry.and_then(|it| resources::ends_soon(it, &date(it.at), SystemTime::now()));
    if let Some(ending) = ending {
        watch(Event::Warning(ending.clone()));
        head.generators[0].environment.warnings.push(ending);
    }
}
