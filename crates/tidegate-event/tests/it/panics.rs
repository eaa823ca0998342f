use std::panic::{AssertUnwindSafe, Location, catch_unwind, set_hook, take_hook};
use std::sync::{Arc, Mutex};

use tidegate_event::Latch;

// One test, since the panic hook is everybody's.
#[test]
fn whoever_asks_for_too_large_a_count_is_blamed() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let hook = take_hook();
    set_hook(Box::new({
        let seen = Arc::clone(&seen);
        move |info| {
            seen.lock().unwrap().push(info.location().map(Location::file).map(str::to_owned))
        }
    }));
    let outcomes = [Latch::MAX_COUNT + 1, usize::MAX]
        .map(|count| catch_unwind(AssertUnwindSafe(|| Latch::new(count))));
    set_hook(hook);
    for outcome in outcomes {
        let panic = outcome.unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"a larger count than there can be"));
    }
    // Others that panic on purpose may have run meanwhile.
    let here = |it: &&Option<String>| it.as_deref() == Some(file!());
    assert_eq!(seen.lock().unwrap().iter().filter(here).count(), 2);
}
