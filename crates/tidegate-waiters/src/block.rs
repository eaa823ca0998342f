use std::pin::pin;
use std::time::Instant;

/// Runs `future` to its end on this thread, parking the thread while it waits.
///
/// For the futures of the tidegate primitives, which need no runtime: it makes a thread stand in the same line as
/// the tasks. Nothing is allocated, but for the first time on each thread.
///
/// # Examples
///
/// ```
/// assert_eq!(tidegate_waiters::block_on(async { 1 + 1 }), 2);
/// ```
///
/// # Blocking
///
/// Not from async code: a task that blocks its thread keeps every other task of that thread waiting, and waits
/// for ever if one of those is to wake it.
pub fn block_on<F: Future>(future: F) -> F::Output {
    imp::block_on_until(None, pin!(future)).expect("waits without a deadline")
}

/// As [`block_on`], giving up at `deadline`; the future is dropped then.
///
/// # Examples
///
/// ```
/// use std::time::Instant;
///
/// let nothing = tidegate_waiters::block_on_until(Instant::now(), std::future::pending::<()>());
/// assert_eq!(nothing, None);
/// ```
///
/// # Blocking
///
/// As [`block_on`].
pub fn block_on_until<F: Future>(deadline: Instant, future: F) -> Option<F::Output> {
    imp::block_on_until(Some(deadline), pin!(future))
}

#[cfg(not(any(tidegate_loom, tidegate_shuttle)))]
mod imp {
    use std::cell::Cell;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::{Context, Poll, Waker};
    use std::thread;
    use std::time::Instant;

    use crate::parker::Parker;

    thread_local! {
        // Taken while in use, so that a nested call gets its own.
        static PARKER: Cell<Option<Arc<Parker>>> = const { Cell::new(None) };
    }

    pub(super) fn block_on_until<F: Future>(
        deadline: Option<Instant>,
        mut future: Pin<&mut F>,
    ) -> Option<F::Output> {
        let parker = PARKER.try_with(Cell::take).ok().flatten();
        let parker = parker.unwrap_or_else(|| Arc::new(Parker::new()));
        let waker = Waker::from(Arc::clone(&parker));
        let mut last = false;
        let output = loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                break Some(output);
            }
            // After the deadline it looks once more if it was woken, but not for as long as it is woken.
            if last || !sleep(&parker, deadline) {
                break None;
            }
            last = deadline.is_some_and(|it| it <= Instant::now());
        };
        // A thread that is being torn down has no place for it; it is dropped then.
        let _ = PARKER.try_with(|it| it.set(Some(parker)));
        output
    }

    /// Parks until woken (`true`) or until the deadline (`false`).
    fn sleep(parker: &Parker, deadline: Option<Instant>) -> bool {
        while !parker.hear() {
            match deadline {
                None => thread::park(),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return false;
                    }
                    thread::park_timeout(left);
                }
            }
        }
        true
    }
}

#[cfg(any(tidegate_loom, tidegate_shuttle))]
mod imp {
    use std::pin::Pin;
    use std::time::Instant;

    #[cfg(tidegate_loom)]
    use loom::future::block_on;
    #[cfg(tidegate_shuttle)]
    use shuttle::future::block_on;

    /// Time stands still in a model: a deadline never comes.
    pub(super) fn block_on_until<F: Future>(
        _deadline: Option<Instant>,
        future: Pin<&mut F>,
    ) -> Option<F::Output> {
        Some(block_on(future))
    }
}
