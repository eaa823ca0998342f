// How it works
//
// The scope of the code that runs now is kept in this thread: whoever polls a scope's body puts the scope in
// before the poll and takes it out after, also when the poll panics. Nothing is counted for that; the `Arc`
// itself moves from the future into the thread and back.
//
// Most scopes are never asked for. A timeout therefore puts in no node but a note of what its scope would be. The
// notes are a small stack inside of `node`. When somebody inside asks for the current scope they are all made
// into nodes, outermost first, and each future finds its own node when its poll returns. Who only needs to know
// how late it may get has the notes timed: the clock is read once, and all that had not begun begin.
//
//     base <= made <= timed <= depth
//
//     notes[..base]        of scopes outside of `node`; all made
//     notes[base..made]    made; the innermost of them is `node`
//     notes[made..timed]   begun, and `inside` says what they guarantee
//     notes[timed..depth]  as they were put in
//
// `Around` says what the future around guarantees: that it drops what it polls when its scope is cancelled, and
// by when at the latest. It holds for the way this poll came, which may differ from the tree: a future may carry
// its scope to another task. It also names the waker with which that future is polled. Who is polled with the
// same one is polled again whenever that future is woken, for whatever passes the waker on unchanged cannot tell
// whom it was for; so there is no need to be woken apart when a deadline around is moved. Who is not has to be
// found through the tree then, and also when the future around ends without it: it may be kept elsewhere, as in a
// `FuturesUnordered`. `Wakes` says how far the guarantee is good for that.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::Arc;
use std::task::{RawWakerVTable, Waker};

use tokio::time::Instant;

use crate::deadline::Deadline;
use crate::node::{Kind, Node};
use crate::time::Time;

/// How many scopes, one in the other, can be notes; the next one is a node at once.
const NOTES: usize = 8;

/// A scope of which there is no node yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Note {
    pub(crate) kind: Kind,
    pub(crate) time: Time,
    /// With which its future is polled.
    pub(crate) waker: WakerId,
}

/// Which waker it is, to compare it with another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WakerId(*const (), *const RawWakerVTable);

impl WakerId {
    /// No waker at all.
    pub(crate) const NONE: Self = Self(ptr::null(), ptr::null());

    #[inline]
    pub(crate) fn of(waker: &Waker) -> Self {
        Self(waker.data(), waker.vtable())
    }
}

/// What the future around guarantees; nothing, if there is none that polls on behalf of a scope.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Around {
    drops_by: Option<Deadline>,
    waker: WakerId,
    wakes: Wakes,
    /// Also when a scope further out is cancelled: not all of them are timeouts.
    ends_all: bool,
}

/// Who inside is woken when the time of the guarantee is moved, or who gave it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wakes {
    /// Everybody who is placed in the current scope, and who is polled with the same waker.
    All,
    /// Who is polled with the same waker.
    Same,
    Nobody,
}

impl Around {
    pub(crate) const NOBODY: Self =
        Self { drops_by: None, waker: WakerId::NONE, wakes: Wakes::All, ends_all: false };

    /// A future that drops what it polls when its scope is cancelled, and no later than `deadline`. Whether its scope
    /// is `placed` in the current one.
    pub(crate) fn drops_by(
        self,
        deadline: Deadline,
        kind: Kind,
        waker: WakerId,
        placed: bool,
    ) -> Self {
        let wakes = match self.wakes {
            _ if deadline <= self.drop_by() => Wakes::All,
            Wakes::All if placed => Wakes::All,
            Wakes::All | Wakes::Same if self.waker == waker => Wakes::Same,
            _ => Wakes::Nobody,
        };
        let ends_all = self.ends_all || kind != Kind::Timeout;
        Self { drops_by: Some(self.drop_by().earliest(deadline)), waker, wakes, ends_all }
    }

    /// The same for what is inside of a scope that has no future; whether that is `placed` in the current one.
    pub(crate) fn through(self, placed: bool) -> Self {
        match self.wakes {
            Wakes::All if !placed => Self { wakes: Wakes::Same, ..self },
            _ => self,
        }
    }

    /// Whether it drops what it polls when any scope further out is cancelled.
    pub(crate) fn ends_all(self) -> bool {
        self.ends_all
    }

    /// Whether there is such a future.
    #[inline]
    pub(crate) fn owns(self) -> bool {
        self.drops_by.is_some()
    }

    /// By when it drops what it polls, at the latest.
    #[inline]
    pub(crate) fn drop_by(self) -> Deadline {
        self.drops_by.unwrap_or(Deadline::NEVER)
    }

