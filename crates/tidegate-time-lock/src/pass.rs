use std::sync::Arc;

use crate::core::Grant;
use crate::line::{Gate, Note};
use crate::{Epoch, Hint, Shut, TimeLock};

/// Leave to go through the gate, once.
///
/// Nothing is held: a pass that is dropped takes nothing with it. What becomes of the request that it was for is
/// worth telling the gate, though, with [`ok`](Self::ok) or [`refused`](Self::refused); a gate that sends a
/// [probe](Self::is_probe) waits for its verdict, and one that learns its pace learns from nothing else. A probe
/// that is dropped counts as lost, and the next in line goes in its stead.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_time_lock::{Closed, Hint, TimeLock};
///
/// struct Answer {
///     status: u16,
///     retry_after: &'static [u8],
/// }
///
/// /// Asks until the answer is not a refusal.
/// async fn ask(gate: &TimeLock, mut send: impl AsyncFnMut() -> Answer) -> Result<Answer, Closed> {
///     let mut pass = gate.acquire().await?;
///     loop {
///         // Look once more, in case something else was waited for meanwhile.
///         if !pass.is_current() {
///             pass = gate.acquire_again(pass.requeue()).await?;
///             continue;
///         }
///         let answer = send().await;
///         if answer.status != 429 {
///             pass.ok();
///             return Ok(answer);
///         }
///         let refused = pass.refused(Hint::parse(answer.retry_after));
///         pass = gate.acquire_again(refused.requeue()).await?;
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let gate = TimeLock::new();
/// let mut answers = [Answer { status: 429, retry_after: b"2" }, Answer { status: 200, retry_after: b"" }].into_iter();
/// let started = tokio::time::Instant::now();
/// let answer = ask(&gate, async || answers.next().unwrap()).await.unwrap();
/// assert_eq!(answer.status, 200);
/// assert!(started.elapsed() >= Duration::from_secs(2));
/// # }
/// ```
#[derive(Debug)]
#[must_use = "the gate learns what became of the request from `ok`, `refused` or `unknown`"]
pub struct Pass(Kind);

#[derive(Debug)]
enum Kind {
    /// Through a gate that was simply open, which is nearly all of them: two words, in registers.
    Open(Arc<Gate>, Epoch),
    /// There is more to remember.
    Decided(Box<Decided>),
}

#[derive(Debug)]
pub(crate) struct Decided {
    gate: Arc<Gate>,
    grant: Grant,
}

impl Decided {
    #[cold]
    #[inline(never)]
    pub(crate) fn new(gate: &Arc<Gate>, grant: Grant) -> Box<Self> {
        Box::new(Self { gate: Arc::clone(gate), grant })
    }

    #[expect(clippy::boxed_local, reason = "a pointer is all that the caller has in hand")]
    #[inline(never)]
    fn ok(mut self: Box<Self>) {
        // There is a word about the probe, if it is one.
        self.grant.probe = None;
        if self.gate.wants_verdicts() {
            self.gate.ok(self.grant.epoch);
        }
    }
}

impl Drop for Decided {
    fn drop(&mut self) {
        if let Some(probe) = self.grant.probe {
            self.gate.unheard(probe);
        }
    }
}

impl Pass {
    #[inline(always)]
    pub(crate) fn open(gate: Arc<Gate>, epoch: Epoch) -> Self {
        Self(Kind::Open(gate, epoch))
    }

    #[inline(always)]
    pub(crate) fn granted(gate: &Arc<Gate>, grant: Grant) -> Self {
        Self::decided(Decided::new(gate, grant))
    }

    #[inline(always)]
    pub(crate) fn decided(pass: Box<Decided>) -> Self {
        Self(Kind::Decided(pass))
    }

    #[inline]
    pub(crate) fn gate(&self) -> &Arc<Gate> {
        match &self.0 {
            Kind::Open(gate, _) => gate,
            Kind::Decided(pass) => &pass.gate,
        }
    }

    fn grant(&self) -> Grant {
        match &self.0 {
            Kind::Open(_, epoch) => Grant { epoch: *epoch, probe: None, noted: None },
            Kind::Decided(pass) => pass.grant,
        }
    }

    /// The epoch in which it was given.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::TimeLock;
    /// let gate = TimeLock::new();
    /// let pass = gate.try_acquire().unwrap();
    /// let shut = gate.lock_for(Duration::from_secs(5));
    /// assert_eq!(shut.epoch, pass.epoch() + 1);
    /// ```
    #[inline]
    pub fn epoch(&self) -> Epoch {
        match &self.0 {
            Kind::Open(_, epoch) => *epoch,
            Kind::Decided(pass) => pass.grant.epoch,
        }
    }

    /// Whether the gate stays shut for others until it knows how this one fared.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::{Reopen, TimeLock};
    /// let gate = TimeLock::builder().reopen(Reopen::Probe { n: 1 }).build();
    /// gate.lock();
    /// gate.unlock();
    /// let probe = gate.try_acquire().unwrap();
    /// assert!(probe.is_probe());
    /// assert!(gate.try_acquire().is_err()); // Until it is known how that one fares.
    /// probe.ok();
    /// assert!(!gate.try_acquire().unwrap().is_probe());
    /// ```
    pub fn is_probe(&self) -> bool {
        matches!(&self.0, Kind::Decided(pass) if pass.grant.probe.is_some())
    }

