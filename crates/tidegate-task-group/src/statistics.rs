/// How a group is doing.
///
/// # Examples
///
/// ```
/// # use tidegate_task_group::{BoxError, TaskGroup};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// TaskGroup::<BoxError>::scope(async |group| {
///     let one = group.spawn(async { Ok(1) });
///     let two = group.spawn(async { Ok(2) });
///     assert_eq!(one.await? + two.await?, 3);
///
///     let statistics = group.statistics();
///     assert_eq!((statistics.spawned, statistics.succeeded, statistics.live), (2, 2, 0));
///     Ok(())
/// })
/// .await
/// .unwrap();
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupStatistics {
    /// Children that were spawned so far.
    pub spawned: u64,
    /// Children that have not ended, those that wait for their turn included.
    pub live: usize,
    /// Who waits because of the group's limit: children that are live and have not begun, and those who
    /// [wait to spawn](crate::TaskGroup::spawn_bounded) one.
    pub waiting: usize,
    /// Children that gave a value.
    pub succeeded: u64,
    /// Children that gave an error.
    pub failed: u64,
    /// Children that were cancelled.
    pub cancelled: u64,
    /// Children that panicked.
    pub panicked: u64,
}
