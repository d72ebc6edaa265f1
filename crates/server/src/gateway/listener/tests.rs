//! Sockets that wait for their turn when the port stops.

use tokio::{io::AsyncReadExt, task::JoinSet};

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

/// With four a second all of them may wait; with one a second the queue is full, and the acceptor is held up.
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
        for _ in 0..CLIENTS {
            clients.push(TcpStream::connect(address).await.unwrap());
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
