// How it works
//
// A scope has one token, made when it is first asked for. The waker that cancels it sits among the watchers of the
// node for as long as that lives: no task waits, and asking again adds nothing. Who asks gets a child of it, so
// that cancelling that one stays with whoever does.
//
// The way back is the future of the token, polled once with a waker that cancels the scope.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Wake, Waker};

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::handle::ScopeHandle;
use crate::node::Node;
use crate::reason::CancelReason;

/// A bridge to tokio-util's tokens, with the feature `tokio-util`.
impl ScopeHandle {
    /// A token that is cancelled when the scope is.
    ///
    /// For code that knows tokens but no scopes. No task is needed for it. Cancelling the token does not cancel the
    /// scope; that is what [`cancel_on`](Self::cancel_on) is for.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_timeout::scope::Scope;
    ///
    /// let handle = Scope::new().handle();
    /// let token = handle.token();
    /// assert!(!token.is_cancelled());
    /// handle.cancel("enough");
    /// assert!(token.is_cancelled());
    /// ```
    #[cfg_attr(docsrs, doc(cfg(feature = "tokio-util")))]
    pub fn token(&self) -> CancellationToken {
        let node = self.node();
        node.token(|| {
            let token = CancellationToken::new();
            let waker = Waker::from(Arc::new(CancelToken(token.clone())));
            if node.watch(node.join(false), &waker).cause.is_some() {
                token.cancel();
            }
            token
        })
        .child_token()
    }

    /// Cancels the scope when `token` is cancelled, unless the [`CancelOn`] was dropped before.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_timeout::{CancelReason, cancel_scope};
    /// use tokio_util::sync::CancellationToken;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let token = CancellationToken::new();
    /// let work = cancel_scope(async |scope| {
    ///     let _stops = scope.cancel_on(token.clone(), CancelReason::Shutdown);
    ///     token.cancel();
    ///     std::future::pending::<()>().await;
    /// });
    /// assert_eq!(work.await.unwrap_err().reason(), CancelReason::Shutdown);
    /// # })
    /// ```
    #[cfg_attr(docsrs, doc(cfg(feature = "tokio-util")))]
    pub fn cancel_on(&self, token: CancellationToken, reason: impl Into<CancelReason>) -> CancelOn {
        let mut cancelled = Box::pin(token.cancelled_owned());
        let scope = Arc::downgrade(self.node());
        let waker = Waker::from(Arc::new(CancelScope { scope, reason: reason.into() }));
        if cancelled.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            waker.wake();
        }
        CancelOn { _cancelled: cancelled }
    }
}

/// As long as this lives, the token cancels the scope; made by [`ScopeHandle::cancel_on`].
///
/// # Examples
///
/// See [`ScopeHandle::cancel_on`].
#[must_use = "dropping it takes the token away from the scope"]
#[cfg_attr(docsrs, doc(cfg(feature = "tokio-util")))]
pub struct CancelOn {
    _cancelled: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl fmt::Debug for CancelOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelOn").finish_non_exhaustive()
    }
}

struct CancelToken(CancellationToken);

impl Wake for CancelToken {
    fn wake(self: Arc<Self>) {
        self.0.cancel();
    }
}

struct CancelScope {
    scope: Weak<Node>,
    reason: CancelReason,
}

impl Wake for CancelScope {
    fn wake(self: Arc<Self>) {
        if let Some(scope) = self.scope.upgrade() {
            scope.cancel(self.reason.clone());
        }
    }
}
