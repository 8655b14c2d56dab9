//! What `check` says of Redis: the real error, the version, each command that serving needs and is not
//! there, and what would lose codes.

use std::collections::HashMap;

use auth_core::CodeSlot;
use redis::{Cmd, ErrorKind, RedisError, RedisResult, Script, aio::MultiplexedConnection};

use super::{CodesRedis, PUT, REDEEM, pool::said};
use crate::{
    adapter::authorities,
    port::{Condition, Finding},
};

const PART: &str = "codes";
/// How long what is stored to try it lives, in µs.
const TRIAL: u64 = 1_000_000;

/// The commands that `serve` uses, besides AUTH and SELECT while it connects: those that run scripts, and those
/// that scripts call.
const COMMANDS: [&str; 6] = ["SCRIPT LOAD", "EVALSHA", "TIME", "TYPE", "GET", "SET"];

/// Examines the server, on a connection of its own: the pool's would hide why there is none.
pub(super) async fn examine(codes: &CodesRedis) -> Vec<Finding> {
    match look(codes).await {
        Ok(findings) => findings,
        Err(error) => {
            let address = codes.pool.address();
            vec![Finding::bad(
                PART,
                format_args!("{address}: {}; {}", said(&error), advice(&error, &codes.prefix)),
            )]
        }
    }
}

async fn look(codes: &CodesRedis) -> RedisResult<Vec<Finding>> {
    let mut redis = codes.pool.connect().await?;
    let info: RedisResult<String> = redis::cmd("INFO").query_async(&mut redis).await;
    let mut findings = match &info {
        Ok(info) => told(info),
        // It was renamed, or is not permitted: serving needs it not.
        Err(error) if error.code().is_some() => vec![Finding::warning(
            PART,
            format_args!(
                "INFO is not answered ({}), so that neither version, role nor eviction can be told; `ACL SETUSER \
                 NAME +info` permits it",
                said(error)
            ),
        )],
        Err(_) => return info.map(|_| Vec::new()),
    };
    if findings.iter().any(|finding| finding.condition == Condition::Bad) {
        return Ok(findings);
    }
    let refused = refused_commands(codes, &mut redis).await?;
    if !refused.is_empty() {
        let text =
            format!("no permission for, or no command: {}; {}", refused.join(", "), rights(&codes.prefix));
        return Ok(vec![Finding::bad(PART, text)]);
    }
    try_out(codes, &mut redis).await?;
    if let Some(Finding { text, .. }) = findings.first_mut() {
        text.push_str("; a code was stored and redeemed");
    }
    Ok(findings)
}

/// Judges what the server says of itself.
fn told(info: &str) -> Vec<Finding> {
    let info: HashMap<&str, &str> = info.lines().filter_map(|line| line.split_once(':')).collect();
    let field = |name: &str| info.get(name).map_or("", |value| value.trim());
    let (name, version) = match field("valkey_version") {
        "" => ("Redis", field("redis_version")),
        version => ("Valkey", version),
    };
    if version.split('.').next().and_then(|major| major.parse::<u32>().ok()).is_none_or(|major| major < 7) {
        let text = format!("{name} {version}: the server must be Redis 7 or newer, or any Valkey");
        return vec![Finding::bad(PART, text)];
    }
    if field("role") != "master" {
        let primary = format!("{}:{}", field("master_host"), field("master_port"));
        let text =
            format!("{name} {version} is a replica of {primary}; AUTH_REDIS_URL must name the primary");
        return vec![Finding::bad(PART, text)];
    }
    let policy = field("maxmemory_policy");
    let mut findings = vec![Finding::good(PART, format_args!("{name} {version}, maxmemory-policy {policy}"))];
    if policy != "noeviction" {
        let text = format!(
            "maxmemory-policy {policy} drops codes, tries and limits when memory is short; set it to \
             noeviction (`CONFIG SET maxmemory-policy noeviction`, and in the server's configuration)"
        );
        findings.push(Finding::warning(PART, text));
    }
    findings
}

