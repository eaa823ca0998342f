//! Scopes for crates that own tasks or threads.
//!
//! Ordinary code uses [`timeout`](crate::timeout) or [`cancel_scope`](crate::cancel_scope), which are a scope
//! and a future in one. A task group or a thread pool has the scope in one place and what runs inside it in
//! others; these are its parts: a [`Scope`] to hand around, [`Scope::run`] to poll a task's future inside it,
//! [`Scope::enter`] to run a thread's job inside it, and a [`Guard`] for whoever has to clean up before the
//! scopes around may end.
//!
//! # Scaling
//!
//! To ask for the deadline or the cancellation is one read at any depth. Cancelling a scope, or moving its
//! deadline, visits every scope below it once. A guard is counted in the scopes around it up to the first one
//! that has a guard already. A scope that nobody asks for is a note of a few words and no allocation. All of it
//! is loops; only futures that are nested in one task need stack for each level, as any futures do.
//!
//! # Examples
//!
//! A task that ends when its scope is cancelled:
//!
//! ```
//! use tidegate_timeout::scope::{Ended, Scope};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let scope = Scope::new();
//! let task = tokio::spawn(scope.run(std::future::pending::<()>()));
//! scope.handle().cancel("no longer needed");
//! assert!(matches!(task.await.unwrap(), Ended::Cancelled(_)));
//! # })
//! ```

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::Sleep;

use crate::current::{self, Around};
use crate::deadline::Deadline;
use crate::discard::discard;
use crate::driver::{Body, Verdict, poll_body};
use crate::handle::ScopeHandle;
use crate::node::{Kind, Node};
use crate::own::Own;
use crate::reason::CancelReason;
use crate::time::Time;

pub use crate::cut_short::{cut_short, is_cut_short};
pub use crate::resident::{Audience, Resident};

/// A node of the tree of cancel scopes.
///
/// Its deadline and its cancellation reach everything that runs inside it and inside the scopes below it, in
/// whatever task or thread. A clone is the same scope.
///
/// # Examples
///
/// ```
/// use tidegate_timeout::scope::Scope;
///
/// let outer = Scope::new();
/// let inner = outer.enter(Scope::new); // a child of `outer`
/// outer.handle().cancel("enough");
/// assert!(inner.handle().is_cancelled());
/// ```
#[derive(Clone)]
pub struct Scope {
    node: Arc<Node>,
}

impl Scope {
    /// A scope inside the current one, or inside nothing if there is none.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_timeout::scope::Scope;
    ///
    /// assert!(!Scope::new().handle().is_cancelled());
    /// ```
    #[expect(clippy::new_without_default, reason = "where it is called matters")]
    pub fn new() -> Self {
        let node = Node::new(Kind::Run, Deadline::NEVER, None);
        current::place(&node);
        Self { node }
    }

    /// Sets the deadline of the scope.
    ///
    /// It cancels the scope when it passes while a [`Run`] is being polled, or when code inside looks with
    /// [`checkpoint`](crate::checkpoint).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate_timeout::{Deadline, scope::Scope};
    ///
    /// let deadline = Deadline::after(Duration::from_secs(1));
    /// assert_eq!(Scope::new().with_deadline(deadline).handle().deadline(), deadline);
    /// ```
    #[must_use = "the scope is handed back"]
    pub fn with_deadline(self, deadline: Deadline) -> Self {
        self.node.reschedule(|_| deadline);
        self
    }

    /// Bounds the time that guards get to finish once the scope is cancelled; without it there is no bound.
    ///
    /// Counts for the futures that are made by [`run`](Self::run) after this.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate_timeout::scope::Scope;
    ///
    /// let scope = Scope::new().with_grace(Duration::from_secs(3));
    /// # drop(scope);
    /// ```
    #[must_use = "the scope is handed back"]
    pub fn with_grace(self, grace: Duration) -> Self {
        self.node.set_grace(grace);
        self
    }

    /// A handle to cancel the scope, to move its deadline, and to ask how it is.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_timeout::{CancelReason, scope::Scope};
    ///
    /// let scope = Scope::new();
    /// scope.handle().cancel(CancelReason::Shutdown);
    /// assert_eq!(scope.handle().reason(), Some(CancelReason::Shutdown));
    /// ```
    pub fn handle(&self) -> ScopeHandle {
        ScopeHandle::new(Arc::clone(&self.node))
    }

