//! The real program as a child process: started, asked, signalled, ended.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

/// Longest wait for anything. Reaching it fails the test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Before the server has said where it listens.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// A server that serves.
pub(crate) struct Running {
    child: Child,
    pub(crate) public: SocketAddr,
    pub(crate) admin: SocketAddr,
    /// What it printed.
    pub(crate) announcement: String,
    log: mpsc::Receiver<String>,
}

/// The program in `folder`, with any free ports.
pub(crate) fn program(folder: &Path, data: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_grandstand"));
    command.args(["serve", "--bind", "127.0.0.1:0", "--admin-bind", "127.0.0.1:0", "--data", data]);
    command.current_dir(folder).env_clear();
    command
}

/// The same with its data in `folder`, and with `grandstand.toml` if that is there.
pub(crate) fn command(folder: &Path) -> Command {
    let mut command = program(folder, "data");
    let config = folder.join("grandstand.toml");
    if config.exists() {
        command.arg("--config").arg(config);
    }
    command
}

/// Runs the program to its end, which must come by itself.
pub(crate) fn run(command: &mut Command) -> Output {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.wait_with_output().unwrap()
}

impl Running {
    pub(crate) fn start(folder: &Path) -> Self {
        Self::start_command(&mut command(folder))
    }

    /// With a configuration file of this text.
    pub(crate) fn start_with(folder: &Path, config: &str) -> Self {
        fs::write(folder.join("grandstand.toml"), config).unwrap();
        Self::start(folder)
    }

    pub(crate) fn start_command(command: &mut Command) -> Self {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, log) = mpsc::channel();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));

        let mut announcement = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        while !announcement.contains("Ctrl-C 停止") {
            if output.read_line(&mut announcement).unwrap() == 0 {
                let said: Vec<String> = log.iter().collect();
                panic!("the server did not start: {}", said.join("\n"));
            }
        }
        let mut server = Self { child, public: NOWHERE, admin: NOWHERE, announcement, log };
        // A word list can be ready, too.
        let ready = server.wait_for_log(" bind=");
        let address = |field| {
            let text = ready.split_whitespace().find_map(|word| word.strip_prefix(field)).unwrap();
            text.parse().unwrap()
        };
        (server.public, server.admin) = (address("bind="), address("admin="));
        server
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line of the log.
    pub(crate) fn wait_for_log(&self, text: &str) -> String {
        loop {
            let line =
                self.log.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("the log never said {text:?}"));
            if line.contains(text) {
                return line;
            }
        }
    }

    /// What the log says until the program has ended, from where it was read to.
    pub(crate) fn rest_of_log(&self) -> Vec<String> {
        self.log.iter().collect()
    }

    pub(crate) fn signal(&self, name: &str) {
        let status =
            Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status().unwrap();
        assert!(status.success());
    }

    pub(crate) fn wait(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    pub(crate) fn connect(&self) -> TcpStream {
        connect(self.public)
    }

    /// One request on a connection of its own; the whole answer.
    pub(crate) fn get(&self, target: &str, headers: &[(&str, &str)]) -> String {
        request(self.public, "GET", target, headers)
    }

    /// The admin port's overview.
    pub(crate) fn overview(&self) -> serde_json::Value {
        serde_json::from_str(body(&request(self.admin, "GET", "/", &[]))).unwrap()
    }

    /// A counter of the admin port's metrics.
    pub(crate) fn counter(&self, name: &str) -> u64 {
        let metrics = request(self.admin, "GET", "/metrics", &[]);
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse().unwrap())
    }

    /// A WebSocket that says nothing.
    pub(crate) fn upgrade(&self) -> TcpStream {
        let mut stream = self.connect();
        stream.write_all(upgrade_request("/", &[]).as_bytes()).unwrap();
        let head = read_head(&mut stream);
        assert_eq!(status(&head), 101, "{head}");
        stream
    }

    /// Resident memory, in bytes.
    pub(crate) fn memory(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<usize>().unwrap() * 1024
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The value that stands last in the line of a label.
pub(crate) fn value<'a>(announcement: &'a str, label: &str) -> &'a str {
    let line = announcement.lines().find(|line| line.trim_start().starts_with(label));
    line.unwrap_or_else(|| panic!("no {label} in {announcement}")).split_whitespace().last().unwrap()
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

pub(crate) fn request(address: SocketAddr, method: &str, target: &str, headers: &[(&str, &str)]) -> String {
    let mut stream = connect(address);
    let mut text = format!("{method} {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{text}\r\n").as_bytes()).unwrap();
    read_to_end(&mut stream)
}

/// Everything until the server closes.
pub(crate) fn read_to_end(stream: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    // A reset behind the answer is an end, too.
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Everything up to the empty line behind the head.
pub(crate) fn read_head(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

pub(crate) fn status(answer: &str) -> u16 {
    answer.split_whitespace().nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
}

pub(crate) fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

/// The code of the close frame that comes next.
pub(crate) fn close_code(stream: &mut impl Read) -> u16 {
    let mut frame = [0; 4];
    stream.read_exact(&mut frame).unwrap();
    assert_eq!(frame[0], 0x88, "a close frame: {frame:?}");
    u16::from_be_bytes([frame[2], frame[3]])
}

/// An upgrade request, with changes: an empty value leaves a header out.
pub(crate) fn upgrade_request(target: &str, changes: &[(&str, &str)]) -> String {
    let mut headers = vec![
        ("Host", "chat.example.com"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    headers.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    headers.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("GET {target} HTTP/1.1\r\n{lines}\r\n")
}
