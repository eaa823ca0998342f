//! What a callback has from its caller.

use super::*;

static USER: ContextVar<&str> = ContextVar::new("user");

#[tokio::test(start_paused = true)]
async fn a_callback_has_the_variables_and_the_scope_of_its_caller() {
    let log = Log::default();
    let scope = Scope::new();
    let see = |log: &Log<_>| {
        let log = log.clone();
        move || log.note((USER.get(), checkpoint().is_ok()))()
    };
    call_soon_threadsafe(see(&log));
    scope.enter(|| USER.sync_scope("ada", || call_soon_threadsafe(see(&log))));
    call_soon_threadsafe(see(&log));
    turns().await;
    scope.enter(|| call_soon_threadsafe(see(&log)));
    scope.handle().cancel("enough");
    turns().await;
    let expected = [(None, true), (Some("ada"), true), (None, true), (None, false)];
    assert_eq!(log.so_far(), expected, "it is told, and runs");
}

#[test]
fn a_closure_is_dropped_with_the_variables_of_its_caller() {
    struct Asks(Log<Option<&'static str>>);
    impl Drop for Asks {
        fn drop(&mut self) {
            self.0.note(USER.get())();
        }
    }
    let log = Log::default();
    let runtime = current_thread();
    runtime.block_on(async {
        let call = || {
            let asks = Asks(log.clone());
            call_later(HOUR, move || drop(asks))
        };
        assert!(USER.sync_scope("ada", call).cancel());
        USER.sync_scope("grace", call);
    });
    drop(runtime);
    assert_eq!(log.so_far(), [Some("ada"), Some("grace")]);
}
