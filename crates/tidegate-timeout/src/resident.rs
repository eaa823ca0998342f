// How it works
//
// Of the many tasks that share one scope most are ready at once, or wait where nobody asks for the scope of each.
// So a resident has a note while it is polled, as every scope has, and beyond that nothing: no node, no watcher and
// no timer. Whoever spawned it keeps its waker anyway, and is the scope's `Audience`: told when there is something
// new for everybody in it.
//
// A resident gets all of it (`Settled`) when code inside asks for its scope, when its handle was asked for, and
// when the scope it lives in is cancelled: from then on it is driven as a `Run` is.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::time::Sleep;

use crate::current::{self, Around, Note, Noted, WakerId};
use crate::discard::discard;
use crate::driver::{Body, BodyNow, POLLED_AGAIN, Verdict, go_on, poll_body};
use crate::handle::ScopeHandle;
use crate::node::{Kind, Node};
use crate::own::Own;
use crate::scope::Ended;
use crate::time::Time;

/// Hears of what concerns everybody in a scope; see [`Scope::set_audience`](crate::scope::Scope::set_audience).
///
/// # Examples
///
/// See [`Scope::host`](crate::scope::Scope::host).
pub trait Audience: Send + Sync {
    /// The scope was cancelled: wake every [`Resident`] in it.
    fn tell(&self);

    /// The audience itself, for those who [find](crate::ScopeHandle::walk) it in the tree and know its type.
    ///
    /// # Examples
    ///
    /// See [`ScopeHandle::walk`](crate::ScopeHandle::walk).
    fn into_any(self: Arc<Self>) -> Option<Arc<dyn Any + Send + Sync>> {
        None
    }
}

pin_project! {
    /// The future of [`Scope::host`](crate::scope::Scope::host).
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Resident<F: Future, T = <F as Future>::Output> {
        #[pin]
        body: Body<F, T>,
        settled: Option<Box<Settled>>,
        // Somewhere else only while it is polled. Last: a resident ends before it leaves.
        home: Option<Arc<Node>>,
    }
}

/// What a resident needs once it has to mind its scope itself.
struct Settled {
    scope: Own,
    alarm: Option<Pin<Box<Sleep>>>,
}

/// The node that was made of a resident's note, if one was.
struct Made(Option<Arc<Node>>);

impl<F: Future<Output = T>, T> Resident<F, T> {
    pub(crate) fn new(future: F, home: Arc<Node>) -> Self {
        Self { body: Body::Runs { future }, settled: None, home: Some(home) }
    }

    /// A handle for the scope of this future.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_timeout::scope::{Ended, Scope};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let mut forever = std::pin::pin!(Scope::new().host(std::future::pending::<()>()));
    /// forever.as_mut().handle().cancel("enough");
    /// assert!(matches!(forever.await, Ended::Cancelled(_)));
    /// # })
    /// ```
    pub fn handle(self: Pin<&mut Self>) -> ScopeHandle {
        let me = self.project();
        let settled = settle(me.settled, me.home.as_ref());
        ScopeHandle::new(Arc::clone(settled.scope.made_or_early()))
    }

    /// Whether the scope of this future was cancelled, or one around it.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_timeout::scope::Scope;
    ///
    /// let scope = Scope::new();
    /// let hosted = scope.host(std::future::pending::<()>());
    /// scope.handle().cancel("enough");
    /// assert!(hosted.is_cancelled());
    /// ```
    pub fn is_cancelled(&self) -> bool {
        let own = self.settled.as_ref().and_then(|settled| settled.scope.made());
        own.or(self.home.as_ref()).is_some_and(|node| node.is_cancelled())
    }

    /// The handle for the scope of this future, if there is more to that than it being polled.
    ///
    /// There is once code inside has asked for its scope. Whoever wants to know what is inside need not look before.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    /// use std::pin::pin;
    /// use std::task::{Context, Waker};
    /// use tidegate_timeout::current_scope;
    /// use tidegate_timeout::scope::Scope;
    ///
    /// let mut cx = Context::from_waker(Waker::noop());
    /// let mut plain = pin!(Scope::new().host(pending::<()>()));
    /// assert!(plain.as_mut().poll(&mut cx).is_pending());
    /// assert!(plain.known().is_none());
    ///
    /// let mut asks = pin!(Scope::new().host(async {
    ///     let _mine = current_scope();
    ///     pending::<()>().await;
    /// }));
    /// assert!(asks.as_mut().poll(&mut cx).is_pending());
    /// assert!(asks.known().is_some());
    /// ```
    pub fn known(&self) -> Option<ScopeHandle> {
        self.settled.as_ref()?.scope.made().map(|node| ScopeHandle::new(Arc::clone(node)))
    }

