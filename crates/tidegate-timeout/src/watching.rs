use std::sync::Arc;

use crate::node::Node;

/// A place among a scope's watchers, given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Watching {
    pub(crate) node: Arc<Node>,
    pub(crate) place: usize,
}

impl Watching {
    /// For somebody who wants to know of a cancellation.
    pub(crate) fn for_cause(node: Arc<Node>) -> Self {
        Self { place: node.join(false), node }
    }

    /// For somebody who wants to know of a request to stop as well.
    pub(crate) fn for_stop(node: Arc<Node>) -> Self {
        Self { place: node.join_stop(), node }
    }

    /// For somebody who is told what the driver of the scope is told.
    pub(crate) fn for_driver(node: Arc<Node>) -> Self {
        Self { place: node.join(true), node }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.node.leave(self.place);
    }
}
