//! Owns the command `check`: tries every part and prints the real error of each.

use std::{
    fmt::Display,
    io::{self, Write},
};

use auth_core::{Address, Locale, Template};

use super::{Failure, parts};
use crate::{
    config::{Database, Settings},
    port::Accounts,
};

/// Tries every part; fails if one of them does.
pub(super) async fn run(settings: &Settings, mail_to: Option<&str>) -> Result<(), Failure> {
    let mut report = Report { failed: Vec::new() };
    let Database::Sqlite(_) = &settings.database;
    match parts::accounts(settings, parts::clock()?).await {
        Err(error) => report.bad("database", error)?,
        Ok(accounts) => {
            match accounts.version().await {
                Ok(version) => report.good("database", format!("SQLite {version}"))?,
                Err(error) => report.bad("database", error)?,
            }
            match accounts.is_migrated().await {
                Ok(true) => match accounts.depth().await {
                    Ok(depth) => report.good(
                        "schema",
                        format!("up to date; {} mails wait, {} are dead letters", depth.waiting, depth.dead),
                    )?,
                    Err(error) => report.bad("schema", error)?,
                },
                Ok(false) if settings.migrate => {
                    report.good("schema", "not up to date; `serve` will bring it up to date")?;
                }
                Ok(false) => report.bad("schema", "not up to date; run `auth-http migrate`")?,
                Err(error) => report.bad("schema", error)?,
            }
            accounts.close().await;
        }
    }
    report.good("codes", "in this process: lost with it, for one node")?;
    mail(settings, mail_to, &mut report)?;
    let each = settings.rules.policy().hash.memory() >> 20;
    let workers = settings.hash_workers;
    report.good("hash", format!("{}, {workers} at once, {each} MiB each", settings.rules.policy().hash))?;
    report.good("odds", settings.rules.odds())?;
    let key = if settings.development_key { "the development key: for loopback alone" } else { "set" };
    report.good("code keys", key)?;
    report.end()
}

fn mail(settings: &Settings, mail_to: Option<&str>, report: &mut Report) -> Result<(), Failure> {
    let templates = match parts::templates(settings) {
        Ok(templates) => templates,
        Err(error) => return report.bad("mail", error),
    };
    let languages = templates.locales().join(", ");
    report.good("mail", format!("development mailer: nothing is sent; languages {languages}"))?;
    let Some(address) = mail_to else { return Ok(()) };
    let locale = Locale::parse("en").map_err(|error| Failure::Refused(error.to_string()))?;
    match (Address::parse(address), templates.render(&Template::Notice, &locale)) {
        (Ok(address), Ok(mail)) => report.good(
            "test mail",
            format!(
                "to {}, not sent by this mailer:\n\n{}\n\n{}",
                address.given(),
                mail.subject,
                mail.text.expose()
            ),
        ),
        (Err(error), _) => report.bad("test mail", format!("--mail-to: {error}")),
        (_, Err(error)) => report.bad("test mail", error),
    }
}

struct Report {
    failed: Vec<&'static str>,
}

impl Report {
    #[expect(clippy::unused_self, reason = "reads as a pair with `bad`")]
    fn good(&self, part: &'static str, finding: impl Display) -> Result<(), Failure> {
        writeln!(io::stdout(), "ok      {part}: {finding}")?;
        Ok(())
    }

    fn bad(&mut self, part: &'static str, finding: impl Display) -> Result<(), Failure> {
        self.failed.push(part);
        writeln!(io::stdout(), "FAILED  {part}: {finding}")?;
        Ok(())
    }

    fn end(self) -> Result<(), Failure> {
        if self.failed.is_empty() {
            return Ok(());
        }
        Err(Failure::Refused(format!("failed: {}; the lines above say why", self.failed.join(", "))))
    }
}
