use std::panic::{AssertUnwindSafe, Location, catch_unwind, set_hook, take_hook};
use std::sync::{Arc, Mutex};
use std::thread;

use tidegate_semaphore::Semaphore;

/// The message of the panic of `f`, and the file that it blames.
fn blame(f: impl FnOnce()) -> (String, String) {
    let seen = Arc::new(Mutex::new(String::new()));
    let hook = take_hook();
    set_hook(Box::new({
        let (seen, here) = (Arc::clone(&seen), thread::current().id());
        move |info| {
            // Other tests panic too, on threads of their own.
            if thread::current().id() == here {
                *seen.lock().unwrap() = info.location().map(Location::file).unwrap().into();
            }
        }
    }));
    let panic = catch_unwind(AssertUnwindSafe(f)).unwrap_err();
    set_hook(hook);
    let file = seen.lock().unwrap().clone();
    ((*panic.downcast_ref::<&str>().unwrap()).to_owned(), file)
}

// One test, since the panic hook is everybody's.
#[test]
fn whoever_breaks_a_promise_is_blamed() {
    let full = Semaphore::new(Semaphore::MAX_PERMITS);
    let (one, other) = (Semaphore::new(1), Semaphore::new(1));
    type Case<'a> = Box<dyn FnOnce() + 'a>;
    let cases: [(&str, Case<'_>); 5] = [
        ("more permits than there can be", Box::new(|| _ = Semaphore::new(usize::MAX))),
        ("more permits than there can be", Box::new(|| full.add_permits(1))),
        ("more permits than there can be", Box::new(|| drop(one.acquire_many(usize::MAX)))),
        (
            "more permits than there can be",
            Box::new(|| drop(Arc::new(Semaphore::new(1)).acquire_many_owned(usize::MAX))),
        ),
        (
            "merging permits of two semaphores",
            Box::new(|| one.try_acquire().unwrap().merge(other.try_acquire().unwrap())),
        ),
    ];
    for (message, case) in cases {
        assert_eq!(blame(case), (message.to_owned(), file!().to_owned()));
    }
    // Nothing was added, and nothing is lost by a merge that is refused.
    assert_eq!(full.available_permits(), Semaphore::MAX_PERMITS);
    assert_eq!((one.available_permits(), other.available_permits()), (1, 1));
}
