//! The command `check`: tries every part and prints the real error of each.

use std::io::{self, Write};

use auth_core::{Address, Hashing, Locale, MailId, SendMail, Sending, Template};

use super::CommandError;
use crate::{
    adapter::{hash_threads, mail_templates::MailTemplates},
    config::Settings,
    port::{AccountsDatabase, Condition, Finding},
    random, wiring,
};

/// Tries every part; fails if one of them does.
pub(super) async fn run(settings: &Settings, mail_to: Option<&str>) -> Result<(), CommandError> {
    let mut report = CheckReport { failed: Vec::new() };
    match wiring::accounts(settings, wiring::clock()?).await {
        Err(error) => report.add(&Finding::bad("database", error))?,
        Ok(accounts) => {
            for finding in accounts.examine().await {
                report.add(&finding)?;
            }
            report.add(&schema(accounts.as_ref(), settings.migrate).await)?;
            if let Some(finding) = writing(accounts.as_ref(), &report).await {
                report.add(&finding)?;
            }
            accounts.close().await;
        }
    }
    match wiring::codes(settings, wiring::clock()?) {
        Err(error) => report.add(&Finding::bad("codes", error))?,
        Ok(codes) => {
            for finding in codes.examine().await {
                report.add(&finding)?;
            }
        }
    }
    match wiring::templates(settings) {
        Err(error) => report.add(&Finding::bad("mail", error))?,
        Ok(templates) => mail(settings, templates, mail_to, &mut report).await?,
    }
    let (params, workers) = (settings.rules.policy().hash, settings.hash_workers);
    let measured = tokio::task::spawn_blocking(move || hash(params, workers)).await;
    report.add(&measured.unwrap_or_else(|error| Finding::bad("hash", error)))?;
    report.add(&Finding::good("odds", settings.rules.odds()))?;
    let key = if settings.development_key { "the development key: for loopback alone" } else { "set" };
    report.add(&Finding::good("code keys", key))?;
    report.end()
}

/// Measures the configured hash on this machine, on all workers at once.
fn hash(params: Hashing, workers: usize) -> Finding {
    const PART: &str = "hash";
    match hash_threads::measure(params, workers) {
        Err(error) => Finding::bad(PART, error),
        Ok(took) => Finding::good(
            PART,
            format_args!(
                "{params}, {workers} at once, {} MiB each; measured: {} ms, {:.1} a second",
                params.memory() >> 20,
                took.as_millis(),
                workers as f64 / took.as_secs_f64(),
            ),
        ),
    }
}

async fn schema(accounts: &dyn AccountsDatabase, migrates: bool) -> Finding {
    match accounts.is_migrated().await {
        Ok(true) => match accounts.depth().await {
            Ok(depth) => Finding::good(
                "schema",
                format_args!("up to date; {} mails wait, {} are dead letters", depth.waiting, depth.dead),
            ),
            Err(error) => Finding::bad("schema", error),
        },
        Ok(false) if migrates => Finding::good("schema", "not up to date; `serve` will bring it up to date"),
        Ok(false) => Finding::bad("schema", "not up to date; run `auth-http migrate`"),
        Err(error) => Finding::bad("schema", error),
    }
}

/// Returns a finding if registrations would not be kept, unless another finding says so.
async fn writing(accounts: &dyn AccountsDatabase, report: &CheckReport) -> Option<Finding> {
    const PART: &str = "writing";
    if report.failed.contains(&PART) || !accounts.is_migrated().await.is_ok_and(|migrated| migrated) {
        return None;
    }
    let error = accounts.ping().await.err()?;
    Some(Finding::bad(PART, format_args!("{error}; is it read-only, or its disk full?")))
}

async fn mail(
    settings: &Settings,
    templates: MailTemplates,
    mail_to: Option<&str>,
    report: &mut CheckReport,
) -> Result<(), CommandError> {
    let languages = templates.locales().join(", ");
    let (mailer, mailbox) = match wiring::mailer(settings, templates, wiring::clock()?) {
        Ok(made) => made,
        Err(error) => return report.add(&Finding::bad("mail", error)),
    };
    for finding in mailer.examine().await {
        report.add(&finding)?;
    }
    report.add(&Finding::good("mail templates", format_args!("languages {languages}")))?;
    let Some(address) = mail_to else { return Ok(()) };
    let to = match Address::parse(address) {
        Ok(to) => to,
        Err(error) => return report.add(&Finding::bad("test mail", format_args!("--mail-to: {error}"))),
    };
    let locale = Locale::parse("en").map_err(|error| CommandError::Refused(error.to_string()))?;
    if mailbox.is_some() {
        return report.add(&match wiring::templates(settings)?.render(&Template::Notice, &locale, "") {
            Ok(mail) => Finding::good(
                "test mail",
                format_args!(
                    "to {}, not sent by this mailer:\n\n{}\n\n{}",
                    to.given(),
                    mail.subject,
                    mail.text.expose()
                ),
            ),
            Err(error) => Finding::bad("test mail", error),
        });
    }
    let id = MailId::from_bytes(random::bytes().map_err(|error| CommandError::Refused(error.to_string()))?);
    let order = SendMail { id, to: to.recipient(), locale, template: Template::Notice };
    report.add(&match mailer.send(&order).await {
        Ok(Sending::Accepted) => {
            Finding::good("test mail", format_args!("the server took a notice to {}", to.given()))
        }
        Ok(Sending::Deferred(detail)) => {
            Finding::bad("test mail", format_args!("the server says later: {}", detail.as_str()))
        }
        Ok(Sending::Rejected(detail)) => {
            Finding::bad("test mail", format_args!("the server refuses it: {}", detail.as_str()))
        }
        Err(error) => Finding::bad("test mail", error),
    })
}

struct CheckReport {
    failed: Vec<&'static str>,
}

impl CheckReport {
    fn add(&mut self, finding: &Finding) -> Result<(), CommandError> {
        let condition = match finding.condition {
            Condition::Good => "ok     ",
            Condition::Warning => "warning",
            Condition::Bad => "FAILED ",
        };
        if finding.condition == Condition::Bad {
            self.failed.push(finding.part);
        }
        writeln!(io::stdout(), "{condition} {}: {}", finding.part, finding.text)?;
        Ok(())
    }

    fn end(self) -> Result<(), CommandError> {
        if self.failed.is_empty() {
            return Ok(());
        }
        Err(CommandError::Refused(format!("failed: {}; the lines above say why", self.failed.join(", "))))
    }
}
