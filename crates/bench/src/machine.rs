//! What the kernel says: the machine itself, a process's memory, files and CPU time, TCP memory, file systems.

use std::{
    fmt::{self, Display},
    fs,
    path::Path,
    sync::OnceLock,
    thread,
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// Clock ticks per second in `/proc/PID/stat`; Linux fixes it for all programs.
const TICKS: u32 = 100;

/// Where a run was made. Figures of two machines do not compare.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// That this process may use.
    pub(crate) cores: usize,
    pub(crate) model: String,
    pub(crate) memory_bytes: u64,
    pub(crate) kernel: String,
}

/// With what a run was made, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tool {
    pub(crate) version: String,
    /// Of the repository when the tool was built; `make` tells it to the compiler.
    pub(crate) commit: Option<String>,
    /// RFC 3339.
    pub(crate) time: String,
}

impl Machine {
    /// As it was when this was first asked. The tool asks before it gives the server a core of its own.
    pub(crate) fn this() -> Self {
        static THIS: OnceLock<Machine> = OnceLock::new();
        THIS.get_or_init(Self::look).clone()
    }

    /// What cannot be found out is said to be unknown: a run is worth having even so.
    fn look() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        Self {
            cores: thread::available_parallelism().map_or(0, usize::from),
            model: model(&read("/proc/cpuinfo")).unwrap_or("unknown").to_owned(),
            memory_bytes: kilobytes(&read("/proc/meminfo"), "MemTotal:").unwrap_or_default(),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        }
    }
}

impl Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cores, model, memory_bytes, kernel } = self;
        let memory = *memory_bytes as f64 / 1_073_741_824.0;
        write!(f, "{cores} × {model}, {memory:.0} GiB, Linux {kernel}")
    }
}

impl Tool {
    pub(crate) fn this() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: option_env!("GRANDSTAND_COMMIT").filter(|commit| !commit.is_empty()).map(str::to_owned),
            time: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        }
    }
}

impl Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let commit = self.commit.as_deref().unwrap_or("commit unknown");
        write!(f, "{}, {commit}, {}", self.version, self.time)
    }
}

/// Open files of a process.
pub(crate) fn files(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/fd");
    let open = fs::read_dir(&path).with_context(|| format!("failed to read {path}"))?;
    Ok(u64::try_from(open.count())?)
}

/// Bytes of all files in a folder.
pub(crate) fn folder_size(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).with_context(|| format!("failed to read {}", folder.display()))? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { folder_size(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}

/// Resident memory of a process, in bytes.
pub(crate) fn resident(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).with_context(|| format!("failed to read {path}"))?;
    kilobytes(&status, "VmRSS:").context("no VmRSS: the process has ended")
}

/// CPU time of a process so far, user and system.
pub(crate) fn cpu(pid: u32) -> Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path).with_context(|| format!("failed to read {path}"))?;
    ticks(&stat).context("a /proc stat of another shape")
}

/// Memory that TCP holds for all sockets of the machine, both ends of loopback connections, in bytes.
pub(crate) fn tcp_memory() -> Result<u64> {
    let sockstat = fs::read_to_string("/proc/net/sockstat").context("failed to read /proc/net/sockstat")?;
    let smaps = fs::read_to_string("/proc/self/smaps").context("failed to read /proc/self/smaps")?;
    let page = kilobytes(&smaps, "KernelPageSize:").context("no page size")?;
    Ok(tcp_pages(&sockstat).context("a /proc sockstat of another shape")? * page)
}

/// Type of the file system that a folder is on, e.g. `ext4`.
pub(crate) fn file_system(folder: &Path) -> Result<String> {
    let folder = folder.canonicalize().with_context(|| format!("failed to find {}", folder.display()))?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").context("failed to read /proc/self/mountinfo")?;
    mount_type(&mounts, &folder).context("a /proc mountinfo of another shape")
}

/// The first processor's name.
fn model(cpuinfo: &str) -> Option<&str> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim())
}

/// A size such as `VmRSS:   1234 kB`, in bytes.
fn kilobytes(text: &str, label: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(label))?;
    let number: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(number * 1024)
}

