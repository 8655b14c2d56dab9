//! Refusals of settings that expose to others, or share between nodes, what must not be.

use auth_tests::Program;

const KEYS: (&str, &str) = ("AUTH_CODE_KEYS", "k1:Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LTc3MzE=");
const OUTSIDE: [&str; 4] = ["0.0.0.0:0", "[::]:0", "192.0.2.1:8000", "[2001:db8::1]:8000"];

fn refused(settings: &[(&str, &str)], words: &[&str]) {
    let said = Program::plain(settings).refusal(&[]);
    for word in [&"refused to start"].into_iter().chain(words) {
        assert!(said.contains(word), "{settings:?}: {word} is not in {said}");
    }
}

/// Threat: everybody knows the development key.
#[test]
fn development_key_is_refused_outside_loopback() {
    for listen in OUTSIDE {
        let words = ["development code key", "AUTH_CODE_KEYS=k1:$(openssl rand -base64 32)"];
        refused(&[("AUTH_LISTEN", listen)], &words);
        refused(&[("AUTH_LISTEN", listen), ("AUTH_PROFILE", "seed-compat")], &words);
    }
}

/// Threat: the development mailer's page shows every code.
#[test]
fn development_mailer_is_refused_outside_loopback() {
    for listen in OUTSIDE {
        refused(&[("AUTH_LISTEN", listen), KEYS], &["development mailer", "AUTH_SMTP_URL", "127.0.0.1"]);
    }
}

#[test]
fn all_of_loopback_is_loopback() {
    for listen in ["127.0.0.1:0", "127.1.2.3:0", "[::1]:0"] {
        let ran = Program::plain(&[("AUTH_LISTEN", listen)]).run(&["--print-config"]);
        assert_eq!(ran.status, 0, "{ran:?}");
    }
}

/// Threat: behind a proxy everybody comes from loopback.
#[test]
fn development_mailer_is_refused_behind_a_proxy() {
    for proxies in ["10.0.0.0/8", "127.0.0.1", "::1/128, 192.0.2.0/24"] {
        let words = ["development mailer", "proxy", "AUTH_SMTP_URL", "AUTH_TRUSTED_PROXIES"];
        refused(&[("AUTH_TRUSTED_PROXIES", proxies)], &words);
        refused(&[("AUTH_TRUSTED_PROXIES", proxies), KEYS], &words);
    }
}

#[test]
fn start_warns_of_the_development_key_alone() {
    for (settings, warned) in [(&[][..], true), (&[KEYS], false)] {
        let mut server = Program::plain(settings).serve(&[]);
        server.terminate();
        let log = server.whole_log();
        assert_eq!(log.contains("development key, which everybody knows"), warned, "{log}");
        assert!(!log.contains(KEYS.1.trim_start_matches("k1:")));
    }
}

/// Threat: nodes that count tries separately multiply an attacker's tries by their number.
#[test]
fn mysql_without_redis_is_refused() {
    for url in ["mysql://app@127.0.0.1/auth", "mysql://app:canary@db.example/auth"] {
        let said = Program::plain(&[("AUTH_DATABASE_URL", url)]).refusal(&[]);
        assert!(said.contains("AUTH_REDIS_URL") && said.contains("AUTH_SINGLE_NODE=on"), "{said}");
        assert!(!said.contains("canary"), "{said}");
    }
}
