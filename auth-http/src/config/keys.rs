//! The table of keys: names, defaults, meanings. Help, README and docs/configuration.md are made from it.

/// One key. Its variable is `AUTH_` and the name in capitals, its flag `--` and the name
/// with hyphens, its TOML key the name itself.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// The default, or none.
    pub default: Option<&'static str>,
    /// The default of the profile `seed-compat`, where it is another one.
    pub seed_compat: Option<&'static str>,
    /// Whether its value is not to be shown, and may come from a file.
    pub secret: bool,
    /// What it means, in one line without a full stop.
    pub meaning: &'static str,
    /// More of it for the documentation, in Markdown as seen from `docs/`.
    pub details: &'static str,
}

impl Key {
    /// Returns the environment variable.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("AUTH_{}", self.name.to_uppercase())
    }

    /// Returns the flag without its hyphens.
    #[must_use]
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }
}

const fn key(
    name: &'static str,
    default: Option<&'static str>,
    meaning: &'static str,
    details: &'static str,
) -> Key {
    Key { name, default, seed_compat: None, secret: false, meaning, details }
}

impl Key {
    const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    const fn seed_compat(self, value: &'static str) -> Self {
        Self { seed_compat: Some(value), ..self }
    }
}

/// Every key. `settings.rs` has a test that holds the defaults to those of the core's policy.
pub static KEYS: &[Key] = &[
    key(
        "profile",
        Some("standard"),
        "standard, or seed-compat: short codes, explicit answers, any password",
        "`seed-compat` changes the defaults that are given for it, and accepts any scrypt cost. Each weakness is a warning.",
    ),
    key(
        "listen",
        Some("127.0.0.1:8000"),
        "Address and port to serve on; port 0 picks one",
        "The first line of standard output says which.",
    ),
    key(
        "metrics_listen",
        None,
        "Address and port of /metrics; no metrics if not set",
        "Prometheus metrics, on a listener of their own.",
    ),
    key(
        "database_url",
        Some("sqlite://auth.db?mode=rwc"),
        "Accounts and outbox: sqlite://file, sqlite::memory: or mysql://user:password@host/database",
        "The files of SQLite are made with mode 0600, and a second server on the same file is refused. MySQL without \
         `ssl-mode` is plain on loopback and `VERIFY_IDENTITY` elsewhere; `ssl-ca=FILE` trusts an authority of your own.",
    )
    .secret(),
    key(
        "redis_url",
        None,
        "Codes and rate limits; kept in this process if not set",
        "`redis://host` (plain) or `rediss://user:password@host?ssl-ca=FILE`.",
    )
    .secret(),
    key("redis_prefix", Some("auth"), "What every key in Redis begins with", ""),
    key(
        "single_node",
        Some("off"),
        "on: this is the only node, codes may live in its memory",
        "Without it, accounts in MySQL need codes in Redis.",
    ),
    key(
        "smtp_url",
        None,
        "Mail server; the development mailer if not set",
        "`smtps://user:password@host`, `smtp+starttls://user:password@host` or `smtp://host` (plain, no login); \
         `?ssl-ca=FILE` trusts an authority of your own.",
    )
    .secret(),
    key(
        "mail_from",
        Some("Accounts <no-reply@localhost>"),
        "Sender of the mails",
        "The default cannot be used with a mail server; set `Accounts <no-reply@example.org>` or the like.",
    ),
    key(
        "mail_reply_to",
        None,
        "Address for replies to mails; the sender if not set",
        "`Help <help@example.org>`.",
    ),
    key("service_name", Some("Accounts"), "Name of the service in mails; passwords must not be built from it", ""),
    key(
        "mail_templates",
        None,
        "Folder whose files replace built-in templates of the same name",
        "A language with all files of `activation` and `notice` is added to [those that are built in](../auth-http/assets/mails); other mails that it lacks are those of its language without the region, or in English.",
    ),
    key("code_length", Some("6"), "Characters of a code, 4 to 20", "").seed_compat("4"),
    key("code_ttl_seconds", Some("600"), "Lifetime of a code, 30 to 86400", "").seed_compat("60"),
    key("code_alphabet", Some("digits"), "digits, or crockford: letters and digits", ""),
    key("code_tries", Some("5"), "Wrong codes per mail", "").seed_compat("3"),
    key(
        "code_keys",
        None,
        "id:base64,... 32 bytes each; the first signs, all verify",
        "`k1:$(openssl rand -base64 32)` makes one. Without, codes are bound to a development key, on loopback alone.",
    )
    .secret(),
    key(
        "disclosure",
        Some("hidden"),
        "hidden, or explicit: answers tell who has an account",
        "",
    )
    .seed_compat("explicit"),
    key(
        "scrypt",
        Some("17,8,1"),
        "log2 N, r, p of password hashes",
        "The default takes 128 MiB and some 0.4 s per hash.",
    ),
    key(
        "argon2id",
        None,
        "KiB of memory, passes, lanes of Argon2id, which then hashes in place of scrypt",
        "`19456,2,1` is what OWASP names first. Hashes of before stay good, and are replaced at the next login.",
    ),
    key("hash_workers", None, "Concurrent hashes, 1 to 256; one per core if not set", ""),
    key("hash_queue", Some("64"), "Hashes that may wait before 503, 1 to 100000", ""),
    key("password_min_length", Some("8"), "Code points of a password, 1 to 1024", "").seed_compat("1"),
    key("password_min_score", Some("3"), "zxcvbn score of a password, 0 to 4", "").seed_compat("0"),
    key("resend_after_seconds", Some("60"), "First interval between mails to an address", ""),
    key("resend_after_max_seconds", Some("7200"), "Longest interval between mails to an address", ""),
    key(
        "mail_per_second",
        Some("100"),
        "Mails begun per second and node, 1 to 100000",
        "What your provider allows, divided by the nodes.",
    ),
    key("mail_connections", Some("8"), "Mails under way at the same time, 1 to 256", ""),
    key("mail_give_up_seconds", Some("86400"), "How long a deferred mail is retried, 60 to 604800", ""),
    key(
        "client_requests_per_minute",
        Some("60"),
        "Requests of one client; 0 switches the limit off",
        "A client is an IPv4 address or an IPv6 /64.",
    ),
    key(
        "login",
        Some("on"),
        "off: only registration and activation are there",
        "Without sessions an application needs logins of its own.",
    )
    .seed_compat("off"),
    key(
        "session_cookie",
        Some("off"),
        "on: browsers keep sessions in cookies, which no script can read",
        "For a front end on the service's own origin, `AUTH_ORIGIN`. The pages for visitors keep theirs there in any case.",
    ),
    key(
        "origin",
        None,
        "Origin of that front end: https://app.example.org",
        "What changes something must come from its pages. `http://` is for loopback hosts.",
    ),
    key(
        "pages",
        None,
        "on or off: pages for visitors below /account/; if not set, on with the development mailer",
        "Forms to register, log in, reset and change, [which need no script](pages.md). With a mail server they need `AUTH_ORIGIN`.",
    ),
    key(
        "page_templates",
        None,
        "Folder whose files replace built-in pages, style and texts of the same name",
        "[Those that are built in](../auth-http/assets/pages); `<language>.toml` adds a language.",
    ),
    key(
        "session_seconds",
        Some("2592000"),
        "How long a session lasts from its login on, at least 60",
        "NIST SP 800-63B-4 section 2.1.3 says 30 days at most.",
    ),
    key(
        "session_idle_seconds",
        Some("1209600"),
        "How long a session lasts without use, at least 60",
        "Not longer than `AUTH_SESSION_SECONDS`.",
    ),
    key(
        "fresh_seconds",
        Some("900"),
        "How long a password counts as just given, at least 60",
        "What changes an account asks for it again after that.",
    ),
    key(
        "reset_ttl_seconds",
        None,
        "How long a mail that resets a password is good, at most 86400",
        "10800, or longer where mails may be further apart: at least `AUTH_RESEND_AFTER_MAX_SECONDS` and 660 more, or a \
         day, so that at any time a token is good or a mail is due.",
    ),
    key(
        "reset_url",
        None,
        "Page of your front end that takes its token: https://app.example.org/reset",
        "Mails link to it with `#email=…&token=…`; without, they carry the token alone on a line.",
    ),
    key(
        "keep_alive_seconds",
        Some("75"),
        "How long an idle connection is kept, 1 to 3600",
        "Longer than [your load balancer](operating.md#behind-a-load-balancer) keeps it.",
    ),
    key(
        "trusted_proxies",
        None,
        "CIDR list of proxies whose forwarding header counts",
        "Without, all clients behind a proxy share one rate limit.",
    ),
    key(
        "forwarded_header",
        Some("x-forwarded-for"),
        "What those proxies write, or forwarded (RFC 7239)",
        "The other header is ignored.",
    ),
    key(
        "cors_origins",
        None,
        "Origins of browser front ends, separated by commas",
        "`https://app.example.org,capacitor://localhost`; they send credentials in the body.",
    ),
    key("docs", Some("on"), "off removes /docs and /openapi.json", ""),
    key("migrate", Some("on"), "off leaves the schema to the command migrate", ""),
    key("log", Some("info"), "What to log, as tracing directives", ""),
    key("log_format", None, "pretty or json; if not set, pretty on a terminal and json elsewhere", ""),
    key(
        "otlp_endpoint",
        None,
        "Where traces go: http://host:4318; without a path to /v1/traces",
        "",
    ),
];

