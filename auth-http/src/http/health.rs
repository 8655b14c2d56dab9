//! `GET /livez` and `GET /readyz`: whether the process runs, and whether its parts answer.

use std::future::Future;

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
    const PROBLEMS: &'static [(&'static ProblemKind, &'static str)] = &[
        (&INTERNAL, BOTH),
        (&UNAVAILABLE, "readyz alone, with the part that does not answer in its detail"),
    ];
    const SHARED: &'static [(&'static ProblemKind, &'static str)] = &[];
}

/// Answers that the process runs.
pub(super) fn live() -> HealthAnswer {
    HealthAnswer::Healthy(Json(Health { message: "alive".to_owned() }))
}

/// Asks every part, and names the first one that does not answer.
pub(super) async fn ready(request: &Request) -> Result<HealthAnswer, OperationProblem<HealthOperation>> {
    let ports = &AppState::of(request).driver.ports;
    answers("accounts", ports.accounts.ping()).await?;
    answers("codes", ports.codes.ping()).await?;
    Ok(HealthAnswer::Healthy(Json(Health { message: "ready".to_owned() })))
}

async fn answers(part: &'static str, ping: impl Future<Output = port::Result<()>>) -> Result<(), Problem> {
    match timeout(deadlines::PROBE, ping).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => tracing::warn!(part, %error, "not ready"),
        Err(_) => tracing::warn!(part, "not ready: no answer in time"),
    }
    let detail = format!("The part that does not answer: {part}. The log says more.");
    Err(Problem::new(&UNAVAILABLE).detail(detail).retry_after(deadlines::PROBE))
}
