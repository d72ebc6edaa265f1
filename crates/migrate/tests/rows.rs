//! Files of a storage export: every form gives the same rows, and broken or hostile ones harm nothing.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{fs, io::Write, path::PathBuf};

use bson::{DateTime, doc, oid::ObjectId, spec::BinarySubtype};
use flate2::{Compression, write::GzEncoder};
use grandstand_migrate::rows::{Row, Rows, RowsError};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tempfile::TempDir;

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn write(&self, content: &[u8]) -> PathBuf {
        let path = self.0.path().join("file");
        fs::write(&path, content).unwrap();
        path
    }

    fn read(&self, content: &[u8]) -> Vec<Result<Row, RowsError>> {
        let path = self.write(content);
        Rows::open(&path).unwrap().collect()
    }

    /// The columns of rows that are all sound.
    fn columns(&self, content: &[u8]) -> Vec<Value> {
        let rows = self.read(content).into_iter();
        rows.map(|row| Value::Object(row.unwrap().columns.unwrap())).collect()
    }
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(content).unwrap();
    packer.finish().unwrap()
}

fn problem(row: &Result<Row, RowsError>) -> String {
    row.as_ref().unwrap_err().to_string()
}

#[test]
fn every_form_gives_the_same_rows() {
    let files = Files::new();
    let expected = [
        json!({ "objectId": "a", "name": "一, ]\"}\\", "n": [1, { "x": null }], "tr": true }),
        json!({ "objectId": "b" }),
        json!({}),
    ];
    let texts: Vec<String> = expected.iter().map(Value::to_string).collect();
    let lines = texts.join("\n");
    let header = "#filetype:JSON-streaming {\"type\":\"Class\",\"class\":\"_Conversation\"}\r\n";
    let documents = [
        doc! { "objectId": "a", "name": "一, ]\"}\\", "n": [1, { "x": null }], "tr": true },
        doc! { "objectId": "b" },
        doc! {},
    ];
    let documents: Vec<u8> = documents.iter().flat_map(|row| row.to_vec().unwrap()).collect();
    for content in [
        lines.clone().into_bytes(),
        format!("{lines}\n").into_bytes(),
        format!("\u{feff}{header}{}\r\n\r\n", texts.join("\r\n")).into_bytes(),
        format!("[{}]", texts.join(",")).into_bytes(),
        format!("\u{feff} \n[\n  {}\n]\n", texts.join(" ,\n  ")).into_bytes(),
        serde_json::to_vec_pretty(&expected).unwrap(),
        documents,
    ] {
        assert_eq!(files.columns(&content), expected, "{:?}", String::from_utf8_lossy(&content));
        assert_eq!(files.columns(&gzip(&content)), expected);
    }
    for empty in [&b""[..], b"\n", b"[]", b" [ ] ", &gzip(b"")] {
        assert_eq!(files.columns(empty), [] as [Value; 0]);
    }
}

#[test]
fn bson_says_what_rest_says() {
    let files = Files::new();
    let id = ObjectId::parse_str("5e0be100aaaaaaaaaaaaaaaa").unwrap();
    let document = doc! {
        "_id": id,
        "createdAt": DateTime::from_millis(1_577_836_800_123),
        "int": 1_i32, "long": 9_007_199_254_740_993_i64, "whole": 2.0, "half": 0.5, "far": f64::INFINITY,
        "bytes": bson::Binary { subtype: BinarySubtype::Generic, bytes: vec![0] },
        "user": { "$ref": "_User", "$id": id },
        "none": null, "list": [id, { "deep": true }],
        "regex": bson::Regex { pattern: "a".try_into().unwrap(), options: "i".try_into().unwrap() },
    };
    let expected = json!({
        "_id": "5e0be100aaaaaaaaaaaaaaaa",
        "createdAt": { "__type": "Date", "iso": "2020-01-01T00:00:00.123Z" },
        "int": 1, "long": 9_007_199_254_740_993_i64, "whole": 2, "half": 0.5, "far": "inf",
        "bytes": { "__type": "Bytes", "base64": "AA==" },
        "user": { "__type": "Pointer", "className": "_User", "objectId": "5e0be100aaaaaaaaaaaaaaaa" },
        "none": null, "list": ["5e0be100aaaaaaaaaaaaaaaa", { "deep": true }],
        "regex": { "$regularExpression": { "pattern": "a", "options": "i" } },
    });
    assert_eq!(files.columns(&document.to_vec().unwrap()), [expected]);
}

