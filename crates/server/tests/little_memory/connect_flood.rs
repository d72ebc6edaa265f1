//! A few addresses that connect without end, log in nowhere, and hold what they get.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use crate::running::upgrade_request;

const ADDRESSES: u8 = 4;

/// Sockets that an address holds. Of more, it lets the oldest go.
const HELD: usize = 380;

/// Between two attempts of an address: its ports must last for some minutes.
const PAUSE: Duration = Duration::from_millis(4);

pub(crate) struct ConnectFlood {
    addresses: JoinSet<()>,
    refused: Arc<AtomicUsize>,
}

impl ConnectFlood {
    /// Goes on until `over`.
    pub(crate) fn start(to: SocketAddr, over: &CancellationToken) -> Self {
        let refused = Arc::<AtomicUsize>::default();
        let from = |n| connect_without_end([127, 0, 0, 10 + n], to, over.clone(), Arc::clone(&refused));
        Self { addresses: (0..ADDRESSES).map(from).collect(), refused }
    }

    /// How many connections were refused so far, each in words.
    pub(crate) fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }

    /// Returns how many were refused, once all that were not have been dropped.
    pub(crate) async fn end(self) -> usize {
        self.addresses.join_all().await;
        self.refused.load(Ordering::Relaxed)
    }
}

async fn connect_without_end(
    from: [u8; 4],
    to: SocketAddr,
    over: CancellationToken,
    refused: Arc<AtomicUsize>,
) {
    let mut held = VecDeque::new();
    while !over.is_cancelled() {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        let mut stream = socket.connect(to).await.unwrap();
        stream.write_all(upgrade_request("/", &[]).as_bytes()).await.unwrap();
        let head = read_head(&mut stream).await;
        match &head[9..12] {
            "101" => held.push_back(stream),
            "503" => {
                let mut reason = String::new();
                stream.read_to_string(&mut reason).await.unwrap();
                assert!(reason.contains("as many connections as it may"), "{head}{reason}");
                refused.fetch_add(1, Ordering::Relaxed);
            }
            _ => panic!("no answer to an upgrade: {head}"),
        }
        if held.len() > HELD {
            held.pop_front();
        }
        sleep(PAUSE).await;
    }
}

async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("an answer before the end"));
    }
    String::from_utf8(head).unwrap()
}