    /// Runs `f` with this as the current scope of the thread: one poll, or the whole of a thread's job.
    ///
    /// Nothing ends `f` when the scope is cancelled; it has to look, with [`checkpoint`](crate::checkpoint).
    /// Timeouts inside `f` therefore keep timers of their own.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_timeout::{checkpoint, scope::Scope};
    ///
    /// let scope = Scope::new();
    /// scope.handle().cancel("stop");
    /// assert!(scope.enter(checkpoint).is_err());
    /// assert!(checkpoint().is_ok(), "outside");
    /// ```
    pub fn enter<R>(&self, f: impl FnOnce() -> R) -> R {
        let mut node = Some(Arc::clone(&self.node));
        let _inside = current::enter(&mut node, Around::NOBODY);
        f()
    }

    /// Polls `future` inside the scope, until it is ready or the scope ends it.
    ///
    /// Once the scope, or one around it, is cancelled, the future is polled once more and then dropped, as
    /// soon as the [guards](Guard) inside are gone or the [grace](Self::with_grace) is over. A value that is
    /// ready is kept. A panic is caught.
    ///
    /// # Cancel safety
    ///
    /// That of `future`. Dropping a `Run` drops the future at once, without waiting for guards.
    ///
    /// # Panics
    ///
    /// When it needs a timer (the scope has a deadline) and is polled outside of a tokio runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_timeout::scope::{Ended, Scope};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// assert!(matches!(Scope::new().run(async { 5 }).await, Ended::Value(5)));
    /// # })
    /// ```
    pub fn run<F: Future>(&self, future: F) -> Run<F> {
        Run::of(future, Own::on(Arc::clone(&self.node), false))
    }

    /// Polls `future` in a scope of its own inside this one, on behalf of an [`Audience`].
    ///
    /// For crates that spawn many tasks into one scope. As `scope.enter(|| Run::new(future))` would, entered again at
    /// each poll; but one that waits is not registered with the scope, which makes it a good deal cheaper: the
    /// audience has to keep the task's waker, and to wake it when it is told. This scope's own deadline is for others
    /// to mind.
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::{pending, poll_fn};
    /// use std::pin::pin;
    /// use std::sync::{Arc, Mutex};
    /// use std::task::Waker;
    /// use tidegate_timeout::scope::{Audience, Ended, Scope};
    ///
    /// #[derive(Default)]
    /// struct Seat(Mutex<Option<Waker>>);
    /// impl Audience for Seat {
    ///     fn tell(&self) {
    ///         let waker = self.0.lock().unwrap().take();
    ///         waker.into_iter().for_each(Waker::wake);
    ///     }
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let scope = Scope::new();
    /// let seat = Arc::new(Seat::default());
    /// let audience: Arc<dyn Audience> = seat.clone();
    /// scope.set_audience(Arc::downgrade(&audience));
    ///
    /// let (handle, hosted) = (scope.handle(), scope.host(pending::<()>()));
    /// let task = tokio::spawn(async move {
    ///     let mut hosted = pin!(hosted);
    ///     poll_fn(|cx| {
    ///         *seat.0.lock().unwrap() = Some(cx.waker().clone());
    ///         hosted.as_mut().poll(cx)
    ///     })
    ///     .await
    /// });
    /// tokio::task::yield_now().await;
    /// handle.cancel("closing");
    /// assert!(matches!(task.await.unwrap(), Ended::Cancelled(_)));
    /// # })
    /// ```
    pub fn host<F: Future>(&self, future: F) -> Resident<F> {
        Resident::new(future, Arc::clone(&self.node))
    }

    /// Sets who is told when this scope is cancelled; the first one stays.
    ///
    /// # Examples
    ///
    /// See [`host`](Self::host).
    pub fn set_audience(&self, audience: Weak<dyn Audience>) {
        let _ = self.node.audience.set(audience);
    }

    /// Whether the future that polls this code drops it, because the scope around this one was cancelled.
    ///
    /// For a future that owns this scope and was polled to its end after such a cancellation: if so, it may stay
    /// pending, and code that awaits it never sees a cancellation that is not its own. If not, nobody else ends
    /// it: it is polled by [`enter`](Self::enter), or was carried into the scope by
    /// [`in_current_scope`](crate::ScopeExt::in_current_scope), and has to report.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_timeout::scope::Scope;
    ///
    /// let outer = Scope::new();
    /// outer.handle().cancel("stop");
    /// assert!(!outer.enter(|| Scope::new().is_dropped_from_around()));
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let _ = outer.run(async { assert!(Scope::new().is_dropped_from_around()) }).await;
    /// # })
    /// ```
    pub fn is_dropped_from_around(&self) -> bool {
        self.node.set_contained(current::contains(&self.node));
        self.node.is_ended_from_around()
    }

