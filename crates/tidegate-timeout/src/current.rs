// How it works
//
// The scope of the code that runs now is kept in this thread: whoever polls a scope's body puts the scope in
// before the poll and takes it out after, also when the poll panics. Nothing is counted for that; the `Arc`
// itself moves from the future into the thread and back.
//
// Most scopes are never asked for. A timeout therefore puts in no node but a note of what its scope would be
// (`Lazy`). Only when somebody inside asks for the current scope, or enters another one, is the node made, and
// the timeout finds it in place of its note. So there is at most one note, innermost, below `node`.
//
// `around` says what the future around guarantees: that it drops what it polls when its scope is
// cancelled, and by when at the latest. It holds for the way this poll came, which may differ from the tree:
// a future may carry its scope to another task.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::deadline::Deadline;
use crate::node::{Kind, Node};

/// A scope of which there is no node yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lazy {
    pub(crate) start: Start,
    pub(crate) kind: Kind,
}

/// A deadline, relative until the time begins to run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start {
    After(Duration),
    At(Deadline),
}

/// What the future around guarantees; nothing, if there is none that polls on behalf of a scope.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Around {
    drops_by: Option<Deadline>,
}

impl Around {
    pub(crate) const NOBODY: Self = Self { drops_by: None };

    /// A future that drops what it polls when its scope is cancelled, and no later than `deadline`.
    pub(crate) fn drops_by(self, deadline: Deadline) -> Self {
        Self { drops_by: Some(self.drop_by().earliest(deadline)) }
    }

    /// Whether there is such a future.
    pub(crate) fn owns(self) -> bool {
        self.drops_by.is_some()
    }

    /// By when it drops what it polls, at the latest.
    pub(crate) fn drop_by(self) -> Deadline {
        self.drops_by.unwrap_or(Deadline::NEVER)
    }
}

struct Current {
    node: Cell<Option<Arc<Node>>>,
    lazy: Cell<Option<Lazy>>,
    around: Cell<Around>,
}

tidegate_shim::thread_local! {
    // Whoever puts a node in takes it out again, so there is nothing to drop when the thread ends; and so the
    // destructors of other thread-locals may still poll futures.
    static CURRENT: ManuallyDrop<Current> = const {
        ManuallyDrop::new(Current {
            node: Cell::new(None),
            lazy: Cell::new(None),
            around: Cell::new(Around::NOBODY),
        })
    };
}

impl Lazy {
    /// The scope of a [`Run`](crate::scope::Run).
    pub(crate) const RUN: Self = Self { start: Start::At(Deadline::NEVER), kind: Kind::Run };

    /// A node for this scope, without a place in the tree.
    pub(crate) fn node(self) -> Arc<Node> {
        match self.start {
            Start::At(deadline) => Node::new(self.kind, deadline, None),
            Start::After(after) => {
                let now = Instant::now();
                Node::new(self.kind, Deadline::since(now, after), Some(now))
            }
        }
    }
}

impl Current {
    /// The node that stands in the thread.
    fn node(&self) -> Option<Arc<Node>> {
        let node = self.node.take();
        let found = node.clone();
        self.node.set(node);
        found
    }

    /// Turns the note, if there is one, into a node.
    #[inline]
    fn settle(&self) {
        if let Some(lazy) = self.lazy.get() {
            self.make(lazy);
        }
    }

    #[cold]
    fn make(&self, lazy: Lazy) {
        self.lazy.set(None);
        let around = self.around.get();
        let node = lazy.node();
        if let Some(parent) = self.node.take() {
            node.set_contained(around.owns());
            node.attach(parent);
        }
        self.around.set(around.drops_by(node.deadline()));
        self.node.set(Some(node));
    }
}

/// The node of the current scope.
pub(crate) fn node() -> Option<Arc<Node>> {
    CURRENT.with(|current| {
        current.settle();
        current.node()
    })
}

/// What the future around guarantees.
pub(crate) fn around() -> Around {
    CURRENT.with(|current| current.around.get())
}

