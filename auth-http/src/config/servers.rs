//! Where the infrastructure is: the URLs of database, Redis and SMTP, and what is refused in them.
//!
//! What one URL says is judged here, what does not go together in `refusals.rs`.

use std::path::PathBuf;

use auth_core::{Address, Secret};
use url::Url;

/// Where accounts and outbox are stored.
#[derive(Clone, Debug)]
pub enum Database {
    /// SQLite, by its URL.
    #[cfg(feature = "sqlite")]
    Sqlite(String),
    /// MySQL or MariaDB, by a URL that says how TLS is used.
    #[cfg(feature = "mysql")]
    Mysql(Secret<String>),
}

/// Where codes and limits are stored.
#[derive(Clone, Debug)]
pub struct RedisServer {
    /// The URL, `redis://` or `rediss://`, with user and password.
    pub url: Secret<String>,
    /// Certificates to trust instead of the public ones, a PEM file.
    pub ssl_ca: Option<PathBuf>,
    /// What every key begins with.
    pub prefix: String,
}

/// The server that takes the mails.
#[derive(Clone, Debug)]
pub struct SmtpServer {
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: SmtpTls,
    /// Certificates to trust instead of the public ones, a PEM file.
    pub ssl_ca: Option<PathBuf>,
    /// User and password.
    pub login: Option<(String, Secret<String>)>,
    /// The sender.
    pub from: MailFrom,
    /// Who gets what people answer; none for the sender.
    pub reply_to: Option<MailFrom>,
}

/// How a connection to an SMTP server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    /// Not at all.
    Plain,
    /// By STARTTLS, or not used.
    StartTls,
    /// From the first byte on.
    Implicit,
}

/// The sender of the mails.
#[derive(Clone, Debug)]
pub struct MailFrom {
    /// What mail programs show.
    pub name: String,
    /// The address, also of the envelope.
    pub address: Address,
}

impl Database {
    /// Reads a URL; the error says what is allowed.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text.split(':').next().unwrap_or_default() {
            #[cfg(feature = "sqlite")]
            "sqlite" => Ok(Self::Sqlite(text.to_owned())),
            #[cfg(feature = "mysql")]
            "mysql" | "mariadb" => {
                mysql(text).map(|url| Self::Mysql(Secret::new(url))).map_err(|wanted| escaped(text, wanted))
            }
            _ => Err(format!("a URL that this build serves: {}", SERVED.join(", "))),
        }
    }

    /// Returns what to check when it cannot be opened.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => {
                "that its folder exists and can be written, and that it ends in ?mode=rwc if the file is to be made"
            }
            #[cfg(feature = "mysql")]
            Self::Mysql(_) => "and that the server runs, the database exists and the user may use it",
        }
    }
}

const SERVED: &[&str] = &[
    #[cfg(feature = "sqlite")]
    "sqlite://file?mode=rwc, sqlite::memory:",
    #[cfg(feature = "mysql")]
    "mysql://user:password@host/database",
];

/// Returns the URL with an explicit `ssl-mode`.
#[cfg(feature = "mysql")]
fn mysql(text: &str) -> Result<String, String> {
    const WANTED: &str = "mysql://user:password@host:3306/database?ssl-mode=VERIFY_IDENTITY";
    let mut url = Url::parse(text).map_err(|error| format!("a URL such as {WANTED} ({error})"))?;
    let host = url.host_str().unwrap_or_default().to_owned();
    if host.is_empty() || url.username().is_empty() || url.path().trim_matches('/').is_empty() {
        return Err(format!("a URL with user, host and database, such as {WANTED}"));
    }
    // Threat: the driver knows more spellings, takes the last of several and passes over what it does not
    // know, a password for example. So what is judged here is all that there is.
    let (mut mode, mut authority) = (None, false);
    for (key, value) in url.query_pairs() {
        match &*key {
            "ssl-mode" if mode.is_none() => mode = Some(value.to_uppercase()),
            "ssl-ca" if !authority => authority = true,
            "ssl-cert" | "ssl-key" => {}
            _ => {
                return Err("known: the parameters after ? are ssl-mode, ssl-ca=FILE, ssl-cert=FILE and ssl-key=FILE, \
                     once each"
                    .to_owned());
            }
        }
    }
    match mode.as_deref() {
        Some("DISABLED") if authority => Err("consistent: ssl-ca needs ssl-mode=VERIFY_IDENTITY".to_owned()),
        Some("DISABLED" | "VERIFY_IDENTITY") => Ok(url.into()),
        // Threat: all three encrypt towards anybody, so anybody in between reads everything. The driver
        // trusts public authorities besides ssl-ca, and with VERIFY_CA any name of theirs.
        Some("PREFERRED" | "REQUIRED" | "VERIFY_CA") => {
            Err("safe: that ssl-mode verifies nobody; write ssl-mode=VERIFY_IDENTITY (and ssl-ca=FILE for an authority of \
                 your own), or DISABLED on a network that nobody else is on"
                .to_owned())
        }
        Some(_) => Err("known: ssl-mode is VERIFY_IDENTITY or DISABLED".to_owned()),
        None => {
            let plain = is_loopback(&host) && !authority;
            url.query_pairs_mut().append_pair("ssl-mode", if plain { "DISABLED" } else { "VERIFY_IDENTITY" });
            Ok(url.into())
        }
    }
}

/// Returns whether a name or an address stays on this machine.
#[cfg(feature = "mysql")]
fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

impl RedisServer {
    /// Reads a URL; the error says what is allowed.
    pub(super) fn parse(text: &str, prefix: &str) -> Result<Self, String> {
        Self::read(text, prefix).map_err(|wanted| escaped(text, wanted))
    }

