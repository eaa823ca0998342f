use std::cmp::Ordering;

/// Writes each test once and runs it for all three queues: `Q` is one of them.
macro_rules! each_queue {
    ($($(#[$meta:meta])* fn $name:ident() $body:block)*) => {
        each_queue!(@ fifo Queue $({ $(#[$meta])* fn $name() $body })*);
        each_queue!(@ lifo LifoQueue $({ $(#[$meta])* fn $name() $body })*);
        each_queue!(@ priority PriorityQueue $({ $(#[$meta])* fn $name() $body })*);
    };
    (@ $module:ident $Queue:ident $({ $(#[$meta:meta])* fn $name:ident() $body:block })*) => {
        mod $module {
            #[allow(unused_imports, reason = "not every test uses everything")]
            use super::*;
            use tidegate_queue::$Queue as Q;
            $($(#[$meta])* fn $name() $body)*
        }
    };
}

/// An item of which only the rank is compared, so that equal ones can be told apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ranked {
    pub(crate) rank: u8,
    pub(crate) id: usize,
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank.cmp(&other.rank)
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}

impl Eq for Ranked {}
