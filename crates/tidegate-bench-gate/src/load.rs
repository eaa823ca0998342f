//! A job: so many requests, so many at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::contenders::{Client, Outcome};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) requests: u32,
    pub(crate) workers: usize,
}

/// What came of the requests.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Course {
    /// The longest that one of them took, in seconds.
    pub(crate) longest: f64,
    /// How many were not answered in the end.
    pub(crate) gave_up: u32,
}

/// Does the job.
pub(crate) async fn run(client: &Arc<dyn Client>, load: Load) -> Course {
    let left = Arc::new(AtomicU32::new(load.requests));
    let mut workers = JoinSet::new();
    for _ in 0..load.workers {
        let (client, left) = (Arc::clone(client), Arc::clone(&left));
        workers.spawn(async move {
            let mut course = Course::default();
            let take = |left: u32| left.checked_sub(1);
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
                let began = Instant::now();
                course.gave_up += u32::from(client.ask().await == Outcome::GaveUp);
                course.longest = course.longest.max(began.elapsed().as_secs_f64());
            }
            course
        });
    }
    let mut all = Course::default();
    while let Some(course) = workers.join_next().await {
        let course = course.expect("no client panics");
        all.longest = all.longest.max(course.longest);
        all.gave_up += course.gave_up;
    }
    all
}
