//! A port: sockets get their turn one after the other, and become WebSockets.

mod acceptor;
mod line;

use std::{
    future::poll_fn,
    io,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use axum::{Router, body::Body};
use http::{HeaderValue, Request, StatusCode, header};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use ipnet::IpNet;
use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, error, warn};

use self::{acceptor::Arrival, line::Line};
use super::{
    admission::{Admission, Refusal, Seat},
    connection, framing,
    handshake::{Connection, Upgraded},
    head::{self, HeadLimits},
    proxy,
    tls::Certificate,
    transport::Transport,
};
use crate::{config::Config, cores::Cores, node::Node};

/// The kernel's send buffer of a socket, in bytes. Larger ones let a peer that does not read hide megabytes from us
/// (measured: no loss of throughput, design 5).
const SEND_BUFFER: usize = 64 * 1024;

/// The kernel's receive buffer of a socket, in bytes: what Linux begins with. Left to itself it grows to
/// `net.ipv4.tcp_rmem`'s third number, megabytes, for a peer that sends fast, and keeps that for what is not read while
/// the peer does not read its answers.
const RECEIVE_BUFFER: usize = 64 * 1024;

/// Unsent bytes above which a socket is not writable (design 5).
const UNSENT_LOW_WATER: u32 = 16 * 1024;

/// Connections that the kernel holds until we accept them; it lowers this to its own limit.
const BACKLOG: u32 = 4096;

/// Handshakes that begin in a row before others may go on: a storm must not outrun the work it causes.
const TURNS_IN_A_ROW: u32 = 32;

/// An HTTP connection that is not upgraded lives this many request deadlines, so that nobody keeps one for good.
const HTTP_LIFE: u32 = 6;

/// Refused sockets that are told so at one time; more of them are closed without a word.
const REFUSALS_AT_ONCE: usize = 64;

/// Smallest read buffer that the HTTP library accepts, in bytes.
const SMALLEST_HTTP_BUFFER: usize = 8192;

/// What all connections of a port share.
#[derive(Debug)]
pub struct Port {
    service: Router,
    limits: PortLimits,
    trusted_proxies: Arc<[IpNet]>,
    proxy_protocol: bool,
    certificate: Option<Arc<Certificate>>,
    admission: Admission,
    /// Takes the upgraded connections; a port without one takes no upgrades.
    node: Option<Arc<Node>>,
    connections: TaskTracker,
    cores: Cores,
    stopping: CancellationToken,
    /// The listener's socket is closed: who connects now is refused by the kernel.
    closed: CancellationToken,
    refusals: Arc<Semaphore>,
}

#[derive(Debug)]
struct PortLimits {
    head: HeadLimits,
    upgrade_timeout: Duration,
    tls_timeout: Duration,
}

impl Port {
    /// The public port.
    #[must_use]
    pub fn public(
        node: Arc<Node>,
        service: Router,
        certificate: Option<Arc<Certificate>>,
        admission: Admission,
    ) -> Self {
        let config = Arc::clone(&node.config);
        Self {
            trusted_proxies: config.trusted_proxies.clone().into(),
            proxy_protocol: config.proxy_protocol,
            certificate,
            cores: node.cores.clone(),
            node: Some(node),
            ..Self::plain(&config, service, admission)
        }
    }

    /// A port of HTTP alone, without TLS and proxies.
    #[must_use]
    pub fn plain(config: &Config, service: Router, admission: Admission) -> Self {
        let limits = &config.limits;
        Self {
            service,
            limits: PortLimits {
                head: HeadLimits { bytes: limits.request_head, headers: limits.request_headers },
                upgrade_timeout: limits.upgrade_timeout,
                tls_timeout: limits.tls_timeout,
            },
            trusted_proxies: Arc::new([]),
            proxy_protocol: false,
            certificate: None,
            admission,
            node: None,
            connections: TaskTracker::new(),
            cores: Cores::default(),
            stopping: CancellationToken::new(),
            closed: CancellationToken::new(),
            refusals: Arc::new(Semaphore::new(REFUSALS_AT_ONCE)),
        }
    }

    /// Takes no more sockets; HTTP connections end after the request under way.
    pub fn stop(&self) {
        self.stopping.cancel();
        self.connections.close();
    }

    /// Returns when no socket can come any more: soon after [`Self::stop`].
    pub async fn closed(&self) {
        self.closed.cancelled().await;
    }

    fn seat(&self, peer: IpAddr) -> Result<Seat, Refusal> {
        let proxied = proxy::is_trusted(&self.trusted_proxies, peer);
        if proxied { self.admission.enter_through_proxy() } else { self.admission.enter(peer) }
    }

