//! The program on a real Redis or Valkey: what is stored there, and what `check` and `/readyz` say about it.
//!
//! A test that changes the server itself has its own. Next: `contract/stack_redis_slots.rs`
//! for the adapter alone.

use std::thread;

use auth_core::Secret;
use auth_tests::{
    Exit, OTHER, PASSWORD, Program,
    certificates::{Authority, Certificate, Issued},
    container::{self, free_port},
    proxy::Proxy,
    stack::{self, address_of, with_address},
    start, until,
};
use testcontainers::{
    ContainerAsync, GenericImage, ImageExt,
    bollard::models::PortBinding,
    core::{ContainerPort, IntoContainerPort, WaitFor},
    runners::AsyncRunner,
};

use crate::contract::adapters_redis::Keys;

const SERVERS: [&str; 2] = ["AUTH_TEST_REDIS_URL", "AUTH_TEST_VALKEY_URL"];
const PORT: ContainerPort = ContainerPort::Tcp(6379);

/// A server of one test, which may do anything to it; dropping this removes it.
pub(crate) struct Own {
    _container: ContainerAsync<GenericImage>,
    port: u16,
}

impl Own {
    /// Starts one with these arguments and these files in `/tls`.
    pub(crate) async fn start(arguments: &str, files: &[(&str, String)]) -> Self {
        let mut request = container::named(("AUTH_TEST_REDIS_IMAGE", "redis:8"))
            .with_exposed_port(6379.tcp())
            .with_wait_for(WaitFor::message_on_stdout("Ready to accept connections"))
            .with_host_config_modifier(|config| {
                // Threat: the whole network can reach a server without a password.
                let here = PortBinding { host_ip: Some("127.0.0.1".to_owned()), host_port: None };
                config.publish_all_ports = Some(false);
                config.port_bindings = Some([("6379/tcp".to_owned(), Some(vec![here]))].into());
            })
            .with_label(container::LABEL, container::run_name())
            .with_cmd(["redis-server"].into_iter().chain(arguments.split_whitespace()));
        for (file, text) in files {
            request = request.with_copy_to(format!("/tls/{file}"), text.clone().into_bytes());
        }
        let container = request.start().await.unwrap();
        let port = container.get_host_port_ipv4(PORT).await.unwrap();
        Self { _container: container, port }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Executes a command.
    pub(crate) fn command(&self, words: &str) {
        command(&self.url(), words);
    }

    /// Returns how often a command or a key was refused.
    pub(crate) fn refused(&self) -> usize {
        let mut redis = redis::Client::open(self.url()).unwrap().get_connection().unwrap();
        let entries: Vec<redis::Value> = redis::cmd("ACL").arg("LOG").query(&mut redis).unwrap();
        entries.len()
    }
}

/// Executes a command on a server; returns a number if it answers with one.
pub(crate) fn command(url: &str, words: &str) -> Option<u64> {
    let mut redis = redis::Client::open(url).unwrap().get_connection().unwrap();
    let mut words = words.split(' ');
    let mut command = redis::cmd(words.next().unwrap());
    let answer: redis::Value = command.arg(words.collect::<Vec<_>>()).query(&mut redis).unwrap();
    redis::from_redis_value(answer).ok()
}

/// A user of a shared server with these rights; dropping this removes it.
pub(crate) struct User {
    server: String,
    name: String,
}

impl User {
    pub(crate) fn create(server: &str, rights: &str) -> Self {
        let name = stack::unique("user");
        command(server, &format!("ACL SETUSER {name} on >c4n4ry-secret {rights}"));
        Self { server: server.to_owned(), name }
    }

    /// Returns the server's URL with this user.
    pub(crate) fn url(&self, password: &str) -> String {
        let (scheme, rest) = self.server.split_once("://").unwrap();
        let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        format!("{scheme}://{}:{password}@{host}", self.name)
    }

