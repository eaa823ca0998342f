use std::fmt::Write;
use std::sync::{Arc, Mutex};

use tidegate_time_lock::{Policy, TimeLock, Until};
use tokio::time::advance;
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::support::{line, secs};

/// Writes down what it is told, and uses the gate while it does.
struct Lines {
    lines: Arc<Mutex<Vec<String>>>,
    gate: Arc<Mutex<Option<TimeLock>>>,
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl<S: tracing::Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if let Some(gate) = &*self.gate.lock().unwrap() {
            // Under a lock of the gate's this would wait for ever.
            let _ = (gate.snapshot(), gate.waiters());
        }
        let mut text = Text(event.metadata().level().to_string());
        event.record(&mut text);
        self.lines.lock().unwrap().push(text.0);
    }
}

// 3.9, R16, T24
#[tokio::test(start_paused = true)]
async fn there_is_a_line_for_each_pause_and_none_for_a_waiter() {
    let (lines, gate) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(None)));
    let layer = Lines { lines: Arc::clone(&lines), gate: Arc::clone(&gate) };
    // With one subscriber alone, tracing has the first thread at a call decide for all whether somebody listens.
    let _another = tracing::Dispatch::new(tracing_subscriber::registry());
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    let host = TimeLock::builder().name("host-a").build();
    *gate.lock().unwrap() = Some(host.clone());
    host.lock_with(Until::For(secs(2)), Policy::Extend, "429");
    host.lock_for(secs(3));
    let waiters = line(&host, 100);
    advance(secs(3)).await;
    // Noticed by the one who passes.
    for mut waiter in waiters {
        drop(crate::support::look(&mut waiter));
    }
    host.lock();
    host.close();
    let lines = lines.lock().unwrap();
    assert_eq!(lines.len(), 5, "{lines:#?}");
    assert!(
        lines[0].starts_with("INFO message=shut gate=\"host-a\" epoch=1 pause=2s"),
        "{}",
        lines[0]
    );
    assert!(lines[0].contains("why=\"429\""), "{}", lines[0]);
    assert!(lines[1].starts_with("DEBUG message=extended"), "{}", lines[1]);
    assert_eq!(lines[2], "INFO message=opened gate=\"host-a\" epoch=1 after=3s waiters=100");
    assert!(lines[3].contains("pause=\"until unlocked\""), "{}", lines[3]);
    assert_eq!(lines[4], "INFO message=closed gate=\"host-a\"");
}
