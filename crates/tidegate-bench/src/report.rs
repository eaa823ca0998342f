//! The figures, for a terminal, for a page and for a program.

use std::fmt::Write;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::guarantee::Who;
use crate::measure::{Figure, Table, Unit};
use crate::memory::Weight;

/// One table, for a terminal.
pub(crate) fn terminal(table: &Table) -> String {
    let mut out = format!("{}: {}\n", table.scenario.id, table.scenario.what);
    for figure in sorted(table) {
        let _ = writeln!(
            out,
            "  {}{:32} {:18} {:>10} {:>9}  {:>8}{}",
            if figure.who.ours { '*' } else { ' ' },
            figure.who.name,
            figure.who.guarantee.to_string(),
            value(table, figure.median),
            ratio(figure.ratio),
            instructions(figure),
            figure.who.breaks.map(|it| format!("  breaks its promise: {it}")).unwrap_or_default(),
        );
    }
    out
}

/// The page.
pub(crate) fn markdown(tables: &[Table], memory: &[Weight], rounds: usize) -> String {
    let mut out = header(rounds);
    summary(&mut out, tables);
    let mut group = "";
    for table in tables {
        if table.scenario.group() != group {
            group = table.scenario.group();
            let _ = writeln!(out, "\n## {}", title(group));
        }
        section(&mut out, table);
    }
    out.push_str(&weights(memory));
    notes(&mut out, tables);
    out
}

fn header(rounds: usize) -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "# Benchmarks\n\n\
         `cargo xtask bench --write` made this page on {date} with {rustc}, in the release profile, on {cores} \
         cores{processor}{load}.\n\n\
         How to read it:\n\n\
         - Every contender does the same work in one process, {rounds} rounds (a third of that for the long ones) in \
         an order that turns: A B C, B C A, … A time is the median of the rounds, for one operation.\n\
         - **×** is the ratio to the best *other* contender that promises the same, taken within each round, then the \
         median; **× of any** is that to the best other, whatever it promises. Below 1.00 is faster. A tie within \
         10 % is a tie; so is one within 50 % where two workers contend, for the machine's other guests and the two \
         speeds of its processor move such rows that much.\n\
         - Who promises FIFO is measured by those who do; who promises less by everybody. A contender that breaks its \
         promise is in the table and nobody is measured by it. What stands there for reference blocks its thread or \
         cannot wait at all; it shows what the machine can do.\n\
         - Instructions are counted under callgrind, 11,000 operations less 1,000, so starting costs nothing. They \
         are the same from run to run, and include the loop.\n\
         - With two cores the order in contended rows is a hint, no more.\n\
         - The results of the work are checked in every run.\n\n\
         Times are those of one machine on one day. The ratios hold better, the instructions best.\n\n\
         Contenders: {contenders}.\n",
        date = today(),
        rustc = rustc(),
        processor = processor().map(|it| format!(" ({it})")).unwrap_or_default(),
        load =
            load().map(|it| format!(", with a load of {it} before it began")).unwrap_or_default(),
        contenders = versions().into_iter().chain(python()).collect::<Vec<_>>().join(", "),
    )
}

/// The contenders' names and versions, as they are locked.
fn versions() -> Vec<String> {
    const LOCK: &str = include_str!("../../../Cargo.lock");
    const NAMES: &[&str] = &[
        "async-channel",
        "async-condvar-fair",
        "async-lock",
        "asyncband",
        "event-listener",
        "flume",
        "futures-concurrency",
        "futures-intrusive",
        "futures-timer",
        "futures-util",
        "kanal",
        "maitake-sync",
        "parking_lot",
        "saa",
        "tokio",
        "tokio-util",
    ];
    let version = |name: &&str| {
        let (_, rest) = LOCK.split_once(&format!("\nname = \"{name}\"\nversion = \""))?;
        Some(format!("{name} {}", rest.split('"').next()?))
    };
    NAMES.iter().filter_map(version).collect()
}

/// Who is no crate.
fn python() -> Option<String> {
    #[cfg(unix)]
    return crate::contenders::process::Python::version().map(str::to_owned);
    #[cfg(not(unix))]
    None
}

