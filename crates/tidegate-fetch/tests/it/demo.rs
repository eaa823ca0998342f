use crate::program::{Scratch, start_command};
use std::process::Command;

#[test]
fn the_demo_copes_with_everything_and_cleans_up() {
    let scratch = Scratch::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate-fetch"));
    command.arg("demo").env("TMPDIR", scratch.path()).current_dir(scratch.path());
    let ended = start_command(command).end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains("249 flags downloaded."), "{ended:?}");
    assert!(ended.out.contains(" pause"), "{ended:?}");
    assert!(ended.out.contains("  0 requests sent while the gate was shut."), "{ended:?}");
    assert!(ended.out.contains("  0 half files."), "{ended:?}");
    assert!(ended.out.contains("Elapsed time: "), "{ended:?}");
    assert!(!ended.out.contains("error.") && !ended.out.contains("errors."), "{ended:?}");
    assert_eq!(scratch.names(), [""; 0]);
}

#[test]
fn the_demo_tells_a_machine_the_same() {
    let ended = crate::program::run(["demo", "--json"]);
    assert_eq!((ended.code, ended.number("downloaded")), (Some(0), 249.0), "{ended:?}");
    assert!(ended.number("pauses") >= 1.0, "{ended:?}");
    assert!(ended.number("requests") > 249.0, "{ended:?}");
}
