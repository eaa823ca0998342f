//! tower's retry layer, with a policy as its documentation suggests.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Sleep;
use tower::ServiceExt;
use tower::retry::backoff::{Backoff, ExponentialBackoff, ExponentialBackoffMaker, MakeBackoff};
use tower::retry::budget::{Budget, TpsBudget};
use tower::retry::{Policy, Retry};
use tower::util::rng::Rng;

use super::{Client, Outcome, Setting};
use crate::random::Random;
use crate::wire::Wire;

pub(super) fn backoff(setting: &Setting) -> Arc<dyn Client> {
    client(setting, None)
}

pub(super) fn budget(setting: &Setting) -> Arc<dyn Client> {
    client(setting, Some(Arc::new(TpsBudget::default())))
}

fn client(setting: &Setting, budget: Option<Arc<TpsBudget>>) -> Arc<dyn Client> {
    let random = Seeded(Arc::new(Random::new(setting.seed + 2000)));
    let bounds = (Duration::from_millis(100), Duration::from_secs(10));
    let maker = ExponentialBackoffMaker::new(bounds.0, bounds.1, 1.0, random);
    let maker = maker.expect("these bounds are valid");
    Arc::new(Retrying { wire: Arc::clone(&setting.wire), maker, budget })
}

struct Retrying {
    wire: Arc<dyn Wire>,
    maker: ExponentialBackoffMaker<Seeded>,
    budget: Option<Arc<TpsBudget>>,
}

#[async_trait]
impl Client for Retrying {
    async fn ask(&self) -> Outcome {
        let backoff = self.maker.clone().make_backoff();
        let policy = Refusals { backoff, budget: self.budget.clone() };
        let wire = Arc::clone(&self.wire);
        let service = tower::service_fn(move |()| {
            let wire = Arc::clone(&wire);
            async move { wire.send().await }
        });
        match Retry::new(policy, service).oneshot(()).await {
            Ok(()) => Outcome::Answered,
            Err(_) => Outcome::GaveUp,
        }
    }
}

/// Tries refusals again.
#[derive(Clone)]
struct Refusals {
    backoff: ExponentialBackoff<Seeded>,
    budget: Option<Arc<TpsBudget>>,
}

impl Policy<(), (), Option<Duration>> for Refusals {
    type Future = Sleep;

    fn retry(
        &mut self,
        (): &mut (),
        result: &mut Result<(), Option<Duration>>,
    ) -> Option<Self::Future> {
        match (result, &self.budget) {
            (Ok(()), Some(budget)) => {
                budget.deposit();
                None
            }
            (Ok(()), None) => None,
            (Err(_), Some(budget)) if !budget.withdraw() => None,
            (Err(_), _) => Some(self.backoff.next_backoff()),
        }
    }

    fn clone_request(&mut self, (): &()) -> Option<()> {
        Some(())
    }
}

/// Shared by all, so that no two wait equally long.
#[derive(Clone)]
struct Seeded(Arc<Random>);

impl Rng for Seeded {
    fn next_u64(&mut self) -> u64 {
        // It wants all the bits, and never nought.
        self.0.next() << 11 | 0x7FF
    }
}
