use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;

use tidegate_waiters::{Borrowed, Gate, Left, Locked, Policy, WaitQueue, Waiter};

fn thread_safe<T: Send + Sync>() {}
fn survives_panics<T: UnwindSafe + RefUnwindSafe>() {}

struct Plain;
impl Policy for Plain {
    type Note = u64;
    fn left(_: &mut Locked<'_, Self>, _: &mut u64, _: Left) {}
}

struct Local;
impl Policy for Local {
    type Note = Rc<()>;
    fn left(_: &mut Locked<'_, Self>, _: &mut Rc<()>, _: Left) {}
}

/// Whether a type is `Send`, decided at compile time without requiring it.
macro_rules! is_send {
    ($type:ty) => {{
        struct Probe<T: ?Sized>(PhantomData<T>);
        #[allow(dead_code, reason = "unused for what may be sent")]
        trait Otherwise {
            const SEND: bool = false;
        }
        impl<T: ?Sized> Otherwise for Probe<T> {}
        #[allow(dead_code, reason = "unused for what may not be sent")]
        impl<T: ?Sized + Send> Probe<T> {
            const SEND: bool = true;
        }
        Probe::<$type>::SEND
    }};
}

#[test]
fn auto_traits_are_part_of_the_api() {
    thread_safe::<WaitQueue<Plain>>();
    thread_safe::<Waiter<Plain, Borrowed<'_, Plain>>>();
    thread_safe::<Gate>();
    survives_panics::<Gate>();
}

#[test]
fn what_may_not_be_sent_keeps_the_queue_on_its_thread() {
    assert!(is_send!(WaitQueue<Plain>));
    assert!(!is_send!(WaitQueue<Local>));
    assert!(!is_send!(Waiter<Local, Borrowed<'static, Local>>));
    assert!(!is_send!(Locked<'static, Plain>));
}

#[test]
fn the_sizes_are_what_the_design_says() {
    assert_eq!(size_of::<Gate>(), 32);
    assert!(size_of::<Waiter<Plain, Borrowed<'static, Plain>>>() <= 56);
}
