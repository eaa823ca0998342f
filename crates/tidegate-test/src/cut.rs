use std::pin::pin;

/// How many times a future may be polled before it is dropped.
///
/// For futures that need a runtime around them. [`cut_everywhere`] runs a scenario again and again, each time
/// with one poll more, until the future under test is no longer cut.
#[derive(Debug)]
pub struct Cut {
    polls: usize,
    hit: std::cell::Cell<bool>,
}

impl Cut {
    /// Runs `future` until it is ready (`Some`) or has been polled as often as this cut allows (`None`); in
    /// the second case it has been dropped by then.
    pub async fn short<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut left = self.polls;
        {
            let mut future = pin!(future);
            let output = std::future::poll_fn(|cx| {
                if left == 0 {
                    return std::task::Poll::Ready(None);
                }
                left -= 1;
                match future.as_mut().poll(cx) {
                    std::task::Poll::Pending if left > 0 => std::task::Poll::Pending,
                    std::task::Poll::Pending => std::task::Poll::Ready(None),
                    std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
                }
            })
            .await;
            if let Some(output) = output {
                return Some(output);
            }
        }
        self.hit.set(true);
        None
    }
}

/// Runs `scenario` with the future it [cuts](Cut::short) dropped after 0, 1, 2, … polls, and once uncut.
///
/// Returns how many runs there were; a scenario that never cuts anything is run once. The caller's closure
/// usually makes a paused runtime and blocks on the scenario in it.
///
/// # Panics
///
/// When the future is still not ready after a thousand polls.
pub fn cut_everywhere(mut scenario: impl FnMut(&Cut)) -> usize {
    for polls in 0..1000 {
        let cut = Cut { polls, hit: std::cell::Cell::new(false) };
        scenario(&cut);
        if !cut.hit.get() {
            return polls + 1;
        }
    }
    panic!("still not ready after a thousand polls");
}
