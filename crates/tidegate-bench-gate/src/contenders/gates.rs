//! Ours.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tidegate_time_lock::{KeyedTimeLock, LearnedPace, PausingSemaphore, Rate, Reopen, TimeLock};

use super::{Client, Outcome, Setting};
use crate::wire::Wire;

pub(super) fn all_at_once(setting: &Setting) -> Arc<dyn Client> {
    let wire = Arc::clone(&setting.wire);
    Arc::new(Gate { gate: TimeLock::new(), wire })
}

pub(super) fn probe(setting: &Setting) -> Arc<dyn Client> {
    gate(setting, Reopen::Probe { n: 1 })
}

pub(super) fn ramp(setting: &Setting) -> Arc<dyn Client> {
    let double_every = Duration::from_secs(1);
    gate(setting, Reopen::Ramp { start: Rate::per_second(10.0), double_every })
}

pub(super) fn learned(setting: &Setting) -> Arc<dyn Client> {
    gate(setting, Reopen::Learned(LearnedPace::new().cold_start(0)))
}

fn gate(setting: &Setting, reopen: Reopen) -> Arc<dyn Client> {
    let gate = TimeLock::builder().reopen(reopen).build();
    Arc::new(Gate { gate, wire: Arc::clone(&setting.wire) })
}

struct Gate {
    gate: TimeLock,
    wire: Arc<dyn Wire>,
}

const OPEN: &str = "nobody closes the gate";

#[async_trait]
impl Client for Gate {
    async fn ask(&self) -> Outcome {
        let mut pass = self.gate.acquire().await.expect(OPEN);
        while let Err(after) = self.wire.send().await {
            let place = pass.refused(after).requeue();
            pass = self.gate.acquire_again(place).await.expect(OPEN);
        }
        pass.ok();
        Outcome::Answered
    }

    fn pauses(&self) -> Option<u64> {
        Some(self.gate.stats().shuts)
    }
}

pub(super) fn keyed(setting: &Setting) -> Arc<dyn Client> {
    Arc::new(Keyed { gates: KeyedTimeLock::new(), wire: Arc::clone(&setting.wire) })
}

struct Keyed {
    gates: KeyedTimeLock<&'static str>,
    wire: Arc<dyn Wire>,
}

const HOST: &str = "host";

#[async_trait]
impl Client for Keyed {
    async fn ask(&self) -> Outcome {
        let mut pass = self.gates.acquire(&HOST).await.expect(OPEN);
        while let Err(after) = self.wire.send().await {
            let places = pass.refused(after).requeue();
            pass = self.gates.acquire_again(&HOST, places).await.expect(OPEN);
        }
        pass.ok();
        Outcome::Answered
    }

    fn pauses(&self) -> Option<u64> {
        Some(self.gates.gate(&HOST).stats().shuts)
    }
}

pub(super) fn semaphore(setting: &Setting) -> Arc<dyn Client> {
    let permits = PausingSemaphore::new(setting.workers);
    Arc::new(Semaphore { permits, wire: Arc::clone(&setting.wire) })
}

struct Semaphore {
    permits: PausingSemaphore,
    wire: Arc<dyn Wire>,
}

#[async_trait]
impl Client for Semaphore {
    async fn ask(&self) -> Outcome {
        let mut permit = self.permits.acquire().await.expect(OPEN);
        while let Err(after) = self.wire.send().await {
            permit.refused(after);
            permit = self.permits.acquire_again(permit.requeue()).await.expect(OPEN);
        }
        permit.ok();
        Outcome::Answered
    }

    fn pauses(&self) -> Option<u64> {
        Some(self.permits.gate().stats().shuts)
    }
}
