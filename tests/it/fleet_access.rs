//! How coordinator and agents come to a server that does not take everybody: TLS, and credentials.
#![cfg(all(target_os = "linux", feature = "fleet"))]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use serde_json::{Value, json};

use crate::fleet::{came, scenario, truth, write};
use crate::nats::Nats;
use crate::support::{ends_with, finish, stderr};

/// Two agents and a run, by these flags, which are taken; and a run without the last of them, which
/// is not.
fn only_by(nats: &mut Nats, flag: &str, file: &Path) {
    let server = truth();
    let flags = [flag, file.to_str().unwrap()];
    for name in ["one", "two"] {
        nats.agent(name, &flags, &[]);
    }
    let path = write(nats.folder.path(), &scenario(&server, 2));
    let refused = finish(&mut nats.run(&path, 2));
    ends_with(&refused, 1);
    assert!(stderr(&refused).contains("cannot be reached"), "{}", stderr(&refused));
    assert_eq!(came(&server).len(), 0);
    ends_with(&finish(nats.run(&path, 2).args(flags)), 0);
}

#[test]
fn what_is_said_may_go_by_tls_to_a_server_with_a_certificate_of_ones_own() {
    let folder = tempfile::tempdir().unwrap();
    let own = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    fs::write(&certificate, own.cert.pem()).unwrap();
    fs::write(&key, own.signing_key.serialize_pem()).unwrap();
    let tls = format!(
        "tls {{ cert_file: \"{}\", key_file: \"{}\" }}\n",
        certificate.display(),
        key.display()
    );
    let mut nats = Nats::start_with("127.0.0.1", &tls);
    nats.scheme = "tls";
    only_by(&mut nats, "--via-ca", &certificate);
}

/// Claims, signed.
fn signed(by: &KeyPair, of: &KeyPair, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = json!({ "typ": "JWT", "alg": "ed25519-nkey" });
    let body = json!({ "jti": of.public_key(), "iat": 1_700_000_000, "iss": by.public_key(),
                       "sub": of.public_key(), "name": "test", "nats": claims });
    let text = format!("{}.{}", part(&head), part(&body));
    let signature = by.sign(text.as_bytes()).unwrap();
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn credentials_are_taken_in_place_of_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let (operator, account, user) =
        (KeyPair::new_operator(), KeyPair::new_account(), KeyPair::new_user());
    let is_operator = signed(&operator, &operator, &json!({ "type": "operator", "version": 2 }));
    let limits = json!({ "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1,
                         "conn": -1, "leaf": -1, "mem_storage": -1, "disk_storage": -1,
                         "streams": -1, "consumer": -1 });
    let is_account =
        signed(&operator, &account, &json!({ "type": "account", "version": 2, "limits": limits }));
    let none = json!({ "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1,
                       "conn": -1, "leaf": -1 });
    // Streams are had under a system account only.
    let system = KeyPair::new_account();
    let is_system =
        signed(&operator, &system, &json!({ "type": "account", "version": 2, "limits": none }));
    let is_user = signed(
        &account,
        &user,
        &json!({ "type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1 }),
    );
    let creds = folder.path().join("user.creds");
    let text = format!(
        "-----BEGIN NATS USER JWT-----\n{is_user}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
        user.seed().unwrap()
    );
    fs::write(&creds, text).unwrap();
    let more = format!(
        "operator: {is_operator}\nsystem_account: {0}\nresolver: MEMORY\n\
         resolver_preload {{ {0}: {is_system}, {1}: {is_account} }}\n",
        system.public_key(),
        account.public_key()
    );
    let mut nats = Nats::start_with("127.0.0.1", &more);
    only_by(&mut nats, "--via-creds", &creds);
}
