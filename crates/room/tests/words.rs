//! The word filter: what it finds in texts of all kinds, and what it leaves alone.
#![expect(clippy::unwrap_used, reason = "a test says where it failed")]

use std::collections::HashSet;

use grandstand_protocol::Body;
use grandstand_room::words::{Folding, Hit, ListError, ListReader, MAX_WORD, MAX_WORDS, WordFilter};
use proptest::{collection::vec, prelude::*};

fn filter(words: &[&str], folding: Folding) -> WordFilter {
    WordFilter::new(words.iter().copied(), folding).unwrap()
}

fn masked(words: &[&str], text: &str) -> String {
    let found = filter(words, Folding::default()).filter(&Body::Text(text.to_owned()));
    match found.map(|filtered| filtered.body) {
        Some(Body::Text(text)) => text,
        other => {
            assert_eq!(other, None);
            text.to_owned()
        }
    }
}

#[test]
fn words_are_found_however_they_are_written() {
    for (words, text, expected) in [
        (&["傻瓜"][..], "你是傻瓜吗，傻 瓜", "你是***吗，傻 瓜"),
        (&["傻", "傻瓜", "傻瓜蛋"], "傻瓜蛋 傻瓜 傻", "*** *** ***"),
        (&["bc", "abcd"], "abcd abce", "*** a***e"),
        (&["she", "he"], "shehe", "******"),
        (&["Fool"], "FOOL fool ｆＯＯl fo0l", "*** *** *** fo0l"),
        (&["骂人"], "罵人 骂人 马人", "*** *** 马人"),
        (&["發財"], "发财！發财", "***！***"),
        (&["バカ"], "ﾊﾞｶ ばか", "ﾊﾞｶ ばか"),
        (&["アホ"], "ｱﾎ アﾎ", "*** ***"),
        (&["a b"], "A\u{3000}Ｂ", "***"),
        (&["ΣΑΣ"], "σας", "***"),
        (&["İx"], "İX ix", "*** ix"),
        (&["👎🏿"], "👎👎🏿", "👎***"),
        (&["x"], "", ""),
        (&[], "anything", "anything"),
    ] {
        assert_eq!(masked(words, text), expected, "{words:?} in {text:?}");
    }
}

#[test]
fn each_folding_can_be_switched_off() {
    let texts = ["fool", "FOOL", "ｆool", "罵", "骂"];
    let found = |folding: Folding| {
        let filter = filter(&["fool", "骂"], folding);
        texts.map(|text| u8::from(!filter.search(text).is_empty()))
    };
    assert_eq!(found(Folding::NONE), [1, 0, 0, 0, 1]);
    assert_eq!(found(Folding { case: true, ..Folding::NONE }), [1, 1, 0, 0, 1]);
    assert_eq!(found(Folding { width: true, ..Folding::NONE }), [1, 0, 1, 0, 1]);
    assert_eq!(found(Folding { script: true, ..Folding::NONE }), [1, 0, 0, 1, 1]);
    assert_eq!(found(Folding::default()), [1; 5]);
}

#[test]
fn pairs_of_characters_are_as_unihan_has_them() {
    let folding = Folding::default();
    for (traditional, simplified) in ["髮发", "發发", "後后", "臺台", "於于", "著着", "鐘钟", "鍾钟", "龜龟"]
        .map(|pair| (pair.chars().next().unwrap(), pair.chars().nth(1).unwrap()))
    {
        assert_eq!(folding.of(traditional), simplified);
    }
    for character in '\u{3400}'..='\u{9fff}' {
        let folded = folding.of(character);
        assert_eq!(folding.of(folded), folded, "{character} is at its end in one step");
    }
    for (half, full) in "｡｢｣､･ｦｧｯｰｱﾝ".chars().zip("。「」、・ヲァッーアン".chars())
    {
        assert_eq!(folding.of(half), full);
    }
}

