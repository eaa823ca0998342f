// What a crew knows and decides with its lock held. What is to be done about it (waking, starting a thread,
// dropping a job) is handed back and done after.

use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use parking_lot::Condvar;

use super::Plan;
use super::back::{Back, Half};
use super::look::Patience;
use crate::clock::Hold;
use crate::line::Line;
use crate::report::PoolStatistics;
use crate::work::Work;

pub(super) struct State {
    /// Jobs that wait for a thread: those in front, see `back.rs`.
    pub(super) line: Line<Arc<dyn Work>>,
    /// Jobs that a job which is away waits for.
    pub(super) inner: Line<Arc<dyn Work>>,
    /// The threads, by number; empty seats are taken again.
    pub(super) hands: Vec<Option<Hand>>,
    /// Hands that wait to be rung for; the last one came last and is rung first.
    pub(super) idle: Vec<usize>,
    /// Hands in the table: those with a job, those that idle, and those that are coming.
    pub(super) threads: usize,
    /// Hands with a job.
    pub(super) busy: usize,
    /// One of those that are coming looks for a job before it goes to sleep.
    pub(super) looking: bool,
    pub(super) patience: Patience,
    /// Whoever joins the line tells the crew; as in the back half.
    pub(super) told: bool,
    /// Hands whose job waits in `block_on`.
    pub(super) away: usize,
    /// Hands whose job sleeps in `block_on` and has let go of a paused clock.
    pub(super) adrift: usize,
    pub(super) phase: Phase,
    /// Who waits for the last hand to leave.
    pub(super) watchers: Line<Waker>,
    /// The most that `busy - away` ever was.
    pub(super) peak: usize,
    pub(super) completed: u64,
    pub(super) panicked: u64,
    pub(super) cancelled: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Jobs come in.
    Open,
    /// Jobs run, but only inner ones still come in.
    Draining,
    /// No job starts any more.
    Closed,
}

pub(super) struct Hand {
    /// It sleeps on this while it idles.
    pub(super) bell: Arc<Condvar>,
    /// It was taken out of `idle`: there is something for it to look at.
    pub(super) rung: bool,
    pub(super) job: Option<Current>,
}

pub(super) struct Current {
    pub(super) work: Arc<dyn Work>,
    pub(super) since: Instant,
}

