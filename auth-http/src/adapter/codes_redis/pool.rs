//! The connections to Redis: how they are made, when one is thrown away, what a failure means.
//!
//! No connection is tried before it is used: that costs half of the throughput and more. Instead the first
//! failure of a connection makes all of its age suspect, so that one request, not each of the pool, pays
//! for a server that has restarted, moved or become a replica.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bb8_redis::bb8::{self, ManageConnection, PooledConnection};
use redis::{
    AsyncConnectionConfig, Client, ErrorKind, FromRedisValue, IntoConnectionInfo, RedisError, RedisResult,
    ScriptInvocation, ServerErrorKind, TlsCertificates, aio::MultiplexedConnection, io::tcp::TcpSettings,
};
use tokio::time::timeout;

use crate::{
    adapter::authorities,
    config::RedisServer,
    deadlines,
    port::{PoolLoad, PortError, Result},
};

/// Connections of one node. A script takes well under a millisecond.
const CONNECTIONS: u32 = 16;

/// The connections.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    connections: bb8::Pool<Connector>,
    server: Connector,
}

/// What the pool makes connections with, and judges them by.
#[derive(Clone, Debug)]
struct Connector {
    client: Client,
    shared: Arc<ServerState>,
}

/// What connections have shown of the server.
#[derive(Debug, Default)]
struct ServerState {
    /// Connections of an earlier age are thrown away.
    age: AtomicU64,
    /// Why the last connection could not be made. The pool says no more than that time was up.
    refusal: Mutex<Option<String>>,
}

struct Connection {
    redis: MultiplexedConnection,
    age: u64,
    /// Whether a command was sent whose answer has not come, and may still come.
    pending: bool,
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
enum RedisFailure {
    #[error("no connection to Redis: {0}")]
    NoConnection(String),
    #[error("no connection to Redis was free in {} ms", deadlines::redis::CALL.as_millis())]
    Busy,
    #[error("Redis: {0}")]
    Redis(String),
    #[error("no answer from Redis in {} ms", deadlines::redis::CALL.as_millis())]
    Late,
}

impl Pool {
    pub(super) fn open(server: &RedisServer) -> Result<Self> {
        let client = client(server).map_err(|why| PortError::not_done("prepare Redis", why))?;
        let server = Connector { client, shared: Arc::default() };
        let connections = bb8::Pool::builder()
            .max_size(CONNECTIONS)
            .connection_timeout(deadlines::redis::CONNECTED)
            .test_on_check_out(false)
            .build_unchecked(server.clone());
        Ok(Self { connections, server })
    }

    /// Makes a connection beside the pool, which keeps its error.
    pub(super) async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        self.server.connect().await.map(|connection| connection.redis)
    }

    /// Returns how many connections are lent, and how many wait to be.
    pub(super) fn load(&self) -> PoolLoad {
        let state = self.connections.state();
        let (all, idle) = (state.connections as usize, state.idle_connections as usize);
        PoolLoad { used: all.saturating_sub(idle), idle, max: CONNECTIONS as usize }
    }

    /// Returns host and port.
    pub(super) fn address(&self) -> impl fmt::Display {
        self.server.client.get_connection_info().addr()
    }