    /// Says that there is no place, quickly; to too many at one time, nothing. TLS peers are not told: a handshake
    /// costs more than they are owed.
    fn refuse(self: &Arc<Self>, stream: impl Into<Transport>, refusal: Refusal) {
        metrics::counter!("grandstand_sockets_refused_total").increment(1);
        if self.certificate.is_some() {
            return;
        }
        if let Ok(permit) = Arc::clone(&self.refusals).try_acquire_owned() {
            self.connections.spawn(tell(stream.into(), refusal, permit));
        }
    }

    #[must_use]
    pub fn admission(&self) -> &Admission {
        &self.admission
    }

    /// The tasks of all connections, for who waits for their end.
    #[must_use]
    pub fn connections(&self) -> &TaskTracker {
        &self.connections
    }
}

/// Binds an address. Port 0 takes any free one.
///
/// # Errors
/// Those of the system: the port is taken, or the address is not this machine's.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart must not wait for the old connections' last packets.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Takes sockets until the port stops; the connections go on. Should it end before, nobody can connect any more: that
/// is for the caller to see.
pub async fn accept(listener: TcpListener, port: Arc<Port>) {
    // Places in the line are counted, so the channel never is what is full.
    let longest = port.admission.longest_queue();
    let (queue, mut arrivals) = mpsc::channel(longest);
    let acceptor = acceptor::start(listener, Arc::clone(&port), queue, longest);
    let mut turns_in_a_row = 0;
    let mut line = Line::new();
    while let Some(arrival) = next(&mut line, &mut arrivals).await {
        let turn = tokio::select! {
            biased;
            // Who still waits is closed.
            () = port.stopping.cancelled() => continue,
            turn = port.admission.turn(&arrival.seat, arrival.since) => turn,
        };
        match turn {
            Ok(()) => {
                port.cores.spawn(&port.connections, serve(Arc::clone(&port), arrival));
            }
            Err(refusal) => port.refuse(arrival.stream, refusal),
        }
        turns_in_a_row = (turns_in_a_row + 1) % TURNS_IN_A_ROW;
        if turns_in_a_row == 0 {
            tokio::task::yield_now().await;
        }
    }
    if let Err(error) = acceptor.await {
        error!(%error, "the thread that accepts connections died; this is a bug");
    }
}

/// Who is next of all who have come. None when all have had their turn and nobody can come any more.
async fn next(line: &mut Line, arrivals: &mut mpsc::Receiver<Arrival>) -> Option<Arrival> {
    while let Ok(arrival) = arrivals.try_recv() {
        line.push(arrival.seat.address(), arrival);
    }
    match line.next() {
        None => arrivals.recv().await,
        next => next,
    }
}

/// A socket whose turn it is, until its end or until it is upgraded: the WebSocket gets a task of its own, which is
/// smaller.
async fn serve(port: Arc<Port>, arrival: Arrival) {
    let Arrival { stream, peer, seat, place, .. } = arrival;
    drop(place);
    // From the turn, and not from the accept as protocol.md 2.5 has it, on purpose: until now the peer waited for us,
    // and must not be late for that. Who gets no turn is refused after the patience of the queue.
    let deadline = Instant::now() + port.limits.upgrade_timeout;
    let stream = match prepare(stream) {
        Ok(stream) => stream,
        Err(error) => {
            debug!(%error, "a socket ended before it began");
            return;
        }
    };
    let greeted = tokio::select! {
        greeted = greet(&port, stream, peer, &seat, deadline) => greeted,
        () = seat.displaced() => None,
    };
    let Some((transport, client)) = greeted else { return };
    let upgraded = tokio::select! {
        upgraded = speak_http(&port, transport, client, &seat) => upgraded,
        () = displaced_while_serving(&port, &seat) => None,
    };
    if let (Some(upgraded), Some(node)) = (upgraded, &port.node) {
        port.connections.spawn(connection::serve(Arc::clone(node), upgraded, seat));
    }
}

/// Brings a socket to the runtime where it is served, which has to be the one that waits for it.
fn prepare(stream: TcpStream) -> io::Result<TcpStream> {
    let stream = TcpStream::from_std(stream.into_std()?)?;
    stream.set_nodelay(true)?;
    let socket = SockRef::from(&stream);
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_notsent_lowat(UNSENT_LOW_WATER)?;
    Ok(stream)
}

/// A server that stops closes all sockets without a session; requests under way are still answered then.
async fn displaced_while_serving(port: &Port, seat: &Seat) {
    seat.displaced().await;
    if port.stopping.is_cancelled() {
        std::future::pending().await
    }
}

