use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::deadline::Deadline;
use crate::node::Node;
use crate::reason::CancelReason;
use crate::resident::Audience;

/// A remote control for a scope, for any task and any thread.
///
/// A clone is for the same scope. A handle keeps nothing running; once its scope has ended, it shows how.
///
/// # Examples
///
/// A body that gives itself more time:
///
/// ```
/// use std::time::Duration;
/// use tidegate_timeout::{current_scope, timeout};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
/// # .block_on(async {
/// let slow = timeout(Duration::from_secs(1), async {
///     current_scope().unwrap().extend(Duration::from_secs(2));
///     tokio::time::sleep(Duration::from_secs(2)).await;
/// });
/// assert!(slow.await.is_ok());
/// # })
/// ```
#[derive(Clone)]
pub struct ScopeHandle {
    node: Arc<Node>,
}

impl ScopeHandle {
    pub(crate) fn new(node: Arc<Node>) -> Self {
        Self { node }
    }

    pub(crate) fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Moves the deadline of the scope: earlier, later, away ([`Deadline::NEVER`]) or into the past.
    ///
    /// A deadline in the past ends the scope as soon as its future is polled. Nothing happens if the scope
    /// was cancelled already or has ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate_timeout::{Deadline, timeout};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
    /// # .block_on(async {
    /// let work = timeout(Duration::from_secs(1), tokio::time::sleep(Duration::from_secs(60)));
    /// work.handle().reschedule(Deadline::NEVER);
    /// assert!(work.await.is_ok());
    /// # })
    /// ```
    pub fn reschedule(&self, deadline: Deadline) {
        self.node.reschedule(|_| deadline);
    }

    /// Moves the deadline of the scope `by` later.
    ///
    /// [`Deadline::NEVER`] stays as it is. Nothing happens if the scope was cancelled already or has ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate_timeout::{Deadline, scope::Scope};
    ///
    /// let deadline = Deadline::after(Duration::from_secs(1));
    /// let handle = Scope::new().with_deadline(deadline).handle();
    /// handle.extend(Duration::from_secs(1));
    /// assert!(handle.deadline() > deadline);
    /// ```
    pub fn extend(&self, by: Duration) {
        self.node.reschedule(|deadline| match deadline.instant() {
            Some(at) => Deadline::since(at, by),
            None => deadline,
        });
    }

    /// Cancels the scope and everything inside it.
    ///
    /// The first reason stays: nothing happens if the scope was cancelled already or has ended. An explicit
    /// cancellation is never reported as a timeout, see [`Timeout`](crate::Timeout#cancelling-it-explicitly).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate_timeout::move_on_after;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let work = move_on_after(Duration::from_secs(1), std::future::pending::<()>());
    /// work.handle().cancel("the user pressed stop");
    /// assert_eq!(work.await, None);
    /// # })
    /// ```
    pub fn cancel(&self, reason: impl Into<CancelReason>) {
        self.node.cancel(reason.into());
    }

    /// Asks the scope and everything inside it to come to an end by itself.
    ///
    /// The polite form of [`cancel`](Self::cancel): nobody is ended by it, not now and not later. What runs inside
    /// learns of it by [`is_stopping`](crate::is_stopping) and [`stop_requested`](crate::stop_requested), and so does
    /// what begins there after this. It cannot be taken back. Nothing happens if the scope has ended.
    ///
    /// # Examples
    ///
    /// A server that takes no new work, and finishes what it has begun:
    ///
    /// ```
    /// use tidegate_timeout::{cancel_scope, is_stopping};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let served = cancel_scope(async |scope| {
    ///     let mut served = 0;
    ///     while !is_stopping() {
    ///         tokio::task::yield_now().await; // a request
    ///         served += 1;
    ///         if served == 3 {
    ///             scope.request_stop();
    ///         }
    ///     }
    ///     served
    /// });
    /// assert_eq!(served.await.unwrap(), 3);
    /// # })
    /// ```
    pub fn request_stop(&self) {
        self.node.request_stop();
    }

