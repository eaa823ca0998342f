use std::panic::{AssertUnwindSafe, Location, catch_unwind, set_hook, take_hook};
use std::sync::{Arc, Mutex};
use std::thread;

use tidegate_queue::{LifoQueue, PriorityQueue, Queue};

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
fn whoever_asks_for_no_room_at_all_is_blamed() {
    let cases: [fn(); 3] = [
        || _ = Queue::<u8>::bounded(0),
        || _ = LifoQueue::<u8>::bounded(0),
        || _ = PriorityQueue::<u8>::bounded(0),
    ];
    for case in cases {
        let (message, file) = blame(case);
        assert_eq!(
            (message.as_str(), file.as_str()),
            ("a queue without room for an item", file!())
        );
    }
}
