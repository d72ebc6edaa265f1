//! An app that does not read holds up its server, and the recorder holds only a little.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::setting::{Setting, head};

/// All that passes is read along with, in a build that is not optimized.
const DEADLINE: Duration = Duration::from_secs(120);

const PIECE: usize = 60_000;
const PIECES: usize = 1000;

/// What kernels hold between three sockets, generously; all that is sent is far more.
const HELD: usize = PIECES * PIECE / 2;

#[tokio::test]
async fn a_slow_reader_slows_its_server() {
    let written = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&written);
    let setting = Setting::start(move |mut stream: TcpStream| {
        let counter = Arc::clone(&counter);
        async move {
            head(&mut stream).await;
            let agreed = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                Sec-WebSocket-Accept: x\r\nSec-WebSocket-Protocol: lc.protobuf2.3\r\n\r\n";
            stream.write_all(agreed.as_bytes()).await.unwrap();
            let mut frame = vec![0x82, 126];
            frame.extend(u16::try_from(PIECE).unwrap().to_be_bytes());
            frame.resize(4 + PIECE, b'x');
            for _ in 0..PIECES {
                stream.write_all(&frame).await.unwrap();
                counter.fetch_add(frame.len(), Ordering::Relaxed);
            }
            stream.shutdown().await.unwrap();
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    })
    .await;
    let mut app = setting.connect().await;
    let upgrade = "GET / HTTP/1.1\r\nHost: r\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
        Sec-WebSocket-Protocol: lc.protobuf2.3\r\n\r\n";
    app.write_all(upgrade.as_bytes()).await.unwrap();
    // Nothing more is written for a while: the server is held up.
    let stalled = async {
        let mut before = 0;
        let mut still = 0;
        while still < 5 {
            sleep(Duration::from_millis(200)).await;
            let now = written.load(Ordering::Relaxed);
            still = if now > 0 && now == before { still + 1 } else { 0 };
            before = now;
        }
        before
    };
    let held = timeout(DEADLINE, stalled).await.expect("a stall");
    assert!(held < HELD, "{held} bytes were taken");

    let mut all = Vec::new();
    head(&mut app).await;
    timeout(DEADLINE, app.read_to_end(&mut all)).await.expect("an end").unwrap();
    assert_eq!(all.len(), PIECES * (PIECE + 4), "everything comes once it is read");
    let (_, _, totals) = setting.finish().await;
    assert_eq!(totals.unread, PIECES as u64);
}
