//! Failing exchanges of a kind that a run meets, and hostile ones.

use crate::analysis::failures::{Example, FailedKind, FailuresSeen};
use crate::record::exchange::{FailedExchange, VERSION, Wire};
use crate::record::outcome::Outcome;
use crate::record::target_log::Quote;

/// An order that cannot be shown.
pub(crate) fn orders() -> FailuresSeen {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let body = "TypeError: Cannot read properties of undefined (reading 'id')\n    at show (orders.js:41:11)";
    let exchange = FailedExchange {
        version: VERSION,
        step: 1,
        outcome: Outcome::ServerError,
        cause: None,
        check: None,
        status: Some(500),
        warmup: false,
        due_us: 12_345_000,
        sent_us: Some(12_345_100),
        ended_us: 12_354_200,
        request_id: Some("00c0ffee-0001-8000-8000-00000000002a".to_owned()),
        request: Wire {
            line: "GET /orders/7 HTTP/1.1".to_owned(),
            headers: texts(&[
                "host: api:3000",
                "x-request-id: 00c0ffee-0001-8000-8000-00000000002a",
                "authorization: [redacted]",
            ]),
            ..Wire::default()
        },
        response: Some(Wire {
            line: "HTTP/1.1 500 Internal Server Error".to_owned(),
            headers: texts(&["content-type: text/plain", "content-length: 91"]),
            body: body.to_owned(),
            body_bytes: body.len() as u64,
            ..Wire::default()
        }),
    };
    let text =
        texts(&["TypeError: Cannot read properties of undefined", "    at show (orders.js:41:11)"]);
    let log = vec![Quote { line: 4_711, exchange: Some(0), text }];
    let refused = FailedExchange {
        outcome: Outcome::TransportError,
        cause: Some(crate::record::outcome::Cause::Reset),
        check: None,
        status: None,
        warmup: true,
        response: None,
        ..exchange.clone()
    };
    let kind = |exchange: FailedExchange, requests, log| FailedKind {
        step: "show order".to_owned(),
        outcome: exchange.outcome,
        cause: exchange.cause.map(crate::record::outcome::Cause::name),
        status: exchange.status,
        requests,
        examples: vec![Example { exchange, log }],
    };
    FailuresSeen {
        kinds: vec![kind(exchange, 700, log), kind(refused, 1, Vec::new())],
        log_errors: Some(703),
        log: vec![Quote { line: 2, exchange: None, text: texts(&["Error: pool is empty"]) }],
    }
}

/// The same with a text in all places that a target can write to.
pub(crate) fn of(text: &str) -> FailuresSeen {
    let mut seen = orders();
    for kind in &mut seen.kinds {
        kind.step = text.to_owned();
        let Example { exchange, log } = &mut kind.examples[0];
        exchange.request_id = Some(text.to_owned());
        for wire in std::iter::once(&mut exchange.request).chain(&mut exchange.response) {
            wire.line = text.to_owned();
            wire.headers = vec![text.to_owned()];
            wire.body = text.to_owned();
        }
        for quote in log.iter_mut() {
            quote.text = vec![text.to_owned()];
        }
    }
    seen.log[0].text = vec![text.to_owned()];
    seen
}
