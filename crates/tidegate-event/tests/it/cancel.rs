use std::pin::Pin;
use std::sync::{Arc, Mutex};

use tidegate_event::{AutoResetEvent, Event, Latch, WaitOwnedFut};
use tidegate_test::{Explorer, hold, poll_once};

use crate::support::{Kind, for_each_kind};

#[test]
fn a_wait_for_an_event_dropped_anywhere_leaves_no_trace() {
    let schedules = Explorer::new(Event::new)
        .future(|it| hold(it.wait()))
        .step(|it| _ = it.set())
        .step(|it| _ = it.clear())
        .step(|it| _ = it.set())
        .check(|it| {
            assert_eq!(it.waiters(), 0);
            assert!(it.is_set());
        })
        .run();
    assert_eq!(schedules, 16 * 5);
}

// Every turn is in one of three places: taken, remembered, or handed to the other who waits. None vanishes.
#[test]
fn a_wait_for_an_auto_reset_event_dropped_anywhere_loses_no_turn() {
    struct World {
        event: AutoResetEvent,
        taken: Mutex<usize>,
    }
    let world = || World { event: AutoResetEvent::new(), taken: Mutex::default() };
    let schedules = Explorer::new(world)
        .future(|it| {
            hold(async move {
                it.event.wait().await;
                *it.taken.lock().unwrap() += 1;
            })
        })
        .step(|it| assert!(it.event.set()))
        .check(|it| {
            assert_eq!(it.event.waiters(), 0);
            assert_eq!(*it.taken.lock().unwrap() + usize::from(it.event.try_wait()), 1);
        })
        .run();
    assert_eq!(schedules, 4 * 3);
}

#[test]
fn a_wait_dropped_anywhere_between_others_hands_its_turn_on() {
    struct World {
        event: Arc<AutoResetEvent>,
        others: Mutex<Vec<Pin<Box<WaitOwnedFut<AutoResetEvent>>>>>,
        taken: Mutex<usize>,
    }
    fn join(world: &World) {
        let mut wait = Box::pin(Arc::clone(&world.event).wait_owned());
        assert!(poll_once(wait.as_mut()).is_pending());
        world.others.lock().unwrap().push(wait);
    }
    let schedules = Explorer::new(|| World {
        event: Arc::new(AutoResetEvent::new()),
        others: Mutex::default(),
        taken: Mutex::default(),
    })
    .future(|it| {
        hold(async move {
            it.event.wait().await;
            *it.taken.lock().unwrap() += 1;
        })
    })
    .step(join)
    .step(|it| assert!(it.event.set()))
    .step(|it| _ = it.event.set())
    .check(|it| {
        let mut others = std::mem::take(&mut *it.others.lock().unwrap());
        let released = others
            .iter_mut()
            .map(|it| usize::from(poll_once(it.as_mut()).is_ready()))
            .sum::<usize>();
        let taken = *it.taken.lock().unwrap() + released;
        let remembered = usize::from(it.event.try_wait());
        assert_eq!((it.event.waiters(), taken + remembered), (0, 2));
    })
    .run();
    assert_eq!(schedules, 16 * 5);
}

#[test]
fn a_wait_for_a_latch_dropped_anywhere_leaves_no_trace() {
    let schedules = Explorer::new(|| Latch::new(3))
        .future(|it| hold(it.wait()))
        .step(|it| it.count_down(1))
        .step(|it| it.count_down(2))
        .step(|it| it.count_down(1))
        .check(|it| {
            assert_eq!((it.count(), it.waiters()), (0, 0));
            assert!(it.is_open());
        })
        .run();
    assert_eq!(schedules, 16 * 5);
}

#[test]
fn an_owned_wait_dropped_anywhere_leaves_no_share() {
    fn test<K: Kind>() {
        let schedules = Explorer::new(|| Arc::new(K::make()))
            .future(|it| {
                let wait = Arc::clone(it).wait_owned();
                hold(wait)
            })
            .step(|it| it.raise())
            .step(|it| it.raise())
            .check(|it| {
                assert_eq!((it.waiters(), Arc::strong_count(it)), (0, 1));
            })
            .run();
        assert_eq!(schedules, 8 * 4);
    }
    for_each_kind!(test);
}
