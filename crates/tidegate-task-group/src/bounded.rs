use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tidegate_semaphore::{AcquireOwnedFut, Semaphore};
use tidegate_timeout::Deadline;

use crate::group::TaskGroup;
use crate::manner::Timed;
use crate::origin::Name;
use crate::task::Task;
use crate::turn::Turn;

pin_project! {
    /// The future of [`TaskGroup::spawn_bounded`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct SpawnBoundedFut<F, E> {
        group: TaskGroup<E>,
        future: Option<F>,
        #[pin]
        take: Option<AcquireOwnedFut>,
        name: Option<Name>,
        deadline: Deadline,
        location: &'static Location<'static>,
    }
}

impl<F, E> SpawnBoundedFut<F, E> {
    pub(crate) fn new(
        group: &TaskGroup<E>,
        future: F,
        name: Option<Name>,
        deadline: Deadline,
        location: &'static Location<'static>,
    ) -> Self {
        let take = group.shared().core.card.limit.clone().map(Semaphore::acquire_owned);
        Self { group: group.clone(), future: Some(future), take, name, deadline, location }
    }
}

impl<T, F, E> Future for SpawnBoundedFut<F, E>
where
    T: Send + 'static,
    F: Future<Output = Result<T, E>> + Send + 'static,
    E: Send + 'static,
{
    type Output = Task<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Task<T>> {
        let me = self.project();
        let turn = match me.take.as_pin_mut() {
            // A group that is closed takes nobody: there is nothing to wait for.
            Some(take) if !me.group.is_closed() => Turn::Come(ready!(take.poll(cx)).ok()),
            _ => Turn::Come(None),
        };
        let future = me.future.take().expect("polled again after it was ready");
        let (group, name) = (me.group, me.name.take());
        Poll::Ready(match *me.deadline {
            Deadline::NEVER => group.spawn_in_turn(name, me.location, future, turn, ()),
            at => group.spawn_in_turn(name, me.location, future, turn, Timed::new(at)),
        })
    }
}

impl<F, E> std::fmt::Debug for SpawnBoundedFut<F, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SpawnBoundedFut").field("group", &self.group).finish_non_exhaustive()
    }
}