    /// Whether the gate has not been shut since.
    ///
    /// Between a pass and the moment at which bytes leave, the gate may be shut. Who waits for anything else in
    /// between (a permit, a connection) asks this last, and goes back with [`requeue`](Self::requeue) if not.
    #[inline]
    pub fn is_current(&self) -> bool {
        self.gate().is_current(self.epoch())
    }

    /// It went well: the other side took the request, whatever it answered.
    ///
    /// Ends probing and resets the back-off, if the pass is of the current epoch.
    #[inline(always)]
    pub fn ok(self) {
        match self.0 {
            // Nothing to tell, as a rule.
            Kind::Open(gate, epoch) => {
                if gate.wants_verdicts() {
                    gate.ok(epoch);
                }
            }
            Kind::Decided(pass) => pass.ok(),
        }
    }

    /// The other side refused, and perhaps said for how long.
    ///
    /// If the pass is of the current epoch, the gate is shut for that long, or for a time that doubles with each
    /// refusal in a row if it did not say. One that is late, from before the last pause, opens and counts nothing;
    /// it may only make a pause longer.
    pub fn refused(mut self, hint: impl Into<Hint>) -> Refused {
        // Both the conversion and the wall clock are done with before the gate's lock is taken.
        let after = hint.into().delay();
        let grant = self.grant();
        let gate = Arc::clone(self.gate());
        if let Kind::Decided(pass) = &mut self.0 {
            pass.grant.probe = None;
        }
        let (verdict, place) = gate.refused(&grant, after);
        Refused { shut: verdict.shut, isolated: verdict.isolated, place: Requeue { gate, place } }
    }

    /// Nobody knows how it went; the same as dropping it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::TimeLock;
    /// let pass = TimeLock::new().try_acquire().unwrap();
    /// pass.unknown(); // The connection broke.
    /// ```
    pub fn unknown(self) {}

    /// Gives the pass back unused, for [`TimeLock::acquire_again`].
    ///
    /// Its turn is somebody else's, if the gate is as it was: a probe, a moment of the pace, or one of a
    /// [quota](TimeLock::allow).
    pub fn requeue(self) -> Requeue {
        Requeue { gate: Arc::clone(self.gate()), place: self.take_back() }
    }

    /// As [`requeue`](Self::requeue), for those who know the gate.
    pub(crate) fn take_back(mut self) -> Note {
        let note = self.note();
        if let Kind::Decided(pass) = &mut self.0 {
            pass.gate.take_back(&pass.grant);
            pass.grant.probe = None;
        }
        note
    }

    pub(crate) fn place(&self) -> Requeue {
        Requeue { gate: Arc::clone(self.gate()), place: self.note() }
    }

    /// What somebody brings who comes back with this pass.
    pub(crate) fn note(&self) -> Note {
        let grant = self.grant();
        Note { ticket: Some(grant.ticket()), history: grant.history(), ..Note::default() }
    }
}

/// What came of a refusal, and the place in line of whoever was refused.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_time_lock::{Applied, TimeLock};
///
/// let gate = TimeLock::new();
/// let refused = gate.try_acquire().unwrap().refused(Duration::from_secs(5));
/// assert_eq!(refused.shut().applied, Applied::Started);
/// let again = gate.acquire_again(refused.requeue());
/// # drop(again);
/// ```
#[derive(Debug)]
pub struct Refused {
    shut: Shut,
    isolated: bool,
    place: Requeue,
}

impl Refused {
    /// What the gate made of it.
    pub fn shut(&self) -> Shut {
        self.shut
    }

    /// Whether the request is refused for its own sake: others are accepted meanwhile, and the gate was not shut for it.
    ///
    /// Better not tried again. [`isolation`](crate::TimeLockBuilder::isolation) says when.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::{Closed, TimeLock};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Closed> {
    /// let gate = TimeLock::builder().isolation(3, 8).build();
    /// let mut pass = gate.acquire().await?;
    /// loop {
    ///     let refused = pass.refused(Duration::from_secs(1)); // this one is, each time
    ///     if refused.is_isolated() {
    ///         break;
    ///     }
    ///     pass = gate.acquire_again(refused.requeue()).await?;
    ///     for _ in 0..8 {
    ///         gate.acquire().await?.ok(); // and others are not
    ///     }
    /// }
    /// assert!(!gate.is_locked());
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_isolated(&self) -> bool {
        self.isolated
    }

    /// The old place in line, so that a retry does not start at the back.
    ///
    /// One that was refused twice or more lets one other go first.
    pub fn requeue(self) -> Requeue {
        self.place
    }
}

/// A place in line, for [`TimeLock::acquire_again`].
#[derive(Debug)]
pub struct Requeue {
    gate: Arc<Gate>,
    place: Note,
}

impl Requeue {
    /// The end of the line.
    pub(crate) fn none(gate: Arc<Gate>) -> Self {
        Self { gate, place: Note::default() }
    }

    /// The place, if it is one in this gate's line.
    pub(crate) fn note(self, gate: &TimeLock) -> Note {
        match Arc::ptr_eq(&self.gate, gate.shared()) {
            true => self.place,
            false => Note::default(),
        }
    }
}
