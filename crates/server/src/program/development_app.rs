//! The app of a server that was started without any: made once, kept in the data folder.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use rand::distr::{Alphanumeric, SampleString};
use serde::Deserialize;

use super::failure::Failure;
use crate::apps::{App, DEVELOPMENT_APP as FILE};

/// Characters of id and keys; Java wants ids of more than 8.
const LENGTH: usize = 24;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    id: String,
    key: String,
    master_key: String,
}

/// Reads the app, or makes it.
pub(super) fn load(data: &Path) -> Result<App, Failure> {
    let mut app = match read(data)? {
        Some(app) => app,
        None => make(data).map_err(|cause| Failure::Data { path: data.join(FILE), cause })?.into(),
    };
    app.name = Some("development".to_owned());
    app.demo = true;
    Ok(app)
}

/// The app, if it was made before.
pub(super) fn read(data: &Path) -> Result<Option<App>, Failure> {
    let path = data.join(FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(Failure::Data { path, cause }),
    };
    match toml::from_str::<Kept>(&text) {
        Ok(kept) => Ok(Some(kept.into())),
        Err(error) => Err(Failure::DevelopmentApp { path, problem: error.message().to_owned() }),
    }
}

impl From<Kept> for App {
    fn from(kept: Kept) -> Self {
        Self::new(kept.id, kept.key, kept.master_key)
    }
}

fn make(data: &Path) -> io::Result<Kept> {
    let random = || Alphanumeric.sample_string(&mut rand::rng(), LENGTH);
    let kept = Kept { id: random(), key: random(), master_key: random() };
    let text = format!(
        "# The app that Grandstand made because none was configured. It is used as long as that is so.\n\
         # 没有配置应用时，Grandstand 自动生成的开发应用。\n\
         id = \"{}\"\nkey = \"{}\"\nmaster_key = \"{}\"\n",
        kept.id, kept.key, kept.master_key
    );
    // Under another name first: a crash must not leave half a file.
    let draft = data.join(format!("{FILE}.new"));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, data.join(FILE))?;
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_app_is_made_once_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let made = load(folder.path()).unwrap();
        assert_eq!(made.id.as_str().len(), LENGTH);
        assert_ne!(made.key, made.master_key);
        assert_eq!(load(folder.path()).unwrap(), made);
        let mode = fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_spoilt_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "id = 1").unwrap();
        let failure = load(folder.path()).unwrap_err().to_string();
        assert!(failure.contains(FILE) && failure.contains("remove the file"), "{failure}");
    }
}
