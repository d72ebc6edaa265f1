//! The URL that is examined: scheme, host and port.

use std::{fmt, net::IpAddr};

use http::Uri;

/// A server's origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub(crate) secure: bool,
    /// A name, or an address without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Host and port as they were written.
    authority: String,
}

/// Why a text is no server's URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoTarget {
    /// Another scheme, or none.
    #[error("{0:?} is no server URL: it looks like https://chat.example.com")]
    Scheme(String),
    /// Something behind the host.
    #[error(
        "{0:?} has more than scheme and host; Java's SDK drops any path, so serve at the root of a host of its own"
    )]
    Path(String),
}

impl Target {
    /// Reads `http://HOST[:PORT]` or `https://HOST[:PORT]`.
    ///
    /// # Errors
    /// [`NoTarget`].
    pub fn parse(text: &str) -> Result<Self, NoTarget> {
        let (secure, authority, path) =
            parts(text, ["http", "https"]).ok_or(NoTarget::Scheme(text.to_owned()))?;
        if !matches!(path.as_str(), "" | "/") {
            return Err(NoTarget::Path(text.to_owned()));
        }
        Self::of(secure, &authority).ok_or(NoTarget::Scheme(text.to_owned()))
    }

    /// The server of a WebSocket URL, and the path there with its query.
    pub(crate) fn of_socket(text: &str) -> Option<(Self, String)> {
        let (secure, authority, path) = parts(text, ["ws", "wss"])?;
        Some((Self::of(secure, &authority)?, path))
    }

    fn of(secure: bool, authority: &str) -> Option<Self> {
        let parsed: http::uri::Authority = authority.parse().ok()?;
        let host = parsed.host().trim_start_matches('[').trim_end_matches(']');
        let is_plain = !host.is_empty() && !authority.contains('@');
        let port = parsed.port_u16().unwrap_or(if secure { 443 } else { 80 });
        is_plain.then(|| Self { secure, host: host.to_owned(), port, authority: authority.to_owned() })
    }

    /// The same host on plain `http`, at another port.
    pub(crate) fn in_clear(&self, port: u16) -> Option<Self> {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        Self::of(false, &if port == 80 { host } else { format!("{host}:{port}") })
    }

    /// Host and port for the `Host` header.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// The host, if it is an address.
    pub(crate) fn literal(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// Whether it means the machine on which the doctor runs.
    pub(crate) fn is_here(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
            || self.literal().is_some_and(|address| address.is_loopback())
    }

    /// Where WebSockets would be, if nobody says otherwise.
    pub(crate) fn socket_url(&self) -> String {
        format!("{}://{}/", if self.secure { "wss" } else { "ws" }, self.authority)
    }

    pub(crate) fn has_host_of(&self, other: &Self) -> bool {
        self.host.eq_ignore_ascii_case(&other.host)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}://{}", if self.secure { "https" } else { "http" }, self.authority)
    }
}

/// Whether the second scheme is used, the authority, and the rest.
fn parts(text: &str, [plain, secure]: [&str; 2]) -> Option<(bool, String, String)> {
    let url: Uri = text.parse().ok()?;
    let is_secure = match url.scheme_str()? {
        scheme if scheme == plain => false,
        scheme if scheme == secure => true,
        _ => return None,
    };
    let rest = url.path_and_query().map_or("", |rest| rest.as_str());
    // The parser adds the slash that the text may lack.
    let rest = if text.ends_with(rest) { rest } else { "" };
    Some((is_secure, url.authority()?.as_str().to_owned(), rest.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_scheme_and_host() {
        for (text, expected) in [
            ("https://chat.example.com", Some((true, "chat.example.com", 443))),
            ("https://chat.example.com/", Some((true, "chat.example.com", 443))),
            ("http://127.0.0.1:8080", Some((false, "127.0.0.1", 8080))),
            ("https://[::1]:8443", Some((true, "::1", 8443))),
            ("https://chat.example.com/path", None),
            ("wss://chat.example.com", None),
            ("chat.example.com", None),
            ("https://user@chat.example.com", None),
            ("", None),
        ] {
            let target = Target::parse(text).ok();
            let parts = target.as_ref().map(|target| (target.secure, target.host.as_str(), target.port));
            assert_eq!(parts, expected, "{text}");
        }
    }

    #[test]
    fn a_socket_url_keeps_its_path_as_it_was_written() {
        for (text, path) in
            [("wss://a.example/", "/"), ("wss://a.example", ""), ("ws://a.example/x?y=z", "/x?y=z")]
        {
            assert_eq!(Target::of_socket(text).unwrap().1, path, "{text}");
        }
        assert_eq!(Target::of_socket("https://a.example/"), None);
    }
}
