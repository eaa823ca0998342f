//! To a server that is only simulated, with a clock that is paused.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{Middleware, Next};
use tidegate_test::server::{Limit, Server};
use tokio::time::sleep;

use super::{Answer, Log, Wire};
use crate::random::Random;

/// One way, in seconds.
const DELAY: (f64, f64) = (0.010, 0.020);

pub(crate) struct Simulated {
    server: Mutex<Server>,
    random: Random,
    log: Log,
}

impl Simulated {
    pub(crate) fn new(limit: Limit, seed: u64) -> Self {
        let server = Mutex::new(Server::new(limit));
        Self { server, random: Random::new(seed), log: Log::new() }
    }

    async fn travel(&self) {
        sleep(Duration::from_secs_f64(self.random.between(DELAY.0, DELAY.1))).await;
    }
}

#[async_trait]
impl Wire for Simulated {
    async fn send(&self) -> Answer {
        self.travel().await;
        let now = self.log.elapsed();
        let answer = self.server.lock().expect("nothing panics in here").answer(now);
        self.log.note(answer.is_ok());
        if let Ok(work) = answer {
            sleep(work).await;
        }
        self.travel().await;
        answer.map(drop)
    }

    fn middleware(self: Arc<Self>) -> Arc<dyn Middleware> {
        Arc::new(Terminus(self))
    }

    fn url(&self) -> String {
        "http://localhost/".to_owned()
    }

    fn log(&self) -> &Log {
        &self.log
    }
}

/// Where a stack of middleware ends without a network.
struct Terminus(Arc<Simulated>);

#[async_trait]
impl Middleware for Terminus {
    async fn handle(
        &self,
        _request: Request,
        _extensions: &mut Extensions,
        _next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        // No contender on this side reads a header.
        let status = if self.0.send().await.is_ok() { 200 } else { 429 };
        let response = http::Response::builder().status(status).body("");
        Ok(response.expect("these are valid statuses").into())
    }
}
