//! The server's address: a WebSocket URL, or an HTTP URL whose router names one.

use http::Uri;

use crate::BuildError;

/// A URL taken apart once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) uri: Uri,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: bool,
    /// `http` or `https`: the WebSocket URL has to be asked for.
    pub(crate) needs_discovery: bool,
}

impl Address {
    pub(crate) fn parse(text: &str) -> Result<Self, BuildError> {
        let invalid = || BuildError::Server(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| invalid())?;
        let (tls, needs_discovery) = match uri.scheme_str() {
            Some("ws") => (false, false),
            Some("wss") => (true, false),
            Some("http") => (false, true),
            Some("https") => (true, true),
            _ => return Err(invalid()),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(invalid)?;
        // Sockets and certificates know IPv6 addresses without brackets.
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Ok(Self { host, port, tls, needs_discovery, uri })
    }

    /// Host and port as they stand in the URL, for the `Host` header.
    pub(crate) fn authority(&self) -> &str {
        self.uri.authority().map_or("", |authority| authority.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(&str, u16, bool, bool)>) {
        let parsed = Address::parse(text).ok();
        let parsed = parsed.as_ref().map(|a| (a.host.as_str(), a.port, a.tls, a.needs_discovery));
        assert_eq!(parsed, expected, "{text}");
    }

    #[test]
    fn the_scheme_decides_about_tls_port_and_discovery() {
        check("ws://127.0.0.1:8080/", Some(("127.0.0.1", 8080, false, false)));
        check("wss://chat.example.com", Some(("chat.example.com", 443, true, false)));
        check("http://chat.example.com", Some(("chat.example.com", 80, false, true)));
        check("https://[::1]:8443", Some(("::1", 8443, true, true)));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "chat.example.com", "ftp://chat.example.com", "ws://", "/v1/route"] {
            check(text, None);
        }
    }
}