    /// What the future was ready with, while its scope waits for what it has left behind.
    ///
    /// For whoever has to know at once, not only when that is gone. The future itself was dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cell::Cell;
    /// use std::pin::pin;
    /// use std::task::{Context, Poll, Waker};
    /// use tidegate_timeout::scope::{Ended, Scope};
    ///
    /// let mut cx = Context::from_waker(Waker::noop());
    /// let left = Cell::new(None);
    /// let mut hosted = pin!(Scope::new().host(async {
    ///     left.set(Some(Scope::new().adopt()));
    ///     5
    /// }));
    /// assert!(hosted.as_mut().poll(&mut cx).is_pending());
    /// assert_eq!(hosted.as_mut().kept(), Some(&5));
    ///
    /// drop(left.take());
    /// assert!(matches!(hosted.as_mut().poll(&mut cx), Poll::Ready(Ended::Value(5))));
    /// ```
    pub fn kept(self: Pin<&mut Self>) -> Option<&T> {
        let me = self.project();
        me.settled.as_ref()?;
        match me.body.project() {
            BodyNow::Kept { value } => Some(value),
            _ => None,
        }
    }

    /// Whether it has to be polled once more: something happened to the scope that the last poll may have missed.
    ///
    /// To be asked when the waker was kept for the [`Audience`] only after the last poll.
    ///
    /// # Examples
    ///
    /// See [`Scope::host`](crate::scope::Scope::host).
    pub fn is_behind(&self) -> bool {
        self.settled.is_none() && self.home.as_ref().is_some_and(|home| home.is_cancelled())
    }
}

fn settle<'a>(settled: &'a mut Option<Box<Settled>>, home: Option<&Arc<Node>>) -> &'a mut Settled {
    settled.get_or_insert_with(|| {
        let mut scope = Own::new(Time::ENDLESS, Kind::Run);
        // Something is known of it from now on: it is looked at before the next poll.
        scope.known().grace = home.and_then(|home| home.grace());
        Box::new(Settled { scope, alarm: None })
    })
}

impl Noted for Made {
    fn begun(&mut self, _: Time) {}

    #[cold]
    fn made(&mut self, node: Arc<Node>) {
        self.0 = Some(node);
    }
}

impl<F: Future<Output = T>, T> Future for Resident<F, T> {
    type Output = Ended<T>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.project();
        let mut body = me.body;
        // Whatever the future left broken is dropped below and seen by nobody.
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let _inside = current::enter(me.home, Around::NOBODY);
            match me.settled {
                None if current::has_room() => poll_unsettled(body.as_mut(), me.settled, cx),
                _ => poll_settled(body.as_mut(), me.settled, cx),
            }
        }));
        match polled {
            Ok(polled) => polled.map(Verdict::into_ended),
            Err(panic) => {
                if let Err(another) = catch_unwind(AssertUnwindSafe(|| body.set(Body::Gone))) {
                    discard(another);
                }
                *me.settled = None;
                Poll::Ready(Ended::Panicked(panic))
            }
        }
    }
}

/// A poll with nothing but a note.
#[inline]
fn poll_unsettled<F: Future>(
    mut body: Pin<&mut Body<F, F::Output>>,
    settled: &mut Option<Box<Settled>>,
    cx: &mut Context<'_>,
) -> Poll<Verdict<F::Output>> {
    let mut made = Made(None);
    let polled = {
        let BodyNow::Runs { future } = body.as_mut().project() else { panic!("{POLLED_AGAIN}") };
        let note = Note { kind: Kind::Run, time: Time::ENDLESS, waker: WakerId::of(cx.waker()) };
        let _inside = current::enter_note(note, &mut made);
        future.poll(cx)
    };
    match (polled, made.0) {
        (Poll::Ready(value), None) => {
            body.set(Body::Gone);
            Poll::Ready(Verdict::Value(value))
        }
        (Poll::Pending, None) if !current::is_cancelled() => Poll::Pending,
        (polled, node) => after_settling(polled, node, body, settled, cx),
    }
}

/// What follows when the resident turned out to need more than a note.
#[cold]
fn after_settling<F: Future>(
    polled: Poll<F::Output>,
    node: Option<Arc<Node>>,
    body: Pin<&mut Body<F, F::Output>>,
    settled: &mut Option<Box<Settled>>,
    cx: &mut Context<'_>,
) -> Poll<Verdict<F::Output>> {
    let home = current::node();
    let settled = settle(settled, home.as_ref());
    settled.scope.known().node = node;
    go_on(polled, body, &mut settled.alarm, &mut settled.scope, cx)
}

#[inline(never)]
fn poll_settled<F: Future>(
    body: Pin<&mut Body<F, F::Output>>,
    settled: &mut Option<Box<Settled>>,
    cx: &mut Context<'_>,
) -> Poll<Verdict<F::Output>> {
    let home = current::node();
    let settled = settle(settled, home.as_ref());
    poll_body(body, &mut settled.alarm, &mut settled.scope, cx)
}

impl<F: Future, T> fmt::Debug for Resident<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scope = self.settled.as_ref().and_then(|settled| settled.scope.made());
        f.debug_struct("Resident").field("scope", &scope).finish_non_exhaustive()
    }
}
