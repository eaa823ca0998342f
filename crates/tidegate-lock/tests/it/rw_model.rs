//! Random programs for many who read, one who writes, and one who reads and may come to write.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use proptest::prelude::*;
use tidegate_lock::{
    OwnedRwLockReadGuard, OwnedRwLockUpgradableReadGuard, OwnedRwLockWriteGuard, RwLock,
};
use tidegate_test::poll_once;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Access {
    Read,
    Upgradable,
    Write,
    Upgrade,
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Join(Access),
    Try(Access),
    GiveBack(Access, usize),
    /// Of whoever writes, or of whoever may upgrade.
    Downgrade(Access),
    DowngradeToUpgradable,
    // Looking and giving up are steps of their own, so that a program can cancel a waiter which was let in and has not
    // looked yet.
    Look(usize),
    Cancel(usize),
}

fn access() -> impl Strategy<Value = Access> {
    prop_oneof![
        3 => Just(Access::Read),
        2 => Just(Access::Upgradable),
        2 => Just(Access::Write),
        2 => Just(Access::Upgrade),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => access().prop_map(Op::Join),
        2 => access().prop_map(Op::Try),
        6 => (access(), any::<usize>()).prop_map(|(it, i)| Op::GiveBack(it, i)),
        1 => access().prop_map(Op::Downgrade),
        1 => Just(Op::DowngradeToUpgradable),
        6 => any::<usize>().prop_map(Op::Look),
        3 => any::<usize>().prop_map(Op::Cancel),
    ]
}

/// What the lock is: who is inside, and a line of those who want to be, with those who were let in.
#[derive(Default)]
struct Oracle {
    readers: usize,
    upgradable: bool,
    writer: bool,
    line: Vec<(Access, bool)>,
}

impl Oracle {
    fn may_enter(&self, access: Access) -> bool {
        match access {
            Access::Read => !self.writer,
            Access::Upgradable => !self.writer && !self.upgradable,
            Access::Write => !self.writer && !self.upgradable && self.readers == 0,
            Access::Upgrade => !self.writer && self.readers == 0,
        }
    }

    fn may_join(&self, access: Access) -> bool {
        (access == Access::Upgrade || self.waiting() == 0) && self.may_enter(access)
    }

    fn enter(&mut self, access: Access) {
        match access {
            Access::Read => self.readers += 1,
            Access::Upgradable => self.upgradable = true,
            Access::Write | Access::Upgrade => self.writer = true,
        }
    }

    fn leave(&mut self, access: Access) {
        match access {
            Access::Read => self.readers -= 1,
            Access::Upgradable => self.upgradable = false,
            Access::Write | Access::Upgrade => self.writer = false,
        }
    }

    fn serve(&mut self) {
        while let Some(i) = self.line.iter().position(|it| !it.1) {
            if !self.may_enter(self.line[i].0) {
                break;
            }
            self.enter(self.line[i].0);
            self.line[i].1 = true;
        }
    }

    fn waiting(&self) -> usize {
        self.line.iter().filter(|it| !it.1).count()
    }
}

type Lock = Arc<RwLock<usize>>;
type Upgradable = OwnedRwLockUpgradableReadGuard<usize>;
type Slot = Rc<RefCell<Option<Upgradable>>>;

/// Puts the guard that was to be upgraded back where it was, whatever became of the upgrade.
struct Home(Option<Upgradable>, Slot);

impl Drop for Home {
    fn drop(&mut self) {
        *self.1.borrow_mut() = self.0.take();
    }
}

/// Upgrades, says so, and writes until it is dropped.
async fn upgrade(mut home: Home, upgraded: Rc<RefCell<bool>>) {
    let guard = home.0.as_mut().expect("full until dropped");
    let _writes = OwnedRwLockUpgradableReadGuard::upgrade(guard).await;
    *upgraded.borrow_mut() = true;
    std::future::pending::<()>().await;
}

