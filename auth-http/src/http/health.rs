//! `GET /livez` and `GET /readyz`: whether the process runs, and whether its parts answer.

use std::{future::Future, time::Duration};

use poem::Request;
use poem_openapi::{ApiResponse, Object, payload::Json};
use tokio::time::timeout;

use super::{
    app_state::AppState,
    operation::{BOTH, Operation, OperationProblem},
    problem::{INTERNAL, Problem, ProblemKind, UNAVAILABLE},
};
use crate::{deadlines, port};

/// What a healthy service answers.
#[derive(Object)]
pub struct Health {
    /// `alive` or `ready`.
    #[oai(validator(min_length = 1, max_length = 1000))]
    message: String,
    /// The parts that do not answer, and without which only some operations are refused.
    #[oai(validator(max_items = 10), skip_serializing_if_is_none)]
    degraded: Option<Vec<String>>,
}

/// The answers of a healthy service.
#[derive(ApiResponse)]
pub enum HealthAnswer {
    /// It is.
    #[oai(status = 200)]
    Healthy(Json<Health>),
}

/// The operation as a type.
#[derive(Debug)]
pub(super) struct HealthOperation;

impl Operation for HealthOperation {
    const PROBLEMS: &'static [(&'static ProblemKind, &'static str)] =
        &[(&INTERNAL, BOTH), (&UNAVAILABLE, "readyz alone, with the parts that do not answer in its detail")];
    const SHARED: &'static [(&'static ProblemKind, &'static str)] = &[];
}

/// Answers that the process runs.
pub(super) fn live() -> HealthAnswer {
    HealthAnswer::Healthy(Json(Health { message: "alive".to_owned(), degraded: None }))
}

/// Asks every part, and names those that do not answer.
pub(super) async fn ready(request: &Request) -> Result<HealthAnswer, OperationProblem<HealthOperation>> {
    let shared = AppState::of(request);
    let ports = &shared.driver.ports;
    let silent = tokio::join!(
        silent("accounts", deadlines::PROBE, || ports.accounts.ping()),
        silent("codes", deadlines::PROBE, || ports.codes.ping()),
    );
    let silent: Vec<&str> = [silent.0, silent.1].into_iter().flatten().collect();
    // Threat: with Redis everybody is logged out. Sessions need the accounts alone.
    if silent.is_empty() || (shared.login && silent == ["codes"]) {
        let degraded = silent.into_iter().map(str::to_owned).collect::<Vec<_>>();
        let degraded = Some(degraded).filter(|parts| !parts.is_empty());
        return Ok(HealthAnswer::Healthy(Json(Health { message: "ready".to_owned(), degraded })));
    }
    let detail = format!("What does not answer: {}. The log says more.", silent.join(", "));
    Err(Problem::new(&UNAVAILABLE).detail(detail).retry_after(deadlines::PROBE).into())
}

/// Returns the part's name if it does not answer, asked twice: one slow answer must not take a node out of service.
async fn silent<P>(part: &'static str, patience: Duration, ping: impl Fn() -> P) -> Option<&'static str>
where
    P: Future<Output = port::Result<()>>,
{
    for last in [false, true] {
        let why = match timeout(patience, ping()).await {
            Ok(Ok(())) => return None,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        let what = if last { "not ready" } else { "no good answer to a probe; asked again" };
        tracing::warn!(part, error = why, "{what}");
    }
    Some(part)
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, future::pending};

    use super::*;
    use crate::port::PortError;

    const SHORT: Duration = Duration::from_millis(20);

    /// Returns what is silent if the first pings end like this, and the later ones well.
    async fn after(failed: u32, ping: impl AsyncFn() -> port::Result<()>) -> Option<&'static str> {
        let asked = Cell::new(0);
        silent("accounts", SHORT, async || {
            asked.set(asked.get() + 1);
            if asked.get() <= failed { ping().await } else { Ok(()) }
        })
        .await
    }

    #[tokio::test]
    async fn part_that_is_slow_once_is_ready_and_one_that_is_slow_twice_is_not() {
        assert_eq!(after(0, pending).await, None);
        assert_eq!(after(1, pending).await, None);
        assert_eq!(after(2, pending).await, Some("accounts"));
    }

    #[tokio::test]
    async fn part_that_fails_once_is_ready_and_one_that_fails_twice_is_not() {
        let fails = async || Err(PortError::not_done("ping", "refused"));
        assert_eq!(after(1, fails).await, None);
        assert_eq!(after(2, fails).await, Some("accounts"));
    }
}
