// How it works
//
// A cell is a value beside a raw lock. The raw lock mints grants, of which there are never two that exclude each
// other; a cell opens for a grant of its own raw lock, and what it gives out keeps the grant until it is dropped.
// So whoever has an `Exclusive` has the only way to the value, and whoever has a `Shared` knows that nobody writes.
//
// The owner in a grant keeps the raw lock alive and in its place. It is a field of the cell, so it keeps the cell.
//
// Mapping an `Exclusive` to a part hands the part out for as long as the grant is kept. What could let somebody else
// in while a part is out, that is downgrading and upgrading, starts from the cell again: a part that was reached
// through `&mut` must not be read by others (it may be the inside of a `Cell`), and a part that was reached
// before an upgrade may not be there after it.
//
// Whoever maps is asked for a reference that lives as long as one to what is mapped can. That may be less than the grant
// lives, if a lifetime in the type of what is mapped is short, and then the reference need not be to a part at all. So
// what is mapped and what it is mapped to must live as long as the grant may: `Keeps`.

mod held;
mod lock_cell;
mod rw_cell;

pub use held::{Exclusive, Keeps, Shared};
pub use lock_cell::LockCell;
pub use rw_cell::{RwCell, Upgrading};
