//! What the compiler has to accept.

use super::*;

#[test]
fn a_context_can_be_used_in_tasks_and_on_a_local_set() {
    fn sent<T: Send + 'static>(
        future: impl Future<Output = Result<T, BoxError>> + Send + 'static,
    ) -> impl Future<Output = Result<T, BoxError>> + Send + 'static {
        future
    }
    paused(async {
        let text = String::from("text");
        let task = tokio::spawn(sent(async move {
            with(Log::default().door("a"), async |open| {
                let name = open.name;
                breathe().await;
                let inner = with(Log::default().door("b"), async |inner| {
                    breathe().await;
                    Ok::<_, BoxError>(format!("{text} {name} {} {}", open.name, inner.name))
                });
                timeout(ms(1000), inner).await?
            })
            .await
        }));
        assert_eq!(task.await.unwrap().unwrap(), "text a a b");

        let boxed: std::pin::Pin<Box<dyn Future<Output = Result<u8, BoxError>> + Send>> =
            Box::pin(with(Log::default().door("a"), async |_| {
                breathe().await;
                Ok(5)
            }));
        assert_eq!(boxed.await.unwrap(), 5);

        let local = Rc::new(5);
        let set = tokio::task::LocalSet::new();
        let log = Log::default();
        let (inside, kept) = (log.clone(), Rc::clone(&local));
        set.spawn_local(async move {
            let work = with(inside.door("a"), async |_| {
                breathe().await;
                drop(kept);
                forever::<()>().await
            });
            tokio::time::timeout(ms(10), work).await
        });
        set.run_until(sleep(ms(20))).await;
        until(|| log.has("a is shut")).await;
        assert_eq!(Rc::strong_count(&local), 1);

        let _ = Run::new(with(log.door("c"), async |_| Ok::<_, BoxError>(Rc::clone(&local)))).await;
    });
}
