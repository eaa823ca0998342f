// How it works
//
// While a job waits in `block_on`, the thread carries a list of the crews whose slots are lent: the job's
// own crew and, behind it, the crews of the jobs that wait for that job in turn. A job that is asked for
// on such a thread inherits the list; if its crew is in it, it is an inner job of that crew (see
// `crew.rs`). The list goes with the thread that polls, so a job that a task spawned by the future asks
// for is not inner.

use std::cell::RefCell;
use std::sync::Arc;

use crate::crew::Crew;

thread_local! {
    static LENDERS: RefCell<Option<Arc<Lender>>> = const { RefCell::new(None) };
}

/// A crew with a job that waits in `block_on`, and those that wait for that job.
pub(crate) struct Lender {
    /// The address of the crew: a job of it waits, so it is alive, and nothing is done with it but to
    /// compare it.
    crew: usize,
    behind: Option<Arc<Lender>>,
}

impl Lender {
    /// The list of this thread.
    pub(crate) fn current() -> Option<Arc<Self>> {
        LENDERS.with_borrow(Clone::clone)
    }

    /// Whether `crew` is in the list.
    pub(crate) fn lends(mut list: Option<&Arc<Self>>, crew: &Arc<Crew>) -> bool {
        while let Some(lender) = list {
            if lender.crew == address(crew) {
                return true;
            }
            list = lender.behind.as_ref();
        }
        false
    }

    /// Puts `crew` and those `behind` it on this thread until the guard is dropped.
    pub(crate) fn lend(crew: &Arc<Crew>, behind: Option<Arc<Self>>) -> Lending {
        let list = Arc::new(Self { crew: address(crew), behind });
        Lending { before: LENDERS.replace(Some(list)) }
    }
}

fn address(crew: &Arc<Crew>) -> usize {
    Arc::as_ptr(crew).addr()
}

/// Restores the list of the thread when it is dropped.
pub(crate) struct Lending {
    before: Option<Arc<Lender>>,
}

impl Drop for Lending {
    fn drop(&mut self) {
        LENDERS.set(self.before.take());
    }
}
