use super::{Mutation, parse};

const LIST: &str = "\
# A comment.

a door that was shut stays open
in src/door.rs
after fn shut
by loom a_door
- self.open = false;

two lines are one
in src/door.rs
by it
- first();
- second();
+ both();
";

fn mutations() -> Vec<Mutation> {
    parse("tidegate-door", LIST).unwrap()
}

#[test]
fn a_list_is_blocks_between_empty_lines() {
    let [shut, two] = &mutations()[..] else { panic!("two blocks") };
    assert_eq!(shut.title, "a door that was shut stays open");
    assert_eq!(shut.after.as_deref(), Some("fn shut"));
    assert_eq!(shut.by.to_string(), "loom a_door");
    assert_eq!(two.by.to_string(), "it");
    assert_eq!((two.old.len(), two.new.len()), (2, 1));
}

#[test]
fn a_part_of_a_line_is_replaced_after_the_line_that_is_named() {
    let text = "fn open() { self.open = false; }\nfn shut() {\n    self.open = false; // so\n}\n";
    let broken = "fn open() { self.open = false; }\nfn shut() {\n     // so\n}\n";
    assert_eq!(mutations()[0].apply(text).unwrap(), broken);
}

#[test]
fn several_lines_are_found_whatever_their_indentation() {
    let text = "{\n    first();\n    second();\n}\n";
    assert_eq!(mutations()[1].apply(text).unwrap(), "{\nboth();\n}\n");
}

#[test]
fn text_that_is_gone_or_there_twice_is_an_error() {
    let [shut, two] = &mutations()[..] else { panic!("two blocks") };
    assert!(shut.apply("fn shut() {}\n").is_err());
    assert!(shut.apply("self.open = false;\n").is_err());
    assert!(two.apply("first();\nsecond();\nfirst();\nsecond();\n").is_err());
}

#[test]
fn a_block_that_lacks_something_is_an_error() {
    for block in ["a title\nin f\n- x", "a title\nby it\n- x", "a title\nin f\nby it"] {
        assert!(parse("tidegate-door", block).is_err());
    }
    assert!(parse("tidegate-door", "a title\nin f\nby hand\n- x").is_err());
    assert!(parse("tidegate-door", "a title\nin f\nby it\n- x\nodd").is_err());
}
