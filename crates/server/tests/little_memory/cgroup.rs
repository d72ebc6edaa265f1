//! A control group of the kernel that holds one process and so much memory, below the one that the test runs in.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{self, Command},
    sync::atomic::{AtomicU32, Ordering},
};

/// Goes when it is dropped, after its process.
pub(crate) struct Cgroup {
    folder: PathBuf,
    version: Version,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

impl Cgroup {
    /// `None` where this user may make none, as in most containers.
    pub(crate) fn with_memory(bytes: usize) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let below = |root: &str, path: &str| PathBuf::from(format!("{root}{path}"));
        let (parent, version) = own
            .lines()
            .find_map(|line| {
                let (_, rest) = line.split_once(':')?;
                let (controllers, path) = rest.split_once(':')?;
                let is_memory = controllers.split(',').any(|controller| controller == "memory");
                is_memory.then(|| (below("/sys/fs/cgroup/memory", path), Version::One))
            })
            .or_else(|| {
                let path = own.lines().find_map(|line| line.strip_prefix("0::"))?;
                Some((below("/sys/fs/cgroup", path), Version::Two))
            })?;
        let name = format!("grandstand-test-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = parent.join(name);
        fs::create_dir(&folder).ok()?;
        let cgroup = Self { folder, version };
        let limits: &[&str] = match version {
            // What the kernel holds for sockets counts apart here; in version 2 it is part of the whole.
            Version::One => &["memory.limit_in_bytes", "memory.kmem.tcp.limit_in_bytes"],
            Version::Two => &["memory.max"],
        };
        limits.iter().all(|file| cgroup.write(file, &bytes.to_string())).then_some(cgroup)
    }

    /// The same program, started in here.
    pub(crate) fn confine(&self, program: &Command) -> Command {
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg("echo $$ > \"$0\" && exec \"$@\"").arg(self.folder.join("cgroup.procs"));
        command.arg(program.get_program()).args(program.get_args());
        command
    }

    /// Processes that the kernel ended for want of memory.
    pub(crate) fn killed(&self) -> u64 {
        self.field(match self.version {
            Version::One => "memory.oom_control",
            Version::Two => "memory.events",
        })
    }

    /// The most memory that was ever in use, the kernel's and cached files included.
    pub(crate) fn peak(&self) -> Option<u64> {
        let read = |file: &str| fs::read_to_string(self.folder.join(file)).ok()?.trim().parse().ok();
        match self.version {
            Version::One => {
                let sockets: u64 = read("memory.kmem.tcp.max_usage_in_bytes")?;
                Some(read("memory.max_usage_in_bytes")? + sockets)
            }
            Version::Two => read("memory.peak"),
        }
    }

    fn field(&self, file: &str) -> u64 {
        let text = fs::read_to_string(self.folder.join(file)).unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        value.unwrap_or_else(|| panic!("no oom_kill in {text}")).parse().unwrap()
    }

    fn write(&self, file: &str, text: &str) -> bool {
        let path: &Path = &self.folder.join(file);
        path.exists() && fs::write(path, text).is_ok()
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.folder);
    }
}
