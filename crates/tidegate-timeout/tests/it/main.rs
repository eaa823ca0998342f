//! The public interface of `tidegate-timeout`.

mod scope;
mod support;
