use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use tidegate_fetch::codes;
use tidegate_fetch::server::{EPOCH_HEADER, Epoch, Mode, Options, Server};

use crate::program::{self, Scratch};

async fn start(mode: Mode, rate: &str, burst: u32) -> Server {
    let mut options = Options::new(mode);
    options.rate = rate.parse().unwrap();
    options.burst = burst;
    Server::start(options).await.unwrap()
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

async fn get(server: &Server, path: &str) -> reqwest::Response {
    client().get(format!("http://{}{path}", server.address())).send().await.unwrap()
}

#[tokio::test]
async fn a_flag_is_a_png_and_the_same_each_time() {
    let server = start(Mode::Local, "1/s", 1).await;
    let first = get(&server, "/flags/se/se.png").await;
    assert_eq!(first.status(), 200);
    assert_eq!(first.headers()["content-type"], "image/png");
    let first = first.bytes().await.unwrap();
    assert!(first.starts_with(b"\x89PNG\r\n\x1a\n"));
    assert_eq!(get(&server, "/flags/se/se.png").await.bytes().await.unwrap(), first);
    assert_eq!(server.stop().await.served, 2);
}

#[tokio::test]
async fn what_there_is_not_is_not_found() {
    let server = start(Mode::Local, "1/s", 1).await;
    let paths = [
        "/flags/zz/zz.png",
        "/flags/se/no.png",
        "/flags/se/se.gif",
        "/flags/se",
        "/",
        "/flags/SE/SE.png",
    ];
    for path in paths {
        assert_eq!(get(&server, path).await.status(), 404, "{path}");
    }
    assert_eq!(server.stop().await.not_found, paths.len() as u64);
}

#[tokio::test]
async fn a_limited_server_lets_a_burst_through_and_refuses_the_rest_for_whole_seconds() {
    let server = start(Mode::Limited, "1/h", 3).await;
    let mut answers = Vec::new();
    for _ in 0..5 {
        answers.push(get(&server, "/flags/se/se.png").await);
    }
    let codes: Vec<u16> = answers.iter().map(|answer| answer.status().as_u16()).collect();
    assert_eq!(codes, [200, 200, 200, 429, 429]);
    let wait: u64 = answers[4].headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((3000..=3600).contains(&wait), "{wait}");
    let statistics = server.stop().await;
    assert_eq!((statistics.requests, statistics.served, statistics.refused), (5, 3, 2));
}

#[tokio::test]
async fn a_request_of_a_shut_gate_is_counted() {
    let server = start(Mode::Limited, "1/h", 1).await;
    for epoch in [0, 0, 0, 1, 1] {
        let epoch = Epoch { client: 1, epoch };
        let url = format!("{}/se/se.png", server.flags_url());
        client().get(url).header(EPOCH_HEADER, epoch.to_string()).send().await.unwrap();
    }
    let statistics = server.stop().await;
    assert_eq!((statistics.refused, statistics.sent_while_shut), (4, 2));
}

#[tokio::test]
async fn statistics_are_served_and_not_counted() {
    let server = start(Mode::Local, "1/s", 1).await;
    get(&server, "/flags/se/se.png").await;
    let text = get(&server, "/stats").await.text().await.unwrap();
    assert_eq!(text, server.statistics().to_json());
    assert_eq!(server.stop().await.requests, 1);
}

#[tokio::test]
async fn files_of_a_folder_are_served_as_they_are_and_nothing_else() {
    let scratch = Scratch::new();
    std::fs::write(scratch.path().join("xx.png"), "not even a picture").unwrap();
    std::fs::write(scratch.path().join("secret"), "secret").unwrap();
    let mut options = Options::new(Mode::Local);
    options.flags = Some(scratch.path().to_owned());
    let server = Server::start(options).await.unwrap();
    assert_eq!(get(&server, "/flags/xx/xx.png").await.text().await.unwrap(), "not even a picture");
    for path in
        ["/flags/se/se.png", "/flags/..%2f/secret", "/flags/%2e%2e/secret", "/flags/xx/..%2fsecret"]
    {
        assert_eq!(get(&server, path).await.status(), 404, "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn bytes_are_as_many_as_asked_for() {
    let server = start(Mode::Local, "1/s", 1).await;
    assert_eq!(get(&server, "/bytes/0/none").await.bytes().await.unwrap().len(), 0);
    assert_eq!(get(&server, "/bytes/100000/some.bin").await.bytes().await.unwrap().len(), 100_000);
    assert_eq!(get(&server, "/bytes/99999999999/many").await.status(), 404);
    server.stop().await;
}

#[tokio::test]
async fn an_erring_server_errs_in_the_ways_it_says() {
    let server = start(Mode::Error, "1/s", 1).await;
    let ask = |code: &'static str| {
        let code = code.to_lowercase();
        let url = format!("{}/{code}/{code}.png", server.flags_url());
        async move { client().get(url).timeout(Duration::from_secs(3)).send().await }
    };
    let answers = join_all(codes::ALL[..12].iter().map(|code| ask(code))).await;
    let status =
        |wanted: u16| answers.iter().flatten().filter(|answer| answer.status() == wanted).count();
    assert!(status(200) > 0 && status(418) > 0, "{answers:?}");
    let silent: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
    assert!(!silent.is_empty() && silent.iter().all(|error| error.is_timeout()), "{silent:?}");
    // Requests that were left without an answer do not keep the server alive.
    server.stop().await;
}

#[test]
fn a_port_in_use_is_one_clear_line() {
    let taken = std::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ended = program::run(["serve", "--port", &port]);
    assert_eq!(ended.code, Some(2));
    assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
    assert!(ended.err.contains(&format!("cannot listen on 127.0.0.1:{port}")), "{}", ended.err);
}

#[test]
fn a_folder_that_is_not_there_is_one_clear_line() {
    let ended = program::run(["serve", "--port", "0", "--flags", "/no/such/folder"]);
    assert_eq!((ended.code, ended.err.lines().count()), (Some(2), 1), "{}", ended.err);
}

#[test]
fn ctrl_c_stops_the_server_and_shows_what_it_counted() {
    let mut run = program::start(["serve", "--port", "0"]);
    assert!(run.first_line().starts_with("LOCAL site: http://127.0.0.1:"));
    run.signal("INT");
    let ended = run.end();
    assert_eq!(ended.code, Some(0));
    assert!(ended.out.contains("0 requests"), "{}", ended.out);
}

#[test]
fn clients_that_hang_do_not_keep_the_server_alive() {
    use std::io::Write as _;

    let mut run = program::start(["serve", "--port", "0", "--mode", "ERROR"]);
    let line = run.first_line();
    let address = line.trim().rsplit(' ').next().unwrap().trim_start_matches("http://");
    let address = address.trim_end_matches("/flags");
    let connect = || std::net::TcpStream::connect(address).unwrap();
    let _idle = connect();
    let mut half = connect();
    half.write_all(b"GET /flags/se/se.png HTTP/1.1\r\nHost:").unwrap();
    let mut deaf = connect();
    deaf.write_all(b"GET /bytes/60000000/large HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(100));
    run.signal("INT");
    assert_eq!(run.end().code, Some(0));
}
