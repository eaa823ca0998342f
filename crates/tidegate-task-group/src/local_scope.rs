// How it works
//
// The future of a scope owns the body and the children. `LocalScope` is what they spawn with; it leads to the hall, where
// new children wait until the future takes them in, in the same poll or, if that was over, in the one that the spawn
// wakes it for. The hall is closed when the scope returns or is dropped, and what is spawned after that is dropped:
//
//     body, children ──spawn──▶ hall ──▶ children ──▶ value ──▶ LocalTask
//
// No reference leads from a child to the scope's future, so there is nothing to be unsafe about: forgetting that future
// forgets the children with it.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use pin_project_lite::pin_project;

use crate::inherit::inherit;
use crate::lineup::or_clear;
use crate::panicked::{FirstPanic, quietly};
use crate::siblings::{Allowance, Siblings};

/// Runs a body and children that may borrow, in one task, and returns when all have ended.
///
/// Children may borrow whatever outlives the scope, for reading or, one of them, for writing, but nothing that belongs
/// to the body: that is gone when the body ends, and the children are not. They may spawn more of them with a clone of
/// the scope. When the scope's future is dropped, or a child panics, everything in it is dropped.
///
/// # Examples
///
/// ```
/// use tidegate_task_group::local_scope;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let words = vec![String::from("tide"), String::from("gate")];
/// let mut longest = 0;
/// let longest_mut = &mut longest;
///
/// let letters = local_scope(|scope| {
///     let words = &words;
///     async move {
///         let lengths = words.iter().map(|it| scope.spawn(async { it.len() }));
///         let lengths: Vec<_> = lengths.collect();
///         scope.spawn(async { *longest_mut = words.iter().map(String::len).max().unwrap_or(0) });
///         let mut letters = 0;
///         for length in lengths {
///             letters += length.await;
///         }
///         letters
///     }
/// })
/// .await;
/// assert_eq!((letters, longest, words.len()), (8, 4, 2));
/// # }
/// ```
///
/// # A local scope or a group?
///
/// - The children of a local scope borrow, and share one task: one of them runs at a time.
/// - Those of a [`TaskGroup`](crate::TaskGroup) run on several threads and own what they use.
///
/// Why there is nothing that does both: a future can be polled once, which would start children on other threads, and
/// then forgotten. No destructor would run, what they borrow would go, and they would go on. A scope that blocks its
/// thread can wait for them whatever happens; one that awaits cannot. So of borrowing, running in parallel and awaiting,
/// one has to go. To work on borrowed parts in parallel, move them into the children and give them back as values.
///
/// # Cancel safety
///
/// Not cancel-safe: the body and the children are dropped with the future. A scope of `tidegate-timeout` around it lets
/// them clean up first.
///
/// # Limitations
///
/// Children have to be [`Send`], so that the scope's future is when its body is, and may be spawned.
pub fn local_scope<'env, B, Fut>(body: B) -> LocalScopeFut<'env, B, Fut>
where
    B: FnOnce(LocalScope<'env>) -> Fut,
    Fut: Future,
{
    LocalScopeFut {
        start: Some(body),
        body: None,
        output: None,
        children: Siblings::new(),
        hall: Hall::open(),
    }
}

type Child<'env> = Pin<Box<dyn Future<Output = ()> + Send + 'env>>;

/// What a [`local_scope`] gives to its body, to spawn with.
///
/// # Examples
///
/// A child that spawns another:
///
/// ```
/// use tidegate_task_group::local_scope;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let sum = local_scope(async |scope| {
///     let inner = scope.clone();
///     let child = scope.spawn(async move {
///         let grandchild = inner.spawn(async { 1 });
///         grandchild.await + 1
///     });
///     child.await + 1
/// });
/// assert_eq!(sum.await, 3);
/// # }
/// ```
#[derive(Clone)]
pub struct LocalScope<'env> {
    hall: Arc<Hall<'env>>,
}

