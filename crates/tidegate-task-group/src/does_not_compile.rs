//! What the compiler must refuse, beside the like of it that it accepts.

/// A child does not outlive what it borrows.
///
/// ```compile_fail,E0597
/// let scope;
/// {
///     let word = String::from("word");
///     scope = tidegate_task_group::local_scope(async |scope| scope.spawn(async { word.len() }).await);
/// }
/// drop(scope);
/// ```
///
/// ```
/// let word = String::from("word");
/// let scope;
/// {
///     scope = tidegate_task_group::local_scope(async |scope| scope.spawn(async { word.len() }).await);
/// }
/// drop(scope);
/// ```
///
/// What it borrows is not moved or dropped meanwhile.
///
/// ```compile_fail,E0505
/// let word = String::from("word");
/// let scope = tidegate_task_group::local_scope(async |scope| scope.spawn(async { word.len() }).await);
/// drop(word);
/// drop(scope);
/// ```
///
/// It borrows nothing of the body, which ends before the children do.
///
/// ```compile_fail,E0373
/// tidegate_task_group::local_scope(async |scope| {
///     let word = String::from("word");
///     scope.spawn(async { word.len() });
/// });
/// ```
///
/// ```
/// tidegate_task_group::local_scope(async |scope| {
///     let word = String::from("word");
///     scope.spawn(async move { word.len() });
/// });
/// ```
///
/// Nor by way of a reference.
///
/// ```compile_fail,E0597
/// tidegate_task_group::local_scope(async |scope| {
///     let word = String::from("word");
///     let word = &word;
///     scope.spawn(async move { word.len() });
/// });
/// ```
///
/// Of two children one may write.
///
/// ```compile_fail,E0499
/// let mut count = 0;
/// let (one, two) = (&mut count, &mut count);
/// tidegate_task_group::local_scope(async |scope| {
///     scope.spawn(async { *one += 1 });
///     scope.spawn(async { *two += 1 });
/// });
/// ```
///
/// The scope to spawn with does not outlive what its children may borrow.
///
/// ```compile_fail,E0597
/// let mut kept = None;
/// {
///     let word = String::from("word");
///     let word = &word;
///     let kept = &mut kept;
///     let scope = tidegate_task_group::local_scope(|scope| {
///         *kept = Some(scope.clone());
///         async move { scope.spawn(async move { word.len() }).await }
///     });
///     drop(scope);
/// }
/// drop(kept);
/// ```
///
/// Nor does it go to another task that does.
///
/// ```compile_fail,E0597
/// let word = String::from("word");
/// let word = &word;
/// let scope = tidegate_task_group::local_scope(|scope| {
///     tokio::spawn({
///         let scope = scope.clone();
///         async move { drop(scope) }
///     });
///     async move { scope.spawn(async move { word.len() }).await }
/// });
/// ```
///
/// Nor does a value that borrows, by way of the task that gives it.
///
/// ```compile_fail,E0597
/// let mut kept = None;
/// {
///     let word = String::from("word");
///     let word = &word;
///     let kept = &mut kept;
///     drop(tidegate_task_group::local_scope(|scope| {
///         *kept = Some(scope.spawn(async move { word.as_str() }));
///         async {}
///     }));
/// }
/// drop(kept);
/// ```
#[expect(dead_code, reason = "there to be documented")]
struct Refused;
