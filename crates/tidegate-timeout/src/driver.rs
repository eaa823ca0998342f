// How it works
//
// Every future that is a scope polls its body through here. In this order:
//
//   1. Poll the body inside the scope. A value is kept, whatever the clock says.
//   2. Only when the body is pending: what is the deadline? A relative one starts now; before this no clock
//      was read. If the futures around drop this one no later than that, there is no timer; their deadlines
//      may move, though, so the scope gets a node, through which it is woken then.
//   3. If the deadline has passed, or the scope was cancelled: poll the body once more, so that it can learn
//      of it. If it is still pending, wait until the guards inside are gone or the grace is over, drop it,
//      and report.
//
// Of several scopes that end at once the outermost reports: before an inner one reports anything it looks
// whether a future around it is about to drop it, and then stays pending.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::task::coop;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::current::{self, Around, Lazy, Start};
use crate::deadline::Deadline;
use crate::node::{Cause, Kind, Look, Node};

pin_project! {
    /// A body, polled inside its scope until it is ready or the scope ends it.
    pub(crate) struct Driver<F> {
        #[pin]
        body: Option<F>,
        #[pin]
        timer: Timer,
        // After the body: what the body holds in the scope is given back before the scope ends.
        scope: Own,
        plan: Plan,
    }
}

/// How the scope ended.
#[derive(Debug)]
pub(crate) enum Verdict<T> {
    /// The body was ready.
    Value(T),
    /// The scope's own deadline passed. When the time had begun to run, and the deadline.
    Expired(Option<Instant>, Deadline),
    /// Somebody cancelled this scope or, for those that report it, one around.
    Cancelled(Arc<Cause>),
}

/// What does not change while the body runs, and what was found out so far.
#[derive(Debug)]
struct Plan {
    kind: Kind,
    grace: Option<Duration>,
    deadline_first: bool,
    /// When the time began to run.
    started: Option<Instant>,
    /// The end of the grace, once the scope only waits for its guards.
    ending: Option<Deadline>,
}

/// The scope of this driver, and its place among the scope's watchers.
#[derive(Debug)]
struct Own {
    lazy: Lazy,
    node: Option<Arc<Node>>,
    /// The node, if it was made for a handle, until the first poll: only then its place in the tree is known.
    early: OnceLock<Arc<Node>>,
    place: Option<usize>,
    /// When this driver drops its body, as of that version of the node.
    reach: Option<(u32, Deadline)>,
    /// The node is nobody else's: it ends with this driver.
    sole: bool,
}

enum Next {
    Wait,
    /// The body has to be polled again: the scope was cancelled since.
    Again,
    End(End),
}

enum End {
    Expired(Option<Instant>, Deadline),
    Cancelled(Arc<Cause>),
}

impl<T> From<End> for Verdict<T> {
    fn from(end: End) -> Self {
        match end {
            End::Expired(started, deadline) => Self::Expired(started, deadline),
            End::Cancelled(cause) => Self::Cancelled(cause),
        }
    }
}

impl<F> Driver<F> {
    pub(crate) fn new(body: F, start: Start, kind: Kind) -> Self {
        Self::with(body, Own::new(Lazy { start, kind }, OnceLock::new(), None, true), None)
    }

    /// A driver for a node that has its place in the tree.
    pub(crate) fn on(body: F, node: Arc<Node>, sole: bool) -> Self {
        let lazy = Lazy { start: Start::At(Deadline::NEVER), kind: node.kind };
        let grace = node.grace();
        Self::with(body, Own::new(lazy, OnceLock::new(), Some(node), sole), grace)
    }

    fn with(body: F, scope: Own, grace: Option<Duration>) -> Self {
        let kind = scope.lazy.kind;
        let plan = Plan { kind, grace, deadline_first: false, started: None, ending: None };
        Self { body: Some(body), timer: Timer { sleep: None, set_for: None }, scope, plan }
    }

