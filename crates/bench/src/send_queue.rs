//! What the kernel holds of a server's output: bytes that its sockets took and no peer has acknowledged.

use std::fs;

use anyhow::{Context, Result};

/// Of all sockets with this port at their own end, in bytes.
pub(crate) fn held(port: u16) -> Result<u64> {
    let mut sum = 0;
    for path in ["/proc/net/tcp", "/proc/net/tcp6"] {
        // Without IPv6 the second one does not exist.
        if let Ok(table) = fs::read_to_string(path) {
            sum += queued(&table, port).with_context(|| format!("a {path} of another shape"))?;
        }
    }
    Ok(sum)
}

/// Columns: number, own address, peer's address, state, send queue:receive queue.
fn queued(table: &str, port: u16) -> Option<u64> {
    let mut sum = 0;
    for line in table.lines().skip(1) {
        let mut columns = line.split_whitespace().skip(1);
        let own = columns.next()?.rsplit_once(':')?.1;
        let queues = columns.nth(2)?;
        if u16::from_str_radix(own, 16).ok()? == port {
            sum += u64::from_str_radix(queues.split_once(':')?.0, 16).ok()?;
        }
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        net::{TcpListener, TcpStream},
    };

    use super::*;

    #[test]
    fn the_send_queues_of_a_port_are_added() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when\n   \
                     0: 0100007F:1F90 0200007F:C350 01 00000010:00000000 00:00000000\n   \
                     1: 0200007F:C350 0100007F:1F90 01 00000400:00000000 00:00000000\n   \
                     2: 0100007F:1F90 0200007F:C351 01 00000001:00000000 00:00000000\n";
        assert_eq!(queued(table, 8080), Some(17));
        assert_eq!(queued("header\nnonsense", 8080), None);
    }

    #[test]
    fn what_nobody_reads_is_held() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let _peer = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        while stream.write(&[0; 65536]).is_ok() {}
        assert!(held(port).unwrap() > 1000);
    }
}
