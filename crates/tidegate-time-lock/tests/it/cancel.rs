use std::cell::RefCell;
use std::future::poll_fn;

use tidegate_test::{Cut, Explorer, cut_everywhere, hold, poll_once};
use tidegate_time_lock::{
    KeyedTimeLockBuilder, Pass, PausingSemaphore, Permit, Reopen, Requeue, RetryBudget, State,
    Ticket, TimeLock, Verdict,
};
use tokio::time::{Instant, sleep};

use crate::support::{ms, secs};

/// A gate, shut or probing, and what others have done at it.
struct World {
    gate: TimeLock,
    other: RefCell<Option<Pass>>,
    /// From before it was shut.
    place: RefCell<Option<Requeue>>,
}

fn world(reopen: Reopen) -> impl Fn() -> World {
    move || {
        let gate = TimeLock::builder()
            .reopen(reopen)
            // So long that nobody needs a timer.
            .probe_timeout(std::time::Duration::MAX)
            .build();
        let place = gate.try_acquire().unwrap().requeue();
        gate.lock();
        World { gate, other: RefCell::new(None), place: RefCell::new(Some(place)) }
    }
}

fn all_is_well(world: &World) {
    world.other.borrow_mut().take();
    let gate = &world.gate;
    if gate.snapshot().state == State::Closed {
        return;
    }
    gate.unlock();
    if let Ok(pass) = gate.try_acquire() {
        pass.ok();
    }
    if gate.waiters() == 0 {
        let pass = std::pin::pin!(gate.acquire());
        assert!(poll_once(pass).is_ready(), "{gate}");
    }
}

#[test]
fn an_acquire_may_be_dropped_anywhere() {
    for reopen in [Reopen::All, Reopen::Probe { n: 1 }] {
        Explorer::new(world(reopen))
            .future(|world| hold(world.gate.acquire()))
            .step(|world| assert!(world.gate.unlock()))
            .step(|world| *world.other.borrow_mut() = world.gate.try_acquire().ok())
            .step(|world| {
                world.gate.lock();
            })
            .step(|world| {
                world.gate.unlock();
            })
            .check(all_is_well)
            .run();
    }
}

#[test]
fn an_owned_acquire_may_be_dropped_anywhere() {
    Explorer::new(world(Reopen::Probe { n: 1 }))
        .future(|world| {
            let gate = world.gate.clone();
            hold(gate.acquire_owned())
        })
        .step(|world| assert!(world.gate.unlock()))
        .step(|world| *world.other.borrow_mut() = world.gate.try_acquire().ok())
        .step(|world| drop(world.other.borrow_mut().take()))
        .step(|world| world.gate.close())
        .check(|world| {
            all_is_well(world);
            assert_eq!(world.gate.waiters(), 0);
        })
        .run();
}

#[test]
fn a_ticket_and_one_who_comes_back_may_be_dropped_anywhere() {
    for comes_back in [false, true] {
        Explorer::new(world(Reopen::Probe { n: 1 }))
            .future(move |world| {
                hold(async move {
                    if comes_back {
                        // With a place from before the pause, which is before all others.
                        let place = world.place.take().expect("one comes back");
                        return world.gate.acquire_again(place).await;
                    }
                    let mut ticket = Ticket::new();
                    let wait = poll_fn(|cx| world.gate.poll_acquire(cx, &mut ticket));
                    wait.await
                })
            })
            .step(|world| assert!(world.gate.unlock()))
            .step(|world| *world.other.borrow_mut() = world.gate.try_acquire().ok())
            .step(|world| {
                world.gate.lock();
            })
            .step(|world| {
                world.gate.unlock();
            })
            .check(all_is_well)
            .run();
    }
}

#[test]
fn a_wait_for_a_key_may_be_dropped_anywhere() {
    let rules = TimeLock::builder().reopen(Reopen::Probe { n: 1 });
    let rules = rules.probe_timeout(std::time::Duration::MAX);
    Explorer::new(move || {
        let keys = KeyedTimeLockBuilder::<u8>::new().template(rules).build();
        keys.global().lock();
        let held = keys.gate(&1);
        held.lock();
        (keys, RefCell::new(Some(held)))
    })
    .future(|(keys, _)| hold(keys.acquire(&1)))
    .step(|(keys, _)| assert!(keys.global().unlock()))
    .step(|(keys, _)| _ = keys.global().lock())
    .step(|(keys, _)| _ = keys.gate(&1).unlock())
    .step(|(keys, _)| keys.merge(&1, &2))
    .step(|(keys, _)| _ = keys.global().unlock())
    .step(|(_, held)| drop(held.borrow_mut().take()))
    .check(|(keys, _)| {
        keys.global().unlock();
        keys.gate(&1).unlock();
        assert_eq!((keys.global().waiters(), keys.gate(&1).waiters()), (0, 0));
        assert!(keys.locked().is_empty());
        keys.try_acquire(&1).unwrap().ok();
        keys.try_acquire(&1).unwrap().ok();
    })
    .run();
}

#[test]
fn an_onlooker_may_be_dropped_anywhere() {
    Explorer::new(world(Reopen::All))
        .future(|world| hold(world.gate.opened()))
        .step(|world| assert!(world.gate.unlock()))
        .step(|world| {
            world.gate.lock();
        })
        .step(|world| world.gate.close())
        .check(all_is_well)
        .run();
}

