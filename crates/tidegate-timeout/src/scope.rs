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

mod guard;
mod orphan;
mod run;

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::current::{self, Around};
use crate::deadline::Deadline;
use crate::handle::ScopeHandle;
use crate::node::{Kind, Node};
use crate::own::Own;

pub use crate::cut_short::{cut_short, is_cut_short};
pub use crate::resident::{Audience, Resident};
pub use guard::Guard;
pub use orphan::Orphan;
pub use run::{Ended, Run};

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
