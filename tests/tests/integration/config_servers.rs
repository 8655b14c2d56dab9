//! The URLs of MySQL, Redis and SMTP: those that are accepted, and those that are refused with what to write instead.

use auth_tests::Program;

const FROM: (&str, &str) = ("AUTH_MAIL_FROM", "Accounts <no-reply@example.net>");
const REDIS: (&str, &str) = ("AUTH_REDIS_URL", "redis://127.0.0.1");

/// Returns whether the settings are accepted; the password in them must not show.
fn judged(settings: &[(&str, &str)]) -> Result<String, String> {
    let ran = Program::plain(settings).run(&["--print-config"]);
    assert!(!ran.out.contains("canary") && !ran.err.contains("canary"), "{settings:?}: {ran:?}");
    if ran.status == 0 { Ok(ran.out) } else { Err(ran.message()) }
}

fn refused(settings: &[(&str, &str)], words: &[&str]) {
    let said = judged(settings).expect_err("it is refused");
    for word in words {
        assert!(said.contains(word), "{settings:?}: {word} is not in {said}");
    }
}

fn accepted(settings: &[(&str, &str)]) {
    judged(settings).unwrap_or_else(|said| panic!("{settings:?}: {said}"));
}

#[test]
fn smtp_urls_say_how_the_connection_is_protected() {
    for url in [
        "smtp://mail.example",
        "smtp://127.0.0.1:1025",
        "smtp://[::1]:25",
        "smtp+starttls://mail.example",
        "smtp+starttls://mailer:canary@mail.example:587",
        "smtps://mailer:canary%40%3a%2f@mail.example",
        "smtps://mailer%40example.net:canary@mail.example:465/?ssl-ca=/etc/ca.pem",
    ] {
        accepted(&[("AUTH_SMTP_URL", url), FROM]);
    }
    for (url, words) in [
        ("mail.example", "smtps://user:password@host:465"),
        ("mail.example:25", "smtps://user:password@host:465"),
        ("http://mail.example", "smtps://user:password@host:465"),
        ("smtp://", "host and port alone"),
        ("smtps://mail.example/path", "host and port alone"),
        ("smtps://mail.example#insecure", "host and port alone"),
        ("smtps://mail.example:99999", "a URL such as"),
        ("smtps://mailer@mail.example", "user and password, or neither"),
        ("smtps://:canary@mail.example", "user and password, or neither"),
        ("smtps://mailer:canary%ff@mail.example", "UTF-8"),
        ("smtps://mail.example?tls=off", "the only parameter after ? is ssl-ca=FILE"),
        ("smtps://mail.example?ssl-ca=a&ssl-ca=b", "the only parameter after ? is ssl-ca=FILE"),
        ("smtp://mail.example?ssl-ca=ca.pem", "ssl-ca needs smtps:// or smtp+starttls://"),
    ] {
        refused(&[("AUTH_SMTP_URL", url), FROM], &["AUTH_SMTP_URL", words]);
    }
}

/// With one of these characters in its password a URL means something else, and its error names a port.
#[test]
fn password_that_is_not_percent_encoded_is_told() {
    for password in ["canary/x", "canary?x", "canary#x", "12/canary", "12?canary", "12#canary", "/canary"] {
        let urls = [
            ("AUTH_SMTP_URL", format!("smtps://mailer:{password}@mail.example:465")),
            ("AUTH_REDIS_URL", format!("rediss://app:{password}@redis.example:6380/0")),
            ("AUTH_DATABASE_URL", format!("mysql://app:{password}@db.example:3306/auth")),
        ];
        for (variable, url) in urls {
            let settings = [FROM, REDIS, (variable, &url)];
            let settings =
                if variable == REDIS.0 { vec![settings[0], settings[2]] } else { settings.to_vec() };
            refused(&settings, &[variable, "percent-encoded", "/ is %2F", "# is %23"]);
        }
    }
    // Other errors do not mention it.
    for (variable, url) in [
        ("AUTH_SMTP_URL", "smtps://mailer:canary@mail.example/path"),
        ("AUTH_REDIS_URL", "redis://app:canary@redis.example/codes"),
        ("AUTH_DATABASE_URL", "mysql://app:canary@db.example"),
    ] {
        let said = judged(&[FROM, (variable, url)]).unwrap_err();
        assert!(!said.contains("percent"), "{said}");
    }
    accepted(&[FROM, ("AUTH_SMTP_URL", "smtps://mailer:canary%2F%3F%23%25@mail.example")]);
}

