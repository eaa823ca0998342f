//! The figures, for a terminal and for a page.

use std::fmt::Write;

use crate::contenders::{ALL, Contender, REAL_ONLY};
use crate::dominance::{count, dominates, dominators, is_done};
use crate::matrix::{Cell, Size, Table};
use crate::nginx::{self, BURST, RATE};
use crate::plot::{self, Line};
use crate::real::{self, LANES, Row, WORKERS};

/// The short tables.
pub(crate) fn terminal(tables: &[Table]) -> String {
    let mut out = String::new();
    for (known, workers) in groups(tables) {
        let tables = group(tables, known, workers);
        let _ = writeln!(
            out,
            "\n{}, {workers} at a time: time / ideal, refusals per 1,000",
            title(known)
        );
        let _ = write!(out, "{:26}", "");
        for table in &tables {
            let _ = write!(out, "{:>17}", table.server.name);
        }
        out.push('\n');
        for (place, contender) in ALL.iter().enumerate() {
            let _ = write!(out, "{}{:25}", if contender.ours { '*' } else { ' ' }, contender.name);
            for table in &tables {
                let _ = write!(out, "{:>17}", short(&table.cells[place]));
            }
            out.push('\n');
        }
    }
    out
}

/// The section of the page.
pub(crate) fn markdown(tables: &[Table], rows: Option<&[Row]>, size: Size) -> String {
    let mut out = String::new();
    header(&mut out, size);
    contenders(&mut out);
    match rows {
        Some(rows) => real_section(&mut out, rows),
        None => out.push_str("\n### nginx\n\nSkipped: it was not installed.\n"),
    }
    for (known, workers) in groups(tables) {
        let tables = group(tables, known, workers);
        let _ = writeln!(out, "\n### {}, {workers} at a time\n", title(known));
        overview(&mut out, &tables, workers == size.workers[0]);
    }
    if let Some(default) = ALL.iter().position(|it| it.default) {
        duel(&mut out, tables, default);
        losses(&mut out, tables, default);
    }
    everybody(&mut out, tables);
    details(&mut out, tables);
    out
}

fn title(known: bool) -> &'static str {
    if known { "Known servers" } else { "Servers that nobody tunes on" }
}

/// Known or not, and how many workers.
fn groups(tables: &[Table]) -> Vec<(bool, usize)> {
    let mut groups: Vec<_> = tables.iter().map(|it| (it.known, it.workers)).collect();
    groups.dedup();
    groups
}

fn group(tables: &[Table], known: bool, workers: usize) -> Vec<&Table> {
    tables.iter().filter(|it| it.known == known && it.workers == workers).collect()
}

fn header(out: &mut String, size: Size) {
    let _ = write!(
        out,
        "## Time lock\n\n\
         `cargo xtask bench time-lock --write` made this section. {requests} requests, so many at a time, to servers that \
         refuse; each request is sent until it is accepted. How to read it:\n\n\
         - The servers are simulated, 10 to 20 ms away each way, and so is the time: the figures are the same each time, on every \
         machine. They are means over {seeds} seeds.\n\
         - **time** is from the first request to the last that is accepted, over the least that this can take. \
         **refusals** are per 1,000 requests in the short tables and per request in the long ones.\n\
         - **never**: not done after {long} s. **gives up**: the part of the requests that had no answer in the end.\n\
         - One **dominates** another if neither its time nor its refusals are worse, as printed. Who never ends or gives \
         up takes forever.\n\
         - Ours is judged by what `KeyedTimeLock::new()` does, which is what the tower layer and the downloader use.\n",
        requests = size.requests,
        seeds = size.seeds,
        long = size.long.as_secs(),
    );
}

fn contenders(out: &mut String) {
    out.push_str("\n### Who takes part\n\n");
    for (place, contender) in ALL.iter().chain(REAL_ONLY).enumerate() {
        let _ = write!(out, "{}. {}", place + 1, name(contender));
        if contender.told {
            out.push_str(" ¹");
        }
        match contender.note {
            Some(note) => {
                let _ = writeln!(out, ": {note}");
            }
            None => out.push('\n'),
        }
    }
    out.push_str("\n¹ Was told the answer.\n");
}

fn name(contender: &Contender) -> String {
    match (contender.default, contender.ours) {
        (true, _) => format!("**{}**", contender.name),
        (false, true) => format!("*{}*", contender.name),
        (false, false) => contender.name.to_owned(),
    }
}