    /// Whether this scope, or one around it, was asked to [stop](Self::request_stop) or cancelled before it ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_timeout::scope::Scope;
    ///
    /// let outer = Scope::new();
    /// let inner = outer.enter(Scope::new).handle();
    /// outer.handle().request_stop();
    /// assert!(inner.is_stopping() && !inner.is_cancelled());
    /// ```
    pub fn is_stopping(&self) -> bool {
        self.node.shows_stop()
    }

    /// The scope's own deadline.
    ///
    /// An earlier one of a scope around it does not show here, but in [`Deadline::ambient`].
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_timeout::{Deadline, scope::Scope};
    ///
    /// assert_eq!(Scope::new().handle().deadline(), Deadline::NEVER);
    /// ```
    pub fn deadline(&self) -> Deadline {
        self.node.deadline()
    }

    /// Whether the scope was cut off when its own deadline had passed.
    ///
    /// True for all scopes of a nest whose deadlines had passed when the outermost of them reported. False for
    /// a body that was ready before anybody looked at the clock, and for one that was cancelled explicitly.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate_timeout::timeout;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
    /// # .block_on(async {
    /// let work = timeout(Duration::from_secs(1), std::future::pending::<()>());
    /// let handle = work.handle();
    /// assert!(work.await.is_err());
    /// assert!(handle.expired());
    /// # })
    /// ```
    pub fn expired(&self) -> bool {
        self.node.has_expired()
    }

    /// Whether this scope, or one around it, was cancelled before it ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_timeout::scope::Scope;
    ///
    /// let handle = Scope::new().handle();
    /// assert!(!handle.is_cancelled());
    /// handle.cancel("enough");
    /// assert!(handle.is_cancelled());
    /// ```
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.node.is_cancelled() && self.node.shown_cause().is_some()
    }

    /// Why this scope was cancelled: the first reason, its own or that of a scope around it.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_timeout::{CancelReason, scope::Scope};
    ///
    /// let handle = Scope::new().handle();
    /// assert_eq!(handle.reason(), None);
    /// handle.cancel("first");
    /// handle.cancel("second");
    /// assert_eq!(handle.reason(), Some(CancelReason::from("first")));
    /// ```
    pub fn reason(&self) -> Option<CancelReason> {
        self.node.shown_cause().map(|cause| cause.reason.clone())
    }
}

/// For crates that own tasks or threads; see [`scope`](crate::scope).
impl ScopeHandle {
    /// Visits the scopes inside this one, with their [audiences](Audience).
    ///
    /// Goes on inside of those for which `visit` returns true. What is in a [shield](crate::shield()) is hidden from it,
    /// and scopes that come and go meanwhile may or may not be visited. One lock is held at a time, for as long as it
    /// takes to list what is in one scope, and none while `visit` runs.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::any::Any;
    /// use std::sync::Arc;
    /// use tidegate_timeout::scope::{Audience, Scope};
    ///
    /// struct Office(&'static str);
    /// impl Audience for Office {
    ///     fn tell(&self) {}
    ///     fn into_any(self: Arc<Self>) -> Option<Arc<dyn Any + Send + Sync>> {
    ///         Some(self)
    ///     }
    /// }
    ///
    /// let office: Arc<dyn Audience> = Arc::new(Office("printing"));
    /// let house = Scope::new();
    /// let room = house.enter(Scope::new).enter(Scope::new);
    /// room.set_audience(Arc::downgrade(&office));
    ///
    /// let mut found = Vec::new();
    /// house.handle().walk(|_, audience| {
    ///     let office = audience.and_then(|it| it.into_any()?.downcast::<Office>().ok());
    ///     found.extend(office.as_ref().map(|office| office.0));
    ///     office.is_none()
    /// });
    /// assert_eq!(found, ["printing"]);
    /// ```
    pub fn walk(&self, mut visit: impl FnMut(&Self, Option<Arc<dyn Audience>>) -> bool) {
        self.node.walk(|node| {
            let audience = node.audience.get().and_then(Weak::upgrade);
            visit(&Self::new(Arc::clone(node)), audience)
        });
    }
}

/// Two handles are equal when they are for the same scope.
impl PartialEq for ScopeHandle {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.node, &other.node)
    }
}

impl Eq for ScopeHandle {}

impl Hash for ScopeHandle {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.node).hash(state);
    }
}

impl fmt::Debug for ScopeHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ScopeHandle").field(&self.node).finish()
    }
}