/// Runs a scenario with a gate that is shut for a second and one that waits at it, on a paused clock.
fn paused(reopen: Reopen, scenario: impl AsyncFn(&Cut, &TimeLock)) -> usize {
    cut_everywhere(|cut| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let gate = TimeLock::builder().reopen(reopen).build();
            gate.lock_for(secs(1));
            let neighbour = tokio::spawn({
                let gate = gate.clone();
                async move { gate.acquire().await.unwrap().ok() }
            });
            scenario(cut, &gate).await;
            neighbour.await.unwrap();
            assert_eq!(gate.waiters(), 0);
            gate.acquire().await.unwrap().ok();
        });
    })
}

#[test]
fn every_wait_may_be_cut_after_any_number_of_polls() {
    for reopen in [Reopen::All, Reopen::Probe { n: 1 }, Reopen::Learned(Default::default())] {
        let cuts = [
            paused(reopen, async |cut, gate| drop(cut.short(gate.acquire()).await)),
            paused(reopen, async |cut, gate| {
                drop(cut.short(gate.clone().acquire_owned()).await);
            }),
            paused(reopen, async |cut, gate| {
                drop(cut.short(gate.acquire_timeout(ms(500)).wait_anyway()).await);
            }),
            paused(reopen, async |cut, gate| {
                drop(cut.short(gate.acquire_timeout(secs(9))).await);
            }),
            paused(reopen, async |cut, gate| {
                let at = Instant::now() + secs(9);
                drop(cut.short(gate.acquire_before(at)).await);
            }),
            paused(reopen, async |cut, gate| {
                let place = gate.acquire().await.unwrap().refused(secs(1)).requeue();
                let at = Instant::now() + secs(9);
                drop(cut.short(gate.acquire_again_before(place, at)).await);
            }),
            paused(reopen, async |cut, gate| {
                let mut ticket = Ticket::new();
                drop(cut.short(poll_fn(|cx| gate.poll_acquire(cx, &mut ticket))).await);
            }),
            paused(reopen, async |cut, gate| {
                cut.short(gate.opened()).await;
            }),
            paused(reopen, async |cut, gate| {
                sleep(ms(1)).await; // behind the neighbour
                drop(cut.short(gate.acquire()).await);
            }),
            paused(reopen, async |cut, gate| {
                let pass = gate.acquire().await.unwrap();
                gate.lock_for(secs(1));
                drop(cut.short(gate.acquire_again(pass.requeue())).await);
            }),
        ];
        assert!(cuts.iter().all(|&cuts| cuts >= 2), "{cuts:?}");
    }
}

/// A semaphore of one, whose permit is out.
struct Busy {
    requests: PausingSemaphore,
    held: RefCell<Option<Permit>>,
}

fn busy() -> Busy {
    let rules = TimeLock::builder().reopen(Reopen::Probe { n: 1 });
    let rules = rules.probe_timeout(std::time::Duration::MAX);
    let requests = PausingSemaphore::builder().gate(rules).build();
    let held = RefCell::new(requests.try_acquire().ok());
    Busy { requests, held }
}

fn no_permit_is_lost(busy: &Busy) {
    busy.held.borrow_mut().take();
    busy.requests.gate().unlock();
    assert_eq!(busy.requests.permits().in_use, 0);
    assert_eq!(busy.requests.gate().waiters(), 0);
    assert!(busy.requests.try_acquire().is_ok());
}

#[test]
fn a_wait_for_a_permit_may_be_dropped_anywhere() {
    Explorer::new(busy)
        .future(|busy| hold(busy.requests.acquire()))
        .step(|busy| drop(busy.held.borrow_mut().take()))
        .step(|busy| {
            busy.requests.gate().lock();
        })
        .step(|busy| assert!(busy.requests.gate().unlock()))
        .step(|busy| *busy.held.borrow_mut() = busy.requests.try_acquire().ok())
        .step(|busy| drop(busy.held.borrow_mut().take()))
        .check(no_permit_is_lost)
        .run();
}

#[test]
fn requests_may_be_cut_after_any_number_of_polls() {
    let cuts = cut_everywhere(|cut| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let requests = PausingSemaphore::builder()
                .permits(1)
                .classify(|result: &Result<(), u16>| match result {
                    Ok(()) => Verdict::Ok,
                    Err(_) => Verdict::refused(secs(1)),
                })
                .build();
            let neighbour = tokio::spawn({
                let requests = requests.clone();
                async move {
                    requests
                        .run(async {
                            sleep(ms(5)).await;
                            Ok(())
                        })
                        .await
                }
            });
            let (budget, mut sent) = (RetryBudget::new(), 0);
            let request = requests.run_retrying(&budget, || {
                sent += 1;
                let answer = if sent < 3 { Err(429) } else { Ok(()) };
                async move {
                    sleep(ms(1)).await;
                    answer
                }
            });
            let _ = cut.short(request).await;
            neighbour.await.unwrap().unwrap();
            requests.run(async { Ok(()) }).await.unwrap();
            assert_eq!((requests.permits().in_use, requests.gate().waiters()), (0, 0));
        });
    });
    assert!(cuts >= 5, "{cuts}");
}
