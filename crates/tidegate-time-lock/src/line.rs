// How it works
//
//     word: [ epoch ........ | CLOSED | VERDICTS | SLOW | WAITERS ]     lock: { line of tickets, Core }
//
// The word is a digest of the core for those who do not want the lock: it is rewritten under the lock whenever the
// core has changed. A pass through a simply open gate is one load of it.
//
// Waiting works as a chain of heads. Only the first in line has a timer. When it has passed, has left, or its
// circumstances have changed, the (new) first is nudged, looks, and passes or sets its own timer. So nothing is
// ever given in advance, and a gate that is shut again has nothing to take back.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tidegate_shim::atomic::Ordering;
use tidegate_waiters::{Left, Locked, WaitQueue};
use tokio::time::Instant;

use crate::core::{Core, Grant, Noted, Place, Rules, Verdict};
use crate::events::Audience;
use crate::isolation::History;
use crate::{Applied, Epoch, Event, Permits, Shut, TimeLock};

/// Somebody waits: the queue's bit.
pub(crate) const WAITERS: usize = WaitQueue::<Core>::WAITERS;
/// Not simply open: ask the core.
pub(crate) const SLOW: usize = 2;
/// A report that a pass went well would change something.
pub(crate) const VERDICTS: usize = 4;
/// Closed for good.
pub(crate) const CLOSED: usize = 8;
const SHIFT: u32 = 4;

/// What all handles of a gate share.
#[derive(Debug)]
pub(crate) struct Gate {
    line: WaitQueue<Core>,
    /// Those who wait for the gate to open, without wanting to pass.
    pub(crate) onlookers: WaitQueue<Onlookers>,
    /// What it is called in logs.
    #[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "nobody else asks"))]
    name: &'static str,
    /// The gate that stands in its place, once it was merged into another.
    moved_to: OnceLock<TimeLock>,
}

/// What a waiter brings.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Note {
    /// Its place, once it has one.
    pub(crate) ticket: Option<Place>,
    /// How the request fared before.
    pub(crate) history: History,
    /// Since when it waits, if it does.
    pub(crate) since: Option<Instant>,
    /// Whether it wants a permit as well.
    pub(crate) seat: bool,
    /// Its number in the line of a gate that was merged into this one.
    pub(crate) moved: Option<u64>,
}

impl Gate {
    pub(crate) fn new(rules: Arc<Rules>) -> Arc<Self> {
        let name = rules.name;
        let core = Core::new(rules);
        let word = digest(&core);
        Arc::new(Self {
            line: WaitQueue::new(word, core),
            onlookers: WaitQueue::new(0, Onlookers),
            name,
            moved_to: OnceLock::new(),
        })
    }

    #[inline]
    pub(crate) fn word(&self) -> usize {
        // Acquire: pairs with the Release in `publish`.
        self.line.word().load(Ordering::Acquire)
    }

    #[inline]
    pub(crate) fn line(&self) -> &WaitQueue<Core> {
        &self.line
    }

