//! Who is no worse in anything.

use crate::matrix::{Cell, Table};

/// Time over ideal time in hundredths, and refusals per thousand requests: as they are printed.
fn figures(cell: &Cell) -> (u64, u64) {
    let time = if is_done(cell) { (cell.time * 100.0).round() as u64 } else { u64::MAX };
    (time, (cell.refused * 1000.0).round() as u64)
}

pub(crate) fn is_done(cell: &Cell) -> bool {
    cell.never == 0 && cell.gave_up == 0.0
}

/// Whether `a` needs neither more time nor more refusals than `b`, and less of one.
pub(crate) fn dominates(a: &Cell, b: &Cell) -> bool {
    let (a, b) = (figures(a), figures(b));
    a.0 <= b.0 && a.1 <= b.1 && a != b
}

/// In how many of the tables the first dominates the second.
pub(crate) fn count(tables: &[Table], first: usize, second: usize) -> usize {
    tables.iter().filter(|it| dominates(&it.cells[first], &it.cells[second])).count()
}

/// Who dominates this one, by place.
pub(crate) fn dominators(cells: &[Cell], of: usize) -> Vec<usize> {
    (0..cells.len()).filter(|&it| dominates(&cells[it], &cells[of])).collect()
}
