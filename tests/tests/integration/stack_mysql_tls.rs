//! TLS to MySQL and MariaDB: which certificates are trusted.

use std::time::Duration;

use auth_tests::{
    Program,
    certificates::{Authority, Certificate, Issued},
    container::{self, Service, ServiceRequest},
    stack::TestDb,
    took,
};
use testcontainers::ImageExt;

use crate::stack_mysql::on_each;

/// Threat: an attacker in the middle shows their own certificate. Both servers make an unsigned one
/// when they are given none.
#[test]
fn untrusted_certificate_is_refused() {
    on_each(|database| {
        let verified = format!("{}?ssl-mode=VERIFY_IDENTITY", database.url);
        let program = Program::plain(&[("AUTH_DATABASE_URL", &verified), ("AUTH_SINGLE_NODE", "on")]);
        let (said, time) = took(|| program.refusal(&[]));
        assert!(said.contains("certificate"), "{said}");
        assert!(time < Duration::from_secs(5), "it will not become trusted: {time:?}");
    });
}

/// Returns what `check` says about the database over verified TLS, for a server with this certificate.
fn checked(start: Starts, certificate: Certificate) -> (i32, String) {
    const CERT: &str = "/etc/mysql/tls/cert.pem";
    const KEY: &str = "/etc/mysql/tls/key.pem";
    let authority = Authority::new();
    let Issued { chain, key } = authority.issue(certificate);
    let more = |request: ServiceRequest| {
        request.with_copy_to(CERT, chain.into_bytes()).with_copy_to(KEY, key.into_bytes())
    };
    let (cert, key) = (format!("--ssl-cert={CERT}"), format!("--ssl-key={KEY}"));
    let server = start(&[&cert, &key, "--require-secure-transport=ON"], Box::new(more));
    let database = TestDb::create(&server.mysql_url());
    let trust = format!("?ssl-mode=VERIFY_IDENTITY&ssl-ca={}", authority.file().display());
    let url = format!("{}{trust}", database.url);
    let program = Program::plain(&[("AUTH_DATABASE_URL", &url), ("AUTH_SINGLE_NODE", "on")]);
    let ran = program.run(&["check"]);
    (ran.status, ran.out)
}

type More = Box<dyn FnOnce(ServiceRequest) -> ServiceRequest>;
type Starts = fn(&[&str], More) -> Service;

/// Threat: an attacker in the middle. Only a server with the right name, signed by the named authority, is trusted.
#[test]
fn certificates_of_the_database_are_verified() {
    let servers: [Starts; 2] =
        [|options, more| container::mysql_with(options, more), |o, more| container::mariadb_with(o, more)];
    for start in servers {
        let (status, said) = checked(start, Certificate::Good);
        assert_eq!(status, 0, "{said}");
        for bad in [Certificate::Expired, Certificate::OtherName, Certificate::OtherAuthority] {
            let (status, said) = checked(start, bad);
            let failed = said.lines().find(|line| line.starts_with("FAILED"));
            assert!(
                status == 1 && failed.is_some_and(|line| line.contains("certificate")),
                "{bad:?}: {said}"
            );
        }
        // The error CaUsedAsEndEntity alone does not say what to do.
        let (status, said) = checked(start, Certificate::SelfSignedAuthority);
        assert!(status == 1 && said.contains("CA:TRUE") && said.contains("CA:FALSE"), "{said}");
    }
}
