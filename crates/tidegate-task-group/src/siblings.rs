// How it works
//
// `Siblings` polls several futures in one task, each with a waker of its own, so that a wake costs one poll however many
// siblings there are:
//
//     a child's waker ──slot──▶ bell ──all slots at once──▶ turns ──one by one──▶ poll
//                                └─▶ wakes the task, once until it looks again
//
// `due` says that a child is to be polled, and is true while its slot is in the bell or among the turns. It is set
// when the child is woken, and taken back right before it is polled. A child that has ended stays due for good: who
// wakes it then does nothing. An entry whose child is not due is stale, and passed over.
//
// One call polls nobody more often than its allowance says, and stops when tokio's budget is gone; in both cases the
// task is woken, so that others of the runtime have their turn. A child that wakes itself cannot make it spin.
//
// A waker is made when its child is first polled, and goes on to the next child if nobody else has it by the end:
// of children that are ready at once, all but the first cost no waker.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;
use tokio::task::coop;

use crate::nest::Nest;
use crate::panicked::drop_quietly;

/// Futures that are polled by one task, each when it was woken.
pub(crate) struct Siblings<F: Future> {
    futures: Nest<F>,
    slots: Vec<Option<Slot>>,
    free: Vec<usize>,
    live: usize,
    /// Slots whose futures may be due, in the order in which they came to be.
    turns: VecDeque<usize>,
    bell: Arc<Bell>,
    /// The waker that the bell was given last.
    given: Option<Face>,
    /// Of a child that has ended, and nobody else's.
    spare: Option<Arc<Child>>,
}

/// What goes with a future, and is where it is.
struct Slot {
    key: usize,
    /// From its first poll on.
    ringer: Option<Ringer>,
}

impl<F: Future> Siblings<F> {
    pub(crate) fn new() -> Self {
        Self {
            futures: Nest::new(),
            slots: Vec::new(),
            free: Vec::new(),
            live: 0,
            turns: VecDeque::new(),
            bell: Arc::default(),
            given: None,
            spare: None,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// Adds a future; its output will come together with `key`.
    pub(crate) fn push(&mut self, key: usize, future: F) {
        let at = self.free.last().copied().unwrap_or(self.slots.len());
        self.futures.put(at, future);
        let slot = Some(Slot { key, ringer: None });
        match self.free.pop() {
            Some(at) => self.slots[at] = slot,
            None => self.slots.push(slot),
        }
        self.live += 1;
        self.turns.push_back(at);
    }

    /// The next output; `None` when there is no future left.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        allowance: &mut Allowance,
    ) -> Poll<Option<(usize, F::Output)>> {
        loop {
            while let Some(at) = self.turns.pop_front() {
                if !self.slots[at].as_ref().is_some_and(|it| it.is_due()) {
                    continue;
                }
                if !allowance.take() {
                    self.turns.push_front(at);
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                if let Poll::Ready(output) = self.poll_slot(at) {
                    charge(cx);
                    return Poll::Ready(Some(output));
                }
            }
            if self.live == 0 {
                return Poll::Ready(None);
            }
            // If nobody rang, the bell still has the waker, and no other can look like it. Relaxed: a ring that is not
            // seen here yet wakes the task, which then sees it.
            let face = face(cx.waker());
            if self.given == Some(face) && !self.bell.rings.load(Ordering::Relaxed) {
                return Poll::Pending;
            }
            self.bell.collect(&mut self.turns, cx.waker());
            self.given = Some(face);
        }
    }

    fn poll_slot(&mut self, at: usize) -> Poll<(usize, F::Output)> {
        let slot = self.slots[at].as_mut().expect("who is due is there");
        let ringer = slot.ringer.get_or_insert_with(|| match self.spare.take() {
            Some(spare) => Ringer::again(spare, at),
            None => Ringer::new(&self.bell, at),
        });
        ringer.child.due.swap(false, Ordering::AcqRel);
        let polled = self.futures.get(at).poll(&mut Context::from_waker(&ringer.waker));
        let Poll::Ready(output) = polled else { return Poll::Pending };
        self.futures.clear(at);
        let Slot { key, ringer } = self.slots[at].take().expect("it was just polled");
        self.free.push(at);
        self.live -= 1;
        ringer.into_iter().for_each(|it| it.retire(&mut self.spare));
        Poll::Ready((key, output))
    }

    /// Drops what is left, all of it; the first panic of a destructor goes on afterwards.
    pub(crate) fn clear(&mut self) {
        let mut panic = None;
        let slots = std::mem::take(&mut self.slots).into_iter().enumerate();
        for (at, _) in slots.filter(|(_, slot)| slot.is_some()) {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| self.futures.clear(at))) {
                match panic {
                    None => panic = Some(payload),
                    Some(_) => drop_quietly(payload),
                }
            }
        }
        self.live = 0;
        self.free.clear();
        self.turns.clear();
        self.given = None;
        self.bell.unhang();
        if let Some(payload) = panic {
            resume_unwind(payload);
        }
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

impl Slot {
    fn is_due(&self) -> bool {
        self.ringer.as_ref().is_none_or(|it| it.child.due.load(Ordering::Relaxed))
    }
}

/// Counts the completion of a child against the budget of the task.
fn charge(cx: &mut Context<'_>) {
    // Asking without having any would wake the task for nothing.
    if coop::has_budget_remaining() {
        if let Poll::Ready(unit) = coop::poll_proceed(cx) {
            unit.made_progress();
        }
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
    at: usize,
    due: AtomicBool,
}

impl Ringer {
    fn new(bell: &Arc<Bell>, at: usize) -> Self {
        let child = Arc::new(Child { bell: Arc::clone(bell), at, due: AtomicBool::new(true) });
        Self { waker: Waker::from(Arc::clone(&child)), child }
    }

    fn again(mut spare: Arc<Child>, at: usize) -> Self {
        Arc::get_mut(&mut spare).expect("a spare waker is nobody else's").at = at;
        Self { waker: Waker::from(Arc::clone(&spare)), child: spare }
    }

    /// Sees to it that whoever still has the waker is not heard; it is a spare one if nobody has.
    fn retire(self, spare: &mut Option<Arc<Child>>) {
        let Self { mut child, waker } = self;
        child.due.store(true, Ordering::Relaxed);
        drop(waker);
        if spare.is_none() && Arc::get_mut(&mut child).is_some() {
            *spare = Some(child);
        }
    }
}

impl Wake for Child {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // AcqRel: what happened before the wake happens before the poll that takes `due` back.
        if !self.due.swap(true, Ordering::AcqRel) {
            self.bell.ring(self.at);
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
    slots: VecDeque<usize>,
    /// Whom the next ring wakes.
    task: Option<Waker>,
}

impl Bell {
    fn ring(&self, at: usize) {
        let task = {
            let mut rung = self.rung.lock();
            rung.slots.push_back(at);
            self.rings.store(true, Ordering::Relaxed);
            rung.task.take()
        };
        task.into_iter().for_each(Waker::wake);
    }

    /// Moves the slots that were rung for to `turns`, which is empty. Whoever rings after this wakes `task`.
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
            std::mem::swap(&mut rung.slots, turns);
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