/// What is to be done, after the lock is released, to get a job under way.
pub(super) enum Call {
    Nobody,
    Ring(Arc<Condvar>),
    Start(usize),
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            line: Line::new(),
            inner: Line::new(),
            hands: Vec::new(),
            idle: Vec::new(),
            threads: 0,
            busy: 0,
            looking: false,
            patience: Patience::default(),
            told: true,
            away: 0,
            adrift: 0,
            phase: Phase::Open,
            watchers: Line::new(),
            peak: 0,
            completed: 0,
            panicked: 0,
            cancelled: 0,
        }
    }

    pub(super) fn hand(&mut self, hand: usize) -> &mut Hand {
        self.hands[hand].as_mut().expect("a hand is in the table until its thread ends")
    }

    pub(super) fn current(&self) -> impl Iterator<Item = (usize, &Current)> {
        let hands = self.hands.iter().enumerate();
        hands.filter_map(|(number, hand)| Some((number, hand.as_ref()?.job.as_ref()?)))
    }

    /// How many jobs are in line.
    pub(super) fn jobs(&self, back: &Half) -> usize {
        self.line.len() + back.line.len() + self.inner.len()
    }

    /// How many more jobs the queue takes. One for which a thread is free does not count.
    pub(super) fn room(&self, plan: &Plan, back: &Half) -> usize {
        let free = plan.max.saturating_sub(self.busy);
        plan.queue.saturating_add(free).saturating_sub(self.line.len() + back.line.len())
    }

    /// The same for inner jobs.
    pub(super) fn inner_room(&self, plan: &Plan) -> usize {
        let free = (plan.max + self.away).saturating_sub(self.busy);
        plan.queue.saturating_add(free).saturating_sub(self.inner.len())
    }

    pub(super) fn take(&mut self, plan: &Plan, back: &Back) -> Option<Arc<dyn Work>> {
        let mut job = None;
        if self.busy - self.away < plan.max {
            job = self.inner.pop();
            if job.is_some() && self.busy < plan.max {
                // It takes a slot for which a job of the line might have been let in.
                back.lock().room = 0;
            }
        }
        if job.is_none() && self.busy < plan.max {
            if self.line.is_empty() {
                back.move_up(&mut self.line);
            }
            job = self.line.pop();
        }
        self.busy += usize::from(job.is_some());
        self.peak = self.peak.max(self.busy - self.away);
        job
    }

    pub(super) fn begin(
        &mut self,
        hand: usize,
        work: Arc<dyn Work>,
        since: Instant,
    ) -> Arc<dyn Work> {
        self.hand(hand).job = Some(Current { work: Arc::clone(&work), since });
        work
    }

    /// Where every slot is adrift, the line waits for the same clock: lets go of it in the name of all, once what
    /// is returned is dropped.
    pub(super) fn let_clocks_go(&self, plan: &Plan, back: &Back) -> Vec<Arc<Hold>> {
        if self.adrift == 0 || self.adrift < self.busy || self.busy < plan.max {
            return Vec::new();
        }
        let back = back.lock();
        self.line
            .iter()
            .chain(back.line.iter())
            .filter_map(|job| job.origin().clock.let_go())
            .collect()
    }

    /// Hands that will look for a job before they sleep or end.
    fn coming(&self) -> usize {
        self.threads - self.busy - self.idle.len()
    }

    /// Whether those who join the line from now on tell the crew.
    pub(super) fn tell(&mut self, back: &Back, tells: bool) {
        if self.told != tells {
            self.told = tells;
            back.lock().tells = tells;
        }
    }

    /// Sees to it that somebody comes for the jobs that can start, and will for those that are yet to join.
    pub(super) fn call(&mut self, plan: &Plan, back: &Back) -> Call {
        let most = plan.max + self.away;
        if self.coming() > 0 || (self.idle.is_empty() && self.threads >= most) {
            // A job that joins while others have let go of its clock does so, too.
            self.tell(back, self.adrift > 0);
            return Call::Nobody;
        }
        let inner = !self.inner.is_empty() && self.busy < most;
        let outer = self.busy < plan.max && (!self.line.is_empty() || self.is_told(back));
        if !(inner || outer) {
            self.tell(back, true);
            return Call::Nobody;
        }
        if let Some(idle) = self.idle.pop() {
            let hand = self.hand(idle);
            hand.rung = true;
            return Call::Ring(Arc::clone(&hand.bell));
        }
        self.threads += 1;
        let hand = Hand { bell: Arc::new(Condvar::new()), rung: false, job: None };
        let seat = self.hands.iter().position(Option::is_none).unwrap_or(self.hands.len());
        if seat == self.hands.len() {
            self.hands.push(Some(hand));
        } else {
            self.hands[seat] = Some(hand);
        }
        Call::Start(seat)
    }

    /// The same after a thread could not be started: hands that relied on it have gone to sleep, and others have joined
    /// without telling. Asks for no other thread.
    pub(super) fn call_instead(&mut self, plan: &Plan, back: &Back) -> Call {
        self.tell(back, true);
        if self.idle.is_empty() { Call::Nobody } else { self.call(plan, back) }
    }

    /// Whether a hand that found nothing may be gone, because another is coming or whoever joins tells the crew.
    pub(super) fn may_go(&mut self, plan: &Plan, back: &Back) -> bool {
        self.coming() > 1 || self.busy >= plan.max || !self.is_told(back)
    }

    /// Has those who join the line from now on tell the crew; answers whether somebody has joined without.
    fn is_told(&mut self, back: &Back) -> bool {
        let mut half = back.lock();
        (self.told, half.tells) = (true, true);
        !half.line.is_empty()
    }

    pub(super) fn ring_all(&mut self) -> Vec<Arc<Condvar>> {
        let idle = std::mem::take(&mut self.idle);
        let bells = idle.into_iter().map(|hand| {
            let hand = self.hand(hand);
            hand.rung = true;
            Arc::clone(&hand.bell)
        });
        bells.collect()
    }

    /// A thread ends, or never began; whoever waited for the last one is to be woken.
    pub(super) fn leave(&mut self, hand: usize) -> Vec<Waker> {
        self.hands[hand] = None;
        self.threads -= 1;
        if self.threads == 0 { self.watchers.drain() } else { Vec::new() }
    }

    /// All jobs but inner ones leave the line, in order.
    pub(super) fn drain_line(&mut self, back: &Back) -> Vec<Arc<dyn Work>> {
        let mut jobs = self.line.drain();
        jobs.append(&mut back.lock().line.drain());
        jobs
    }

    /// The jobs that nobody will ever come for, now that no thread could be started.
    pub(super) fn hopeless(&mut self, back: &Back) -> Vec<Arc<dyn Work>> {
        let mut jobs = Vec::new();
        if self.threads == self.away {
            jobs = self.inner.drain();
        }
        if self.threads == 0 {
            jobs.append(&mut self.drain_line(back));
        }
        jobs
    }

    pub(super) fn statistics(&self, plan: &Plan, back: &Half) -> PoolStatistics {
        let jobs = self.jobs(back);
        let queue = plan.queue.saturating_add(plan.max.saturating_sub(self.busy));
        PoolStatistics {
            threads: self.threads,
            running: self.busy,
            queued: jobs.min(queue),
            waiting: jobs.saturating_sub(queue),
            peak: self.peak,
            completed: self.completed,
            panicked: self.panicked,
            cancelled: self.cancelled,
        }
    }
}
