//! Sockets that wait for their turn: among those of an address that sends too many, and when the port stops or breaks.

use std::net::Shutdown;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinSet,
};

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);
const CLIENTS: usize = 50;

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let holding = async {
        while !holds() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    within(what, holding).await;
}

/// With four a second all of them may wait; with one a second the line is full, and the acceptor is held up.
#[tokio::test]
async fn a_port_that_stops_ends_all_who_wait() {
    for (rate, least) in [(4, CLIENTS), (1, 15)] {
        let mut config = Config::from_toml("").unwrap();
        config.limits.handshakes_per_second = rate;
        let admission = Admission::new(&config.limits);
        let port = Arc::new(Port::plain(&config, Router::new(), admission));
        let listener = bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        let mut accepting: JoinSet<()> = [accept(listener, Arc::clone(&port))].into_iter().collect();
        let mut clients = Vec::new();
        for n in 0..CLIENTS {
            // From several, of which none fills half of the line.
            clients.push(connect_from([127, 0, 0, 10 + (n % 4) as u8], address).await);
        }
        until("they are accepted", || port.admission.sockets().all >= least).await;
        assert!(port.admission.sockets().waiting > 0, "{:?}", port.admission.sockets());
        assert!(accepting.try_join_next().is_none(), "it goes on");

        port.stop();
        within("the listener is closed", port.closed()).await;
        let late = TcpStream::connect(address).await;
        assert_eq!(late.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        within("accept returns", accepting.join_next()).await.unwrap().unwrap();
        let sockets = port.admission.sockets();
        assert_eq!(sockets.waiting, 0, "{sockets:?}");
        // Those whose turn had come are closed as shutdown closes them.
        port.admission.displace_down_to(0);
        for client in &mut clients {
            // An end or a reset, as the kernel had it.
            let ended = within("a client is closed", client.read_u8()).await;
            ended.unwrap_err();
        }
        within("the connections end", port.connections.wait()).await;
        until("the places are free", || port.admission.sockets().all == 0).await;
    }
}

async fn connect_from(source: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((source, 0).into()).unwrap();
    socket.connect(to).await.unwrap()
}

/// With ten a second, 150 may wait. An address sends 400 and waits for all of them; then another one comes.
#[tokio::test]
async fn an_address_that_fills_the_line_holds_up_itself_alone() {
    let mut config = Config::from_toml("").unwrap();
    config.limits.handshakes_per_second = 10;
    let admission = Admission::new(&config.limits);
    let port = Arc::new(Port::plain(&config, Router::new(), admission));
    let listener = bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let mut accepting: JoinSet<()> = [accept(listener, Arc::clone(&port))].into_iter().collect();
    let mut flood = Vec::new();
    for _ in 0..400 {
        flood.push(connect_from([127, 0, 0, 7], address).await);
    }
    let start = Instant::now();
    let mut other = connect_from([127, 0, 0, 8], address).await;
    other.write_all(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    within("an answer", other.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    let took = start.elapsed();
    assert!(port.admission.sockets().waiting > 50, "the flood waits: {:?}", port.admission.sockets());
    assert!(took < Duration::from_secs(5), "the flood has ten times as much before it: {took:?}");

    // Of the flood those who were too many are told so.
    let mut refused = 0;
    for client in &mut flood {
        let mut answer = [0; 12];
        if let Ok(Ok(_)) = timeout(Duration::from_millis(1), client.read_exact(&mut answer)).await {
            assert_eq!(&answer, b"HTTP/1.1 503");
            refused += 1;
        }
    }
    assert!(refused > 0, "nobody was too many");
    port.stop();
    within("accept returns", accepting.join_next()).await.unwrap().unwrap();
}

/// The program ends when `accept` returns: a server that nobody can reach is to be started again.
#[tokio::test]
async fn a_listener_that_breaks_is_told_and_not_tried_for_ever() {
    let config = Config::from_toml("").unwrap();
    let port = Arc::new(Port::plain(&config, Router::new(), Admission::new(&config.limits)));
    let listener = bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let same = SockRef::from(&listener).try_clone().unwrap();
    let mut accepting: JoinSet<()> = [accept(listener, Arc::clone(&port))].into_iter().collect();
    let served = TcpStream::connect(address).await.unwrap();
    until("it is accepted", || port.admission.sockets().all == 1).await;
    assert!(accepting.try_join_next().is_none(), "it goes on");

    same.shutdown(Shutdown::Both).unwrap();
    within("accept returns", accepting.join_next()).await.unwrap().unwrap();
    within("the port says that it is closed", port.closed()).await;
    drop(served);
}
