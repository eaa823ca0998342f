// How it works
//
//     word: [ free permits | CLOSED | WAITERS ]
//
// A permit is taken and given back by one compare-exchange on the word as long as nobody waits. Once somebody
// does, newcomers join the line, and whoever gives back does so under the lock and serves the line from the
// front for as long as what is free suffices for the next. So, under the lock and with somebody in line,
//
//     free permits < what the first in line needs
//
// holds whenever the lock is released, and while somebody is in line nobody changes the number without it. A
// request for many permits therefore waits for its number without being overtaken, and nobody behind it is
// served before it.

use std::fmt;
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tidegate_shim::atomic::Ordering;
use tidegate_shim::const_fn;

use crate::queue::{Left, Locked, Policy, WaitQueue};
use crate::waiter::{Borrowed, Decision, Turn, Waiter};

const WAITERS: usize = WaitQueue::<Permits>::WAITERS;
const CLOSED: usize = 2;
// One bit is kept for a hand-over flag.
const SHIFT: u32 = 3;
/// The note of a future that is done: more than there can be, so that the fast path fails by itself.
const TAKEN: usize = usize::MAX;

/// Counted permits and a line for them: what a semaphore is made of.
///
/// A bare count: nothing gives permits back by itself, see `tidegate-semaphore` for that.
///
/// # Examples
///
/// ```
/// use tidegate_waiters::Gate;
///
/// static GATE: Gate = Gate::new(1);
///
/// async fn alone() {
///     if GATE.acquire(1).await.is_some() {
///         // One at a time here.
///         GATE.release(1);
///     }
/// }
/// # tidegate_waiters::block_on(alone());
/// assert_eq!(GATE.available(), 1);
/// ```
///
/// # Fairness
///
/// Strictly first come, first served, whatever the sizes of the requests. [`try_acquire`](Self::try_acquire) does
/// not overtake: it fails while anybody waits.
pub struct Gate {
    queue: WaitQueue<Permits>,
}

/// The policy of a [`Gate`]; its state is all in the word.
#[derive(Debug)]
pub struct Permits(());

impl Gate {
    /// The largest number of permits there can be.
    pub const MAX: usize = usize::MAX >> SHIFT;

    const_fn! {
        /// Makes a gate with `permits` free permits.
        ///
        /// # Panics
        ///
        /// When `permits` is more than [`MAX`](Self::MAX).
        ///
        /// # Examples
        ///
        /// ```
        /// # use tidegate_waiters::Gate;
        /// let gate = Gate::new(3);
        /// assert_eq!(gate.available(), 3);
        /// ```
        #[track_caller]
        pub const fn new(permits: usize) -> Self {
            assert!(permits <= Self::MAX, "more permits than there can be");
            Self { queue: WaitQueue::new(permits << SHIFT, Permits(())) }
        }
    }

    /// Takes `n` permits if they are free this instant and nobody waits.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::Gate;
    /// let gate = Gate::new(3);
    /// assert!(gate.try_acquire(2));
    /// assert!(!gate.try_acquire(2));
    /// ```
    #[inline]
    pub fn try_acquire(&self, n: usize) -> bool {
        n <= Self::MAX && try_take(&self.queue, n << SHIFT)
    }

