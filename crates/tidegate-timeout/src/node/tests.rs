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

fn chain<const N: usize>() -> [Arc<Node>; N] {
    let nodes = std::array::from_fn(|_| Node::new(Kind::Run, Deadline::NEVER, None));
    for pair in nodes.windows(2) {
        pair[1].attach(Arc::clone(&pair[0]));
    }
    nodes
}

#[test]
fn orphans_are_counted_up_and_are_guards() {
    let [top, middle, bottom] = chain();
    let one = bottom.adopt();
    let other = middle.adopt();
    assert!([&top, &middle, &bottom].iter().all(|node| node.has_orphans() && node.is_busy()));
    one.let_go();
    assert!(top.has_orphans() && middle.has_orphans() && !bottom.has_orphans());
    other.let_go();
    assert!([&top, &middle, &bottom].iter().all(|node| !node.has_orphans() && !node.is_busy()));
    bottom.hold();
    assert!(!bottom.has_orphans() && !top.has_orphans(), "a guard is not an orphan");
    bottom.release();
}

#[test]
fn the_nearest_scope_that_lives_adopts() {
    let [top, middle, bottom] = chain();
    bottom.end();
    middle.end();
    let orphan = bottom.adopt();
    assert!(Arc::ptr_eq(&orphan, &top));
    assert!(top.has_orphans() && !middle.has_orphans() && !bottom.has_orphans());
    orphan.let_go();
    assert!(!top.has_orphans());
    top.end();
    assert!(Arc::ptr_eq(&bottom.adopt(), &top), "nobody waits, but it is known whom to let go");
}

#[test]
fn an_orphan_stays_counted_above_a_scope_that_ends() {
    let [top, middle, bottom] = chain();
    let orphan = bottom.adopt();
    bottom.end();
    drop((middle, bottom));
    assert!(top.has_orphans());
    orphan.let_go();
    assert!(!top.has_orphans());
}

// Also when nothing was cancelled: its driver may have a value to return.
#[test]
fn the_driver_is_woken_when_the_last_orphan_is_gone_and_a_mere_watcher_is_not() {
    let [top, bottom] = chain();
    let (count, waker) = tidegate_test::CountingWaker::new();
    let (other, idle) = tidegate_test::CountingWaker::new();
    let (driver, watcher) = (top.join(true), top.join(false));
    let (one, another) = (bottom.adopt(), bottom.adopt());
    assert!(top.watch(driver, &waker).busy);
    top.watch(watcher, &idle);
    one.let_go();
    assert_eq!(count.count(), 0);
    another.let_go();
    assert_eq!((count.count(), other.count()), (1, 0));
    top.leave(driver);
    top.leave(watcher);
}
