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
//
// Who is one of a herd is refused again and again too, while a few others get through each time. So the others' own
// refusals count as well: each of them takes as many that were accepted to make up for it as there must be at all.

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
        if self.refusals < refusals {
            return false;
        }
        let (epochs, accepted, refused) = accepted.since(self.since);
        // Its own are among them, all but the first: one in an epoch, for as far back as is remembered.
        let own = u64::from(self.refusals).saturating_sub(1).min(epochs);
        accepted >= others.saturating_mul(refused.saturating_sub(own).max(1))
    }

    /// Whether it was refused so often that somebody else is to go first: a request that is refused for its own sake
    /// and goes first each time would never see another accepted.
    pub(crate) fn gives_way(self, isolation: (u32, u64)) -> bool {
        self.refusals + 1 >= isolation.0
    }
}

/// So many times as many as are needed to tell are counted after several refusals.
const MANY: u64 = 8;

/// How many were accepted in the last epochs, and how many refused.
#[derive(Debug, Default)]
pub(crate) struct Accepted {
    by_epoch: VecDeque<Fared>,
    /// So many more are of interest.
    wanted: u64,
}

/// How those fared who passed in one epoch.
#[derive(Debug)]
struct Fared {
    epoch: Epoch,
    accepted: u64,
    refused: u64,
}

impl Accepted {
    /// A pass of `epoch` was refused.
    pub(crate) fn refused(&mut self, epoch: Epoch, (refusals, others): (u32, u64)) {
        if refusals < u32::MAX {
            let most = others.saturating_mul(MANY);
            self.wanted = self.wanted.saturating_add(others).min(most);
            self.of(epoch).refused += 1;
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
        self.of(epoch).accepted += 1;
    }

    fn of(&mut self, epoch: Epoch) -> &mut Fared {
        let at = self.by_epoch.iter().rposition(|it| it.epoch == epoch).unwrap_or_else(|| {
            if self.by_epoch.len() >= EPOCHS {
                self.by_epoch.pop_front();
            }
            self.by_epoch.push_back(Fared { epoch, accepted: 0, refused: 0 });
            self.by_epoch.len() - 1
        });
        &mut self.by_epoch[at]
    }

    /// How many later epochs than this are remembered, and how many passes of those were accepted, and refused.
    fn since(&self, epoch: Epoch) -> (u64, u64, u64) {
        let later = self.by_epoch.iter().filter(|it| it.epoch > epoch);
        later.fold((0, 0, 0), |(epochs, accepted, refused), it| {
            (epochs + 1, accepted + it.accepted, refused + it.refused)
        })
    }
}