    fn read(text: &str, prefix: &str) -> Result<Self, String> {
        const WANTED: &str = "redis://host:6379/0, or rediss://user:password@host:6379/0 with TLS";
        let mut url = Url::parse(text).map_err(|error| format!("a URL such as {WANTED} ({error})"))?;
        if !matches!(url.scheme(), "redis" | "rediss") || url.host_str().unwrap_or_default().is_empty() {
            return Err(format!("a URL such as {WANTED}"));
        }
        // Threat: the driver reads `#insecure` as leave to trust any certificate.
        if url.fragment().is_some() {
            return Err("safe: leave out what follows #".to_owned());
        }
        let database = url.path().trim_matches('/');
        if !database.is_empty() && database.parse::<u32>().is_err() {
            return Err(format!("a URL whose path is the number of a database, such as {WANTED}"));
        }
        let ssl_ca = ssl_ca(&url)?;
        if ssl_ca.is_some() && url.scheme() == "redis" {
            return Err("consistent: ssl-ca needs rediss://".to_owned());
        }
        url.set_query(None);
        Ok(Self { url: Secret::new(url.into()), ssl_ca, prefix: prefix.to_owned() })
    }
}

impl SmtpServer {
    /// Reads a URL; the error says what is allowed.
    pub(super) fn parse(text: &str, from: MailFrom, reply_to: Option<MailFrom>) -> Result<Self, String> {
        Self::read(text, from, reply_to).map_err(|wanted| escaped(text, wanted))
    }

    fn read(text: &str, from: MailFrom, reply_to: Option<MailFrom>) -> Result<Self, String> {
        const WANTED: &str = "smtps://user:password@host:465, smtp+starttls://user:password@host:587, or \
             smtp://host:25 without TLS";
        let url = Url::parse(text).map_err(|error| format!("a URL such as {WANTED} ({error})"))?;
        let (tls, port) = match url.scheme() {
            "smtp" => (SmtpTls::Plain, 25),
            "smtp+starttls" => (SmtpTls::StartTls, 587),
            "smtps" => (SmtpTls::Implicit, 465),
            _ => return Err(format!("a URL such as {WANTED}")),
        };
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || !url.path().trim_matches('/').is_empty() || url.fragment().is_some() {
            return Err(format!("a URL of host and port alone, such as {WANTED}"));
        }
        let login = match (decoded(url.username())?, url.password().map(decoded).transpose()?) {
            (user, None) if user.is_empty() => None,
            (user, Some(password)) if !user.is_empty() => Some((user, Secret::new(password))),
            _ => return Err("a URL with user and password, or neither".to_owned()),
        };
        if login.is_some() && tls == SmtpTls::Plain {
            // Threat: the password of the mail server, in clear on every wire to it.
            return Err(
                "safe: it would send the password in clear; write smtps:// or smtp+starttls://, or leave \
                 the login out"
                    .to_owned(),
            );
        }
        let ssl_ca = ssl_ca(&url)?;
        if ssl_ca.is_some() && tls == SmtpTls::Plain {
            return Err("consistent: ssl-ca needs smtps:// or smtp+starttls://".to_owned());
        }
        Ok(Self {
            host: host.to_owned(),
            port: url.port().unwrap_or(port),
            tls,
            ssl_ca,
            login,
            from,
            reply_to,
        })
    }
}

/// Reads the URL of an OpenTelemetry collector; without a path it gets the one that collectors have for traces.
pub(super) fn collector(text: &str) -> Result<String, String> {
    const WANTED: &str = "an http:// URL, http://127.0.0.1:4318 for a collector on this machine";
    let mut url = Url::parse(text).map_err(|error| format!("{WANTED} ({error})"))?;
    if url.scheme() != "http" || url.fragment().is_some() {
        return Err(WANTED.to_owned());
    }
    if url.path() == "/" {
        url.set_path("/v1/traces");
    }
    Ok(url.into())
}

/// Adds what is most likely wrong with a URL that cannot be read: a password with a character that ends its part of
/// the URL. What comes before the first `/`, `?` or `#` is host and port then, and the @ stands behind it.
fn escaped(text: &str, wanted: String) -> String {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') || !rest.contains('@') {
        return wanted;
    }
    wanted
        + "; user and password must be percent-encoded: / is %2F, ? is %3F, # is %23, : is %3A, @ is %40 and % is %25"
}

/// Reads the one parameter that the URLs of Redis and SMTP have.
fn ssl_ca(url: &Url) -> Result<Option<PathBuf>, String> {
    let mut file = None;
    for (key, value) in url.query_pairs() {
        if key != "ssl-ca" || file.is_some() {
            return Err("known: the only parameter after ? is ssl-ca=FILE".to_owned());
        }
        file = Some(PathBuf::from(value.into_owned()));
    }
    Ok(file)
}

fn decoded(text: &str) -> Result<String, String> {
    let wrong = || "a URL whose user and password are UTF-8 with % escapes".to_owned();
    percent_encoding::percent_decode_str(text).decode_utf8().map(Into::into).map_err(|_| wrong())
}

impl MailFrom {
    /// Reads `Name <address>`, or an address alone; none for what is neither.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (name, address) = match text.trim().strip_suffix('>') {
            Some(rest) => rest.split_once('<')?,
            None => ("", text),
        };
        let name = name.trim().trim_matches('"').trim();
        let plain =
            name.chars().count() <= 64 && !name.contains(|c: char| c.is_control() || "<>\"".contains(c));
        let address = Address::parse(address.trim()).ok()?;
        plain.then(|| Self { name: name.to_owned(), address })
    }
}
