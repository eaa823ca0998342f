// How it works
//
// Every future that is a scope polls its body through here. In this order:
//
//   1. Poll the body inside the scope. A value is kept, whatever the clock says.
//   2. Only when the body is pending: what is the deadline? A relative one begins now; before this no clock was
//      read. If the futures around drop this one no later than that, there is no timer. Their deadlines may move,
//      though: either this driver is polled whenever they are (the waker is the same), and decides again; or
//      the scope gets a node, through which it is woken then.
//   3. If the deadline has passed, or the scope was cancelled: poll the body once more, so that it can learn
//      of it. If it is still pending, wait until the guards inside are gone or the grace is over, poll it again if the
//      last one has gone since (it may have left a value), drop it, and report.
//   4. A value waits until the clean-up that the scope has adopted is done.
//
// Of several scopes that end at once the outermost reports: before an inner one reports anything it looks
// whether a future around it is about to drop it, and then stays pending.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep};

use crate::alarm::{Alarm, poll_alarm};
use crate::current::{self, WakerId};
use crate::cut_short::cut_short;
use crate::deadline::Deadline;
use crate::node::{Cause, Kind, Node};
use crate::own::{Own, Watched, minds_all};
use crate::reason::CancelReason;
use crate::scope::Ended;
use crate::time::Time;

pin_project! {
    /// A body, polled inside its scope until it is ready or the scope ends it.
    pub(crate) struct Driver<F, T> {
        #[pin]
        body: Body<F, T>,
        #[pin]
        alarm: Option<Sleep>,
        // After the body: what the body holds in the scope is given back before the scope ends.
        scope: Own,
    }
}

pin_project! {
    /// What is polled inside a scope, and then what it was ready with.
    #[project = BodyNow]
    #[project_replace = BodyBefore]
    pub(crate) enum Body<F, T> {
        Runs { #[pin] future: F },
        Kept { value: T },
        // It was ready, but too late for `deadline_first`.
        Late,
        Gone,
    }
}

/// How the scope ended.
#[derive(Debug)]
pub(crate) enum Verdict<T> {
    /// The body was ready.
    Value(T),
    /// The scope's own deadline passed, which was this long after it began.
    Expired(Duration),
    /// Somebody cancelled this scope or, for those that report it, one around.
    Cancelled(Arc<Cause>),
}

impl<T> Verdict<T> {
    /// As those see it who make no difference between the two.
    #[inline]
    pub(crate) fn into_ended(self) -> Ended<T> {
        match self {
            Self::Value(value) => Ended::Value(value),
            Self::Expired(_) => Ended::Cancelled(CancelReason::Deadline),
            Self::Cancelled(cause) => Ended::Cancelled(cause.reason.clone()),
        }
    }
}

enum Next {
    Wait,
    /// The body has to be polled again: the scope was cancelled since.
    Again,
    End(End),
}

enum End {
    /// With the value that was kept.
    Kept,
    Expired(Duration),
    Cancelled(Arc<Cause>),
}

impl<F, T> Body<F, T> {
    /// Takes the value that was kept.
    fn value(self: Pin<&mut Self>) -> T {
        match self.project_replace(Self::Gone) {
            BodyBefore::Kept { value } => value,
            BodyBefore::Runs { .. } | BodyBefore::Late | BodyBefore::Gone => {
                unreachable!("a value was kept")
            }
        }
    }
}

impl<F, T> Driver<F, T> {
    #[inline]
    pub(crate) fn new(body: F, time: Time, kind: Kind) -> Self {
        Self::with(body, Own::new(time, kind))
    }

    /// A driver for a node that has its place in the tree.
    pub(crate) fn on(body: F, node: Arc<Node>, sole: bool) -> Self {
        Self::with(body, Own::on(node, sole))
    }

    #[inline]
    fn with(future: F, scope: Own) -> Self {
        Self { body: Body::Runs { future }, alarm: None, scope }
    }

    pub(crate) fn set_grace(&mut self, grace: Duration) {
        self.scope.known().grace = Some(grace);
    }

    pub(crate) fn set_deadline_first(&mut self) {
        self.scope.deadline_first = true;
    }

    /// The node, made if there is none. It finds its place in the tree when the driver is next polled.
    pub(crate) fn node(&self) -> &Arc<Node> {
        self.scope.made_or_early()
    }

    /// The node, if somebody asked for it.
    pub(crate) fn made(&self) -> Option<&Arc<Node>> {
        self.scope.made()
    }

    /// Hands a cancellation that cannot be reported here to the nearest scope around that can.
    pub(crate) fn pass_on(&self, cause: &Cause) {
        if let Some(around) = self.made().and_then(|node| node.reporter_around()) {
            around.cancel(cause.reason.clone());
        }
    }

    #[inline]
    pub(crate) fn poll_end(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Verdict<T>>
    where
        F: Future<Output = T>,
    {
        let mut me = self.project();
        poll_body(me.body, &mut me.alarm, me.scope, cx)
    }
}

impl<F, T> fmt::Debug for Driver<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.made() {
            Some(node) => node.fmt(f),
            None => f.write_str("Scope"),
        }
    }
}