/// All servers of a set side by side; introduced where they come for the first time.
fn overview(out: &mut String, tables: &[&Table], introduced: bool) {
    for table in tables.iter().filter(|_| introduced) {
        let _ = writeln!(out, "- **{}**: {}", table.server.name, table.server.what);
    }
    if introduced {
        out.push('\n');
    }
    out.push_str("| time, refusals per 1,000 |");
    for table in tables {
        let _ = write!(out, " {} |", table.server.name);
    }
    out.push_str("\n| --- |");
    out.push_str(&" ---: |".repeat(tables.len()));
    out.push('\n');
    for (place, contender) in ALL.iter().enumerate() {
        let _ = write!(out, "| {} |", name(contender));
        for table in tables {
            let _ = write!(out, " {} |", short(&table.cells[place]));
        }
        out.push('\n');
    }
}

fn short(cell: &Cell) -> String {
    let refused = thousands((cell.refused * 1000.0).round() as u64);
    format!("{}, {refused}", time(cell))
}

fn time(cell: &Cell) -> String {
    match (cell.never, cell.gave_up) {
        // Where even the least takes no time.
        (0, 0.0) if !cell.time.is_finite() => "–".to_owned(),
        (0, 0.0) => format!("{:.2}", cell.time),
        (0, _) => "gives up".to_owned(),
        _ => "never".to_owned(),
    }
}

/// With commas, where they help.
fn thousands(n: u64) -> String {
    match n {
        0..10_000 => n.to_string(),
        10_000..1_000_000 => format!("{},{:03}", n / 1000, n % 1000),
        _ => format!("{},{:03},{:03}", n / 1_000_000, n / 1000 % 1000, n % 1000),
    }
}

fn real_section(out: &mut String, rows: &[Row]) {
    let _ = write!(
        out,
        "\n### nginx\n\n\
         A real one ({}), over HTTP, {WORKERS} requests at a time: `limit_req` with {RATE} per second, `burst={BURST} nodelay`, \
         status 429 and `Retry-After: 1`. Each client has a port and a limit of its own, and {LANES} run side by side. Those \
         who would take minutes to show what is plain by then send fewer. These figures are of one run, and move by some \
         hundredths.\n\n\
         ![Requests over time](time-lock.svg)\n\n\
         | | requests | time | refusals / requests | refusals / pause | longest wait, s | dominated by |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | --- |\n",
        nginx::version().unwrap_or_default()
    );
    let cells: Vec<Cell> = rows.iter().map(|it| it.cell).collect();
    for (place, row) in rows.iter().enumerate() {
        let (cell, contender) = (&row.cell, row.contender);
        let _ = writeln!(
            out,
            "| {}. {}{} | {} | {} |",
            place + 1,
            name(contender),
            if contender.told { " ¹" } else { "" },
            row.requests,
            figures(&cells, place, cell),
        );
    }
    out.push_str(&verdict(rows).map_or(String::new(), |it| format!("\n{it}\n")));
}

/// What is asked of ours there, and whether it is so.
fn verdict(rows: &[Row]) -> Option<String> {
    let ours = rows.iter().find(|it| it.contender.default)?;
    let better = |it: &&Row| !it.contender.told && dominates(&it.cell, &ours.cell);
    let better: Vec<_> = rows.iter().filter(better).map(|it| it.contender.name).collect();
    let holds = is_done(&ours.cell)
        && ours.cell.time <= 1.25
        && ours.cell.refused <= 0.02
        && better.is_empty();
    Some(format!(
        "Asked of {}: at most 1.25 times the ideal, at most 2 % of the requests refused, and nobody better in both who \
         was not told the rate. This {}.",
        ours.contender.name,
        if holds { "holds" } else { "does not hold" }
    ))
}

/// As a table for a terminal.
pub(crate) fn real_terminal(rows: &[Row]) -> String {
    let mut out =
        format!("\nnginx, {WORKERS} at a time: requests, time / ideal, refusals per 1,000\n");
    for Row { contender, requests, cell, .. } in rows {
        let star = if contender.ours { '*' } else { ' ' };
        let _ = writeln!(out, "{star}{:25}{requests:>8}{:>17}", contender.name, short(cell));
    }
    out.push_str(&verdict(rows).unwrap_or_default());
    out.push('\n');
    out
}

/// Who is in the picture: one of a kind.
const SHOWN: [&str; 6] = [
    "KeyedTimeLock",
    "TimeLock, all at once",
    "Retry-After",
    "reqwest-retry",
    "tower retry",
    "governor",
];

pub(crate) fn picture(rows: &[Row]) -> String {
    let shown = SHOWN.map(|name| rows.iter().find(|it| it.contender.name == name));
    let shown: Vec<&Row> = shown.into_iter().flatten().collect();
    let requests = shown.iter().map(|it| it.requests).max().unwrap_or(0);
    let lines = shown.iter().map(|row| Line {
        name: row.contender.name,
        ours: row.contender.default,
        answers: &row.run.answers,
    });
    let lines: Vec<_> = lines.collect();
    let title = format!(
        "{requests} requests to nginx, {WORKERS} at a time: {RATE} per second, bursts of {BURST}"
    );
    plot::svg(&title, &lines, requests, real::ideal(requests))
}

