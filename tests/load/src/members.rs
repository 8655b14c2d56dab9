//! People who have accounts: whose sessions are asked for, and who log in.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    Failure, PASSWORD, SILENCE,
    client::{Connection, Request, send_all},
    sink::Sink,
};

/// Accounts, and sessions of each: fifty are the most that an account has.
const ACCOUNTS: usize = 8;
const SESSIONS: usize = 8;

/// How often each address is tried with a wrong password: fewer times than make the server refuse to try.
const TRIES: usize = 8;
const STATES: [&str; 4] = ["absent", "pending", "active", "blocked"];

/// Asks whose sessions these are for some time.
pub(crate) async fn sessions(
    server: &str,
    smtp: u16,
    connections: usize,
    duration: Duration,
) -> Result<Value, Failure> {
    let tokens = open(server, &Sink::listen(smtp).await?, ACCOUNTS, SESSIONS).await?;
    let end = Instant::now() + duration;
    let ask = move |n: usize| {
        let token = tokens.get(n % tokens.len())?;
        (Instant::now() < end).then(|| session(token))
    };
    let begun = Instant::now();
    let answers = send_all(server, connections, ask).await?;
    Ok(json!({
        "sessions_per_second": answers.good() as f64 / begun.elapsed().as_secs_f64(),
        "session_p50_ms": answers.percentile(0.5),
        "session_p99_ms": answers.percentile(0.99),
        "session_unexpected_answers": answers.others(),
    }))
}

/// Returns the request that asks whose session it is.
pub(crate) fn session(token: &str) -> Request {
    Request { path: "/v1/session", bearer: Some(token.to_owned()), ..Request::default() }
}

/// Opens sessions of new accounts; returns their tokens.
pub(crate) async fn open(
    server: &str,
    sink: &Sink,
    accounts: usize,
    each: usize,
) -> Result<Vec<String>, Failure> {
    let mut connection = Connection::open(server).await?;
    let mut tokens = Vec::new();
    for n in 0..accounts {
        let email = format!("member{n}@example.org");
        activated(&mut connection, sink, &email).await?;
        for _ in 0..each {
            post(&mut connection, "/v1/login", &json!({ "email": email, "password": PASSWORD }), 200).await?;
            tokens.push(connection.field("session_token").ok_or("no session_token")?);
        }
    }
    Ok(tokens)
}

/// Makes so many accounts of each state; an operator blocks some of the active ones then.
pub(crate) async fn register(server: &str, smtp: u16, each: usize) -> Result<Value, Failure> {
    let sink = Sink::listen(smtp).await?;
    let mut connection = Connection::open(server).await?;
    for n in 0..each {
        let body = json!({ "email": address("pending", n), "password": PASSWORD });
        post(&mut connection, "/v1/register", &body, 202).await?;
        for state in ["active", "blocked"] {
            activated(&mut connection, &sink, &address(state, n)).await?;
        }
    }
    let to_block: Vec<String> = (0..each).map(|n| address("blocked", n)).collect();
    Ok(json!({ "to_block": to_block }))
}

/// Logs in with wrong passwords at addresses of each state in turns, and compares the times of one turn with each other:
/// whatever else the machine does hits all of them.
pub(crate) async fn logins(server: &str, each: usize) -> Result<Value, Failure> {
    let mut connection = Connection::open(server).await?;
    let mut times: [Vec<f64>; STATES.len()] = Default::default();
    for turn in 0..each * TRIES {
        for step in 0..STATES.len() {
            // Each is the first one as often as the others.
            let state = (turn + step) % STATES.len();
            let body = json!({ "email": address(STATES[state], turn % each), "password": "wrong" });
            let begun = Instant::now();
            post(&mut connection, "/v1/login", &body, 401).await?;
            times[state].push(begun.elapsed().as_secs_f64() * 1e3);
        }
    }
    let mut figures = serde_json::Map::new();
    let [absent, ..] = &times;
    for (state, own) in STATES.iter().zip(&times) {
        figures.insert(format!("login_{state}_p50_ms"), middle(own.clone()).into());
        if !std::ptr::eq(own, absent) {
            let pairs: Vec<f64> = own.iter().zip(absent).map(|(own, absent)| own - absent).collect();
            figures.insert(format!("login_{state}_longer_than_absent_ms"), middle(pairs).into());
        }
    }
    Ok(figures.into())
}

fn address(state: &str, n: usize) -> String {
    // As long as each other.
    format!("{state:-<8}{n}@example.org")
}

async fn activated(connection: &mut Connection, sink: &Sink, email: &str) -> Result<(), Failure> {
    post(connection, "/v1/register", &json!({ "email": email, "password": PASSWORD }), 202).await?;
    let code = sink.code_for(email, SILENCE).await.ok_or("no mail")?;
    let body = json!({ "email": email, "password": PASSWORD, "code": code });
    post(connection, "/v1/activate", &body, 200).await
}

async fn post(
    connection: &mut Connection,
    path: &'static str,
    body: &Value,
    expected: u16,
) -> Result<(), Failure> {
    let status =
        connection.ask(&Request { path, json: Some(body.to_string()), ..Request::default() }).await?;
    if status == expected { Ok(()) } else { Err(format!("{path}: {status} instead of {expected}").into()) }
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
