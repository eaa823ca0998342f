//! asyncio's outcomes.

use super::*;

/// Part 2.5, in its order; `KeyboardInterrupt` and the like are panics here.
pub(super) fn rows() -> Vec<Row> {
    use Body::*;
    use Child::{Fails as ChildFails, Panics as ChildPanics, Waits as ChildWaits};

    vec![
        row("ok, ok", Ends, &[Succeeds, Succeeds], Out::Value),
        row("ok, children add children while the exit waits", Ends, &[Spawns], Out::Value),
        row(
            "ok, one is cancelled by itself; the siblings go on",
            AbortsAndLooks,
            &[ChildWaits, Succeeds],
            Out::Value,
        ),
        row("ok and awaiting, one raises", Waits, &[ChildFails, CleansUp], errors(&["child 0"])),
        row(
            "ok, one raises while the exit waits",
            Ends,
            &[ChildFails, CleansUp],
            errors(&["child 0"]),
        ),
        row("raises, ok", Fails, &[ChildWaits, CleansUp], errors(&["body"])),
        row(
            "raises, raise in clean-up: in the order of their ends, the body's last",
            Fails,
            &[FailsInCleanUp, FailsInCleanUp],
            errors(&["child 0", "child 1", "body"]),
        ),
        row(
            "raises after it was cancelled by the group, raised",
            FailsLast,
            &[ChildFails],
            errors(&["child 0", "body"]),
        ),
        row("ok, -, cancelled outside", Ends, &[ChildWaits, CleansUp], Out::Around)
            .around(Around::Early),
        row("awaiting, -, cancelled outside", Waits, &[ChildWaits, CleansUp], Out::Around)
            .around(Around::Early),
        row("awaiting, nobody, cancelled outside", Waits, &[], Out::Around).around(Around::Early),
        row(
            "any, raises in clean-up, cancelled outside",
            Waits,
            &[FailsInCleanUp, CleansUp],
            errors_then_around(&["child 0"]),
        )
        .around(Around::Early),
        row(
            "raises, raises in clean-up, cancelled outside",
            FailsLast,
            &[FailsInCleanUp],
            errors_then_around(&["child 0", "body"]),
        )
        .around(Around::Early),
        row("awaits a child that was cancelled", AbortsAndLooks, &[ChildWaits], Out::Value)
            .differs(
                "the parent ends as cancelled: nobody can tell the two; here the `Task` says so",
            ),
        row(
            "awaits a child that was cancelled, and passes that on",
            AbortsAndPassesOn,
            &[ChildWaits, CleansUp],
            errors(&["the task was cancelled: the task was aborted"]),
        )
        .differs("the parent ends as cancelled, although nobody cancelled it"),
        row("interrupted, errors", Panics, &[FailsInCleanUp, CleansUp], panic("body")),
        row(
            "interrupted, errors; nothing is lost",
            Panics,
            &[FailsInCleanUp, CleansUp],
            errors(&["child 0", "panicked: body"]),
        )
        .capture()
        .differs("the errors are dropped, or given to the loop's handler"),
        row("ok, interrupted", Ends, &[ChildPanics, CleansUp], panic("child 0"))
            .differs("it crashes out of the event loop as well"),
        row("awaiting, interrupted", Waits, &[ChildPanics, CleansUp], panic("child 0"))
            .differs("it crashes out of the event loop as well"),
        row(
            "ok, another `BaseException`",
            Ends,
            &[ChildPanics, CleansUp],
            errors(&["panicked: child 0"]),
        )
        .capture(),
        row("cancels the group, ok", Cancels, &[ChildWaits, CleansUp], Out::Value),
        row(
            "cancels the group and awaits, ok",
            CancelsAndWaits,
            &[ChildWaits, CleansUp],
            errors(&["cancelled: enough"]),
        )
        .differs("the body is left where it is; here it has a value, which there is none of then"),
        row(
            "cancels the group, error in clean-up",
            Cancels,
            &[FailsInCleanUp],
            errors(&["child 0"]),
        ),
        row(
            "cancels the group and awaits, error in clean-up",
            CancelsAndWaits,
            &[FailsInCleanUp],
            errors(&["child 0"]),
        ),
        row(
            "cancels the group and awaits, slow clean-up, cancelled outside meanwhile",
            CancelsAndWaits,
            &[CleansUp],
            Out::Around,
        )
        .around(Around::WhileCleaningUp),
        row(
            "cancels the group, slow clean-up, cancelled outside meanwhile",
            Cancels,
            &[CleansUp],
            Out::Around,
        )
        .around(Around::WhileCleaningUp),
        row("ok, a child cancels the group and has a value", Ends, &[CancelsTheGroup], Out::Value)
            .differs("the child's value is lost"),
        row("a child ignores the cancellation", Fails, &[NeverEnds], errors(&["body"]))
            .grace(Duration::from_millis(1))
            .differs("the exit waits for ever; a grace is the bound"),
        row(
            "raises before its first await, is not started",
            FailsAtOnce,
            &[Succeeds],
            errors(&["body"]),
        ),
    ]
}