/// The default against each of the others.
fn duel(out: &mut String, tables: &[Table], default: usize) {
    let sets = [true, false].map(|known| {
        let of = tables.iter().filter(|it| it.known == known);
        of.cloned().collect::<Vec<_>>()
    });
    let _ = write!(
        out,
        "\n### {} and each of the others\n\n\
         In how many of the {} cases of known servers, and of the {} of others, it dominates, is dominated, or neither.\n\n\
         | | dominates | is dominated | neither | dominates (unseen) | is dominated | neither |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
        ALL[default].name,
        sets[0].len(),
        sets[1].len()
    );
    for (place, contender) in ALL.iter().enumerate().filter(|(place, _)| *place != default) {
        let _ = write!(out, "| {} |", name(contender));
        for set in &sets {
            let (wins, losses) = (count(set, default, place), count(set, place, default));
            let _ = write!(out, " {wins} | {losses} | {} |", set.len() - wins - losses);
        }
        out.push('\n');
    }
}

/// Where the default is dominated, or beaten in time.
fn losses(out: &mut String, tables: &[Table], default: usize) {
    out.push_str(
        "\n### Where others win\n\nWho is faster than it, most first; in bold who dominates it. In brackets: time, refusals per 1,000.\n\n",
    );
    for table in tables {
        let ours = &table.cells[default];
        let mut faster: Vec<usize> = (0..ALL.len())
            .filter(|&it| is_done(&table.cells[it]))
            .filter(|&it| {
                dominates(&table.cells[it], ours) || table.cells[it].time + 0.005 < ours.time
            })
            .collect();
        faster.sort_by(|a, b| table.cells[*a].time.total_cmp(&table.cells[*b].time));
        if faster.is_empty() {
            continue;
        }
        let names = faster.into_iter().map(|it| {
            let told = if ALL[it].told { " ¹" } else { "" };
            let bold = if dominates(&table.cells[it], ours) { "**" } else { "" };
            format!("{bold}{}{bold}{told} ({})", ALL[it].name, short(&table.cells[it]))
        });
        let _ = writeln!(
            out,
            "- {}{}, {} at a time ({}): {}",
            table.server.name,
            if table.known { "" } else { " (unseen)" },
            table.workers,
            short(ours),
            names.collect::<Vec<_>>().join("; ")
        );
    }
}

/// Who dominates whom, and how often.
fn everybody(out: &mut String, tables: &[Table]) {
    let _ = write!(
        out,
        "\n### Who dominates whom\n\nIn how many of all {} cases the row dominates the column.\n\n| |",
        tables.len()
    );
    for place in 0..ALL.len() {
        let _ = write!(out, " {} |", place + 1);
    }
    out.push_str("\n| --- |");
    out.push_str(&" ---: |".repeat(ALL.len()));
    out.push('\n');
    for (row, contender) in ALL.iter().enumerate() {
        let _ = write!(out, "| {}. {} |", row + 1, name(contender));
        for column in 0..ALL.len() {
            match count(tables, row, column) {
                _ if row == column => out.push_str(" – |"),
                0 => out.push_str(" |"),
                n => {
                    let _ = write!(out, " {n} |");
                }
            }
        }
        out.push('\n');
    }
}

/// Every figure.
fn details(out: &mut String, tables: &[Table]) {
    out.push_str("\n### All figures\n\n<details><summary>A table for each server</summary>\n");
    for table in tables {
        let _ = write!(
            out,
            "\n#### {}{}, {} at a time\n\n{}\n\n\
             | | time | refusals / requests | refusals / pause | longest wait, s | dominated by |\n\
             | --- | ---: | ---: | ---: | ---: | --- |\n",
            table.server.name,
            if table.known { "" } else { " (unseen)" },
            table.workers,
            capital(table.server.what),
        );
        for (place, contender) in ALL.iter().enumerate() {
            let figures = figures(&table.cells, place, &table.cells[place]);
            let _ = writeln!(out, "| {}. {} | {figures} |", place + 1, name(contender));
        }
    }
    out.push_str("\n</details>\n");
}

/// The columns of a long table.
fn figures(cells: &[Cell], place: usize, cell: &Cell) -> String {
    let per_pause = cell.per_pause.map_or("–".to_owned(), |it| format!("{it:.1}"));
    let longest = match cell.never {
        0 => format!("{:.1}", cell.longest),
        _ => "–".to_owned(),
    };
    let part = match cell.gave_up {
        0.0 => String::new(),
        part => format!(" {:.0} %", (part * 100.0).ceil()),
    };
    let by = dominators(cells, place).into_iter().map(|it| (it + 1).to_string());
    let by = by.collect::<Vec<_>>().join(", ");
    format!("{}{part} | {:.3} | {per_pause} | {longest} | {by}", time(cell), cell.refused)
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |it| it.to_uppercase().chain(chars).collect())
}