/// Threat: the password of the mail server, in clear on every wire to it.
#[test]
fn a_login_without_tls_is_refused() {
    for url in ["smtp://mailer:canary@mail.example", "smtp://mailer:canary@127.0.0.1:25"] {
        refused(&[("AUTH_SMTP_URL", url), FROM], &["AUTH_SMTP_URL", "in clear", "smtp+starttls://"]);
    }
}

#[test]
fn mails_need_a_sender() {
    let smtp = ("AUTH_SMTP_URL", "smtp://127.0.0.1:25");
    refused(&[smtp], &["AUTH_MAIL_FROM", "no-reply@example.org"]);
    for from in [
        "Accounts",
        "Accounts <>",
        "Accounts <no-reply>",
        "Accounts no-reply@example.net",
        "Accounts <no-reply@example.net",
        "A <a@example.net>, B <b@example.net>",
        "Acc<ounts <no-reply@example.net>",
        "Acc\u{1}ounts <no-reply@example.net>",
        "a@example.net\nBcc: eve@example.org",
        "Accounts\r\nBcc: eve@example.org <a@example.net>",
    ] {
        refused(&[smtp, ("AUTH_MAIL_FROM", from)], &["AUTH_MAIL_FROM"]);
    }
    for from in [
        "no-reply@example.net",
        "<no-reply@example.net>",
        "Accounts <no-reply@example.net>",
        "\"Accounts, Inc.\" <no-reply@example.net>",
        "Zoë <no-reply@bücher.example>",
    ] {
        accepted(&[smtp, ("AUTH_MAIL_FROM", from)]);
    }
}

#[test]
fn answers_need_an_address() {
    let smtp = ("AUTH_SMTP_URL", "smtp://127.0.0.1:25");
    for reply_to in
        ["Help", "Help <>", "help", "a@example.net\nBcc: eve@example.org", "a@example.net, b@example.net"]
    {
        refused(&[smtp, FROM, ("AUTH_MAIL_REPLY_TO", reply_to)], &["AUTH_MAIL_REPLY_TO", "help@example.org"]);
        refused(&[("AUTH_MAIL_REPLY_TO", reply_to)], &["AUTH_MAIL_REPLY_TO"]);
    }
    for reply_to in ["help@example.net", "Help, Inc. <help@example.net>", "\"Help\" <help@bücher.example>"] {
        accepted(&[smtp, FROM, ("AUTH_MAIL_REPLY_TO", reply_to)]);
    }
}

#[test]
fn redis_urls_name_a_host_and_a_numbered_database() {
    for url in [
        "redis://127.0.0.1",
        "redis://[::1]:6379/3",
        "rediss://app:canary@redis.example:6380/0",
        "rediss://redis.example?ssl-ca=/etc/ca.pem",
    ] {
        accepted(&[("AUTH_REDIS_URL", url)]);
    }
    for (url, words) in [
        ("127.0.0.1:6379", "redis://host:6379/0"),
        ("http://redis.example", "redis://host:6379/0"),
        ("redis://", "redis://host:6379/0"),
        ("redis+unix:///run/redis.sock", "redis://host:6379/0"),
        ("redis://redis.example/codes", "the number of a database"),
        ("redis://redis.example/-1", "the number of a database"),
        ("rediss://redis.example?protocol=resp3", "the only parameter after ? is ssl-ca=FILE"),
        ("redis://redis.example?ssl-ca=ca.pem", "ssl-ca needs rediss://"),
    ] {
        refused(&[("AUTH_REDIS_URL", url)], &["AUTH_REDIS_URL", words]);
    }
}

