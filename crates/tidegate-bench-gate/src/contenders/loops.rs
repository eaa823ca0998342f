//! Loops that everybody writes: each request for itself.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::sleep;

use super::{Client, Outcome, Setting};
use crate::random::Random;
use crate::wire::Wire;

pub(super) fn backoff(setting: &Setting) -> Arc<dyn Client> {
    Arc::new(Loop::new(setting, false))
}

pub(super) fn retry_after(setting: &Setting) -> Arc<dyn Client> {
    Arc::new(Loop::new(setting, true))
}

struct Loop {
    wire: Arc<dyn Wire>,
    random: Random,
    /// Whether it reads the header.
    heeds: bool,
}

impl Loop {
    fn new(setting: &Setting, heeds: bool) -> Self {
        Self { wire: Arc::clone(&setting.wire), random: Random::new(setting.seed + 1000), heeds }
    }

    fn pause(&self, after: Option<Duration>, refusals: u32) -> Duration {
        match after.filter(|_| self.heeds) {
            Some(after) => after.mul_f64(1.0 + 0.1 * self.random.part()),
            None => {
                let most = (0.1 * f64::from(refusals.min(20)).exp2()).min(10.0);
                Duration::from_secs_f64(most * self.random.part())
            }
        }
    }
}

#[async_trait]
impl Client for Loop {
    async fn ask(&self) -> Outcome {
        let mut refusals = 0;
        while let Err(after) = self.wire.send().await {
            sleep(self.pause(after, refusals)).await;
            refusals += 1;
        }
        Outcome::Answered
    }
}