enum Waiting {
    Read(Pin<Box<tidegate_lock::ReadOwnedFut<usize>>>),
    Upgradable(Pin<Box<tidegate_lock::UpgradableReadOwnedFut<usize>>>),
    Write(Pin<Box<tidegate_lock::WriteOwnedFut<usize>>>),
    Upgrade(Pin<Box<dyn Future<Output = ()>>>, Rc<RefCell<bool>>),
}

#[derive(Default)]
struct Inside {
    readers: Vec<OwnedRwLockReadGuard<usize>>,
    upgradable: Slot,
    writer: Option<OwnedRwLockWriteGuard<usize>>,
    upgraded: Option<Pin<Box<dyn Future<Output = ()>>>>,
}

impl Inside {
    /// Looks once; whoever is ready is inside afterwards, the others are given back.
    fn look(&mut self, waiting: Waiting) -> Option<Waiting> {
        match waiting {
            Waiting::Read(mut it) => match poll_once(it.as_mut()) {
                Poll::Ready(guard) => self.readers.push(guard),
                Poll::Pending => return Some(Waiting::Read(it)),
            },
            Waiting::Upgradable(mut it) => match poll_once(it.as_mut()) {
                Poll::Ready(guard) => assert!(self.upgradable.replace(Some(guard)).is_none()),
                Poll::Pending => return Some(Waiting::Upgradable(it)),
            },
            Waiting::Write(mut it) => match poll_once(it.as_mut()) {
                Poll::Ready(guard) => assert!(self.writer.replace(guard).is_none()),
                Poll::Pending => return Some(Waiting::Write(it)),
            },
            Waiting::Upgrade(mut it, upgraded) => {
                assert!(poll_once(it.as_mut()).is_pending());
                if !*upgraded.borrow() {
                    return Some(Waiting::Upgrade(it, upgraded));
                }
                assert!(self.upgraded.replace(it).is_none());
            }
        }
        None
    }

    fn ask(&self, lock: &Lock, access: Access) -> Option<Waiting> {
        let lock = Arc::clone(lock);
        Some(match access {
            Access::Read => Waiting::Read(Box::pin(lock.read_owned())),
            Access::Upgradable => Waiting::Upgradable(Box::pin(lock.upgradable_read_owned())),
            Access::Write => Waiting::Write(Box::pin(lock.write_owned())),
            Access::Upgrade => {
                let guard = self.upgradable.take()?;
                let home = Home(Some(guard), Rc::clone(&self.upgradable));
                let upgraded = Rc::default();
                Waiting::Upgrade(Box::pin(upgrade(home, Rc::clone(&upgraded))), upgraded)
            }
        })
    }

    /// Whether it was to be had.
    fn try_enter(&mut self, lock: &Lock, access: Access) -> Option<bool> {
        let lock = Arc::clone(lock);
        Some(match access {
            Access::Read => lock.try_read_owned().map(|it| self.readers.push(it)).is_some(),
            Access::Upgradable => match lock.try_upgradable_read_owned() {
                Some(guard) => self.upgradable.replace(Some(guard)).is_none(),
                None => false,
            },
            Access::Write => match lock.try_write_owned() {
                Some(guard) => self.writer.replace(guard).is_none(),
                None => false,
            },
            Access::Upgrade => {
                let mut guard = self.upgradable.borrow_mut();
                // Given back at once: it would borrow the guard.
                OwnedRwLockUpgradableReadGuard::try_upgrade(guard.as_mut()?).is_some()
            }
        })
    }

    /// Whether there was somebody to leave.
    fn leave(&mut self, access: Access, i: usize) -> bool {
        match access {
            Access::Read if self.readers.is_empty() => false,
            Access::Read => {
                drop(self.readers.swap_remove(i % self.readers.len()));
                true
            }
            Access::Upgradable => self.upgradable.take().is_some(),
            Access::Write => self.writer.take().is_some(),
            Access::Upgrade => self.upgraded.take().is_some(),
        }
    }
}