    pub(crate) fn set_grace(&mut self, grace: Duration) {
        self.plan.grace = Some(grace);
    }

    pub(crate) fn set_deadline_first(&mut self) {
        self.plan.deadline_first = true;
    }

    /// The node, made if there is none. It finds its place in the tree when the driver is first polled.
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
}

impl<F> fmt::Debug for Driver<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.made() {
            Some(node) => node.fmt(f),
            None => f.write_str("Scope"),
        }
    }
}

impl<F: Future> Driver<F> {
    #[inline]
    pub(crate) fn poll_end(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Verdict<F::Output>> {
        let mut me = self.project();
        if me.scope.node.is_some() || me.scope.early.get().is_some() || me.plan.deadline_first {
            return poll_known(me.body, me.timer, me.scope, me.plan, cx);
        }
        // Nobody has asked for this scope so far: the short way, step by step as the long one.
        let had_budget = coop::has_budget_remaining();
        let body = me.body.as_mut().as_pin_mut().expect(POLLED_AGAIN);
        if let Poll::Ready(value) =
            current::enter_lazy(me.scope.lazy, &mut me.scope.node, || body.poll(cx))
        {
            me.body.set(None);
            me.scope.end();
            return Poll::Ready(Verdict::Value(value));
        }
        let seen = Seen { had_budget, ..Seen::default() };
        match finish(me.body.as_mut(), me.timer.as_mut(), me.scope, me.plan, seen, cx) {
            Some(polled) => polled,
            None => poll_known(me.body, me.timer, me.scope, me.plan, cx),
        }
    }
}

pin_project! {
    /// All of a driver but the body, for those who keep the body apart: a task that never waits needs no leash.
    pub(crate) struct Leash {
        #[pin]
        timer: Timer,
        scope: Own,
        plan: Plan,
    }
}

impl Leash {
    /// For a scope of its own, of which `node` is there if somebody inside has asked for it.
    pub(crate) fn new(node: Option<Arc<Node>>, grace: Option<Duration>) -> Self {
        Self::with(Own::new(Lazy::RUN, OnceLock::new(), node, true), grace)
    }

    /// For a node that has its place in the tree.
    pub(crate) fn on(node: Arc<Node>) -> Self {
        let grace = node.grace();
        Self::with(Own::new(Lazy::RUN, OnceLock::new(), Some(node), false), grace)
    }

    fn with(scope: Own, grace: Option<Duration>) -> Self {
        let plan =
            Plan { kind: Kind::Run, grace, deadline_first: false, started: None, ending: None };
        Self { timer: Timer { sleep: None, set_for: None }, scope, plan }
    }

    pub(crate) fn set_grace(self: Pin<&mut Self>, grace: Duration) {
        self.project().plan.grace = Some(grace);
    }

    /// As [`Driver::node`].
    pub(crate) fn node(&self) -> &Arc<Node> {
        self.scope.made_or_early()
    }

    /// As [`Driver::made`].
    pub(crate) fn made(&self) -> Option<&Arc<Node>> {
        self.scope.made()
    }

    pub(crate) fn poll_end<F: Future>(
        self: Pin<&mut Self>,
        body: Pin<&mut Option<F>>,
        cx: &mut Context<'_>,
    ) -> Poll<Verdict<F::Output>> {
        let me = self.project();
        poll_known(body, me.timer, me.scope, me.plan, cx)
    }

