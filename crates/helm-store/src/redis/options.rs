use std::{fmt, time::Duration};

use fred::{
    clients::{Client, SubscriberClient},
    prelude::{Builder, Config, ReconnectPolicy, TcpConfig},
    types::{RespVersion, config::UnresponsiveConfig},
};

use super::BACKEND;
use crate::error::{Error, ErrorKind, Result};

/// The number of this build's keys and encodings. It is part of every key and channel, and raised whenever one
/// of them changes, so that builds running side by side never read each other's bytes.
const SCHEMA: u32 = 1;

/// How a [`Redis`](super::Redis) is reached.
#[derive(Clone)]
#[non_exhaustive]
pub struct RedisOptions {
    /// `redis://[[user]:password@]host[:port][/database]`, or `rediss://` for TLS with the feature `redis-tls`.
    pub url: String,
    /// What every key begins with. Installations that share a server need different ones. Default: `helm`.
    pub prefix: String,
    /// How long an answer is waited for. Default: 50 ms.
    pub command_timeout: Duration,
    /// After how many failed commands in a row no more are sent; one that timed out is enough. Default: 5.
    pub failures: u32,
    /// After how long the server is tried again then. Default: 1 s.
    pub retry_after: Duration,
}

impl RedisOptions {
    /// The defaults, for this server.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            prefix: "helm".to_owned(),
            command_timeout: Duration::from_millis(50),
            failures: 5,
            retry_after: Duration::from_secs(1),
        }
    }

    /// Sets what every key begins with.
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets how long an answer is waited for.
    #[must_use]
    pub fn with_command_timeout(mut self, timeout: Duration) -> Self {
        self.command_timeout = timeout;
        self
    }

    /// Sets after how many failed commands in a row no more are sent.
    #[must_use]
    pub fn with_failures(mut self, failures: u32) -> Self {
        self.failures = failures;
        self
    }

    /// Sets after how long the server is tried again.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = wait;
        self
    }

    /// `prefix:schema:` and then `rest`.
    pub(super) fn key(&self, rest: fmt::Arguments<'_>) -> String {
        format!("{}:{SCHEMA}:{rest}", self.prefix)
    }

    /// A client for commands, not connected yet.
    pub(super) fn client(&self) -> Result<Client> {
        self.builder(self.command_timeout)?.build().map_err(|error| unusable(&error))
    }

    /// A client for messages, not connected yet. Nobody waits for it, so it has more time.
    pub(super) fn subscriber(&self) -> Result<SubscriberClient> {
        let timeout = self.command_timeout.max(Duration::from_secs(1));
        self.builder(timeout)?.build_subscriber_client().map_err(|error| unusable(&error))
    }

    fn builder(&self, timeout: Duration) -> Result<Builder> {
        let tls = self.url.starts_with("rediss:");
        if tls && !cfg!(feature = "redis-tls") {
            return Err(refuse("the address asks for TLS: build with the feature `redis-tls`"));
        }
        if !tls && !self.url.starts_with("redis:") {
            return Err(refuse("the address must begin with redis:// or rediss://"));
        }
        let mut config = Config::from_url_centralized(&self.url).map_err(|error| unusable(&error))?;
        config.version = RespVersion::RESP3;
        // The first attempt is made at once and its failure told; whoever holds the client makes the next ones.
        config.fail_fast = true;
        let mut builder = Builder::from_config(config);
        builder
            .set_policy(ReconnectPolicy::new_exponential(0, 50, 1_000, 2))
            .with_performance_config(|performance| {
                performance.default_command_timeout = timeout;
                performance.broadcast_channel_capacity = crate::cache::BACKLOG;
            })
            .with_connection_config(|connection| {
                connection.connection_timeout = Duration::from_secs(2);
                connection.internal_command_timeout = Duration::from_secs(2);
                connection.max_command_attempts = 1;
                connection.tcp = TcpConfig { nodelay: Some(true), ..TcpConfig::default() };
                connection.unresponsive = UnresponsiveConfig {
                    max_timeout: Some(Duration::from_secs(5)),
                    interval: Duration::from_secs(1),
                };
            });
        Ok(builder)
    }
}

/// Without the address, which may hold a password.
impl fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisOptions")
            .field("prefix", &self.prefix)
            .field("command_timeout", &self.command_timeout)
            .field("failures", &self.failures)
            .field("retry_after", &self.retry_after)
            .finish_non_exhaustive()
    }
}

fn refuse(message: &str) -> Error {
    Error::new(ErrorKind::Invalid, BACKEND, "connect", message)
}

/// The driver's error may quote the address, and with it a password: its kind says enough.
fn unusable(error: &fred::error::Error) -> Error {
    refuse(&format!(
        "the address cannot be used ({:?}): it is redis://[[user]:password@]host[:port][/database]",
        error.kind()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_message_holds_the_password() {
        for url in ["redis://:hunter2@", "http://:hunter2@cache", "redis://:hunter2@cache/a/b", "hunter2"] {
            let options = RedisOptions::new(url);
            let error = options.client().unwrap_err();
            assert!(!format!("{error} {error:?} {options:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn keys_carry_prefix_and_schema() {
        let options = RedisOptions::new("redis://cache").with_prefix("mine");
        assert_eq!(options.key(format_args!("a:b")), "mine:1:a:b");
        assert!(options.client().is_ok());
    }
}
