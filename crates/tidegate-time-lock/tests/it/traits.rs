use std::panic::{RefUnwindSafe, UnwindSafe};

use tidegate_time_lock::{
    Acquire, AcquireOwned, AcquireTimeout, AcquireTimeoutError, Attempts, Closed, Event, Events,
    Hint, KeyedError, KeyedPass, KeyedRefused, KeyedRequeue, KeyedTimeLock, KeyedTimeLockBuilder,
    LearnedPace, Opened, Pass, PausingSemaphore, Permit, PermitFut, Rate, Reason, Refused, Reopen,
    Requeue, RetryAfter, RetryBudget, RunError, Shut, Snapshot, StaticTimeLock, Stats, Ticket,
    TimeLock, TimeLockBuilder, TryAcquireError,
};

fn send<T: Send>() {}
fn sync<T: Sync>() {}
fn unpin<T: Unpin>() {}
fn owned<T: 'static>() {}
fn error<T: std::error::Error + Send + Sync + 'static>() {}
fn debug<T: std::fmt::Debug>() {}

macro_rules! table {
    ($($ty:ty: $($what:ident)*;)*) => {
        $($($what::<$ty>();)*)*
    };
}

#[test]
fn what_dependants_rely_on() {
    table! {
        TimeLock: send sync unpin owned debug;
        TimeLockBuilder: send sync unpin owned debug;
        Pass: send sync unpin owned debug;
        Refused: send sync unpin owned debug;
        Requeue: send sync unpin owned debug;
        Acquire<'_>: send sync debug;
        AcquireOwned: send sync owned debug;
        AcquireTimeout<'_>: send sync debug;
        Opened<'_>: send sync debug;
        Closed: error;
        TryAcquireError: error;
        AcquireTimeoutError: error;
        Shut: send sync unpin debug;
        Snapshot: send sync unpin debug;
        Stats: send sync unpin debug;
        Reason: send sync unpin debug;
        Rate: send sync unpin debug;
        Reopen: send sync unpin debug;
        LearnedPace: send sync unpin debug;
        Hint: send sync unpin debug;
        RetryAfter: send sync unpin debug;
        StaticTimeLock: send sync unpin owned debug;
        Ticket: send sync unpin owned debug;
        Event: send sync unpin owned debug;
        Events: send sync unpin owned debug;
        KeyedTimeLock<String>: send sync unpin owned debug;
        KeyedTimeLockBuilder<*const u8>: send sync unpin owned debug;
        KeyedPass<String>: send sync unpin owned debug;
        KeyedRefused: send sync unpin owned debug;
        KeyedRequeue: send sync unpin owned debug;
        KeyedError: error;
        PausingSemaphore: send sync unpin owned debug;
        Permit: send sync unpin owned debug;
        PermitFut<'_>: send sync debug;
        RetryBudget: send sync unpin owned debug;
        Attempts<'_>: send sync unpin debug;
        RunError<Closed>: error;
    }
}

#[test]
fn waits_for_a_key_may_be_sent() {
    fn sent<T: Send>(_: T) {}
    let hosts = KeyedTimeLock::<String>::new();
    sent(hosts.acquire(&String::new()));
}

#[test]
fn values_are_unwind_safe() {
    fn safe<T: UnwindSafe + RefUnwindSafe>() {}
    safe::<Shut>();
    safe::<Snapshot>();
    safe::<Hint>();
    safe::<RetryAfter>();
}

#[test]
fn a_gate_is_a_pointer() {
    assert_eq!(size_of::<TimeLock>(), size_of::<usize>());
}
