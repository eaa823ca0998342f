//! Pools of processes, as their users see them. Each test starts real ones: this binary, again. FAULTS.md beside this says
//! which fault is whose.

#![cfg(unix)]

mod attacks;
mod calls;
mod cancel;
mod deaths;
mod end;
mod support;
mod traits;

tidegate_executor::process_test_entry!();