/// Tries each command by itself: an error of a script names one command at most. Returns those that the user may not
/// run, or that were renamed.
async fn refused_commands(
    codes: &CodesRedis,
    redis: &mut MultiplexedConnection,
) -> RedisResult<Vec<&'static str>> {
    let mut refused = Vec::new();
    for name in COMMANDS {
        let tried: RedisResult<redis::Value> = trial(name, &codes.ready_key()).query_async(&mut *redis).await;
        match tried {
            Err(error) if is_refused(&error) => refused.push(name),
            // Nobody has loaded it: the command is there.
            Err(error) if error.code() == Some("NOSCRIPT") => {}
            Err(error) => return Err(error),
            Ok(_) => {}
        }
    }
    Ok(refused)
}

fn trial(name: &str, key: &str) -> Cmd {
    const SCRIPT: &str = "return 1";
    let mut command = Cmd::new();
    for word in name.split(' ') {
        command.arg(word);
    }
    match name {
        "SCRIPT LOAD" => command.arg(SCRIPT),
        "EVALSHA" => command.arg(Script::new(SCRIPT).get_hash()).arg(0),
        "SET" => command.arg(key).arg("").arg("PX").arg(1000),
        "TYPE" | "GET" => command.arg(key),
        _ => &mut command,
    };
    command
}

/// Returns whether an error is about the command itself, not about a key or the server's state.
fn is_refused(error: &RedisError) -> bool {
    let detail = error.detail().unwrap_or_default();
    error.code() == Some("NOPERM") && detail.contains("to run the") || detail.starts_with("unknown command")
}

/// Returns which rights the user needs; docs/operating.md has the same line.
fn rights(prefix: &str) -> String {
    format!(
        "what serve needs on the keys of AUTH_REDIS_PREFIX: `ACL SETUSER NAME on >PASSWORD resetkeys ~{prefix}:* \
         resetchannels -@all +evalsha +script|load +time +type +get +set +info`, and +select for another database than 0"
    )
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

fn advice(error: &RedisError, prefix: &str) -> String {
    // What a script may not do, or a database that may not be chosen, is no code of its own.
    let forbidden = error.detail().is_some_and(|detail| {
        detail.contains("ACL failure in script") || detail.contains("no permissions to run")
    });
    let advice = match error.code() {
        _ if forbidden => return rights(prefix),
        Some("NOPERM") => return rights(prefix),
        Some("NOAUTH" | "WRONGPASS") => "AUTH_REDIS_URL needs user and password: redis://user:password@host",
        Some("OOM") => "the server has no memory left: raise its maxmemory",
        Some("MISCONF") => "the server cannot save, and so takes no writes: look at its log and disk",
        Some("READONLY") => "the server is a replica: AUTH_REDIS_URL must name the primary",
        Some("LOADING") => "the server reads its data after a start: try again",
        Some("MOVED" | "CROSSSLOT" | "CLUSTERDOWN") => "Redis Cluster is not served: name a single server",
        Some(_) => "see the server's documentation of this error",
        None if error.kind() == ErrorKind::AuthenticationFailed => {
            "AUTH_REDIS_URL needs the right user and password: redis://user:password@host"
        }
        None => {
            "check AUTH_REDIS_URL, that the server runs and is reached, and for rediss:// its certificate"
        }
    };
    authorities::advice(&said(error)).unwrap_or(advice).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPTS: [&str; 5] = [
        include_str!("clock.lua"),
        include_str!("admit.lua"),
        include_str!("slot.lua"),
        include_str!("put.lua"),
        include_str!("redeem.lua"),
    ];

    /// Returns the commands that a script calls.
    fn called(script: &str) -> Vec<&str> {
        let calls = script.split("redis.call('").skip(1).chain(script.split("redis.pcall('").skip(1));
        calls.filter_map(|rest| rest.split('\'').next()).collect()
    }

    #[test]
    fn check_and_readyz_try_each_command_that_a_script_calls() {
        let ready = called(include_str!("ready.lua"));
        let calls: Vec<&str> = SCRIPTS.into_iter().flat_map(called).collect();
        assert!(calls.contains(&"TIME") && calls.contains(&"SET"), "{calls:?}");
        for command in calls {
            assert!(COMMANDS.contains(&command), "{command} is not tried by check");
            assert!(ready.contains(&command), "{command} is not tried by ready.lua");
        }
    }

    #[test]
    fn rights_name_each_command() {
        let rights = rights("auth");
        for command in COMMANDS {
            let right = format!(" +{}", command.to_lowercase().replace(' ', "|"));
            assert!(rights.contains(&right), "{right} is not in {rights}");
        }
    }
}
