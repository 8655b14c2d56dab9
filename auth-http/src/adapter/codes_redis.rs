//! Codes and limits in Redis and Valkey: for any number of nodes, on the server's clock.
//!
//! What happens is in `codes_redis/*.lua`, one script for one order, atomic and with one key. What goes
//! across is durations, never a node's time. Connections are `codes_redis/pool.rs`, what an operator is
//! told `codes_redis/examine.rs`.

mod examine;
mod pool;

use std::{fmt::Write, sync::LazyLock, time::Duration};

use async_trait::async_trait;
use auth_core::{Admission, Admit, CodeSlot, PutCode, RedeemCode, Redemption, Subject};
use redis::{Script, ScriptInvocation};

use self::pool::Pool;
use super::clock::Clock;
use crate::{
    config::RedisServer,
    port::{Codes, Finding, PoolLoad, PortError, Result},
};

static ADMIT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(include_str!("codes_redis/clock.lua"), include_str!("codes_redis/admit.lua")))
});
static PUT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("codes_redis/clock.lua"),
        include_str!("codes_redis/slot.lua"),
        include_str!("codes_redis/put.lua")
    ))
});
static REDEEM: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("codes_redis/clock.lua"),
        include_str!("codes_redis/slot.lua"),
        include_str!("codes_redis/redeem.lua")
    ))
});
static READY: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("codes_redis/ready.lua")));

/// Codes and limits in Redis or Valkey.
#[derive(Clone, Debug)]
pub struct CodesRedis {
    pool: Pool,
    prefix: String,
    clock: Clock,
}

impl CodesRedis {
    /// Prepares connections, from inside a runtime; the server need not be there yet. The clock gives
    /// nothing but its shift.
    ///
    /// # Errors
    /// A URL that the driver cannot read, or an authority's file that cannot be read.
    pub fn open(server: &RedisServer, clock: Clock) -> Result<Self> {
        Ok(Self { pool: Pool::open(server)?, prefix: server.prefix.clone(), clock })
    }

    /// Names a key. The slot is a hash over purpose, address and attempt already. The braces are the hash
    /// tag: each script has one key, and one tag.
    fn slot_key(&self, slot: &CodeSlot) -> String {
        format!("{}:code:{{{}}}", self.prefix, hex(slot.as_bytes()))
    }

    /// Names a key. The subject is a MAC already: dumps, slow logs and MONITOR show nobody.
    fn subject_key(&self, subject: &Subject) -> String {
        format!("{}:rate:{}:{{{}}}", self.prefix, subject.kind().name(), hex(subject.as_bytes()))
    }

    fn ready_key(&self) -> String {
        format!("{}:ready", self.prefix)
    }

    fn script<'a>(&self, script: &'a Script, key: String) -> ScriptInvocation<'a> {
        let mut invocation = script.key(key);
        invocation.arg(self.clock.shift_micros());
        invocation
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // A string takes everything.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[async_trait]
impl Codes for CodesRedis {
    async fn admit(&self, order: &Admit) -> Result<Admission> {
        let mut script = self.script(&ADMIT, self.subject_key(&order.subject));
        // A rate of more than one a µs is as good as none, but none it is not.
        let interval = micros(order.rate.period / order.rate.requests.get()).max(1);
        script.arg(interval).arg(micros(order.rate.period)).arg(u8::from(order.give_back));
        Ok(match self.pool.run("count a request", &script).await? {
            0 => Admission::Admitted,
            wait => Admission::Limited { retry_after: Duration::from_micros(wait) },
        })
    }

    async fn put(&self, order: &PutCode) -> Result<()> {
        let PutCode { slot, mail, mails, lease, ends, mac, lifetime, tries, newest, retention } = order;
        let mut script = self.script(&PUT, self.slot_key(slot));
        script.arg(mail.as_bytes()).arg(mails).arg(lease.as_bytes()).arg(u8::from(*ends)).arg(mac.as_bytes());
        script.arg(micros(*lifetime)).arg(tries).arg(newest).arg(micros(*retention));
        self.pool.run::<String>("store a code", &script).await.map(drop)
    }

    async fn redeem(&self, order: &RedeemCode) -> Result<Redemption> {
        const OPERATION: &str = "redeem a code";
        let mut script = self.script(&REDEEM, self.slot_key(&order.slot));
        script.arg(order.newest);
        for mac in &order.macs {
            script.arg(mac.as_bytes());
        }
        match self.pool.run::<String>(OPERATION, &script).await?.as_str() {
            "missing" => Ok(Redemption::Missing),
            "redeemed" => Ok(Redemption::Redeemed),
            "exhausted" => Ok(Redemption::Exhausted),
            "wrong" => Ok(Redemption::Wrong),
            _ => Err(PortError::unknown(OPERATION, "the script gave no answer that it has")),
        }
    }

    async fn ping(&self) -> Result<()> {
        let script = READY.key(self.ready_key());
        self.pool.run::<String>("write to Redis", &script).await.map(drop)
    }

    fn pool(&self) -> Option<PoolLoad> {
        Some(self.pool.load())
    }

    async fn examine(&self) -> Vec<Finding> {
        examine::examine(self).await
    }
}
