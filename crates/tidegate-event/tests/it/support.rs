use std::fmt::Debug;
use std::sync::Arc;
use std::time::Instant;

use tidegate_event::{AutoResetEvent, Event, Latch, Signal, WaitFut, WaitOwnedFut};

/// What the three have in common, for the tests that all of them must pass.
pub(crate) trait Kind: Signal + Debug + Send + Sync + 'static {
    /// One that lets nobody pass.
    fn make() -> Self;
    /// Lets everybody pass, or one.
    fn raise(&self);
    fn wait(&self) -> WaitFut<'_, Self>;
    fn wait_owned(self: Arc<Self>) -> WaitOwnedFut<Self>;
    fn wait_blocking(&self);
    fn wait_blocking_until(&self, deadline: Instant) -> Option<()>;
    fn try_wait(&self) -> bool;
    fn waiters(&self) -> usize;
}

macro_rules! kinds {
    ($($kind:ident: $make:expr, $raise:expr;)*) => {$(
        impl Kind for $kind {
            fn make() -> Self {
                $make
            }
            fn raise(&self) {
                $raise(self);
            }
            fn wait(&self) -> WaitFut<'_, Self> {
                self.wait()
            }
            fn wait_owned(self: Arc<Self>) -> WaitOwnedFut<Self> {
                self.wait_owned()
            }
            fn wait_blocking(&self) {
                self.wait_blocking();
            }
            fn wait_blocking_until(&self, deadline: Instant) -> Option<()> {
                self.wait_blocking_until(deadline)
            }
            fn try_wait(&self) -> bool {
                self.try_wait()
            }
            fn waiters(&self) -> usize {
                self.waiters()
            }
        }
    )*};
}

kinds! {
    Event: Event::new(), Event::set;
    AutoResetEvent: AutoResetEvent::new(), AutoResetEvent::set;
    Latch: Latch::new(1), |it: &Latch| it.count_down(1);
}

/// Runs a test that is generic over [`Kind`] for each of the three.
macro_rules! for_each_kind {
    ($test:ident) => {{
        $test::<tidegate_event::Event>();
        $test::<tidegate_event::AutoResetEvent>();
        $test::<tidegate_event::Latch>();
    }};
}
pub(crate) use for_each_kind;

/// `0..n` in an order that has nothing to do with that of the line.
pub(crate) fn shuffled(n: usize) -> Vec<usize> {
    let mut order = Vec::from_iter(0..n);
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for i in (1..n).rev() {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        order.swap(i, (random >> 33) as usize % (i + 1));
    }
    order
}
