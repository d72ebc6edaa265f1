//! The server under load: somebody's, or one of the tool's own.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use tokio::net::lookup_host;

use crate::{
    machine,
    options::TargetOptions,
    report::Report,
    served::{self, Served},
    socket::Endpoint,
};

pub(crate) struct Target {
    pub(crate) endpoint: Endpoint,
    /// For memory and CPU; known for the tool's own server.
    pub(crate) pid: Option<u32>,
    served: Option<Served>,
}

impl Target {
    pub(crate) async fn open(options: &TargetOptions) -> Result<Self> {
        if let Some(program) = &options.serve {
            let served = Served::start(program, options.data.as_ref()).await?;
            let endpoint = endpoint(&served.url, served::APP).await?;
            return Ok(Self { endpoint, pid: Some(served.pid), served: Some(served) });
        }
        let url = options.url.as_deref().context("--url or --serve is needed")?;
        let app = options.app_id.as_deref().context("--app-id is needed with --url")?;
        Ok(Self { endpoint: endpoint(url, app).await?, pid: options.server_pid, served: None })
    }

    /// Says where the store is, if that is known.
    pub(crate) fn describe(&self, report: &mut Report) -> Result<()> {
        if let Some(served) = &self.served {
            let kind = machine::file_system(served.data())?;
            report.text("file_system", "data folder on", &kind);
            if kind == "tmpfs" {
                report.warn(
                    "the data folder is in memory: commits cost nothing there; choose another with --data",
                );
            }
        }
        Ok(())
    }

    pub(crate) async fn close(self) -> Result<()> {
        match self.served {
            Some(served) => served.stop().await,
            None => Ok(()),
        }
    }
}

async fn endpoint(url: &str, app: &str) -> Result<Endpoint> {
    let uri: http::Uri = url.parse().with_context(|| format!("{url:?} is no URL"))?;
    ensure!(uri.scheme_str() == Some("ws"), "{url:?} does not begin with ws://");
    let host = uri.host().with_context(|| format!("{url:?} names no host"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = uri.port_u16().unwrap_or(80);
    let found: Option<SocketAddr> =
        lookup_host((host, port)).await.context("failed to find the server")?.next();
    let address = found.with_context(|| format!("{host} has no address"))?;
    Ok(Endpoint { address, uri, app: app.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_websocket_url_names_an_address() {
        for (url, expected) in [
            ("ws://127.0.0.1:8080/", "127.0.0.1:8080"),
            ("ws://127.0.0.1", "127.0.0.1:80"),
            ("ws://[::1]:9/", "[::1]:9"),
        ] {
            assert_eq!(endpoint(url, "app").await.unwrap().address.to_string(), expected);
        }
        for url in ["wss://127.0.0.1/", "http://127.0.0.1/", "127.0.0.1:8080", ""] {
            assert!(endpoint(url, "app").await.is_err(), "{url}");
        }
    }
}
