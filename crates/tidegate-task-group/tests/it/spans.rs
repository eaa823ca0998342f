//! The span that children have from where they are spawned.

use std::sync::{Arc, Mutex, Once};

use tidegate_task_group::BoxError;
use tracing::{Instrument, Span, info_span};

use crate::support::*;

/// Keeps spans, for all tests and all threads.
fn subscribe() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing::subscriber::set_global_default(tracing_subscriber::registry()).unwrap();
    });
}

fn name() -> Option<&'static str> {
    Some(Span::current().metadata()?.name())
}

async fn span() -> Result<Option<&'static str>, BoxError> {
    breathe().await;
    Ok(name())
}

#[test]
fn a_child_runs_in_the_span_in_which_it_was_spawned() {
    subscribe();
    on_both(|| {
        let opener = async {
            let seen = Group::scope(async |group| {
                let plain = group.spawn(span());
                let in_call = info_span!("call").in_scope(|| group.spawn(span()));
                let parent = group.clone();
                let in_future = async { group.task("named").spawn(span()).await };
                let in_future = in_future.instrument(info_span!("future")).await?;
                let inner = info_span!("child").in_scope(|| {
                    group.spawn(async move { Ok((parent.spawn(span()).await?, span().await?)) })
                });
                let own = group.spawn(span().instrument(info_span!("own")));
                let inner = inner.await?;
                let stranger = group.clone();
                let strange = async move { stranger.spawn(span()).await };
                let strange = tokio::spawn(strange).await??;
                Ok([plain.await?, in_call.await?, in_future, inner.0, inner.1, own.await?, strange])
            });
            let expected = ["opener", "call", "future", "child", "child", "own"].map(Some);
            let seen = seen.await.unwrap();
            assert_eq!(seen[..6], expected);
            assert_eq!(seen[6], None);
            assert_eq!(name(), Some("opener"));
        };
        opener.instrument(info_span!("opener"))
    });
}

/// Says in which span it is dropped.
struct Asks(Arc<Mutex<Vec<Option<&'static str>>>>);

impl Drop for Asks {
    fn drop(&mut self) {
        self.0.lock().unwrap().push(name());
    }
}

#[test]
fn a_child_that_is_cut_off_is_dropped_in_its_span() {
    subscribe();
    on_both(|| async {
        let answers = Arc::default();
        let outcome = Group::scope(async |group| {
            info_span!("child").in_scope(|| {
                for _ in 0..2 {
                    let asks = Asks(Arc::clone(&answers));
                    let child = group.spawn(async move {
                        let _asks = asks;
                        forever::<()>().await
                    });
                    child.abort();
                }
            });
            breathe().await;
            Ok(())
        });
        outcome.await.unwrap();
        assert_eq!(*answers.lock().unwrap(), [Some("child"); 2]);
        assert_eq!(name(), None);
    });
}
