//! Values as stores keep them: every later version reads what an earlier one wrote.

use auth_core::{BadStored, LeaseToken, QueuedMail, Row, Session, Slot, Stored, TokenBucket};

use crate::{
    deliver,
    fixture::{active, at, attempt, key, owed, pending, rate, seconds},
    script::Step,
};

/// Returns one of each type that format 1 had, with every field set.
fn values() -> [(&'static str, Vec<u8>); 5] {
    let mut mail = QueuedMail::new(key(), owed(crate::fixture::mail_id(9), &attempt(1), at(-5)));
    mail.lease(LeaseToken::from_bytes([5; 16]), seconds(60), at(0)).expect("it is due");
    let mut slot = Slot::default();
    for step in &deliver::scripts()[0].steps {
        if let Step::PutCode(order, _) = step {
            slot.put(order, at(0));
        }
    }
    let mut bucket = TokenBucket::default();
    bucket.admit(rate(), at(0));
    let bytes = |value: auth_core::Secret<Vec<u8>>| value.expose().clone();
    [
        ("pending", bytes(pending(attempt(1), at(-30), 60).to_bytes())),
        ("active", bytes(active(300).to_bytes())),
        ("mail", bytes(mail.to_bytes())),
        ("slot", bytes(slot.to_bytes())),
        ("bucket", bytes(bucket.to_bytes())),
    ]
}

/// Reads a value back and writes it again.
fn again(name: &str, bytes: &[u8]) -> Result<Vec<u8>, BadStored> {
    let written = match name {
        "pending" | "active" => Row::from_bytes(bytes)?.to_bytes(),
        "mail" => QueuedMail::from_bytes(bytes)?.to_bytes(),
        "session" => Session::from_bytes(bytes)?.to_bytes(),
        "slot" => Slot::from_bytes(bytes)?.to_bytes(),
        _ => TokenBucket::from_bytes(bytes)?.to_bytes(),
    };
    Ok(written.expose().clone())
}

/// Compares what a file of an earlier or this format holds with the values of today. `AUTH_CORE_WRITE_SCRIPTS=1`
/// writes the file if it is missing; it is never changed.
fn is_read(file: &str, values: &[(&str, Vec<u8>)]) {
    let path = format!("{}/tests/stored/{file}.txt", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("AUTH_CORE_WRITE_SCRIPTS").is_some() && !std::path::Path::new(&path).exists() {
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let lines = values.iter().map(|(name, bytes)| format!("{name} {}\n", hex(bytes))).collect::<String>();
        std::fs::write(&path, lines).expect("the file can be written");
    }
    let text = std::fs::read_to_string(path).expect("the file exists");
    let mut lines = text.lines();
    for (name, now) in values {
        let (written_name, hex) =
            lines.next().and_then(|line| line.split_once(' ')).expect("a name and bytes");
        let byte = |two| u8::from_str_radix(std::str::from_utf8(two).expect("ASCII"), 16).expect("hex");
        let written: Vec<u8> = hex.as_bytes().chunks(2).map(byte).collect();
        assert_eq!(written_name, *name);
        assert_eq!(again(name, &written).as_ref(), Ok(now), "{name}");
    }
    assert_eq!(lines.next(), None);
}

/// Rows had no id, no block and no change of address, mails no recipient: an active account's id is its generation.
#[test]
fn what_format_1_wrote_is_read() {
    is_read("1", &values());
}

#[test]
fn what_format_2_wrote_is_read() {
    is_read("2", &values());
}

fn session() -> (&'static str, Vec<u8>) {
    ("session", crate::passwords::session(at(-60)).to_bytes().expose().clone())
}

#[test]
fn what_the_first_format_of_sessions_wrote_is_read() {
    is_read("session-1", &[session()]);
}

#[test]
fn other_types_other_formats_and_damage_are_refused() {
    let all = || values().into_iter().chain([session()]);
    for (name, bytes) in all() {
        for (other, _) in all() {
            let same = [name, other].iter().all(|name| ["pending", "active"].contains(name)) || name == other;
            assert_eq!(again(other, &bytes).is_ok(), same, "{name} as {other}");
        }
        for end in 0..bytes.len() {
            assert_eq!(again(name, &bytes[..end]), Err(BadStored), "{name}, {end} bytes");
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(again(name, &longer), Err(BadStored), "{name} and one byte");
        let later = [&[3], &bytes[1..]].concat();
        assert_eq!(again(name, &later), Err(BadStored), "{name} of format 3");
    }
}