#[test]
fn a_broken_row_does_not_end_the_rest() {
    let files = Files::new();
    let check = |content: &str, expected: &[Option<&str>]| {
        let rows: Vec<Row> = files.read(content.as_bytes()).into_iter().map(Result::unwrap).collect();
        let raws: Vec<Option<&str>> = rows
            .iter()
            .map(|row| row.columns.is_err().then(|| std::str::from_utf8(&row.raw).unwrap()))
            .collect();
        assert_eq!(raws, expected, "{content}");
    };
    check("{\"a\":1}\n{\"a\n7\n{\"b\":2}\n", &[None, Some("{\"a"), Some("7"), None]);
    check("[{\"a\":1},{\"a\":},[],{\"b\":2}]", &[None, Some("{\"a\":}"), Some("[]"), None]);
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(120), "]".repeat(120));
    check(&format!("{deep}\n{{}}\n"), &[Some(&deep), None]);
}

#[test]
fn where_rows_cannot_be_told_apart_it_ends_with_an_error() {
    let files = Files::new();
    let check = |content: &[u8], before: usize, words: &str| {
        let rows = files.read(content);
        assert_eq!(rows.len(), before + 1, "{words}");
        assert!(rows[..before].iter().all(Result::is_ok), "{words}");
        assert!(problem(&rows[before]).contains(words), "{}", problem(&rows[before]));
    };
    check(b"[{},{}", 1, "ends within the array");
    check(b"[{},{\"a", 1, "ends within the array");
    check(b"[{}]{}", 1, "behind the array");
    check(b"[{}][{}]", 1, "behind the array");
    let mut documents = (doc! { "_id": "a" }).to_vec().unwrap();
    let whole = documents.len();
    documents.extend_from_slice(&documents.clone());
    check(&documents[..=whole], 1, "ends within a length");
    check(&documents[..whole + 4], 1, "instead of");
    check(&documents[..2 * whole - 1], 1, "instead of");
    documents[whole..whole + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    check(&documents, 1, "cannot have 4294967295 bytes");
    documents[whole..whole + 4].copy_from_slice(&4_u32.to_le_bytes());
    check(&documents, 1, "cannot have 4 bytes");
    // The length may lie within bounds: no memory is taken for what does not come.
    documents[whole..whole + 4].copy_from_slice(&(16_u32 << 20).to_le_bytes());
    check(&documents, 1, "instead of 16777216");
    let packed = gzip(b"{}\n{}\n");
    check(&packed[..packed.len() - 4], 2, "");
}

#[test]
fn what_is_something_else_is_refused() {
    let files = Files::new();
    for content in [&b"<html>"[..], b"objectId,name\n", b"PK\x03\x04zip", b"\x89PNG\r\n"] {
        assert!(matches!(Rows::open(&files.write(content)), Err(RowsError::Foreign(_))), "{content:?}");
    }
    let other = files.read(b"#filetype:JSON-streaming {\"type\":\"Class\",\"class\":\"_User\"}\n{}\n");
    assert!(problem(&other[0]).contains("rows of _User"));
    assert!(matches!(Rows::open(&files.0.path().join("none")), Err(RowsError::Io { .. })));
}

#[test]
fn hostile_documents_are_set_aside() {
    let files = Files::new();
    // Deeper than any stack: each level is a document with one element.
    let mut nested = doc! {};
    for _ in 0..200 {
        nested = doc! { "a": nested };
    }
    let mut content = nested.to_vec().unwrap();
    let sound = (doc! { "_id": "b" }).to_vec().unwrap();
    content.extend_from_slice(&sound);
    let rows: Vec<Row> = files.read(&content).into_iter().map(Result::unwrap).collect();
    assert!(rows[0].columns.as_ref().unwrap_err().contains("too deep"), "{:?}", rows[0].columns);
    assert!(!rows[0].raw.is_empty() && rows[1].columns.is_ok());

    let mut random = StdRng::seed_from_u64(7);
    let valid = doc! { "_id": "a", "list": [1, "x", { "y": 2.5 }], "at": DateTime::from_millis(5) };
    let valid = valid.to_vec().unwrap();
    for _ in 0..3000 {
        let mut spoilt = valid.clone();
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(0..spoilt.len());
            spoilt[at] = random.random();
        }
        let path = files.write(&spoilt);
        // Whatever it takes this for, it comes to an end.
        if let Ok(rows) = Rows::open(&path) {
            assert!(rows.count() <= spoilt.len());
        }
    }
}