    /// Closes its connections; returns how many there were.
    pub(crate) fn cut_off(&self) -> u64 {
        command(&self.server, &format!("CLIENT KILL USER {}", self.name)).unwrap()
    }
}

impl Drop for User {
    fn drop(&mut self) {
        command(&self.server, &format!("ACL DELUSER {}", self.name));
    }
}

/// Runs `check` on a server; returns only the finding about codes, verdict first.
fn check(url: &str) -> Vec<(String, String)> {
    let keys = Keys::on(url.to_owned());
    let program = Program::plain(&[("AUTH_REDIS_URL", url), ("AUTH_REDIS_PREFIX", &keys.prefix)]);
    let ran: Exit = program.run(&["check"]);
    assert!(!ran.out.contains("c4n4ry") && !ran.err.contains("c4n4ry"), "it tells the password: {ran:?}");
    let lines = ran.out.lines().filter_map(|line| {
        let (verdict, rest) = line.split_once(' ')?;
        let text = rest.trim_start().strip_prefix("codes: ")?;
        Some((verdict.to_owned(), text.to_owned()))
    });
    let found: Vec<(String, String)> = lines.collect();
    let failed = found.iter().any(|(verdict, _)| verdict == "FAILED");
    assert_eq!(ran.status, i32::from(failed), "{ran:?}");
    assert!(!found.is_empty(), "codes were not tried: {ran:?}");
    found
}

/// Asserts that `check` fails, and that its message contains all these texts.
fn assert_failed(url: &str, said: &[&str]) {
    let found = check(url);
    assert!(matches!(&found[..], [(verdict, _)] if verdict == "FAILED"), "{found:?}");
    for words in said {
        assert!(found[0].1.contains(words), "{words:?} in {found:?}");
    }
}

#[test]
fn check_tells_version_and_policy_of_a_good_server() {
    for (variable, name) in SERVERS.into_iter().zip(["Redis ", "Valkey "]) {
        let found = check(&stack::server(variable));
        assert!(matches!(&found[..], [(verdict, _)] if verdict == "ok"), "{found:?}");
        assert!(found[0].1.starts_with(name) && found[0].1.contains("noeviction"), "{found:?}");
    }
}

#[test]
fn check_tells_that_nobody_is_there() {
    let port = free_port();
    assert_failed(&format!("redis://127.0.0.1:{port}"), &["refused", &port.to_string(), "AUTH_REDIS_URL"]);
    assert_failed("redis://redis.invalid", &["redis.invalid", "AUTH_REDIS_URL"]);
}

#[test]
fn check_tells_a_wrong_password() {
    for variable in SERVERS {
        let user = User::create(&stack::server(variable), "~* &* +@all");
        assert_eq!(check(&user.url("c4n4ry-secret"))[0].0, "ok");
        assert_failed(&user.url("c4n4ry-wrong"), &["authentication failed", "AUTH_REDIS_URL"]);
    }
}

#[test]
fn check_tells_missing_rights() {
    for variable in SERVERS {
        let server = stack::server(variable);
        for rights in ["~* &* +@all -evalsha", "~* &* +@all -set", "~other:* &* +@all"] {
            let user = User::create(&server, rights);
            assert_failed(&user.url("c4n4ry-secret"), &["permission", "SETUSER", "AUTH_REDIS_PREFIX"]);
        }
        // A server with everything that serving needs, and nothing else.
        let user = User::create(
            &server,
            "resetkeys ~auth-test* -@all +evalsha +script|load +get +set +type +time +select +client|setinfo",
        );
        let found = check(&user.url("c4n4ry-secret"));
        assert!(matches!(&found[..], [(verdict, text)] if verdict == "warning" && text.contains("INFO")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_tells_what_is_wrong_with_a_server() {
    let own = Own::start("", &[]).await;
    let url = own.url();
    for policy in ["allkeys-lru", "volatile-ttl"] {
        own.command(&format!("CONFIG SET maxmemory-policy {policy}"));
        let found = check(&url);
        assert_eq!((found[0].0.as_str(), found[1].0.as_str()), ("ok", "warning"), "{found:?}");
        assert!(found[1].1.contains(policy) && found[1].1.contains("noeviction"), "{found:?}");
    }
    own.command("CONFIG SET maxmemory-policy noeviction");
    own.command("CONFIG SET maxmemory 1");
    assert_failed(&url, &["OOM", "maxmemory"]);
    own.command("CONFIG SET maxmemory 0");
    own.command("REPLICAOF 127.0.0.1 1");
    assert_failed(&url, &["replica of 127.0.0.1:1", "primary"]);
    own.command("REPLICAOF NO ONE");
    assert_eq!(check(&url)[0].0, "ok");
    own.command("CONFIG SET requirepass c4n4ry-secret");
    assert_failed(&url, &["NOAUTH", "redis://user:password@host"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_no_writes_is_told_until_it_does() {
    let own = Own::start("", &[]).await;
    let server = start(&[("AUTH_REDIS_URL", &own.url())]);
    let without_logins = start(&[("AUTH_REDIS_URL", &own.url()), ("AUTH_LOGIN", "off")]);
    assert!(server.is_whole() && without_logins.is_whole());
    for (fault, cure) in
        [("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE"), ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0")]
    {
        own.command(fault);
        assert!(server.is_degraded(), "{fault}");
        let answer = without_logins.get("/readyz");
        assert!(answer.status == 503 && answer.body.contains("codes"), "{fault}: {answer:?}");
        own.command(cure);
        for server in [&server, &without_logins] {
            until("the server to be ready", || server.is_whole().then_some(()));
        }
    }
}

#[test]
fn one_slow_answer_takes_no_node_out_of_service() {
    let url = stack::server(SERVERS[0]);
    let proxy = Proxy::to(address_of(&url));
    let keys = Keys::on(with_address(&url, proxy.address()));
    let server = start(&[("AUTH_REDIS_URL", &keys.url), ("AUTH_REDIS_PREFIX", &keys.prefix)]);
    assert!(server.is_whole());
    proxy.freeze(true);
    let whole = thread::scope(|scope| {
        let probe = scope.spawn(|| server.is_whole());
        until("the first ping to fail", || server.log().contains("asked again").then_some(()));
        proxy.freeze(false);
        probe.join().unwrap()
    });
    assert!(whole, "{}", server.log());
    proxy.freeze(true);
    assert!(server.is_degraded());
    proxy.freeze(false);
    until("the server to be ready", || server.is_whole().then_some(()));
}

#[test]
fn no_password_code_or_address_stands_in_redis() {
    const ADDRESS: &str = "c4n4ry.address@example.org";
    for variable in SERVERS {
        let keys = Keys::on(stack::server(variable));
        let server = start(&[
            ("AUTH_REDIS_URL", &keys.url),
            ("AUTH_REDIS_PREFIX", &keys.prefix),
            // A bucket that stays in use for a while.
            ("AUTH_CLIENT_REQUESTS_PER_MINUTE", "10"),
            ("AUTH_CODE_ALPHABET", "crockford"),
            ("AUTH_CODE_LENGTH", "20"),
        ]);
        assert_eq!(server.register(ADDRESS, PASSWORD).status, 202);
        let code = server.code(ADDRESS);
        assert_eq!(server.activate(ADDRESS, PASSWORD, "C4N4RYC4N4RYC4N4RYC4").status, 401);
        assert_eq!(server.activate(ADDRESS, PASSWORD, &code).status, 200);
        assert_eq!(server.login(ADDRESS, OTHER).status, 401);
        let entered = server.login(ADDRESS, PASSWORD).json();
        let (token, device) = (&entered["session_token"], entered["device_token"].as_str().unwrap());
        assert_eq!(server.login_from(ADDRESS, OTHER, device).status, 401);
        let token = token.as_str().unwrap();
        assert_eq!(server.confirm(token, OTHER).status, 403);
        let (mut redis, names) = keys.all().unwrap();
        for kind in ["code", "rate:client", "rate:address", "rate:device", "rate:account"] {
            assert!(names.iter().any(|name| name.starts_with(&format!("{}:{kind}:{{", keys.prefix))));
        }
        for name in names {
            let ttl: i64 = redis::cmd("PTTL").arg(&name).query(&mut redis).unwrap();
            assert!(ttl > 0, "{name} stays forever");
            let value: Vec<u8> = redis::cmd("GET").arg(&name).query(&mut redis).unwrap();
            let dump = format!("{name} {}", String::from_utf8_lossy(&value)).to_lowercase();
            for secret in [ADDRESS, "c4n4ry", "example.org", PASSWORD, &code, "127.0.0.1", token, device] {
                assert!(!dump.contains(&secret.to_lowercase()), "{secret} in {dump}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_serves_the_right_name_of_a_trusted_authority_and_nothing_else() {
    let (authority, other) = (Authority::new(), Authority::new());
    let Issued { chain, key } = authority.issue_to(&["localhost"], |_| ());
    let files = [("certificate.pem", chain), ("key.pem", key)];
    const TLS: &str = "--port 0 --tls-port 6379 --tls-cert-file /tls/certificate.pem --tls-key-file \
                       /tls/key.pem --tls-auth-clients no";
    let own = Own::start(TLS, &files).await;
    let empty = tempfile::NamedTempFile::new().unwrap();
    let [trusted, other, empty] =
        [authority.file(), other.file(), empty.path().to_owned()].map(|path| path.display().to_string());
    let url = |host: &str, authority: &str| Secret::new(format!("rediss://{host}:{}{authority}", own.port));

    assert_eq!(check(url("localhost", &format!("?ssl-ca={trusted}")).expose())[0].0, "ok");
    for (host, authority, said) in [
        ("localhost", format!("?ssl-ca={other}"), "certificate"),
        ("localhost", String::new(), "certificate"),
        ("127.0.0.1", format!("?ssl-ca={trusted}"), "certificate"),
        ("localhost", format!("?ssl-ca={empty}"), "no certificate in it"),
        ("localhost", "?ssl-ca=/nowhere.pem".to_owned(), "/nowhere.pem"),
    ] {
        assert_failed(url(host, &authority).expose(), &[said]);
    }
    // The server does not answer without TLS, and there is no fallback.
    assert_failed(&own.url(), &["AUTH_REDIS_URL"]);

    // The error CaUsedAsEndEntity alone does not say what to do.
    let Issued { chain, key } = authority.issue(Certificate::SelfSignedAuthority);
    let own = Own::start(TLS, &[("certificate.pem", chain), ("key.pem", key)]).await;
    let url = format!("rediss://localhost:{}?ssl-ca={trusted}", own.port);
    assert_failed(&url, &["CA:TRUE", "CA:FALSE"]);
}
