use std::pin::Pin;

use pin_project_lite::pin_project;

/// Places for pinned values; a place stays where it is.
///
/// There are eight to an allocation, the first of which is found without another; large values have one each.
pub(crate) struct Nest<P> {
    first: Option<Pin<Box<Eight<P>>>>,
    more: Vec<Pin<Box<Eight<P>>>>,
    large: Vec<Pin<Box<P>>>,
    len: usize,
}

type Eight<P> = Pair<Pair<Pair<P>>>;

pin_project! {
    #[derive(Default)]
    struct Pair<P> {
        #[pin]
        left: P,
        #[pin]
        right: P,
    }
}

impl<P: Default> Nest<P> {
    const LARGE: bool = size_of::<P>() > 256;

    pub(crate) fn new() -> Self {
        Self { first: None, more: Vec::new(), large: Vec::new(), len: 0 }
    }

    /// A place for each of `values`, with it inside.
    pub(crate) fn of(values: impl Iterator<Item = P>) -> Self {
        let mut nest = Self::new();
        if Self::LARGE {
            nest.large = values.map(Box::pin).collect();
            nest.len = nest.large.len();
            return nest;
        }
        let mut values = values.fuse();
        nest.more.reserve_exact((values.size_hint().0.div_ceil(8)).saturating_sub(1));
        while let Some(value) = values.next() {
            let mut len = 1;
            let mut next = || values.next().inspect(|_| len += 1).unwrap_or_default();
            let left = Pair {
                left: Pair { left: value, right: next() },
                right: Pair { left: next(), right: next() },
            };
            let right = Pair {
                left: Pair { left: next(), right: next() },
                right: Pair { left: next(), right: next() },
            };
            nest.hang(Pair { left, right });
            nest.len += len;
        }
        nest
    }

    /// How many places there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Makes one more place, and says which.
    pub(crate) fn add(&mut self) -> usize {
        if Self::LARGE {
            self.large.push(Box::pin(P::default()));
        } else if self.len % 8 == 0 {
            self.hang(Pair::default());
        }
        self.len += 1;
        self.len - 1
    }

    /// The place `at`.
    pub(crate) fn place(&mut self, at: usize) -> Pin<&mut P> {
        if Self::LARGE {
            return self.large[at].as_mut();
        }
        let eight = match &mut self.first {
            Some(first) if at < 8 => first,
            _ => &mut self.more[at / 8 - 1],
        };
        eight.as_mut().side(at & 4).side(at & 2).side(at & 1)
    }

    fn hang(&mut self, eight: Eight<P>) {
        match &self.first {
            None => self.first = Some(Box::pin(eight)),
            Some(_) => self.more.push(Box::pin(eight)),
        }
    }
}

impl<P> Pair<P> {
    fn side(self: Pin<&mut Self>, bit: usize) -> Pin<&mut P> {
        let me = self.project();
        if bit == 0 { me.left } else { me.right }
    }
}