    /// Takes `n` permits, waiting in line for them: `Some(n)`, or `None` when the gate is closed.
    ///
    /// # Cancel safety
    ///
    /// Strict, but for the place in line. A dropped future holds nothing; asking again joins the end of the line.
    ///
    /// # Panics
    ///
    /// When `n` is more than [`MAX`](Self::MAX): that many can never be free.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::Gate;
    /// # tidegate_test::block_on(async {
    /// let gate = Gate::new(3);
    /// assert_eq!(gate.acquire(2).await, Some(2));
    /// gate.close();
    /// assert_eq!(gate.acquire(1).await, None);
    /// # });
    /// ```
    #[inline]
    #[track_caller]
    pub fn acquire(&self, n: usize) -> Acquire<Borrowed<'_, Permits>> {
        assert!(n <= Self::MAX, "more permits than there can be");
        Acquire { waiter: Waiter::new(&self.queue, n << SHIFT) }
    }

    /// As [`acquire`](Self::acquire), for a gate inside an [`Arc`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::Gate;
    /// # use std::sync::Arc;
    /// # tidegate_test::block_on(async {
    /// let gate = Arc::new(Gate::new(3));
    /// assert_eq!(Gate::acquire_owned(gate, |it| it, 2).await, Some(2));
    /// # });
    /// ```
    #[inline]
    #[track_caller]
    pub fn acquire_owned<T>(owner: Arc<T>, gate: fn(&T) -> &Self, n: usize) -> Acquire<Arc<T>> {
        assert!(n <= Self::MAX, "more permits than there can be");
        let queue = NonNull::from(&gate(&owner).queue);
        // SAFETY: as in `Waiter::new_owned`.
        Acquire { waiter: unsafe { Waiter::from_parts(queue, owner, n << SHIFT) } }
    }

    /// Adds `n` permits, new ones or some that were taken, and serves the line.
    ///
    /// # Panics
    ///
    /// When the number of free permits would pass [`MAX`](Self::MAX); nothing is added then.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::Gate;
    /// let gate = Gate::new(0);
    /// gate.release(2);
    /// assert_eq!(gate.available(), 2);
    /// ```
    #[inline]
    #[track_caller]
    pub fn release(&self, n: usize) {
        self.put::<REFUSED>(n);
    }

    /// As [`release`](Self::release), for destructors: it does not panic.
    ///
    /// If more permits were added than there can be while these were out, those above [`MAX`](Self::MAX) are lost.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::Gate;
    /// let gate = Gate::new(Gate::MAX);
    /// gate.give_back(1); // Too many: this one is lost.
    /// assert_eq!(gate.available(), Gate::MAX);
    /// ```
    #[inline]
    pub fn give_back(&self, n: usize) {
        self.put::<CAPPED>(n);
    }

    #[inline]
    #[track_caller]
    fn put<const SURPLUS: bool>(&self, n: usize) {
        let word = self.queue.word();
        let seen = word.load(Ordering::Relaxed);
        // The bits below the number stay as they are. Of nothing, of so many that they lose bits, and of a sum that
        // has no room, the slow path knows what to make.
        let next = seen.wrapping_add(n << SHIFT);
        if n <= Self::MAX && next > seen && seen & WAITERS == 0 {
            // Release: pairs with the Acquire of whoever takes these permits.
            let swapped = word.compare_exchange(seen, next, Ordering::Release, Ordering::Relaxed);
            if swapped.is_ok() {
                return;
            }
        }
        self.put_again::<SURPLUS>(n);
    }

    /// As `put`, when the first look at the word did not suffice.
    #[cold]
    #[inline(never)]
    #[track_caller]
    fn put_again<const SURPLUS: bool>(&self, n: usize) {
        if n == 0 {
            return;
        }
        let word = self.queue.word();
        let mut seen = word.load(Ordering::Relaxed);
        while seen & WAITERS == 0 {
            let next = sum::<SURPLUS>(seen >> SHIFT, n) << SHIFT | seen & CLOSED;
            // Release: as above.
            match word.compare_exchange_weak(seen, next, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(changed) => seen = changed,
            }
        }
        Permits::add::<SURPLUS>(&mut self.queue.lock(), n);
    }

    /// Takes up to `n` of the free permits away for good; returns how many.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::Gate;
    /// let gate = Gate::new(3);
    /// assert_eq!(gate.forget(5), 3);
    /// ```
    pub fn forget(&self, n: usize) -> usize {
        // Under the lock, so that it does not take what the line is just being served.
        let line = self.queue.lock();
        let mut seen = line.word().load(Ordering::Relaxed);
        loop {
            let taken = n.min(seen >> SHIFT);
            match line.word().compare_exchange_weak(
                seen,
                seen - (taken << SHIFT),
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return taken,
                Err(changed) => seen = changed,
            }
        }
    }

    /// Closes the gate for good: who waits and who comes later gets `None`.
    ///
    /// What was granted before stays granted, also to a waiter that has not looked yet.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::Gate;
    /// let gate = Gate::new(3);
    /// gate.close();
    /// assert!(gate.is_closed() && !gate.try_acquire(1));
    /// ```
    pub fn close(&self) {
        let mut line = self.queue.lock();
        // Release: pairs with the Acquire in `is_closed`.
        line.word().fetch_or(CLOSED, Ordering::Release);
        line.release_all();
    }

    /// Whether the gate is closed.
    pub fn is_closed(&self) -> bool {
        self.queue.word().load(Ordering::Acquire) & CLOSED != 0
    }

    /// How many permits are free.
    pub fn available(&self) -> usize {
        self.queue.word().load(Ordering::Relaxed) >> SHIFT
    }

    /// How many are in line.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_waiters::Gate;
    /// let gate = Gate::new(1);
    /// assert_eq!((gate.available(), gate.waiters()), (1, 0));
    /// ```
    pub fn waiters(&self) -> usize {
        self.queue.waiters()
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("available", &self.available())
            .field("closed", &self.is_closed())
            .field("queue", &self.queue)
            .finish()
    }
}

