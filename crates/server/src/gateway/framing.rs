//! Whether all who read a request agree where it ends. Two who do not are how requests are smuggled past one of them.

/// Whether the head of a request frames its body in two ways: by a length and by chunks, by several of either, or in
/// lines that some join to the one before. The HTTP library would choose one reading; a proxy before us may have
/// chosen the other.
pub(super) fn is_ambiguous(head: &[u8]) -> bool {
    let (mut lengths, mut codings, mut hosts) = (0, 0, 0);
    for line in head.split(|byte| *byte == b'\n').skip(1) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            break;
        }
        if line[0] == b' ' || line[0] == b'\t' {
            return true;
        }
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default().trim_ascii();
        for (header, count) in [
            (&b"content-length"[..], &mut lengths),
            (&b"transfer-encoding"[..], &mut codings),
            (&b"host"[..], &mut hosts),
        ] {
            *count += u32::from(name.eq_ignore_ascii_case(header));
        }
    }
    lengths + codings > 1 || hosts > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_framed_once() {
        for (lines, ambiguous) in [
            ("Host: a\r\nContent-Length: 3", false),
            ("Host: a\r\nTransfer-Encoding: chunked", false),
            ("Host: a", false),
            ("Content-Length: 3\r\nTransfer-Encoding: chunked", true),
            ("transfer-encoding: chunked\r\nA: b\r\nCONTENT-LENGTH: 3", true),
            ("Content-Length: 3\nTransfer-Encoding : chunked", true),
            ("Content-Length: 3\r\nContent-Length: 3", true),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", true),
            ("A: b\r\n Content-Length: 3", true),
            ("A: b\r\n\tc", true),
            ("Host: a\r\nHost: b", true),
            ("X-Content-Length: 3\r\nContent-Length: 3", false),
        ] {
            let head = format!("POST /a HTTP/1.1\r\n{lines}\r\n\r\nContent-Length: 7\r\nHost: c\r\n");
            assert_eq!(is_ambiguous(head.as_bytes()), ambiguous, "{lines:?}");
        }
    }
}
