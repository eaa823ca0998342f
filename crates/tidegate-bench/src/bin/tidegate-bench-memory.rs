//! What the contenders weigh. A program of its own: counting allocations costs whoever allocates.
#![forbid(unsafe_code)]

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    tidegate_bench::memory(HEAP);
}
