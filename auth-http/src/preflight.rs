//! What a node logs before it serves, and the parts that it does not serve on.

use auth_core::{Disclosure, HashFloor, Odds, OddsLimit, Policy, Rules};

use crate::{
    config::Settings,
    hooks,
    node::StartError,
    port::{Condition, Finding},
};

/// What is said of an unknown variable.
pub(crate) const UNKNOWN_VARIABLE: &str = "there is no such key: the variable is ignored";

/// Logs what an operator should know of this configuration.
pub(crate) fn warn(settings: &Settings) {
    let rules = &settings.rules;
    if hooks::ENABLED {
        tracing::warn!(
            "TEST BUILD: it can be stopped and its clock moved from outside; never for production"
        );
    }
    for variable in &settings.unknown_variables {
        tracing::warn!(variable, "{UNKNOWN_VARIABLE}");
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

/// Warns of what the profile has lowered, where no setting has raised it again.
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
        tracing::warn!(hash = %policy.hash, "seed-compat: the password hash is weaker than OWASP asks for");
    }
}

/// Refuses to serve on a part that does not fit; logs the rest.
pub(crate) fn refuse(findings: &[Finding]) -> Result<(), StartError> {
    tell(findings);
    match findings.iter().find(|finding| finding.condition == Condition::Bad) {
        Some(bad) => Err(StartError(format!("{}: {}", bad.part, bad.text))),
        None => Ok(()),
    }
}

/// Logs what looking at the parts has found.
pub(crate) fn tell(findings: &[Finding]) {
    for Finding { part, condition, text } in findings {
        match condition {
            Condition::Good => tracing::info!(part, "{text}"),
            Condition::Warning | Condition::Bad => tracing::warn!(part, "{text}"),
        }
    }
}
