//! What a server is compared with: parts that do one thing alone, on all processors.

use std::{net::Ipv4Addr, thread, time::Duration};

use scrypt::{Params, scrypt};
use serde_json::{Value, json};
use tokio::{
    io::{self, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    time::Instant,
};

use crate::{
    Failure,
    client::{is_whole, send_all},
    registrations_until,
    sink::Sink,
};

/// As many mails at once as the server that is measured sends.
const MAIL_CONNECTIONS: usize = 32;
/// As long as the mail with a code is in English.
const MAIL_LINES: usize = 20;

pub(crate) async fn measure(connections: usize, duration: Duration) -> Result<Value, Failure> {
    Ok(json!({
        "bare_answers_per_second": answers(connections, duration).await?,
        "bare_mails_per_second": mails(duration).await?,
        "bare_hashes_per_second": hashes(SETTINGS[0], processors()?, duration)?,
    }))
}

/// The load on a server that answers a constant.
async fn answers(connections: usize, duration: Duration) -> Result<f64, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let server = listener.local_addr()?.to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // The load closes its connections when it is done.
            tokio::spawn(async move { drop(answer(stream).await) });
        }
    });
    let begun = Instant::now();
    let answers = send_all(&server, connections, registrations_until(begun + duration)).await?;
    Ok(answers.good() as f64 / begun.elapsed().as_secs_f64())
}

async fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut read = Vec::new();
    while stream.read_buf(&mut read).await? > 0 {
        if is_whole(&read) {
            read.clear();
            stream.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}").await?;
        }
    }
    Ok(())
}

/// A client that sends the same mail again and again, its envelope at once.
async fn mails(duration: Duration) -> Result<f64, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let port = listener.local_addr()?.port();
    let sink = Sink::on(listener);
    let begun = Instant::now();
    let clients: Vec<_> = (0..MAIL_CONNECTIONS).map(|_| tokio::spawn(send(port, begun + duration))).collect();
    for client in clients {
        client.await??;
    }
    Ok(sink.codes().len() as f64 / begun.elapsed().as_secs_f64())
}

async fn send(port: u16, until: Instant) -> io::Result<()> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.set_nodelay(true)?;
    let (read, mut write) = stream.into_split();
    let mut replies = BufReader::new(read).lines();
    replies.next_line().await?;
    let mail = "A line of the mail, as long as its lines are.\r\n".repeat(MAIL_LINES) + ".\r\n";
    while Instant::now() < until {
        for (said, answers) in
            [("RSET\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n", 4), (&mail, 1)]
        {
            write.write_all(said.as_bytes()).await?;
            for _ in 0..answers {
                replies.next_line().await?;
            }
        }
    }
    Ok(())
}

/// OWASP's equivalent settings of scrypt, by log2 of N, r and p (Password Storage Cheat Sheet), the default first.
const SETTINGS: [(u8, u32, u32); 5] = [(17, 8, 1), (16, 8, 2), (15, 8, 3), (14, 8, 5), (13, 8, 10)];

/// Measures each of OWASP's settings: one hash alone, and a thread for each processor.
pub(crate) fn settings(duration: Duration) -> Result<Value, Failure> {
    let mut measured = serde_json::Map::new();
    for setting @ (log_n, r, p) in SETTINGS {
        let alone = hashes(setting, 1, duration)?;
        let all = hashes(setting, processors()?, duration)?;
        measured.insert(format!("scrypt {log_n},{r},{p} alone ms"), json!(1e3 / alone));
        measured.insert(format!("scrypt {log_n},{r},{p} on all processors per second"), json!(all));
    }
    Ok(measured.into())
}

fn processors() -> io::Result<usize> {
    Ok(thread::available_parallelism()?.get())
}

/// Returns how many hashes so many threads make per second.
fn hashes((log_n, r, p): (u8, u32, u32), threads: usize, duration: Duration) -> Result<f64, Failure> {
    let params = Params::new(log_n, r, p)?;
    let begun = Instant::now();
    let workers: Vec<_> = (0..threads)
        .map(|_| {
            thread::spawn(move || {
                let (mut hashes, mut hash) = (0_u32, [0; 32]);
                while begun.elapsed() < duration {
                    scrypt(crate::PASSWORD.as_bytes(), b"sixteen octets..", &params, &mut hash)?;
                    hashes += 1;
                }
                // The last one of a thread ends after the time, so each has a rate of its own.
                Ok::<_, scrypt::errors::InvalidOutputLen>(f64::from(hashes) / begun.elapsed().as_secs_f64())
            })
        })
        .collect();
    workers.into_iter().map(|worker| Ok(worker.join().map_err(|_| "a thread panicked")??)).sum()
}
