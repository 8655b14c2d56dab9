//! `auth-load SERVER SMTP-PORT CONNECTIONS SECONDS PIDS`: registers new addresses for some seconds over kept
//! connections, each asking again as soon as it is answered (a closed loop), waits for the last mail, activates all
//! of them in the same way, and prints what it measured as one line of JSON.
//!
//! PIDS are processes whose processor time is read before and after, separated by commas.

mod client;
mod sink;

use std::{
    env, fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use client::{Answers, Connection};
use serde_json::json;
use sink::Sink;
use tokio::time::Instant;

/// How long no mail may arrive before the rest counts as lost.
const SILENCE: Duration = Duration::from_secs(30);
/// Kernel ticks of processor time per second, on every Linux (`getconf CLK_TCK`).
const TICKS: f64 = 100.0;
const PASSWORD: &str = "correct horse battery staple";

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [server, smtp, connections, seconds, pids] = &arguments[..] else {
        return Err("SERVER SMTP-PORT CONNECTIONS SECONDS PIDS".into());
    };
    let (connections, seconds): (usize, u64) = (connections.parse()?, seconds.parse()?);
    let pids: Vec<&str> = pids.split(',').collect();
    let sink = Sink::listen(smtp.parse()?).await?;
    let idle: Vec<f64> = pids.iter().map(|pid| processor_time(pid)).collect::<Result<_, _>>()?;

    let begun = Instant::now();
    let until = begun + Duration::from_secs(seconds);
    let next = Arc::new(AtomicUsize::new(0));
    let request = move |n: usize| {
        let body = json!({ "email": address(n), "password": PASSWORD }).to_string();
        (Instant::now() < until).then_some(("/v1/register", body))
    };
    let registered = in_a_loop(server, connections, &next, request).await?;
    let acknowledged = begun.elapsed().as_secs_f64();
    let mails = sink.wait_for(registered.good(), SILENCE).await;
    let mailed = begun.elapsed().as_secs_f64();
    let after = processor_times(&pids, &idle)?;
    let resident: Vec<f64> = pids.iter().map(|pid| resident(pid)).collect::<Result<_, _>>()?;

    let codes = sink.codes();
    let begun = Instant::now();
    let next = Arc::new(AtomicUsize::new(0));
    let request = move |n: usize| {
        let (address, code) = codes.get(n)?;
        Some(("/v1/activate", json!({ "email": address, "password": PASSWORD, "code": code }).to_string()))
    };
    let activated = in_a_loop(server, connections, &next, request).await?;
    let activating = begun.elapsed().as_secs_f64();

    let count = |answers: &Answers| answers.good() as f64;
    println!(
        "{}",
        json!({
            "registered_per_second": count(&registered) / acknowledged,
            "mailed_per_second": mails as f64 / mailed,
            "mails_lost": registered.good() - mails,
            "activated_per_second": count(&activated) / activating,
            "register_p50_ms": registered.percentile(0.5),
            "register_p99_ms": registered.percentile(0.99),
            "activate_p99_ms": activated.percentile(0.99),
            "unexpected_answers": registered.others() + activated.others(),
            "cpu_ms_per_registration": after.iter().map(|s| s * 1e3 / count(&registered)).collect::<Vec<_>>(),
            "resident_mb": resident,
        })
    );
    Ok(())
}

fn address(n: usize) -> String {
    format!("user{n}@example.org")
}

/// Keeps every connection busy until there is no further request.
async fn in_a_loop(
    server: &str,
    connections: usize,
    next: &Arc<AtomicUsize>,
    request: impl Fn(usize) -> Option<(&'static str, String)> + Clone + Send + 'static,
) -> Result<Answers, Failure> {
    let mut tasks = Vec::new();
    for _ in 0..connections {
        let mut connection = Connection::open(server).await?;
        let (next, request) = (Arc::clone(next), request.clone());
        tasks.push(tokio::spawn(async move {
            let mut answers = Answers::default();
            while let Some((path, body)) = request(next.fetch_add(1, Ordering::Relaxed)) {
                connection.post(path, &body, &mut answers).await?;
            }
            Ok::<_, Failure>(answers)
        }));
    }
    let mut all = Answers::default();
    for task in tasks {
        all.merge(task.await??);
    }
    Ok(all)
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
