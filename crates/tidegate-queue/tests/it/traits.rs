use std::cell::Cell;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;

use tidegate_queue::{
    Closed, GetFut, GetOwnedFut, GetOwnedStream, GetStream, Job, JoinFut, JoinOwnedFut, LifoQueue,
    OwnedJob, PriorityQueue, PutFut, PutOwnedFut, Queue, QueueStatistics, Shutdown, TakeFut,
    TakeOwnedFut, TaskDoneError, TryGetError, TryPutError,
};

fn thread_safe<T: Send + Sync>() {}
fn movable<T: Unpin>() {}
fn survives_panics<T: UnwindSafe + RefUnwindSafe>() {}
fn error<T: std::error::Error + Send + Sync + 'static>() {}
fn plain<T: Copy + Eq + std::fmt::Debug>() {}

/// Does not compile if the type has the trait: it could not be told then which of the two is meant.
macro_rules! is_not {
    ($Type:ty: $Trait:path) => {{
        trait Either<Marker> {
            fn of() {}
        }
        struct Second;
        impl<T: ?Sized> Either<()> for T {}
        impl<T: ?Sized + $Trait> Either<Second> for T {}
        <$Type as Either<_>>::of();
    }};
}

each_queue! {
    #[test]
    fn what_may_not_be_sent_or_shared_is_not_by_way_of_a_queue() {
        is_not!(Q<Rc<u8>>: Send);
        is_not!(Q<Rc<u8>>: Sync);
        is_not!(PutFut<'_, Q<Rc<u8>>>: Send);
        is_not!(PutFut<'_, Q<Cell<u8>>>: Sync);
        is_not!(PutOwnedFut<Q<Rc<u8>>>: Send);
        is_not!(GetFut<'_, Q<Rc<u8>>>: Send);
        is_not!(GetOwnedFut<Q<Rc<u8>>>: Send);
        is_not!(TakeFut<'_, Q<Rc<u8>>>: Send);
        is_not!(GetStream<'_, Q<Rc<u8>>>: Send);
        is_not!(Job<'_, Rc<u8>>: Send);
        is_not!(Job<'_, Cell<u8>>: Sync);
        is_not!(OwnedJob<Q<Rc<u8>>>: Send);
        is_not!(GetFut<'_, Q<u8>>: Unpin);
        is_not!(PutFut<'_, Q<u8>>: Unpin);
        is_not!(JoinFut<'_>: Unpin);
    }

    #[test]
    fn auto_traits_are_part_of_the_api() {
        // `Cell` may be sent and not shared: that is all that an item has to be.
        type Item = std::cmp::Reverse<u8>;
        thread_safe::<Q<Item>>();
        thread_safe::<PutFut<'_, Q<Item>>>();
        thread_safe::<PutOwnedFut<Q<Item>>>();
        thread_safe::<GetFut<'_, Q<Item>>>();
        thread_safe::<GetOwnedFut<Q<Item>>>();
        thread_safe::<TakeFut<'_, Q<Item>>>();
        thread_safe::<TakeOwnedFut<Q<Item>>>();
        thread_safe::<JoinFut<'_>>();
        thread_safe::<JoinOwnedFut<Q<Item>>>();
        thread_safe::<GetStream<'_, Q<Item>>>();
        thread_safe::<GetOwnedStream<Q<Item>>>();
        thread_safe::<Job<'_, Item>>();
        thread_safe::<OwnedJob<Q<Item>>>();
        thread_safe::<Q<Cell<u8>>>();
        movable::<Q<Item>>();
        movable::<Job<'_, Item>>();
        survives_panics::<Q<Item>>();
        survives_panics::<Q<Cell<u8>>>();
    }

    #[test]
    fn what_may_not_be_sent_can_be_queued_on_one_thread() {
        let queue = Q::unbounded();
        queue.try_put(Rc::new(1)).unwrap();
        assert_eq!(*queue.try_take().unwrap().into_inner(), 1);
    }

    #[test]
    fn debug_shows_counts_and_never_waits() {
        let queue = Q::bounded(2);
        queue.try_put(1).unwrap();
        let text = format!("{queue:?}");
        assert!(text.contains("len: 1") && text.contains("capacity: Some(2)"), "{text}");
        assert!(text.contains("unfinished: 1") && text.contains("Queue"), "{text}");
        let futures = format!("{:?} {:?} {:?}", queue.put(1), queue.get(), queue.join());
        assert!(futures.contains("PutFut") && futures.contains("fresh"), "{futures}");
        assert!(format!("{:?} {:?}", queue.take(), queue.stream()).contains("GetStream"));
    }
}

#[test]
fn debug_does_not_wait_for_the_lock_either() {
    let queue = PriorityQueue::bounded(1);
    queue.try_put(1).unwrap();
    let text = queue.peek_with(|_| format!("{queue:?}")).unwrap(); // The lock is held.
    assert!(text.contains("len: <locked>") && text.contains("unfinished: 1"), "{text}");
}

#[test]
fn errors_are_errors() {
    error::<Closed>();
    error::<Closed<String>>();
    error::<TryPutError<String>>();
    error::<TryGetError>();
    error::<TaskDoneError>();
    plain::<TryGetError>();
    plain::<TaskDoneError>();
    plain::<Shutdown>();
    plain::<QueueStatistics>();
    fn quiet<T>() -> Closed<T>
    where
        Closed<T>: std::fmt::Debug,
    {
        panic!("only its type matters")
    }
    struct Dumb; // Not `Debug`; a result of putting it can be unwrapped all the same.
    let _ = quiet::<Dumb> as fn() -> _;
}

static FIFO: Queue<u32> = Queue::bounded(3);
static LIFO: LifoQueue<u32> = LifoQueue::unbounded();
static PRIORITY: PriorityQueue<u32> = PriorityQueue::bounded(3);

#[test]
fn they_can_be_statics() {
    FIFO.try_put(1).unwrap();
    LIFO.try_put(1).unwrap();
    PRIORITY.try_put(1).unwrap();
    assert_eq!((FIFO.try_get(), LIFO.try_get(), PRIORITY.try_get()), (Ok(1), Ok(1), Ok(1)));
}

#[test]
fn the_futures_are_small() {
    assert!(size_of::<GetFut<'_, Queue<u64>>>() <= 88);
    assert!(size_of::<PutFut<'_, Queue<u64>>>() <= 88);
}
