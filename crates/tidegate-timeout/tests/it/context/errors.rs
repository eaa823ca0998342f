//! Two errors.

use super::*;

#[test]
fn errors_of_the_body_and_of_the_exit_are_both_returned() {
    on_both(|| async {
        let door = || Log::default().door("door").exit(How::Fails);
        let both = "body is stuck; its exit failed: door is stuck";

        let error = with(door(), async |_| Err::<(), BoxError>(Stuck("body").into())).await;
        let error = error.unwrap_err().downcast::<WithError<BoxError, BoxError>>().unwrap();
        assert_eq!(error.to_string(), both);
        let WithError::Both { body, exit } = *error else { panic!("not both: {error}") };
        assert!(body.is::<Stuck>() && exit.is::<Stuck>());

        let error = with(door(), async |_| Err::<(), String>("body is stuck".into())).await;
        assert_eq!(error.unwrap_err(), both);

        let error = with_both(door(), async |_| Err::<(), _>("body is stuck")).await.unwrap_err();
        assert_eq!(error, WithError::Both { body: "body is stuck", exit: Stuck("door") });
        assert_eq!(error.to_string(), both);
    });
    paused(async {
        type Local = Box<dyn Error>;
        let door = Log::default().door("door").exit(How::Fails);
        let error = with(door, async |_| Err::<(), Local>(Stuck("body").into())).await;
        assert!(error.unwrap_err().is::<WithError<Local, Local>>());
    });
}

#[test]
fn each_error_has_its_own_variant() {
    paused(async {
        let door = || Log::default().door("door");
        let outcome = with_both(door().enter(How::Fails), async |_| Err::<(), _>(1)).await;
        assert_eq!(outcome, Err(WithError::Enter(Stuck("door"))));
        assert_eq!(with_both(door(), async |_| Err::<(), _>(1)).await, Err(WithError::Body(1)));
        let outcome = with_both(door().exit(How::Fails), async |_| Ok::<_, u8>(())).await;
        assert_eq!(outcome, Err(WithError::Exit(Stuck("door"))));
        assert_eq!(with_both(door(), async |_| Ok::<_, u8>(5)).await, Ok(5));
    });
}

#[test]
fn an_error_that_nobody_returns_goes_to_the_context() {
    fn is_stuck(name: &'static str) -> Door {
        Log::default().door(name).exit(How::Fails)
    }
    paused(async {
        // The body's error cannot hold another.
        let error = with(is_stuck("narrow"), async |_| Err::<(), _>(Stuck("body"))).await;
        assert_eq!(error, Err(Stuck("body")));
        assert_eq!(unreported("narrow"), 1);

        let late = timeout(ms(10), with(is_stuck("late"), async |_| forever::<()>().await));
        assert!(late.await.is_err());
        assert_eq!(unreported("late"), 1);

        let panics = with(is_stuck("panic"), async |_| -> Result<(), BoxError> { panic!("no") });
        assert_eq!(panic_of(panics).await, "no");
        assert_eq!(unreported("panic"), 1);

        let work = with(is_stuck("raw"), async |_| forever::<()>().await);
        assert!(tokio::time::timeout(ms(10), work).await.is_err());
        until(|| unreported("raw") == 1).await;
    });
}
