//! How TLS sessions with the target begin: files are read and checked, before anything is sent.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::super::check::Check;
use super::super::document::Pointer;
use super::super::model::HttpAddress;
use super::super::origin::Origin;
use super::super::problems::Fault;
use super::super::raw_http2::{PRIOR_KNOWLEDGE, RawHttp2};
use super::super::raw_target::RawTls;
use crate::tls::{self, Client, Files, Oldest, Settings};

/// A larger file is no certificate.
const LARGEST: u64 = 1_000_000;

/// The address with what its sessions begin with, if its url is one of TLS.
pub(super) fn secured(
    raw: Option<&RawTls>,
    (address, is_secured): (HttpAddress, bool),
    origin: &Origin,
    (at, check): (&Pointer, &mut Check<'_>),
) -> Option<HttpAddress> {
    let index = at.key("tls");
    let Some(raw) = raw else {
        if !is_secured {
            return Some(address);
        }
        return check.accept(&at.key("url"), by_default(address));
    };
    if address.socket().is_some() {
        let fault = Fault::new("\"tls\" means nothing for a socket file");
        check.key(&index, fault.help("remove it: what goes through a file stays on this machine"));
        return None;
    }
    if !is_secured {
        let fault = Fault::new("\"tls\" means nothing for a url that begins with http://");
        check.key(&index, fault.help("write https:// in \"url\", or remove \"tls\""));
        return None;
    }
    let settings = settings(raw, origin, &index, check)?;
    let made = Client::new(settings, &address.host);
    let client = made.map_err(|wrong| {
        let (key, fault) = fault(wrong);
        let index = key.map_or_else(|| index.clone(), |key| index.key(key));
        check.value(&index, fault);
    });
    Some(HttpAddress { tls: Some(client.ok()?), ..address })
}

/// The address with the version of HTTP that is spoken there.
pub(super) fn versioned(
    raw: Option<RawHttp2>,
    address: HttpAddress,
    at: &Pointer,
    check: &mut Check<'_>,
) -> HttpAddress {
    let is_secured = address.tls.is_some();
    match raw {
        None | Some(RawHttp2::Off) => return address,
        Some(RawHttp2::Agreed) if !is_secured => {
            let without = match address.socket() {
                None => "the url begins with http://",
                Some(_) => "there is none on a socket file",
            };
            let fault = Fault::new(format!(
                "that HTTP/2 is spoken is agreed upon in the TLS handshake, and {without}"
            ));
            let help = format!("write \"{PRIOR_KNOWLEDGE}\" for HTTP/2 without TLS");
            check.value(&at.key("http2"), fault.help(help));
        }
        Some(RawHttp2::PriorKnowledge) if is_secured => {
            let fault = Fault::new(format!("\"{PRIOR_KNOWLEDGE}\" is for a url with http://"));
            let help = "write true: it is agreed upon in the TLS handshake";
            check.value(&at.key("http2"), fault.help(help));
        }
        Some(RawHttp2::Agreed | RawHttp2::PriorKnowledge) => {}
    }
    address.by_http2()
}

/// Whether HTTP/2 is spoken to the demo.
pub(super) fn demo_speaks_http2(
    raw: Option<RawHttp2>,
    is_secured: bool,
    at: &Pointer,
    check: &mut Check<'_>,
) -> bool {
    let help = match raw {
        None | Some(RawHttp2::Off) => return false,
        Some(RawHttp2::Agreed) if !is_secured => {
            format!("write \"demo\": \"tls\", or \"{PRIOR_KNOWLEDGE}\" for HTTP/2 without TLS")
        }
        Some(RawHttp2::PriorKnowledge) if is_secured => {
            "write true: it is agreed upon in the TLS handshake".to_owned()
        }
        Some(RawHttp2::Agreed | RawHttp2::PriorKnowledge) => return true,
    };
    let fault = Fault::new("that is not how this demo speaks HTTP/2");
    check.value(&at.key("http2"), fault.help(help));
    true
}

/// The address with what sessions begin with where nothing is said of them.
pub(super) fn by_default(address: HttpAddress) -> Result<HttpAddress, Fault> {
    let client = Client::new(Settings::default(), &address.host);
    let client = client.map_err(|wrong| fault(wrong).1)?;
    Ok(HttpAddress { tls: Some(client), ..address })
}

fn settings(
    raw: &RawTls,
    origin: &Origin,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<Settings> {
    let place = |path: Option<&String>| Some(origin.folder.join(check.fill(path?)));
    let files = Files {
        ca: place(raw.ca.as_ref()),
        certificate: place(raw.cert.as_ref()),
        key: place(raw.key.as_ref()),
    };
    let mut read = |key: &str, path: Option<&PathBuf>| check.accept(&at.key(key), text(path?));
    let given = [&raw.ca, &raw.cert, &raw.key].map(Option::is_some);
    let ca = read("ca", files.ca.as_ref());
    let cert = read("cert", files.certificate.as_ref());
    let key = read("key", files.key.as_ref());
    let are_read = [&ca, &cert, &key].map(Option::is_some) == given;
    match given {
        [_, true, false] => {
            let fault = Fault::new("a certificate of ours needs its key");
            check.key(&at.key("cert"), fault.help("add \"key\": \"client.key\""));
            return None;
        }
        [_, false, true] => {
            let fault = Fault::new("\"key\" without \"cert\"");
            check.key(&at.key("key"), fault.help("add \"cert\": \"client.pem\""));
            return None;
        }
        [_, true, true] | [_, false, false] => {}
    }
    if raw.insecure == Some(true) && raw.ca.is_some() {
        let fault =
            Fault::new("\"insecure\" takes every certificate, and \"ca\" says whose to take");
        check.key(&at.key("insecure"), fault.help("remove one of the two"));
        return None;
    }
    let oldest = check.accept(&at.key("min_version"), oldest(raw.min_version.as_deref()))?;
    let server_name = raw.server_name.as_deref().map(|name| check.fill(name));
    are_read.then_some(Settings {
        ca,
        identity: cert.zip(key),
        server_name,
        oldest,
        insecure: raw.insecure == Some(true),
        resumption: raw.resumption == Some(true),
        is_http2: false,
        files,
    })
}

fn oldest(text: Option<&str>) -> Result<Oldest, Fault> {
    match text {
        None | Some("1.2") => Ok(Oldest::Tls12),
        Some("1.3") => Ok(Oldest::Tls13),
        Some(other) => {
            let fault =
                Fault::new(format!("\"{other}\" is no version of TLS that loadgate speaks"));
            Err(fault.help("write \"1.2\" or \"1.3\""))
        }
    }
}

/// A file's text; that of a key is in no message.
fn text(path: &Path) -> Result<Vec<u8>, Fault> {
    let shown = path.display();
    let unreadable = |error| {
        let fault = Fault::new(format!("{shown} cannot be read: {error}"));
        fault.help("paths are relative to the scenario file")
    };
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err(Fault::new(format!("{shown} is larger than 1 MB, which no certificate is")));
    }
    Ok(bytes)
}

/// The key that is wrong, and how.
fn fault(wrong: tls::Fault) -> (Option<&'static str>, Fault) {
    match wrong {
        tls::Fault::Ca(why) => (Some("ca"), Fault::new(why)),
        tls::Fault::Certificate(why) => (Some("cert"), Fault::new(why)),
        tls::Fault::Key(why) => (Some("key"), Fault::new(why)),
        tls::Fault::Name(why) => (Some("server_name"), Fault::new(why)),
        tls::Fault::System(why) => {
            let help = "install the package ca-certificates, or name what to trust with \"ca\" of \
                        \"tls\"";
            (None, Fault::new(why).help(help))
        }
    }
}
