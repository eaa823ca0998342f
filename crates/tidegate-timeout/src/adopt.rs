// How it works
//
// What must be finished although the future it belongs to was dropped goes on in a task of its own. It is polled
// inside the scope that adopts it, so that what is in turn left behind in there is found again; that no
// cancellation reaches it is the matter of the shield that it is in. The orphan is dropped after the future; only
// then does the scope return.
//
// A runtime that is shutting down drops what it is given. Then the future is dropped here, and what it leaves
// behind with it: that is the end of it.
//
// It keeps the context variables of the place where it was left, which is still inside of whatever set them: futures
// that set one have it set while they drop what is in them.

use std::pin::Pin;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::ext::InScope;
use crate::node::Node;
use crate::scope::Orphan;

/// What is left to do, in a shield.
pub(crate) type Remainder = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where a future was first polled: who adopts what it may leave behind, and where that is run.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    node: Option<Arc<Node>>,
    runtime: Option<Handle>,
}

impl Home {
    /// A home in the scope of `node`.
    pub(crate) fn of(node: Option<Arc<Node>>) -> Self {
        Self { node, runtime: Handle::try_current().ok() }
    }

    /// Runs `remainder` to its end; the nearest living scope waits for it.
    pub(crate) fn adopt(&self, remainder: Remainder) {
        // Without a runtime it is dropped here.
        drop(self.spawn(remainder));
    }

    /// As [`adopt`](Self::adopt), for whoever wants the output; `None` without a runtime.
    pub(crate) fn spawn<F>(&self, future: F) -> Option<JoinHandle<F::Output>>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        let current = Handle::try_current().ok();
        let runtime = current.as_ref().or(self.runtime.as_ref())?;
        let orphan = self.node.as_ref().map(Orphan::of);
        let adopter = orphan.as_ref().map(|orphan| Arc::clone(orphan.adopter()));
        let future = InScope::new(future, adopter);
        Some(runtime.spawn(async move {
            let output = future.await;
            drop(orphan);
            output
        }))
    }
}
