use std::panic::Location;

use super::*;
use crate::statistics::GroupStatistics;

fn group(name: Option<&str>, tasks: Vec<TaskNode>) -> TaskTree {
    let live = tasks.len();
    TaskTree {
        name: name.map(str::to_owned),
        policy: Some(Policy::FailFast),
        limited: false,
        location: Location::caller(),
        stopping: false,
        cancelled: None,
        statistics: GroupStatistics { live, ..GroupStatistics::default() },
        body: false,
        groups: Vec::new(),
        tasks,
    }
}

fn task(name: &str, groups: Vec<TaskTree>) -> TaskNode {
    let age = Duration::from_millis(1250);
    let name = Some(name.to_owned());
    TaskNode { name, id: 7, state: TaskState::Running, location: Location::caller(), age, groups }
}

fn without_places(tree: &TaskTree) -> String {
    let drawn = tree.to_string();
    let bare = |line: &str| {
        let end = line.find("; at ").or(line.find(", at ")).unwrap_or(line.len());
        line[..end].to_owned()
    };
    drawn.lines().map(bare).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_tree_is_drawn_with_a_line_for_each() {
    let mut inner = group(None, vec![task("carrots", vec![]), task("leeks", vec![])]);
    inner.policy = Some(Policy::Supervise);
    inner.statistics = GroupStatistics { live: 4, succeeded: 3, failed: 2, ..inner.statistics };
    let mut top = group(Some("kitchen"), vec![task("soup", vec![inner, group(None, vec![])])]);
    top.body = true;
    top.stopping = true;
    top.groups.push(group(Some("dishes"), vec![task("cups", vec![])]));
    top.tasks.push(TaskNode { name: None, state: TaskState::Waiting, ..task("", vec![]) });
    top.statistics.live = 2;
    let expected = "\
group `kitchen` (fail fast): 2 live; stopping
├─ body: running
│  └─ group `dishes` (fail fast): 1 live
│     └─ cups: running, 1.2s old
├─ soup: running, 1.2s old
│  ├─ group (supervise): 4 live, 3 succeeded, 2 failed
│  │  ├─ carrots: running, 1.2s old
│  │  ├─ leeks: running, 1.2s old
│  │  └─ 2 more, not waiting for anything so far
│  └─ group (fail fast): 0 live
└─ #7: waiting for its turn, 1.2s old";
    assert_eq!(without_places(&top), expected);
}

#[test]
fn the_last_line_of_a_level_has_nothing_beside_what_is_below() {
    let inner = group(None, vec![task("b", vec![])]);
    let top = group(None, vec![task("a", vec![inner])]);
    let expected = "\
group (fail fast): 1 live
└─ a: running, 1.2s old
   └─ group (fail fast): 1 live
      └─ b: running, 1.2s old";
    assert_eq!(without_places(&top), expected);
}

#[test]
fn what_a_group_has_to_say_is_in_its_first_line() {
    let mut it = group(Some("two\nlines"), vec![]);
    it.limited = true;
    it.stopping = true;
    it.cancelled = Some("enough\tof it".into());
    it.statistics.cancelled = 1;
    it.statistics.panicked = 2;
    it.statistics.waiting = 3;
    let shown = it.to_string();
    let (text, place) = shown.split_once("; at ").unwrap();
    let expected = r"group `two\nlines` (fail fast): 0 live, 3 waiting, 1 cancelled, 2 panicked; cancelled: enough\tof it";
    assert_eq!(text, expected);
    assert!(place.contains("tests.rs:"));
    it.policy = None;
    assert!(it.to_string().starts_with(r"task set `two\nlines`: 0 live, 3 waiting, 0 spawned"));
}

#[test]
fn an_age_is_as_exact_as_it_is_young() {
    let age = |millis| Age(Duration::from_millis(millis)).to_string();
    assert_eq!([0, 999, 1000, 59_999].map(age), ["0ms", "999ms", "1.0s", "59.9s"]);
    let minutes = [60_000, 3_599_000, 3_600_000, 86_399_000].map(age);
    assert_eq!(minutes, ["1m 0s", "59m 59s", "1h 0m", "23h 59m"]);
    assert_eq!([86_400_000, 90_000_000, 864_000_000].map(age), ["1d 0h", "1d 1h", "10d 0h"]);
    assert_eq!(Age(Duration::MAX).to_string(), "213503982334601d 7h");
}