    /// As [`poll_end`](Self::poll_end), when the body has just been polled in the scope and is pending.
    pub(crate) fn poll_pending<F: Future>(
        self: Pin<&mut Self>,
        mut body: Pin<&mut Option<F>>,
        had_budget: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Verdict<F::Output>> {
        let mut me = self.project();
        let seen = Seen { had_budget, ..Seen::default() };
        match finish(body.as_mut(), me.timer.as_mut(), me.scope, me.plan, seen, cx) {
            Some(polled) => polled,
            None => poll_known(body, me.timer, me.scope, me.plan, cx),
        }
    }
}

pub(crate) const POLLED_AGAIN: &str = "a scope is not polled again after it was ready";

/// What was seen before and while the body was polled.
#[derive(Clone, Copy, Default)]
struct Seen {
    /// The scope was cancelled already, so the body could know.
    cancelled: bool,
    had_budget: bool,
    /// The body was ready, but too late for `deadline_first`.
    too_late: bool,
}

// Timeouts may nest deeply, and each level stands on the stack while those inside are polled. So what polls
// (these two) is kept apart from what follows (`decide`, `finish`), which needs far more room.

/// Polls the body, as often as what follows from it says.
fn poll_known<F: Future>(
    mut body: Pin<&mut Option<F>>,
    mut timer: Pin<&mut Timer>,
    scope: &mut Own,
    plan: &mut Plan,
    cx: &mut Context<'_>,
) -> Poll<Verdict<F::Output>> {
    scope.settle();
    loop {
        let mut seen = Seen::default();
        if let Poll::Ready(value) = poll_inside(body.as_mut(), scope, plan, &mut seen, cx) {
            body.set(None);
            scope.end();
            return Poll::Ready(Verdict::Value(value));
        }
        let polled = finish(body.as_mut(), timer.as_mut(), scope, plan, seen, cx);
        if let Some(polled) = polled {
            return polled;
        }
    }
}

fn poll_inside<F: Future>(
    body: Pin<&mut Option<F>>,
    scope: &mut Own,
    plan: &mut Plan,
    seen: &mut Seen,
    cx: &mut Context<'_>,
) -> Poll<F::Output> {
    let body = body.as_pin_mut().expect(POLLED_AGAIN);
    seen.cancelled = scope.node.as_ref().is_some_and(|node| node.is_cancelled());
    seen.had_budget = coop::has_budget_remaining();
    // Too late to poll it, unless something inside has to clean up.
    if plan.deadline_first && scope.is_late(plan) && !scope.is_busy() {
        return Poll::Pending;
    }
    let value = ready!(scope.inside(plan.kind, || body.poll(cx)));
    seen.too_late = plan.deadline_first && scope.is_late(plan) && scope.expire();
    if seen.too_late { Poll::Pending } else { Poll::Ready(value) }
}

/// What follows from a body that is pending: `None` if it has to be polled again.
#[inline(never)]
fn finish<F: Future>(
    mut body: Pin<&mut Option<F>>,
    mut timer: Pin<&mut Timer>,
    scope: &mut Own,
    plan: &mut Plan,
    seen: Seen,
    cx: &mut Context<'_>,
) -> Option<Poll<Verdict<F::Output>>> {
    let next = if seen.too_late {
        Next::End(End::Expired(plan.started, scope.deadline()))
    } else {
        decide(timer.as_mut(), scope, plan, seen, cx)
    };
    match next {
        Next::Wait => Some(Poll::Pending),
        Next::Again => None,
        Next::End(end) => {
            timer.clear();
            body.set(None);
            scope.end();
            Some(Poll::Ready(end.into()))
        }
    }
}

/// What to do with a body that is pending.
#[inline(never)]
fn decide(
    mut timer: Pin<&mut Timer>,
    scope: &mut Own,
    plan: &mut Plan,
    seen: Seen,
    cx: &mut Context<'_>,
) -> Next {
    // A body that used up its task's budget must still time out.
    let free = seen.had_budget && !coop::has_budget_remaining();
    let around = current::around();
    let mut now = None;
    if scope.node.is_none() {
        now = scope.start(plan);
        let deadline = scope.deadline();
        // Nobody but the timer ends this scope, so nobody needs to find it.
        let alone = match plan.kind {
            Kind::Timeout => true,
            Kind::Reporter => around.owns() || !current::is_some(),
            Kind::Run => !current::is_some(),
        };
        if alone && (deadline < around.drop_by() || deadline == Deadline::NEVER) {
            match timer.as_mut().poll(cx, deadline, now, free) {
                Poll::Pending => return Next::Wait,
                Poll::Ready(now)
                    if !around.drop_by().has_elapsed_by(now) && !current::is_cancelled() =>
                {
                    return Next::End(End::Expired(plan.started, deadline));
                }
                Poll::Ready(_) => {}
            }
        }
        scope.make_node();
    }

    // A node that was made during this poll promised the deadline it had as version 0.
    let version = scope.reach.map_or(0, |(version, _)| version);
    let (node, place, look) = scope.watch(cx);
    if version != node.version() {
        // The deadline was moved while the body was polled: what is inside may have relied on the old one
        // before it could be woken for the new one.
        node.wake_drivers();
    }
    plan.started = plan.started.or(node.started);
    if let Some((cause, own)) = look.cause {
        if plan.kind != Kind::Run && node.is_ended_from_around() {
            return Next::Wait;
        }
        if own || look.expired || plan.kind != Kind::Timeout {
            if !seen.cancelled {
                return Next::Again;
            }
            let until = *plan
                .ending
                .get_or_insert_with(|| plan.grace.map_or(Deadline::NEVER, Deadline::after));
            if look.busy && timer.poll(cx, until, None, free).is_pending() {
                return Next::Wait;
            }
            return Next::End(if look.expired {
                End::Expired(plan.started, look.deadline)
            } else {
                End::Cancelled(cause)
            });
        }
    }
    // What can report a cancellation from around, and is not dropped by it, also minds the deadlines around:
    // perhaps nobody else does any more.
    let minds_all = plan.kind == Kind::Reporter && !around.owns();
    let deadline = if minds_all { look.effective } else { look.deadline };
    // Of two equal deadlines the outer one reports.
    let deadline = if around.drop_by() <= deadline { Deadline::NEVER } else { deadline };
    match timer.poll(cx, deadline, now, free) {
        Poll::Ready(now) if !around.drop_by().has_elapsed_by(now) => {
            let expired = if minds_all { node.outermost_expired(now) } else { Some(node) };
            node.unwatch(place);
            expired.into_iter().for_each(|node| node.expire(now));
            Next::Again
        }
        _ => Next::Wait,
    }
}

impl Own {
    fn new(lazy: Lazy, early: OnceLock<Arc<Node>>, node: Option<Arc<Node>>, sole: bool) -> Self {
        Self { lazy, node, early, place: None, reach: None, sole }
    }

