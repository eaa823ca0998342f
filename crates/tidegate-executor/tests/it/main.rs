//! The public interface, as its users see it.

mod block_on;
mod bounds;
mod cancel;
mod clock;
mod executor;
mod panics;
mod scope;
mod shutdown;
mod support;
mod traits;