    /// Does something to the core, now, and publishes what it came to.
    pub(crate) fn update<R>(&self, change: impl FnOnce(&mut Locked<'_, Core>, Instant) -> R) -> R {
        // After the lock, and also if a waker of the line panics.
        self.update_for(&mut Crier::new(self), change)
    }

    /// As `update`, for those who hold another lock and tell what happened when that is gone as well.
    pub(crate) fn update_for<R>(
        &self,
        crier: &mut Crier<'_>,
        change: impl FnOnce(&mut Locked<'_, Core>, Instant) -> R,
    ) -> R {
        let mut line = self.line.lock();
        let result = change(&mut line, Instant::now());
        crier.hear(&mut line);
        publish(&mut line);
        result
    }

    /// As `update`, for those who hold another lock: whoever comes next tells what happened.
    fn peek<R>(&self, look: impl FnOnce(&mut Locked<'_, Core>, Instant) -> R) -> R {
        let mut line = self.line.lock();
        let result = look(&mut line, Instant::now());
        publish(&mut line);
        result
    }

    /// Opens the gate, if `open` does.
    pub(crate) fn open(&self, open: impl FnOnce(&mut Core, Instant) -> bool) -> bool {
        // After the gate's lock, and also if a waker of its line panics.
        let mut onlookers = Nudge { line: &self.onlookers, due: false };
        self.update(|line, now| {
            let opened = open(line.policy(), now);
            if opened {
                line.nudge_front();
                onlookers.due = true;
            }
            opened
        })
    }

    /// Shuts the gate, or shortens a pause.
    pub(crate) fn shut(&self, shut: impl FnOnce(&mut Core, Instant) -> Shut) -> Shut {
        let mut onlookers = Nudge { line: &self.onlookers, due: false };
        self.update(|line, now| {
            let shut = shut(line.policy(), now);
            reset_timer(line, &shut);
            onlookers.due = shut.applied == Applied::Shortened;
            shut
        })
    }

    pub(crate) fn close(&self) {
        let _onlookers = Nudge { line: &self.onlookers, due: true };
        self.update(|line, now| {
            line.policy().close(now);
            line.release_all();
        });
    }

    /// Where this gate went, if it was merged into another.
    pub(crate) fn moved_to(&self) -> Option<&TimeLock> {
        self.moved_to.get()
    }

    /// From now on `other` stands in its place. Who waits here finds that when this one is closed.
    pub(crate) fn move_to(&self, other: &TimeLock) {
        // It went nowhere yet: who merges has looked.
        let _ = self.moved_to.set(other.clone());
    }

    /// Shuts `other` for as long as this one is shut.
    pub(crate) fn hand_over(&self, other: &TimeLock) {
        other.take_over(self.update(|line, now| line.policy().demand(now)));
    }

    /// Whether it is as good as new, so that nobody would know the difference.
    pub(crate) fn is_fresh(&self) -> bool {
        self.peek(|line, now| line.is_empty() && line.policy().is_fresh(now))
            && self.onlookers.waiters() == 0
    }

    /// Whether nobody waits and it is not shut, nor waits for a probe, unless it was `left` alone for long.
    pub(crate) fn is_idle(&self, left: bool) -> bool {
        self.peek(|line, now| line.is_empty() && !line.policy().is_in_question(now, left))
            && self.onlookers.waiters() == 0
    }

    /// Whether a pass of `epoch` was given since the last time the gate was shut.
    #[inline]
    pub(crate) fn is_current(&self, epoch: Epoch) -> bool {
        let word = self.word();
        if word & CLOSED != 0 {
            return false;
        }
        match (word >> SHIFT) as Epoch {
            0 if word & SLOW != 0 => self.update(|line, _| line.policy().epoch() == epoch),
            current => current == epoch,
        }
    }

    /// Whether a report that a pass went well would change anything.
    #[inline]
    pub(crate) fn wants_verdicts(&self) -> bool {
        self.word() & VERDICTS != 0
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn ok(&self, epoch: Epoch) {
        self.update(|line, now| {
            if line.policy().ok(now, epoch) {
                line.nudge_front();
            }
        });
    }

    /// Nobody will say how this probe fared.
    #[cold]
    pub(crate) fn unheard(&self, probe: u64) {
        self.update(|line, now| {
            if line.policy().unheard(now, probe) {
                line.nudge_front();
            }
        });
    }

    /// A pass was not used.
    #[cold]
    pub(crate) fn take_back(&self, pass: &Grant) {
        self.update(|line, now| {
            if line.policy().take_back(now, pass) {
                line.nudge_front();
            }
        });
    }

    /// Reports a refusal; the place for when the request is tried again is in the note.
    pub(crate) fn refused(&self, pass: &Grant, after: Option<Duration>) -> (Verdict, Note) {
        self.update(|line, now| {
            let verdict = line.policy().refused(now, pass, after);
            reset_timer(line, &verdict.shut);
            if verdict.isolated {
                // It may have been a probe.
                line.nudge_front();
            }
            let mut place = Note { ticket: Some(pass.ticket()), ..Note::default() };
            place.history = verdict.history;
            if verdict.history.gives_way(line.policy().isolation()) {
                place.ticket = place.ticket.max(line.front().and_then(|front| front.ticket));
            }
            (verdict, place)
        })
    }

    /// A permit comes back.
    pub(crate) fn give_back(&self) {
        self.update(|line, _| {
            if let Some(seats) = line.policy().seats() {
                seats.give_back();
            }
            line.nudge_front();
        });
    }

    pub(crate) fn set_permits(&self, limit: usize) {
        self.update(|line, _| {
            if let Some(seats) = line.policy().seats() {
                seats.set(limit);
            }
            line.nudge_front();
        });
    }

    pub(crate) fn permits(&self) -> Option<Permits> {
        self.update(|line, _| line.policy().seats().map(|seats| seats.now()))
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let audience = self.line.lock().policy().news().audience().cloned();
        if let Some(audience) = audience {
            audience.wake();
        }
        // One by one: there is no end to the gates that one may have been merged into, but one to the stack.
        let mut next = self.moved_to.take();
        while let Some(mut gate) = next.and_then(TimeLock::into_inner) {
            next = gate.moved_to.take();
        }
    }
}

impl tidegate_waiters::Policy for Core {
    type Note = Note;

    fn left(line: &mut Locked<'_, Self>, note: &mut Note, left: Left) {
        if left != Left::Waiting {
            return;
        }
        line.policy().stats_mut().cancelled += 1;
        // If it was the first, the next one has no timer yet. (Places may be equal: those of passes that were given
        // while the gate was simply open. One of those too many looks in vain.)
        if line.front().is_some_and(|front| note.ticket <= front.ticket) {
            line.nudge_front();
        }
    }

    fn precedes(note: &Note, other: &Note) -> bool {
        note.ticket < other.ticket
    }
}

/// The place of somebody who came with a number from another line whose numbers are from the same source: before the
/// first who has a higher one.
pub(crate) fn place_of(line: &mut Locked<'_, Core>, number: u64) -> Place {
    let mut place = Place { epoch: line.policy().epoch(), number };
    let mut found = false;
    line.for_each(|note| {
        let later = note.ticket.filter(|it| it.number > number && it.number < u64::MAX);
        if let Some(other) = later.filter(|_| !found) {
            found = true;
            place.epoch = other.epoch;
        }
    });
    place
}

/// The timer of the first in line may be set to the end of a longer pause, to a slot, or to a probe's time-out,
/// all of which may be later than the end of this pause. (A pause that is longer now needs nobody: when the timer
/// fires, it is set anew.)
fn reset_timer(line: &mut Locked<'_, Core>, shut: &Shut) {
    if let Applied::Started | Applied::Shortened = shut.applied {
        line.nudge_front();
    }
}

/// The epoch of a gate that is simply open, if it is: all that there is to a pass.
#[inline]
pub(crate) fn fast_pass(queue: &WaitQueue<Core>) -> Option<Epoch> {
    // Acquire: pairs with the Release in `publish`.
    let word = queue.word().load(Ordering::Acquire);
    (word & (WAITERS | SLOW) == 0).then_some((word >> SHIFT) as Epoch)
}

/// As [`fast_pass`], for somebody who was there before.
pub(crate) fn fast_return(queue: &WaitQueue<Core>, note: Note) -> Option<Grant> {
    let epoch = fast_pass(queue)?;
    let noted =
        note.ticket.map(|ticket| Noted { ticket, at: None, history: note.history, counted: None });
    Some(Grant { epoch, probe: None, noted })
}

/// Makes the first onlooker look, when dropped, if that is due.
struct Nudge<'a> {
    line: &'a WaitQueue<Onlookers>,
    due: bool,
}

impl Drop for Nudge<'_> {
    fn drop(&mut self) {
        // Locked even if nobody seems to be there: an onlooker joins under this lock, having looked at the gate
        // under it, so that it has either seen the change or is in line by now.
        if self.due {
            self.line.lock().nudge_front();
        }
    }
}

/// Tells what happened at a gate, when it is dropped: after the gate's lock.
#[derive(Debug)]
pub(crate) struct Crier<'a> {
    #[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "nobody else asks"))]
    gate: &'a Gate,
    told: Vec<Event>,
    audience: Option<Arc<Audience>>,
}

impl<'a> Crier<'a> {
    #[inline]
    pub(crate) fn new(gate: &'a Gate) -> Self {
        Self { gate, told: Vec::new(), audience: None }
    }

