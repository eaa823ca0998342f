use tidegate_test::{CountingWaker, poll_with};
use tidegate_waiters::Gate;

/// A cheap shuffle that is the same every time.
fn shuffled(n: usize) -> Vec<usize> {
    let mut order: Vec<_> = (0..n).collect();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    for i in (1..n).rev() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        order.swap(i, (seed >> 33) as usize % (i + 1));
    }
    order
}

#[test]
fn a_hundred_thousand_wait_leave_and_are_served() {
    const N: usize = 100_000;
    let gate = Gate::new(0);
    let (wakes, waker) = CountingWaker::new();
    let mut line: Vec<_> = (0..N).map(|_| Some(Box::pin(gate.acquire(1)))).collect();
    for it in line.iter_mut().flatten() {
        assert!(poll_with(it.as_mut(), &waker).is_pending());
    }
    assert_eq!(gate.waiters(), N);
    // Every other one leaves, in no order: a queue that searched for them would take minutes.
    for i in shuffled(N).into_iter().filter(|i| i % 2 == 0) {
        line[i] = None;
    }
    assert_eq!(gate.waiters(), N / 2);
    gate.release(N / 2);
    assert_eq!(wakes.count(), N / 2);
    for it in line.iter_mut().flatten() {
        assert!(poll_with(it.as_mut(), &waker).is_ready());
    }
    assert_eq!((gate.available(), gate.waiters()), (0, 0));
}
