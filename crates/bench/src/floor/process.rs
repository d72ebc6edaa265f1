//! The floor as a process of its own.

use std::{
    io::{self, Write},
    net::SocketAddr,
    process::Stdio,
    thread,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, ChildStdin, Command},
    time::timeout,
};

use super::{Floor, HELLO};
use crate::{
    options::FloorMode,
    socket::{Dial, tcp},
    transport::Transport,
};

/// How long its start may take.
const START: Duration = Duration::from_secs(10);

pub(crate) struct FloorProcess {
    child: Child,
    /// It ends with this.
    _stdin: ChildStdin,
    pub(crate) address: SocketAddr,
    pub(crate) pid: u32,
}

impl FloorProcess {
    /// `frame`: bytes of each.
    pub(crate) async fn start(mode: FloorMode, frame: usize) -> Result<Self> {
        let program = std::env::current_exe().context("failed to find this program")?;
        let mut child = Command::new(program)
            .args(["process", "floor", "--mode", mode.name(), "--frame", &frame.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("failed to start the floor")?;
        let pid = child.id().context("the floor ended at once")?;
        let stdin = child.stdin.take().context("the floor has no input")?;
        let stdout = child.stdout.take().context("the floor has no output")?;
        let mut lines = BufReader::new(stdout).lines();
        let line = timeout(START, lines.next_line()).await.context("the floor does not become ready")??;
        let address = line.context("the floor ended without becoming ready")?.parse()?;
        Ok(Self { child, _stdin: stdin, address, pid })
    }

    pub(crate) async fn stop(mut self) -> Result<()> {
        self.child.kill().await.context("failed to stop the floor")
    }
}

/// Connects a member or a publisher.
pub(crate) async fn connect(address: SocketAddr, dial: Dial) -> Result<Transport> {
    let mut stream = tcp(address, dial).await?;
    let hello = timeout(START, stream.read_u8()).await.context("the floor does not answer")?;
    ensure!(hello? == HELLO, "what answers is not the floor");
    Ok(Transport::Plain(stream))
}

/// Runs the floor until standard input ends.
pub(crate) fn serve(mode: FloorMode, frame: usize) -> Result<()> {
    rlimit::increase_nofile_limit(u64::MAX).context("failed to read the limit of open files")?;
    let mut floor = Floor::new(mode, frame)?;
    writeln!(io::stdout(), "{}", floor.listener.local_addr()?)?;
    thread::spawn(|| {
        io::copy(&mut io::stdin().lock(), &mut io::sink()).ok();
        std::process::exit(0);
    });
    floor.run()
}
