//! Which server, which app, and the master key: from flags, the environment, or a development server's data folder.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;

use super::Trouble;
use crate::{apps::Secret, program::development_app};

/// Where a server listens that was told nothing.
const URL: &str = "http://127.0.0.1:8080";

const DATA: &str = "grandstand-data";

const KEY: &str = "GRANDSTAND_MASTER_KEY";

/// Bytes of a key file: one that is larger is no key.
const LARGEST_KEY: u64 = 4096;

/// Where to find the server, and how to talk with it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Server · 服务器")]
pub(super) struct Connection {
    /// Server URL, http://127.0.0.1:8080 by default · 服务器地址
    #[arg(long, value_name = "URL", env = "GRANDSTAND_URL", global = true)]
    url: Option<String>,
    /// App id · 应用 ID
    #[arg(long, value_name = "ID", env = "GRANDSTAND_APP_ID", global = true)]
    app_id: Option<String>,
    /// File that holds the app's master key · 存放 Master Key 的文件
    #[arg(long, value_name = "FILE", env = "GRANDSTAND_KEY_FILE", global = true)]
    key_file: Option<PathBuf>,
    /// Data folder of a server without configuration, ./grandstand-data by default · 开发服务器的数据目录
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
    /// For each answer, 10s by default · 等待应答的时间
    #[arg(long, value_name = "TIME", value_parser = super::text::duration, global = true)]
    timeout: Option<Duration>,
    /// JSON for scripts: what the server answers, lists one row a line · 输出 JSON，列表每行一项
    #[arg(long, global = true)]
    pub(super) json: bool,
}

/// An app, and what proves to be its back end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Keys {
    pub(super) app: String,
    pub(super) master_key: Secret,
    /// Where both come from, for whoever is refused.
    pub(super) source: String,
}

impl Connection {
    pub(super) fn url(&self) -> &str {
        given(self.url.as_deref()).unwrap_or(URL)
    }

    pub(super) fn timeout(&self) -> Duration {
        self.timeout.unwrap_or(Duration::from_secs(10))
    }

    /// What a command has of its own: a URL, and patience where none was asked for.
    pub(super) fn prefer(&mut self, url: Option<String>, timeout: Duration) {
        self.url = url.or(self.url.take());
        self.timeout.get_or_insert(timeout);
    }

    /// The app and its master key.
    pub(super) fn keys(&self) -> Result<Keys, Trouble> {
        let key = match &self.key_file {
            Some(file) if !file.as_os_str().is_empty() => Some((read_key(file)?, file.display().to_string())),
            _ => std::env::var(KEY).ok().filter(|key| !key.is_empty()).map(|key| (key, KEY.to_owned())),
        };
        match (given(self.app_id.as_deref()), key) {
            (Some(app), Some((key, source))) => {
                Ok(Keys { app: app.to_owned(), master_key: Secret::new(&key), source })
            }
            (Some(app), None) => {
                // The id that a development server printed is as good as none.
                self.development().ok().filter(|keys| keys.app == app).ok_or(Trouble::NoKey)
            }
            (None, Some(_)) => Err(Trouble::NoApp),
            (None, None) => self.development(),
        }
    }

    fn development(&self) -> Result<Keys, Trouble> {
        let folder = self.data.as_deref().unwrap_or(Path::new(DATA));
        let app = development_app::read(folder).map_err(|failure| Trouble::Said(failure.to_string()))?;
        let app = app.ok_or_else(|| Trouble::Nowhere { folder: folder.to_owned() })?;
        let source = format!("the data folder {}", folder.display());
        Ok(Keys { app: app.id.to_string(), master_key: app.master_key, source })
    }
}

/// A variable that is set to nothing is as good as none.
fn given(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

/// The key is what stands in the file, less the spaces and line ends around it.
pub(in crate::program) fn read_key(path: &Path) -> Result<String, Trouble> {
    let failed = |cause: io::Error| Trouble::File { path: path.to_owned(), cause };
    let file = File::open(path).map_err(failed)?;
    let mut text = String::new();
    file.take(LARGEST_KEY + 1).read_to_string(&mut text).map_err(failed)?;
    warn_of_readers(path);
    let key = text.trim();
    let is_key =
        !key.is_empty() && text.len() as u64 <= LARGEST_KEY && key.bytes().all(|b| b.is_ascii_graphic());
    if is_key { Ok(key.to_owned()) } else { Err(Trouble::NotAKey { path: path.to_owned() }) }
}

/// A pipe or a terminal is nobody else's.
fn warn_of_readers(path: &Path) {
    let Ok(metadata) = fs::metadata(path) else { return };
    if metadata.is_file() && metadata.mode() & 0o077 != 0 {
        let shown = path.display();
        let warning = format!(
            "grandstand: others than you can read {shown}: chmod 600 {shown}\n密钥文件可被他人读取，请修改权限。"
        );
        // Nobody is left to tell when this fails.
        let _ = writeln!(io::stderr(), "{warning}");
    }
}
