use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::Sleep;

use crate::discard::discard;
use crate::driver::{Body, Verdict, poll_body};
use crate::handle::ScopeHandle;
use crate::node::Kind;
use crate::own::Own;
use crate::reason::CancelReason;
use crate::time::Time;

/// How a future that ran inside a scope ended.
///
/// # Examples
///
/// ```
/// use tidegate_timeout::scope::{Ended, Scope};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// match Scope::new().run(async { "done" }).await {
///     Ended::Value(value) => assert_eq!(value, "done"),
///     Ended::Panicked(panic) => std::panic::resume_unwind(panic),
///     Ended::Cancelled(reason) => println!("{reason}"),
/// }
/// # })
/// ```
#[derive(Debug)]
pub enum Ended<T> {
    /// It was ready.
    Value(T),
    /// It panicked, with this.
    Panicked(Box<dyn Any + Send>),
    /// It was dropped because the scope was cancelled.
    Cancelled(CancelReason),
}

pin_project! {
    /// The future of [`Scope::run`](super::Scope::run), or one with a [scope of its own](Run::new).
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Run<F: Future, T = <F as Future>::Output> {
        #[pin]
        body: Body<F, T>,
        // After the body: what the body holds in the scope is given back before the scope ends.
        scope: Own,
        alarm: Option<Pin<Box<Sleep>>>,
    }
}

impl<F: Future<Output = T>, T> Run<F, T> {
    /// Polls `future` in a new scope inside the one where this is first polled.
    ///
    /// As [`Scope::run`](super::Scope::run) on a [`Scope::new`](super::Scope::new) of that place, but the scope is only made when somebody asks for
    /// it or the future has to wait: a task that is ready at once costs nothing here.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_timeout::scope::{Ended, Run};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// assert!(matches!(Run::new(async { 5 }).await, Ended::Value(5)));
    /// # })
    /// ```
    pub fn new(future: F) -> Self {
        Self::of(future, Own::new(Time::ENDLESS, Kind::Run))
    }

    pub(super) fn of(future: F, scope: Own) -> Self {
        Self { body: Body::Runs { future }, scope, alarm: None }
    }

    /// Bounds the time that guards get to finish, as [`Scope::with_grace`](super::Scope::with_grace).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate_timeout::scope::Run;
    ///
    /// let run = Run::new(async {}).with_grace(Duration::from_secs(3));
    /// # drop(run);
    /// ```
    #[must_use = "the future is handed back"]
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.scope.known().grace = Some(grace);
        self
    }

    /// A handle for the scope of this future.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_timeout::scope::{Ended, Run};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let mut run = std::pin::pin!(Run::new(std::future::pending::<()>()));
    /// run.as_mut().handle().cancel("enough");
    /// assert!(matches!(run.await, Ended::Cancelled(_)));
    /// # })
    /// ```
    pub fn handle(self: Pin<&mut Self>) -> ScopeHandle {
        ScopeHandle::new(Arc::clone(self.scope.made_or_early()))
    }
}

impl<F: Future, T> fmt::Debug for Run<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("scope", &self.scope.made()).finish_non_exhaustive()
    }
}

impl<F: Future<Output = T>, T> Future for Run<F, T> {
    type Output = Ended<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut me = self.project();
        // Whatever the future left broken is dropped below and seen by nobody.
        let polled =
            catch_unwind(AssertUnwindSafe(|| poll_body(me.body.as_mut(), me.alarm, me.scope, cx)));
        match polled {
            Ok(polled) => polled.map(Verdict::into_ended),
            Err(panic) => {
                if let Err(another) = catch_unwind(AssertUnwindSafe(|| me.body.set(Body::Gone))) {
                    discard(another);
                }
                me.scope.end();
                *me.alarm = None;
                me.scope.be_over();
                Poll::Ready(Ended::Panicked(panic))
            }
        }
    }
}
