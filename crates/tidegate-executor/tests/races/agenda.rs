//! Callbacks that are added, cancelled and dropped while somebody runs them.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use tidegate_shim::atomic::{AtomicUsize, Ordering};
use tidegate_test::{block_on, race, spawn};
use tokio::time::Instant;

use crate::Counted;
use crate::agenda::{Agenda, Look};
use crate::timer::{Callback, Timer};

/// Runs what is due until the agenda is closed, and sleeps in between: the driver without its clock.
fn drive(agenda: &Agenda, now: Instant) {
    block_on(poll_fn(|cx| {
        let (mut limit, mut ran) = (None, 0);
        loop {
            match agenda.look(now, &mut limit, ran, cx.waker()) {
                Look::Due(timer) => {
                    timer.run();
                    ran += 1;
                }
                Look::Next(_) if ran > 0 => (limit, ran) = (None, 0),
                Look::Next(_) => return Poll::Pending,
                Look::Closed => return Poll::Ready(()),
            }
        }
    }));
}

struct Fate {
    ran: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
}

/// A callback that counts, and does something.
fn callback(act: impl FnOnce() + Send + 'static) -> (Arc<dyn Timer>, Fate) {
    let (ran, dropped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (count, token) = (Arc::clone(&ran), Counted(Arc::clone(&dropped)));
    let callback = Callback::new(move || {
        let _token = token;
        count.fetch_add(1, Ordering::SeqCst);
        act();
    });
    (Arc::new(callback), Fate { ran, dropped })
}

impl Fate {
    fn is(&self, ran: usize, dropped: usize) -> bool {
        self.ran.load(Ordering::SeqCst) == ran && self.dropped.load(Ordering::SeqCst) == dropped
    }
}

#[test]
fn a_callback_that_comes_as_the_loop_goes_to_sleep_is_run() {
    race(|| {
        let (agenda, now) = (Arc::new(Agenda::new()), Instant::now());
        let drives = spawn({
            let agenda = Arc::clone(&agenda);
            move || drive(&agenda, now)
        });
        // It ends the loop, or the loop does not end.
        let ends = Arc::clone(&agenda);
        let (timer, fate) = callback(move || ends.close());
        agenda.add(now, &timer);
        drives.join().unwrap();
        assert!(fate.is(1, 1) && !timer.is_dropped());
    });
}

#[test]
fn a_callback_is_run_or_dropped_when_the_loop_ends_meanwhile() {
    race(|| {
        let (agenda, now) = (Arc::new(Agenda::new()), Instant::now());
        let drives = spawn({
            let agenda = Arc::clone(&agenda);
            move || drive(&agenda, now)
        });
        let (timer, fate) = callback(|| ());
        let adds = spawn({
            let (agenda, timer) = (Arc::clone(&agenda), Arc::clone(&timer));
            move || agenda.add(now, &timer)
        });
        agenda.close();
        adds.join().unwrap();
        drives.join().unwrap();
        assert!(fate.is(usize::from(!timer.is_dropped()), 1));
    });
}

#[test]
fn a_callback_that_was_cancelled_does_not_run_and_a_sweep_takes_no_other() {
    race(|| {
        let (agenda, now) = (Arc::new(Agenda::new()), Instant::now());
        let ends = Arc::clone(&agenda);
        let ((never, fate), (last, end)) = (callback(|| ()), callback(move || ends.close()));
        agenda.add(now, &never);
        let drives = spawn({
            let agenda = Arc::clone(&agenda);
            move || drive(&agenda, now)
        });
        let cancelled = never.cancel();
        let ran = usize::from(!cancelled);
        assert!(fate.is(ran, 1));
        agenda.add(now, &last);
        agenda.sweep(2);
        drives.join().unwrap();
        assert!(fate.is(ran, 1) && end.is(1, 1));
    });
}
