//! Frames of HTTP/2, byte by byte.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::Gateway;

pub(crate) const INITIAL_WINDOW_SIZE: u16 = 4;

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const ACK: u8 = 1;
const END_STREAM_AND_HEADERS: u8 = 1 | 4;
const LIMIT: Duration = Duration::from_secs(20);

/// A client that writes and reads frames.
pub(crate) struct Frames {
    stream: TcpStream,
    open: bool,
}

struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
}

// === impl Frames ===

impl Frames {
    pub(crate) async fn connect(gateway: &Gateway, settings: &[(u16, u32)]) -> Self {
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        let mut start = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        let mut payload = Vec::new();
        for (name, value) in settings {
            payload.extend_from_slice(&name.to_be_bytes());
            payload.extend_from_slice(&value.to_be_bytes());
        }
        frame(&mut start, SETTINGS, 0, 0, &payload);
        frame(&mut start, SETTINGS, ACK, 0, &[]);
        stream.write_all(&start).await.unwrap();
        Self { stream, open: true }
    }

    /// Sends bytes, unless the gateway has closed the connection.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) {
        let sent = timeout(LIMIT, self.stream.write_all(bytes)).await;
        self.open &= sent.expect("it should read or close").is_ok();
    }

    /// Waits until the gateway has read what was sent before.
    pub(crate) async fn ping(&mut self) {
        let mut ping = Vec::new();
        frame(&mut ping, PING, 0, 0, &[0; 8]);
        self.try_send(&ping).await;
        while let Some(frame) = self.read().await {
            if frame.kind == PING && frame.flags & ACK != 0 {
                break;
            }
        }
    }

    /// Returns the next stream that the gateway resets.
    pub(crate) async fn reset_stream(&mut self) -> Option<u32> {
        while let Some(frame) = self.read().await {
            if frame.kind == RST_STREAM {
                return Some(frame.stream);
            }
        }
        None
    }

    pub(crate) async fn until_closed(&mut self) {
        while self.read().await.is_some() {}
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    async fn read(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        let read = timeout(LIMIT, self.stream.read_exact(&mut head)).await;
        if read.expect("a frame or the end").is_err() {
            self.open = false;
            return None;
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        if self.stream.read_exact(&mut payload).await.is_err() {
            self.open = false;
            return None;
        }
        Some(Frame {
            kind: head[3],
            flags: head[4],
            stream: u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]),
        })
    }
}

/// Appends a GET request without a body (RFC 7541: indexed method and scheme, literal values).
pub(crate) fn get(bytes: &mut Vec<u8>, stream: u32, path: &str) {
    let mut fields = vec![0x82, 0x86];
    for (name, value) in [(0x04, path), (0x01, "a.test")] {
        fields.push(name);
        fields.push(u8::try_from(value.len()).unwrap());
        fields.extend_from_slice(value.as_bytes());
    }
    frame(bytes, HEADERS, END_STREAM_AND_HEADERS, stream, &fields);
}

/// Appends the reset of a stream, with the reason CANCEL.
pub(crate) fn reset(bytes: &mut Vec<u8>, stream: u32) {
    frame(bytes, RST_STREAM, 0, stream, &8_u32.to_be_bytes());
}

fn frame(bytes: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    bytes.extend_from_slice(&length[1..]);
    bytes.extend_from_slice(&[kind, flags]);
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
}
