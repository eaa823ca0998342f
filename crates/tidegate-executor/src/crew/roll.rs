//! The crews there are, for whoever has to say what is stuck.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::Crew;
use crate::report::StuckJob;

static CREWS: Mutex<Vec<Weak<Crew>>> = Mutex::new(Vec::new());

/// Takes note of a crew for as long as it lives.
pub(crate) fn enlist(crew: &Arc<Crew>) {
    let mut crews = CREWS.lock();
    if crews.len() == crews.capacity() {
        crews.retain(|it| it.strong_count() > 0);
    }
    crews.push(Arc::downgrade(crew));
}

/// The jobs that run, in all pools.
pub(crate) fn running() -> Vec<StuckJob> {
    let crews: Vec<_> = CREWS.lock().iter().filter_map(Weak::upgrade).collect();
    crews.iter().flat_map(|it| it.running()).collect()
}
