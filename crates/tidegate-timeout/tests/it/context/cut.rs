//! Dropped at every point.

use super::*;

#[test]
fn no_context_stays_open_wherever_it_is_cut() {
    let runs = cut_everywhere(|cut: &Cut| {
        paused(async {
            let log = Log::default();
            let work = with(log.door("a"), async |_| {
                with(log.door("b"), async |_| {
                    breathe().await;
                    Ok::<_, BoxError>(())
                })
                .await
            });
            let _ = cut.short(work).await;
            let count = |what: &str| log.lines().iter().filter(|line| line.ends_with(what)).count();
            until(|| count("is open") == count("is shut")).await;
            assert!(count("is open") == 2 || count("is dropped") == 0);
        });
    });
    assert!(runs > 20, "{runs}");
}

struct Open(Arc<AtomicUsize>);
struct Count(Arc<AtomicUsize>, tokio::sync::mpsc::Receiver<()>);

impl AsyncContext for Count {
    type Guard = (Open, tokio::sync::mpsc::Receiver<()>);
    type Error = Stuck;
    async fn enter(mut self) -> Result<Self::Guard, Stuck> {
        self.1.recv().await;
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok((Open(self.0), self.1))
    }
    async fn exit((open, mut gate): Self::Guard, _: Exit) -> Result<(), Stuck> {
        gate.recv().await;
        open.0.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }
}

// The explorer: entering, the body and leaving each wait for a step of somebody else.
#[test]
fn no_context_stays_open_wherever_its_future_is_dropped() {
    struct World {
        runtime: tokio::runtime::Runtime,
        open: Arc<AtomicUsize>,
        gate: tokio::sync::mpsc::Sender<()>,
        context: std::cell::Cell<Option<Count>>,
    }
    let step = |world: &World| {
        let _ = world.gate.try_send(());
        world.runtime.block_on(breathe());
    };
    let schedules = Explorer::new(|| {
        let (gate, receiver) = tokio::sync::mpsc::channel(9);
        let open = Arc::default();
        let context = std::cell::Cell::new(Some(Count(Arc::clone(&open), receiver)));
        World { runtime: crate::support::paused_runtime(), open, gate, context }
    })
    .future(|world| {
        hold(async move {
            let context = world.context.take().unwrap();
            let mut work = Box::pin(with(context, async |(_, gate)| {
                gate.recv().await;
                Ok::<_, BoxError>(())
            }));
            // Polled, and dropped, with the runtime at hand.
            struct Inside<'a, F>(&'a World, Option<F>);
            impl<F> Drop for Inside<'_, F> {
                fn drop(&mut self) {
                    let _inside = self.0.runtime.enter();
                    self.1 = None;
                }
            }
            let _entered = world.runtime.enter();
            let mut inside = Inside(world, Some(poll_fn(move |cx| work.as_mut().poll(cx))));
            drop(_entered);
            poll_fn(|cx| {
                let _entered = world.runtime.enter();
                std::pin::Pin::new(inside.1.as_mut().unwrap()).poll(cx)
            })
            .await
        })
    })
    .step(step)
    .step(step)
    .step(step)
    .step(step)
    .check(move |world| {
        for _ in 0..4 {
            step(world);
        }
        assert_eq!(world.open.load(Ordering::SeqCst), 0);
    })
    .run();
    assert_eq!(schedules, 32 * 6);
}