/// `utime` and `stime`: the 14th and 15th field; the second one, a name in parentheses, may hold anything.
fn ticks(stat: &str) -> Option<Duration> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_secs(user + system) / TICKS)
}

fn tcp_pages(sockstat: &str) -> Option<u64> {
    let line = sockstat.lines().find_map(|line| line.strip_prefix("TCP:"))?;
    let mut words = line.split_whitespace().skip_while(|word| *word != "mem").skip(1);
    words.next()?.parse().ok()
}

/// The type of the longest mount point above the folder; of several there, the last one covers the others.
fn mount_type(mounts: &str, folder: &Path) -> Option<String> {
    let mut best: Option<(&Path, &str)> = None;
    for line in mounts.lines() {
        let (place, file_system) = line.split_once(" - ")?;
        let point = Path::new(place.split_whitespace().nth(4)?);
        let longest = best.is_none_or(|(known, _)| known.components().count() <= point.components().count());
        if folder.starts_with(point) && longest {
            best = Some((point, file_system.split_whitespace().next()?));
        }
    }
    best.map(|(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_unit() {
        let status = "Name:\tgrandstand\nVmPeak:\t  999 kB\nVmRSS:\t   1234 kB\n";
        assert_eq!(kilobytes(status, "VmRSS:"), Some(1234 * 1024));
        assert_eq!(kilobytes(status, "VmSwap:"), None);
    }

    #[test]
    fn cpu_time_is_found_behind_any_name() {
        let stat = "42 (a ) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 4 0 999";
        assert_eq!(ticks(stat), Some(Duration::from_secs(2)));
        assert_eq!(ticks("42"), None);
    }

    #[test]
    fn tcp_pages_are_the_ones_of_tcp() {
        let sockstat = "sockets: used 24\nTCP: inuse 5 orphan 0 tw 716 alloc 5 mem 224\nUDP: inuse 0 mem 7\n";
        assert_eq!(tcp_pages(sockstat), Some(224));
        assert_eq!(tcp_pages("UDP: inuse 0 mem 7"), None);
    }

    #[test]
    fn the_nearest_mount_counts() {
        let mounts = "25 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n\
                      26 25 0:20 / /tmp rw shared:1 - tmpfs tmpfs rw\n\
                      27 25 0:21 / /tmpfoo rw - xfs /dev/vdb rw\n";
        let kind = |folder| mount_type(mounts, Path::new(folder));
        assert_eq!(kind("/srv/data").as_deref(), Some("ext4"));
        assert_eq!(kind("/tmp/x").as_deref(), Some("tmpfs"));
        assert_eq!(kind("/tmpfoo").as_deref(), Some("xfs"));
    }

    #[test]
    fn the_processor_is_named() {
        let cpuinfo = "processor\t: 0\nmodel name\t: Xeon @ 2.10GHz\n\nprocessor\t: 1\nmodel name\t: other\n";
        assert_eq!(model(cpuinfo), Some("Xeon @ 2.10GHz"));
        assert_eq!(model("BogoMIPS : 50\n"), None);
    }

    #[test]
    fn this_machine_says_what_it_is() {
        let machine = Machine::this();
        assert!(machine.cores > 0 && machine.memory_bytes > 1 << 28, "{machine:?}");
        assert!(machine.to_string().contains(&format!("Linux {}", machine.kernel)), "{machine}");
    }

    #[test]
    fn folders_are_measured_with_what_is_below() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("below")).unwrap();
        fs::write(folder.path().join("a"), "12345").unwrap();
        fs::write(folder.path().join("below/b"), "678").unwrap();
        assert_eq!(folder_size(folder.path()).unwrap(), 8);
    }

    #[test]
    fn this_process_has_memory_files_and_time() {
        let own = std::process::id();
        assert!(files(own).unwrap() >= 3);
        assert!(resident(own).unwrap() > 100_000);
        while cpu(own).unwrap() == Duration::ZERO {
            std::hint::black_box(0);
        }
        assert!(tcp_memory().is_ok());
        assert!(!file_system(Path::new(".")).unwrap().is_empty());
    }
}