    /// Whether who is polled with that waker is woken with it; or `placed` in the current scope, through the tree.
    #[inline]
    pub(crate) fn wakes(self, waker: WakerId, placed: bool) -> bool {
        match self.wakes {
            Wakes::All => placed || self.waker == waker,
            Wakes::Same => self.waker == waker,
            Wakes::Nobody => false,
        }
    }
}

struct Current {
    node: Cell<Option<Arc<Node>>>,
    /// The guarantee around the first of `notes[base..]`.
    around: Cell<Around>,
    base: Cell<usize>,
    made: Cell<usize>,
    timed: Cell<usize>,
    depth: Cell<usize>,
    notes: [Place; NOTES],
}

struct Place {
    kind: Cell<Kind>,
    time: Cell<Time>,
    waker: Cell<WakerId>,
    /// The guarantee of this scope's future, once the note is timed.
    inside: Cell<Around>,
}

tidegate_shim::thread_local! {
    // Whoever puts a node in takes it out again, so there is nothing to drop when the thread ends; and so the
    // destructors of other thread-locals may still poll futures.
    static CURRENT: ManuallyDrop<Current> = const {
        ManuallyDrop::new(Current {
            node: Cell::new(None),
            around: Cell::new(Around::NOBODY),
            base: Cell::new(0),
            made: Cell::new(0),
            timed: Cell::new(0),
            depth: Cell::new(0),
            notes: [const { Place::new() }; NOTES],
        })
    };
}

impl Note {
    /// A node for this scope, without a place in the tree.
    pub(crate) fn node(mut self) -> Arc<Node> {
        self.time.begin(&mut None);
        Node::new(self.kind, self.time.deadline(), self.time.began())
    }
}

impl Place {
    const fn new() -> Self {
        Self {
            kind: Cell::new(Kind::Run),
            time: Cell::new(Time::ENDLESS),
            waker: Cell::new(WakerId::NONE),
            inside: Cell::new(Around::NOBODY),
        }
    }

    #[inline]
    fn put(&self, note: Note) {
        self.kind.set(note.kind);
        self.time.set(note.time);
        self.waker.set(note.waker);
    }

    fn note(&self) -> Note {
        Note { kind: self.kind.get(), time: self.time.get(), waker: self.waker.get() }
    }
}

impl Current {
    /// Looks at the node that stands in the thread.
    fn look<R>(&self, look: impl FnOnce(Option<&Arc<Node>>) -> R) -> R {
        let node = self.node.take();
        let seen = look(node.as_ref());
        self.node.set(node);
        seen
    }

    /// What the future around the first `depth` notes guarantees; they are timed.
    #[inline]
    fn around(&self, depth: usize) -> Around {
        match depth > self.base.get() {
            true => self.notes[depth - 1].inside.get(),
            false => self.around.get(),
        }
    }

    /// Lets the time begin in all the notes.
    #[inline]
    fn begin(&self, now: &mut Option<Instant>) {
        if self.timed.get() < self.depth.get() {
            self.begin_more(now);
        }
    }

    #[inline(never)]
    fn begin_more(&self, now: &mut Option<Instant>) {
        let (timed, depth) = (self.timed.get(), self.depth.get());
        let mut around = self.around(timed);
        for place in &self.notes[timed..depth] {
            let mut time = place.time.get();
            time.begin(now);
            around = around.drops_by(time.deadline(), place.kind.get(), place.waker.get(), true);
            place.time.set(time);
            place.inside.set(around);
        }
        self.timed.set(depth);
    }

    /// Makes all the notes into nodes.
    #[inline]
    fn settle(&self) {
        if self.made.get() < self.depth.get() {
            self.make();
        }
    }

    #[cold]
    fn make(&self) {
        self.begin(&mut None);
        for at in self.made.get()..self.depth.get() {
            let node = self.notes[at].note().node();
            if let Some(parent) = self.node.take() {
                node.set_contained(self.around(at).owns());
                node.attach(parent);
            }
            self.node.set(Some(node));
        }
        self.made.set(self.depth.get());
    }
}

/// The node of the current scope.
pub(crate) fn node() -> Option<Arc<Node>> {
    CURRENT.with(|current| {
        current.settle();
        current.look(|node| node.cloned())
    })
}

/// What the future around guarantees. `now` is the present, if somebody had to know.
#[inline]
pub(crate) fn around(now: &mut Option<Instant>) -> Around {
    CURRENT.with(|current| {
        current.begin(now);
        current.around(current.depth.get())
    })
}

/// Whether there is a future around that drops what it polls.
pub(crate) fn is_owned() -> bool {
    CURRENT.with(|current| current.depth.get() > current.base.get() || current.around.get().owns())
}

/// Whether the current scope is the parent of `node`, and the future around drops what it polls.
pub(crate) fn contains(node: &Node) -> bool {
    is_owned() && node.parent().is_some_and(is)
}

