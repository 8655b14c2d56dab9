//! The command `account import`: accounts of another program, an object in JSON a line.
//!
//! It can be stopped and repeated: an address that has an account already keeps it.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, BufRead, BufReader, IsTerminal, Read, Write},
    path::Path,
    sync::Arc,
};

use auth_core::{Address, AddressKey, Event, Import, Locale, Time};
use serde::Deserialize;
use serde_json::json;
use tokio::{
    task::{JoinError, JoinSet},
    time::{Instant, sleep},
};

use super::{CommandError, account::Operator, foreign_hash, print};
use crate::{config::Settings, rfc3339};

/// The longest line, in bytes: an address and a hash have less than a kibibyte.
const LONGEST: u64 = 8192;
/// Accounts that are imported at once.
const AT_ONCE: usize = 16;
/// Faults in a row that are an outage.
const OUTAGE: u64 = 32;

/// A line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    email: String,
    password_hash: String,
    #[serde(default)]
    verified: Verified,
    #[serde(default)]
    since: Option<String>,
    #[serde(default)]
    language: Option<String>,
}

/// Whether an address has been proven: true or false, as databases without truth values write them, too.
#[derive(Default, Deserialize)]
#[serde(try_from = "serde_json::Value")]
struct Verified(bool);

impl TryFrom<serde_json::Value> for Verified {
    type Error = &'static str;

    fn try_from(value: serde_json::Value) -> Result<Self, Self::Error> {
        match (value.as_bool(), value.as_u64()) {
            (Some(verified), _) => Ok(Self(verified)),
            (None, Some(number @ (0 | 1))) => Ok(Self(number == 1)),
            (None, _) if value.is_null() => Ok(Self(false)),
            (None, _) => Err("neither true nor false"),
        }
    }
}

/// What became of the lines so far, and how far it has come.
#[derive(Default)]
struct Count {
    imported: u64,
    kept: u64,
    refused: u64,
    /// Faults in a row.
    faults: u64,
    on_terminal: bool,
    size: Option<u64>,
    read: u64,
}

/// Imports a file, or standard input where it is `-`.
pub(super) async fn run(
    settings: Settings,
    file: &Path,
    dry_run: bool,
    as_json: bool,
) -> Result<(), CommandError> {
    let (input, size) = open(file)?;
    let operator = Arc::new(Operator::open(settings).await?);
    let done = import(&operator, input, size, dry_run).await;
    operator.close().await;
    let Count { imported, kept, refused, .. } = done?;
    let lines = imported + kept + refused;
    if as_json {
        print(
            &json!({ "lines": lines, "imported": imported, "kept": kept, "refused": refused }).to_string(),
        )?;
    } else {
        let would = if dry_run { "would be imported" } else { "imported" };
        print(&format!(
            "{lines} lines: {imported} {would}, {kept} have an account already, {refused} refused"
        ))?;
    }
    if refused > 0 {
        return Err(CommandError::Refused(format!("{refused} lines were refused; see above")));
    }
    Ok(())
}

fn open(file: &Path) -> Result<(Box<dyn BufRead + Send>, Option<u64>), CommandError> {
    if file == Path::new("-") {
        return Ok((Box::new(BufReader::new(io::stdin())), None));
    }
    let opened = File::open(file).and_then(|opened| Ok((opened.metadata()?.len(), opened)));
    let (size, opened) = opened.map_err(|error| {
        CommandError::Refused(format!(
            "{}: {error}; name a file with an account a line, or -",
            file.display()
        ))
    })?;
    Ok((Box::new(BufReader::new(opened)), Some(size)))
}

async fn import(
    operator: &Arc<Operator>,
    mut input: Box<dyn BufRead + Send>,
    size: Option<u64>,
    dry_run: bool,
) -> Result<Count, CommandError> {
    let (mut count, mut number) = (Count::new(size), 0);
    let (mut tasks, mut under_way) = (JoinSet::new(), HashSet::new());
    let mut begun = Instant::now();
    while let Some(line) = read(&mut input)? {
        number += 1;
        count.progress(line.len(), number);
        let flow = match parse(&line) {
            Ok(None) => continue,
            Ok(Some(flow)) => flow,
            Err(why) => {
                count.refuse(number, &why);
                continue;
            }
        };
        let key = flow.address.key().clone();
        // Of two lines with one address the first one counts.
        while under_way.contains(&key) {
            count.ended(tasks.join_next().await, &mut under_way)?;
        }
        if tasks.len() >= AT_ONCE {
            while !tasks.is_empty() {
                count.ended(tasks.join_next().await, &mut under_way)?;
            }
            // SQLite has one writer: half of the time is for a server beside it, whose visitors wait.
            if !dry_run {
                sleep(begun.elapsed()).await;
            }
            begun = Instant::now();
        }
        under_way.insert(key.clone());
        let operator = Arc::clone(operator);
        tasks.spawn(async move { (number, key, take_in(&operator, flow, dry_run).await) });
    }
    while !tasks.is_empty() {
        count.ended(tasks.join_next().await, &mut under_way)?;
    }
    count.clear();
    Ok(count)
}

