//! A server that lies: it stands before a real one and drops, doubles, swaps or changes what that says.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::{
    io::{self, AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf, tcp::OwnedWriteHalf},
    task::JoinSet,
};

/// One message in so many is dropped, one doubled, and one comes behind the next. As many members as this get each message exactly as often as
/// they should, together.
const ONE_IN: u64 = 100;

/// Later messages wait for none behind them: none may come.
const LAST_SWAP: u64 = 150;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Lies {
    pub(crate) drops: bool,
    pub(crate) doubles: bool,
    pub(crate) swaps: bool,
}

pub(crate) struct Liar {
    pub(crate) url: String,
    told: Arc<Told>,
    /// Ends with this.
    _connections: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Told {
    dropped: AtomicU64,
    doubled: AtomicU64,
    swapped: AtomicU64,
}

/// How often it has lied.
#[derive(Debug)]
pub(crate) struct Count {
    pub(crate) dropped: u64,
    pub(crate) doubled: u64,
    pub(crate) swapped: u64,
}

/// What becomes of the messages of one connection.
#[derive(Debug, Clone, Copy)]
enum Way {
    Lies(Lies),
    Changes,
}

impl Liar {
    pub(crate) async fn start(server: &str, lies: Lies) -> Self {
        Self::stand(server, Way::Lies(lies)).await
    }

    /// The last byte of each text is another one.
    pub(crate) async fn start_changing(server: &str) -> Self {
        Self::stand(server, Way::Changes).await
    }

    async fn stand(server: &str, way: Way) -> Self {
        let server = server.trim_start_matches("ws://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let told = Arc::new(Told::default());
        let mut connections = JoinSet::new();
        let counts = Arc::clone(&told);
        connections.spawn(async move {
            let mut pairs = JoinSet::new();
            for number in 0.. {
                let (client, _) = listener.accept().await.unwrap();
                let server = TcpStream::connect(&server).await.unwrap();
                pairs.spawn(pair(client, server, number, way, Arc::clone(&counts)));
            }
        });
        Self { url, told, _connections: connections }
    }

    pub(crate) fn told(&self) -> Count {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Count {
            dropped: of(&self.told.dropped),
            doubled: of(&self.told.doubled),
            swapped: of(&self.told.swapped),
        }
    }
}

async fn pair(client: TcpStream, server: TcpStream, number: u64, way: Way, told: Arc<Told>) {
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let (mut from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    // The end of either side is the end of both, and no fault of the test.
    tokio::select! {
        _ = io::copy(&mut from_client, &mut to_server) => {}
        _ = lie(from_server, to_client, number, way, &told) => {}
    }
}

/// Passes on the handshake, then frame after frame.
async fn lie(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    number: u64,
    way: Way,
    told: &Told,
) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(from.read_u8().await?);
    }
    to.write_all(&head).await?;
    let mut held = Vec::new();
    for count in 1.. {
        let mut frame = frame(&mut from).await?;
        while !frame.windows(4).any(|part| part == b"@gs1") {
            to.write_all(&frame).await?;
            frame = self::frame(&mut from).await?;
        }
        let times = match way {
            Way::Lies(lies) if lies.drops && (count + number).is_multiple_of(ONE_IN) => 0,
            Way::Lies(lies) if lies.doubles && (count + number) % ONE_IN == 1 => 2,
            Way::Lies(_) => 1,
            Way::Changes => {
                let last = frame.windows(2).rposition(|pair| pair == b"xx").unwrap();
                frame[last + 1] = b'y';
                1
            }
        };
        if matches!(way, Way::Lies(lies) if lies.swaps && count < LAST_SWAP && (count + number) % ONE_IN == 2)
        {
            held = frame;
            continue;
        }
        told.dropped.fetch_add(u64::from(times == 0), Ordering::Relaxed);
        told.doubled.fetch_add(u64::from(times == 2), Ordering::Relaxed);
        for _ in 0..times {
            to.write_all(&frame).await?;
        }
        if !held.is_empty() {
            to.write_all(&std::mem::take(&mut held)).await?;
            told.swapped.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(())
}

/// One frame with its header.
async fn frame(from: &mut OwnedReadHalf) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 2];
    from.read_exact(&mut bytes).await?;
    let length = match bytes[1] & 0x7f {
        126 => {
            let length = from.read_u16().await?;
            bytes.extend_from_slice(&length.to_be_bytes());
            length.into()
        }
        127 => panic!("no message is so long"),
        short => usize::from(short),
    };
    let header = bytes.len();
    bytes.resize(header + length, 0);
    from.read_exact(&mut bytes[header..]).await?;
    Ok(bytes)
}