pub(crate) const POLLED_AGAIN: &str = "a scope is not polled again after it was ready";

/// What was seen before and while the body was polled.
#[derive(Clone, Copy, Default)]
struct Seen {
    /// The scope was cancelled already, so the body could know.
    cancelled: bool,
    /// And there were guards inside, whose ends it could not all know.
    busy: bool,
    /// The body was ready, but too late for `deadline_first`.
    too_late: bool,
    /// The body is ready.
    kept: bool,
    /// There is no use in polling it.
    skips: bool,
}

// Timeouts may nest deeply, and each level stands on the stack while those inside are polled. So what polls is kept
// apart from what comes before and after (`look`, `keep`, `go_on`, `finish`, `decide`), which needs far more room.

/// Polls the body, unless there is no use in it any more, and says what follows.
#[inline]
pub(crate) fn poll_body<F: Future, A: Alarm>(
    body: Pin<&mut Body<F, F::Output>>,
    alarm: &mut A,
    scope: &mut Own,
    cx: &mut Context<'_>,
) -> Poll<Verdict<F::Output>> {
    match scope.known.get().is_some() || scope.deadline_first {
        true => poll_known(body, alarm, scope, cx),
        false => poll_unknown(body, alarm, scope, cx),
    }
}

/// As [`poll_body`], where nobody has asked for the scope so far.
#[inline]
fn poll_unknown<F: Future, A: Alarm>(
    mut body: Pin<&mut Body<F, F::Output>>,
    alarm: &mut A,
    scope: &mut Own,
    cx: &mut Context<'_>,
) -> Poll<Verdict<F::Output>> {
    let polled = poll_future(body.as_mut(), scope, cx);
    go_on(polled, body, alarm, scope, cx)
}

#[inline]
fn poll_future<F: Future>(
    body: Pin<&mut Body<F, F::Output>>,
    scope: &mut Own,
    cx: &mut Context<'_>,
) -> Poll<F::Output> {
    let BodyNow::Runs { future } = body.project() else { panic!("{POLLED_AGAIN}") };
    scope.inside(cx, |cx| future.poll(cx))
}

/// What follows when the body was polled where nobody had asked for the scope.
#[inline]
pub(crate) fn go_on<F: Future, A: Alarm>(
    polled: Poll<F::Output>,
    mut body: Pin<&mut Body<F, F::Output>>,
    alarm: &mut A,
    scope: &mut Own,
    cx: &mut Context<'_>,
) -> Poll<Verdict<F::Output>> {
    let known = scope.known.get().is_some();
    match polled {
        Poll::Ready(value) if !known => {
            body.set(Body::Gone);
            return Poll::Ready(Verdict::Value(value));
        }
        Poll::Ready(value) => body.set(Body::Kept { value }),
        Poll::Pending if !known && waits(alarm, scope, cx) => return Poll::Pending,
        Poll::Pending => {
            if let Some(polled) = finish(body.as_mut(), alarm, scope, Seen::default(), cx) {
                return polled;
            }
        }
    }
    poll_known(body, alarm, scope, cx)
}

