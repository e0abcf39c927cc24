//! Until when certificates are valid.
//!
//! What a server shows in a handshake comes in, the first end of it goes out. Whether that is soon
//! is for others.

use std::time::{Duration, SystemTime};

use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

/// A chain that is longer is not looked at beyond this.
const MOST: usize = 20;

/// The first of a chain's certificates that ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry {
    /// When.
    pub at: SystemTime,
    /// Whether it is the server's own, and not one that signs it.
    pub is_own: bool,
}

impl Expiry {
    /// Of a chain, the server's own certificate first; what cannot be read has no end.
    pub fn of(chain: &[CertificateDer<'_>]) -> Option<Expiry> {
        let ends = chain.iter().take(MOST).enumerate().filter_map(|(place, certificate)| {
            let (_, read) = X509Certificate::from_der(certificate).ok()?;
            let seconds = read.validity().not_after.timestamp();
            let after = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
            let at = SystemTime::UNIX_EPOCH.checked_add(after)?;
            Some(Expiry { at, is_own: place == 0 })
        });
        ends.min_by_key(|expiry| expiry.at)
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn until(year: i32) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().into()
    }

    #[test]
    fn the_first_end_of_a_chain_counts_whoever_it_is() {
        let year = |year: u64| {
            let days = (year - 1970) * 365 + (year - 1969) / 4;
            SystemTime::UNIX_EPOCH + Duration::from_secs(days * 86_400)
        };
        for (chain, expected) in [
            (vec![until(2030)], Some((2030, true))),
            (vec![until(2030), until(2040)], Some((2030, true))),
            (vec![until(2040), until(2030)], Some((2030, false))),
            // Beyond what 32 bits, and two digits of a year, can say.
            (vec![until(2060)], Some((2060, true))),
            (vec![CertificateDer::from(vec![0x30, 0x80])], None),
            (Vec::new(), None),
        ] {
            let found = Expiry::of(&chain);
            let expected = expected.map(|(at, is_own)| Expiry { at: year(at), is_own });
            assert_eq!(found, expected);
        }
    }
}
