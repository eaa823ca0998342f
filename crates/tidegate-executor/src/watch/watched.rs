use std::borrow::Cow;
use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::slot::in_poll;
use super::tag::Tag;

pin_project! {
    /// The future of [`watched`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Watched<F> {
        #[pin]
        future: F,
        name: Tag,
        location: &'static Location<'static>,
    }
}

/// Has a [`SlowPollWatch`](crate::SlowPollWatch) see a future that it would not see by itself.
///
/// For what is handed to `tokio::spawn`, or to another runtime.
///
/// # Examples
///
/// ```
/// use tidegate_executor::watched;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let task = tokio::spawn(watched("adder", async { 1 + 1 }));
/// assert_eq!(task.await.unwrap(), 2);
/// # })
/// ```
///
/// # Cancel safety
///
/// That of the future.
#[track_caller]
pub fn watched<F: Future>(name: impl Into<Cow<'static, str>>, future: F) -> Watched<F> {
    Watched { future, name: Tag::new(name), location: Location::caller() }
}

impl<F: Future> Future for Watched<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let me = self.project();
        in_poll(me.location, None, Some(me.name), || me.future.poll(cx))
    }
}

impl<F> fmt::Debug for Watched<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Watched");
        debug.field("name", &self.name).field("location", &self.location).finish_non_exhaustive()
    }
}
