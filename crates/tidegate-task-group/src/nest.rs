use std::pin::Pin;

use pin_project_lite::pin_project;

/// Places for pinned values, four to an allocation; a place stays where it is, and is used again.
pub(crate) struct Nest<F> {
    fours: Vec<Pin<Box<Four<F>>>>,
}

pin_project! {
    struct Four<F> {
        #[pin]
        first: Option<F>,
        #[pin]
        second: Option<F>,
        #[pin]
        third: Option<F>,
        #[pin]
        fourth: Option<F>,
    }
}

impl<F> Nest<F> {
    pub(crate) fn new() -> Self {
        Self { fours: Vec::new() }
    }

    /// Puts a value into the place `at`, at most one behind the last that there is.
    pub(crate) fn put(&mut self, at: usize, value: F) {
        if at / 4 == self.fours.len() {
            let four = Four { first: None, second: None, third: None, fourth: None };
            self.fours.push(Box::pin(four));
        }
        self.place(at).set(Some(value));
    }

    /// The value at `at`.
    pub(crate) fn get(&mut self, at: usize) -> Pin<&mut F> {
        self.place(at).as_pin_mut().expect("there is a value")
    }

    /// Drops the value at `at`.
    pub(crate) fn clear(&mut self, at: usize) {
        self.place(at).set(None);
    }

    fn place(&mut self, at: usize) -> Pin<&mut Option<F>> {
        let four = self.fours[at / 4].as_mut().project();
        match at % 4 {
            0 => four.first,
            1 => four.second,
            2 => four.third,
            _ => four.fourth,
        }
    }
}
