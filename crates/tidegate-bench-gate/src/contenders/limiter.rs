//! governor: a rate limiter that is told the rate.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::time::{Instant, sleep, sleep_until};

use super::{Client, Outcome, Setting};
use crate::wire::Wire;

/// After a refusal that does not say.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) fn exact(setting: &Setting) -> Arc<dyn Client> {
    client(setting, 1.0)
}

pub(super) fn too_fast(setting: &Setting) -> Arc<dyn Client> {
    client(setting, 1.5)
}

fn client(setting: &Setting, factor: f64) -> Arc<dyn Client> {
    let clock = Tokio { started: Instant::now() };
    let period = Duration::from_secs_f64(1.0 / (factor * setting.rate));
    let quota = Quota::with_period(period).expect("a rate is finite");
    let limiter = RateLimiter::direct_with_clock(quota, clock.clone());
    Arc::new(Limited { wire: Arc::clone(&setting.wire), clock, limiter })
}

struct Limited {
    wire: Arc<dyn Wire>,
    clock: Tokio,
    limiter: RateLimiter<NotKeyed, InMemoryState, Tokio, NoOpMiddleware<Duration>>,
}

#[async_trait]
impl Client for Limited {
    async fn ask(&self) -> Outcome {
        loop {
            // As its `until_ready` does, whose timers know no other clock.
            while let Err(early) = self.limiter.check() {
                sleep_until(self.clock.started + early.earliest_possible()).await;
            }
            match self.wire.send().await {
                Ok(()) => return Outcome::Answered,
                Err(after) => sleep(after.unwrap_or(PAUSE)).await,
            }
        }
    }
}

/// tokio's clock, which may be paused.
#[derive(Clone, Debug)]
struct Tokio {
    started: Instant,
}

impl Clock for Tokio {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.started.elapsed()
    }
}