/// How much else the machine does, where it says so; a page begins with what was so before its own work.
fn load() -> Option<&'static str> {
    static LOAD: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    let read = || {
        let text = std::fs::read_to_string("/proc/loadavg").ok()?;
        text.split_whitespace().next().map(str::to_owned)
    };
    LOAD.get_or_init(read).as_deref()
}

/// To be called before any work is done.
pub(crate) fn note_load() {
    load();
}

/// Ours in every scenario, in a line each.
fn summary(out: &mut String, tables: &[Table]) {
    out.push_str("\n## In short\n\n");
    out.push_str(
        "| scenario | ours | × | measured by | × of any | instructions | theirs, at least |\n",
    );
    out.push_str("| --- | ---: | ---: | --- | ---: | ---: | ---: |\n");
    for table in tables {
        for figure in table.figures.iter().filter(|it| it.who.ours) {
            let fewest = table
                .figures
                .iter()
                .filter(|it| figure.who.is_measured_by(&it.who))
                .filter_map(|it| it.instructions)
                .min_by(f64::total_cmp);
            let _ = writeln!(
                out,
                "| {}{} | {} | {} | {} | {} | {} | {} |",
                table.scenario.id,
                figure.who.name.strip_prefix("tidegate").unwrap_or_default(),
                value(table, figure.median),
                ratio(figure.ratio),
                table.bar(&figure.who).map_or("–", |it| it.who.name),
                ratio(figure.of_any),
                instructions(figure),
                fewest.map_or("–".to_owned(), |it| format!("{it:.0}")),
            );
        }
    }
}

fn section(out: &mut String, table: &Table) {
    let counted = table.figures.iter().any(|it| it.instructions.is_some());
    let _ = writeln!(out, "\n### {}\n\n{}\n", table.scenario.id, capital(table.scenario.what));
    let head = match table.scenario.unit {
        Unit::Time => "ns",
        Unit::Share => "share",
        Unit::Times => "times",
    };
    let _ = write!(out, "| contender | promises | {head} | × |");
    out.push_str(if counted { " instructions |\n" } else { "\n" });
    out.push_str("| --- | --- | ---: | ---: |");
    out.push_str(if counted { " ---: |\n" } else { "\n" });
    for figure in sorted(table) {
        let name = match (figure.who.ours, figure.who.breaks.or(figure.who.note)) {
            (true, _) => format!("**{}**", figure.who.name),
            (false, None) => figure.who.name.to_owned(),
            (false, Some(_)) => format!("{} ¹", figure.who.name),
        };
        let _ = write!(
            out,
            "| {name} | {} | {} | {} |",
            figure.who.guarantee,
            value(table, figure.median),
            ratio(figure.ratio)
        );
        if counted {
            let _ = write!(out, " {} |", instructions(figure));
        }
        out.push('\n');
    }
}

/// What they weigh, for a page and a terminal alike.
pub(crate) fn weights(memory: &[Weight]) -> String {
    if memory.is_empty() {
        return String::new();
    }
    let mut out = String::new();
    out.push_str("\n## Memory\n\n");
    out.push_str(
        "Bytes of the primitive (around a `u64`, where it is around something), of the future that waits, and of what each of 1,000 waiters has on the heap besides \
         its future, with the allocations that took. A child is one of 1,000, and its bytes are all that were taken, also \
         those that are given back when it ends. What a million supervised children leave behind is what the heap has grown by.\n\n",
    );
    out.push_str("| what | contender | primitive | future | heap | allocations |\n");
    out.push_str("| --- | --- | ---: | ---: | ---: | ---: |\n");
    for it in memory {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {:.0} | {:.1} |",
            it.kind, it.who, it.primitive, it.future, it.heap, it.allocations
        );
    }
    out
}

