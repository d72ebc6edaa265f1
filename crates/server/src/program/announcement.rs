//! What an operator sees once the server is ready. Scripts read the English labels.

use std::{
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use crate::{
    apps::App,
    config::{Config, PublicUrl},
};

/// Where the server listens, which port 0 leaves open until it does.
pub(super) struct Addresses {
    pub(super) public: SocketAddr,
    pub(super) admin: SocketAddr,
}

/// Prints one line for each address and key: label, Chinese label, value.
///
/// Keys of configured apps are not printed: whoever needs them has the file, and output ends up in journals.
pub(super) fn print(config: &Config, addresses: &Addresses, shown: &[App], demo: bool) -> io::Result<()> {
    let PublicUrl { secure, authority } = config.public_url.clone().unwrap_or_else(|| PublicUrl {
        secure: config.tls.is_some(),
        authority: reachable(addresses.public),
    });
    let (http, ws) = if secure { ("https", "wss") } else { ("http", "ws") };
    let mut lines = vec![
        ("Server URL", "服务器地址", format!("{http}://{authority}")),
        ("WebSocket", "长连接地址", format!("{ws}://{authority}/")),
    ];
    if demo {
        lines.push(("Demo room", "演示聊天室", format!("{http}://{authority}/demo")));
    }
    lines.push(("Admin", "监控地址", format!("http://{}/", reachable(addresses.admin))));
    for app in shown {
        lines.push(("App id", "应用 ID", app.id.to_string()));
        lines.push(("App key", "应用 Key", app.key.reveal().to_owned()));
        lines.push(("Master key", "Master Key", app.master_key.reveal().to_owned()));
    }

    // One write, so that a reader sees all of it or nothing.
    let mut text = format!("Grandstand {} is ready. 已就绪。\n\n", env!("CARGO_PKG_VERSION"));
    for (label, chinese, value) in lines {
        let gap = " ".repeat(14 - width(chinese).min(12));
        text.push_str(&format!("  {label:<12}{chinese}{gap}{value}\n"));
    }
    text.push_str(&format!("\nData is in {}. Stop with Ctrl-C.\n", config.data.display()));
    text.push_str(&format!("数据保存在 {}。按 Ctrl-C 停止。\n", config.data.display()));
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes())?;
    output.flush()
}

/// An address that a browser can open: nobody can connect to "any address".
fn reachable(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port()).to_string()
}

/// Columns on a terminal: Chinese characters take two.
fn width(text: &str) -> usize {
    text.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum()
}
