//! Owns what `serve` says before it serves.

use std::io::{self, Write};

use auth_core::{Disclosure, HashFloor, Odds, OddsLimit, Policy, Rules};
use tokio::net::TcpListener;

use super::Failure;
use crate::{
    config::Settings,
    hooks,
    port::{Finding, Verdict},
};

/// Logs what an operator should know of this configuration.
pub(super) fn warn(settings: &Settings) {
    let rules = &settings.rules;
    if hooks::ENABLED {
        tracing::warn!(
            "TEST BUILD: it can be stopped and its clock moved from outside; never for production"
        );
    }
    if settings.development_key {
        tracing::warn!("codes are bound to the development key, which everybody knows; fine on loopback");
    }
    if settings.seed_compat {
        warn_of_seed_compat(rules);
    }
    let each = rules.policy().hash.memory() >> 20;
    tracing::info!(
        workers = settings.hash_workers,
        queue = settings.hash_queue,
        "hashing takes up to {} MiB: {} at once, {each} MiB each",
        each * settings.hash_workers as u64,
        settings.hash_workers,
    );
    tracing::info!(odds = %rules.odds(), "codes");
}

/// Says what the profile has lowered, as far as nothing has raised it again.
fn warn_of_seed_compat(rules: &Rules) {
    let policy = rules.policy();
    let standard = Odds { limit: OddsLimit::Standard, ..rules.odds() };
    if !standard.hold() {
        tracing::warn!(odds = %rules.odds(), "seed-compat: codes may be guessed up to 66 times as easily");
    }
    if policy.disclosure == Disclosure::Explicit {
        tracing::warn!("seed-compat: answers tell who has an account (disclosure)");
    }
    let usual = Policy::default().password;
    if policy.password.min_length < usual.min_length || policy.password.min_score < usual.min_score {
        tracing::warn!(
            min_length = policy.password.min_length,
            min_score = policy.password.min_score,
            "seed-compat: passwords of any strength are accepted"
        );
    }
    if !HashFloor::OWASP.admits(policy.hash) {
        tracing::warn!(scrypt = %policy.hash, "seed-compat: scrypt is weaker than OWASP asks for");
    }
}

/// Refuses to serve on a part that does not fit; logs the rest.
pub(super) fn refuse(findings: &[Finding]) -> Result<(), Failure> {
    tell(findings);
    match findings.iter().find(|finding| finding.verdict == Verdict::Bad) {
        Some(bad) => Err(Failure::Refused(format!("{}: {}", bad.part, bad.text))),
        None => Ok(()),
    }
}

/// Logs what looking at the parts has found.
pub(super) fn tell(findings: &[Finding]) {
    for Finding { part, verdict, text } in findings {
        match verdict {
            Verdict::Good => tracing::info!(part, "{text}"),
            Verdict::Warning | Verdict::Bad => tracing::warn!(part, "{text}"),
        }
    }
}

/// Prints where everything is; the first two lines are for programs.
pub(super) fn announce(
    listener: &TcpListener,
    metrics: Option<&TcpListener>,
    docs: bool,
    mailbox: bool,
) -> Result<(), Failure> {
    let base = format!("http://{}", listener.local_addr()?);
    let mut out = io::stdout().lock();
    writeln!(out, "listening on {base}")?;
    if let Some(metrics) = metrics {
        writeln!(out, "metrics on http://{}/metrics", metrics.local_addr()?)?;
    }
    writeln!(out)?;
    if docs {
        writeln!(out, "  API page  {base}/docs")?;
    }
    if !mailbox {
        out.flush()?;
        return Ok(());
    }
    writeln!(out, "  mailbox   {base}/dev/mailbox")?;
    writeln!(
        out,
        "
Register, then activate with the code from the mailbox:

curl -i {base}/v1/register -H 'Content-Type: application/json' \\
  -d '{{\"email\": \"ada@example.org\", \"password\": \"correct horse battery staple\"}}'

curl -i {base}/v1/activate -u 'ada@example.org:correct horse battery staple' \\
  -H 'Content-Type: application/json' \\
  -d \"{{\\\"code\\\": \\\"$(curl -s {base}/dev/mailbox.json | grep -o '\"code\":\"[^\"]*' | head -1 | cut -d'\"' -f4)\\\"}}\"
"
    )?;
    out.flush()?;
    Ok(())
}