async fn take_in(operator: &Operator, flow: Import, dry_run: bool) -> Result<Event, CommandError> {
    if dry_run {
        // It would be written.
        return Ok(operator.rehearse(flow).await?.unwrap_or(Event::Imported));
    }
    let key = flow.address.key().clone();
    operator.run(&key, flow).await
}

type Ended = (u64, AddressKey, Result<Event, CommandError>);

impl Count {
    fn new(size: Option<u64>) -> Self {
        Self { on_terminal: io::stderr().is_terminal(), size, ..Self::default() }
    }

    /// Takes the end of a line in. A fault is a refusal of its line; many in a row are an outage, and end the command.
    fn ended(
        &mut self,
        ended: Option<Result<Ended, JoinError>>,
        under_way: &mut HashSet<AddressKey>,
    ) -> Result<(), CommandError> {
        let Some(ended) = ended else { return Ok(()) };
        let (number, key, ended) =
            ended.map_err(|_| CommandError::Refused("a line ended in the middle; do it again".to_owned()))?;
        under_way.remove(&key);
        match ended {
            Err(fault) => {
                self.faults += 1;
                self.refuse(number, &fault.to_string());
                if self.faults >= OUTAGE {
                    return Err(CommandError::Refused(format!(
                        "the database fails again and again: {} lines are imported, and doing it again does the rest",
                        self.imported
                    )));
                }
                return Ok(());
            }
            Ok(Event::Imported) => self.imported += 1,
            Ok(Event::AlreadyActive | Event::NotActivated) => self.kept += 1,
            Ok(event) => self.refuse(number, why(event)),
        }
        self.faults = 0;
        Ok(())
    }

    fn refuse(&mut self, number: u64, why: &str) {
        self.refused += 1;
        self.clear();
        tell(&format!("line {number}: {why}\n"));
    }

    /// Shows on a terminal how far it has come.
    fn progress(&mut self, bytes: usize, number: u64) {
        self.read += bytes as u64;
        if !self.on_terminal || !number.is_multiple_of(100) {
            return;
        }
        match self.size.and_then(|size| (self.read * 100).checked_div(size)) {
            Some(percent) => {
                let full = usize::try_from(percent / 5).unwrap_or_default().min(20);
                tell(&format!("\r[{:<20}] {percent:>3} %, {number} lines", "#".repeat(full)));
            }
            None => tell(&format!("\r{number} lines")),
        }
    }

    fn clear(&self) {
        if self.on_terminal {
            tell(&format!("\r{:<60}\r", ""));
        }
    }
}

/// Where standard error is closed, nobody listens; the accounts are imported all the same.
fn tell(text: &str) {
    let mut err = io::stderr();
    let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}

fn why(event: Event) -> &'static str {
    if event == Event::Contended {
        "others change the address at the same time; import it again"
    } else {
        "its hash cannot be verified here"
    }
}

/// Reads a line; `None` at the end.
fn read(input: &mut impl BufRead) -> Result<Option<Vec<u8>>, CommandError> {
    let mut line = Vec::new();
    let unread = |error: io::Error| CommandError::Refused(format!("the input cannot be read: {error}"));
    let read = input.take(LONGEST + 1).read_until(b'\n', &mut line).map_err(unread)?;
    if line.len() as u64 > LONGEST && !line.ends_with(b"\n") {
        // Threat: a file without line ends that takes all memory.
        let mut rest = Vec::new();
        while !rest.ends_with(b"\n") {
            rest.clear();
            if input.take(LONGEST).read_until(b'\n', &mut rest).map_err(unread)? == 0 {
                break;
            }
        }
    }
    Ok((read > 0).then_some(line))
}

/// Reads an account; `None` for an empty line. The reason of a refusal repeats nothing of the line: a log may keep it.
fn parse(line: &[u8]) -> Result<Option<Import>, String> {
    if line.len() as u64 > LONGEST {
        return Err(format!("it has more than {LONGEST} bytes"));
    }
    if line.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let line: Line = serde_json::from_slice(line).map_err(|error| {
        format!(
            "it is not an object with email and password_hash, perhaps verified (true or false, 1 or 0), since and language: \
             column {}",
            error.column()
        )
    })?;
    let address = Address::parse(&line.email).map_err(|error| error.message().to_owned())?;
    let password = foreign_hash::parse(&line.password_hash)?;
    let since = line.since.map(|since| time(&since)).transpose()?;
    let locale = Locale::parse(line.language.as_deref().unwrap_or("en"))
        .map_err(|_| "language must be a language tag, fr for example".to_owned())?;
    Ok(Some(Import { address, locale, password, verified: line.verified.0, since }))
}

fn time(text: &str) -> Result<Time, String> {
    rfc3339::parse(text).ok_or_else(|| {
        "since must be a time in RFC 3339 after 1970, 2024-05-01T12:00:00Z for example".to_owned()
    })
}