/// Threat: the driver takes it as permission to trust any certificate.
#[test]
fn insecure_redis_is_refused() {
    for url in ["rediss://app:canary@redis.example/#insecure", "redis://redis.example/0#x"] {
        refused(&[("AUTH_REDIS_URL", url)], &["AUTH_REDIS_URL", "safe: leave out what follows #"]);
    }
}

/// Threat: keys of another program, overwritten.
#[test]
fn redis_prefixes_are_words() {
    let long = "x".repeat(65);
    for prefix in ["", "a b", "a{b}", "a*", "é", "a\n", &long] {
        let said = judged(&[REDIS, ("AUTH_REDIS_PREFIX", prefix)]);
        // An empty value counts as not set, as for every variable.
        assert_eq!(said.is_ok(), prefix.is_empty(), "{prefix:?}: {said:?}");
    }
    for prefix in ["auth", "auth:prod-1_a.b", &long[1..]] {
        accepted(&[REDIS, ("AUTH_REDIS_PREFIX", prefix)]);
    }
}

#[test]
fn mysql_urls_name_host_and_database() {
    for url in [
        "mysql://app:canary@127.0.0.1/auth",
        "mariadb://app:canary@db.example:3306/auth?ssl-mode=VERIFY_IDENTITY&ssl-ca=/etc/ca.pem",
        "mysql://app@db.example/auth?ssl-mode=verify_identity",
        "mysql://app@127.0.0.1/auth?ssl-ca=/etc/ca.pem",
        "mysql://app@db.example/auth?ssl-mode=DISABLED",
    ] {
        accepted(&[REDIS, ("AUTH_DATABASE_URL", url)]);
    }
    for url in [
        "mysql://",
        "mysql://app:canary@db.example",
        "mysql://app:canary@db.example/",
        "mysql:///auth",
        "mysql://db.example/auth",
    ] {
        refused(
            &[REDIS, ("AUTH_DATABASE_URL", url)],
            &["AUTH_DATABASE_URL", "mysql://user:password@host:3306/"],
        );
    }
}

/// Threat: TLS that trusts an attacker in the middle.
#[test]
fn tls_that_verifies_nobody_is_refused() {
    for mode in ["PREFERRED", "REQUIRED", "preferred", "Required", "VERIFY_CA"] {
        let url = format!("mysql://app:canary@db.example/auth?ssl-mode={mode}");
        refused(
            &[REDIS, ("AUTH_DATABASE_URL", &url)],
            &["verifies nobody", "VERIFY_IDENTITY", "ssl-ca=FILE"],
        );
    }
    let url = "mysql://app:canary@db.example/auth?ssl-mode=ON";
    refused(&[REDIS, ("AUTH_DATABASE_URL", url)], &["VERIFY_IDENTITY or DISABLED"]);
    let url = "mysql://app:canary@db.example/auth?ssl-mode=DISABLED&ssl-ca=/etc/ca.pem";
    refused(&[REDIS, ("AUTH_DATABASE_URL", url)], &["ssl-ca needs"]);
}

/// Threat: a second spelling that the driver reads and nothing has checked.
#[test]
fn other_parameters_of_mysql_are_refused_and_their_values_not_shown() {
    for query in [
        "ssl-mode=VERIFY_IDENTITY&sslmode=PREFERRED",
        "ssl-mode=VERIFY_IDENTITY&ssl-mode=REQUIRED",
        "password=canary-7731",
        "user=app&password=canary-7731",
    ] {
        let url = format!("mysql://app:canary-7731@db.example/auth?{query}");
        refused(&[REDIS, ("AUTH_DATABASE_URL", &url)], &["AUTH_DATABASE_URL", "once each"]);
    }
}

#[test]
fn a_single_node_may_do_without_redis() {
    let url = ("AUTH_DATABASE_URL", "mysql://app:canary@db.example/auth");
    refused(&[url], &["AUTH_REDIS_URL", "AUTH_SINGLE_NODE=on"]);
    accepted(&[url, ("AUTH_SINGLE_NODE", "on")]);
    accepted(&[url, REDIS]);
}
