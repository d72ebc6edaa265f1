//! The server under load: somebody's, or one of the tool's own.

use std::path::Path;

use anyhow::{Context, Result};

use crate::{
    affinity::Split,
    endpoint::Endpoint,
    machine,
    options::TargetOptions,
    report::Report,
    served::{self, Folder, Served},
};

pub(crate) struct Target {
    pub(crate) endpoint: Endpoint,
    /// For memory and CPU; known for the tool's own server.
    pub(crate) pid: Option<u32>,
    /// URL of the operator's port, if it is known.
    pub(crate) admin: Option<String>,
    /// The server has a core of its own.
    is_pinned: bool,
    served: Option<Served>,
}

impl Target {
    pub(crate) async fn open(options: &TargetOptions) -> Result<Self> {
        Self::open_with(options, &[]).await
    }

    /// The same; a server of the tool's own gets these settings, too.
    pub(crate) async fn open_with(options: &TargetOptions, more: &[(String, String)]) -> Result<Self> {
        if let Some(program) = &options.serve {
            let folder = match &options.keep {
                Some(keep) => Folder::keep(keep),
                None => Folder::new(options.data.as_deref()),
            };
            let start = Served::start(program, folder?, options.tls, more);
            let served = if options.pin { Split::new()?.apart(start).await } else { start.await }?;
            let endpoint = Endpoint::find(&served.url, served::APP, served.trust.clone()).await?;
            let admin = Some(served.admin.clone());
            return Ok(Self {
                endpoint,
                pid: Some(served.pid),
                admin,
                is_pinned: options.pin,
                served: Some(served),
            });
        }
        let url = options.url.as_deref().context("--url or --serve is needed")?;
        let app = options.app_id.as_deref().context("--app-id is needed with --url")?;
        let endpoint = Endpoint::find(url, app, None).await?;
        Ok(Self {
            endpoint,
            pid: options.server_pid,
            admin: options.admin.clone(),
            is_pinned: false,
            served: None,
        })
    }

    /// Says how the server is reached, and where its store is, if that is known.
    pub(crate) fn describe(&self, report: &mut Report) -> Result<()> {
        let connections = if self.endpoint.trust.is_some() { "TLS" } else { "plain WebSocket" };
        report.text("connections", "connections", connections);
        let cores = if self.is_pinned {
            "the first for the server, the others for the load"
        } else {
            "shared with the load"
        };
        report.text("cores", "cores", cores);
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

    /// The data folder of the tool's own server.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.served.as_ref().map(Served::data)
    }

    pub(crate) async fn close(self) -> Result<()> {
        match self.served {
            Some(served) => served.stop().await,
            None => Ok(()),
        }
    }
}
