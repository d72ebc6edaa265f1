//! DNS and TCP: the addresses of a name, and whether each of them takes connections.

use std::{
    io,
    net::{IpAddr, Ipv6Addr, SocketAddr},
};

use crate::{
    Check, Finding, Target,
    dial::{Dialer, Trouble},
    finding::text,
};

/// Looks the name up; nothing when that fails.
pub(crate) async fn look_up(
    dialer: &Dialer,
    target: &Target,
    findings: &mut Vec<Finding>,
) -> Vec<SocketAddr> {
    let addresses = match dialer.addresses(target).await {
        Ok(addresses) if !addresses.is_empty() => addresses,
        Ok(_) => {
            findings.push(unresolved(&Trouble::Resolve(target.host.clone(), io::Error::other("no address"))));
            return Vec::new();
        }
        Err(trouble) => {
            findings.push(unresolved(&trouble));
            return Vec::new();
        }
    };
    let list: Vec<_> = addresses.iter().map(|address| address.ip().to_string()).collect();
    let seen = text(
        format!("{} is {}", target.host, list.join(", ")),
        format!("{} → {}", target.host, list.join("、")),
    );
    let private = addresses.iter().any(|address| is_private(address.ip()));
    let is_name = target.literal().is_none() && !target.is_here();
    findings.push(if private && is_name && !dialer.has_own_address() {
        let advice = text(
            "clients outside of this network cannot reach a private address: give the name a public A (and AAAA) record",
            "内网地址在外部无法访问：请为域名添加公网 A（及 AAAA）记录。",
        );
        Finding::warning(Check::Dns, seen, advice)
    } else {
        Finding::ok(Check::Dns, seen)
    });
    addresses
}

fn unresolved(trouble: &Trouble) -> Finding {
    let advice = text(
        "check the spelling of the name, add an A (and AAAA) record for it, and wait until its old ttl is over; \
         to examine the server before, give its address with --address",
        "请检查域名拼写，添加 A（及 AAAA）记录，并等待旧记录的 TTL 过期；解析生效之前可以用 --address 指定服务器地址。",
    );
    Finding::failed(Check::Dns, trouble.text(), advice)
}

/// Connects to each address. Whether one of them took it.
pub(crate) async fn connect(dialer: &Dialer, addresses: &[SocketAddr], findings: &mut Vec<Finding>) -> bool {
    let mut reached = Vec::new();
    let mut unreached = Vec::new();
    for address in addresses {
        match dialer.connect(*address).await {
            Ok(_) => reached.push(address.to_string()),
            Err(Trouble::Connect(_, cause)) if address.is_ipv6() && lacks_ipv6(&cause) => {
                findings.push(Finding::skipped(
                    Check::Tcp,
                    text(
                        format!("{address}: this machine has no IPv6 of its own"),
                        format!("{address}：本机没有 IPv6，未检查"),
                    ),
                ));
            }
            Err(trouble) => unreached.push(trouble.text()),
        }
    }
    let is_reached = !reached.is_empty();
    if is_reached {
        let list = reached.join(", ");
        findings
            .push(Finding::ok(Check::Tcp, text(format!("connected to {list}"), format!("已连接 {list}"))));
    }
    for trouble in unreached {
        findings.push(if is_reached {
            let advice = text(
                "clients that try this address first wait for it, or give up: open the port there, or remove its record",
                "优先使用该地址的客户端会等待甚至失败：请在该地址开放端口，或删除这条解析记录。",
            );
            Finding::warning(Check::Tcp, trouble, advice)
        } else {
            let advice = text(
                "start the server or the proxy, let it listen on this address (server.bind is 127.0.0.1 unless set), and \
                 open the port in firewall and security group",
                "请启动服务器或反向代理，确认监听该地址（server.bind 默认为 127.0.0.1），并在防火墙和安全组中开放端口。",
            );
            Finding::failed(Check::Tcp, trouble, advice)
        });
    }
    is_reached
}

fn lacks_ipv6(cause: &io::Error) -> bool {
    matches!(cause.kind(), io::ErrorKind::NetworkUnreachable | io::ErrorKind::AddrNotAvailable)
}

/// Addresses that mean something else in every network.
pub(crate) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let shared = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_unspecified() || shared
        }
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_private(IpAddr::V4(v4)),
            None => {
                let first = v6.segments()[0];
                v6.is_loopback()
                    || v6 == Ipv6Addr::UNSPECIFIED
                    || first & 0xfe00 == 0xfc00
                    || first & 0xffc0 == 0xfe80
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_those_that_nobody_outside_reaches() {
        for private in [
            "10.0.0.1",
            "172.16.3.4",
            "192.168.1.1",
            "127.0.0.1",
            "100.64.0.1",
            "169.254.1.1",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(is_private(private.parse().unwrap()), "{private}");
        }
        for public in ["203.0.113.9", "172.32.0.1", "100.128.0.1", "2001:db8::1", "::ffff:203.0.113.9"] {
            assert!(!is_private(public.parse().unwrap()), "{public}");
        }
    }
}