/// More permits than there can be are a bug of whoever adds them ...
const REFUSED: bool = false;
/// ... and none of whoever gives back what it was given: what is too many is lost, and nobody can tell.
const CAPPED: bool = true;

/// `free + n`, if a word has room for it.
#[inline]
#[track_caller]
fn sum<const SURPLUS: bool>(free: usize, n: usize) -> usize {
    match free.checked_add(n) {
        Some(sum) if sum <= Gate::MAX => sum,
        _ if SURPLUS == CAPPED => Gate::MAX,
        _ => panic!("more permits than there can be"),
    }
}

/// The fast path: one compare-exchange, while nobody waits. `need` is a number of permits as it is in the word.
#[inline]
fn try_take(queue: &WaitQueue<Permits>, need: usize) -> bool {
    let word = queue.word();
    let seen = word.load(Ordering::Relaxed);
    match less(seen, need) {
        None => false,
        // Acquire: pairs with the Release of whoever gave these permits back.
        Some(next) => {
            word.compare_exchange(seen, next, Ordering::Acquire, Ordering::Relaxed).is_ok()
                || try_take_again(queue, need)
        }
    }
}

/// As `try_take`, after somebody else was faster.
#[cold]
#[inline(never)]
fn try_take_again(queue: &WaitQueue<Permits>, need: usize) -> bool {
    let word = queue.word();
    let mut seen = word.load(Ordering::Relaxed);
    while let Some(next) = less(seen, need) {
        // Acquire: as above.
        match word.compare_exchange_weak(seen, next, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => return true,
            Err(changed) => seen = changed,
        }
    }
    false
}

/// The word without `need`, if a newcomer may take that.
#[inline]
fn less(seen: usize, need: usize) -> Option<usize> {
    if seen & (CLOSED | WAITERS) != 0 {
        return None;
    }
    seen.checked_sub(need)
}

impl Permits {
    /// Adds permits and serves the line.
    #[track_caller]
    fn add<const SURPLUS: bool>(line: &mut Locked<'_, Self>, n: usize) {
        if n <= Gate::MAX && line.front() == Some(&(n << SHIFT)) {
            // Just what the first in line needs: they go from hand to hand, and the word stays as it is.
            line.grant_front();
            return Self::serve(line);
        }
        // Somebody may be in line or not; either way the lock-free side may still move the word if nobody is.
        let mut seen = line.word().load(Ordering::Relaxed);
        loop {
            let next = sum::<SURPLUS>(seen >> SHIFT, n) << SHIFT | seen & (CLOSED | WAITERS);
            match line.word().compare_exchange_weak(
                seen,
                next,
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => break,
                Err(changed) => seen = changed,
            }
        }
        Self::serve(line);
    }

