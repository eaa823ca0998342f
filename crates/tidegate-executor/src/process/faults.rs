// Workers that go wrong, at every stage of a start and of a call. What is run in their place is `rogue` below: this
// test binary once more, which speaks the protocol by hand, up to a point.

mod pool;
mod rogue;
mod worker;
