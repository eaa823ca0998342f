use std::pin::{Pin, pin};
use std::task::{Context, Waker};

use tidegate_waiters::{Decision, Left, Locked, Policy, WaitQueue, Waiter};

/// One thing that is handed from hand to hand; who leaves with it in hand keeps it in the note.
struct Keeps;

impl Policy for Keeps {
    type Note = (u8, Option<Left>);

    fn left(_line: &mut Locked<'_, Self>, note: &mut Self::Note, left: Left) {
        note.1 = Some(left);
    }
}

#[test]
fn who_leaves_can_read_its_note_afterwards() {
    let queue = WaitQueue::new(0, Keeps);
    let poll = |waiter: Pin<&mut Waiter<Keeps, _>>| {
        let cx = &mut Context::from_waker(Waker::noop());
        waiter.poll(cx, |_, _| Decision::<()>::Wait).is_ready()
    };
    let mut waits = pin!(Waiter::new(&queue, (1, None)));
    waits.as_mut().leave();
    assert!(waits.is_fresh(), "it never waited");
    assert!(!poll(waits.as_mut()));
    waits.as_mut().leave();
    assert_eq!(waits.as_mut().note_mut(), Some(&mut (1, Some(Left::Waiting))));
    assert!(queue.glance().is_empty() && !waits.is_waiting());

    let mut granted = pin!(Waiter::new(&queue, (2, None)));
    assert!(!poll(granted.as_mut()));
    let mut line = queue.glance().stay();
    line.front_mut().unwrap().0 = 3;
    assert!(line.grant_front());
    drop(line);
    granted.as_mut().leave();
    assert_eq!(granted.as_mut().note_mut(), Some(&mut (3, Some(Left::Granted))));
    granted.as_mut().leave();

    let mut released = pin!(Waiter::new(&queue, (4, None)));
    assert!(!poll(released.as_mut()));
    assert_eq!(queue.glance().len(), 1);
    assert_eq!(queue.try_glance().unwrap().len(), 1);
    queue.lock().release_all();
    released.as_mut().leave();
    assert_eq!(released.as_mut().note_mut(), Some(&mut (4, Some(Left::Released))));
    let held = queue.glance();
    assert!(queue.try_glance().is_none());
    drop(held);
}
