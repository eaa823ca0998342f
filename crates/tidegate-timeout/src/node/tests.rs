use std::time::Duration;

use super::*;

fn second(n: u64) -> Duration {
    Duration::from_secs(n)
}

// What a driver does when the deadline is moved between its timer and its look.
#[test]
fn a_deadline_that_was_moved_meanwhile_does_not_expire() {
    let now = Instant::now();
    let node = Node::new(Kind::Timeout, Deadline::at(now), None);
    node.reschedule(|_| Deadline::at(now + second(1)));
    node.expire(now);
    assert!(!node.is_cancelled() && !node.has_expired());
    node.expire(now + second(1));
    assert!(node.is_cancelled() && node.has_expired());
}

#[test]
fn a_node_that_is_gone_leaves_its_parents_list() {
    let parent = Node::new(Kind::Run, Deadline::NEVER, None);
    let children: Vec<_> = (0..3).map(|_| Node::new(Kind::Run, Deadline::NEVER, None)).collect();
    children.iter().for_each(|child| child.attach(Arc::clone(&parent)));
    let listed = |parent: &Node| parent.state.lock().children.iter().count();
    assert_eq!(listed(&parent), 3);
    drop(children);
    assert_eq!(listed(&parent), 0);
}

#[test]
fn deadlines_are_pushed_down_and_guards_counted_up() {
    let now = Instant::now();
    let at = |n| Deadline::at(now + second(n));
    let top = Node::new(Kind::Run, at(5), None);
    let middle = Node::new(Kind::Run, Deadline::NEVER, None);
    let bottom = Node::new(Kind::Run, at(7), None);
    middle.attach(Arc::clone(&top));
    bottom.attach(Arc::clone(&middle));
    assert_eq!(bottom.effective(), at(5));
    top.reschedule(|_| at(9));
    assert_eq!((middle.effective(), bottom.effective()), (at(9), at(7)));
    middle.reschedule(|_| at(6));
    assert_eq!((top.effective(), bottom.effective()), (at(9), at(6)));

    bottom.hold();
    middle.hold();
    assert!(top.is_busy() && middle.is_busy() && bottom.is_busy());
    bottom.release();
    assert!(top.is_busy() && middle.is_busy() && !bottom.is_busy());
    middle.release();
    assert!(!top.is_busy() && !middle.is_busy());
}
