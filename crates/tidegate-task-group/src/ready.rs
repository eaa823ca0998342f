use std::fmt;
use std::sync::Arc;

/// How a child says that it is ready; made by [`TaskGroup::start`](crate::TaskGroup::start).
///
/// # Examples
///
/// See [`TaskGroup::start`](crate::TaskGroup::start).
#[must_use = "a child that drops its `Ready` has failed to start"]
pub struct Ready<S> {
    to: Option<Arc<dyn Told<S>>>,
}

impl<S> Ready<S> {
    pub(crate) fn to(talk: Arc<dyn Told<S>>) -> Self {
        Self { to: Some(talk) }
    }

    /// Says that the child is ready, and gives `value` to whoever started it. From here on the child is the group's.
    ///
    /// # Errors
    ///
    /// With the value, when whoever started the child does not wait any more. The child is cancelled then.
    ///
    /// # Examples
    ///
    /// See [`TaskGroup::start`](crate::TaskGroup::start).
    pub fn set(mut self, value: S) -> Result<(), S> {
        match self.to.take() {
            Some(talk) => talk.ready(value),
            None => Ok(()),
        }
    }

    /// For a function that says when it is ready, where nobody wants to know.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_task_group::Ready;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// async fn serve(ready: Ready<u16>) {
    ///     let _ = ready.set(8080);
    /// }
    ///
    /// serve(Ready::ignored()).await;
    /// # }
    /// ```
    pub const fn ignored() -> Self {
        Self { to: None }
    }
}

impl<S> Drop for Ready<S> {
    fn drop(&mut self) {
        self.to.take().into_iter().for_each(|talk| talk.never());
    }
}

impl<S> fmt::Debug for Ready<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready").field("ignored", &self.to.is_none()).finish()
    }
}

/// What a `Ready` needs to know of a `Talk`.
pub(crate) trait Told<S>: Send + Sync {
    fn ready(&self, value: S) -> Result<(), S>;
    fn never(&self);
}