    /// Takes what is to be told.
    #[inline]
    pub(crate) fn hear(&mut self, line: &mut Locked<'_, Core>) {
        if !line.policy().news().is_empty() {
            let waiters = line.len();
            let news = line.policy().news();
            self.told.extend(news.take(waiters));
            self.audience = news.audience().cloned();
        }
    }
}

impl Drop for Crier<'_> {
    #[inline]
    fn drop(&mut self) {
        if !self.told.is_empty() {
            if let Some(audience) = &self.audience {
                audience.wake();
            }
            #[cfg(feature = "tracing")]
            self.told.iter().for_each(|event| crate::trace::trace(self.gate.name, event));
        }
    }
}

/// Nobody's state: who looks on asks the gate.
#[derive(Debug)]
pub(crate) struct Onlookers;

impl tidegate_waiters::Policy for Onlookers {
    type Note = ();

    fn left(line: &mut Locked<'_, Self>, _note: &mut (), _left: Left) {
        line.nudge_front();
    }
}

/// Writes the digest of the core into the word; the queue's bit stays as it is.
pub(crate) fn publish(line: &mut Locked<'_, Core>) {
    let digest = digest(line.policy());
    let word = line.word();
    // The queue changes its bit under the lock only, and so does everybody theirs: nobody comes between.
    let waiters = word.load(Ordering::Relaxed) & WAITERS;
    if word.load(Ordering::Relaxed) != digest | waiters {
        // Release: pairs with the Acquire in `word`; who sees that the gate is open sees why.
        word.store(digest | waiters, Ordering::Release);
    }
}

fn digest(core: &Core) -> usize {
    let mut word = 0;
    if !core.is_simply_open() {
        word |= SLOW;
    }
    if core.wants_verdicts() {
        word |= VERDICTS;
    }
    if core.is_closed() {
        word |= CLOSED;
    }
    match usize::try_from(core.epoch()) {
        Ok(epoch) if epoch <= usize::MAX >> SHIFT => word | epoch << SHIFT,
        // More pauses than the word can count: it says so by being slow in epoch nought.
        _ => word | SLOW,
    }
}
