//! A row, as it happens.

use super::*;

/// Where a row happens.
struct World {
    row: Row,
    /// Opens when everybody has begun.
    begun: Barrier,
    /// Futures of the body and the children that are not dropped.
    alive: Alive,
    /// How many children were polled.
    started: Counter,
    /// How many children clean up, and how many have done so.
    cleaning: Counter,
    cleaned: Counter,
    /// How many children of children have ended.
    grandchildren: Counter,
    cancelled_around: AtomicBool,
}

impl World {
    fn new(row: &Row) -> Arc<Self> {
        let parties = row.children.len() + 1 + usize::from(row.around != Around::Never);
        Arc::new(Self {
            row: row.clone(),
            begun: Barrier::new(parties),
            alive: Alive::default(),
            started: Counter::default(),
            cleaning: Counter::default(),
            cleaned: Counter::default(),
            grandchildren: Counter::default(),
            cancelled_around: AtomicBool::new(false),
        })
    }

    async fn child(self: Arc<Self>, index: usize, group: Group) -> Result<u32, BoxError> {
        let _alive = self.alive.clone();
        self.started.add();
        // Those who clean up must have said so before anybody is cancelled.
        match self.row.children[index] {
            CleansUp => {
                let cleanup = with_cleanup(async {
                    self.cleaning.add();
                    while self.row.around == Around::WhileCleaningUp
                        && !self.cancelled_around.load(Ordering::SeqCst)
                    {
                        yield_now().await;
                    }
                    breathe().await;
                    self.cleaned.add();
                });
                tokio::join!(cleanup, self.begun.wait()).0?;
                unreachable!("clean-up is the end of it");
            }
            NeverEnds => {
                tokio::join!(with_cleanup(std::future::pending()), self.begun.wait()).0?;
                unreachable!("it never ends");
            }
            FailsInCleanUp => {
                tokio::join!(cancelled(), self.begun.wait());
                let before_me = self.row.children.len() - index;
                shield(async {
                    until(|| group.len() <= before_me).await;
                })
                .await;
                return Err(format!("child {index}").into());
            }
            _ => self.begun.wait().await,
        };
        match self.row.children[index] {
            Succeeds => breathe().await,
            Spawns => {
                self.body_has_ended().await;
                let (world, again) = (self.clone(), group.clone());
                drop(group.spawn(async move {
                    breathe().await;
                    let counter = world.grandchildren.clone();
                    drop(again.spawn(async move {
                        breathe().await;
                        counter.add();
                        Ok(())
                    }));
                    world.grandchildren.add();
                    Ok(())
                }));
            }
            Child::Waits => return forever().await,
            Child::Fails => return Err(format!("child {index}").into()),
            Child::Panics => resume_unwind(Box::new(format!("child {index}"))),
            CancelsTheGroup => {
                self.body_has_ended().await;
                group.cancel("a child has had enough");
            }
            CleansUp | FailsInCleanUp | NeverEnds => unreachable!("see above"),
        }
        Ok(index as u32)
    }

    /// For an only child: of those that are not dropped, it is the last.
    async fn body_has_ended(&self) {
        until(|| self.alive.count() <= 1).await;
    }

    async fn body(self: Arc<Self>, group: Group) -> Result<Vec<Task<u32>>, BoxError> {
        let _alive = self.alive.clone();
        let tasks: Vec<_> = (0..self.row.children.len())
            .map(|index| group.spawn(Arc::clone(&self).child(index, group.clone())))
            .collect();
        if self.row.body == Body::FailsAtOnce {
            return Err("body".into());
        }
        if self.row.body == Body::FailsLast {
            let all_have_ended = async {
                self.begun.wait().await;
                while tasks.iter().any(|task| !task.is_finished()) {
                    yield_now().await;
                }
            };
            tokio::select! {
                _ = cancelled() => {}
                () = all_have_ended => {}
            }
            return Err("body".into());
        }
        self.begun.wait().await;
        match self.row.body {
            Body::Ends => {}
            Body::Fails => return Err("body".into()),
            Body::Waits => return forever().await,
            Body::Panics => resume_unwind(Box::new("body".to_owned())),
            Body::AbortsAndLooks | Body::AbortsAndPassesOn => {
                let mut tasks = tasks;
                let first = tasks.remove(0);
                first.abort();
                let ended = first.await;
                assert!(matches!(ended, Err(TaskError::Cancelled(CancelReason::Explicit(_)))));
                assert!(checkpoint().is_ok(), "that was the child, and not I");
                if self.row.body == Body::AbortsAndPassesOn {
                    ended?;
                }
                return Ok(tasks);
            }
            Body::Cancels => group.cancel("enough"),
            Body::CancelsAndWaits => {
                group.cancel("enough");
                return forever().await;
            }
            Body::FailsAtOnce | Body::FailsLast => unreachable!("see above"),
        }
        Ok(tasks)
    }
}

/// Runs a row; what comes out.
pub(super) async fn seen(row: Row) -> Out {
    let world = World::new(&row);
    let mut builder = Group::builder().policy(row.policy).on_panic(row.on_panic);
    if let Some(grace) = row.grace {
        builder = builder.grace(grace);
    }
    let body = Arc::clone(&world);
    let group = AssertUnwindSafe(builder.scope(move |group| body.body(group)));
    let group = group.catch_unwind();
    let returned = Mutex::new(None);
    let come_back = async {
        let out = match group.await {
            Ok(Ok(tasks)) => {
                for (index, task) in tasks.into_iter().enumerate() {
                    assert!(task.is_finished());
                    if row.children[index] == CancelsTheGroup {
                        assert_eq!(task.await, Ok(index as u32));
                    }
                }
                Out::Value
            }
            Ok(Err(errors)) => Out::Errors(errors.leaves().map(ToString::to_string).collect()),
            Err(payload) => Out::Panic(*payload.downcast().unwrap()),
        };
        world.everybody_has_ended();
        *returned.lock().unwrap() = Some(out);
    };
    if row.around == Around::Never {
        come_back.await;
        // Nothing of a cancellation is left over for what comes next.
        breathe().await;
        assert!(checkpoint().is_ok());
        return returned.into_inner().unwrap().unwrap();
    }

    let scope = Scope::new();
    let inside = scope.run(async {
        come_back.await;
        std::future::pending::<()>().await;
    });
    let cancel = async {
        world.begun.wait().await;
        while row.around == Around::WhileCleaningUp && world.cleaning.get() == 0 {
            yield_now().await;
        }
        scope.handle().cancel("from around");
        world.cancelled_around.store(true, Ordering::SeqCst);
    };
    let (ended, ()) = tokio::join!(inside, cancel);
    let Ended::Cancelled(reason) = ended else { panic!("it is cancelled at the next await") };
    assert_eq!(reason, CancelReason::from("from around"));
    world.everybody_has_ended();
    match returned.into_inner().unwrap() {
        None => Out::Around,
        Some(Out::Errors(errors)) => Out::ErrorsThenAround(errors),
        Some(out) => panic!("{out:?} although it was cancelled"),
    }
}

impl World {
    fn everybody_has_ended(&self) {
        let count = |child| self.row.children.iter().filter(|it| **it == child).count();
        assert_eq!(self.alive.count(), 0);
        assert_eq!(self.cleaned.get(), count(CleansUp));
        assert_eq!(self.grandchildren.get(), 2 * count(Spawns));
        let flavor = tokio::runtime::Handle::current().runtime_flavor();
        if self.row.body == Body::FailsAtOnce && flavor == RuntimeFlavor::CurrentThread {
            assert_eq!(self.started.get(), 0);
        }
    }
}