proptest! {
    #[test]
    fn behaves_as_the_oracle(ops in prop::collection::vec(op(), 0..96)) {
        let lock: Lock = Arc::new(RwLock::new(0));
        let mut oracle = Oracle::default();
        let mut inside = Inside::default();
        let mut line: Vec<Waiting> = Vec::new();

        for op in ops {
            match op {
                Op::Join(access) => {
                    let Some(waiting) = inside.ask(&lock, access) else { continue };
                    let expected = oracle.may_join(access);
                    match inside.look(waiting) {
                        None => {
                            prop_assert!(expected);
                            oracle.enter(access);
                        }
                        Some(waiting) => {
                            prop_assert!(!expected);
                            // Whoever upgrades goes before the others.
                            let place = if access == Access::Upgrade { 0 } else { line.len() };
                            oracle.line.insert(place, (access, false));
                            line.insert(place, waiting);
                        }
                    }
                }
                Op::Try(access) => {
                    let expected = oracle.may_join(access);
                    if let Some(entered) = inside.try_enter(&lock, access) {
                        prop_assert_eq!(entered, expected);
                        if entered && access != Access::Upgrade {
                            oracle.enter(access);
                        }
                    }
                }
                Op::GiveBack(access, i) => {
                    if inside.leave(access, i) {
                        oracle.leave(access);
                        oracle.serve();
                    }
                }
                Op::Downgrade(Access::Write) => {
                    if let Some(guard) = inside.writer.take() {
                        inside.readers.push(OwnedRwLockWriteGuard::downgrade(guard));
                        oracle.leave(Access::Write);
                        oracle.enter(Access::Read);
                        oracle.serve();
                    }
                }
                Op::Downgrade(_) => {
                    let guard = inside.upgradable.take();
                    if let Some(guard) = guard {
                        inside.readers.push(OwnedRwLockUpgradableReadGuard::downgrade(guard));
                        oracle.leave(Access::Upgradable);
                        oracle.enter(Access::Read);
                        oracle.serve();
                    }
                }
                Op::DowngradeToUpgradable => {
                    if let Some(guard) = inside.writer.take() {
                        let guard = OwnedRwLockWriteGuard::downgrade_to_upgradable(guard);
                        prop_assert!(inside.upgradable.replace(Some(guard)).is_none());
                        oracle.leave(Access::Write);
                        oracle.enter(Access::Upgradable);
                        oracle.serve();
                    }
                }
                Op::Look(i) if !line.is_empty() => {
                    let i = i % line.len();
                    let expected = oracle.line[i].1;
                    match inside.look(line.remove(i)) {
                        None => {
                            prop_assert!(expected);
                            oracle.line.remove(i);
                        }
                        Some(waiting) => {
                            prop_assert!(!expected);
                            line.insert(i, waiting);
                        }
                    }
                }
                Op::Cancel(i) if !line.is_empty() => {
                    let i = i % line.len();
                    drop(line.remove(i));
                    let (access, granted) = oracle.line.remove(i);
                    if granted {
                        oracle.leave(access);
                    }
                    oracle.serve();
                }
                Op::Look(_) | Op::Cancel(_) => {}
            }
            let readers = oracle.readers + usize::from(oracle.upgradable);
            prop_assert_eq!(lock.readers(), if oracle.writer { 0 } else { readers });
            prop_assert_eq!(lock.is_write_locked(), oracle.writer);
            prop_assert_eq!(lock.waiters(), oracle.waiting());
            prop_assert!(!oracle.writer || oracle.readers == 0);
        }

        // Whatever was done, everybody who stays has a turn in the end.
        for _ in 0..=line.len() {
            inside.readers.clear();
            inside.writer = None;
            inside.upgraded = None;
            if !line.iter().any(|it| matches!(it, Waiting::Upgrade(..))) {
                inside.upgradable.take();
            }
            line = line.into_iter().filter_map(|it| inside.look(it)).collect();
        }
        drop(inside);
        prop_assert!(line.is_empty());
        prop_assert!(lock.try_write().is_some());
    }
}
