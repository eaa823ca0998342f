// How it works
//
// The group is a scope, the body runs in a scope inside it, and so does every child in its own task:
//
//     the caller's scope ─ group ─┬─ body
//                                 ├─ child ─ …
//                                 └─ child ─ …
//
// Cancelling the group therefore reaches everybody through the tree, and this future has only to wait: for the
// body, which it polls, and then for the count of those inside to become zero. While it waits it holds a guard, so
// that the scopes around, when they are cancelled, do not drop it before its children have ended.
//
// A cancellation from around that leaves nothing to report is not reported: the future lets go of its guard and
// stays pending, and the scope around drops it. So code that awaits a group never sees a cancellation that is not
// its own. Where a scope is current but drops nothing (in a thread's job, in a task that was carried into it), that
// would be for ever: there the cancellation is reported like one of the group.
//
// Dropped before that, by `select!` or the like, it cancels the group and lets it end by itself; the nearest scope
// around that has not ended waits for it. But a scope around that was cancelled and drops this all the same does so
// because the time to clean up is over: then the children are told to drop what they have.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tidegate_semaphore::Semaphore;
use tidegate_timeout::scope::{Ended, Guard, Resident, Scope};
use tidegate_timeout::{CancelReason, Deadline, ScopeHandle, checkpoint, current_scope};
use tokio::time::{Sleep, sleep_until};

use crate::core::Core;
use crate::error_group::{ErrorGroup, Ways};
use crate::group::TaskGroup;
use crate::policy::Policy;
use crate::shared::{BodyEnd, Rules, Shared, Verdict};
use crate::tree::Card;

/// What the group is to be like.
pub(crate) struct Plan<E> {
    pub(crate) rules: Rules,
    pub(crate) limit: Option<usize>,
    pub(crate) deadline: Deadline,
    pub(crate) ways: Ways<E>,
}

pin_project! {
    /// The future of [`TaskGroup::scope`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct ScopeFut<T, E, B, Fut: Future> {
        plan: Option<(Plan<E>, B)>,
        #[pin]
        body: Option<Resident<Fut, Result<T, E>>>,
        running: Option<Running<T, E>>,
        #[pin]
        timer: Option<Sleep>,
        // Of a group that left its end to the scope around.
        left: Option<Scope>,
    }

    impl<T, E, B, Fut: Future> PinnedDrop for ScopeFut<T, E, B, Fut> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(running) = this.running.take() {
                running.abandon(|| this.body.set(None));
            }
        }
    }
}

struct Running<T, E> {
    shared: Arc<Shared<E>>,
    scope: Scope,
    /// The scope around.
    outer: Option<ScopeHandle>,
    /// What it was when this last looked: it may be moved.
    deadline: Deadline,
    /// Until when there is something to do about it.
    ends_at: Deadline,
    /// When the time to stop in is over, once there was a request.
    stop_by: Option<Deadline>,
    end: Option<BodyEnd<T, E>>,
    guard: Guard,
}

impl<T, E, B, Fut: Future> ScopeFut<T, E, B, Fut> {
    pub(crate) fn new(plan: Plan<E>, body: B) -> Self {
        Self { plan: Some((plan, body)), body: None, running: None, timer: None, left: None }
    }
}

impl<T, E, B, Fut> Future for ScopeFut<T, E, B, Fut>
where
    B: FnOnce(TaskGroup<E>) -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    type Output = Result<T, ErrorGroup<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut me = self.project();
        if let Some((plan, make)) = me.plan.take() {
            let running = me.running.insert(Running::start(plan));
            me.body.set(running.make_body(make));
        }
        // Without a group there is nothing more to say: the scope around takes over.
        let Some(running) = me.running else {
            let taken_over = me.left.as_ref().is_none_or(Scope::is_dropped_from_around);
            assert!(
                taken_over,
                "a group that a scope has ended is not polled outside of that scope"
            );
            return Poll::Pending;
        };

        // Who leaves after this wakes us.
        running.shared.core.signal.register(cx.waker());
        let (stops, moved) = (running.hears_of_stop(), running.hears_of_deadline());
        if stops || moved {
            me.timer.set(None);
        }
        // The timer before the body, which may use up the task's budget.
        running.poll_timer(me.timer.as_mut(), cx);
        if let Some(body) = me.body.as_mut().as_pin_mut() {
            if let Poll::Ready(ended) = running.poll_body(body, cx) {
                me.body.set(None);
                running.body_ended(ended);
            }
        }
        if !running.shared.core.is_over() || running.lingers(cx) {
            if me.timer.is_none() {
                running.set_timer(me.timer.as_mut());
                running.poll_timer(me.timer.as_mut(), cx);
            }
            return Poll::Pending;
        }

        let Some(running) = me.running.take() else { return Poll::Pending };
        me.timer.set(None);
        let scope = running.scope.clone();
        match running.conclude() {
            Verdict::Done(result) => Poll::Ready(result),
            Verdict::Resume(payload) => resume_unwind(payload),
            Verdict::LeaveToOuter => {
                *me.left = Some(scope);
                Poll::Pending
            }
        }
    }
}

