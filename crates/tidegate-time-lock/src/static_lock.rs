use std::ops::Deref;
use std::sync::OnceLock;

use crate::{TimeLock, TimeLockBuilder};

/// A [`TimeLock`] for a `static`: it is made when it is first used.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_time_lock::{Closed, StaticTimeLock, TimeLock};
///
/// static GATE: StaticTimeLock = TimeLock::new_static();
///
/// async fn ask() -> Result<(), Closed> {
///     let pass = GATE.acquire().await?;
///     // Here something is asked for.
///     pass.ok();
///     Ok(())
/// }
/// # tidegate_test::block_on(ask()).unwrap();
///
/// GATE.lock_for(Duration::from_secs(2));
/// assert!(GATE.is_locked());
/// ```
#[derive(Debug)]
pub struct StaticTimeLock {
    rules: TimeLockBuilder,
    gate: OnceLock<TimeLock>,
}

impl StaticTimeLock {
    pub(crate) const fn with(rules: TimeLockBuilder) -> Self {
        Self { rules, gate: OnceLock::new() }
    }
}

impl Deref for StaticTimeLock {
    type Target = TimeLock;

    #[inline]
    fn deref(&self) -> &TimeLock {
        self.gate.get_or_init(|| self.rules.build())
    }
}
