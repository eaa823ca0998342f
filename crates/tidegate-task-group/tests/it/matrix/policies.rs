//! The outcome by policy.

use super::*;

/// In this order: fail fast, collect all, supervise, first success.
pub(super) fn rows() -> Vec<(Row, [Out; 4])> {
    use Body::*;
    use Child::{Fails as ChildFails, Panics as ChildPanics, Waits as ChildWaits};

    let same = |out: Out| [out.clone(), out.clone(), out.clone(), out];
    let rows = [
        ("ok, ok", Ends, &[Succeeds, Succeeds] as &[_], same(Out::Value)),
        (
            "ok, one raises",
            Ends,
            &[ChildFails],
            [errors(&["child 0"]), errors(&["child 0"]), Out::Value, errors(&["child 0"])],
        ),
        (
            "raises at the end, one raises",
            FailsLast,
            &[ChildFails],
            [
                errors(&["child 0", "body"]),
                errors(&["child 0", "body"]),
                errors(&["body"]),
                errors(&["child 0", "body"]),
            ],
        ),
        ("raises at the end, ok", FailsLast, &[Succeeds], same(errors(&["body"]))),
        (
            "ok, one is cancelled by itself",
            AbortsAndLooks,
            &[ChildWaits, Succeeds],
            same(Out::Value),
        ),
        (
            "ok, the only one is cancelled by itself",
            AbortsAndLooks,
            &[ChildWaits],
            same(Out::Value),
        ),
        (
            "cancels the group and awaits, ok",
            CancelsAndWaits,
            &[CleansUp],
            same(errors(&["cancelled: enough"])),
        ),
        ("cancels the group, ok", Cancels, &[CleansUp], same(Out::Value)),
        (
            "cancels the group, error in clean-up",
            Cancels,
            &[FailsInCleanUp],
            [errors(&["child 0"]), errors(&["child 0"]), Out::Value, errors(&["child 0"])],
        ),
        ("ok, panics", Ends, &[ChildPanics, CleansUp], same(panic("child 0"))),
        ("panics, ok", Panics, &[CleansUp], same(panic("body"))),
    ];
    let rows =
        rows.map(|(case, body, children, ours)| (row(case, body, children, Out::Value), ours));
    let around = [
        ("ok, -, cancelled outside", Ends, &[CleansUp] as &[_], same(Out::Around)),
        ("awaiting, -, cancelled outside", Waits, &[CleansUp], same(Out::Around)),
        (
            "awaiting, raises in clean-up, cancelled outside",
            Waits,
            &[FailsInCleanUp],
            [
                errors_then_around(&["child 0"]),
                errors_then_around(&["child 0"]),
                Out::Around,
                errors_then_around(&["child 0"]),
            ],
        ),
    ];
    let around = around.map(|(case, body, children, ours)| {
        (row(case, body, children, Out::Value).around(Around::Early), ours)
    });
    let captured = [
        (
            "ok, panics, and that is an error",
            Ends,
            &[ChildPanics] as &[_],
            [
                errors(&["panicked: child 0"]),
                errors(&["panicked: child 0"]),
                Out::Value,
                errors(&["panicked: child 0"]),
            ],
        ),
        (
            "panics, ok, and that is an error",
            Panics,
            &[Succeeds],
            same(errors(&["panicked: body"])),
        ),
    ];
    let captured = captured.map(|(case, body, children, ours)| {
        (row(case, body, children, Out::Value).capture(), ours)
    });
    rows.into_iter().chain(around).chain(captured).collect()
}
