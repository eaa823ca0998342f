// How it works
//
// `Siblings` polls several futures in one task, each with a waker of its own, so that a wake costs one poll however many
// siblings there are:
//
//     a child's waker ──place──▶ bell ──all places at once──▶ turns ──one by one──▶ poll
//                                 └─▶ wakes the task, once until it looks again
//
// `due` says that a child is to be polled, and is true while its place is in the bell or among the turns. It is set
// when the child is woken, and taken back right before it is polled. A child that has ended stays due for good: who
// wakes it then does nothing. An entry whose child is not due is stale, and passed over.
//
// One call polls nobody more often than its allowance says, and stops when tokio's budget is gone; in both cases the
// task is woken, so that others of the runtime have their turn. A child that wakes itself cannot make it spin.
//
// A child whose first poll leaves nothing behind costs no waker: the one that it was polled with goes on to the next,
// and is made for good only by a child that waits. The bell comes with the first of them.
//
// Futures that are given at once are polled for the first time in order, as the limit lets them; they need no turns.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use std::task::{Context, Poll, Wake, Waker, ready};

use parking_lot::Mutex;
use pin_project_lite::pin_project;
use tokio::task::coop;

use crate::nest::Nest;
use crate::panicked::{FirstPanic, drop_quietly};

/// Futures that are polled by one task, each when it was woken.
pub(crate) struct Siblings<F: Future> {
    nest: Nest<Place<F>>,
    live: usize,
    /// From here on, nobody was polled yet; they have no turn.
    fresh: usize,
    /// How many may run at a time.
    limit: usize,
    /// Places for those who come later; none if nobody does.
    free: Option<Vec<usize>>,
    /// Places whose futures may be due, in the order in which they came to be.
    turns: VecDeque<usize>,
    wakers: Wakers,
    /// The waker that the bell was given last.
    given: Option<Face>,
}

/// What makes wakers.
#[derive(Default)]
struct Wakers {
    bell: Option<Arc<Bell>>,
    /// Nobody else's, and of no child.
    spare: Option<Ringer>,
}

pin_project! {
    /// A future, and what goes with it.
    struct Place<F> {
        #[pin]
        future: Option<F>,
        // While it waits.
        ringer: Option<Ringer>,
    }
}

impl<F: Future> Siblings<F> {
    /// For futures that are [pushed](Self::push).
    pub(crate) fn new() -> Self {
        let mut siblings = Self::of(std::iter::empty());
        siblings.free = Some(Vec::new());
        siblings
    }

    /// These futures, and no others; the output of each comes with its position.
    pub(crate) fn of(futures: impl Iterator<Item = F>) -> Self {
        let nest = Nest::of(futures.map(|it| Place { future: Some(it), ringer: None }));
        Self {
            live: nest.len(),
            nest,
            fresh: 0,
            limit: usize::MAX,
            free: None,
            turns: VecDeque::new(),
            wakers: Wakers::default(),
            given: None,
        }
    }

    /// Lets so many of the futures that were given at once run at a time.
    pub(crate) fn limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    pub(crate) fn len(&self) -> usize {
        self.live
    }

    pub(crate) fn push(&mut self, future: F) {
        let at = self.free.as_mut().and_then(Vec::pop).unwrap_or_else(|| self.nest.add());
        self.nest.place(at).project().future.set(Some(future));
        self.live += 1;
        self.fresh = self.nest.len();
        self.turns.push_back(at);
    }

