//! What values mean: text in, types out, with an error that names variable and source.

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    path::PathBuf,
    thread::available_parallelism,
    time::Duration,
};

use auth_core::{
    Alphabet, Argon2, CodeFormat, CodeKey, CodeKeys, Disclosure, HashFloor, Hashing, OddsLimit,
    PasswordPolicy, Policy, Rules, RulesError, Scrypt, Secret,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use ipnet::IpNet;
use sha2::{Digest, Sha256};

use super::{
    ConfigError, keys,
    layers::Layers,
    origins::origin,
    refusals,
    servers::{Database, MailFrom, RedisServer, SmtpServer, collector},
    values::Values,
};
use crate::{hooks, http::Cookies, worker::MailPace};

/// The whole configuration, checked.
#[derive(Debug)]
pub struct Settings {
    /// Whether the profile `seed-compat` is on.
    pub seed_compat: bool,
    /// Where to serve.
    pub listen: SocketAddr,
    /// Where to serve metrics.
    pub metrics_listen: Option<SocketAddr>,
    /// Where accounts and outbox live.
    pub database: Database,
    /// Where codes and limits live; none keeps them in this process.
    pub redis: Option<RedisServer>,
    /// Who takes the mails; none is the development mailer.
    pub smtp: Option<SmtpServer>,
    /// What mails and passwords call the service.
    pub service_name: String,
    /// A folder of templates.
    pub mail_templates: Option<PathBuf>,
    /// The page of a front end that takes the tokens of mails, if there is one.
    pub reset_url: Option<String>,
    /// The policy with its keys.
    pub rules: Rules,
    /// Whether the code key is the one that everybody knows.
    pub development_key: bool,
    /// The key of the pseudonyms in logs.
    pub log_key: [u8; 32],
    /// Concurrent hashes.
    pub hash_workers: usize,
    /// Hashes that may wait.
    pub hash_queue: usize,
    /// How fast mails leave.
    pub mail_pace: MailPace,
    /// How long an idle connection is kept.
    pub keep_alive: Duration,
    /// Proxies whose forwarding header counts.
    pub trusted_proxies: Vec<IpNet>,
    /// The header that they write.
    pub forwarded_header: ForwardedHeader,
    /// Origins of browser front ends.
    pub cors_origins: Vec<String>,
    /// Whether there are logins and sessions.
    pub login: bool,
    /// The cookies that keep sessions, if they are kept there.
    pub cookies: Option<Cookies>,
    /// The cookies of the pages for visitors, if there are pages.
    pub pages: Option<Cookies>,
    /// A folder of pages.
    pub page_templates: Option<PathBuf>,
    /// Whether the API page is served.
    pub docs: bool,
    /// Whether `serve` brings the schema up to date.
    pub migrate: bool,
    /// What to log.
    pub log: String,
    /// Whether logs are for people; none decides by the terminal.
    pub log_pretty: Option<bool>,
    /// Where traces go, with a path.
    pub otlp_endpoint: Option<String>,
    /// Variables `AUTH_…` that were passed over.
    pub unknown_variables: Vec<String>,
}

/// The header in which proxies say whom they forward for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`, a list of addresses.
    XForwardedFor,
    /// `Forwarded` (RFC 7239), a list of elements with `for=`.
    Forwarded,
}

/// What an origin is, for a message.
const ORIGIN: &str = "an origin such as https://app.example.org or capacitor://localhost: scheme, host and port, \
                      nothing behind them";

/// The key that codes are bound to when none is set: known to everybody, for loopback alone.
const DEVELOPMENT_KEY: &[u8; 32] = b"auth-http development code key!!";

impl Settings {
    /// Gives the values their types and checks them together.
    ///
    /// # Errors
    /// [`ConfigError`] names variable, source and what would do.
    pub fn parse(layers: &Layers) -> Result<Self, ConfigError> {
        let values = Values(layers);
        let seed_compat = values.choice("profile", &[("standard", false), ("seed-compat", true)])?;
        let (keys, development_key, log_key) = values.code_keys()?;
        let rules = Rules::new(values.policy(seed_compat)?, keys).map_err(|error| values.refused(error))?;
        let cores = available_parallelism().map_or(1, usize::from);
        let settings = Self {
            seed_compat,
            listen: values.required("listen", "an address and a port, 127.0.0.1:8000 for example")?,
            metrics_listen: values.optional("metrics_listen", "an address and a port")?,
            database: values.database()?,
            redis: values.redis()?,
            smtp: values.smtp()?,
            service_name: values.service_name()?,
            mail_templates: values.optional("mail_templates", "a folder")?,
            reset_url: values.reset_url()?,
            rules,
            development_key,
            log_key,
            hash_workers: values.optional_within("hash_workers", 1..=256)?.unwrap_or(cores),
            hash_queue: values.within("hash_queue", 1..=100_000)?,
            mail_pace: MailPace {
                per_second: u32::try_from(values.within("mail_per_second", 1..=100_000)?).unwrap_or(1),
                at_once: values.within("mail_connections", 1..=256)?,
            },
            keep_alive: Duration::from_secs(values.within("keep_alive_seconds", 1..=3600)? as u64),
            trusted_proxies: values.list("trusted_proxies", "a network such as 10.0.0.0/8", network)?,
            forwarded_header: values.choice(
                "forwarded_header",
                &[
                    ("x-forwarded-for", ForwardedHeader::XForwardedFor),
                    ("forwarded", ForwardedHeader::Forwarded),
                ],
            )?,
            cors_origins: values.list("cors_origins", ORIGIN, origin)?,
            login: values.switch("login")?,
            cookies: values.cookies()?,
            pages: values.pages()?,
            page_templates: values.optional("page_templates", "a folder")?,
            docs: values.switch("docs")?,
            migrate: values.switch("migrate")?,
            log: values.required("log", "tracing directives")?,
            log_pretty: values.optional_choice("log_format", &[("pretty", true), ("json", false)])?,
            otlp_endpoint: values.otlp_endpoint()?,
            unknown_variables: layers.unknown_variables().to_vec(),
        };
        refusals::check(&settings, values.switch("single_node")?)?;
        Ok(settings)
    }
}

