//! A gateway in front of an upstream that counts its calls, both over real sockets.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use flate2::{Compression, write::GzEncoder};
use parking_lot::{Condvar, Mutex};
use scrimp_gateway::Gateway;

pub(crate) struct Shop {
    gateway: SocketAddr,
    state: Arc<State>,
    held: Mutex<Receiver<()>>,
}

struct State {
    /// Paths and hosts of the calls.
    calls: Mutex<Vec<(String, String)>>,
    holding: Mutex<bool>,
    released: Condvar,
    held: Mutex<Sender<()>>,
}

impl Shop {
    pub(crate) fn start() -> Self {
        let (send, held) = channel();
        let state = Arc::new(State {
            calls: Mutex::default(),
            holding: Mutex::new(true),
            released: Condvar::new(),
            held: Mutex::new(send),
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let upstream = listener.local_addr().unwrap();
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                thread::spawn(move || answer(&stream, &state));
            }
        });
        Self {
            gateway: gateway(upstream),
            state,
            held: Mutex::new(held),
        }
    }

    pub(crate) fn gateway(&self) -> String {
        format!("http://{}", self.gateway)
    }

    /// Returns the number of calls for paths that begin so.
    pub(crate) fn calls(&self, prefix: &str) -> usize {
        let calls = self.state.calls.lock();
        calls
            .iter()
            .filter(|(path, _)| path.starts_with(prefix))
            .count()
    }

    pub(crate) fn hosts(&self) -> Vec<String> {
        self.state
            .calls
            .lock()
            .iter()
            .map(|(_, host)| host.clone())
            .collect()
    }

    /// Waits until the upstream has a request for `/held`, which it does not answer yet.
    pub(crate) fn wait_for_held(&self) {
        self.held.lock().recv().unwrap();
    }

    /// Lets the upstream answer requests for `/held`.
    pub(crate) fn release(&self) {
        *self.state.holding.lock() = false;
        self.state.released.notify_all();
    }
}

/// Starts a gateway in a thread, and returns its address.
fn gateway(upstream: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    thread::spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        runtime.block_on(async {
            let builder = Gateway::builder(format!("http://{upstream}")).preserve_host();
            let gateway = builder.build().unwrap();
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            gateway.serve(listener, std::future::pending()).await;
        });
    });
    address
}

/// Answers one request.
fn answer(stream: &TcpStream, state: &State) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let first = lines.next().unwrap_or_default();
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut host = String::new();
    for line in lines.take_while(|line| !line.is_empty()) {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("host: ") {
            value.clone_into(&mut host);
        }
    }
    state.calls.lock().push((path.clone(), host));
    if path == "/held" {
        let _ = state.held.lock().send(());
        let mut holding = state.holding.lock();
        state.released.wait_while(&mut holding, |holding| *holding);
    }
    let (status, fields, body) = match path.as_str() {
        "/missing" => ("404 Not Found", "cache-control: max-age=60", b"".to_vec()),
        "/private" => ("200 OK", "cache-control: private", b"x".to_vec()),
        "/sitemap.xml" => ("200 OK", "content-type: application/xml", index()),
        "/part.xml.gz" => ("200 OK", "content-type: application/gzip", part()),
        _ if path.starts_with("/vary/") => (
            "200 OK",
            "cache-control: max-age=600\r\nvary: accept-language",
            b"varied".to_vec(),
        ),
        _ => (
            "200 OK",
            "cache-control: max-age=600",
            path.clone().into_bytes(),
        ),
    };
    let mut out = stream;
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\n{fields}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    let _ = out
        .write_all(head.as_bytes())
        .and_then(|()| out.write_all(&body));
}

fn index() -> Vec<u8> {
    let text = "<?xml version=\"1.0\"?><sitemapindex><sitemap>\
        <loc>http://shop.example/part.xml.gz</loc></sitemap></sitemapindex>";
    text.into()
}

fn part() -> Vec<u8> {
    let text = "<urlset><url><loc>http://shop.example/page/1?a=1&amp;b=2</loc></url>\
        <url><loc><![CDATA[http://shop.example/page/2]]></loc><priority>1.0</priority></url>\
        <url><loc>http://shop.example/page/3</loc></url>\
        <url><loc>http://other.example/page/4</loc></url></urlset>";
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}
