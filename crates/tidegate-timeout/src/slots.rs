// How it works
//
// A vector with holes. The hole that was made last is filled first; the holes form a list through the vector
// itself, so that taking and giving back a place is a few instructions and places keep their number. The first
// place is kept outside of the vector: most have one or none, and need no allocation.

/// Places that are taken and given back in any order, each known by its number.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    first: Option<T>,
    /// The places from number 1 on.
    more: Vec<Place<T>>,
    /// The first hole in `more`, or its end.
    hole: usize,
}

#[derive(Debug)]
enum Place<T> {
    Taken(T),
    /// Empty; says which hole comes next.
    Hole(usize),
}

impl<T> Slots<T> {
    pub(crate) const fn new() -> Self {
        Self { first: None, more: Vec::new(), hole: 0 }
    }

    /// Puts `value` somewhere and says where.
    pub(crate) fn insert(&mut self, value: T) -> usize {
        if self.first.is_none() {
            self.first = Some(value);
            return 0;
        }
        let at = self.hole;
        match self.more.get_mut(at) {
            Some(place) => {
                let Place::Hole(next) = std::mem::replace(place, Place::Taken(value)) else {
                    unreachable!("the list of holes leads to holes only")
                };
                self.hole = next;
            }
            None => {
                self.more.push(Place::Taken(value));
                self.hole = self.more.len();
            }
        }
        at + 1
    }

    /// Takes out what is at `at`, which `insert` gave out.
    pub(crate) fn remove(&mut self, at: usize) -> T {
        let Some(at) = at.checked_sub(1) else {
            return self.first.take().expect("a place is given back once");
        };
        let Place::Taken(value) = std::mem::replace(&mut self.more[at], Place::Hole(self.hole))
        else {
            unreachable!("a place is given back once")
        };
        self.hole = at;
        value
    }

    pub(crate) fn get_mut(&mut self, at: usize) -> &mut T {
        let value = match at.checked_sub(1) {
            None => self.first.as_mut(),
            Some(at) => match &mut self.more[at] {
                Place::Taken(value) => Some(value),
                Place::Hole(_) => None,
            },
        };
        value.expect("a place is looked at by the one who took it")
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        let more = self.more.iter().filter_map(|place| match place {
            Place::Taken(value) => Some(value),
            Place::Hole(_) => None,
        });
        self.first.iter().chain(more)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        let more = self.more.iter_mut().filter_map(|place| match place {
            Place::Taken(value) => Some(value),
            Place::Hole(_) => None,
        });
        self.first.iter_mut().chain(more)
    }
}

#[cfg(test)]
mod tests {
    use super::Slots;

    #[test]
    fn a_place_keeps_its_number_while_others_come_and_go() {
        let mut slots = Slots::new();
        let places: Vec<_> = (0..5).map(|value| slots.insert(value)).collect();
        assert_eq!(slots.remove(places[1]), 1);
        assert_eq!(slots.remove(places[3]), 3);
        assert_eq!(*slots.get_mut(places[4]), 4);

        let again = [slots.insert(10), slots.insert(11), slots.insert(12)];
        assert_eq!(again, [3, 1, 5], "the latest hole first, then the end");
        assert_eq!(slots.iter().copied().collect::<Vec<_>>(), [0, 11, 2, 10, 4, 12]);
        slots.iter_mut().for_each(|value| *value += 1);
        assert_eq!(slots.remove(places[0]), 1);
    }
}