impl<'env> LocalScope<'env> {
    /// Starts a child in the scope's task.
    ///
    /// If the scope is over, or was dropped, the future is dropped instead.
    ///
    /// # Examples
    ///
    /// See [`local_scope`].
    pub fn spawn<F>(&self, future: F) -> LocalTask<F::Output>
    where
        F: Future<Output: Send + 'env> + Send + 'env,
    {
        let slot = Arc::new(Slot(Mutex::new(State::Empty(None))));
        let giver = Giver(Arc::clone(&slot));
        let child = Box::pin(inherit(async move {
            let value = future.await;
            giver.give(value);
        }));
        self.hall.enter(child);
        LocalTask { slot }
    }
}

impl fmt::Debug for LocalScope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalScope").finish_non_exhaustive()
    }
}

/// A child of a [`local_scope`]: awaits its value.
///
/// Dropping it neither stops nor detaches the child.
///
/// # Examples
///
/// See [`local_scope`].
///
/// # Cancel safety
///
/// Strict. A `LocalTask` that is polled through `&mut` and is not ready keeps its value for the next await.
///
/// # Panics
///
/// When the child was dropped, because its scope was, or was over when it was spawned; and when it is polled again
/// after it was ready.
#[derive(Debug)]
pub struct LocalTask<T> {
    slot: Arc<Slot<T>>,
}

impl<T> Future for LocalTask<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        self.slot.poll(cx)
    }
}

/// Where a child leaves its value.
struct Slot<T>(Mutex<State<T>>);

enum State<T> {
    /// The child runs, and this one waits for its value.
    Empty(Option<Waker>),
    Full(T),
    /// The value was taken, or there will be none.
    Left,
}

impl<T> Slot<T> {
    fn poll(&self, cx: &mut Context<'_>) -> Poll<T> {
        let new = cx.waker().clone();
        let mut state = self.0.lock();
        match &mut *state {
            State::Empty(waker) => {
                let old = waker.replace(new);
                drop(state);
                drop(old);
                Poll::Pending
            }
            State::Full(_) => {
                let full = std::mem::replace(&mut *state, State::Left);
                drop(state);
                let State::Full(value) = full else { unreachable!("it was just looked at") };
                Poll::Ready(value)
            }
            State::Left => {
                drop(state);
                panic!("the child was dropped together with its scope, or was awaited before");
            }
        }
    }
}

impl<T> fmt::Debug for Slot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self.0.lock() {
            State::Empty(_) => "Empty",
            State::Full(_) => "Full(..)",
            State::Left => "Left",
        })
    }
}

/// The child's side of its slot.
struct Giver<T>(Arc<Slot<T>>);

impl<T> Giver<T> {
    fn give(&self, value: T) {
        self.leave(State::Full(value));
    }

    fn leave(&self, end: State<T>) {
        let old = std::mem::replace(&mut *self.0.0.lock(), end);
        if let State::Empty(waker) = old {
            waker.into_iter().for_each(Waker::wake);
        }
    }
}

impl<T> Drop for Giver<T> {
    fn drop(&mut self) {
        let is_empty = matches!(*self.0.0.lock(), State::Empty(_));
        if is_empty {
            self.leave(State::Left);
        }
    }
}

/// Where children wait to be taken in.
struct Hall<'env>(Mutex<Waiting<'env>>);

struct Waiting<'env> {
    children: Vec<Child<'env>>,
    /// Who takes them in, if it has gone to sleep.
    task: Option<Waker>,
    is_open: bool,
}

