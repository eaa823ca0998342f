// How it works
//
// The line of a crew has two halves. Who asks for a job joins the back half, under a lock that is held for nothing
// else; hands take from the front half, under the crew's lock, and when it is empty the whole back half becomes the
// front. So whoever asks for many jobs and the hands that run them meet once in many jobs, and not twice in each.
//
// What the one who joins must know of the crew is kept here for him:
//
//     room    there is room for so many jobs at least; when it is used up, the crew is asked for the true figure
//     tells   he has to see to it that a hand comes; if not, one is coming anyway, or all there may be have a job
//
// Both are changed with the crew's lock held as well, but for the room that is used. The crew's lock is taken before
// this one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, MutexGuard};

use crate::line::Line;
use crate::work::Work;

/// The back half of a line of jobs.
pub(super) struct Back {
    half: Mutex<Half>,
    /// There may be jobs, for a hand that looks. Relaxed: it is a hint, and who goes by it takes the lock.
    hint: AtomicBool,
}

pub(super) struct Half {
    pub(super) line: Line<Arc<dyn Work>>,
    /// Jobs come in.
    pub(super) open: bool,
    pub(super) room: usize,
    pub(super) tells: bool,
}

impl Back {
    pub(super) fn new() -> Self {
        let half = Half { line: Line::new(), open: true, room: 0, tells: true };
        Self { half: Mutex::new(half), hint: AtomicBool::new(false) }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Half> {
        self.half.lock()
    }

    pub(super) fn try_lock(&self) -> Option<MutexGuard<'_, Half>> {
        self.half.try_lock()
    }

    /// Whether there may be jobs.
    pub(super) fn hint(&self) -> bool {
        self.hint.load(Ordering::Relaxed)
    }

    /// Somebody has joined.
    pub(super) fn set_hint(&self) {
        if !self.hint() {
            self.hint.store(true, Ordering::Relaxed);
        }
    }

    /// Gives all there are to `front`, which is empty.
    pub(super) fn move_up(&self, front: &mut Line<Arc<dyn Work>>) {
        let mut half = self.lock();
        if half.line.is_empty() {
            self.hint.store(false, Ordering::Relaxed);
        } else {
            front.replace_with(&mut half.line);
        }
    }
}
