//! Annotated hex: pairs of digits, quoted text for its UTF-8 bytes, and comments from `;` to the end of the line.

/// The bytes that `notation` describes.
pub(crate) fn bytes(notation: &str) -> Vec<u8> {
    notation.lines().flat_map(line).collect()
}

fn line(line: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            ';' => break,
            '"' | '\'' => {
                let (text, _) = rest[1..].split_once(first).expect("the quote is closed");
                bytes.extend_from_slice(text.as_bytes());
                text.len() + 2
            }
            _ => {
                bytes.push(u8::from_str_radix(&rest[..2], 16).expect("two hexadecimal digits"));
                2
            }
        };
        rest = rest[taken..].trim_start();
    }
    bytes
}

#[test]
fn text_and_comments_stand_among_digits() {
    assert_eq!(bytes("0a 02 \"h;\" ; one\n ff 'q\"'"), b"\x0a\x02h;\xffq\"");
}
