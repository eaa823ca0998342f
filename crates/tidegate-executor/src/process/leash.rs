// How it works
//
// A process id is the process's own until somebody reaps it. Only the warden reaps, with the lock of the leash
// held, so whoever kills with that lock held kills nobody else.

use std::process::{Child, ExitStatus};

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tidegate_timeout::scope::Orphan;
use tokio::sync::OwnedSemaphorePermit;

/// What a worker's process is killed by.
#[derive(Debug)]
pub(super) struct Leash(Mutex<State>);

#[derive(Debug)]
struct State {
    /// `None` once it was reaped.
    pid: Option<Pid>,
    spoils: Spoils,
}

/// What is held until the process is gone: its slot in the pool, and the scope whose call it was.
#[derive(Debug, Default)]
pub(super) struct Spoils {
    _permit: Option<OwnedSemaphorePermit>,
    _orphan: Option<Orphan>,
}

impl Spoils {
    pub(super) fn new(permit: Option<OwnedSemaphorePermit>, orphan: Option<Orphan>) -> Self {
        Self { _permit: permit, _orphan: orphan }
    }
}

impl Leash {
    pub(super) fn new(child: &Child) -> Self {
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        Self(Mutex::new(State { pid, spoils: Spoils::default() }))
    }

    pub(super) fn id(&self) -> Option<u32> {
        self.0.lock().pid.map(|pid| pid.as_raw_nonzero().get().unsigned_abs())
    }

    /// Kills the process and what it started, unless they are gone already.
    pub(super) fn kill(&self) {
        let state = self.0.lock();
        if let Some(pid) = state.pid {
            kill_all(pid);
        }
    }

    /// As `kill`; `spoils` are dropped when the process was reaped.
    pub(super) fn kill_then(&self, spoils: Spoils) {
        self.keep(spoils);
        self.kill();
    }

    /// Keeps `spoils` until the process was reaped.
    pub(super) fn keep(&self, spoils: Spoils) {
        let mut state = self.0.lock();
        if state.pid.is_some() {
            let old = std::mem::replace(&mut state.spoils, spoils);
            drop(state);
            drop(old);
        }
    }

    /// Reaps the process, which has ended, and kills what it left behind in its group.
    pub(super) fn reap(&self, child: &mut Child) -> (Option<ExitStatus>, Spoils) {
        let mut state = self.0.lock();
        if let Some(pid) = state.pid {
            kill_all(pid);
        }
        let status = child.wait().ok();
        state.pid = None;
        (status, std::mem::take(&mut state.spoils))
    }
}

fn kill_all(pid: Pid) {
    // The group does not exist until the child is its leader; the child does. Either may be gone, which is fine.
    let _ = kill_process_group(pid, Signal::KILL);
    let _ = kill_process(pid, Signal::KILL);
}