    fn made(&self) -> Option<&Arc<Node>> {
        self.node.as_ref().or_else(|| self.early.get())
    }

    fn made_or_early(&self) -> &Arc<Node> {
        match &self.node {
            Some(node) => node,
            None => self.early.get_or_init(|| self.lazy.node()),
        }
    }

    /// Puts a node that was made for a handle where it is polled.
    fn settle(&mut self) {
        if let Some(node) = self.early.take() {
            current::node().into_iter().for_each(|parent| node.attach(parent));
            self.node = Some(node);
        }
    }

    /// Runs `f`, a poll of the body, inside the scope.
    fn inside<R>(&mut self, kind: Kind, f: impl FnOnce() -> R) -> R {
        if self.node.is_none() {
            return current::enter_lazy(self.lazy, &mut self.node, f);
        }
        let around = self.prepare(kind);
        current::enter(&mut self.node, around, f)
    }

    /// Before the body is polled in a scope of which there is a node: what the body can rely on.
    fn prepare(&mut self, kind: Kind) -> Around {
        let node = self.node.as_ref().expect("there is a node");
        let around = current::around();
        let contained = current::contains(node);
        node.set_contained(contained);
        let version = node.version();
        let reach = match self.reach {
            Some((seen, reach)) if seen == version => reach,
            _ if kind == Kind::Timeout || (kind == Kind::Reporter && contained) => node.deadline(),
            _ => node.effective(),
        };
        self.reach = Some((version, reach));
        around.drops_by(reach)
    }

