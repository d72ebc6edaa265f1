//! More clients than the process may have files.

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    running::{PATIENCE, Running, read_head, request, status, upgrade_request},
    server,
};

const CLIENTS: usize = 3000;

/// The program under a limit of 1024 files.
fn start_with_few_files(folder: &Path, limits: &str) -> Running {
    let program = server::prepared(folder, limits);
    let mut command = Command::new("sh");
    command.arg("-c").arg("ulimit -n 1024 && exec \"$0\" \"$@\"").arg(program.get_program());
    command.args(program.get_args()).current_dir(folder).env_clear();
    Running::start_command(&mut command)
}

/// The server waits, and does not try again and again.
fn does_not_spin(server: &Running) {
    let before = processor(server.pid());
    let idle = Instant::now();
    std::thread::park_timeout(Duration::from_secs(2));
    let used = (processor(server.pid()) - before) / idle.elapsed().as_secs_f64();
    assert!(used < 0.2, "{:.0} % of a processor for nothing", used * 100.0);
}

/// Seconds of processor that the process has used.
fn processor(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u32 = fields[11..13].iter().map(|field| field.parse::<u32>().unwrap()).sum();
    f64::from(ticks) / 100.0
}

/// A client that asks for an upgrade and waits for the answer no longer than need be.
fn knock(server: &Running) -> TcpStream {
    let mut stream = TcpStream::connect(server.public).unwrap();
    stream.set_nonblocking(true).unwrap();
    let _ = stream.write(upgrade_request("/", &[]).as_bytes());
    stream
}

fn upgrades(server: &Running) -> bool {
    let mut stream = server.connect();
    stream.write_all(upgrade_request("/", &[]).as_bytes()).unwrap();
    status(&read_head(&mut stream)) == 101
}

fn within(patience: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < patience, "{what}: not within {patience:?}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

#[test]
fn the_server_goes_on_and_recovers_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = start_with_few_files(folder.path(), "first_command_timeout = \"10m\"\n");
    let mut clients: Vec<TcpStream> = (0..CLIENTS).map(|_| knock(&server)).collect();
    let refused = |client: &mut TcpStream| {
        let mut answer = [0; 12];
        match client.read(&mut answer) {
            Ok(12) => &answer[9..] == b"503",
            Ok(_) => true,
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        }
    };
    // Who was displaced, refused or cut off has gone; the others are as many as there may be.
    within(PATIENCE, "the rest is refused", || {
        clients.retain_mut(|client| !refused(client));
        clients.len() < 1024
    });
    assert_eq!(status(&request(server.admin, "GET", "/healthz", &[])), 200, "the admin port answers");
    does_not_spin(&server);
    drop(clients);
    within(Duration::from_secs(1), "a new client gets in", || upgrades(&server));
}

/// The files run out under the server: something else of the process took them.
#[test]
fn a_process_without_files_waits_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let server = start_with_few_files(folder.path(), "");
    let held = fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap().count();
    let lowered = format!("--nofile={0}:{0}", held + 20);
    let prlimit = Command::new("prlimit").args(["--pid", &server.pid().to_string(), &lowered]).status();
    assert!(prlimit.unwrap().success());
    let clients: Vec<TcpStream> = (0..200).map(|_| knock(&server)).collect();
    server.wait_for_log("cannot accept connections for now");
    does_not_spin(&server);
    drop(clients);
    within(Duration::from_secs(2), "a new client gets in", || upgrades(&server));
    server.wait_for_log("accepting connections again");
}
