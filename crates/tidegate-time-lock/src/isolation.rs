// How it works
//
// A refusal is usually about everybody: too many requests. Some are about the request that drew it, and a gate that is
// shut by such a one each time it comes back keeps all the others waiting. The difference shows in what becomes of the
// others: a request that is refused again and again while others, sent after its first refusal, are accepted, is
// refused for its own sake.
//
// So each request carries how often it was refused and since which epoch, and the gate counts, for its last epochs,
// how many passes of each were accepted. A pass of a later epoch was sent after the refusal that ended the earlier one.
// They are counted only for a while after each refusal: whoever passes an open gate undisturbed has nothing to report.

use std::collections::VecDeque;

use crate::Epoch;

/// So many epochs are remembered.
const EPOCHS: usize = 16;

/// How a request fared before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct History {
    pub(crate) refusals: u32,
    /// The epoch of the pass that was refused first.
    since: Epoch,
}

impl History {
    /// After one more refusal, of a pass of `epoch`.
    pub(crate) fn refused(self, epoch: Epoch) -> Self {
        let since = if self.refusals == 0 { epoch } else { self.since };
        Self { refusals: self.refusals.saturating_add(1), since }
    }

    /// Whether it was refused so many times, while so many others were accepted.
    pub(crate) fn is_its_own_fault(self, isolation: (u32, u64), accepted: &Accepted) -> bool {
        let (refusals, others) = isolation;
        self.refusals >= refusals && accepted.since(self.since) >= others
    }

    /// Whether it was refused so often that somebody else is to go first: a request that is refused for its own sake
    /// and goes first each time would never see another accepted.
    pub(crate) fn gives_way(self, isolation: (u32, u64)) -> bool {
        self.refusals + 1 >= isolation.0
    }
}

/// How many were accepted in the last epochs.
#[derive(Debug, Default)]
pub(crate) struct Accepted {
    by_epoch: VecDeque<(Epoch, u64)>,
    /// So many more are of interest.
    wanted: u64,
}

impl Accepted {
    /// Something was refused.
    pub(crate) fn want(&mut self, (refusals, others): (u32, u64)) {
        if refusals < u32::MAX {
            self.wanted = others;
        }
    }

    pub(crate) fn are_wanted(&self) -> bool {
        self.wanted > 0
    }

    /// A pass of `epoch` was accepted.
    pub(crate) fn count(&mut self, epoch: Epoch, current: Epoch) {
        if self.wanted == 0 {
            return;
        }
        self.wanted -= u64::from(epoch == current);
        match self.by_epoch.iter_mut().rev().find(|(of, _)| *of == epoch) {
            Some((_, n)) => *n += 1,
            None => {
                self.by_epoch.push_back((epoch, 1));
                if self.by_epoch.len() > EPOCHS {
                    self.by_epoch.pop_front();
                }
            }
        }
    }

    /// Of passes of later epochs than this.
    fn since(&self, epoch: Epoch) -> u64 {
        self.by_epoch.iter().filter(|(of, _)| *of > epoch).map(|(_, n)| n).sum()
    }
}
