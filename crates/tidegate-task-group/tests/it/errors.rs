//! What groups fail with, on its way through other people's error types.

use std::error::Error;
use std::io;
use std::num::ParseIntError;
use std::process::Command;

use tidegate_task_group::{
    BoxError, Cause, ErrorGroup, OnPanic, Panicked, Policy, TaskError, TaskGroup,
};
use tidegate_timeout::Cancelled;

use crate::support::*;

/// Fails with an error whose causes are of three kinds.
#[derive(Debug, thiserror::Error)]
enum Backup {
    #[error("cannot read the list")]
    List(#[from] ParseIntError),
    #[error("cannot write {name}")]
    Write {
        name: &'static str,
        #[source]
        why: Disk,
    },
    #[error(transparent)]
    Part(#[from] ErrorGroup<Backup>),
    #[error("several parts failed")]
    Parts(#[source] ErrorGroup),
}

#[derive(Debug, thiserror::Error)]
#[error("the disk is broken")]
struct Disk(#[source] io::Error);

fn disk() -> Disk {
    Disk(io::Error::other("a bad sector"))
}

async fn lists() -> Result<u32, Backup> {
    Ok("twelve".parse::<u32>()?)
}

async fn writes() -> Result<u32, Backup> {
    Err(Backup::Write { name: "photos", why: disk() })
}

/// Three failures in two groups, one in the other.
async fn backup() -> Result<(), ErrorGroup<Backup>> {
    TaskGroup::builder()
        .name("backup")
        .policy(Policy::CollectAll)
        .scope(async |group: TaskGroup<Backup>| {
            group.task("list").spawn(lists());
            group.task("photos").spawn(async {
                let inner = TaskGroup::builder().name("photos").policy(Policy::CollectAll);
                let inner = inner.scope(async |group: TaskGroup<Backup>| {
                    group.task("list").spawn(lists());
                    group.task("write").spawn(writes());
                    Ok(())
                });
                Ok(inner.await?)
            });
            Ok(())
        })
        .await
}

/// The same with boxes: the nested group stays a subtree.
async fn boxed() -> Result<(), ErrorGroup> {
    TaskGroup::builder()
        .name("backup")
        .policy(Policy::CollectAll)
        .scope(async |group: Group| {
            group.task("list").spawn(async { Ok(lists().await?) });
            group.task("photos").spawn(async {
                let inner = TaskGroup::builder().name("photos").policy(Policy::CollectAll);
                let inner = inner.scope(async |group: Group| {
                    group.task("list").spawn(async { Ok("twelve".parse::<u32>()?) });
                    group.task("write").spawn(async { Ok(writes().await?) });
                    Ok(())
                });
                Ok(inner.await?)
            });
            Ok(())
        })
        .await
}

const LINE: &str = "task group `backup` failed (3 errors): cannot read the list; \
    invalid digit found in string; cannot write photos";

#[test]
fn anyhow_takes_a_group_and_gives_it_back() {
    async fn run() -> anyhow::Result<()> {
        boxed().await?;
        Ok(())
    }
    let error = paused(run()).unwrap_err().context("no backup tonight");
    assert_eq!(error.downcast_ref::<ErrorGroup>().unwrap().len(), 3);
    assert_eq!(format!("{error:#}"), format!("no backup tonight: {LINE}"));
    assert!(error.downcast::<ErrorGroup>().unwrap().contains::<Disk>());
}

#[test]
fn eyre_takes_a_group_and_gives_it_back() {
    async fn run() -> eyre::Result<()> {
        boxed().await?;
        Ok(())
    }
    let error = paused(run()).unwrap_err().wrap_err("no backup tonight");
    assert_eq!(error.downcast_ref::<ErrorGroup>().unwrap().len(), 3);
    assert_eq!(format!("{error:#}"), format!("no backup tonight: {LINE}"));
    assert!(format!("{error:?}").contains(LINE));
    assert!(error.downcast::<ErrorGroup>().unwrap().contains::<Disk>());
}

#[test]
fn boxes_take_a_group_and_give_it_back() {
    async fn local() -> Result<(), Box<dyn Error>> {
        boxed().await?;
        Ok(())
    }
    async fn sendable() -> Result<(), BoxError> {
        boxed().await?;
        Ok(())
    }
    assert_eq!(paused(local()).unwrap_err().downcast::<ErrorGroup>().unwrap().len(), 3);
    assert_eq!(paused(sendable()).unwrap_err().downcast::<ErrorGroup>().unwrap().len(), 3);
}

#[test]
fn an_enum_takes_a_group_with_from_and_as_a_source() {
    async fn part() -> Result<(), Backup> {
        backup().await?;
        Ok(())
    }
    let error = paused(part()).unwrap_err();
    assert!(error.to_string().starts_with("task group `backup` failed (2 errors): "));
    let Backup::Part(group) = error else { panic!("it was a part") };
    assert_eq!(group.len(), 2, "a list, and a part in turn");

    async fn parts() -> Result<(), Backup> {
        boxed().await.map_err(Backup::Parts)
    }
    let error = paused(parts()).unwrap_err();
    assert!(error.source().unwrap().is::<ErrorGroup>());
    let report = anyhow::Error::from(error);
    assert_eq!(format!("{report:#}"), format!("several parts failed: {LINE}"));
}

#[test]
fn contains_looks_along_the_sources_of_whatever_is_in_the_group() {
    let boxed = paused(boxed()).unwrap_err();
    assert!(boxed.contains::<Backup>() && boxed.contains::<Disk>());
    assert!(boxed.contains::<io::Error>() && boxed.contains::<ParseIntError>());
    assert!(!boxed.contains::<std::fmt::Error>());
    let mut typed: ErrorGroup<Backup> = ErrorGroup::new("typed");
    typed.push(paused(writes()).unwrap_err());
    assert!(typed.contains::<Backup>() && typed.contains::<Disk>());
    assert!(typed.contains::<io::Error>() && !typed.contains::<ParseIntError>());

    // An error of anyhow's or eyre's is looked through, with its contexts and its causes.
    let mut anyhows: ErrorGroup<anyhow::Error> = ErrorGroup::new("anyhow");
    anyhows.push(anyhow::Error::from(disk()).context("while it rained"));
    assert!(anyhows.contains::<Disk>() && anyhows.contains::<io::Error>());
    let mut eyres: ErrorGroup<eyre::Report> = ErrorGroup::new("eyre");
    eyres.push(eyre::Report::from(disk()).wrap_err("while it rained"));
    assert!(eyres.contains::<Disk>() && eyres.contains::<io::Error>());
    assert!(!eyres.contains::<ParseIntError>());

    // A chain ends with a group, which goes on in several directions.
    let mut outer: ErrorGroup<Backup> = ErrorGroup::new("outer");
    outer.push(Backup::Parts(boxed));
    assert!(outer.contains::<ErrorGroup>() && outer.contains::<Disk>());
    assert!(!outer.contains::<std::fmt::Error>());
}

#[test]
fn one_kind_is_handled_and_the_rest_goes_on_with_its_shape() {
    let boxed = paused(boxed()).unwrap_err();
    let mut handled = Vec::new();
    let rest = boxed.except::<ParseIntError>(|errors| handled = errors).unwrap_err();
    assert_eq!(handled.len(), 1, "the one that is not inside of another error");
    assert_eq!(messages(&rest), ["cannot read the list", "cannot write photos"]);
    let (lists, writes) = rest.split(|error| matches!(error.downcast_ref(), Some(Backup::List(_))));
    assert_eq!(messages(&lists.unwrap()), ["cannot read the list"]);
    let writes = writes.unwrap();
    assert!(format!("{writes:?}").contains("[photos] task group `photos` failed (1 error)"));

    let typed = paused(backup()).unwrap_err();
    let writes = |error: &Backup| matches!(error, Backup::Write { .. });
    assert_eq!(typed.leaves().count(), 2, "the nested group is one error of this type");
    assert!(typed.subgroup(writes).is_none(), "and is not looked into");
    let rest = typed.except::<Backup>(|errors| assert_eq!(errors.len(), 2));
    assert!(rest.is_ok());
}

#[test]
fn the_tree_has_the_names_the_places_and_the_causes() {
    let drawn = format!("{:?}", paused(boxed()).unwrap_err());
    let lines: Vec<_> = drawn.lines().map(|line| line.split(" (at ").next().unwrap()).collect();
    let expected = [
        "task group `backup` failed (3 errors)",
        "├─ [list] cannot read the list",
        "│  caused by: invalid digit found in string",
        "└─ [photos] task group `photos` failed (2 errors)",
        "   ├─ [list] invalid digit found in string",
        "   └─ [write] cannot write photos",
        "      caused by: the disk is broken",
        "      caused by: a bad sector",
    ];
    assert_eq!(lines, expected, "{drawn}");
    assert_eq!(drawn.matches("errors.rs:").count(), 3, "{drawn}");
}

#[test]
fn groups_may_fail_with_the_errors_of_anyhow_and_eyre() {
    on_both(|| async {
        let anyhows = TaskGroup::<anyhow::Error>::builder()
            .policy(Policy::CollectAll)
            .on_panic(OnPanic::Capture)
            .scope(async |group| {
                group.spawn(async { Ok("twelve".parse::<u32>()?) });
                group.spawn(async {
                    if true { std::panic::resume_unwind(Box::new("boom")) } else { Ok(()) }
                });
                Ok(())
            });
        let anyhows = anyhows.await.unwrap_err();
        assert_eq!(messages(&anyhows), ["invalid digit found in string", "panicked: boom"]);
        assert!(anyhows.contains::<Panicked>());

        let eyres = TaskGroup::<eyre::Report>::scope(async |group| {
            group.cancel("enough");
            let task = group.spawn(async { Ok(()) });
            Ok(task.await?)
        });
        let eyres = eyres.await.unwrap_err();
        assert!(eyres.contains::<TaskError>());
        let eyres = TaskGroup::<eyre::Report>::scope(async |group| {
            group.cancel("enough");
            std::future::pending::<eyre::Result<()>>().await
        });
        assert!(eyres.await.unwrap_err().contains::<Cancelled>());
    });
}

#[test]
fn of_ten_thousand_failures_no_more_are_alive_at_a_time_than_are_kept() {
    /// An error that is large, and counted.
    #[derive(Debug, thiserror::Error)]
    #[error("large")]
    struct Large([u8; 4096], Alive);

    for policy in [Policy::CollectAll, Policy::Supervise, Policy::FirstSuccess] {
        let (alive, most) = (Alive::default(), Counter::default());
        let result = paused(async {
            let builder = TaskGroup::<Large>::builder().policy(policy).limit(16);
            let group = builder.scope(async |group| {
                for _ in 0..10_000 {
                    let (alive, most) = (alive.clone(), most.clone());
                    let child = async move {
                        let error = Large([0; 4096], alive);
                        // Not counted: what children hold that have not been polled.
                        Err::<(), _>(error).inspect_err(|error| most.max(error.1.count()))
                    };
                    let _ = group.spawn_bounded(child).await.await;
                }
                Ok(())
            });
            group.await
        });
        let kept = if policy == Policy::Supervise { 0 } else { 1024 };
        assert_eq!(alive.count(), kept, "{policy:?}");
        assert!(most.get() <= kept + 16, "{policy:?}: {most:?}");
        match result {
            Ok(()) => assert_eq!(policy, Policy::Supervise),
            Err(errors) => {
                assert_eq!((errors.len(), errors.omitted()), (10_000, 10_000 - 1024));
                let is_error = |detail: tidegate_task_group::Detail<'_, _>| {
                    matches!(detail.cause, Cause::Error(_))
                };
                assert!(errors.details().all(is_error));
                drop(errors);
            }
        }
        assert_eq!(alive.count(), 0);
    }
}

#[test]
fn however_many_children_fail_the_error_of_the_body_and_the_missed_deadline_are_reported() {
    async fn fail_often(group: Group) {
        for _ in 0..2000 {
            drop(group.spawn(fails::<()>("child")));
        }
        until(|| group.is_empty()).await;
    }

    paused(async {
        let group = Group::builder().policy(Policy::CollectAll);
        let errors = group.scope(async |group| {
            fail_often(group).await;
            fails::<()>("body").await
        });
        let errors = errors.await.unwrap_err();
        assert_eq!((errors.len(), errors.omitted()), (2001, 2000 - 1024));
        assert_eq!(errors.leaves().next_back().unwrap().to_string(), "body");

        let deadline = tidegate_timeout::Deadline::after(SECOND);
        let group = Group::builder().policy(Policy::CollectAll).deadline(deadline);
        let errors = group.scope(async |group| {
            fail_often(group).await;
            forever::<()>().await
        });
        let errors = errors.await.unwrap_err();
        assert_eq!((errors.len(), errors.omitted()), (2001, 2000 - 1024));
        assert!(errors.contains::<Cancelled>());
    });
}

/// Where the next test runs this one, it is to fail as a `main` would.
const AS_A_MAIN: &str = "TIDEGATE_FAILS_AS_A_MAIN";

#[test]
fn fails_as_a_main() -> Result<(), ErrorGroup> {
    if std::env::var_os(AS_A_MAIN).is_some() { paused(boxed()) } else { Ok(()) }
}

#[test]
fn a_main_that_returns_a_group_prints_the_tree() {
    let tests = std::env::current_exe().unwrap();
    let run = ["--exact", "errors::fails_as_a_main", "--nocapture"];
    let ran = Command::new(tests).args(run).env(AS_A_MAIN, "1").output().unwrap();
    let printed = [ran.stdout, ran.stderr].concat();
    let printed = String::from_utf8(printed).unwrap();
    assert!(!ran.status.success());
    assert!(
        printed.contains("Error: task group `backup` failed (3 errors)\n├─ [list] "),
        "{printed}"
    );
    assert!(printed.contains("\n   └─ [write] cannot write photos (at "), "{printed}");
}
