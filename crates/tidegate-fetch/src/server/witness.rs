//! Catches clients that send while their gate must be shut.

// How it works
//
// A refusal that says "not for R seconds" shuts the client's gate from the moment the client learns of it, a
// moment the server cannot see. So our client tells: each request carries the epoch of its gate, read when it
// is sent, and a gate's epoch goes up by one whenever it is shut.
//
//     client, epoch 4:   ---- request (4) ---->      refused for R, here at t
//     client, epoch 5:   its gate is shut until at least t + R
//                        ---- request (5) ---->      arrives before t + R: sent while shut
//                        ---- request (4) ---->      was on its way: nothing wrong
//
// No clock of the client and no guess of ours decides. A request without the header is judged by time, with
// some tolerance for what was on its way when we refused.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use tokio::time::Instant;

/// The header in which a client tells the epoch of its gate, as `CLIENT-EPOCH` in hexadecimal and decimal.
///
/// # Examples
///
/// ```
/// use tidegate_fetch::server::{Epoch, EPOCH_HEADER};
///
/// let epoch = Epoch { client: 0xc0ffee, epoch: 7 };
/// assert_eq!(format!("{EPOCH_HEADER}: {epoch}"), "tidegate-epoch: c0ffee-7");
/// ```
pub const EPOCH_HEADER: &str = "tidegate-epoch";

/// The epoch of a client's gate.
///
/// # Examples
///
/// ```
/// use tidegate_fetch::server::Epoch;
///
/// let epoch: Epoch = "c0ffee-7".parse().unwrap();
/// assert_eq!(epoch, Epoch { client: 0xc0ffee, epoch: 7 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// A number that no other client has: gates of two clients have nothing to do with each other.
    pub client: u64,
    /// How often the gate was shut.
    pub epoch: u64,
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{}", self.client, self.epoch)
    }
}

impl FromStr for Epoch {
    type Err = BadEpoch;

    fn from_str(text: &str) -> Result<Self, BadEpoch> {
        let (client, epoch) = text.split_once('-').ok_or(BadEpoch)?;
        Ok(Self {
            client: u64::from_str_radix(client, 16).map_err(|_| BadEpoch)?,
            epoch: epoch.parse().map_err(|_| BadEpoch)?,
        })
    }
}

/// The text is no epoch.
///
/// # Examples
///
/// ```
/// assert!("yesterday".parse::<tidegate_fetch::server::Epoch>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadEpoch;

impl fmt::Display for BadEpoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an epoch looks like c0ffee-7")
    }
}

impl std::error::Error for BadEpoch {}

/// How long a request without the header may have been on its way.
const ON_ITS_WAY: Duration = Duration::from_millis(500);

/// Clients whose refusals are over are forgotten when there are more than this.
const MANY: usize = 1024;

/// Who sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Client {
    Told(u64),
    From(IpAddr),
}

/// What was refused to whom, and for how long.
#[derive(Debug, Default)]
pub(super) struct Witness {
    clients: HashMap<Client, Refusals>,
}

#[derive(Debug, Default)]
struct Refusals {
    /// Until when a gate that is past this epoch must be shut.
    told: BTreeMap<u64, Instant>,
    /// When the present pause began, for those who tell nothing.
    since: Option<Instant>,
    until: Option<Instant>,
}

impl Witness {
    /// A request is here: was it sent while its client's gate must have been shut?
    pub(super) fn sent_while_shut(
        &mut self,
        from: IpAddr,
        epoch: Option<Epoch>,
        now: Instant,
    ) -> bool {
        let client = client(from, epoch);
        let Some(refusals) = self.clients.get_mut(&client) else { return false };
        refusals.told.retain(|_, until| now < *until);
        match epoch {
            Some(Epoch { epoch, .. }) => refusals.told.range(..epoch).next().is_some(),
            None => refusals.is_late(now),
        }
    }

    /// The request was refused for so long.
    pub(super) fn refused(
        &mut self,
        from: IpAddr,
        epoch: Option<Epoch>,
        now: Instant,
        pause: Duration,
    ) {
        self.forget(now);
        let refusals = self.clients.entry(client(from, epoch)).or_default();
        let until = now + pause;
        if let Some(Epoch { epoch, .. }) = epoch {
            let known = refusals.told.entry(epoch).or_insert(until);
            *known = until.max(*known);
        }
        if refusals.until.is_none_or(|known| known <= now) {
            refusals.since = Some(now);
        }
        refusals.until = refusals.until.max(Some(until));
    }

    fn forget(&mut self, now: Instant) {
        if self.clients.len() > MANY {
            self.clients.retain(|_, refusals| refusals.until > Some(now));
        }
    }
}

impl Refusals {
    fn is_late(&self, now: Instant) -> bool {
        let (Some(since), Some(until)) = (self.since, self.until) else { return false };
        since + ON_ITS_WAY < now && now < until
    }
}

fn client(from: IpAddr, epoch: Option<Epoch>) -> Client {
    epoch.map_or(Client::From(from), |epoch| Client::Told(epoch.client))
}

#[cfg(test)]
mod tests;
