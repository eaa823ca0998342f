//! reqwest-retry-after: a middleware that holds back later requests to a URL that was refused.

use std::sync::Arc;

use async_trait::async_trait;
use reqwest_012::Client as Http;
use reqwest_middleware_04::{ClientBuilder, ClientWithMiddleware};
use reqwest_retry_after::RetryAfterMiddleware;

use super::{Client, Outcome, Setting};
use crate::wire::Wire;

pub(super) fn middleware(setting: &Setting) -> Arc<dyn Client> {
    let client = Http::builder().no_proxy().build().expect("it finds its TLS");
    let client = ClientBuilder::new(client).with(RetryAfterMiddleware::new()).build();
    Arc::new(Holding { client, wire: Arc::clone(&setting.wire) })
}

struct Holding {
    client: ClientWithMiddleware,
    wire: Arc<dyn Wire>,
}

#[async_trait]
impl Client for Holding {
    async fn ask(&self) -> Outcome {
        // It holds back and does not ask again: that is left to its caller.
        loop {
            let response = self.client.get(self.wire.url()).send().await;
            let response = response.expect("the server is there");
            let accepted = response.status().is_success();
            self.wire.log().note(accepted);
            response.bytes().await.expect("the body is short");
            if accepted {
                return Outcome::Answered;
            }
        }
    }
}