    /// The next output, with the place of its future; `None` when there is no future left.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        allowance: &mut Allowance,
    ) -> Poll<Option<(usize, F::Output)>> {
        self.poll_each(cx, allowance, |at, output| ControlFlow::Break((at, output)))
    }

    /// Gives the outputs that there are to `take`, with the places of their futures, until that breaks; `None` when
    /// there is no future left.
    pub(crate) fn poll_each<R>(
        &mut self,
        cx: &mut Context<'_>,
        allowance: &mut Allowance,
        mut take: impl FnMut(usize, F::Output) -> ControlFlow<R>,
    ) -> Poll<Option<R>> {
        loop {
            while let Some(at) = self.turns.pop_front() {
                let place = self.nest.place(at);
                if !place.is_due() {
                    continue;
                }
                if !allowance.take() {
                    self.turns.push_front(at);
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                if let Poll::Ready(output) = self.wakers.poll(place, at) {
                    self.ended(cx, at);
                    if let ControlFlow::Break(it) = take(at, output) {
                        return Poll::Ready(Some(it));
                    }
                }
            }
            while self.has_fresh() {
                if !allowance.take() {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                let at = self.fresh;
                self.fresh += 1;
                if let Poll::Ready(output) = self.wakers.poll(self.nest.place(at), at) {
                    self.ended(cx, at);
                    if let ControlFlow::Break(it) = take(at, output) {
                        return Poll::Ready(Some(it));
                    }
                }
            }
            let Some(bell) = self.wakers.bell.as_ref().filter(|_| self.live > 0) else {
                return Poll::Ready(None);
            };
            // If nobody rang, the bell still has the waker, and no other can look like it. Relaxed: a ring that is not
            // seen here yet wakes the task, which then sees it.
            let face = face(cx.waker());
            if self.given == Some(face) && !bell.rings.load(Ordering::Relaxed) {
                return Poll::Pending;
            }
            bell.collect(&mut self.turns, cx.waker());
            self.given = Some(face);
        }
    }

    /// Whether there is somebody who may be polled for the first time.
    fn has_fresh(&self) -> bool {
        let waiting = self.nest.len() - self.fresh;
        waiting > 0 && self.live - waiting < self.limit
    }

    fn ended(&mut self, cx: &mut Context<'_>, at: usize) {
        self.live -= 1;
        if let Some(free) = &mut self.free {
            free.push(at);
        }
        charge(cx);
    }

    /// Drops what is left, all of it; the first panic of a destructor goes on afterwards.
    pub(crate) fn clear(&mut self) {
        let mut panic = FirstPanic::default();
        for at in 0..if self.live > 0 { self.nest.len() } else { 0 } {
            let mut place = self.nest.place(at).project();
            *place.ringer = None;
            if place.future.is_some() {
                panic.of(|| place.future.set(None));
            }
        }
        self.nest = Nest::new();
        self.live = 0;
        self.fresh = 0;
        self.free.iter_mut().for_each(Vec::clear);
        self.turns.clear();
        self.wakers.spare = None;
        if self.given.take().is_some() {
            self.wakers.bell.iter().for_each(|it| it.unhang());
        }
        panic.go_on();
    }
}

impl<F: Future> Drop for Siblings<F> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            drop_quietly(Cleared(self));
        } else {
            self.clear();
        }
    }
}

/// Clears when it is dropped.
struct Cleared<'s, F: Future>(&'s mut Siblings<F>);

impl<F: Future> Drop for Cleared<'_, F> {
    fn drop(&mut self) {
        self.0.clear();
    }
}

impl Wakers {
    fn poll<F: Future>(&mut self, place: Pin<&mut Place<F>>, at: usize) -> Poll<F::Output> {
        let mut place = place.project();
        let future = place.future.as_mut().as_pin_mut().expect("who is due is there");
        if let Some(own) = place.ringer {
            own.child.due.swap(false, Ordering::AcqRel);
            let output = ready!(future.poll(&mut Context::from_waker(&own.waker)));
            place.future.set(None);
            place.ringer.take().into_iter().for_each(|it| self.retire(it));
            return Poll::Ready(output);
        }
        let ringer = match &mut self.spare {
            Some(spare) => spare.given_to(at),
            None => self.spare.insert(Ringer::new(self.bell.get_or_insert_default(), at)),
        };
        let Poll::Ready(output) = future.poll(&mut Context::from_waker(&ringer.waker)) else {
            *place.ringer = self.spare.take();
            return Poll::Pending;
        };
        place.future.set(None);
        self.spare.take_if(|it| !it.is_nobody_elses()).into_iter().for_each(Ringer::retire);
        Poll::Ready(output)
    }

    fn retire(&mut self, ringer: Ringer) {
        if self.spare.is_none() && ringer.is_nobody_elses() {
            self.spare = Some(ringer);
        } else {
            ringer.retire();
        }
    }
}

impl<F> Default for Place<F> {
    fn default() -> Self {
        Self { future: None, ringer: None }
    }
}