/// As [`poll_body`], where there is more to know of the scope than a note says.
#[inline(never)]
fn poll_known<F: Future, A: Alarm>(
    mut body: Pin<&mut Body<F, F::Output>>,
    alarm: &mut A,
    scope: &mut Own,
    cx: &mut Context<'_>,
) -> Poll<Verdict<F::Output>> {
    scope.settle();
    loop {
        let mut seen = look(body.as_mut(), scope);
        if !seen.skips {
            let polled = poll_future(body.as_mut(), scope, cx);
            keep(polled, body.as_mut(), scope, &mut seen);
        }
        if let Some(polled) = finish(body.as_mut(), alarm, scope, seen, cx) {
            return polled;
        }
    }
}

/// What there is to see before the body is polled.
#[inline]
fn look<F: Future>(body: Pin<&mut Body<F, F::Output>>, scope: &mut Own) -> Seen {
    let mut seen =
        Seen { cancelled: scope.node().is_some_and(|node| node.is_cancelled()), ..Seen::default() };
    match body.project() {
        // Too late to poll it, unless something inside has to clean up.
        BodyNow::Runs { .. } => {
            let busy = |scope: &Own| scope.node().is_some_and(|node| node.is_busy());
            seen.busy = seen.cancelled && busy(scope);
            seen.skips = scope.deadline_first && scope.is_late() && !busy(scope);
        }
        BodyNow::Kept { .. } => (seen.kept, seen.skips) = (true, true),
        BodyNow::Late => (seen.cancelled, seen.too_late, seen.skips) = (true, true, true),
        BodyNow::Gone => panic!("{POLLED_AGAIN}"),
    }
    seen
}

/// Keeps a value, unless it is too late.
#[inline]
fn keep<F: Future>(
    polled: Poll<F::Output>,
    mut body: Pin<&mut Body<F, F::Output>>,
    scope: &mut Own,
    seen: &mut Seen,
) {
    let Poll::Ready(value) = polled else { return };
    if scope.deadline_first && scope.is_late() && scope.expire() {
        (seen.cancelled, seen.too_late) = (true, true);
        body.set(Body::Late);
    } else {
        seen.kept = true;
        body.set(Body::Kept { value });
    }
}

/// What follows from a body that is pending, or kept: `None` if it has to be polled again.
#[inline(never)]
fn finish<F: Future, A: Alarm>(
    mut body: Pin<&mut Body<F, F::Output>>,
    alarm: &mut A,
    scope: &mut Own,
    seen: Seen,
    cx: &mut Context<'_>,
) -> Option<Poll<Verdict<F::Output>>> {
    let next = if seen.too_late && !scope.node().is_some_and(|node| node.is_busy()) {
        Next::End(End::Expired(scope.length()))
    } else if seen.kept && !scope.node().is_some_and(|node| node.has_orphans()) {
        Next::End(End::Kept)
    } else {
        decide(alarm, scope, seen, cx)
    };
    let verdict = match next {
        Next::Wait => {
            scope.waited = true;
            return Some(Poll::Pending);
        }
        Next::Again => return None,
        Next::End(End::Kept) => {
            scope.end();
            alarm.clear();
            let value = body.value();
            scope.be_over();
            return Some(Poll::Ready(Verdict::Value(value)));
        }
        Next::End(End::Expired(after)) => Verdict::Expired(after),
        Next::End(End::Cancelled(cause)) => Verdict::Cancelled(cause),
    };
    // In this order: clean-up that is cut short now is adopted by a scope around, not by this one.
    scope.end();
    alarm.clear();
    cut_short(|| body.set(Body::Gone));
    scope.be_over();
    Some(Poll::Ready(verdict))
}

/// Whether a body that is pending, and of whose scope there is no node, has to be waited for.
#[inline(never)]
fn waits<A: Alarm>(alarm: &mut A, scope: &mut Own, cx: &mut Context<'_>) -> bool {
    let waits = matches!(decide_unknown(alarm, scope, &mut None, cx), Some(Next::Wait));
    scope.waited |= waits;
    waits
}