    /// Starts the time of a relative deadline, unless it runs already; the clock, if it was read for that.
    fn start(&mut self, plan: &mut Plan) -> Option<Instant> {
        if plan.started.is_some() || matches!(self.lazy.start, Start::At(Deadline::NEVER)) {
            return None;
        }
        let now = Instant::now();
        plan.started = Some(now);
        if let Start::After(after) = self.lazy.start {
            self.lazy.start = Start::At(Deadline::since(now, after));
        }
        Some(now)
    }

    fn deadline(&self) -> Deadline {
        match (&self.node, self.lazy.start) {
            (Some(node), _) => node.deadline(),
            (None, Start::At(deadline)) => deadline,
            (None, Start::After(after)) => Deadline::after(after),
        }
    }

    /// For `deadline_first`: whether the deadline has passed.
    fn is_late(&mut self, plan: &mut Plan) -> bool {
        if self.node.is_none() {
            self.start(plan);
        }
        self.deadline().has_elapsed()
    }

    /// For `deadline_first`: ends the scope by its deadline, unless something else came first.
    fn expire(&mut self) -> bool {
        self.node.as_ref().is_none_or(|node| {
            node.expire(Instant::now());
            node.has_expired()
        })
    }

    fn make_node(&mut self) {
        let node = self.lazy.node();
        current::node().into_iter().for_each(|parent| {
            node.set_contained(current::around().owns());
            node.attach(parent);
        });
        self.node = Some(node);
    }

    fn is_busy(&self) -> bool {
        self.node.as_ref().is_some_and(|node| node.is_busy())
    }

    /// Keeps the task's waker where whatever concerns the scope wakes it.
    fn watch(&mut self, cx: &Context<'_>) -> (&Arc<Node>, usize, Look) {
        let node = self.node.as_ref().expect("the node was made");
        let place = *self.place.get_or_insert_with(|| node.join(true));
        (node, place, node.watch(place, cx.waker()))
    }

    #[inline]
    fn end(&mut self) {
        if self.node.is_some() || self.early.get().is_some() {
            self.end_known();
        }
    }

    #[cold]
    fn end_known(&mut self) {
        let Some(node) = self.node.as_ref().or_else(|| self.early.get()) else { return };
        self.place.take().into_iter().for_each(|place| node.leave(place));
        if self.sole {
            node.end();
        }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.end();
    }
}

pin_project! {
    /// A tokio timer that is only there when it is needed, and can be set anew.
    struct Timer {
        #[pin]
        sleep: Option<Sleep>,
        set_for: Option<Instant>,
    }
}

impl Timer {
    fn clear(self: Pin<&mut Self>) {
        let mut me = self.project();
        me.sleep.set(None);
        *me.set_for = None;
    }

    /// Ready with the present once `deadline` has passed. `now` saves reading the clock.
    fn poll(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        deadline: Deadline,
        now: Option<Instant>,
        free: bool,
    ) -> Poll<Instant> {
        let mut me = self.project();
        let Some(at) = deadline.instant() else {
            me.sleep.set(None);
            *me.set_for = None;
            return Poll::Pending;
        };
        if *me.set_for != Some(at) {
            let now = now.unwrap_or_else(Instant::now);
            if at <= now {
                if !free {
                    ready!(coop::poll_proceed(cx)).made_progress();
                }
                return Poll::Ready(now);
            }
            match me.sleep.as_mut().as_pin_mut() {
                Some(sleep) => sleep.reset(at),
                None => me.sleep.set(Some(sleep_until(at))),
            }
            *me.set_for = Some(at);
        }
        let sleep = me.sleep.as_pin_mut().expect("it was set");
        if free {
            ready!(Pin::new(&mut coop::unconstrained(sleep)).poll(cx));
        } else {
            ready!(sleep.poll(cx));
        }
        // Asked again, it looks at the clock: a timer must not be polled after it was ready.
        *me.set_for = None;
        Poll::Ready(Instant::now())
    }
}