impl<F> Place<F> {
    fn is_due(&self) -> bool {
        let is_due = |it: &Ringer| it.child.due.load(Ordering::Relaxed);
        self.future.is_some() && self.ringer.as_ref().is_none_or(is_due)
    }
}

/// Counts the completion of a child against the budget of the task.
fn charge(cx: &mut Context<'_>) {
    // A child that has used up the rest of it costs no more.
    if let Poll::Ready(unit) = coop::poll_proceed(cx) {
        unit.made_progress();
    }
}

/// How many polls there may be before others have their turn.
pub(crate) struct Allowance(usize);

impl Allowance {
    /// Enough for each of `siblings` futures.
    pub(crate) fn for_each(siblings: usize) -> Self {
        Self(siblings.max(32))
    }

    pub(crate) fn take(&mut self) -> bool {
        if self.0 == 0 || !coop::has_budget_remaining() {
            return false;
        }
        self.0 -= 1;
        true
    }
}

/// A child's waker, twice: to hand out, and to look at.
struct Ringer {
    child: Arc<Child>,
    waker: Waker,
}

struct Child {
    bell: Arc<Bell>,
    at: AtomicUsize,
    due: AtomicBool,
}

impl Ringer {
    /// For one who is about to be polled.
    fn new(bell: &Arc<Bell>, at: usize) -> Self {
        let (bell, at) = (Arc::clone(bell), AtomicUsize::new(at));
        let child = Arc::new(Child { bell, at, due: AtomicBool::new(false) });
        Self { waker: Waker::from(Arc::clone(&child)), child }
    }

    /// For another one, who is about to be polled. It is nobody else's.
    fn given_to(&mut self, at: usize) -> &mut Self {
        self.child.at.store(at, Ordering::Relaxed);
        self.child.due.store(false, Ordering::Relaxed);
        self
    }

    fn is_nobody_elses(&self) -> bool {
        let is = Arc::strong_count(&self.child) == 2;
        // Acquire: whatever others did with it, they did before they let go of it.
        fence(Ordering::Acquire);
        is
    }

    /// Sees to it that whoever still has the waker is not heard.
    fn retire(self) {
        self.child.due.store(true, Ordering::Relaxed);
    }
}

impl Wake for Child {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // AcqRel: what happened before the wake happens before the poll that takes `due` back.
        if !self.due.swap(true, Ordering::AcqRel) {
            self.bell.ring(self.at.load(Ordering::Relaxed));
        }
    }
}

/// Where the children's wakers leave word, and whom they wake.
#[derive(Default)]
struct Bell {
    /// There is somebody in `rung`; written under its lock.
    rings: AtomicBool,
    rung: Mutex<Rung>,
}

#[derive(Default)]
struct Rung {
    places: VecDeque<usize>,
    /// Whom the next ring wakes.
    task: Option<Waker>,
}

impl Bell {
    fn ring(&self, at: usize) {
        let task = {
            let mut rung = self.rung.lock();
            rung.places.push_back(at);
            self.rings.store(true, Ordering::Relaxed);
            rung.task.take()
        };
        task.into_iter().for_each(Waker::wake);
    }

    /// Moves the places that were rung for to `turns`, which is empty. Whoever rings after this wakes `task`.
    fn collect(&self, turns: &mut VecDeque<usize>, task: &Waker) {
        // Who rang took the waker along.
        let mut new = self.rings.load(Ordering::Relaxed).then(|| task.clone());
        let _old = loop {
            let mut rung = self.rung.lock();
            let kept = rung.task.as_ref().is_some_and(|it| it.will_wake(task));
            if !kept && new.is_none() {
                drop(rung);
                new = Some(task.clone());
                continue;
            }
            std::mem::swap(&mut rung.places, turns);
            self.rings.store(false, Ordering::Relaxed);
            break if kept { None } else { std::mem::replace(&mut rung.task, new.take()) };
        };
    }

    /// Lets go of the task: nobody waits any more.
    fn unhang(&self) {
        let rung = std::mem::take(&mut *self.rung.lock());
        drop(rung);
    }
}

/// What tells one waker from another as long as the first is alive.
type Face = (usize, usize);

fn face(waker: &Waker) -> Face {
    (waker.data() as usize, std::ptr::from_ref(waker.vtable()) as usize)
}
