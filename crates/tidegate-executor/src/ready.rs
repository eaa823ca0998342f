use std::fmt;
use std::sync::Arc;

use crate::call::Call;
use crate::wait_error::WaitError;

/// With this a task says that it is ready, to whoever called [`Portal::start_task`](crate::Portal::start_task).
///
/// # Examples
///
/// ```
/// use tidegate_executor::{Portal, Ready, WaitError};
///
/// async fn serve(ready: Ready<u16>) -> &'static str {
///     // … bind a socket
///     ready.set(8080);
///     "closed"
/// }
///
/// let portal = Portal::start();
/// let (port, server) = portal.start_task(serve)?;
/// assert_eq!((port, server.result()?), (8080, "closed"));
/// # Ok::<(), WaitError>(())
/// ```
#[must_use = "dropping a `Ready` gives the start up"]
pub struct Ready<S>(Option<Arc<Call<S>>>);

impl<S> Ready<S> {
    pub(crate) fn to(call: Arc<Call<S>>) -> Self {
        Self(Some(call))
    }

    /// Says so, with what the starter needs to know.
    ///
    /// # Examples
    ///
    /// See [`Ready`].
    pub fn set(mut self, value: S) {
        if let Some(call) = self.0.take() {
            call.settle(Ok(value), || None);
        }
    }
}

impl<S> Drop for Ready<S> {
    fn drop(&mut self) {
        if let Some(call) = self.0.take() {
            call.settle(Err(WaitError::NotReady), || None);
        }
    }
}

impl<S> fmt::Debug for Ready<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready").finish_non_exhaustive()
    }
}
