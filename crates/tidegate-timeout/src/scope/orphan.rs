use std::fmt;
use std::sync::Arc;

use crate::node::Node;

/// Has scopes wait for clean-up that goes on although its future was dropped; made by [`Scope::adopt`](super::Scope::adopt).
///
/// It belongs to the nearest scope that has not ended. That one returns, also with a value that is ready, only
/// when all its orphans are gone; once it is cancelled its [grace](super::Scope::with_grace) bounds the wait, and the
/// scopes around it go on waiting. In all of them an orphan is a [`Guard`](super::Guard), too.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_timeout::scope::Scope;
/// use tidegate_timeout::timeout;
/// use tokio::time::{Instant, sleep};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
/// # .block_on(async {
/// let start = Instant::now();
/// let work = timeout(Duration::from_secs(60), async {
///     let orphan = Scope::new().adopt();
///     tokio::spawn(async move {
///         sleep(Duration::from_secs(2)).await;
///         drop(orphan);
///     });
///     5
/// });
/// assert_eq!(work.await, Ok(5));
/// assert_eq!(start.elapsed(), Duration::from_secs(2));
/// # })
/// ```
#[must_use = "nobody waits for an orphan that is dropped at once"]
pub struct Orphan {
    node: Arc<Node>,
}

impl Orphan {
    pub(crate) fn of(node: &Arc<Node>) -> Self {
        Self { node: node.adopt() }
    }

    pub(crate) fn adopter(&self) -> &Arc<Node> {
        &self.node
    }
}

impl Drop for Orphan {
    fn drop(&mut self) {
        self.node.let_go();
    }
}

impl fmt::Debug for Orphan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Orphan").field("adopter", &self.node).finish()
    }
}