    /// Runs a script; `NotDone` where it surely was not carried out.
    ///
    /// It is repeated once where its connection broke, on one that is younger: the server may have
    /// restarted since. Should the first attempt have been carried out after all, nothing is granted
    /// twice: a request or a try is counted once too often, and a code that is stored again gets the
    /// same lifetime and no more tries.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        operation: &'static str,
        script: &ScriptInvocation<'_>,
    ) -> Result<T> {
        let mut doubtful = false;
        let failure = match timeout(deadlines::redis::CALL, self.attempt_twice(script, &mut doubtful)).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(failure)) => failure,
            Err(_) if doubtful => RedisFailure::Late,
            Err(_) => RedisFailure::Busy,
        };
        Err(match doubtful {
            true => PortError::unknown(operation, failure),
            false => PortError::not_done(operation, failure),
        })
    }

    /// `doubtful` is set while, and after, a script may have been carried out without an answer.
    async fn attempt_twice<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
        doubtful: &mut bool,
    ) -> std::result::Result<T, RedisFailure> {
        let mut repeatable = true;
        loop {
            let mut connection = self.younger().await?;
            let before = std::mem::replace(doubtful, true);
            connection.pending = true;
            let error = match script.invoke_async(&mut connection.redis).await {
                Ok(answer) => {
                    connection.pending = false;
                    return Ok(answer);
                }
                Err(error) => error,
            };
            if is_answer(&error) {
                // Each script writes by its last command: an error says that nothing was written.
                (connection.pending, *doubtful) = (false, before);
            }
            if !is_suspicious(&error) {
                return Err(RedisFailure::Redis(said(&error)));
            }
            self.server.suspect(connection.age);
            if error.is_timeout() || !std::mem::take(&mut repeatable) {
                return Err(RedisFailure::Redis(said(&error)));
            }
        }
    }

    /// Takes a connection of this age; older ones are dropped on the way. Where none could be made the
    /// cause is returned at once; where all are in use, one is waited for as long as the call may take.
    async fn younger(&self) -> std::result::Result<PooledConnection<'_, Connector>, RedisFailure> {
        loop {
            match self.connections.get().await {
                Ok(connection) if self.server.is_old(&connection) => {}
                Ok(connection) => return Ok(connection),
                Err(bb8::RunError::User(error)) => return Err(RedisFailure::NoConnection(said(&error))),
                Err(bb8::RunError::TimedOut) => {
                    if let Some(refusal) = self.server.refusal().clone() {
                        return Err(RedisFailure::NoConnection(refusal));
                    }
                }
            }
        }
    }
}

impl Connector {
    fn is_old(&self, connection: &Connection) -> bool {
        connection.age < self.shared.age.load(Ordering::SeqCst)
    }

    /// Ends an age, unless somebody else has.
    fn suspect(&self, age: u64) {
        let _ = self.shared.age.compare_exchange(age, age + 1, Ordering::SeqCst, Ordering::SeqCst);
    }

    fn refusal(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        // A panic while it is held leaves no half-made value: every change is one assignment.
        self.shared.refusal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ManageConnection for Connector {
    type Connection = Connection;
    type Error = RedisError;

    async fn connect(&self) -> RedisResult<Connection> {
        // Read before: a connection that was being made while one broke may lead to the same dead end.
        let age = self.shared.age.load(Ordering::SeqCst);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(deadlines::redis::CONNECT))
            .set_response_timeout(Some(deadlines::redis::COMMAND));
        let made = self.client.get_multiplexed_async_connection_with_config(&config).await;
        *self.refusal() = made.as_ref().err().map(said);
        Ok(Connection { redis: made?, age, pending: false })
    }

    async fn is_valid(&self, _: &mut Connection) -> RedisResult<()> {
        Ok(())
    }

    /// A connection whose call was given up is thrown away: the next call would wait behind the
    /// answer that has not come.
    fn has_broken(&self, connection: &mut Connection) -> bool {
        connection.pending || self.is_old(connection)
    }
}

/// Returns whether the server has said so itself.
fn is_answer(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension)
}

/// Returns whether an error speaks against the other connections too: broken ones, those that nothing
/// comes out of, and those to what has become a replica while its name leads elsewhere.
fn is_suspicious(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_unrecoverable_error()
        || error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
}

/// Returns an error's text; the server's own words where it has said something.
pub(super) fn said(error: &RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        _ => error.to_string(),
    }
}

fn client(server: &RedisServer) -> std::result::Result<Client, String> {
    let info = server.url.expose().as_str().into_connection_info().map_err(|error| said(&error))?;
    // Without it a command waits for the acknowledgement of the one before, 40 ms.
    let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
    // CLIENT SETINFO would be one more right to give, and tells nothing that serving needs.
    let redis = info.redis_settings().clone().set_skip_set_lib_name();
    let info = info.set_redis_settings(redis);
    match &server.ssl_ca {
        None => Client::open(info),
        Some(file) => {
            let (pem, _) = authorities::read(file).map_err(|why| format!("ssl-ca={why}"))?;
            let certificates = TlsCertificates { client_tls: None, root_cert: Some(pem) };
            Client::build_with_tls(info, certificates)
        }
    }
    .map_err(|error| said(&error))
}