#[test]
fn of_typed_messages_only_the_text_is_filtered() {
    for (text, expected) in [
        // All else stays byte for byte: order, spaces, numbers that no float can hold.
        (
            r#"{ "_lcattrs":{"n":12345678901234567890123,"bad":"bad"}, "_lctype":-1,"_lctext":"so bad" , "x":1.0}"#,
            r#"{ "_lcattrs":{"n":12345678901234567890123,"bad":"bad"}, "_lctype":-1,"_lctext":"so ***" , "x":1.0}"#,
        ),
        (
            r#"{"_lctype":-2,"_lctext":"bad","_lcfile":{"url":"http://bad"}}"#,
            r#"{"_lctype":-2,"_lctext":"***","_lcfile":{"url":"http://bad"}}"#,
        ),
        // Clients read the last of several; escapes hide nothing.
        (
            r#"{"_lctype":-1,"_lctext":"bad","_lctext":"bad2"}"#,
            r#"{"_lctype":-1,"_lctext":"***","_lctext":"***2"}"#,
        ),
        (r#"{"_lctype":-1,"_lctext":"\u0062\u0061d"}"#, r#"{"_lctype":-1,"_lctext":"***"}"#),
        (r#"{"_lctype":-1,"\u005flctext":"bad"}"#, r#"{"_lctype":-1,"\u005flctext":"***"}"#),
        (
            "{\"_lctype\":-1,\"_lctext\":\"bad\\ud800\"}",
            "{\"_lctype\":-1,\"_lctext\":\"***\u{fffd}\u{fffd}\u{fffd}\"}",
        ),
        (
            "{\"_lctype\":-1,\"_lctext\":\"bad\",\"\\udc00\":1}",
            "{\"_lctype\":-1,\"_lctext\":\"***\",\"\\udc00\":1}",
        ),
        (
            "\n\t {\"_lctype\":-1,\"_lctext\":\"bad \\\"quoted\\\"\"}",
            "\n\t {\"_lctype\":-1,\"_lctext\":\"*** \\\"quoted\\\"\"}",
        ),
        (r#"{"_lctype":-1,"_lctext":["bad"]}"#, r#"{"_lctype":-1,"_lctext":["bad"]}"#),
        (r#"{"_lctype":-1}"#, r#"{"_lctype":-1}"#),
        // No JSON: the text is all there is.
        (r#"{"_lctype":-1,"_lctext":"bad"} bad"#, r#"{"_lctype":-1,"_lctext":"***"} ***"#),
        (r#"{"_lctype":-1,"_lctext":"bad"#, r#"{"_lctype":-1,"_lctext":"***"#),
    ] {
        assert_eq!(masked(&["bad"], text), expected);
    }
    let binary = Body::Binary(b"bad".to_vec().into());
    assert_eq!(filter(&["bad"], Folding::default()).filter(&binary), None, "bytes are left alone");
}

#[test]
fn of_other_json_every_value_is_filtered_as_clients_read_it() {
    let deep = |text: &str| format!("{}{text}{}", "[".repeat(2000), "]".repeat(2000));
    for (text, expected) in [
        (r#"{"_lctext":"bad","b":"bad"}"#, r#"{"_lctext":"***","b":"***"}"#),
        (r#"[{"_lctype":-1,"x":"bad"}]"#, r#"[{"_lctype":-1,"x":"***"}]"#),
        (r#"{"text":"b\u0061d"}"#, r#"{"text":"***"}"#),
        (
            r#"{ "a" : [1.50, {"b":"so \u0062ad\n\"x\""}] , "c":true}"#,
            r#"{ "a" : [1.50, {"b":"so ***\n\"x\""}] , "c":true}"#,
        ),
        (r#"{"a":"b\\","c":"\u0062ad"}"#, r#"{"a":"b\\","c":"***"}"#),
        (r#" ["\u0062\u0061\u0064","bad\ud800"]"#, " [\"***\",\"***\u{fffd}\u{fffd}\u{fffd}\"]"),
        (r#""b\u0061d""#, r#""***""#),
        // Keys are the app's words and no text; the same string may be a value elsewhere.
        (r#"{"bad":"good","x" : "bad"}"#, r#"{"bad":"good","x" : "***"}"#),
        (r#"["bad" ,"x"]"#, r#"["***" ,"x"]"#),
        // Nothing was hit: not a byte is changed.
        (
            r#"{"a": "\u0067ood", "n": 12345678901234567890123}"#,
            r#"{"a": "\u0067ood", "n": 12345678901234567890123}"#,
        ),
        (r#"["a]"#, r#"["a]"#),
        ("[]", "[]"),
        (&deep(r#""b\u0061d""#), &deep(r#""***""#)),
    ] {
        assert_eq!(masked(&["bad"], text), expected);
    }
}

#[test]
fn every_hit_is_told() {
    let filter = filter(&["one", "two", "three"], Folding::default());
    let hits = |text: &str| filter.filter(&Body::Text(text.to_owned())).map(|filtered| filtered.hits);
    assert_eq!(hits("two one two ones"), Some(vec![1, 0, 1, 0]));
    assert_eq!(hits(r#"{"_lctype":-1,"_lctext":"three","_lctext":"one"}"#), Some(vec![2, 0]));
    assert_eq!(hits("nothing of these"), None);
    assert_eq!(hits("four"), None);
}

fn read(pieces: &[&[u8]]) -> Result<(Vec<String>, usize), ListError> {
    let mut reader = ListReader::default();
    pieces.iter().try_for_each(|piece| reader.read(piece))?;
    reader.finish()
}

#[test]
fn lists_are_read_piece_by_piece() {
    let text = "\u{feff}坏词\r\n\n  two words \nFOOL\nfool\nFOOL \n坏词\n\u{3000}last";
    let expected = (["坏词", "two words", "FOOL", "fool", "last"].map(str::to_owned).to_vec(), 2);
    assert_eq!(read(&[text.as_bytes()]), Ok(expected.clone()));
    let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
    assert_eq!(read(&bytes), Ok(expected));
    assert_eq!(read(&[]), Ok((Vec::new(), 0)));
    assert_eq!(read(&[b"\xe5\x9d"]), Err(ListError::Encoding(1)));
    assert_eq!(read(&[b"a\nb\n\xff\nc"]), Err(ListError::Encoding(3)));
    assert_eq!(read(&[b"a\nb\0c\n"]), Err(ListError::Control(2)));
    assert!(read(&["长".repeat(MAX_WORD).as_bytes()]).is_ok());
    assert_eq!(read(&["长".repeat(MAX_WORD + 1).as_bytes()]), Err(ListError::LongWord(1)));
    assert_eq!(read(&[b"a\n", &[b'x'; 70_000]]), Err(ListError::LongWord(2)), "before its line ends");
}

#[test]
fn a_list_of_the_most_words_is_taken_and_one_more_is_not() {
    let text = |words: usize| (0..words).map(|n| word(n) + "\n").collect::<String>();
    let (words, repeated) = read(&[text(MAX_WORDS).as_bytes()]).unwrap();
    assert_eq!((words.len(), repeated), (MAX_WORDS, 0));
    assert_eq!(read(&[text(MAX_WORDS + 1).as_bytes()]), Err(ListError::TooMany));
    let filter = WordFilter::new(words.iter().map(String::as_str), Folding::default()).unwrap();
    assert_eq!(filter.len(), MAX_WORDS);
    let hits = filter.search(&format!("{}，{}{}，", word(0), word(99_999), word(5)));
    assert_eq!(hits.iter().map(|hit| hit.word).collect::<Vec<_>>(), [0, 99_999, 5]);
}

/// Three characters that fold to nothing else.
fn word(number: usize) -> String {
    let digit = |n: usize| char::from_u32(0xac00 + n as u32).unwrap();
    [number % 100, number / 100 % 100, number / 10_000].map(digit).iter().collect()
}

/// Few letters, so that words are met; of each length in bytes, and with others that fold to them.
fn text(length: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    let letters = "aAａbBｂ骂罵发發髮ア ｱ\u{3000}𧹕䝻\"\\{ｦσςΣ👍";
    let letter = proptest::sample::select(letters.chars().collect::<Vec<_>>());
    vec(letter, length).prop_map(String::from_iter)
}

/// At each place the longest word, character by character.
fn naive(words: &[String], text: &str, folding: Folding) -> Vec<Hit> {
    let fold = |text: &str| text.chars().map(|c| folding.of(c)).collect::<Vec<char>>();
    let words: Vec<Vec<char>> = words.iter().map(|word| fold(word)).collect();
    let folded = fold(text);
    let bounds: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let (mut hits, mut at) = (Vec::new(), 0);
    while at < folded.len() {
        let begins = words.iter().enumerate().filter(|(_, word)| folded[at..].starts_with(word));
        let longest = begins.max_by_key(|(_, word)| word.len()).map(|(index, word)| (index, word.len()));
        let Some((word, length)) = longest else {
            at += 1;
            continue;
        };
        hits.push(Hit { word, start: bounds[at], end: bounds[at + length] });
        at += length;
    }
    hits
}

fn folding() -> impl Strategy<Value = Folding> {
    (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(case, width, script)| Folding {
        case,
        width,
        script,
    })
}

proptest! {
    #[test]
    fn search_finds_what_a_naive_one_does(
        words in vec(text(1..5), 0..12),
        text in text(0..40),
        folding in folding(),
    ) {
        let mut seen = HashSet::new();
        let words: Vec<String> = words.into_iter().filter(|word| seen.insert(folding.fold(word))).collect();
        let filter = WordFilter::new(words.iter().map(String::as_str), folding).unwrap();
        prop_assert_eq!(filter.search(&text), naive(&words, &text, folding));
    }

    #[test]
    fn a_typed_message_stays_one_whatever_is_in_it(
        words in vec(text(1..3), 1..6),
        text in text(0..40),
    ) {
        let folding = Folding::default();
        let mut seen = HashSet::new();
        let words: Vec<String> = words.into_iter().filter(|word| seen.insert(folding.fold(word))).collect();
        let filter = WordFilter::new(words.iter().map(String::as_str), folding).unwrap();
        let typed = |text: &str| serde_json::json!({"_lctype": -1, "_lctext": text, "other": "骂a"});
        let expected = filter.mask(&text).map(|(text, _)| typed(&text));
        let found = filter.filter(&Body::Text(typed(&text).to_string()));
        let found = found.map(|filtered| match filtered.body {
            Body::Text(text) => serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            Body::Binary(_) => panic!("a text became bytes"),
        });
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn other_json_stays_what_it_was_but_for_its_texts(
        words in vec(text(1..3), 1..6),
        text in text(0..40),
    ) {
        let folding = Folding::default();
        let mut seen = HashSet::new();
        let words: Vec<String> = words.into_iter().filter(|word| seen.insert(folding.fold(word))).collect();
        let filter = WordFilter::new(words.iter().map(String::as_str), folding).unwrap();
        let message = |text: &str| serde_json::json!({"骂a": [1, { "x": text }], "y": text});
        let escaped: String = message(&text).to_string().encode_utf16().map(|unit| match unit {
            0x20..0x7f => char::from(unit as u8).to_string(),
            unit => format!("\\u{unit:04x}"),
        }).collect();
        let expected = filter.mask(&text).map(|(text, _)| message(&text));
        let found = filter.filter(&Body::Text(escaped));
        let found = found.map(|filtered| match filtered.body {
            Body::Text(text) => serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            Body::Binary(_) => panic!("a text became bytes"),
        });
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn no_message_is_too_strange(text in ".{0,60}", words in vec(".{1,6}", 0..6)) {
        let filter = WordFilter::new(words.iter().map(String::as_str), Folding::default()).unwrap();
        if let Some((masked, hits)) = filter.mask(&text) {
            prop_assert_eq!(masked.matches("***").count() >= hits.len(), true);
        }
        for around in ["{\"_lctype\":1,\"_lctext\":\"%\"}", "{\"a\":\"%\"}", "[%]", "\"%\"", "{%"] {
            let _ = filter.filter(&Body::Text(around.replace('%', &text)));
        }
    }
}