impl<'env> Hall<'env> {
    fn open() -> Owner<'env> {
        let waiting = Waiting { children: Vec::new(), task: None, is_open: true };
        Owner(Arc::new(Self(Mutex::new(waiting))))
    }

    fn enter(&self, child: Child<'env>) {
        let task = {
            let mut waiting = self.0.lock();
            if !waiting.is_open {
                drop(waiting);
                drop(child);
                return;
            }
            waiting.children.push(child);
            waiting.task.take()
        };
        task.into_iter().for_each(Waker::wake);
    }

    /// Moves those who wait to `children`.
    fn take_in(&self, children: &mut Siblings<Child<'env>>) {
        let them = std::mem::take(&mut self.0.lock().children);
        them.into_iter().for_each(|it| children.push(it));
    }

    /// Whether nobody waits; then the next that enters wakes `task`.
    fn sleep(&self, task: &Waker) -> bool {
        let task = task.clone();
        let old = {
            let mut waiting = self.0.lock();
            if !waiting.children.is_empty() {
                drop(waiting);
                drop(task);
                return false;
            }
            waiting.task.replace(task)
        };
        drop(old);
        true
    }

    /// Lets nobody in any more, unless somebody waits.
    fn close_if_empty(&self) -> bool {
        let mut waiting = self.0.lock();
        waiting.is_open = !waiting.children.is_empty();
        !waiting.is_open
    }
}

/// The scope's own side of its hall, which it closes.
struct Owner<'env>(Arc<Hall<'env>>);

impl Owner<'_> {
    /// Drops who waits, and lets nobody in any more.
    fn close(&self) {
        let mut waiting = self.0.0.lock();
        waiting.is_open = false;
        let (children, task) = (std::mem::take(&mut waiting.children), waiting.task.take());
        drop(waiting);
        drop(task);
        let mut panic = FirstPanic::default();
        for child in children {
            panic.of(|| drop(child));
        }
        panic.go_on();
    }
}

impl Drop for Owner<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            quietly(|| self.close());
        } else {
            self.close();
        }
    }
}

pin_project! {
    /// The future of [`local_scope`].
    ///
    /// # Panics
    ///
    /// When it is polled again after it was ready, or had panicked.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct LocalScopeFut<'env, B, Fut>
    where
        Fut: Future,
    {
        start: Option<B>,
        #[pin]
        body: Option<Fut>,
        output: Option<Fut::Output>,
        children: Siblings<Child<'env>>,
        hall: Owner<'env>,
    }
}

impl<'env, B, Fut> LocalScopeFut<'env, B, Fut>
where
    B: FnOnce(LocalScope<'env>) -> Fut,
    Fut: Future,
{
    /// Drops everything that is left.
    fn clear(self: Pin<&mut Self>) {
        let mut me = self.project();
        FirstPanic::default()
            .of(|| me.body.set(None))
            .of(|| *me.output = None)
            .of(|| me.children.clear())
            .of(|| me.hall.close())
            .go_on();
    }

    fn step(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Fut::Output> {
        let mut me = self.project();
        if let Some(start) = me.start.take() {
            me.body.set(Some(start(LocalScope { hall: Arc::clone(&me.hall.0) })));
        }
        let hall = &me.hall.0;
        match me.body.as_mut().as_pin_mut() {
            Some(body) => {
                if let Poll::Ready(output) = body.poll(cx) {
                    *me.output = Some(output);
                    me.body.set(None);
                }
            }
            None => assert!(me.output.is_some(), "polled again after it was ready"),
        }
        hall.take_in(me.children);
        let mut allowance = Allowance::for_each(me.children.len());
        loop {
            let polled = me.children.poll_next(cx, &mut allowance);
            if !matches!(polled, Poll::Ready(Some(_))) && hall.sleep(cx.waker()) {
                break;
            }
            hall.take_in(me.children);
        }
        if me.body.is_none() && me.children.len() == 0 {
            if hall.close_if_empty() {
                return Poll::Ready(me.output.take().expect("the body has ended"));
            }
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl<'env, B, Fut> Future for LocalScopeFut<'env, B, Fut>
where
    B: FnOnce(LocalScope<'env>) -> Fut,
    Fut: Future,
{
    type Output = Fut::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Fut::Output> {
        or_clear(&mut self, |me| me.as_mut().clear(), |me| me.as_mut().step(cx))
    }
}

impl<B, Fut: Future> fmt::Debug for LocalScopeFut<'_, B, Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalScopeFut")
            .field("children", &self.children.len())
            .field("body", &self.body.is_some())
            .finish_non_exhaustive()
    }
}