/// PROXY header, TLS and request head: what may begin to speak HTTP, and whose it is.
async fn greet(
    port: &Arc<Port>,
    mut stream: TcpStream,
    peer: IpAddr,
    seat: &Seat,
    deadline: Instant,
) -> Option<(Transport, IpAddr)> {
    let mut client = peer;
    if port.proxy_protocol && proxy::is_trusted(&port.trusted_proxies, peer) {
        match timeout_at(deadline, proxy::read_header(&mut stream)).await {
            Ok(Ok(address)) => client = address.map_or(peer, |address| address.to_canonical()),
            Ok(Err(error)) => {
                warn!(%peer, %error, "a proxy's connection was closed");
                return None;
            }
            Err(_) => return None,
        }
        if let (true, Err(refusal)) = (client != peer, seat.settle(client)) {
            port.refuse(stream, refusal);
            return None;
        }
    }
    let mut transport = match &port.certificate {
        None => Transport::from(stream),
        Some(certificate) => {
            let shake = timeout(port.limits.tls_timeout, certificate.accept(stream)).await;
            let stream = shake.map_err(|_| debug!(%client, "no TLS handshake in time")).ok()?;
            stream.map_err(|error| debug!(%client, %error, "no TLS handshake")).ok()?.into()
        }
    };
    match head::read(&mut transport, port.limits.head, deadline).await {
        Ok(read) if framing::is_ambiguous(&read) => {
            count_answer(StatusCode::BAD_REQUEST);
            let error =
                "the request's head can be read in two ways: it has two lengths, two hosts or folded lines";
            head::answer_and_close(transport, StatusCode::BAD_REQUEST, error).await;
            None
        }
        Ok(read) => Some((transport.preceded_by(read), client)),
        Err(fault) => {
            if let Some((status, error)) = fault.answer() {
                count_answer(status);
                head::answer_and_close(transport, status, error).await;
            }
            None
        }
    }
}

/// HTTP requests until the peer closes, asks for too long, or upgrades.
async fn speak_http(port: &Port, transport: Transport, client: IpAddr, seat: &Seat) -> Option<Upgraded> {
    let connection = Arc::new(Connection::new(client, &transport, &port.trusted_proxies, seat));
    let service = TowerToHyperService::new(port.service.clone());
    let handle = service_fn(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(Arc::clone(&connection));
        let chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
        let answer = hyper::service::Service::call(&service, request.map(Body::new));
        // A peer that sends its body drop by drop is told the same as one that sends its head so.
        let limit = port.limits.upgrade_timeout;
        let connection = Arc::clone(&connection);
        async move {
            let mut response = match answered(&connection, answer, limit).await {
                Some(Ok(response)) => response,
                None => too_slow(),
                Some(Err(impossible)) => match impossible {},
            };
            if chunked {
                // Whoever was before us may have seen another end of this body than we did.
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            count_answer(response.status());
            Ok::<_, std::convert::Infallible>(response)
        }
    });
    let http = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(port.limits.upgrade_timeout)
        .max_headers(port.limits.head.headers)
        .max_buf_size(port.limits.head.bytes.max(SMALLEST_HTTP_BUFFER))
        .title_case_headers(true)
        .serve_connection(TokioIo::new(transport), handle);
    let mut http = pin!(http.with_upgrades());

    let life = port.limits.upgrade_timeout * HTTP_LIFE;
    let ended = tokio::select! {
        ended = poll_fn(|cx| http.as_mut().poll(cx)) => Some(ended),
        () = port.stopping.cancelled() => None,
        () = sleep(life) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            http.as_mut().graceful_shutdown();
            let usual = Instant::now() + port.limits.upgrade_timeout;
            let longer = connection.patience().filter(|_| !port.stopping.is_cancelled());
            timeout_at(longer.map_or(usual, |longer| longer.max(usual)), http).await.ok()?
        }
    };
    ended.map_err(|error| debug!(%client, %error, "an HTTP connection ended")).ok()?;
    connection.take_upgrade()?.finish().await
}

/// The answer, unless it takes longer than the limit, or than what the request was granted meanwhile.
async fn answered<T>(connection: &Connection, answer: impl Future<Output = T>, limit: Duration) -> Option<T> {
    connection.forget_patience();
    let usual = Instant::now() + limit;
    let mut answer = pin!(answer);
    let mut until = usual;
    loop {
        if let Ok(answer) = timeout_at(until, answer.as_mut()).await {
            return Some(answer);
        }
        until = connection.patience().filter(|longer| *longer > until)?;
    }
}

fn too_slow() -> axum::response::Response {
    use axum::response::IntoResponse;
    crate::api::error::ApiError::new(StatusCode::REQUEST_TIMEOUT, "the request took too long").into_response()
}

async fn tell(transport: Transport, refusal: Refusal, _permit: OwnedSemaphorePermit) {
    head::answer_and_close(transport, StatusCode::SERVICE_UNAVAILABLE, &refusal.to_string()).await;
}

fn count_answer(status: StatusCode) {
    metrics::counter!("grandstand_http_requests_total", "status" => status.as_str().to_owned()).increment(1);
}

#[cfg(test)]
mod tests;