/// Whether `node` is the current scope.
pub(crate) fn is(node: &Arc<Node>) -> bool {
    CURRENT.with(|current| {
        current.made.get() == current.depth.get()
            && current.look(|here| here.is_some_and(|here| Arc::ptr_eq(here, node)))
    })
}

/// Whether the current scope is cancelled; none is not.
pub(crate) fn is_cancelled() -> bool {
    CURRENT.with(|current| current.look(|node| node.is_some_and(|node| node.is_cancelled())))
}

/// Whether the current scope is asked to stop; none is not.
pub(crate) fn is_asked_to_stop() -> bool {
    CURRENT.with(|current| current.look(|node| node.is_some_and(|node| node.is_asked_to_stop())))
}

/// Whether there is a scope at all, up to the nearest shield.
pub(crate) fn is_some() -> bool {
    CURRENT.with(|current| {
        current.made.get() < current.depth.get()
            || current.look(|node| node.is_some_and(|node| node.kind != Kind::Shield))
    })
}

/// The earliest deadline around, as the scopes have it.
pub(crate) fn effective(now: &mut Option<Instant>) -> Deadline {
    CURRENT.with(|current| {
        current.begin(now);
        let noted = &current.notes[current.made.get()..current.depth.get()];
        let noted = noted.iter().map(|place| place.time.get().deadline());
        let made = current.look(|node| node.map_or(Deadline::NEVER, |node| node.effective()));
        noted.fold(made, Deadline::earliest)
    })
}

/// Whether nothing around has a deadline. It may say no although it is so.
pub(crate) fn is_endless() -> bool {
    CURRENT.with(|current| {
        current.made.get() == current.depth.get()
            && current.look(|node| node.is_none_or(|node| node.is_endless()))
    })
}

/// Whose scope a note is.
pub(crate) trait Noted {
    /// The time has begun.
    fn begun(&mut self, time: Time);

    /// The node was made.
    fn made(&mut self, node: Arc<Node>);
}

/// Whether there is room for one more note.
#[inline]
pub(crate) fn has_room() -> bool {
    CURRENT.with(|current| current.depth.get() < NOTES)
}

/// Puts `note` in, for which there is room, until what is returned is dropped, and says what became of it to `noted`.
#[inline]
pub(crate) fn enter_note<N: Noted>(note: Note, noted: &mut N) -> InsideNote<'_, N> {
    CURRENT.with(|current| {
        let at = current.depth.get();
        current.notes[at].put(note);
        current.depth.set(at + 1);
        InsideNote { noted, at }
    })
}

/// Inside a scope of which there is a note.
pub(crate) struct InsideNote<'a, N: Noted> {
    noted: &'a mut N,
    at: usize,
}

impl<N: Noted> Drop for InsideNote<'_, N> {
    #[inline]
    fn drop(&mut self) {
        CURRENT.with(|current| {
            if current.timed.get() > self.at {
                self.begun(current);
            }
            current.depth.set(self.at);
        });
    }
}

impl<N: Noted> InsideNote<'_, N> {
    fn begun(&mut self, current: &Current) {
        current.timed.set(self.at);
        self.noted.begun(current.notes[self.at].time.get());
        if current.made.get() > self.at {
            current.made.set(self.at);
            let mine = current.node.take();
            current.node.set(mine.as_ref().and_then(|mine| mine.parent().cloned()));
            mine.into_iter().for_each(|mine| self.noted.made(mine));
        }
    }
}

/// Makes a new node a child of the current scope, if there is one.
pub(crate) fn place(node: &Arc<Node>) {
    let contained = is_owned();
    if let Some(parent) = self::node() {
        node.set_contained(contained);
        node.attach(parent);
    }
}

/// Moves the node in `slot` into the thread until what is returned is dropped.
#[inline]
pub(crate) fn enter(slot: &mut Option<Arc<Node>>, around: Around) -> Inside<'_> {
    CURRENT.with(|current| {
        // So that no note inside of another node is lost sight of.
        current.settle();
        let node = current.node.replace(slot.take());
        let base = current.base.replace(current.depth.get());
        Inside { slot, node, around: current.around.replace(around), base }
    })
}

/// Inside a scope of which there is a node, or outside of every scope if there was none in the slot.
pub(crate) struct Inside<'a> {
    slot: &'a mut Option<Arc<Node>>,
    node: Option<Arc<Node>>,
    around: Around,
    base: usize,
}

impl Drop for Inside<'_> {
    #[inline]
    fn drop(&mut self) {
        CURRENT.with(|current| {
            *self.slot = current.node.replace(self.node.take());
            current.around.set(self.around);
            current.base.set(self.base);
        });
    }
}
