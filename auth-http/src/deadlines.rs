//! Every deadline of the server in one place, with the relations between them checked when it is compiled.
//!
//! Most relations follow from one rule: who is called gives up before the caller does. The real cause is then
//! logged, and it is known whether anything was written. Settings have their defaults in `config/keys.rs`.

use std::time::Duration;

use auth_core::Rules;

/// How long a request's head may take to arrive, from its first byte.
pub(crate) const HEAD: Duration = seconds(10);
/// How long a request's body may take to arrive.
pub(crate) const BODY: Duration = seconds(10);
/// How long a request may be worked on, so that its answer leaves within ten seconds.
pub(crate) const REQUEST: Duration = seconds(9);
/// How long a caller waits for one call of a port, hashes and mails apart.
pub(crate) const EFFECT: Duration = seconds(3);
/// How long a hash may take, its time in the queue included.
pub(crate) const HASH: Duration = seconds(8);
/// How long a client may take no byte of its answer.
pub(crate) const WRITE: Duration = seconds(10);

const _: () =
    assert!(REQUEST.as_secs() < 10, "clients and proxies are promised an answer within ten seconds");
const _: () = assert!(shorter(HASH, REQUEST), "what is hashed is then committed");
const _: () = assert!(shorter(EFFECT, REQUEST), "an effect that fails leaves time for the answer");

/// How long the rest of a head that was refused may take; its origin is looked for there.
pub(crate) const REFUSED_HEAD: Duration = seconds(1);
/// How long a client may send on once its last answer was written.
pub(crate) const LINGER: Duration = seconds(10);
/// How long such a client may send nothing.
pub(crate) const LINGER_SILENCE: Duration = seconds(2);

const _: () = assert!(shorter(LINGER_SILENCE, LINGER), "or silence would end nothing");

/// How long one part may take to show that it is ready, or to be measured for `/metrics`.
pub(crate) const PROBE: Duration = seconds(2);
/// How long `healthcheck` waits for `/readyz`. The HEALTHCHECK of the Dockerfile waits a second longer.
pub(crate) const HEALTHCHECK: Duration = seconds(5);

const _: () =
    assert!(shorter(sum(&[PROBE, PROBE]), HEALTHCHECK), "a server that is not ready can say which part");

/// How long a lease of a mail lasts without its worker.
pub(crate) const LEASE: Duration = seconds(6);
/// How long after a lease was taken or renewed it is renewed.
pub(crate) const RENEWAL: Duration = seconds(2);

const _: () =
    assert!(shorter(sum(&[RENEWAL, EFFECT]), LEASE), "the slowest renewal comes before the lease ends");

/// How long mails under way may take to be sent once the end has come.
pub(crate) const LAST_MAILS: Duration = seconds(3);
/// How long the outcome of mails that were given up may take to be written.
pub(crate) const LAST_SETTLEMENTS: Duration = seconds(1);
/// How long an answer may take to be written once the end has come.
pub(crate) const LAST_ANSWER: Duration = milliseconds(500);
/// How long requests and mails under way may take together once the end has come.
pub(crate) const SHUTDOWN: Duration = seconds(8);
/// How long writes that were begun, and the database's end, may take after that.
pub(crate) const LAST_WRITES: Duration = seconds(1);
/// How long the last traces may take after that.
pub(crate) const LAST_TRACES: Duration = milliseconds(500);

const _: () = assert!(
    shorter(sum(&[LAST_MAILS, LAST_SETTLEMENTS, EFFECT]), SHUTDOWN),
    "leases are given back, though one of them takes long"
);
const _: () = assert!(
    shorter(sum(&[SHUTDOWN, LAST_WRITES, LAST_TRACES]), seconds(10)),
    "docker stop kills after ten seconds"
);

/// How long a database that is away is tried at the start.
pub(crate) const DATABASE_AT_START: Duration = seconds(10);
/// How long a collector of traces may take to answer.
pub(crate) const COLLECTOR: Duration = seconds(10);

/// SQLite.
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite {
    use super::{Duration, EFFECT, milliseconds, seconds, shorter};

    /// How long a call may take before it writes, its time in queues included.
    pub(crate) const CALL: Duration = milliseconds(2500);
    /// How long a writer waits for one of another process. SQLite has one writer at a time.
    pub(crate) const LOCK: Duration = seconds(2);

    const _: () = assert!(shorter(CALL, EFFECT), "callers are told that nothing was done");
    const _: () = assert!(shorter(LOCK, CALL), "a call that another process holds up is told why");
}