/// What is to be known about a contender, once each.
fn notes(out: &mut String, tables: &[Table]) {
    let mut said: Vec<(&str, String)> = Vec::new();
    for Who { name, note, breaks, .. } in tables.iter().flat_map(|it| &it.figures).map(|it| it.who)
    {
        let breaks = breaks.map(|it| format!("{it}; nobody is measured by it"));
        for text in breaks.into_iter().chain(note.map(str::to_owned)) {
            if !said.iter().any(|it| *it == (name, text.clone())) {
                said.push((name, text));
            }
        }
    }
    if !said.is_empty() {
        out.push_str("\n## ¹ Notes\n\n");
    }
    for (name, text) in said {
        let _ = writeln!(out, "- {name}: {text}.");
    }
}

/// Every figure of every round.
pub(crate) fn json(tables: &[Table], memory: &[Weight]) -> String {
    let tables = tables.iter().map(|table| {
        let figures = table.figures.iter().map(|it| {
            object(&[
                ("contender", string(it.who.name)),
                ("promises", string(&it.who.guarantee.to_string())),
                ("ours", it.who.ours.to_string()),
                ("breaks", it.who.breaks.map_or("null".to_owned(), string)),
                ("note", it.who.note.map_or("null".to_owned(), string)),
                ("median", number(Some(it.median))),
                ("ratio", number(it.ratio)),
                ("ratio_to_any", number(it.of_any)),
                ("instructions", number(it.instructions)),
                ("rounds", list(it.values.iter().map(|it| number(Some(*it))))),
            ])
        });
        object(&[
            ("id", string(table.scenario.id)),
            ("what", string(table.scenario.what)),
            ("unit", string(&format!("{:?}", table.scenario.unit).to_lowercase())),
            ("figures", list(figures)),
        ])
    });
    let memory = memory.iter().map(|it| {
        object(&[
            ("what", string(&it.kind)),
            ("contender", string(&it.who)),
            ("primitive", number(Some(it.primitive))),
            ("future", number(Some(it.future))),
            ("heap", number(Some(it.heap))),
            ("allocations", number(Some(it.allocations))),
        ])
    });
    let whole = object(&[
        ("date", string(&today())),
        ("rustc", string(&rustc())),
        ("scenarios", list(tables)),
        ("memory", list(memory)),
    ]);
    whole + "\n"
}

fn object(fields: &[(&str, String)]) -> String {
    let fields: Vec<_> = fields.iter().map(|(name, it)| format!("{}:{it}", string(name))).collect();
    format!("{{{}}}", fields.join(","))
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(",\n"))
}

fn string(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn number(value: Option<f64>) -> String {
    match value {
        Some(it) if it.is_finite() => it.to_string(),
        _ => "null".to_owned(),
    }
}

/// Best first, and what is no peer last.
fn sorted(table: &Table) -> Vec<&Figure> {
    let mut figures: Vec<_> = table.figures.iter().collect();
    figures.sort_by(|a, b| a.median.total_cmp(&b.median));
    if table.scenario.unit == Unit::Share {
        figures.reverse();
    }
    figures
}

fn value(table: &Table, value: f64) -> String {
    match table.scenario.unit {
        Unit::Time if value < 100.0 => format!("{value:.1}"),
        Unit::Time => format!("{value:.0}"),
        Unit::Share | Unit::Times => format!("{value:.2}"),
    }
}

fn ratio(ratio: Option<f64>) -> String {
    // To nothing there is no ratio.
    ratio.filter(|it| it.is_finite()).map_or("–".to_owned(), |it| format!("{it:.2}"))
}

fn instructions(figure: &Figure) -> String {
    figure.instructions.map_or("–".to_owned(), |it| format!("{it:.0}"))
}

fn title(group: &str) -> String {
    capital(&group.replace('-', " "))
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |it| it.to_uppercase().chain(chars).collect())
}

fn rustc() -> String {
    let asked = Command::new("rustc").arg("--version").output();
    let text = asked.map(|it| String::from_utf8_lossy(&it.stdout).into_owned()).unwrap_or_default();
    text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

/// What Linux says the processor is.
fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|it| it.starts_with("model name"))?;
    Some(line.split_once(": ")?.1.trim().to_owned())
}

/// The date, by the civil calendar.
fn today() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let days = (since.as_secs() / 86_400) as i64;
    // Years are counted from March, so that the leap day is the last.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year}-{month:02}-{day:02}")
}
