//! What trusted proxies tell about the client behind them: PROXY protocol v2 and `X-Forwarded-…`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;
use tokio::io::{AsyncRead, AsyncReadExt};

/// First bytes of a PROXY v2 header; no HTTP request and no TLS greeting begins so.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// Longest header accepted, in bytes behind the fixed part: addresses, and room for a proxy's extensions.
const LONGEST: usize = 4096;

/// Whether a peer is one of the trusted proxies.
#[must_use]
pub fn is_trusted(proxies: &[IpNet], peer: IpAddr) -> bool {
    let peer = peer.to_canonical();
    proxies.iter().any(|network| network.contains(&peer))
}

/// Why a trusted proxy's header was not understood. The connection is closed then.
#[derive(Debug, thiserror::Error)]
pub enum ProxyHeaderError {
    #[error("the proxy sent no PROXY v2 header")]
    Missing,
    #[error("the proxy's header is malformed")]
    Malformed,
    #[error("the proxy closed the connection: {0}")]
    Io(#[from] std::io::Error),
}

/// Reads a PROXY v2 header and nothing behind it. `None`: the proxy speaks for itself (a health check).
///
/// # Errors
/// [`ProxyHeaderError`].
pub async fn read_header(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<IpAddr>, ProxyHeaderError> {
    let mut fixed = [0; 16];
    stream.read_exact(&mut fixed).await?;
    let [version_and_command, family, length_high, length_low] = [fixed[12], fixed[13], fixed[14], fixed[15]];
    if fixed[..12] != SIGNATURE {
        return Err(ProxyHeaderError::Missing);
    }
    let length = usize::from(u16::from_be_bytes([length_high, length_low]));
    if length > LONGEST {
        return Err(ProxyHeaderError::Malformed);
    }
    let mut rest = vec![0; length];
    stream.read_exact(&mut rest).await?;
    match (version_and_command, family >> 4) {
        (0x20, _) => Ok(None),
        (0x21, 0x1) => first_bytes::<4>(&rest).map(|bytes| Some(Ipv4Addr::from(bytes).into())),
        (0x21, 0x2) => first_bytes::<16>(&rest).map(|bytes| Some(Ipv6Addr::from(bytes).into())),
        // Unix sockets and unknown families say nothing about where the client is.
        (0x21, _) => Ok(None),
        _ => Err(ProxyHeaderError::Malformed),
    }
}

/// The source address stands first.
fn first_bytes<const N: usize>(rest: &[u8]) -> Result<[u8; N], ProxyHeaderError> {
    rest.first_chunk().copied().ok_or(ProxyHeaderError::Malformed)
}

/// The client's address by `X-Forwarded-For`. Each proxy appends the peer it saw, so the list is read from its end:
/// the first address that is no trusted proxy is the client; what stands before it was written by the client.
#[must_use]
pub fn forwarded_for(proxies: &[IpNet], headers: &HeaderMap, peer: IpAddr) -> IpAddr {
    if !is_trusted(proxies, peer) {
        return peer;
    }
    let mut client = peer;
    let lines: Vec<&str> =
        headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok()).collect();
    for entry in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
        let Some(address) = parse_address(entry.trim()) else { break };
        client = address;
        if !is_trusted(proxies, address) {
            break;
        }
    }
    client
}

/// Some proxies write a port, and brackets around IPv6.
fn parse_address(entry: &str) -> Option<IpAddr> {
    let bare = entry.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(|| entry.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// The last value of a header that a proxy sets: earlier ones may be the client's.
#[must_use]
pub fn forwarded<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let line = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    line.rsplit(',').next().map(str::trim).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies() -> Vec<IpNet> {
        vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()]
    }

    #[test]
    fn the_client_is_the_last_address_that_is_no_trusted_proxy() {
        for (peer, lines, client) in [
            ("10.0.0.1", &["203.0.113.7"][..], "203.0.113.7"),
            ("10.0.0.1", &["198.51.100.1, 203.0.113.7, 10.2.2.2"], "203.0.113.7"),
            ("10.0.0.1", &["198.51.100.1", "203.0.113.7"], "203.0.113.7"),
            ("10.0.0.1", &["10.3.3.3, 10.2.2.2"], "10.3.3.3"),
            ("10.0.0.1", &["203.0.113.7:4711"], "203.0.113.7"),
            ("10.0.0.1", &["[2001:db9::1]:4711"], "2001:db9::1"),
            ("10.0.0.1", &["[2001:db9::1]"], "2001:db9::1"),
            ("10.0.0.1", &["203.0.113.7, unknown"], "10.0.0.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("2001:db8::1", &["203.0.113.7"], "203.0.113.7"),
            ("::ffff:10.0.0.1", &["203.0.113.7"], "203.0.113.7"),
            ("192.0.2.1", &["203.0.113.7"], "192.0.2.1"),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-forwarded-for", line.parse().unwrap());
            }
            let found = forwarded_for(&proxies(), &headers, peer.parse().unwrap());
            assert_eq!(found, client.parse::<IpAddr>().unwrap(), "{peer} {lines:?}");
        }
    }

    #[test]
    fn the_last_proxy_has_the_last_word() {
        let mut headers = HeaderMap::new();
        assert_eq!(forwarded(&headers, "x-forwarded-proto"), None);
        headers.append("x-forwarded-proto", "http, https".parse().unwrap());
        assert_eq!(forwarded(&headers, "x-forwarded-proto"), Some("https"));
        headers.append("x-forwarded-proto", "http".parse().unwrap());
        assert_eq!(forwarded(&headers, "x-forwarded-proto"), Some("http"));
    }

    fn header(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([command, family]);
        bytes.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        bytes.extend(body);
        bytes
    }

    #[tokio::test]
    async fn a_proxy_v2_header_tells_the_source_and_leaves_the_rest() {
        let v4 = [203, 0, 113, 7, 10, 0, 0, 1, 0x12, 0x34, 0, 80];
        let mut v6 = [0; 36];
        v6[..16].copy_from_slice(&"2001:db9::1".parse::<Ipv6Addr>().unwrap().octets());
        let with_extension = [&v4[..], &[0x04, 0, 1, 0xff]].concat();
        for (bytes, expected) in [
            (header(0x21, 0x11, &v4), Some("203.0.113.7")),
            (header(0x21, 0x11, &with_extension), Some("203.0.113.7")),
            (header(0x21, 0x21, &v6), Some("2001:db9::1")),
            (header(0x20, 0x00, &[]), None),
            (header(0x21, 0x31, &[0; 216]), None),
        ] {
            let input = [&bytes[..], b"GET /"].concat();
            let mut stream = &input[..];
            let address = read_header(&mut stream).await.unwrap();
            assert_eq!(address, expected.map(|text| text.parse().unwrap()));
            assert_eq!(stream, b"GET /");
        }
    }

    #[tokio::test]
    async fn a_bad_proxy_header_is_refused() {
        for bytes in [
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
            header(0x11, 0x11, &[0; 12]),
            header(0x22, 0x11, &[0; 12]),
            header(0x21, 0x11, &[1, 2, 3]),
            header(0x21, 0x11, &[0; LONGEST + 1]),
            header(0x21, 0x11, &[0; 12])[..20].to_vec(),
        ] {
            assert!(read_header(&mut &bytes[..]).await.is_err(), "{bytes:?}");
        }
    }
}
