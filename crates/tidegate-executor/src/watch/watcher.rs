use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::slot::{Seen, Slot};
use super::slow_poll::SlowPoll;
use super::tag::Tag;

/// What a watch remembers from look to look.
pub(super) struct Watcher<'a> {
    threshold: Duration,
    /// By the address of the slot, which stays where it is.
    polls: HashMap<usize, Poll<'a>>,
}

#[derive(Clone)]
pub(super) struct Poll<'a> {
    slot: &'a Slot,
    seen: Seen,
    since: Instant,
    /// What was said about it.
    reported: Option<SlowPoll>,
}

impl Poll<'_> {
    /// What there is to say of it, if it goes on and was reported.
    pub(super) fn still(&self, now: Instant) -> Option<SlowPoll> {
        let stall = self.reported.clone().filter(|_| self.slot.read() == Some(self.seen))?;
        Some(SlowPoll { running_for: now.duration_since(self.since), ..stall })
    }
}

impl<'a> Watcher<'a> {
    pub(super) fn new(threshold: Duration) -> Self {
        Self { threshold, polls: HashMap::new() }
    }

    /// What there is to report, now that it is `now`.
    pub(super) fn look(&mut self, slots: &[&'a Slot], now: Instant) -> Vec<SlowPoll> {
        let mut reports = Vec::new();
        let mut before = std::mem::take(&mut self.polls);
        for slot in slots {
            let slot = *slot;
            let address = std::ptr::from_ref(slot).addr();
            let Some(seen) = slot.read() else { continue };
            let same = before.get(&address).is_some_and(|poll| poll.seen.count == seen.count);
            let known = if same { before.remove(&address) } else { None };
            let mut poll = known.unwrap_or(Poll { slot, seen, since: now, reported: None });
            let running_for = now.duration_since(poll.since);
            if poll.reported.is_none() && same && running_for >= self.threshold {
                let stall = describe(slot, seen, running_for);
                reports.push(stall.clone());
                poll.reported = Some(stall);
            }
            self.polls.insert(address, poll);
        }
        let over = before.into_values().filter_map(|poll| {
            let running_for = now.duration_since(poll.since);
            Some(SlowPoll { running_for, over: true, ..poll.reported? })
        });
        reports.splice(0..0, over);
        reports
    }

    /// The polls that were reported and were not over.
    pub(super) fn stuck(&self) -> Vec<Poll<'a>> {
        self.polls.values().filter(|poll| poll.reported.is_some()).cloned().collect()
    }
}

fn describe(slot: &Slot, seen: Seen, running_for: Duration) -> SlowPoll {
    SlowPoll {
        name: Tag::find(seen.tag),
        id: seen.id.checked_sub(1),
        location: seen.location,
        thread: slot.thread(),
        running_for,
        over: false,
    }
}
