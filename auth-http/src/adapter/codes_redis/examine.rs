//! Owns what an operator is told of Redis: the real error, the version, and what would lose codes.

use std::collections::HashMap;

use auth_core::CodeSlot;
use redis::{ErrorKind, RedisError, RedisResult, ServerErrorKind, aio::MultiplexedConnection};

use super::{CodesRedis, PUT, REDEEM, pool::said};
use crate::port::Finding;

const PART: &str = "codes";
/// How long what is stored to try it lives, in µs.
const TRIAL: u64 = 1_000_000;

/// What the user may have to be given.
const RIGHTS: &str = "the user needs EVALSHA, SCRIPT LOAD, SELECT, GET, SET, TYPE and TIME on the keys of \
                      AUTH_REDIS_PREFIX: `ACL SETUSER name ~prefix:* +evalsha +script|load +select +get +set \
                      +type +time +info`";

/// Looks at the server, on a connection of its own: the pool's would hide why there is none.
pub(super) async fn examine(codes: &CodesRedis) -> Vec<Finding> {
    match look(codes).await {
        Ok(findings) => findings,
        Err(error) => {
            let address = codes.pool.address();
            vec![Finding::bad(PART, format_args!("{address}: {}; {}", said(&error), advice(&error)))]
        }
    }
}

async fn look(codes: &CodesRedis) -> RedisResult<Vec<Finding>> {
    let mut redis = codes.pool.connect().await?;
    let info: RedisResult<String> = redis::cmd("INFO").query_async(&mut redis).await;
    let info = match info {
        Ok(info) => info,
        Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm) => {
            try_out(codes, &mut redis).await?;
            let text = "INFO is not permitted, so that neither version nor eviction can be told; \
                        `ACL SETUSER name +info` permits it";
            return Ok(vec![Finding::warning(PART, text)]);
        }
        Err(error) => return Err(error),
    };
    let info: HashMap<&str, &str> = info.lines().filter_map(|line| line.split_once(':')).collect();
    let field = |name: &str| info.get(name).map_or("", |value| value.trim());
    let (name, version) = match field("valkey_version") {
        "" => ("Redis", field("redis_version")),
        version => ("Valkey", version),
    };
    if version.split('.').next().and_then(|major| major.parse::<u32>().ok()).is_none_or(|major| major < 7) {
        let text = format!("{name} {version}: Redis 7 is the oldest that serves, or any Valkey");
        return Ok(vec![Finding::bad(PART, text)]);
    }
    if field("role") != "master" {
        let primary = format!("{}:{}", field("master_host"), field("master_port"));
        let text =
            format!("{name} {version} is a replica of {primary}; AUTH_REDIS_URL must name the primary");
        return Ok(vec![Finding::bad(PART, text)]);
    }
    try_out(codes, &mut redis).await?;
    let policy = field("maxmemory_policy");
    let mut findings = vec![Finding::good(
        PART,
        format_args!("{name} {version}, maxmemory-policy {policy}; a code was stored and redeemed"),
    )];
    if policy != "noeviction" {
        let text = format!(
            "maxmemory-policy {policy} drops codes, tries and limits when memory is short; set it to \
             noeviction (`CONFIG SET maxmemory-policy noeviction`, and in the server's configuration)"
        );
        findings.push(Finding::warning(PART, text));
    }
    Ok(findings)
}

/// Stores a code and redeems it, in a slot that is the hash of nothing: it shows rights, room and scripts.
async fn try_out(codes: &CodesRedis, redis: &mut MultiplexedConnection) -> RedisResult<()> {
    let slot = codes.slot_key(&CodeSlot::from_bytes([0; 32]));
    let (mail, mac) = ([0; 16], [0; 32]);
    let mut put = codes.script(&PUT, slot.clone());
    put.arg(&mail).arg(&mac).arg(TRIAL).arg(1).arg(1).arg(TRIAL);
    put.invoke_async::<String>(redis).await?;
    let mut redeem = codes.script(&REDEEM, slot);
    redeem.arg(&mac);
    redeem.invoke_async::<String>(redis).await.map(drop)
}

fn advice(error: &RedisError) -> &'static str {
    // What a script may not do is no code of its own.
    let forbidden = error.detail().is_some_and(|detail| detail.contains("ACL failure in script"));
    match error.code() {
        Some(_) if forbidden => RIGHTS,
        Some("NOAUTH" | "WRONGPASS") => "AUTH_REDIS_URL needs user and password: redis://user:password@host",
        Some("NOPERM") => RIGHTS,
        Some("OOM") => "the server has no memory left: raise its maxmemory",
        Some("MISCONF") => "the server cannot save, and so takes no writes: look at its log and disk",
        Some("LOADING") => "the server reads its data after a start: try again",
        Some("MOVED" | "CROSSSLOT" | "CLUSTERDOWN") => "Redis Cluster is not served: name a single server",
        Some(_) => "see the server's documentation of this error",
        None if error.kind() == ErrorKind::AuthenticationFailed => {
            "AUTH_REDIS_URL needs the right user and password: redis://user:password@host"
        }
        None => {
            "check AUTH_REDIS_URL, that the server runs and is reached, and for rediss:// its certificate"
        }
    }
}