impl<T, E> Running<T, E> {
    fn start(plan: Plan<E>) -> Self {
        let outer = current_scope();
        let graced = |scope: Scope| match plan.rules.grace {
            Some(grace) => scope.with_grace(grace),
            None => scope,
        };
        let scope = graced(Scope::new()).with_deadline(plan.deadline);
        let guard = scope.guard();
        // Who comes second must not take the body along.
        let children = match plan.rules.policy {
            Policy::FirstSuccess => graced(scope.enter(Scope::new)),
            _ => scope.clone(),
        };
        let limit = plan.limit.map(|limit| limit.min(Semaphore::MAX_PERMITS));
        let limit = limit.map(|limit| Arc::new(Semaphore::new(limit)));
        let core = Core::new(scope.handle(), children, Card::of(&plan.rules, limit));
        if plan.rules.policy == Policy::FirstSuccess {
            // It is there to be found; the children are told once more, to no effect.
            scope.set_audience(Arc::downgrade(&core) as _);
        }
        let shared = Arc::new(Shared::new(core, plan.rules, plan.ways));
        let deadline = plan.deadline;
        let ends_at = deadline;
        Self { shared, scope, outer, deadline, ends_at, stop_by: None, end: None, guard }
    }

    /// Calls the user's closure; `None` if it panicked.
    fn make_body<B, Fut>(&mut self, make: B) -> Option<Resident<Fut>>
    where
        B: FnOnce(TaskGroup<E>) -> Fut,
        Fut: Future,
    {
        let group = TaskGroup::new(Arc::clone(&self.shared));
        match catch_unwind(AssertUnwindSafe(|| self.scope.enter(|| make(group)))) {
            Ok(body) => Some(self.scope.host(body)),
            Err(payload) => {
                self.body_ended(Ended::Panicked(payload));
                None
            }
        }
    }

    fn poll_body<Fut: Future<Output = Result<T, E>>>(
        &mut self,
        mut body: Pin<&mut Resident<Fut>>,
        cx: &mut Context<'_>,
    ) -> Poll<Ended<Result<T, E>>> {
        loop {
            let polled = body.as_mut().poll(cx);
            if let Some(result) = body.as_mut().kept() {
                self.shared.body_will_end(result);
            }
            // From here on a cancellation wakes this task.
            if polled.is_ready() || self.guard.poll_cancelled(cx).is_pending() || !body.is_behind()
            {
                return polled;
            }
        }
    }

    fn body_ended(&mut self, ended: Ended<Result<T, E>>) {
        self.end = Some(self.shared.body_ended(ended));
        self.shared.core.body_ended();
    }

    /// Whether there is a request to stop, with a time for it, that was not there before.
    fn hears_of_stop(&mut self) -> bool {
        let news = self.stop_by.is_none();
        self.stop_by = self.stop_by.or_else(|| self.shared.core.stop_by.get().copied());
        news && self.stop_by.is_some()
    }

    /// Whether the deadline was moved.
    fn hears_of_deadline(&mut self) -> bool {
        let deadline = self.shared.core.handle.deadline();
        let moved = deadline != self.deadline;
        if moved {
            (self.deadline, self.ends_at) = (deadline, deadline);
        }
        moved
    }

    /// Whether it waits for what an aborted child has left behind. When the whole group was cancelled and has a grace,
    /// that had its time, and it is the scope around that waits.
    fn lingers(&mut self, cx: &mut Context<'_>) -> bool {
        self.guard.poll_alone(cx).is_pending()
            && (self.shared.rules.grace.is_none() || self.guard.poll_cancelled(cx).is_pending())
    }

    fn set_timer(&self, mut timer: Pin<&mut Option<Sleep>>) {
        let next = self.ends_at.earliest(self.stop_by.unwrap_or(Deadline::NEVER));
        if let Some(at) = next.instant() {
            timer.set(Some(sleep_until(at)));
        }
    }

    fn poll_timer(&mut self, mut timer: Pin<&mut Option<Sleep>>, cx: &mut Context<'_>) {
        let Some(sleep) = timer.as_mut().as_pin_mut() else { return };
        if sleep.is_elapsed() || sleep.poll(cx).is_ready() {
            timer.set(None);
            // Of several deadlines that have passed, here and around, the outermost reports.
            let _ = self.scope.enter(checkpoint);
            if self.ends_at.has_elapsed() {
                self.ends_at = Deadline::NEVER;
            }
            if let Some(stop_by) = self.stop_by.as_mut().filter(|it| it.has_elapsed()) {
                *stop_by = Deadline::NEVER;
                self.shared.core.handle.cancel(CancelReason::Shutdown);
            }
        }
    }

    fn conclude(self) -> Verdict<T, E> {
        let dropped = self.outer.is_some_and(|outer| outer.is_cancelled())
            && self.scope.is_dropped_from_around();
        let end = self.end.expect("a group that is over has a body that has ended");
        self.shared.conclude(end, dropped)
    }

    /// Ends a group that nobody waits for any more.
    fn abandon(self, drop_body: impl FnOnce()) {
        let (why, inside) = ("the scope of the group was dropped", self.end.is_none());
        self.shared.core.abandon(why, inside, drop_body);
    }
}

impl<T, E, B, Fut: Future> fmt::Debug for ScopeFut<T, E, B, Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = self.running.as_ref().map(|running| running.shared.core.len());
        f.debug_struct("ScopeFut").field("len", &len).finish_non_exhaustive()
    }
}
