// How it works
//
// A blocking child is a child whose future waits for a job of `to_thread`. All else follows: it waits for its turn
// before it is polled, and only then is there a job; the job is in the child's scope, so a cancellation withdraws it
// from the queue or tells it when it runs, and holds the child until it has ended.
//
// What the future cannot say with a `Result<T, E>` it says otherwise. A panic is carried over as it is and goes on in the
// child, which catches it. A job that ended without a result, as a cancelled `JobCx::block_on` ends it, ends the child's
// scope.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Poll, ready};

use tidegate_executor::{JobCx, JobError, to_thread};
use tidegate_timeout::current_scope;

use crate::group::TaskGroup;
use crate::task::Task;
use crate::task_builder::TaskBuilder;

impl<E> TaskGroup<E> {
    /// Spawns a child that blocks: it runs on a thread of [`to_thread`](tidegate_executor::to_thread).
    ///
    /// A child like any other, for the limit, errors, panics, statistics and the wait at the end. With a
    /// [limit](crate::Builder::limit), it waits for its turn before it asks for a thread, and for as long as it runs it
    /// is one of that many.
    ///
    /// The closure sees the child's scope: through its [`JobCx`] and as the current scope of its thread, together with
    /// what every child inherits. [`JobCx::block_on`] leads back into async code.
    ///
    /// # Cancellation
    ///
    /// A closure that has not begun is dropped: when the group is cancelled, by whoever cancels it, and after
    /// [`Task::abort`], when the child is polled. One that runs is told, and it is up to it to look; the group waits
    /// for it. Where there is a [grace](crate::Builder::grace), the group returns without it when that is over; the
    /// scope around then waits for it instead.
    ///
    /// # Panics
    ///
    /// As [`spawn`](Self::spawn). The child panics if the system has no thread to give.
    ///
    /// # Limitations
    ///
    /// There are as many such threads as [`to_thread`](tidegate_executor::to_thread) says, for the whole process. Closures
    /// that wait for one another wait for ever if there are more of them than threads; so does one that waits for a
    /// child of its own group, if the group has a limit. Work that is to have threads of its own goes to a
    /// [`ThreadPool`](tidegate_executor::ThreadPool): `group.spawn(async move { pool.run(work).await? })`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_task_group::{BoxError, TaskGroup};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let sum = TaskGroup::<BoxError>::scope(async |group| {
    ///     let numbers: Vec<u64> = (1..=100_000).collect();
    ///     let sum = group.spawn_blocking(move |cx| {
    ///         let mut sum = 0;
    ///         for part in numbers.chunks(4096) {
    ///             cx.checkpoint()?; // a sibling may have failed meanwhile
    ///             sum += part.iter().sum::<u64>();
    ///         }
    ///         Ok(sum)
    ///     });
    ///     Ok(sum.await?)
    /// })
    /// .await;
    /// assert_eq!(sum.unwrap(), 5_000_050_000);
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_blocking<T, W>(&self, work: W) -> Task<T>
    where
        T: Send + 'static,
        W: FnOnce(&JobCx) -> Result<T, E> + Send + 'static,
        E: Send + 'static,
    {
        self.spawn(on_a_thread(work))
    }
}

impl<E> TaskBuilder<'_, E> {
    /// As [`TaskGroup::spawn_blocking`], with what was said here.
    ///
    /// # Panics
    ///
    /// As [`TaskGroup::spawn_blocking`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_task_group::{BoxError, TaskGroup};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let errors = TaskGroup::<BoxError>::scope(async |group| {
    ///     group.task("digest").spawn_blocking(|_| Err::<(), _>("unreadable".into()));
    ///     Ok(())
    /// })
    /// .await
    /// .unwrap_err();
    /// assert!(format!("{errors:?}").contains("[digest] unreadable"));
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_blocking<T, W>(self, work: W) -> Task<T>
    where
        T: Send + 'static,
        W: FnOnce(&JobCx) -> Result<T, E> + Send + 'static,
        E: Send + 'static,
    {
        self.spawn(on_a_thread(work))
    }
}

/// Runs `work` on a thread, for a child.
#[track_caller]
pub(crate) fn on_a_thread<R: Send + 'static>(
    work: impl FnOnce(&JobCx) -> R + Send + 'static,
) -> impl Future<Output = R> + Send + 'static {
    let mut run = Some(to_thread(move |cx| catch(|| work(cx))));
    std::future::poll_fn(move |cx| {
        // It has ended, and so will the child.
        let Some(running) = &mut run else { return Poll::Pending };
        let ended = ready!(Pin::new(running).poll(cx));
        run = None;
        match ended {
            Ok(Ok(result)) => Poll::Ready(result),
            Ok(Err(panic)) => resume_unwind(panic),
            Err(JobError::Cancelled(why)) => {
                current_scope().into_iter().for_each(|scope| scope.cancel(why.clone()));
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Err(JobError::Panicked(message)) => resume_unwind(Box::new(message)),
            Err(error) => panic!("{error}"),
        }
    })
}

/// The result of `work`, or its panic; but not the one by which a cancelled job is left.
fn catch<R>(work: impl FnOnce() -> R) -> Result<R, Box<dyn Any + Send>> {
    let caught = catch_unwind(AssertUnwindSafe(work));
    if let Err(panic) = caught {
        if JobCx::is_interruption(&*panic) {
            resume_unwind(panic);
        }
        return Err(panic);
    }
    caught
}