/// Whether the current scope is the parent of `node`, and the future around drops what it polls.
pub(crate) fn contains(node: &Node) -> bool {
    around().owns() && node.parent().is_some_and(is)
}

/// Whether `node` is the current scope.
pub(crate) fn is(node: &Arc<Node>) -> bool {
    CURRENT.with(|current| {
        let here = current.node.take();
        let same = here.as_ref().is_some_and(|here| Arc::ptr_eq(here, node));
        current.node.set(here);
        same && current.lazy.get().is_none()
    })
}

/// Whether the current scope is cancelled; none is not.
pub(crate) fn is_cancelled() -> bool {
    CURRENT.with(|current| {
        let node = current.node.take();
        let cancelled = node.as_ref().is_some_and(|node| node.is_cancelled());
        current.node.set(node);
        cancelled
    })
}

/// Whether there is a scope at all.
pub(crate) fn is_some() -> bool {
    CURRENT.with(|current| {
        let node = current.node.take();
        let some = node.is_some() || current.lazy.get().is_some();
        current.node.set(node);
        some
    })
}

pub(crate) fn ambient() -> Deadline {
    CURRENT.with(|current| {
        let noted = match current.lazy.get() {
            None => Deadline::NEVER,
            Some(Lazy { start: Start::At(deadline), .. }) => deadline,
            Some(_) => {
                // Who asks fixes the deadline, and it is the node that keeps it.
                current.settle();
                Deadline::NEVER
            }
        };
        let Some(node) = current.node() else { return noted };
        let deadline = noted.earliest(node.effective());
        if node.is_cancelled() {
            return deadline.earliest(Deadline::at(Instant::now()));
        }
        deadline
    })
}

/// Runs `f` inside the scope of which `lazy` is the note; `node` is filled if the node was made meanwhile.
#[inline]
pub(crate) fn enter_lazy<R>(lazy: Lazy, node: &mut Option<Arc<Node>>, f: impl FnOnce() -> R) -> R {
    struct Inside<'a> {
        node: &'a mut Option<Arc<Node>>,
        around: Around,
    }

    impl Drop for Inside<'_> {
        #[inline]
        fn drop(&mut self) {
            let noted = CURRENT.with(|current| {
                let noted = current.lazy.get().is_some();
                current.lazy.set(None);
                noted
            });
            if !noted {
                self.made();
            }
        }
    }

    impl Inside<'_> {
        #[cold]
        fn made(&mut self) {
            CURRENT.with(|current| {
                let mine = current.node.take();
                current.node.set(mine.as_ref().and_then(|mine| mine.parent().cloned()));
                current.around.set(self.around);
                *self.node = mine;
            });
        }
    }

    let around = CURRENT.with(|current| {
        current.settle();
        current.lazy.set(Some(lazy));
        current.around.get()
    });
    let _inside = Inside { node, around };
    f()
}

/// Runs `f` inside the scope of the node in `slot`, which is moved into the thread and back.
pub(crate) fn enter<R>(slot: &mut Option<Arc<Node>>, around: Around, f: impl FnOnce() -> R) -> R {
    struct Inside<'a> {
        slot: &'a mut Option<Arc<Node>>,
        outer: (Option<Arc<Node>>, Option<Lazy>, Around),
    }

    impl Drop for Inside<'_> {
        fn drop(&mut self) {
            let (node, lazy, around) = &mut self.outer;
            CURRENT.with(|current| {
                *self.slot = current.node.replace(node.take());
                current.lazy.set(*lazy);
                current.around.set(*around);
            });
        }
    }

    let outer = CURRENT.with(|current| {
        let node = current.node.replace(slot.take());
        (node, current.lazy.take(), current.around.replace(around))
    });
    let _inside = Inside { slot, outer };
    f()
}

/// Runs `f` outside of every scope.
pub(crate) fn outside<R>(f: impl FnOnce() -> R) -> R {
    enter(&mut None, Around::NOBODY, f)
}
