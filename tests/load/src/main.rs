//! The load of `cargo xtask bench` and `soak`; each command prints what it measured as one line of JSON.
//!
//! - `auth-load closed SERVER SMTP-PORT CONNECTIONS SECONDS PIDS` registers new addresses for some seconds, each
//!   connection asking again as soon as it is answered, waits for the last mail, and activates all of them in the same
//!   way. PIDS are processes whose processor time and memory are read, separated by commas.
//! - `auth-load open SERVER SMTP-PORT CONNECTIONS SECONDS RATE` registers so many addresses a second, each at its own
//!   time.
//! - `auth-load hashing SERVER SMTP-PORT CONNECTIONS SECONDS` registers as `closed` does, and meanwhile asks `/livez`, a
//!   session that counts and one that does not, each 100 times a second at its own time.
//! - `auth-load sessions SERVER SMTP-PORT CONNECTIONS SECONDS` asks whose session it is, with 64 sessions of eight accounts.
//! - `auth-load register SERVER SMTP-PORT EACH` makes accounts of each state, and `auth-load logins SERVER SMTP-PORT EACH`
//!   logs in with wrong passwords at all of them in turns, once some are blocked.
//! - `auth-load people SERVER SMTP-PORT AT-ONCE SECONDS` lets people register, wait for their mail and activate for some
//!   seconds, each trying again until the server decides. Its mail server stays until its input ends.
//! - `auth-load limits CONNECTIONS SECONDS` measures what a server is compared with: answers of a constant over HTTP,
//!   mails from a client that does nothing else, and bare scrypt with the default parameters on every processor.
//! - `auth-load scrypt SECONDS` measures OWASP's settings of scrypt.

mod client;
mod limits;
mod members;
mod people;
mod sink;

use std::{env, fs, time::Duration};

use client::{Answers, Request, send_all};
use serde_json::{Value, json};
use sink::Sink;
use tokio::time::Instant;

/// How long no mail may arrive before the rest counts as lost.
const SILENCE: Duration = Duration::from_secs(30);
/// Kernel ticks of processor time per second, on every Linux (`getconf CLK_TCK`).
const TICKS: f64 = 100.0;
const PASSWORD: &str = "correct horse battery staple";

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // The load takes one processor at most; a limit is what all of them carry.
    let mut runtime = match arguments.first() {
        Some(&"limits") => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    let runtime = runtime.enable_all().build()?;
    println!("{}", runtime.block_on(measure(&arguments))?);
    if arguments.first() == Some(&"people") {
        // The mail server stays for mails that are still owed, until whoever started this closes its input.
        runtime.block_on(tokio::io::copy(&mut tokio::io::stdin(), &mut tokio::io::sink()))?;
    }
    Ok(())
}

async fn measure(arguments: &[&str]) -> Result<Value, Failure> {
    match arguments {
        ["closed", server, smtp, connections, seconds, pids] => {
            closed(server, smtp.parse()?, connections.parse()?, within(seconds)?, pids).await
        }
        ["open", server, smtp, connections, seconds, rate] => {
            open(server, smtp.parse()?, connections.parse()?, within(seconds)?, rate.parse()?).await
        }
        ["hashing", server, smtp, connections, seconds] => {
            hashing(server, smtp.parse()?, connections.parse()?, within(seconds)?).await
        }
        ["sessions", server, smtp, connections, seconds] => {
            members::sessions(server, smtp.parse()?, connections.parse()?, within(seconds)?).await
        }
        ["register", server, smtp, each] => members::register(server, smtp.parse()?, each.parse()?).await,
        ["logins", server, _, each] => members::logins(server, each.parse()?).await,
        ["limits", connections, seconds] => limits::measure(connections.parse()?, within(seconds)?).await,
        ["scrypt", seconds] => limits::settings(within(seconds)?),
        ["people", server, smtp, at_once, seconds] => {
            people::come(server, smtp.parse()?, at_once.parse()?, within(seconds)?).await
        }
        _ => Err("none of the commands that main.rs lists, with its arguments".into()),
    }
}

fn within(seconds: &str) -> Result<Duration, Failure> {
    Ok(Duration::from_secs(seconds.parse()?))
}

async fn closed(
    server: &str,
    smtp: u16,
    connections: usize,
    duration: Duration,
    pids: &str,
) -> Result<Value, Failure> {
    let pids: Vec<&str> = pids.split(',').collect();
    let sink = Sink::listen(smtp).await?;
    let idle: Vec<f64> = pids.iter().map(|pid| processor_time(pid)).collect::<Result<_, _>>()?;

    let begun = Instant::now();
    let registered = send_all(server, connections, registrations_until(begun + duration)).await?;
    let acknowledged = begun.elapsed().as_secs_f64();
    let mails = sink.wait_for(registered.good(), SILENCE).await;
    let mailed = begun.elapsed().as_secs_f64();
    let after = processor_times(&pids, &idle)?;
    let resident: Vec<f64> = pids.iter().map(|pid| resident(pid)).collect::<Result<_, _>>()?;

    let codes = sink.codes();
    let begun = Instant::now();
    let activation = move |n: usize| {
        let (address, code) = codes.get(n)?;
        let body = json!({ "email": address, "password": PASSWORD, "code": code });
        Some(Request { path: "/v1/activate", json: Some(body.to_string()), ..Request::default() })
    };
    let activated = send_all(server, connections, activation).await?;
    let activating = begun.elapsed().as_secs_f64();

    let count = |answers: &Answers| answers.good() as f64;
    Ok(json!({
        "registered_per_second": count(&registered) / acknowledged,
        "mailed_per_second": mails as f64 / mailed,
        "mails_lost": registered.good().saturating_sub(mails),
        "activated_per_second": count(&activated) / activating,
        "register_p50_ms": registered.percentile(0.5),
        "register_p99_ms": registered.percentile(0.99),
        "activate_p99_ms": activated.percentile(0.99),
        "unexpected_answers": registered.others() + activated.others(),
        "cpu_ms_per_registration": after.iter().map(|s| s * 1e3 / count(&registered)).collect::<Vec<_>>(),
        "resident_mb": resident,
    }))
}

