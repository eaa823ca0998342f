use std::panic::catch_unwind;

use super::*;

#[test]
fn it_ends_with_its_handle_also_in_a_panic() {
    let Some(nginx) = Nginx::start(2).unwrap() else {
        println!("skipped: nginx is not installed");
        return;
    };
    let (dir, ports) = (nginx.dir.clone(), nginx.ports.clone());
    let connect = |port: &u16| TcpStream::connect(("127.0.0.1", *port));
    assert!(dir.exists() && ports.iter().all(|port| connect(port).is_ok()));
    let panicked = catch_unwind(move || {
        let _nginx = nginx;
        std::panic::resume_unwind(Box::new("a contender panics"));
    });
    assert!(panicked.is_err());
    assert!(!dir.exists() && ports.iter().all(|port| connect(port).is_err()));
}