/// Returns the key of a name.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// Returns the secret whose file a name `…_file` names.
pub(super) fn find_file(name: &str) -> Option<&'static Key> {
    name.strip_suffix("_file").and_then(find).filter(|key| key.secret)
}

/// What people leave out of a name.
const UNSAID: [&str; 3] = ["_url", "_seconds", "_per_minute"];

/// Lists every name that a value can be set by: the keys, and their `_file` variants.
fn names() -> impl Iterator<Item = String> {
    KEYS.iter()
        .flat_map(|key| [Some(key.name.to_owned()), key.secret.then(|| format!("{}_file", key.name))])
        .flatten()
}

/// Returns the name that an unknown one is nearest to.
pub(super) fn nearest(name: &str) -> Option<String> {
    let name = bare(name);
    names().map(|known| (strsim::damerau_levenshtein(&name, &known), known)).min().map(|(_, known)| known)
}

/// Returns the name that an unknown one was meant to be: it differs by a typing error (one in five
/// characters), lacks the unit at its end, or asks for a file where there is none.
///
/// Threat: its author believes that it counts, and the default is served instead.
pub(super) fn meant(name: &str) -> Option<String> {
    let (name, nearest) = (bare(name), nearest(name)?);
    if strsim::damerau_levenshtein(&name, &nearest) <= (nearest.len() / 5).max(1) {
        return Some(nearest);
    }
    let unsaid = UNSAID.iter().map(|unit| format!("{name}{unit}"));
    let file = name.strip_suffix("_file").map(str::to_owned);
    unsaid.chain(file).find(|known| find(known).is_some())
}

/// People write the variable where the key belongs, and the other way round.
fn bare(name: &str) -> String {
    let name = name.to_lowercase();
    name.strip_prefix("auth_").unwrap_or(&name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_are_told_from_what_others_mean() {
        for (name, known) in [
            ("code_lenght", "code_length"),
            ("trusted_proxy", "trusted_proxies"),
            ("smtp_uri", "smtp_url"),
            ("corsorigins", "cors_origins"),
            ("code_key_file", "code_keys_file"),
            ("auth_docs", "docs"),
            ("database", "database_url"),
            ("redis", "redis_url"),
            ("code_ttl", "code_ttl_seconds"),
            ("client_requests", "client_requests_per_minute"),
            ("listen_file", "listen"),
        ] {
            assert_eq!(meant(name).as_deref(), Some(known), "{name}");
        }
        for name in [
            "port",
            "mail_port",
            "service_host",
            "service_port",
            "service",
            "secret",
            "url",
            "trust_host",
            "mail_to",
            "http_url",
            "base_url",
            "name",
            "redis_port",
            "smtp_host",
            "google_id",
            "",
        ] {
            assert_eq!(meant(name), None, "{name}");
        }
    }
}
