use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use futures_util::{Stream, StreamExt};
use tidegate_queue::{Shutdown, TryGetError};
use tidegate_test::{block_on, poll_once};

/// Asks a stream once.
fn next<S: Stream>(stream: std::pin::Pin<&mut S>) -> Poll<Option<S::Item>> {
    let mut stream = stream;
    poll_once(pin!(std::future::poll_fn(|cx| stream.as_mut().poll_next(cx))))
}

each_queue! {
    #[test]
    fn a_stream_gives_everything_and_ends_when_the_queue_is_shut_down() {
        let queue = Q::unbounded();
        let mut stream = pin!(queue.stream());
        assert!(next(stream.as_mut()).is_pending());
        queue.try_put(1).unwrap();
        assert_eq!(next(stream.as_mut()), Poll::Ready(Some(1)));
        queue.try_put(2).unwrap();
        assert_eq!(next(stream.as_mut()), Poll::Ready(Some(2)));
        assert!(next(stream.as_mut()).is_pending());
        queue.shutdown(Shutdown::Drain);
        assert_eq!(next(stream.as_mut()), Poll::Ready(None));
        assert_eq!(next(stream.as_mut()), Poll::Ready(None), "and stays ended");
        assert_eq!(queue.waiters(), 0);
    }

    #[test]
    fn a_stream_that_is_dropped_in_line_gives_back_what_it_was_handed() {
        let queue = Q::unbounded();
        let mut stream = Box::pin(queue.stream());
        assert!(next(stream.as_mut()).is_pending());
        queue.try_put(1).unwrap();
        assert_eq!(queue.try_get(), Err(TryGetError::Empty));
        drop(stream);
        assert_eq!(queue.try_get(), Ok(1));
    }

    #[test]
    fn a_stream_stands_in_line_only_while_it_is_asked() {
        let queue = Q::unbounded();
        let mut stream = pin!(queue.stream());
        queue.try_put(1).unwrap();
        assert_eq!(next(stream.as_mut()), Poll::Ready(Some(1)));
        queue.try_put(2).unwrap();
        assert_eq!((queue.len(), queue.try_get()), (1, Ok(2)), "it has taken nothing ahead");
    }

    #[test]
    fn two_streams_share_the_items() {
        let queue = Arc::new(Q::bounded(3));
        let readers = [(); 2].map(|()| {
            let stream = Arc::clone(&queue).stream_owned();
            std::thread::spawn(move || block_on(stream.collect::<Vec<u32>>()))
        });
        (0..100).for_each(|i| queue.put_blocking(i).unwrap());
        queue.shutdown(Shutdown::Drain);
        let mut all: Vec<_> = readers.into_iter().flat_map(|it| it.join().unwrap()).collect();
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<_>>());
        assert_eq!(Arc::strong_count(&queue), 1);
    }

    #[test]
    fn an_owned_stream_ends_as_well() {
        let queue = Arc::new(Q::unbounded());
        queue.try_put(1).unwrap();
        let mut stream = pin!(Arc::clone(&queue).stream_owned());
        assert_eq!(next(stream.as_mut()), Poll::Ready(Some(1)));
        queue.shutdown(Shutdown::Immediate);
        assert_eq!(next(stream.as_mut()), Poll::Ready(None));
        assert_eq!(next(stream.as_mut()), Poll::Ready(None));
    }
}
