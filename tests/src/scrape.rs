//! Reading the metrics of a server that was started with a listener for them.

use crate::{HttpAnswer, Server, client, parse, wait};

impl Server {
    /// Gets a path of the metrics listener.
    pub fn scrape(&self, path: &str) -> HttpAnswer {
        let url = self.metrics.as_deref().unwrap_or_else(|| panic!("AUTH_METRICS_LISTEN is not set"));
        let authority = url.trim_start_matches("http://").split('/').next().unwrap_or_default();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
        parse(&client::exchange(authority, request.as_bytes()))
    }

    /// Returns a series' value by its name and labels as they are written; zero if it is missing.
    pub fn metric(&self, series: &str) -> f64 {
        self.series(series).unwrap_or(0.0)
    }

    /// Waits until no mail is due or under way; does nothing without metrics.
    pub fn wait_until_nothing_is_due(&self) {
        if self.metrics.is_some() {
            let late = || self.series("auth_outbox_oldest_seconds");
            wait::until("no mail being due", || (late() == Some(0.0)).then_some(()));
        }
    }

    fn series(&self, series: &str) -> Option<f64> {
        let text = self.scrape("/metrics").body;
        text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
    }
}
