use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_lock::{Lock, RwLock};

use crate::line::{ready, taken, waiting};

// B-L5: given back by another thread, it is there at once.
#[test]
fn threads_and_tasks_stand_in_one_line() {
    let lock = Arc::new(Lock::new(Vec::new()));
    let guard = Arc::clone(&lock).try_lock_owned().unwrap();
    let mut task = waiting(&lock);
    let thread = std::thread::spawn({
        let lock = Arc::clone(&lock);
        move || lock.lock_blocking().push("thread")
    });
    while lock.waiters() < 2 {
        std::thread::yield_now();
    }
    std::thread::spawn(move || drop(guard)).join().unwrap();
    let mut guard = ready(&mut task);
    guard.push("task");
    assert!(!thread.is_finished());
    drop(guard);
    thread.join().unwrap();
    assert_eq!(*taken(&lock), ["task", "thread"]);
}

#[test]
fn a_thread_that_gives_up_leaves_the_line() {
    let soon = || Instant::now() + Duration::from_millis(2);
    let lock = Arc::new(Lock::new(1));
    let guard = taken(&lock);
    assert!(lock.lock_blocking_until(soon()).is_none());
    assert!(Arc::clone(&lock).lock_owned_blocking_until(soon()).is_none());
    assert_eq!(lock.waiters(), 0);
    drop(guard);
    assert_eq!(lock.lock_blocking_until(Instant::now()).as_deref(), Some(&1));
    assert_eq!(*Arc::clone(&lock).lock_owned_blocking(), 1);

    let lock = RwLock::new(1);
    let guard = lock.write_blocking();
    assert!(lock.read_blocking_until(soon()).is_none());
    assert!(lock.write_blocking_until(soon()).is_none());
    assert!(lock.upgradable_read_blocking_until(soon()).is_none());
    assert_eq!(lock.waiters(), 0);
    drop(guard);
    assert_eq!(lock.read_blocking_until(Instant::now()).as_deref(), Some(&1));
    assert_eq!(lock.write_blocking_until(Instant::now()).as_deref(), Some(&1));
    assert_eq!(lock.upgradable_read_blocking_until(Instant::now()).as_deref(), Some(&1));
}

#[test]
fn many_threads_add_up() {
    let sum = Lock::<_, tidegate_lock::Barging>::with_policy(0);
    let board = RwLock::new(0);
    std::thread::scope(|threads| {
        for i in 0..4 {
            let (sum, board) = (&sum, &board);
            threads.spawn(move || {
                for _ in 0..500 {
                    *sum.lock_blocking() += 1;
                    if i % 2 == 0 {
                        *board.write_blocking() += 1;
                    } else {
                        assert!(*board.read_blocking() <= 1000);
                    }
                }
            });
        }
    });
    assert_eq!((sum.into_inner(), board.into_inner()), (2000, 1000));
}
