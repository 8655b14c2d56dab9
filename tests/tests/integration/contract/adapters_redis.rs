//! Harnesses of codes and limits on Redis and Valkey: one prefix for each test.

use std::{sync::Arc, thread, time::Duration};

use auth_core::Secret;
use auth_http::{
    adapter::{clock::Clock, codes_redis::CodesRedis},
    config::RedisServer,
    port::Codes,
};
use auth_tests::stack;

use super::harness::CodesHarness;

/// The keys of one test on a shared server; dropping this removes them.
pub(crate) struct Keys {
    pub(crate) url: String,
    pub(crate) prefix: String,
}

impl Keys {
    /// Chooses an unused prefix.
    pub(crate) fn on(url: String) -> Self {
        Self { url, prefix: stack::unique("auth-test") }
    }

    /// Opens a store on them.
    pub(crate) fn open(&self, clock: &Clock) -> CodesRedis {
        let url = Secret::new(self.url.clone());
        let server = RedisServer { url, ssl_ca: None, prefix: self.prefix.clone() };
        CodesRedis::open(&server, clock.clone()).unwrap()
    }

    /// Returns a connection to the server, and the names of the keys.
    pub(crate) fn all(&self) -> redis::RedisResult<(redis::Connection, Vec<String>)> {
        let mut redis = redis::Client::open(self.url.as_str())?.get_connection()?;
        let mut scan = redis::cmd("SCAN");
        scan.cursor_arg(0).arg("MATCH").arg(format!("{}:*", self.prefix)).arg("COUNT").arg(1000);
        let names = scan.iter::<String>(&mut redis)?.collect::<redis::RedisResult<_>>()?;
        Ok((redis, names))
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // The test may have removed the server, and its keys with it.
        thread::scope(|threads| {
            threads.spawn(|| {
                let (mut redis, names) = self.all()?;
                names.iter().try_for_each(|name| redis::cmd("DEL").arg(name).exec(&mut redis))
            });
        });
    }
}

/// A store on the server whose URL is in this variable.
struct OnServer {
    keys: Keys,
    clock: Clock,
}

impl OnServer {
    fn fresh(variable: &str) -> Self {
        Self { keys: Keys::on(stack::server(variable)), clock: Clock::default() }
    }
}

/// Makes the harness of one kind of server.
macro_rules! harness {
    ($name:ident: $variable:literal) => {
        #[doc = concat!("The server of ", $variable, ".")]
        pub(super) struct $name(OnServer);

        impl CodesHarness for $name {
            async fn fresh() -> Self {
                Self(OnServer::fresh($variable))
            }

            async fn open(&self) -> Arc<dyn Codes> {
                Arc::new(self.0.keys.open(&self.0.clock))
            }

            async fn advance(&self, by: Duration) {
                assert_eq!(by.subsec_nanos(), 0, "these clocks move by whole seconds");
                self.0.clock.shift(i64::try_from(by.as_secs()).unwrap());
            }
        }
    };
}

harness!(Redis: "AUTH_TEST_REDIS_URL");
harness!(Valkey: "AUTH_TEST_VALKEY_URL");