    /// Serves the line from the front while what is free suffices.
    fn serve(line: &mut Locked<'_, Self>) {
        while let Some(&need) = line.front() {
            if line.word().load(Ordering::Relaxed) < need {
                break;
            }
            // With somebody in line the number changes under the lock only, so it is still enough.
            // Acquire: collects what those who gave these permits back did before; the grant passes it on.
            line.word().fetch_sub(need, Ordering::Acquire);
            line.grant_front();
        }
    }
}

impl Policy for Permits {
    /// How many permits the waiter needs, as a number in the word; `TAKEN` once it has had them.
    type Note = usize;

    fn left(line: &mut Locked<'_, Self>, need: &mut usize, left: Left) {
        match left {
            // It was promised them and never looked: they go on.
            Left::Granted => Self::add::<CAPPED>(line, *need >> SHIFT),
            // A large request at the front may have kept smaller ones waiting.
            Left::Waiting => Self::serve(line),
            Left::Released => {}
        }
    }
}

pin_project! {
    /// The future of [`Gate::acquire`]: `Some` with the number of permits, `None` when the gate is closed.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Acquire<O> {
        #[pin]
        waiter: Waiter<Permits, O>,
    }
}

impl<T> Acquire<Arc<T>> {
    /// The share of the owner that this future holds, as it was given to [`Gate::acquire_owned`].
    pub fn owner(&self) -> &Arc<T> {
        self.waiter.owner()
    }
}

impl<O> Future for Acquire<O> {
    type Output = Option<usize>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<usize>> {
        let mut waiter = self.project().waiter;
        let mut need = TAKEN;
        if let Some(note) = waiter.as_mut().note_mut() {
            need = std::mem::replace(note, TAKEN);
            if try_take(waiter.queue(), need) {
                return Poll::Ready(Some(need >> SHIFT));
            }
        }
        match poll_in_line(waiter.as_mut(), cx, need) {
            Poll::Ready(true) => Poll::Ready(Some(taken(waiter))),
            Poll::Ready(false) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}

// Apart, so that a caller takes in no more than what is ready at once.
#[inline(never)]
fn poll_in_line<O>(
    mut waiter: Pin<&mut Waiter<Permits, O>>,
    cx: &mut Context<'_>,
    need: usize,
) -> Poll<bool> {
    if let Some(note) = waiter.as_mut().note_mut() {
        assert!(need != TAKEN, "polled after it was ready");
        *note = need;
    }
    waiter.poll(cx, decide).map(|turn| match turn {
        Turn::Decided(taken) => taken,
        Turn::Granted => true,
        Turn::Released => false,
    })
}

/// How many permits a waiter got that has just become ready.
#[inline(never)]
fn taken<O>(waiter: Pin<&mut Waiter<Permits, O>>) -> usize {
    let note = waiter.note_mut().expect("a ready one is in no line");
    std::mem::replace(note, TAKEN) >> SHIFT
}

fn decide(line: &mut Locked<'_, Permits>, word: usize) -> Decision<bool> {
    let need = *line.note().expect("a waiter is being polled");
    if word & CLOSED != 0 {
        return Decision::Ready(false);
    }
    if need > 0 && (!line.is_empty() || word < need) {
        return Decision::Wait;
    }
    // Acquire: as in `try_take`.
    match line.word().compare_exchange(word, word - need, Ordering::Acquire, Ordering::Relaxed) {
        Ok(_) => Decision::Ready(true),
        Err(_) => Decision::Retry,
    }
}