    /// Keeps this scope, and all those around it, from dropping what runs inside.
    ///
    /// For code that has to clean up asynchronously: it takes a guard, learns of the cancellation by
    /// [`Guard::poll_cancelled`], cleans up, and drops the guard.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_timeout::scope::Scope;
    ///
    /// let guard = Scope::new().guard();
    /// # drop(guard);
    /// ```
    pub fn guard(&self) -> Guard {
        Guard::new(Arc::clone(&self.node))
    }

    /// Has the scopes from here up wait for somebody who goes on without a future that they could poll.
    ///
    /// For what is left behind when a future is dropped by something that is not a scope.
    ///
    /// # Examples
    ///
    /// See [`Orphan`].
    pub fn adopt(&self) -> Orphan {
        Orphan::of(&self.node)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.node.fmt(f)
    }
}

/// Keeps scopes from dropping their bodies; made by [`Scope::guard`].
///
/// # Examples
///
/// ```
/// use std::task::{Context, Poll, Waker};
/// use tidegate_timeout::{CancelReason, scope::Scope};
///
/// let scope = Scope::new();
/// let mut guard = scope.guard();
/// let mut cx = Context::from_waker(Waker::noop());
/// assert!(guard.poll_cancelled(&mut cx).is_pending());
/// scope.handle().cancel(CancelReason::Shutdown);
/// assert_eq!(guard.poll_cancelled(&mut cx), Poll::Ready(CancelReason::Shutdown));
/// ```
#[must_use = "a guard that is dropped at once guards nothing"]
pub struct Guard {
    node: Arc<Node>,
    place: usize,
}

impl Guard {
    pub(crate) fn new(node: Arc<Node>) -> Self {
        node.hold();
        let place = node.join(false);
        Self { node, place }
    }

    /// Ready once one of the scopes that this guards is cancelled; wakes the newest waker then.
    ///
    /// # Examples
    ///
    /// See [`Guard`].
    pub fn poll_cancelled(&mut self, cx: &mut Context<'_>) -> Poll<CancelReason> {
        let cause = match self.node.cause() {
            Some(cause) => cause,
            None => match self.node.watch(self.place, cx.waker()).cause {
                Some((cause, _)) => cause,
                None => return Poll::Pending,
            },
        };
        Poll::Ready(cause.reason.clone())
    }

    /// Ready while nothing that the scope has [adopted](Orphan) is left; wakes the newest waker then.
    ///
    /// For a future that has ended all it owns, and is about to return.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::task::{Context, Waker};
    /// use tidegate_timeout::scope::Scope;
    ///
    /// let scope = Scope::new();
    /// let (mut guard, orphan) = (scope.guard(), scope.adopt());
    /// let mut cx = Context::from_waker(Waker::noop());
    /// assert!(guard.poll_alone(&mut cx).is_pending());
    /// drop(orphan);
    /// assert!(guard.poll_alone(&mut cx).is_ready());
    /// ```
    pub fn poll_alone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.node.has_orphans() {
            self.node.drive(self.place);
            self.node.watch(self.place, cx.waker());
            if self.node.has_orphans() {
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Released even if the waker that is dropped with the place panics.
        struct Release<'a>(&'a Node);
        impl Drop for Release<'_> {
            fn drop(&mut self) {
                self.0.release();
            }
        }
        let _release = Release(&self.node);
        self.node.leave(self.place);
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("cancelled", &self.node.is_cancelled())
            .finish_non_exhaustive()
    }
}

/// Has scopes wait for clean-up that goes on although its future was dropped; made by [`Scope::adopt`].
///
/// It belongs to the nearest scope that has not ended. That one returns, also with a value that is ready, only
/// when all its orphans are gone; once it is cancelled its [grace](Scope::with_grace) bounds the wait, and the
/// scopes around it go on waiting. In all of them an orphan is a [`Guard`], too.
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
    /// The future of [`Scope::run`], or one with a [scope of its own](Run::new).
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
    /// As [`Scope::run`] on a [`Scope::new`] of that place, but the scope is only made when somebody asks for
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

    fn of(future: F, scope: Own) -> Self {
        Self { body: Body::Runs { future }, scope, alarm: None }
    }

    /// Bounds the time that guards get to finish, as [`Scope::with_grace`].
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
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(Verdict::Value(value))) => Poll::Ready(Ended::Value(value)),
            Ok(Poll::Ready(Verdict::Expired(_))) => {
                Poll::Ready(Ended::Cancelled(CancelReason::Deadline))
            }
            Ok(Poll::Ready(Verdict::Cancelled(cause))) => {
                Poll::Ready(Ended::Cancelled(cause.reason.clone()))
            }
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
