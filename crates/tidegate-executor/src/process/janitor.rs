// How it works
//
// A thread looks from time to time which workers have had no call for long, and dismisses them. It takes a slot of
// the pool for each, as a call would, so that there are never more processes than slots; a pool without a free slot
// has nobody who is idle. It ends with the pool.

use std::io;
use std::sync::Arc;
use std::thread::Builder;
use std::time::{Duration, Instant};

use super::core::Core;
use super::engaged::dismiss;

/// Starts the thread, unless workers stay for ever.
pub(super) fn start(core: &Arc<Core>) -> io::Result<()> {
    let keep_alive = core.plan.keep_alive;
    if keep_alive == Duration::MAX {
        return Ok(());
    }
    let core = Arc::clone(core);
    let thread = Builder::new().name("tidegate-idle".to_owned()).stack_size(128 << 10);
    drop(thread.spawn(move || {
        while core.is_open_after(keep_alive) {
            if let Some(before) = Instant::now().checked_sub(keep_alive) {
                tidy(&core, before);
            }
        }
    })?);
    Ok(())
}

/// Dismisses who has had no call since.
pub(super) fn tidy(core: &Core, before: Instant) {
    while let Some(permit) = core.free_slot() {
        let Some(worker) = core.idle_since(before) else { return };
        dismiss(worker, Some(permit));
    }
}
