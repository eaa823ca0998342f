use std::time::Duration;

use super::*;
use crate::timer::Callback;

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(start_paused = true)]
async fn the_heap_is_not_much_longer_than_what_it_holds() {
    let timers = Timers::of_runtime();
    let add = |after| {
        let timer = Arc::new(Callback::new(|| ()));
        Arc::clone(&timers).add(Instant::now() + after, timer)
    };
    let kept: Vec<_> = (0..100).map(|_| add(HOUR)).collect();
    for _ in 0..100_000 {
        assert!(add(HOUR).cancel());
        assert!(timers.len() <= 2 * kept.len() + SWEEP + 1, "{}", timers.len());
    }
    assert!(kept.iter().all(|handle| handle.cancel()));
    assert!(timers.len() <= 2 * SWEEP, "{}", timers.len());
    tokio::time::sleep(2 * HOUR).await;
    assert_eq!(timers.len(), 0);
}

#[test]
fn a_loop_goes_with_its_runtime() {
    let runtime =
        || tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let (one, two) = (runtime(), runtime());
    let of = |runtime: &tokio::runtime::Runtime| runtime.block_on(async { Timers::of_runtime() });
    let (first, second) = (of(&one), of(&two));
    assert!(Arc::ptr_eq(&first, &of(&one)) && !Arc::ptr_eq(&first, &second));
    let weak = Arc::downgrade(&first);
    drop((first, one));
    assert!(weak.upgrade().is_none());
    assert!(Arc::ptr_eq(&second, &of(&two)));
}
