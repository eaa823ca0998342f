//! What the program does.

use std::process::ExitCode;
use std::{env, fs, io};

use crate::measure::{Scenario, Table, measure, rehearse};
use crate::options::{Options, Verb};
use crate::stage::Stage;
use crate::{count, memory, report, scenarios};

/// The program: reads the command line and does as it says.
pub fn main() -> ExitCode {
    #[cfg(unix)]
    tidegate_executor::process::init();
    match Options::parse(env::args().skip(1)).and_then(act) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn act(options: Options) -> Result<(), String> {
    let mut scenarios = scenarios::all();
    scenarios.retain(|it| it.id.starts_with(&options.scenario));
    if scenarios.is_empty() && !memory_too(&options) {
        return Err(format!("no scenario's id starts with {:?}", options.scenario));
    }
    match &options.verb {
        Verb::List => list(&scenarios),
        Verb::Once { contender, n } => once(&scenarios, contender, *n)?,
        Verb::Count { contender } => count(&scenarios, contender.as_deref())?,
        Verb::Run if options.smoke => smoke(&scenarios),
        Verb::Run => compare(scenarios, &options).map_err(|it| it.to_string())?,
    }
    Ok(())
}

fn list(scenarios: &[Scenario]) {
    for scenario in scenarios {
        println!("{:28} {}", scenario.id, scenario.what);
        for entry in &scenario.entries {
            println!("{:28}   {} ({})", "", entry.who.name, entry.who.guarantee);
        }
    }
}

fn once(scenarios: &[Scenario], contender: &str, n: u64) -> Result<(), String> {
    let scenario = scenarios.first().ok_or("it takes a scenario")?;
    let entry = scenario.entries.iter().find(|it| it.who.name == contender);
    let entry = entry.ok_or(format!("{contender:?} does not take part in {}", scenario.id))?;
    entry.run(&Stage::default(), n);
    Ok(())
}

fn count(scenarios: &[Scenario], contender: Option<&str>) -> Result<(), String> {
    if !count::can_count() {
        return Err("valgrind is not installed".to_owned());
    }
    for scenario in scenarios.iter().filter(|it| it.counted) {
        println!("{}: {}", scenario.id, scenario.what);
        let counted = scenario.entries.iter().filter(|it| !it.who.threaded);
        for name in counted.map(|it| it.who.name) {
            if contender.is_none_or(|it| it == name) {
                match count::count(scenario.id, name) {
                    Some(instructions) => println!("{instructions:10.1}  {name}"),
                    None => println!("{:>10}  {name}", "failed"),
                }
            }
        }
    }
    Ok(())
}

fn smoke(scenarios: &[Scenario]) {
    for scenario in scenarios {
        eprintln!("{}", scenario.id);
        rehearse(scenario);
    }
    println!("{} scenarios rehearsed", scenarios.len());
}

/// Whether the weights are asked for.
fn memory_too(options: &Options) -> bool {
    "memory".starts_with(&options.scenario)
}

fn compare(scenarios: Vec<Scenario>, options: &Options) -> io::Result<()> {
    report::note_load();
    let counting = options.count && count::can_count();
    if options.count && !counting {
        println!("valgrind is not installed: no instructions are counted\n");
    }
    let mut tables: Vec<Table> = Vec::new();
    for scenario in scenarios {
        eprintln!("{} …", scenario.id);
        rehearse(&scenario);
        let mut table = measure(scenario, options.rounds);
        if table.scenario.counted && counting {
            for figure in table.figures.iter_mut().filter(|it| !it.who.threaded) {
                figure.instructions = count::count(table.scenario.id, figure.who.name);
            }
        }
        print!("{}", report::terminal(&table));
        tables.push(table);
    }
    let memory = if memory_too(options) { memory::ask() } else { Vec::new() };
    print!("{}", report::weights(&memory));
    if let Some(file) = &options.markdown {
        fs::write(file, report::markdown(&tables, &memory, options.rounds))?;
    }
    if let Some(file) = &options.json {
        fs::write(file, report::json(&tables, &memory))?;
    }
    Ok(())
}
