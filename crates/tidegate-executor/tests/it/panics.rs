use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};

use tidegate_executor::{JobError, ThreadPool};
use tidegate_test::{block_on, poll_once};

use crate::support::one_thread;

// B-X2
#[test]
fn a_panic_comes_back_with_its_message_and_the_thread_lives_on() {
    let pool = one_thread();
    let text = block_on(pool.run(|_| -> () { panic!("text") }));
    assert_eq!(text, Err(JobError::Panicked("text".into())));
    let formatted = block_on(pool.run(|_| -> () { panic!("number {}", 7) }));
    assert_eq!(formatted, Err(JobError::Panicked("number 7".into())));
    assert_eq!(formatted.unwrap_err().to_string(), "the job panicked: number 7");
    let other = block_on(pool.run(|_| -> () { panic_any(7_u32) }));
    assert_eq!(other, Err(JobError::Panicked("a value that is not text".into())));
    assert_eq!(block_on(pool.run(|_| 1)), Ok(1));
    let now = pool.statistics();
    assert_eq!((now.threads, now.panicked, now.completed), (1, 3, 1));
}

// B-X2: the hostile payload.
#[test]
fn a_payload_that_panics_when_it_is_dropped_is_survived() {
    struct Again(u32);
    impl Drop for Again {
        fn drop(&mut self) {
            if self.0 > 0 {
                resume_unwind(Box::new(Again(self.0 - 1)));
            }
        }
    }
    let pool = one_thread();
    for depth in 0..4 {
        let result = block_on(pool.run(move |_| -> () { resume_unwind(Box::new(Again(depth))) }));
        assert!(matches!(result, Err(JobError::Panicked(_))), "{result:?}");
    }
    assert_eq!(block_on(pool.run(|_| 1)), Ok(1));
    assert_eq!(pool.statistics().threads, 1);
}

#[test]
fn a_result_that_panics_when_nobody_takes_it_is_survived() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("from a result that nobody took");
        }
    }
    let pool = one_thread();
    let (gate, first) = crate::support::occupy(&pool);
    pool.submit(|_| Bomb).unwrap().detach();
    gate.open();
    block_on(first).unwrap();
    assert_eq!(block_on(pool.run(|_| 1)), Ok(1));
    assert_eq!(pool.statistics().threads, 1);
}

fn blamed_line(f: impl FnOnce()) -> u32 {
    let line = std::sync::Arc::new(std::sync::Mutex::new(0));
    let seen = std::sync::Arc::clone(&line);
    let this_thread = std::thread::current().id();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().id() == this_thread {
            *seen.lock().unwrap() = info.location().map_or(0, |place| place.line());
        }
    }));
    let outcome = catch_unwind(AssertUnwindSafe(f));
    std::panic::set_hook(before);
    outcome.expect_err("it panics");
    *line.lock().unwrap()
}

#[test]
fn who_describes_an_impossible_pool_is_blamed() {
    let empty = blamed_line(|| drop(ThreadPool::builder().threads(0..=0)));
    assert_eq!(empty, line!() - 1);
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
    let reversed = blamed_line(|| drop(ThreadPool::builder().threads(3..=2)));
    assert_eq!(reversed, line!() - 1);
    let name = blamed_line(|| drop(ThreadPool::builder().name("a\0b")));
    assert_eq!(name, line!() - 1);
}

#[test]
#[should_panic(expected = "polled again after it was ready")]
fn a_future_that_was_ready_says_so_when_it_is_polled_again() {
    let pool = one_thread();
    let mut run = Box::pin(pool.run(|_| ()));
    block_on(run.as_mut()).unwrap();
    let _ = poll_once(run.as_mut()).is_ready();
}