async fn open(
    server: &str,
    smtp: u16,
    connections: usize,
    duration: Duration,
    rate: u32,
) -> Result<Value, Failure> {
    let sink = Sink::listen(smtp).await?;
    let due = at_a_rate(rate, duration);
    let request = move |n| Some(Request { due: Some(due(n)?), ..registration(n) });
    let registered = send_all(server, connections, request).await?;
    let mails = sink.wait_for(registered.good(), SILENCE).await;
    Ok(json!({
        "open_rate": rate,
        "open_register_p50_ms": registered.percentile(0.5),
        "open_register_p99_ms": registered.percentile(0.99),
        "open_register_max_ms": registered.percentile(1.0),
        "open_unexpected_answers": registered.others(),
        "open_mails_lost": registered.good().saturating_sub(mails),
    }))
}

async fn hashing(server: &str, smtp: u16, connections: usize, duration: Duration) -> Result<Value, Failure> {
    let sink = Sink::listen(smtp).await?;
    let token = members::open(server, &sink, 1, 1).await?.pop().ok_or("no session")?;
    let before = sink.codes().len();
    let begun = Instant::now();
    let due = at_a_rate(100, duration);
    let often = move |asked: fn(&str) -> Request, token: &str| {
        let (due, token) = (due.clone(), token.to_owned());
        send_all(server, 8, move |n| Some(Request { due: Some(due(n)?), ..asked(&token) }))
    };
    let beside = async {
        tokio::try_join!(
            often(|_| Request { path: "/livez", ..Request::default() }, ""),
            often(members::session, &token),
            // A token that nobody has: refused without a hash.
            often(members::session, "auths_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        )
    };
    let registered = async {
        let answers = send_all(server, connections, registrations_until(begun + duration)).await?;
        Ok::<_, Failure>((answers, begun.elapsed().as_secs_f64()))
    };
    let (beside, registered) = tokio::join!(beside, registered);
    let ((alive, known, refused), (registered, took)) = (beside?, registered?);
    let mails = sink.wait_for(before + registered.good(), SILENCE).await;
    Ok(json!({
        "hashed_registrations_per_second": registered.good() as f64 / took,
        "hashing_livez_p50_ms": alive.percentile(0.5),
        "hashing_livez_p99_ms": alive.percentile(0.99),
        "hashing_livez_max_ms": alive.percentile(1.0),
        "hashing_session_p99_ms": known.percentile(0.99),
        "hashing_session_max_ms": known.percentile(1.0),
        "hashing_401_p99_ms": refused.percentile(0.99),
        "hashing_401_max_ms": refused.percentile(1.0),
        "hashing_unexpected_answers": registered.others() + alive.others() + known.others() + refused.good(),
        "hashing_mails_lost": registered.good().saturating_sub(mails - before),
    }))
}

/// Returns the registration of a person of one's own, at a place among all addresses that is as good as random.
fn registration(n: usize) -> Request {
    let place = (n as u32).wrapping_mul(0x9e37_79b9);
    let body = json!({ "email": format!("{place:08x}.user{n}@example.org"), "password": PASSWORD });
    Request { path: "/v1/register", json: Some(body.to_string()), ..Request::default() }
}

fn registrations_until(end: Instant) -> impl Fn(usize) -> Option<Request> + Clone + Send + 'static {
    move |n| (Instant::now() < end).then(|| registration(n))
}

/// Returns when the n-th request is due, until the duration is over.
fn at_a_rate(rate: u32, duration: Duration) -> impl Fn(usize) -> Option<Instant> + Clone + Send + 'static {
    let begun = Instant::now();
    move |n| {
        let due = Duration::from_secs_f64(n as f64 / f64::from(rate));
        (due < duration).then(|| begun + due)
    }
}

/// Returns a process's processor time in seconds.
fn processor_time(pid: &str) -> Result<f64, Failure> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, in brackets, may contain anything.
    let fields = stat.rsplit(") ").next().unwrap_or_default();
    let ticks: Vec<f64> = fields.split(' ').skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / TICKS)
}

fn processor_times(pids: &[&str], before: &[f64]) -> Result<Vec<f64>, Failure> {
    pids.iter().zip(before).map(|(pid, before)| Ok(processor_time(pid)? - before)).collect()
}

/// Returns a process's resident memory in megabytes.
fn resident(pid: &str) -> Result<f64, Failure> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes: f64 = line.and_then(|line| line.split_whitespace().next()).ok_or("no VmRSS")?.parse()?;
    Ok(kilobytes / 1024.0)
}
