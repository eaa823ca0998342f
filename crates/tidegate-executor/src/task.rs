// How it works
//
// A task is polled by a runtime in a scope of its own, and with what its asker had around it. However it comes to
// an end (a value, a panic, a cancellation, a runtime that drops it, be it before the first poll), its
// future is dropped first, then the callbacks run, and then the result is handed over and whoever counts the task is
// told, in one step.
//
// If the asker is in a scope, the task's is inside a scope below that, the `mark`, which has a guard until
// the result is there. (Not the task's own: one's guard keeps one's own future from being dropped.)

use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tidegate_timeout::scope::{Ended, Guard, Orphan, Run, Scope};
use tidegate_timeout::{CancelReason, current_scope};
use tokio::runtime::Handle;

use crate::blocking_future::BlockingFuture;
use crate::call::{Call, Outcome};
use crate::deadlock::{Key, Waits};
use crate::hub::Member;
use crate::inherit::Inherited;
use crate::quiet::quietly;
use crate::wait_error::WaitError;
use crate::watch::in_poll;

/// Has `runtime` poll `future`, as a part of the current scope.
pub(crate) fn start<F>(
    runtime: &Handle,
    future: F,
    location: &'static Location<'static>,
) -> BlockingFuture<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    match current_scope().map(|_| Scope::new()) {
        Some(mark) => {
            let hold = Hold { around: Some(Around::Guard(mark.guard())), ..Hold::default() };
            start_in(runtime, future, location, &mark, hold)
        }
        None => start_in(runtime, future, location, &Scope::new(), Hold::default()),
    }
}

/// Has `runtime` poll `future` inside `mark`, which is held by `hold` meanwhile.
pub(crate) fn start_in<F>(
    runtime: &Handle,
    future: F,
    location: &'static Location<'static>,
    mark: &Scope,
    mut hold: Hold,
) -> BlockingFuture<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let scope = mark.enter(Scope::new);
    let call = Call::new(hold.key, runtime.id(), scope.handle(), location);
    let call = Arc::new(call.awaited_by(hold.waits.take()));
    let task = Task {
        run: Some(scope.run(future)),
        work: Work { call: Some(Arc::clone(&call)), scope, mark: mark.clone(), hold },
        inherited: Inherited::here(),
        location,
        started: false,
    };
    drop(runtime.spawn(task));
    BlockingFuture::new(call)
}

/// What is kept until a task has ended.
pub(crate) struct Hold {
    pub(crate) key: Key,
    /// Has the scopes around wait.
    pub(crate) around: Option<Around>,
    /// The task's place in a portal.
    pub(crate) member: Option<Member>,
    /// The thread that waits for its result.
    pub(crate) waits: Option<Waits>,
}

impl Default for Hold {
    fn default() -> Self {
        Self { key: Key::next(), around: None, member: None, waits: None }
    }
}

#[expect(dead_code, reason = "kept for their drops")]
pub(crate) enum Around {
    Guard(Guard),
    Orphan(Orphan),
}

pin_project! {
    struct Task<F: Future> {
        #[pin]
        run: Option<Run<F>>,
        work: Work<F::Output>,
        inherited: Inherited,
        location: &'static Location<'static>,
        started: bool,
    }

    impl<F: Future> PinnedDrop for Task<F> {
        fn drop(this: Pin<&mut Self>) {
            let me = this.project();
            let mut run = me.run;
            if run.is_some() {
                let drops = || me.inherited.enter(|| run.set(None));
                quietly(|| me.work.hold.key.polled(drops));
            }
            me.work.end(Err(WaitError::Cancelled(CancelReason::Shutdown)));
        }
    }
}

struct Work<T> {
    /// Until the task has ended.
    call: Option<Arc<Call<T>>>,
    scope: Scope,
    mark: Scope,
    hold: Hold,
}

impl<T> Work<T> {
    /// Hands the result over, if that has not been done.
    fn end(&mut self, result: Outcome<T>) {
        let Some(call) = self.call.take() else { return };
        let Hold { around, member, .. } = &mut self.hold;
        let (mut around, mut member) = (around.take(), member.take());
        let strike_off = || member.as_mut().and_then(Member::strike_off);
        match result {
            Err(error @ WaitError::Cancelled(_)) if self.mark.handle().is_cancelled() => {
                call.settle_late(error, || drop(around.take()), strike_off);
            }
            result => call.settle(result, strike_off),
        }
        quietly(|| drop(around));
    }
}

impl<F: Future> Future for Task<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let me = self.project();
        let mut run = me.run;
        let early = (!std::mem::replace(me.started, true))
            .then(|| me.work.scope.handle().reason())
            .flatten();
        let result = match early {
            Some(why) => Err(WaitError::Cancelled(why)),
            None => {
                let Some(running) = run.as_mut().as_pin_mut() else { return Poll::Ready(()) };
                let poll = || in_poll(me.location, None, None, || running.poll(cx));
                let poll = || me.work.hold.key.polled(|| me.inherited.enter(poll));
                let polled = catch_unwind(AssertUnwindSafe(poll));
                match polled {
                    Ok(Poll::Pending) => return Poll::Pending,
                    Ok(Poll::Ready(Ended::Value(value))) => Ok(value),
                    Ok(Poll::Ready(Ended::Cancelled(why))) => Err(WaitError::Cancelled(why)),
                    Ok(Poll::Ready(Ended::Panicked(panic))) | Err(panic) => {
                        Err(WaitError::from_payload(panic))
                    }
                }
            }
        };
        let drops = || me.inherited.enter(|| run.set(None));
        quietly(|| me.work.hold.key.polled(drops));
        me.work.end(result);
        Poll::Ready(())
    }
}
