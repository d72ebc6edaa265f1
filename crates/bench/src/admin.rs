//! The operator's port of the server: gauges and counters, read as Prometheus reads them.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// For one answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// All gauges by their name with its labels.
pub(crate) async fn gauges(admin: &str) -> Result<BTreeMap<String, f64>> {
    metrics(admin, " gauge").await
}

/// All counters by their name with its labels.
pub(crate) async fn counters(admin: &str) -> Result<BTreeMap<String, f64>> {
    metrics(admin, " counter").await
}

async fn metrics(admin: &str, kind: &str) -> Result<BTreeMap<String, f64>> {
    let text = timeout(PATIENCE, get(admin, "/metrics")).await.context("the operator's port is silent")??;
    Ok(parse(&text, kind))
}

/// HTTP/1.0: the answer ends with the connection, and needs no library.
async fn get(admin: &str, path: &str) -> Result<String> {
    let uri: http::Uri = admin.parse().with_context(|| format!("{admin:?} is no URL"))?;
    let authority = uri.authority().with_context(|| format!("{admin:?} names no host"))?;
    let mut stream = TcpStream::connect((
        uri.host().unwrap_or_default().trim_matches(['[', ']']),
        authority.port_u16().unwrap_or(80),
    ))
    .await
    .context("failed to reach the operator's port")?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {authority}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no HTTP answer")?;
    ensure!(head.split_whitespace().nth(1) == Some("200"), "the operator's port answered {head:?}");
    Ok(body.to_owned())
}

/// Metrics of one kind: ` gauge` or ` counter`.
fn parse(text: &str, kind: &str) -> BTreeMap<String, f64> {
    let mut metrics = BTreeMap::new();
    let mut metric = None;
    for line in text.lines() {
        if let Some(declared) = line.strip_prefix("# TYPE ") {
            metric = declared.strip_suffix(kind);
        } else if let Some((name, value)) = line.rsplit_once(' ')
            && metric.is_some_and(|metric| name.split('{').next() == Some(metric))
            && let Ok(value) = value.parse()
        {
            metrics.insert(name.to_owned(), value);
        }
    }
    metrics
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gauges_are_told_from_counters() {
        let text = "# HELP sessions Sessions.\n# TYPE sessions gauge\nsessions 12\n\n\
                    # TYPE sent_total counter\nsent_total 99\n\
                    # TYPE pending gauge\npending{level=\"high\"} 1.5\npending{level=\"a b\"} 2\n";
        let expected =
            [("pending{level=\"a b\"}", 2.0), ("pending{level=\"high\"}", 1.5), ("sessions", 12.0)];
        assert_eq!(parse(text, " gauge"), expected.map(|(name, value)| (name.to_owned(), value)).into());
        assert_eq!(parse(text, " counter"), [("sent_total".to_owned(), 99.0)].into());
    }

    #[tokio::test]
    async fn an_address_without_a_port_for_operators_is_reported() {
        let error = gauges("http://127.0.0.1:1/").await.unwrap_err();
        assert!(error.to_string().contains("failed to reach"), "{error:#}");
        assert!(gauges("nowhere").await.is_err());
    }
}
