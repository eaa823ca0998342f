//! Twenty flags from one server, all at once: each is saved, and its code printed, when it has arrived.
//!
//! Reading from a socket lets others go on, and writing a file would not: so that is done in a thread. A flag is saved
//! when all of it is there, or not at all.
//!
//! ```text
//! …
//! 20 downloads in … s
//! ```
//!
//! Without a server of its own that is one in here, with flags that are made up, and they are gone afterwards:
//!
//! ```sh
//! cargo run --example flags -- [http://HOST:PORT/PATH [FOLDER]]
//! ```

use std::io::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io, process};

use tidegate::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

const TWENTY: [&str; 20] = [
    "BD", "BR", "CD", "CN", "DE", "EG", "ET", "FR", "ID", "IN", "IR", "JP", "MX", "NG", "PH", "PK",
    "RU", "TR", "US", "VN",
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let mut arguments = env::args().skip(1);
    if let Some(base) = arguments.next() {
        let folder = arguments.next().map_or_else(|| "downloads".into(), PathBuf::from);
        return download_all(&base, &folder).await;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let base = format!("http://{}/flags", listener.local_addr()?);
    let server = tokio::spawn(serve(listener));
    let folder = env::temp_dir().join(format!("tidegate-flags-{}", process::id()));
    let downloaded = download_all(&base, &folder).await;
    server.abort();
    fs::remove_dir_all(folder)?;
    downloaded
}

async fn download_all(base: &str, folder: &Path) -> Result<(), BoxError> {
    fs::create_dir_all(folder)?;
    let start = Instant::now();
    // The first that fails ends the rest.
    let downloads = gather(TWENTY.map(|code| download_one(base, code, folder))).await?;
    println!("\n{} downloads in {:.2} s", downloads.len(), start.elapsed().as_secs_f64());
    Ok(())
}

async fn download_one(base: &str, code: &str, folder: &Path) -> Result<(), BoxError> {
    let name = code.to_lowercase();
    let image = get(&format!("{base}/{name}/{name}.gif")).await?;
    let file = folder.join(name).with_extension("gif");
    to_thread(move |_| fs::write(file, image)).await??;
    print!("{code} ");
    Ok(io::stdout().flush()?)
}

/// What is at `http://HOST:PORT/PATH`: all of it, or an error.
async fn get(url: &str) -> Result<Vec<u8>, BoxError> {
    let rest = url.strip_prefix("http://").ok_or("only http is spoken here")?;
    let (host, path) = rest.split_once('/').ok_or("no path")?;
    let mut stream = TcpStream::connect(host).await?;
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;

    let end = answer.windows(4).position(|it| it == b"\r\n\r\n").ok_or("no whole answer")? + 4;
    let body = answer.split_off(end);
    let head = String::from_utf8(answer)?.to_lowercase();
    let status = head.lines().next().unwrap_or_default();
    if !status.starts_with("http/1.1 200 ") {
        return Err(format!("{url}: {status}").into());
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    match length.map(|it| it.trim().parse()) {
        Some(Ok(length)) if body.len() == length => Ok(body),
        _ => Err(format!("{url}: not all of it came").into()),
    }
}

// And a server.

async fn serve(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        // A client that goes away is no trouble of the server's.
        tokio::spawn(async move { drop(answer(stream).await) });
    }
}

async fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head);
    let code = head.split('/').nth(2).unwrap_or_default();
    let flag = draw(code);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", flag.len());
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&flag).await
}

/// Three stripes in colours that the letters say, as a GIF of three pixels.
fn draw(code: &str) -> Vec<u8> {
    let [a, b] = [0, 1].map(|n| code.as_bytes().get(n).copied().unwrap_or(b'a').wrapping_mul(41));
    let (sizes, colours) =
        ([3, 0, 1, 0, 0b1001_0001, 0, 0], [a, b, 60, 255, 255, b, b, 90, a, 0, 0, 0]);
    let stripes = [b',', 0, 0, 0, 0, 3, 0, 1, 0, 0, 2, 2, 0x44, 0x54, 0, b';'];
    [b"GIF89a".as_slice(), &sizes, &colours, &stripes].concat()
}
