//! A lock for a while, as one writes it in ten lines: the first pause counts, and everybody goes at its end.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, sleep_until};

use super::{Client, Outcome, Setting};
use crate::wire::Wire;

/// The pause when the server does not say.
const PAUSE: Duration = Duration::from_secs(2);

pub(super) fn lock(setting: &Setting) -> Arc<dyn Client> {
    let state = Mutex::new((Instant::now(), 0));
    Arc::new(Lock { wire: Arc::clone(&setting.wire), state })
}

struct Lock {
    wire: Arc<dyn Wire>,
    /// Until when it is shut, and how often it was.
    state: Mutex<(Instant, u64)>,
}

impl Lock {
    fn until(&self) -> Instant {
        self.state.lock().expect("nothing panics in here").0
    }

    fn lock_for(&self, pause: Duration) {
        let mut state = self.state.lock().expect("nothing panics in here");
        let now = Instant::now();
        if state.0 <= now {
            *state = (now + pause, state.1 + 1);
        }
    }
}

#[async_trait]
impl Client for Lock {
    async fn ask(&self) -> Outcome {
        loop {
            while self.until() > Instant::now() {
                sleep_until(self.until()).await;
            }
            match self.wire.send().await {
                Ok(()) => return Outcome::Answered,
                Err(after) => self.lock_for(after.unwrap_or(PAUSE)),
            }
        }
    }

    fn pauses(&self) -> Option<u64> {
        Some(self.state.lock().expect("nothing panics in here").1)
    }
}
