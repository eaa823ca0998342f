use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// Polls `future` once, with a waker that does nothing.
///
/// # Examples
///
/// ```
/// use std::pin::pin;
/// use std::task::Poll;
/// use tidegate_test::poll_once;
///
/// let mut never = pin!(std::future::pending::<()>());
/// assert!(poll_once(never.as_mut()).is_pending());
/// assert_eq!(poll_once(pin!(async { 7 })), Poll::Ready(7));
/// ```
pub fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    poll_with(future, Waker::noop())
}

/// Polls `future` once with `waker`.
///
/// # Examples
///
/// ```
/// use std::pin::pin;
/// use std::task::Waker;
/// use tidegate_test::poll_with;
///
/// assert!(poll_with(pin!(async {}), Waker::noop()).is_ready());
/// ```
pub fn poll_with<F: Future + ?Sized>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

/// Runs `future` to its end on this thread, parking while it waits; loom's or shuttle's version under theirs.
///
/// # Examples
///
/// ```
/// assert_eq!(tidegate_test::block_on(async { 7 }), 7);
/// ```
pub fn block_on<F: Future>(future: F) -> F::Output {
    #[cfg(tidegate_loom)]
    return loom::future::block_on(future);

    #[cfg(tidegate_shuttle)]
    return shuttle::future::block_on(future);

    #[cfg(not(any(tidegate_loom, tidegate_shuttle)))]
    {
        struct Unpark(std::thread::Thread);
        impl Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        let mut future = std::pin::pin!(future);
        loop {
            if let Poll::Ready(output) = poll_with(future.as_mut(), &waker) {
                return output;
            }
            std::thread::park();
        }
    }
}

/// A waker that counts how often it was woken.
///
/// # Examples
///
/// A future that is pending and does not take the waker will sleep for ever. This sees it:
///
/// ```should_panic
/// use std::future::poll_fn;
/// use std::pin::pin;
/// use std::task::Poll;
/// use tidegate_test::{CountingWaker, poll_with};
///
/// let mut asked = false;
/// let mut future = pin!(poll_fn(|_cx| {
///     if std::mem::replace(&mut asked, true) { Poll::Ready(()) } else { Poll::Pending }
/// }));
/// let (wakes, waker) = CountingWaker::new();
/// assert!(poll_with(future.as_mut(), &waker).is_pending());
/// assert_eq!(wakes.count(), 1, "it has to be polled again");
/// ```
#[derive(Debug, Default)]
pub struct CountingWaker(AtomicUsize);

impl CountingWaker {
    /// Makes a counter and a waker that feeds it.
    ///
    /// # Examples
    ///
    /// ```
    /// let (wakes, waker) = tidegate_test::CountingWaker::new();
    /// waker.wake_by_ref();
    /// waker.wake();
    /// assert_eq!(wakes.count(), 2);
    /// ```
    pub fn new() -> (Arc<Self>, Waker) {
        let counter = Arc::new(Self::default());
        (Arc::clone(&counter), Waker::from(counter))
    }

    /// How often the waker was woken so far.
    ///
    /// # Examples
    ///
    /// ```
    /// let (wakes, _waker) = tidegate_test::CountingWaker::new();
    /// assert_eq!(wakes.count(), 0);
    /// ```
    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for CountingWaker {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}
