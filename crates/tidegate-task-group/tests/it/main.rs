//! The public interface, on both kinds of runtime.

mod cancel;
mod combine;
mod context;
mod cut;
mod drops;
mod limit;
mod matrix;
mod outcome;
mod panics;
mod policy;
mod scale;
mod spawn;
mod support;
mod traits;
