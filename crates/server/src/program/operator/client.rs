//! A REST client for operators: one app, one key, bounded time, refusals in words.

use std::{error::Error, time::Duration};

use reqwest::{
    Response, StatusCode, Url,
    header::{CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER},
    redirect,
};
use rustls::crypto::ring;
use serde_json::Value;

use super::{
    Trouble,
    call::{Call, Content},
    connection::{Connection, Keys},
    output::remark,
    trouble::Refused,
};

/// Bytes of an answer: the largest are word lists (8 MiB) and pages of rooms (4 MiB).
const LARGEST_ANSWER: usize = 32 * 1024 * 1024;

/// The server, as one app's back end asks it.
pub(super) struct Client {
    http: reqwest::Client,
    /// Without a slash at its end.
    server: String,
    keys: Keys,
    timeout: Duration,
}

impl Client {
    /// Prepares to talk; nothing is sent yet.
    pub(super) fn connect(connection: &Connection) -> Result<Self, Trouble> {
        let server = server(connection.url())?;
        let keys = connection.keys()?;
        let http = http(&keys, &server, connection.timeout())?;
        Ok(Self { http, server, keys, timeout: connection.timeout() })
    }

    /// Asks for something that is answered in JSON.
    pub(super) async fn ask(&self, call: Call) -> Result<Value, Trouble> {
        let (status, body) = self.exchange(call).await?;
        serde_json::from_slice(&body).map_err(|_| self.strange(status, "without JSON"))
    }

    /// Asks for a text.
    pub(super) async fn ask_text(&self, call: Call) -> Result<String, Trouble> {
        let (status, body) = self.exchange(call).await?;
        String::from_utf8(body).map_err(|_| self.strange(status, "with something that is no text"))
    }

    async fn exchange(&self, call: Call) -> Result<(StatusCode, Vec<u8>), Trouble> {
        let url = format!("{}{}", self.server, call.target()?);
        let mut request = self.http.request(call.method, url);
        request = match call.body {
            Some(Content::Json(body)) => request.json(&body),
            Some(Content::Text(body)) => request.header(CONTENT_TYPE, "text/plain; charset=utf-8").body(body),
            None => request,
        };
        let response = request.send().await.map_err(|error| self.unsent(&error))?;
        let status = response.status();
        if status.is_redirection() {
            let place =
                response.headers().get(LOCATION).and_then(|place| place.to_str().ok()).unwrap_or("nowhere");
            return Err(Trouble::SentElsewhere { server: self.server.clone(), place: place.to_owned() });
        }
        let retry_after =
            response.headers().get(RETRY_AFTER).and_then(|after| after.to_str().ok()).map(str::to_owned);
        let body = self.read(response).await?;
        if status.is_success() { Ok((status, body)) } else { Err(self.refused(status, &body, retry_after)) }
    }

    async fn read(&self, mut response: Response) -> Result<Vec<u8>, Trouble> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unsent(&error))? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                return Err(self.strange(response.status(), "with more than any answer has"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn unsent(&self, error: &reqwest::Error) -> Trouble {
        let server = self.server.clone();
        if error.is_timeout() {
            return Trouble::TooSlow { server, seconds: self.timeout.as_secs() };
        }
        Trouble::Unreachable { server, cause: reason(error) }
    }

    fn strange(&self, status: StatusCode, what: &str) -> Trouble {
        Trouble::Strange { server: self.server.clone(), status: status.as_u16(), what: what.to_owned() }
    }

    fn refused(&self, status: StatusCode, body: &[u8], retry_after: Option<String>) -> Trouble {
        let said: Option<Value> = serde_json::from_slice(body).ok();
        let words = said.as_ref().and_then(|said| Some((said["code"].as_i64()?, said["error"].as_str()?)));
        let Some((code, error)) = words else { return self.strange(status, "without a word of its own") };
        Trouble::Refused(Box::new(Refused {
            server: self.server.clone(),
            app: self.keys.app.clone(),
            source: self.keys.source.clone(),
            status: status.as_u16(),
            code,
            error: error.to_owned(),
            retry_after,
        }))
    }
}

/// Sends an app's keys with every request to a server, and to nobody else.
pub(super) fn http(keys: &Keys, server: &str, timeout: Duration) -> Result<reqwest::Client, Trouble> {
    let mut headers = HeaderMap::new();
    headers.insert("x-lc-id", header(&keys.app)?);
    let mut key = header(&format!("{},master", keys.master_key.reveal()))?;
    key.set_sensitive(true);
    headers.insert("x-lc-key", key);
    // Fails when there is one already, which does as well.
    let _ = ring::default_provider().install_default();
    let http = reqwest::Client::builder()
        .default_headers(headers)
        .user_agent(concat!("grandstand/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(timeout)
        .timeout(timeout)
        // The key goes where it was sent, and nowhere else.
        .redirect(redirect::Policy::none())
        .no_proxy()
        .build();
    http.map_err(|error| Trouble::Unreachable { server: server.to_owned(), cause: reason(&error) })
}

/// Scheme, host, and a path if the server is below one.
pub(super) fn server(text: &str) -> Result<String, Trouble> {
    let wrong = || {
        let english = format!("{text:?} is no server URL: it looks like https://chat.example.com");
        Trouble::usage(english, "服务器地址有误，应类似 https://chat.example.com。")
    };
    let url = Url::parse(text).map_err(|_| wrong())?;
    let is_plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    if !matches!(url.scheme(), "http" | "https") || !is_plain || url.fragment().is_some() {
        return Err(wrong());
    }
    if url.scheme() == "http" && !is_here(&url) {
        remark(
            "grandstand: the master key travels in clear, because the URL is http://: use https://\n地址为 http://，Master Key 将以明文传输。",
        );
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Whether what is sent there leaves this machine.
fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn header(text: &str) -> Result<HeaderValue, Trouble> {
    let english = "the app id and the master key are letters and digits; what is given has others";
    HeaderValue::from_str(text)
        .map_err(|_| Trouble::usage(english, "应用 ID 或 Master Key 含有不允许的字符。"))
}

/// The innermost cause: the others say only that there is one.
fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_plain_url() {
        for (text, expected) in [
            ("http://127.0.0.1:8080", Some("http://127.0.0.1:8080")),
            ("https://chat.example.com/", Some("https://chat.example.com")),
            ("https://example.com/chat/", Some("https://example.com/chat")),
            ("HTTPS://Example.com", Some("https://example.com")),
            ("chat.example.com", None),
            ("chat.example.com:8080", None),
            ("ws://chat.example.com", None),
            ("https://user:pw@chat.example.com", None),
            ("https://chat.example.com/?a=b", None),
            ("", None),
        ] {
            assert_eq!(server(text).ok().as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn only_this_machine_may_get_the_key_in_clear() {
        for (url, here) in [
            ("http://localhost:8080", true),
            ("http://127.3.2.1", true),
            ("http://[::1]:80", true),
            ("http://10.0.0.1", false),
            ("http://localhost.example.com", false),
        ] {
            assert_eq!(is_here(&Url::parse(url).unwrap()), here, "{url}");
        }
    }
}
