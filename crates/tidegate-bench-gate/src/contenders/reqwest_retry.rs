//! reqwest-retry: a middleware for reqwest.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use reqwest_retry::RetryTransientMiddleware;
use reqwest_retry::policies::ExponentialBackoff;

use super::{Client, Outcome, Setting};

pub(super) fn patient(setting: &Setting) -> Arc<dyn Client> {
    let bounds = (Duration::from_millis(100), Duration::from_secs(10));
    let policy = ExponentialBackoff::builder().retry_bounds(bounds.0, bounds.1);
    client(setting, policy.build_with_max_retries(100))
}

pub(super) fn as_documented(setting: &Setting) -> Arc<dyn Client> {
    client(setting, ExponentialBackoff::builder().build_with_max_retries(3))
}

fn client(setting: &Setting, policy: ExponentialBackoff) -> Arc<dyn Client> {
    let client = reqwest::Client::builder().no_proxy().build().expect("it needs no TLS");
    let client = ClientBuilder::new(client)
        .with(RetryTransientMiddleware::new_with_policy(policy))
        .with_arc(Arc::clone(&setting.wire).middleware())
        .build();
    Arc::new(Retrying { client, url: setting.wire.url() })
}

struct Retrying {
    client: ClientWithMiddleware,
    url: String,
}

#[async_trait]
impl Client for Retrying {
    async fn ask(&self) -> Outcome {
        let response = self.client.get(&self.url).send().await.expect("the server is there");
        let accepted = response.status().is_success();
        response.bytes().await.expect("the body is short");
        if accepted { Outcome::Answered } else { Outcome::GaveUp }
    }
}
