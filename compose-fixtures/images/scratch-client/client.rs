//! A program for an image made of nothing but itself: it keeps trying the addresses in `TARGETS`
//! (host:port, comma-separated), logs each change, and serves what it saw as JSON on `LISTEN`.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

type Seen = Arc<Mutex<BTreeMap<String, String>>>;

const LIMIT: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_secs(2);

fn main() -> io::Result<()> {
    let seen = Seen::default();
    let targets = std::env::var("TARGETS").unwrap_or_default();
    for target in targets.split(',').filter(|target| !target.is_empty()) {
        let (seen, target) = (Arc::clone(&seen), target.to_owned());
        thread::spawn(move || watch(&seen, &target));
    }

    let listen = std::env::var("LISTEN").unwrap_or_else(|_| ":8080".to_owned());
    for client in bind(&listen)?.incoming() {
        // One client at a time; a client that leaves early is its own affair.
        let _ = client.and_then(|client| serve(client, &seen));
    }
    Ok(())
}

/// Like Go, `:8080` means every address, of both families where the kernel has both.
fn bind(listen: &str) -> io::Result<TcpListener> {
    match listen.strip_prefix(':') {
        Some(port) => TcpListener::bind(format!("[::]:{port}")).or_else(|_| TcpListener::bind(format!("0.0.0.0:{port}"))),
        None => TcpListener::bind(listen),
    }
}

fn watch(seen: &Seen, target: &str) {
    loop {
        let state = connect(target).map_or_else(|error| error.to_string(), |()| "ok".to_owned());
        let before = seen.lock().unwrap().insert(target.to_owned(), state.clone());
        if before.as_ref() != Some(&state) {
            eprintln!("{target}: {state}");
        }
        thread::sleep(PAUSE);
    }
}

fn connect(target: &str) -> io::Result<()> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in target.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, LIMIT) {
            Ok(_) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn serve(mut client: TcpStream, seen: &Seen) -> io::Result<()> {
    client.set_read_timeout(Some(LIMIT))?;
    client.set_write_timeout(Some(LIMIT))?;
    let _ = client.read(&mut [0; 4096])?;
    let rows: Vec<String> = seen.lock().unwrap().iter().map(|(target, state)| format!("{target:?}:{state:?}")).collect();
    let body = format!("{{{}}}\n", rows.join(","));
    write!(
        client,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}
