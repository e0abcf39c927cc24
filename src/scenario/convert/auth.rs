//! Credentials as written → the header `authorization`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::check::Check;
use super::super::document::Pointer;
use super::super::problems::Fault;
use super::super::raw_login::{RawAuth, RawBasic};
use super::super::template::parse::{Builder, Names};
use super::super::template::{Encoding, Escape, Piece, Template};
use super::settle::settle;

/// The value of `authorization`.
pub(super) fn authorization(
    raw: &RawAuth,
    names: &Names<'_>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<Template> {
    match (&raw.bearer, &raw.basic) {
        (Some(token), None) => {
            let mut builder = Builder::new(Escape::Header, names);
            builder.raw("Bearer ");
            builder.text(token);
            settle(builder.finish(), &at.key("bearer"), check)
        }
        (None, Some(basic)) => self::basic(basic, names, &at.key("basic"), check),
        (None, None) => {
            let fault = Fault::new("credentials without any");
            check.value(at, fault.help("write { \"bearer\": \"{{token}}\" }"));
            None
        }
        (Some(_), Some(_)) => {
            let fault = Fault::new("\"basic\" beside \"bearer\"");
            check.key(&at.key("basic"), fault.help("a request has one of them"));
            None
        }
    }
}

fn basic(
    raw: &RawBasic,
    names: &Names<'_>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<Template> {
    if check.fill(&raw.user).contains(':') {
        let fault = Fault::new("a name with a colon, which would end it");
        check.value(&at.key("user"), fault.help("RFC 7617 has no way to write it"));
        return None;
    }
    let part = |text: &str, key: &str, check: &mut Check<'_>| {
        settle(Template::parse(text, Escape::Verbatim, names), &at.key(key), check)
    };
    let (user, password) = (part(&raw.user, "user", check), part(&raw.password, "password", check));
    let colon = Piece::Literal(":".into());
    let (user, password) = (user?, password?);
    let literals = user.as_literal().zip(password.as_literal());
    let pieces = if let Some((user, password)) = literals {
        let encoded = STANDARD.encode(format!("{user}:{password}"));
        vec![Piece::Literal(format!("Basic {encoded}").into())]
    } else {
        let all = user.pieces.into_iter().chain([colon]).chain(password.pieces).collect();
        let inner = Template { pieces: all, escape: Escape::Verbatim };
        vec![Piece::Literal("Basic ".into()), Piece::Encoded(Encoding::Base64, Box::new(inner))]
    };
    Some(Template { pieces, escape: Escape::Header })
}
