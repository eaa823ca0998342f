use std::error::Error;
use std::fmt;

/// The queue is shut down: it takes nothing more, or has nothing left to give.
///
/// `.0` is what was not put; nothing at all for who wanted to get.
///
/// # Examples
///
/// ```
/// use tidegate_queue::{Closed, Queue, Shutdown};
///
/// # tidegate_test::block_on(async {
/// let queue = Queue::unbounded();
/// queue.shutdown(Shutdown::Drain);
/// assert_eq!(queue.put("late").await, Err(Closed("late")));
/// assert_eq!(queue.get().await, Err(Closed(())));
/// # });
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Closed<T = ()>(pub T);

impl<T> Closed<T> {
    /// What was not put.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_queue::Closed;
    /// assert_eq!(Closed(7).into_inner(), 7);
    /// ```
    pub fn into_inner(self) -> T {
        self.0
    }
}

// By hand, here and below, so that an item need not be `Debug` for a result to be unwrapped.
impl<T> fmt::Debug for Closed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Closed(..)")
    }
}

impl<T> fmt::Display for Closed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the queue is shut down")
    }
}

impl<T> Error for Closed<T> {}

/// Why `try_put` took nothing; what was not put is inside.
///
/// # Examples
///
/// ```
/// use tidegate_queue::{Queue, TryPutError};
///
/// let queue = Queue::bounded(1);
/// assert_eq!(queue.try_put("a"), Ok(()));
/// assert_eq!(queue.try_put("b"), Err(TryPutError::Full("b")));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TryPutError<T> {
    /// There is no room this instant, or what there is belongs to somebody who waits for it.
    Full(T),
    /// The queue is shut down.
    Closed(T),
}

impl<T> TryPutError<T> {
    /// What was not put.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_queue::TryPutError;
    /// assert_eq!(TryPutError::Full(7).into_inner(), 7);
    /// ```
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(item) | Self::Closed(item) => item,
        }
    }
}

impl<T> fmt::Debug for TryPutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> fmt::Display for TryPutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "the queue is full",
            Self::Closed(_) => "the queue is shut down",
        })
    }
}

impl<T> Error for TryPutError<T> {}

impl<T> From<Closed<T>> for TryPutError<T> {
    fn from(closed: Closed<T>) -> Self {
        Self::Closed(closed.0)
    }
}

/// Why `try_get` gave nothing.
///
/// # Examples
///
/// ```
/// use tidegate_queue::{Queue, TryGetError};
///
/// let queue = Queue::<String>::unbounded();
/// assert_eq!(queue.try_get(), Err(TryGetError::Empty));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryGetError {
    /// There is nothing this instant.
    Empty,
    /// The queue is shut down, and there is nothing left.
    Closed,
}

impl fmt::Display for TryGetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the queue is empty",
            Self::Closed => "the queue is shut down",
        })
    }
}

impl Error for TryGetError {}

impl From<Closed> for TryGetError {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}

/// `task_done` was called more often than something was put.
///
/// # Examples
///
/// ```
/// use tidegate_queue::{Queue, TaskDoneError};
///
/// assert_eq!(Queue::<u8>::unbounded().task_done(), Err(TaskDoneError));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskDoneError;

impl fmt::Display for TaskDoneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("task_done was called more often than something was put")
    }
}

impl Error for TaskDoneError {}
