//! A child that blocks its thread is named while it does.

use std::sync::mpsc::channel;
use std::time::Duration;

use tidegate_executor::SlowPollWatch;
use tidegate_task_group::{BoxError, TaskGroup};

use crate::support::{on_two_workers, paused};

#[test]
fn a_child_that_blocks_is_named_with_its_number_and_its_place() {
    for name in [None, Some("blocker")] {
        paused(blocks(name));
        on_two_workers(blocks(name));
    }
}

async fn blocks(name: Option<&'static str>) {
    let (sender, reports) = channel();
    let watch = SlowPollWatch::start(Duration::from_millis(20), move |stall| {
        if stall.location.file() == file!() {
            let _ = sender.send(stall.clone());
        }
    });
    let _watch = watch.expect("a thread");
    let ended = TaskGroup::<BoxError>::scope(async move |group: TaskGroup| {
        let blocks = async move {
            let stall = reports.recv().expect("it is reported while it blocks");
            assert!(!stall.over);
            Ok::<_, BoxError>((stall, reports))
        };
        let place = line!() + 2;
        let task = match name {
            None => group.spawn(blocks),
            Some(name) => group.task(name).spawn(blocks),
        };
        let number = task.id();
        let (stall, reports) = task.await.expect("it does not fail");
        assert_eq!((stall.name.as_deref(), stall.id), (name, Some(number)));
        assert!([place, place + 1].contains(&stall.location.line()));
        assert!(reports.recv().expect("its end is reported").over);
        Ok(())
    });
    ended.await.expect("no error");
}
