use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::slot::{Seen, Slot};
use super::slow_poll::SlowPoll;
use super::tag::Tag;

/// What a watch remembers from look to look.
pub(super) struct Watcher {
    threshold: Duration,
    /// By the address of the slot, which stays where it is.
    polls: HashMap<usize, Poll>,
}

struct Poll {
    seen: Seen,
    since: Instant,
    /// What was said about it.
    reported: Option<SlowPoll>,
}

impl Watcher {
    pub(super) fn new(threshold: Duration) -> Self {
        Self { threshold, polls: HashMap::new() }
    }

    /// What there is to report, now that it is `now`.
    pub(super) fn look(&mut self, slots: &[&Slot], now: Instant) -> Vec<SlowPoll> {
        let mut reports = Vec::new();
        let mut before = std::mem::take(&mut self.polls);
        for slot in slots {
            let address = std::ptr::from_ref(*slot).addr();
            let Some(seen) = slot.read() else { continue };
            let same = before.get(&address).is_some_and(|poll| poll.seen.count == seen.count);
            let known = if same { before.remove(&address) } else { None };
            let mut poll = known.unwrap_or(Poll { seen, since: now, reported: None });
            let running_for = now.duration_since(poll.since);
            match &mut poll.reported {
                Some(stall) => stall.running_for = running_for,
                None if same && running_for >= self.threshold => {
                    let stall = describe(slot, seen, running_for);
                    reports.push(stall.clone());
                    poll.reported = Some(stall);
                }
                None => {}
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

    pub(super) fn stuck(&self) -> Vec<SlowPoll> {
        self.polls.values().filter_map(|poll| poll.reported.clone()).collect()
    }

    pub(super) fn has_stuck(&self) -> bool {
        self.polls.values().any(|poll| poll.reported.is_some())
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
