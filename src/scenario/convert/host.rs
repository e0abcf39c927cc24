//! A host: as it is compared and connected to, and whether it is this machine.

use url::Host;

use super::super::problems::Fault;

/// A host as it is compared and connected to: lower case, no brackets.
pub(super) fn bare(host: &Host<impl AsRef<str>>) -> String {
    match host {
        Host::Domain(name) => name.as_ref().to_ascii_lowercase(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    }
}

/// A host as somebody wrote it, normalised.
pub(super) fn host(text: &str) -> Result<String, Fault> {
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let bracketed = format!("[{inner}]");
    let parsed = Host::parse(if inner.contains(':') { &bracketed } else { inner });
    parsed.map(|host| bare(&host)).map_err(|_| {
        let fault = Fault::new(format!("\"{text}\" is not the name or the address of a host"));
        fault.help("write the bare host, without http://, port and path: \"staging.example.com\"")
    })
}

/// Whether it is this machine, whatever it is connected to.
pub(super) fn is_loopback(host: &str) -> bool {
    let address = host.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.to_canonical().is_loopback())
}
