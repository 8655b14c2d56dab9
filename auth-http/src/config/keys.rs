//! Owns the table of keys: names, defaults, meanings.

/// Describes one key. Its variable is `AUTH_` and the name in capitals, its flag `--` and the name
/// with hyphens, its TOML key the name itself.
#[derive(Debug)]
pub struct Key {
    /// The name.
    pub name: &'static str,
    /// The default, or none.
    pub default: Option<&'static str>,
    /// The default of the profile `seed-compat`, where it is another one.
    pub seed_compat: Option<&'static str>,
    /// Whether its value is not to be shown, and may come from a file.
    pub secret: bool,
    /// What it means, in one line.
    pub meaning: &'static str,
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

const fn key(name: &'static str, default: Option<&'static str>, meaning: &'static str) -> Key {
    Key { name, default, seed_compat: None, secret: false, meaning }
}

const fn secret(name: &'static str, default: Option<&'static str>, meaning: &'static str) -> Key {
    Key { secret: true, ..key(name, default, meaning) }
}

const fn seed(key: Key, seed_compat: &'static str) -> Key {
    Key { seed_compat: Some(seed_compat), ..key }
}

/// Lists every key.
pub static KEYS: &[Key] = &[
    key(
        "profile",
        Some("standard"),
        "standard, or seed-compat: 4 digits, 60 s, 3 tries, explicit, any password",
    ),
    key("listen", Some("127.0.0.1:8000"), "address and port to serve on; port 0 picks one"),
    key("metrics_listen", None, "address and port of /metrics; none for no metrics"),
    secret(
        "database_url",
        Some("sqlite://auth.db?mode=rwc"),
        "accounts and outbox: sqlite://file, sqlite::memory: or mysql://user:password@host/database",
    ),
    secret("redis_url", None, "codes and limits; none keeps them in this process"),
    key("redis_prefix", Some("auth"), "what every key in Redis begins with"),
    key("single_node", Some("off"), "on: this is the only node, codes may live in its memory"),
    secret("smtp_url", None, "mail server; none for the development mailer"),
    key("mail_from", Some("Accounts <no-reply@localhost>"), "sender of the mails"),
    key("mail_reply_to", None, "who gets what people answer to mails; none for the sender"),
    key("service_name", Some("Accounts"), "named in mails, and a word that passwords must not lean on"),
    key("mail_templates", None, "folder whose files replace built-in templates of the same name"),
    seed(key("code_length", Some("6"), "characters of a code, 4 to 20"), "4"),
    seed(key("code_ttl_seconds", Some("600"), "lifetime of a code, 30 to 86400"), "60"),
    key("code_alphabet", Some("digits"), "digits or crockford"),
    seed(key("code_tries", Some("5"), "wrong codes per mail"), "3"),
    secret("code_keys", None, "id:base64,... 32 octets each; the first signs, all verify"),
    seed(key("disclosure", Some("hidden"), "hidden, or explicit reasons"), "explicit"),
    key("scrypt", Some("17,8,1"), "log2 N, r, p of password hashes"),
    key("hash_workers", None, "concurrent hashes; none for one per core"),
    key("hash_queue", Some("64"), "hashes that may wait before 503"),
    seed(key("password_min_length", Some("8"), "code points, 1 to 1024"), "1"),
    seed(key("password_min_score", Some("3"), "zxcvbn score, 0 to 4"), "0"),
    key("resend_after_seconds", Some("60"), "first interval between mails to an address"),
    key("resend_after_max_seconds", Some("7200"), "longest interval between mails to an address"),
    key("mail_give_up_seconds", Some("86400"), "how long a deferred mail is retried"),
    key("client_requests_per_minute", Some("60"), "per client address; 0 switches off"),
    key("keep_alive_seconds", Some("75"), "how long an idle connection is kept, 1 to 3600"),
    key("trusted_proxies", None, "CIDR list of proxies whose forwarding header counts"),
    key("forwarded_header", Some("x-forwarded-for"), "what those proxies write, or forwarded (RFC 7239)"),
    key("cors_origins", None, "origins of browser front ends, separated by commas"),
    key("docs", Some("on"), "off removes /docs and /openapi.json"),
    key("migrate", Some("on"), "off leaves the schema to the command migrate"),
    key("log", Some("info"), "what to log, as tracing directives"),
    key("log_format", None, "pretty or json; none for pretty on a terminal, else json"),
    key("otlp_endpoint", None, "where traces go: http://host:4318; without a path to /v1/traces"),
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
/// Threat: whoever wrote it believes that it counts, and the default is served instead.
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