/// MySQL and MariaDB.
#[cfg(feature = "mysql")]
pub(crate) mod mysql {
    use super::{Duration, EFFECT, milliseconds, seconds, shorter, sum};

    /// How long connecting may take, whether or not anybody waits for it.
    pub(crate) const CONNECT: Duration = seconds(3);
    /// How long a call waits for its connection to be made.
    pub(crate) const CONNECTED: Duration = milliseconds(1500);
    /// How long a call may take before its commit.
    pub(crate) const CALL: Duration = milliseconds(1800);
    /// How long a commit may take.
    pub(crate) const COMMIT: Duration = milliseconds(700);
    /// How long a connection that was not used for long may take to show that it works, or to close.
    pub(crate) const PING: Duration = milliseconds(500);
    /// How long a call waits for a lock; the session is told.
    pub(crate) const LOCK: Duration = seconds(1);
    /// How long a connection is kept without being used.
    pub(crate) const UNUSED: Duration = seconds(30);
    /// How long the server keeps one that is not used; the session is told.
    pub(crate) const UNUSED_AT_THE_SERVER: Duration = seconds(60);
    /// How long migrations may take, of which another node's may take the first minute.
    pub(crate) const MIGRATION: Duration = seconds(600);
    /// How long `check` may take.
    pub(crate) const EXAMINATION: Duration = seconds(5);
    /// How long an operator's command may take, over an outbox of any size.
    pub(crate) const OPERATOR: Duration = seconds(60);

    const _: () = assert!(shorter(sum(&[CALL, COMMIT]), EFFECT), "a call ends with its real error");
    const _: () = assert!(shorter(CONNECTED, CALL), "a call that gets no connection says why");
    const _: () = assert!(shorter(PING, CONNECTED), "a connection that is dead leaves time for a new one");
    const _: () = assert!(shorter(LOCK, CALL), "a call that gets no lock ends with nothing done");
    const _: () = assert!(shorter(UNUSED, UNUSED_AT_THE_SERVER), "the server closes none that we would use");
}

/// Redis and Valkey.
pub(crate) mod redis {
    use super::{Duration, EFFECT, milliseconds, seconds, shorter, sum};

    /// How long a call waits for a connection before it looks why there is none.
    pub(crate) const CONNECTED: Duration = milliseconds(300);
    /// How long connecting may take. Longer than a call waits: TLS to a far server gets through for the next call.
    pub(crate) const CONNECT: Duration = seconds(1);
    /// How long a command may take.
    pub(crate) const COMMAND: Duration = milliseconds(500);
    /// How long a call may take, all attempts included.
    pub(crate) const CALL: Duration = seconds(1);

    const _: () = assert!(shorter(CALL, EFFECT), "a call ends with its real error");
    const _: () =
        assert!(shorter(sum(&[CONNECTED, COMMAND]), CALL), "a command that gets no answer is told apart");
    const _: () = assert!(shorter(CONNECTED, CONNECT), "what takes long is for the next call");
}

/// SMTP.
pub(crate) mod smtp {
    use super::{Duration, Rules, seconds, shorter, sum};

    /// How long each phase may take.
    pub(crate) const PHASE: Duration = seconds(30);
    /// How long all phases before the final dot may take together.
    pub(crate) const BEFORE_END: Duration = seconds(55);
    /// How long the reply to the final dot may take (RFC 5321 section 4.5.3.2.6). Less turns a slow server into mails
    /// that arrive twice.
    pub(crate) const LAST_REPLY: Duration = seconds(600);
    /// How long a connection waits for its next mail.
    pub(crate) const IDLE: Duration = seconds(20);
    /// How long such a connection may take to show that it works.
    pub(crate) const RESET: Duration = seconds(5);
    /// How long a connection is silent before the other machine is asked whether it is there.
    pub(crate) const SILENCE: Duration = seconds(30);

    const _: () = assert!(
        shorter(sum(&[BEFORE_END, LAST_REPLY]), Rules::SEND_DEADLINE),
        "what is cut off before the final dot is surely not accepted, what the driver cuts off may be"
    );
    const _: () = assert!(shorter(PHASE, BEFORE_END), "one slow phase is allowed");
    const _: () = assert!(shorter(RESET, PHASE), "a new connection is made instead");
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn milliseconds(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

const fn shorter(one: Duration, other: Duration) -> bool {
    one.as_nanos() < other.as_nanos()
}

const fn sum(durations: &[Duration]) -> Duration {
    match durations {
        [] => Duration::ZERO,
        [first, rest @ ..] => first.saturating_add(sum(rest)),
    }
}
