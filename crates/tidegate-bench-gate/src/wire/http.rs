//! To a real server, over HTTP.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::header::RETRY_AFTER;
use http::{Extensions, StatusCode};
use reqwest::{Request, Response};
use reqwest_middleware::{Middleware, Next};

use super::{Answer, Log, Wire};

pub(crate) struct Http {
    client: reqwest::Client,
    url: String,
    log: Log,
}

impl Http {
    pub(crate) fn new(url: String) -> Self {
        let client = reqwest::Client::builder().no_proxy().build().expect("it needs no TLS");
        Self { client, url, log: Log::new() }
    }

    fn note(&self, status: StatusCode) {
        assert!(status == 200 || status == 429, "{status} from {}", self.url);
        self.log.note(status == 200);
    }
}

#[async_trait]
impl Wire for Http {
    async fn send(&self) -> Answer {
        let response = self.client.get(&self.url).send().await.expect("the server is there");
        let status = response.status();
        self.note(status);
        let header = response.headers().get(RETRY_AFTER).cloned();
        response.bytes().await.expect("the body is short");
        if status == 200 {
            return Ok(());
        }
        let seconds = header.and_then(|it| it.to_str().ok()?.parse().ok());
        Err(seconds.map(Duration::from_secs))
    }

    fn middleware(self: Arc<Self>) -> Arc<dyn Middleware> {
        Arc::new(Counting(self))
    }

    fn url(&self) -> String {
        self.url.clone()
    }

    fn log(&self) -> &Log {
        &self.log
    }
}

/// Sees each attempt, the last in the stack.
struct Counting(Arc<Http>);

#[async_trait]
impl Middleware for Counting {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let response = next.run(request, extensions).await?;
        self.0.note(response.status());
        Ok(response)
    }
}
