use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use tidegate_test::{CountingWaker, Explorer, cut_everywhere, hold, poll_once, poll_with};
use tidegate_time_lock::{Event, Events, KeyedTimeLock, Policy, Rate, Reopen, TimeLock, Until};
use tokio::time::{Instant, advance, sleep};

use crate::support::{line, look, ms, secs};

/// What there is to hear without waiting.
fn heard(events: &mut Events) -> Vec<Event> {
    let mut all = Vec::new();
    let mut cx = Context::from_waker(Waker::noop());
    while let Poll::Ready(Some(event)) = Pin::new(&mut *events).poll_next(&mut cx) {
        all.push(event);
    }
    all
}

// T24: nothing is said to nobody; and T14: one opening is one event.
#[tokio::test(start_paused = true)]
async fn a_listener_hears_what_happens_in_its_order() {
    let gate = TimeLock::new();
    gate.lock();
    gate.unlock();
    let mut events = gate.events();
    assert_eq!(heard(&mut events), [], "what was before is no news");
    let began = Instant::now();
    gate.lock_with(Until::For(secs(5)), Policy::Extend, "429");
    gate.lock_for(secs(9));
    gate.lock_for(secs(1));
    gate.lock_with(Until::For(secs(2)), Policy::Replace, "less");
    let waiters = line(&gate, 3);
    advance(secs(1)).await;
    gate.unlock();
    gate.unlock();
    drop(waiters);
    gate.close();
    gate.close();
    let after = |pause| Some(began + pause);
    assert_eq!(
        heard(&mut events),
        [
            Event::Shut { epoch: 2, until: after(secs(5)), reason: Some("429".into()) },
            Event::Extended { until: after(secs(9)) },
            Event::Shortened { until: after(secs(2)) },
            Event::Opened { epoch: 2, after: secs(1), waiters: 3 },
            Event::Closed,
        ],
    );
    assert_eq!(events.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn an_opening_is_heard_on_time_though_nobody_comes() {
    let gate = TimeLock::new();
    let mut events = gate.events();
    let began = Instant::now();
    gate.lock_for(secs(40)); // a long one, looked at meanwhile
    assert!(matches!(events.next().await, Some(Event::Shut { .. })));
    let opened = events.next().await;
    assert_eq!(opened, Some(Event::Opened { epoch: 1, after: secs(40), waiters: 0 }));
    assert!(began.elapsed() >= secs(40) && began.elapsed() <= ms(40_001));
}

#[tokio::test(start_paused = true)]
async fn probes_and_paces_are_heard_of() {
    let rate = Rate::per_second(10.0);
    let ramp = Reopen::Ramp { start: rate, double_every: secs(1) };
    let gate = TimeLock::builder().reopen(ramp).build();
    let mut events = gate.events();
    gate.lock_for(secs(1));
    sleep(secs(60)).await;
    gate.try_acquire().unwrap().ok();
    let all = heard(&mut events);
    assert_eq!(
        all[2..],
        [Event::PaceChanged { pace: Some(rate) }, Event::PaceChanged { pace: None }]
    );

    let gate = TimeLock::builder().reopen(Reopen::Probe { n: 1 }).build();
    let mut events = gate.events();
    gate.lock_for(secs(1));
    gate.acquire().await.unwrap().refused(secs(1));
    gate.acquire().await.unwrap().ok();
    let [
        Event::Shut { .. },
        Event::Probing { epoch: 1 },
        Event::Shut { .. },
        Event::Probing { epoch: 2 },
        Event::Opened { epoch: 2, after, .. },
    ] = heard(&mut events)[..]
    else {
        panic!("two pauses and one opening");
    };
    assert!(after >= secs(2), "since the first of them");
    gate.lock();
    gate.unlock_now();
    assert_eq!(heard(&mut events).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_slow_listener_is_told_what_it_missed() {
    let gate = TimeLock::new();
    let mut events = gate.events();
    for _ in 0..200 {
        gate.lock();
        gate.unlock();
    }
    let all = heard(&mut events);
    assert_eq!((all.len(), &all[0]), (257, &Event::Missed { events: 144 }));
    assert!(matches!(all[256], Event::Opened { epoch: 200, .. }));
}

#[tokio::test(start_paused = true)]
async fn listeners_come_and_go() {
    let gate = TimeLock::new();
    let mut first = gate.events();
    gate.lock();
    let mut second = gate.events();
    gate.unlock();
    assert_eq!((heard(&mut first).len(), heard(&mut second).len()), (2, 1));
    drop(first);
    gate.lock();
    assert_eq!(heard(&mut second).len(), 1);
    drop(second);
    gate.unlock();
    assert_eq!(heard(&mut gate.events()), []);
}

#[test]
fn a_listener_hears_the_rest_and_the_end_when_nobody_can_do_anything_any_more() {
    let gate = TimeLock::new();
    let mut events = gate.events();
    let pass = gate.try_acquire().unwrap();
    let (wakes, waker) = CountingWaker::new();
    assert!(poll_with(pin!(events.next()), &waker).is_pending());
    drop(gate);
    assert!(poll_with(pin!(events.next()), &waker).is_pending(), "there is a pass yet");
    let refused = pass.refused(secs(9));
    let waked = wakes.count();
    assert!(waked > 0);
    let heard: Vec<Event> = heard(&mut events);
    assert!(matches!(heard[..], [Event::Shut { epoch: 1, .. }]), "{heard:?}");
    assert!(poll_with(pin!(events.next()), &waker).is_pending());
    drop(refused);
    assert!(wakes.count() > waked, "it is told that this was all");
    assert_eq!(poll_with(pin!(events.next()), &waker), Poll::Ready(None));
    assert_eq!(poll_with(pin!(events.next()), &waker), Poll::Ready(None));

    // What was said before is heard before.
    let gate = TimeLock::new();
    let mut events = gate.events();
    gate.lock();
    drop(gate);
    let mut next = || poll_with(pin!(events.next()), &waker);
    assert!(matches!(next(), Poll::Ready(Some(Event::Shut { .. }))));
    assert_eq!(next(), Poll::Ready(None));
}

#[test]
fn a_key_that_is_listened_to_is_remembered() {
    let hosts = KeyedTimeLock::<u32>::builder().template(TimeLock::builder()).capacity(2);
    let hosts = hosts.build();
    let mut events = hosts.gate(&1).events();
    hosts.try_acquire(&1).unwrap().ok();
    for other in 2..100 {
        hosts.gate(&other).lock();
    }
    let _ = hosts.lock_for(&1, secs(9));
    assert_eq!(heard(&mut events).len(), 1);
    drop(hosts);
    assert_eq!(poll_once(pin!(events.next())), Poll::Ready(None));
}

#[test]
fn every_listener_is_woken_and_listening_needs_no_runtime() {
    let gate = TimeLock::new();
    let mut events = [gate.events(), gate.events()];
    let (wakes, waker) = CountingWaker::new();
    for events in &mut events {
        assert!(poll_with(pin!(events.next()), &waker).is_pending());
    }
    gate.lock_for(secs(60));
    assert_eq!(wakes.count(), 2);
    for events in &mut events {
        assert!(poll_with(pin!(events.next()), &waker).is_ready());
        assert!(poll_with(pin!(events.next()), &waker).is_pending());
    }
    gate.unlock();
    assert_eq!(wakes.count(), 4);
    assert_eq!(heard(&mut events[0]).len(), 1);
}

// Somebody else may be the first to notice that a pause is over.
#[tokio::test(start_paused = true)]
async fn whoever_notices_tells() {
    let gate = TimeLock::new();
    let mut events = gate.events();
    gate.lock_for(secs(1));
    let mut waiter = line(&gate, 1);
    let mut onlooker = Box::pin(gate.opened());
    assert!(poll_once(onlooker.as_mut()).is_pending());
    let (wakes, waker) = CountingWaker::new();
    heard(&mut events);
    assert!(poll_with(pin!(events.next()), &waker).is_pending());
    advance(secs(1)).await;
    // Its own timer does, and the one who passes.
    look(&mut waiter[0]).unwrap().ok();
    assert!(wakes.count() > 0);
    let opened = Event::Opened { epoch: 1, after: secs(1), waiters: 1 };
    assert_eq!(heard(&mut events), [opened]);
    assert!(poll_once(onlooker.as_mut()).is_ready());
}

struct World {
    gate: TimeLock,
    events: RefCell<Events>,
}

#[test]
fn a_wait_for_an_event_may_be_dropped_anywhere() {
    Explorer::new(|| {
        let gate = TimeLock::new();
        let events = RefCell::new(gate.events());
        World { gate, events }
    })
    .future(|world| {
        hold(async move {
            let next = poll_fn(|cx| Pin::new(&mut *world.events.borrow_mut()).poll_next(cx));
            next.await
        })
    })
    .step(|world| {
        world.gate.lock();
    })
    .step(|world| assert!(world.gate.unlock()))
    .check(|world| {
        world.gate.close();
        // Whatever was not handed out is still there, and in order.
        let all = heard(&mut world.events.borrow_mut());
        assert!((2..=3).contains(&all.len()) && all.last() == Some(&Event::Closed), "{all:?}");
    })
    .run();
}

#[test]
fn a_wait_for_an_opening_may_be_cut_after_any_number_of_polls() {
    let cuts = cut_everywhere(|cut| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let gate = TimeLock::new();
            let mut events = gate.events();
            gate.lock_for(secs(1));
            let opened = cut.short(async {
                while !matches!(events.next().await, Some(Event::Opened { .. })) {}
            });
            opened.await;
            sleep(secs(2)).await;
            drop(events);
            gate.acquire().await.unwrap().ok();
        });
    });
    assert!(cuts >= 2, "{cuts}");
}
