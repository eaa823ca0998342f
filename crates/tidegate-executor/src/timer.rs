// How it works
//
// A callback, from the call to the end. `stage` says who owns the closure:
//
//     Waiting(work)    it is here; whoever takes it out, with the lock held, decides: it is run, or dropped
//     Running(thread)  that thread has it
//     Ran              nobody has it any more
//     Dropped          it was cancelled, or its runtime went away
//
// So a closure that was taken out to be dropped cannot run, and `cancel` has only to wait for one that
// is being run, on another thread.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tidegate_shim::atomic::{AtomicBool, Ordering};
use tidegate_shim::thread::{self, ThreadId};
use tidegate_shim::{Condvar, Mutex};
use tidegate_timeout::current_scope;
use tidegate_timeout::scope::Scope;

use crate::inherit::Inherited;
use crate::quiet::{discard, quietly};

/// A callback as its loop and its handles see it.
pub(crate) trait Timer: Send + Sync {
    /// Calls it, if it is still there.
    fn run(&self);

    /// Drops it, and answers whether it was still there. One that runs on another thread is waited for.
    fn cancel(&self) -> bool;

    /// Whether it was dropped and never ran.
    fn is_dropped(&self) -> bool;
}

pub(crate) struct Callback<F> {
    stage: Mutex<Stage<F>>,
    ended: Condvar,
    /// Whether the stage is `Dropped`: for those who only look. Written with the lock held, after the closure was
    /// taken out.
    is_dropped: AtomicBool,
}

enum Stage<F> {
    Waiting(Work<F>),
    Running(ThreadId),
    Ran,
    Dropped,
}

/// The closure, and what it has from where it was given.
struct Work<F> {
    callback: F,
    scope: Option<Scope>,
    inherited: Inherited,
}

impl<F: FnOnce() + Send + 'static> Callback<F> {
    pub(crate) fn new(callback: F) -> Self {
        let scope = current_scope().map(|_| Scope::new());
        let work = Work { callback, scope, inherited: Inherited::here() };
        Self {
            stage: Mutex::new(Stage::Waiting(work)),
            ended: Condvar::new(),
            is_dropped: AtomicBool::new(false),
        }
    }
}

impl<F: FnOnce()> Work<F> {
    fn run(self) {
        let Self { callback, scope, inherited } = self;
        inherited.enter(|| match scope {
            Some(scope) => scope.enter(callback),
            None => callback(),
        });
    }
}

impl<F: FnOnce() + Send + 'static> Timer for Callback<F> {
    fn run(&self) {
        let work = {
            let mut stage = self.stage.lock();
            let running = Stage::Running(thread::current().id());
            match std::mem::replace(&mut *stage, running) {
                Stage::Waiting(work) => work,
                before => {
                    *stage = before;
                    return;
                }
            }
        };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| work.run())) {
            discard(panic);
        }
        *self.stage.lock() = Stage::Ran;
        self.ended.notify_all();
    }

    fn cancel(&self) -> bool {
        let mut stage = self.stage.lock();
        match std::mem::replace(&mut *stage, Stage::Dropped) {
            Stage::Waiting(Work { callback, scope, inherited }) => {
                // Release: pairs with the Acquire in `is_dropped`.
                self.is_dropped.store(true, Ordering::Release);
                drop(stage);
                quietly(|| inherited.enter(|| drop(callback)));
                quietly(|| drop((scope, inherited)));
                return true;
            }
            before => *stage = before,
        }
        while let Stage::Running(thread) = *stage {
            if thread == thread::current().id() {
                break;
            }
            stage = self.ended.wait(stage);
        }
        false
    }

    fn is_dropped(&self) -> bool {
        // Acquire: pairs with the Release in `cancel`.
        self.is_dropped.load(Ordering::Acquire)
    }
}
