use std::panic::{AssertUnwindSafe, Location, catch_unwind, set_hook, take_hook};
use std::sync::{Arc, Mutex};
use std::thread;

use tidegate_barrier::Barrier;
use tidegate_test::poll_once;

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

// 17. One test, since there is one panic hook.
#[test]
fn whoever_breaks_a_promise_is_blamed() {
    let cases: [(&str, fn()); 3] = [
        ("a barrier without parties", || _ = Barrier::new(0)),
        ("left after it was ready", || {
            let barrier = Barrier::new(1);
            let mut wait = Box::pin(barrier.wait());
            assert!(poll_once(wait.as_mut()).is_ready());
            let _ = wait.as_mut().leave();
        }),
        ("left after it was ready", || {
            let mut wait = Box::pin(Arc::new(Barrier::new(2)).wait_owned());
            let _ = wait.as_mut().leave();
            let _ = wait.as_mut().leave();
        }),
    ];
    for (message, case) in cases {
        assert_eq!(blame(case), (message.to_owned(), file!().to_owned()));
    }
}
