//! What carries a request to a server, and the answer back.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use reqwest_middleware::Middleware;
use tokio::time::Instant;

mod http;
mod simulated;

pub(crate) use http::Http;
pub(crate) use simulated::Simulated;

/// Yes, or no and perhaps when to come back.
pub(crate) type Answer = Result<(), Option<Duration>>;

#[async_trait]
pub(crate) trait Wire: Send + Sync {
    /// Sends a request.
    async fn send(&self) -> Answer;

    /// The last in a stack of reqwest's middleware: what comes to it goes over this wire.
    fn middleware(self: Arc<Self>) -> Arc<dyn Middleware>;

    /// Where requests go that come to it through reqwest.
    fn url(&self) -> String;

    /// What was answered so far.
    fn log(&self) -> &Log;
}

/// What was answered, and when.
pub(crate) struct Log {
    started: Instant,
    answers: Mutex<Answers>,
}

/// Seconds since the start, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answers {
    pub(crate) accepted: Vec<f64>,
    pub(crate) refused: Vec<f64>,
}

impl Log {
    fn new() -> Self {
        Self { started: Instant::now(), answers: Mutex::default() }
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    pub(crate) fn note(&self, accepted: bool) {
        let now = self.elapsed().as_secs_f64();
        let mut answers = self.answers.lock().expect("nothing panics in here");
        if accepted { answers.accepted.push(now) } else { answers.refused.push(now) }
    }

    pub(crate) fn answers(&self) -> Answers {
        self.answers.lock().expect("nothing panics in here").clone()
    }
}
