//! Names that resolve, names that do not, slow ones and one that nobody answers.

use std::collections::HashSet;

use crate::dns::{Name, Server};
use crate::program::Program;
use crate::promised;

const EXAMPLE: &str = "probe_domains";
/// No answer is given up for being late, however slow the machine is.
const ENDLESS: &str = "100000";

#[test]
fn all_names_are_asked_for_at_once_and_printed_as_answers_arrive() {
    let promised = promised(EXAMPLE).unwrap();
    let server = Server::start();
    let address = server.address();
    let arguments = ["--server", &address, "--patience", ENDLESS];
    let mut program = Program::start(EXAMPLE, &arguments).unwrap();

    // There is no answer before the last is asked for: to ask one after the other would be to wait for ever.
    let names: HashSet<String> = promised.iter().map(|line| line[2..].to_owned()).collect();
    assert_eq!(names.len(), 18);
    assert_eq!(server.wait_for(18), names);
    // And no second answer before the first is printed. The last one is slow, then: it waits for all the others.
    for line in &promised {
        let what = if line.starts_with('+') { Name::Addresses } else { Name::Nothing };
        server.release(&line[2..], what);
        assert_eq!(&program.until('\n').unwrap(), line);
    }
    assert_eq!(program.rest().unwrap(), "");
}

#[test]
fn a_name_resolves_if_it_has_an_address_of_either_kind() {
    let server = Server::start();
    let cases = [
        ("both.test", Name::Addresses, "+ both.test"),
        ("newer.test", Name::OnlyV6, "+ newer.test"),
        ("mail-only.test", Name::NoAddress, "  mail-only.test"),
        ("nobody.test", Name::Nothing, "  nobody.test"),
        ("broken.test", Name::Failure, "  broken.test"),
    ];
    let address = server.address();
    let mut arguments = vec!["--server", &address, "--patience", ENDLESS];
    arguments.extend(cases.map(|(name, ..)| name));
    let mut program = Program::start(EXAMPLE, &arguments).unwrap();
    server.wait_for(cases.len());
    for (name, what, line) in cases {
        server.release(name, what);
        assert_eq!(program.until('\n').unwrap(), line);
    }
    assert_eq!(program.rest().unwrap(), "");
}

#[test]
fn a_name_that_nobody_answers_is_waited_for_so_long() {
    let server = Server::start();
    let address = server.address();
    let arguments = ["--server", &address, "--patience", "1", "never.test"];
    let program = Program::start(EXAMPLE, &arguments).unwrap();
    server.wait_for(1);
    assert_eq!(program.rest().unwrap(), "  never.test\n");
}

#[test]
fn the_system_resolves_what_it_can_without_a_network() {
    // An address is one already, and no name has an empty part.
    let printed = Program::start(EXAMPLE, &["127.0.0.1", "no..body"]).unwrap().rest().unwrap();
    let mut lines: Vec<_> = printed.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["  no..body", "+ 127.0.0.1"]);
}
