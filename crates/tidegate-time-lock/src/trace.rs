use crate::Event;

const UNLOCKED: &str = "until unlocked";

/// One line for each pause and each opening, never one for each waiter.
pub(crate) fn trace(gate: &'static str, event: &Event) {
    match event {
        Event::Shut { epoch, until, reason } => {
            let why = reason.as_ref().map(|reason| reason.as_str());
            let pause =
                until.map(|until| until.saturating_duration_since(tokio::time::Instant::now()));
            match pause {
                Some(pause) => tracing::info!(gate, epoch, ?pause, why, "shut"),
                None => tracing::info!(gate, epoch, pause = UNLOCKED, why, "shut"),
            }
        }
        Event::Opened { epoch, after, waiters } => {
            tracing::info!(gate, epoch, ?after, waiters, "opened");
        }
        Event::Closed => tracing::info!(gate, "closed"),
        Event::Extended { until } => tracing::debug!(gate, ?until, "extended"),
        Event::Shortened { until } => tracing::debug!(gate, ?until, "shortened"),
        Event::Probing { epoch } => tracing::debug!(gate, epoch, "probing"),
        Event::PaceChanged { pace } => {
            tracing::debug!(
                gate,
                per_second = pace.map(|pace| pace.as_per_second()),
                "pace changed"
            );
        }
        Event::Missed { .. } => {}
    }
}
