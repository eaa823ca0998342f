// How it works
//
// A slot is written by its thread alone. A poll writes who is polled, and then the count; its end clears who, and then
// counts once more. All stores are Release and all loads Acquire, so whoever reads the same count before and after
// it reads who has read what belongs to that count.
//
// Slots live as long as the process and are used again: there are as many as there ever were threads at once.

use std::cell::Cell;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crossbeam_utils::atomic::AtomicCell;
use parking_lot::Mutex;

use super::tag::Tag;

/// How many watches look.
static WATCHES: AtomicUsize = AtomicUsize::new(0);

static SLOTS: Mutex<Slots> = Mutex::new(Slots { used: Vec::new(), free: Vec::new() });

struct Slots {
    used: Vec<&'static Slot>,
    free: Vec<&'static Slot>,
}

/// What a thread polls. On a line of the cache of its own: its thread writes it all the time.
#[repr(align(128))]
#[derive(Default)]
pub(super) struct Slot {
    count: AtomicU64,
    location: AtomicCell<Option<&'static Location<'static>>>,
    id: AtomicU64,
    tag: AtomicU64,
    thread: Mutex<String>,
}

/// One poll, as somebody else sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) count: u64,
    pub(super) location: &'static Location<'static>,
    pub(super) id: u64,
    pub(super) tag: u64,
}

/// Polls are noted as long as one of these lives.
pub(super) struct On(());

impl On {
    pub(super) fn new() -> Self {
        WATCHES.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for On {
    fn drop(&mut self) {
        WATCHES.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The slots of the threads that are alive.
pub(super) fn all() -> Vec<&'static Slot> {
    SLOTS.lock().used.clone()
}

/// Runs `poll`, which polls a task, so that a [`SlowPollWatch`](crate::SlowPollWatch) sees it.
///
/// For crates that poll tasks themselves. The number and the name are for the report.
///
/// # Examples
///
/// ```
/// use std::panic::Location;
/// use tidegate_executor::watch::in_poll;
///
/// let polled = in_poll(Location::caller(), Some(7), None, || "ready");
/// assert_eq!(polled, "ready");
/// ```
#[inline]
pub fn in_poll<R>(
    location: &'static Location<'static>,
    id: Option<u64>,
    name: Option<&Tag>,
    poll: impl FnOnce() -> R,
) -> R {
    if WATCHES.load(Ordering::Relaxed) == 0 {
        return poll();
    }
    let Some(slot) = MINE.get().or_else(sign_on) else { return poll() };
    // One more: zero is for none.
    let id = id.map_or(0, |id| id.wrapping_add(1));
    let _noted = slot.note(location, id, name.map_or(0, Tag::key));
    poll()
}

impl Slot {
    /// Notes that its thread polls this task, until what is returned is dropped.
    #[inline]
    pub(super) fn note(
        &self,
        location: &'static Location<'static>,
        id: u64,
        tag: u64,
    ) -> Noted<'_> {
        let outer = self.location.load().map(|location| {
            (location, self.id.load(Ordering::Relaxed), self.tag.load(Ordering::Relaxed))
        });
        self.id.store(id, Ordering::Release);
        self.tag.store(tag, Ordering::Release);
        self.location.store(Some(location));
        self.advance();
        Noted { slot: self, outer }
    }

    #[inline]
    fn advance(&self) {
        // Relaxed: nobody else writes it.
        let count = self.count.load(Ordering::Relaxed).wrapping_add(1);
        self.count.store(count, Ordering::Release);
    }

    /// What is polled this instant; nothing as well when that changes just now.
    pub(super) fn read(&self) -> Option<Seen> {
        let count = self.count.load(Ordering::Acquire);
        let location = self.location.load()?;
        let (id, tag) = (self.id.load(Ordering::Acquire), self.tag.load(Ordering::Acquire));
        let seen = Seen { count, location, id, tag };
        (self.count.load(Ordering::Acquire) == count).then_some(seen)
    }

    /// The name of its thread.
    pub(super) fn thread(&self) -> String {
        self.thread.lock().clone()
    }
}

pub(super) struct Noted<'a> {
    slot: &'a Slot,
    /// Whose poll goes on after this.
    outer: Option<(&'static Location<'static>, u64, u64)>,
}

impl Drop for Noted<'_> {
    #[inline]
    fn drop(&mut self) {
        match self.outer {
            None => self.slot.location.store(None),
            Some((location, id, tag)) => {
                self.slot.id.store(id, Ordering::Release);
                self.slot.tag.store(tag, Ordering::Release);
                self.slot.location.store(Some(location));
            }
        }
        self.slot.advance();
    }
}

thread_local! {
    /// Without a destructor, so that to look at it is one load.
    static MINE: Cell<Option<&'static Slot>> = const { Cell::new(None) };
    static KEEPER: Keeper = const { Keeper(Cell::new(None)) };
}

/// Gives the slot back when its thread ends.
struct Keeper(Cell<Option<&'static Slot>>);

impl Drop for Keeper {
    fn drop(&mut self) {
        MINE.set(None);
        if let Some(slot) = self.0.take() {
            let mut slots = SLOTS.lock();
            slots.used.retain(|it| !std::ptr::eq(*it, slot));
            slots.free.push(slot);
        }
    }
}

/// A slot for this thread; none if the thread is about to end.
#[cold]
fn sign_on() -> Option<&'static Slot> {
    KEEPER
        .try_with(|keeper| {
            let thread = std::thread::current();
            let name = thread.name().map_or_else(|| format!("{:?}", thread.id()), str::to_owned);
            let mut slots = SLOTS.lock();
            let slot = slots.free.pop().unwrap_or_else(|| Box::leak(Box::default()));
            *slot.thread.lock() = name;
            slots.used.push(slot);
            keeper.0.set(Some(slot));
            MINE.set(Some(slot));
            slot
        })
        .ok()
}
