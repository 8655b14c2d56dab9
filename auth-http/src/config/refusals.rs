//! The combinations that are not served, each with its threat and what to do instead.

#[cfg(feature = "mysql")]
use super::servers::Database;
use super::{ConfigError, settings::Settings};

/// Refuses settings that are not safe together.
pub(super) fn check(settings: &Settings, single_node: bool) -> Result<(), ConfigError> {
    #[cfg(not(feature = "mysql"))]
    let _ = single_node;
    #[cfg(feature = "mysql")]
    if matches!(settings.database, Database::Mysql(_)) && settings.redis.is_none() && !single_node {
        // Threat: several nodes that count tries apart give a guesser as many times more.
        return refuse(
            "AUTH_DATABASE_URL is MySQL without Redis; set AUTH_REDIS_URL, or AUTH_SINGLE_NODE=on if this is the only \
             node",
        );
    }
    let (listen, loopback) = (settings.listen, settings.listen.ip().is_loopback());
    if settings.development_key && !loopback {
        // Threat: everybody knows that key; with it a stolen code store tells its codes.
        return refuse(&format!(
            "AUTH_LISTEN={listen}: the development code key is for loopback alone; set \
             AUTH_CODE_KEYS=k1:$(openssl rand -base64 32)"
        ));
    }
    if !loopback && settings.smtp.is_none() {
        // Threat: the development mailer shows every code to everybody who can reach it.
        return refuse(&format!(
            "AUTH_LISTEN={listen}: the development mailer is for loopback alone; set AUTH_SMTP_URL, or listen on \
             127.0.0.1"
        ));
    }
    if settings.page_templates.is_some() && settings.pages.is_none() {
        return refuse(
            "AUTH_PAGE_TEMPLATES without pages; set AUTH_PAGES=on, or leave AUTH_PAGE_TEMPLATES out",
        );
    }
    if settings.cookies.is_some() && !settings.login {
        // Without sessions its rules for requests of browsers would only refuse those of programs.
        return refuse(
            "AUTH_SESSION_COOKIE=on without logins; set AUTH_LOGIN=on, or leave AUTH_SESSION_COOKIE out",
        );
    }
    if settings.cookies.is_some() && !settings.cors_origins.is_empty() {
        // Threat: pages of another origin that act with the visitor's cookie.
        return refuse(
            "AUTH_SESSION_COOKIE=on is for a front end on the service's own origin; leave AUTH_CORS_ORIGINS out, or use \
             the tokens of answers",
        );
    }
    if !settings.trusted_proxies.is_empty() && settings.smtp.is_none() {
        return refuse(
            "the development mailer is not for use behind a proxy; set AUTH_SMTP_URL, or leave \
             AUTH_TRUSTED_PROXIES out",
        );
    }
    Ok(())
}

fn refuse(message: &str) -> Result<(), ConfigError> {
    Err(ConfigError::new(format!("refused to start: {message}")))
}