/// What to do with a body that is pending, or kept.
fn decide<A: Alarm>(alarm: &mut A, scope: &mut Own, seen: Seen, cx: &mut Context<'_>) -> Next {
    let mut now = None;
    if scope.node().is_none() {
        if let Some(next) = decide_unknown(alarm, scope, &mut now, cx) {
            return next;
        }
        scope.make_node();
    }
    decide_known(alarm, scope, seen, now, cx)
}

/// As [`decide`], where there is no node; `None` if there has to be one.
#[inline]
fn decide_unknown<A: Alarm>(
    alarm: &mut A,
    scope: &mut Own,
    now: &mut Option<Instant>,
    cx: &mut Context<'_>,
) -> Option<Next> {
    scope.time.begin(now);
    let deadline = scope.time.deadline();
    let around = current::around(now);
    // Nobody but the timer ends this scope, so nobody needs to find it.
    let alone = match scope.kind {
        Kind::Timeout => true,
        Kind::Reporter => around.ends_all() || !current::is_some(),
        _ => !current::is_some(),
    };
    if !alone {
        return None;
    }
    if deadline < around.drop_by() || deadline == Deadline::NEVER {
        let Poll::Ready(now) = poll_alarm(alarm, cx, deadline, *now, scope.waited) else {
            return Some(Next::Wait);
        };
        let first = !around.drop_by().has_elapsed_by(now) && !current::is_cancelled();
        return first.then(|| Next::End(End::Expired(scope.length())));
    }
    // The future around ends this one no later; and this one is polled again whenever that one is.
    around.wakes(WakerId::of(cx.waker()), false).then(|| {
        alarm.clear();
        Next::Wait
    })
}

/// As [`decide`], where there is a node.
#[inline(never)]
fn decide_known<A: Alarm>(
    alarm: &mut A,
    scope: &mut Own,
    seen: Seen,
    mut now: Option<Instant>,
    cx: &mut Context<'_>,
) -> Next {
    let around = current::around(&mut now);
    let (kind, waited) = (scope.kind, scope.waited);
    let Watched { node, place, look, grace, reach, ending } = scope.watch(cx);
    // A node that was made during this poll promised the deadline it had as version 0.
    if reach.map_or(0, |(version, _)| version) != node.version() {
        // The deadline was moved while the body was polled: what is inside may have relied on the old one
        // before it could be woken for the new one.
        node.wake_drivers();
    }
    if seen.kept && !node.has_orphans() {
        return Next::End(End::Kept);
    }
    if let Some((cause, own)) = look.cause {
        if kind != Kind::Run && node.is_ended_from_around() {
            return Next::Wait;
        }
        if own || look.expired || kind != Kind::Timeout {
            if !seen.kept && (!seen.cancelled || seen.busy && !look.busy) {
                return Next::Again;
            }
            let until =
                *ending.get_or_insert_with(|| grace.map_or(Deadline::NEVER, Deadline::after));
            if (seen.kept || look.busy) && poll_alarm(alarm, cx, until, None, waited).is_pending() {
                return Next::Wait;
            }
            return Next::End(if seen.kept {
                End::Kept
            } else if look.expired {
                End::Expired(scope.length())
            } else {
                End::Cancelled(cause)
            });
        }
    }
    let minds_all = minds_all(node, around);
    let deadline = if minds_all { look.effective } else { look.deadline };
    // A future around that this one does not belong to, for it was kept elsewhere, neither ends it nor wakes it.
    let relies = around.wakes(WakerId::of(cx.waker()), current::contains(node));
    let drop_by = if relies { around.drop_by() } else { Deadline::NEVER };
    // Of two equal deadlines the outer one reports.
    let deadline = if drop_by <= deadline { Deadline::NEVER } else { deadline };
    match poll_alarm(alarm, cx, deadline, now, waited) {
        Poll::Ready(now) if !drop_by.has_elapsed_by(now) => {
            // Who has no future around to leave it to looks whether a scope around was first, or not later.
            let looks_up = minds_all || kind == Kind::Run;
            // A deadline that is being moved may be seen here before it is seen from there.
            let outermost = if looks_up { node.outermost_expired(now) } else { None };
            node.unwatch(place);
            outermost.unwrap_or(node).expire(now);
            Next::Again
        }
        _ => Next::Wait,
    }
}
