// How it works
//
// A list whose nodes live in one `Vec`, linked by index, so that a job can leave from the middle in
// constant time and nothing is allocated once the `Vec` has grown. Slots are used again; each use has
// its own stamp, and a `Place` carries it, so a place that was left long ago finds nothing.

/// No slot.
const NONE: u32 = u32::MAX;

/// How many empty slots a line keeps once it is empty.
const KEEP: usize = 1024;

/// A line to join at the back and to leave from anywhere.
#[derive(Debug)]
pub(crate) struct Line<T> {
    slots: Vec<Slot<T>>,
    /// The first slot of the free list, linked by `next`.
    free: u32,
    front: u32,
    back: u32,
    len: usize,
    stamp: u32,
}

#[derive(Debug)]
struct Slot<T> {
    value: Option<T>,
    stamp: u32,
    before: u32,
    next: u32,
}

/// Where in a line something stands; good until it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    index: u32,
    stamp: u32,
}

impl Place {
    /// A place in which nobody ever stands.
    pub(crate) const NOWHERE: Self = Self { index: NONE, stamp: 0 };

    /// The place as one word, to be kept in an atomic.
    pub(crate) fn to_bits(self) -> u64 {
        u64::from(self.index) << 32 | u64::from(self.stamp)
    }

    /// The place that [`to_bits`](Self::to_bits) packed.
    pub(crate) fn from_bits(bits: u64) -> Self {
        Self { index: (bits >> 32) as u32, stamp: bits as u32 }
    }
}

impl<T> Line<T> {
    pub(crate) const fn new() -> Self {
        Self { slots: Vec::new(), free: NONE, front: NONE, back: NONE, len: 0, stamp: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Joins at the back.
    pub(crate) fn push(&mut self, value: T) -> Place {
        self.stamp = self.stamp.wrapping_add(1);
        let slot = Slot { value: Some(value), stamp: self.stamp, before: self.back, next: NONE };
        let index = self.free;
        let index = if index == NONE {
            self.slots.push(slot);
            u32::try_from(self.slots.len() - 1).expect("a line is shorter than memory is long")
        } else {
            self.free = self.slots[index as usize].next;
            self.slots[index as usize] = slot;
            index
        };
        match self.back {
            NONE => self.front = index,
            back => self.slots[back as usize].next = index,
        }
        self.back = index;
        self.len += 1;
        Place { index, stamp: self.stamp }
    }

    /// The first one leaves.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let stamp = self.slots.get(self.front as usize)?.stamp;
        self.remove(Place { index: self.front, stamp })
    }

    /// The one at `place` leaves, if it has not left yet.
    pub(crate) fn remove(&mut self, place: Place) -> Option<T> {
        let slot = self.slots.get_mut(place.index as usize)?;
        if slot.stamp != place.stamp {
            return None;
        }
        let value = slot.value.take()?;
        let (before, next) = (slot.before, slot.next);
        slot.next = self.free;
        self.free = place.index;
        match before {
            NONE => self.front = next,
            before => self.slots[before as usize].next = next,
        }
        match next {
            NONE => self.back = before,
            next => self.slots[next as usize].before = before,
        }
        self.len -= 1;
        if self.len == 0 && self.slots.len() > KEEP {
            (self.slots, self.free) = (Vec::new(), NONE);
        }
        Some(value)
    }

    /// The one at `place`, if it has not left yet.
    pub(crate) fn get_mut(&mut self, place: Place) -> Option<&mut T> {
        let slot = self.slots.get_mut(place.index as usize)?;
        if slot.stamp == place.stamp { slot.value.as_mut() } else { None }
    }

    /// Lets all those in `other` stand here, where nobody does; their places stay good.
    pub(crate) fn replace_with(&mut self, other: &mut Self) {
        debug_assert!(self.is_empty());
        // Whoever joins `other` next bears a stamp that nobody here has.
        self.stamp = other.stamp;
        std::mem::swap(self, other);
    }

    /// Everything in line, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().filter_map(|slot| slot.value.as_ref())
    }

    /// Everybody leaves, in order.
    pub(crate) fn drain(&mut self) -> Vec<T> {
        std::iter::from_fn(|| self.pop()).collect()
    }
}

#[cfg(test)]
mod tests;