impl Values<'_> {
    /// Names the variables that a refusal of the policy is about, with their values and sources.
    fn refused(&self, error: RulesError) -> ConfigError {
        let names: &[&str] = match error {
            RulesError::Odds(_) => &[
                "code_length",
                "code_alphabet",
                "code_tries",
                "resend_after_seconds",
                "resend_after_max_seconds",
            ],
            RulesError::NoTries => &["code_tries"],
            RulesError::CodeTtl(_) => &["code_ttl_seconds"],
            RulesError::ResendAfter(..) => &["resend_after_seconds", "resend_after_max_seconds"],
            RulesError::Hash(Hashing::Argon2id(_)) => &["argon2id"],
            RulesError::Hash(_) => &["scrypt"],
            RulesError::Password(_) => &["password_min_length", "password_min_score"],
            RulesError::MailGiveUp(_) => &["mail_give_up_seconds"],
            RulesError::ResetTtl { .. } => &["reset_ttl_seconds", "resend_after_max_seconds"],
            RulesError::Session { .. } => &["session_seconds", "session_idle_seconds", "fresh_seconds"],
        };
        let set = names.iter().map(|name| {
            let (variable, value) = (name.to_uppercase(), self.0.value(name).unwrap_or_default());
            format!("AUTH_{variable}={value} ({})", self.0.source(name))
        });
        ConfigError::new(format!("refused to start: {}: {error}", set.collect::<Vec<_>>().join(", ")))
    }

    fn database(&self) -> Result<Database, ConfigError> {
        Database::parse(self.0.value("database_url").unwrap_or_default())
            .map_err(|wanted| self.wrong("database_url", &wanted))
    }

    fn redis(&self) -> Result<Option<RedisServer>, ConfigError> {
        let prefix: String = self.required("redis_prefix", "a word")?;
        let plain = prefix.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte));
        if !plain || !(1..=64).contains(&prefix.len()) {
            return Err(self.wrong("redis_prefix", "1 to 64 letters, digits, and - _ . :"));
        }
        let parse = |url| RedisServer::parse(url, &prefix).map_err(|wanted| self.wrong("redis_url", &wanted));
        self.0.value("redis_url").map(parse).transpose()
    }

    fn smtp(&self) -> Result<Option<SmtpServer>, ConfigError> {
        const SENDER: &str = "an address of yours that AUTH_SMTP_URL takes mails from, \
             `Accounts <no-reply@example.org>` for example";
        let (url, from) = (self.0.value("smtp_url"), self.0.value("mail_from").unwrap_or_default());
        let reply_to = self.reply_to()?;
        // The built-in sender cannot be used with a server, and is not used without one.
        if url.is_none() && keys::find("mail_from").and_then(|key| key.default) == Some(from) {
            return Ok(None);
        }
        let from = MailFrom::parse(from).ok_or_else(|| self.wrong("mail_from", SENDER))?;
        let Some(url) = url else { return Ok(None) };
        SmtpServer::parse(url, from, reply_to).map(Some).map_err(|wanted| self.wrong("smtp_url", &wanted))
    }

    fn reply_to(&self) -> Result<Option<MailFrom>, ConfigError> {
        let parse = |text| {
            MailFrom::parse(text).ok_or_else(|| {
                self.wrong("mail_reply_to", "an address, `Help <help@example.org>` for example")
            })
        };
        self.0.value("mail_reply_to").map(parse).transpose()
    }

    fn otlp_endpoint(&self) -> Result<Option<String>, ConfigError> {
        let parse = |url| collector(url).map_err(|wanted| self.wrong("otlp_endpoint", &wanted));
        self.0.value("otlp_endpoint").map(parse).transpose()
    }

    /// The name goes into subjects and texts: one short line of plain characters.
    fn service_name(&self) -> Result<String, ConfigError> {
        let name: String = self.required("service_name", "a name")?;
        let fits = (1..=64).contains(&name.chars().count()) && !name.chars().any(char::is_control);
        if fits { Ok(name) } else { Err(self.wrong("service_name", "a line of 1 to 64 characters")) }
    }

    fn policy(&self, seed_compat: bool) -> Result<Policy, ConfigError> {
        let alphabet = self
            .choice("code_alphabet", &[("digits", Alphabet::Digits), ("crockford", Alphabet::Crockford)])?;
        let disclosure =
            self.choice("disclosure", &[("hidden", Disclosure::Hidden), ("explicit", Disclosure::Explicit)])?;
        let length = self.number("code_length")?;
        let resend_after_max = self.seconds("resend_after_max_seconds")?;
        let reset_ttl =
            self.optional("reset_ttl_seconds", "a whole number of seconds")?.map(Duration::from_secs);
        Ok(Policy {
            disclosure,
            code: CodeFormat::new(alphabet, length)
                .map_err(|_| self.wrong("code_length", "a number from 4 to 20"))?,
            code_ttl: self.seconds("code_ttl_seconds")?,
            code_tries: self.number("code_tries")?,
            odds: if seed_compat { OddsLimit::SeedCompat } else { OddsLimit::Standard },
            resend_after: self.seconds("resend_after_seconds")?,
            resend_after_max,
            hash: self.hashing()?,
            hash_floor: if seed_compat || hooks::ENABLED { HashFloor::NONE } else { HashFloor::OWASP },
            password: PasswordPolicy {
                min_length: self.number("password_min_length")?,
                min_score: self.number("password_min_score")?,
                refuse_common: !seed_compat,
            },
            client_requests_per_minute: NonZeroU32::new(self.number("client_requests_per_minute")?),
            mail_give_up: self.seconds("mail_give_up_seconds")?,
            session: self.seconds("session_seconds")?,
            session_idle: self.seconds("session_idle_seconds")?,
            session_fresh: self.seconds("fresh_seconds")?,
            reset_ttl: reset_ttl
                .unwrap_or_else(|| Policy::default().reset_ttl.max(Rules::least_reset_ttl(resend_after_max))),
        })
    }

    fn hashing(&self) -> Result<Hashing, ConfigError> {
        let scrypt = self.scrypt()?;
        if self.0.value("argon2id").is_none() {
            return Ok(scrypt.into());
        }
        let wrong = || {
            self.wrong("argon2id", "three numbers: KiB of memory, passes and lanes, 19456,2,1 for example")
        };
        let [m, t, p] = self.list("argon2id", "19456,2,1", |item| item.parse::<u32>().ok())?[..] else {
            return Err(wrong());
        };
        Ok(Hashing::Argon2id(Argon2 { m, t, p: u8::try_from(p).map_err(|_| wrong())? }))
    }

    fn scrypt(&self) -> Result<Scrypt, ConfigError> {
        let numbers = self.list("scrypt", "17,8,1", |item| item.parse::<u8>().ok())?;
        match numbers[..] {
            [log2_n, r, p] => Ok(Scrypt { log2_n, r, p }),
            _ => Err(self.wrong("scrypt", "three numbers: log2 N, r and p, 17,8,1 for example")),
        }
    }

    /// Returns the keys, whether they are the development one, and the key for pseudonyms.
    fn code_keys(&self) -> Result<(CodeKeys, bool, [u8; 32]), ConfigError> {
        const WANTED: &str = "id:base64,... with 32 bytes per key; make one with: openssl rand -base64 32";
        let wrong = || self.wrong("code_keys", WANTED);
        let mut bytes: Vec<Secret<[u8; 32]>> = Vec::new();
        let mut ids: Vec<&str> = Vec::new();
        for entry in self.0.value("code_keys").into_iter().flat_map(|list| list.split(',')) {
            let (id, base64) = entry.trim().split_once(':').ok_or_else(wrong)?;
            let key: [u8; 32] =
                STANDARD.decode(base64).ok().and_then(|k| k.try_into().ok()).ok_or_else(wrong)?;
            if id.is_empty() || ids.contains(&id) {
                return Err(self.wrong("code_keys", "a list in which each id stands once"));
            }
            ids.push(id);
            bytes.push(Secret::new(key));
        }
        let development = bytes.is_empty();
        if development {
            bytes.push(Secret::new(*DEVELOPMENT_KEY));
        }
        // Pseudonyms in logs must not tell the code key, nor change with every restart.
        let first = bytes.first().ok_or_else(wrong)?;
        let log_key = Sha256::new().chain_update(b"auth-http log v1").chain_update(first.expose()).finalize();
        let keys = CodeKeys::new(bytes.into_iter().map(CodeKey::new))
            .map_err(|error| ConfigError::new(format!("AUTH_CODE_KEYS: {error}")))?;
        Ok((keys, development, log_key.into()))
    }
}

fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn defaults_are_those_of_the_core() {
        let nothing_is_set =
            Layers::collect(Some(Path::new("/dev/null")), [].into_iter(), Vec::new()).unwrap();
        let settings = Settings::parse(&nothing_is_set).unwrap();
        let defaults = Policy::default();
        // Test builds hash cheaply.
        let hash_floor = if hooks::ENABLED { HashFloor::NONE } else { defaults.hash_floor };
        assert_eq!(settings.rules.policy(), &Policy { hash_floor, ..defaults });
    }
}
