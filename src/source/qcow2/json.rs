//! JSON as QEMU writes it into the name of a file: objects of strings, and strings are all that is
//! taken. RFC 8259, strictly: no key twice, nothing behind the end. A name has at most 1023 bytes.

use super::fault::{Checked, damaged, shown, unsupported};
use crate::error::try_push;

/// Objects within each other. Two have a meaning.
const DEPTH_MAX: usize = 4;

/// The strings of an object and of those within it, whose keys are joined by dots, as QEMU takes them
/// too; in their order.
pub fn strings(text: &[u8]) -> Checked<Vec<(String, String)>> {
    let Ok(text) = std::str::from_utf8(text) else {
        return damaged("is no JSON: it is not UTF-8");
    };
    let mut parser = Parser {
        text,
        at: 0,
        found: Vec::new(),
    };
    parser.space();
    parser.object("", 0)?;
    parser.space();
    match parser.peek() {
        None => Ok(parser.found),
        Some(_) => parser.wrong("the end"),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    found: Vec<(String, String)>,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn wrong<T>(&self, wanted: &str) -> Checked<T> {
        damaged(format!("is no JSON: at byte {} is not {wanted}", self.at))
    }

    fn object(&mut self, path: &str, depth: usize) -> Checked<()> {
        if depth == DEPTH_MAX {
            return unsupported(format!("has objects within '{}'", shown(path.as_bytes())));
        }
        if !self.take(b'{') {
            return self.wrong("an object");
        }
        self.space();
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            self.space();
            self.member(path, depth)?;
            self.space();
            match (self.take(b','), self.take(b'}')) {
                (true, false) => {}
                (false, true) => return Ok(()),
                _ => return self.wrong("a comma or the end of an object"),
            }
        }
    }

    fn member(&mut self, path: &str, depth: usize) -> Checked<()> {
        let mut key = self.string()?;
        if !path.is_empty() {
            key = format!("{path}.{key}");
        }
        self.space();
        if !self.take(b':') {
            return self.wrong("a colon");
        }
        self.space();
        match self.peek() {
            Some(b'{') => self.object(&key, depth + 1),
            Some(b'"') => {
                let value = self.string()?;
                if self.found.iter().any(|(other, _)| *other == key) {
                    return damaged(format!("says '{}' twice", shown(key.as_bytes())));
                }
                try_push(&mut self.found, (key, value), "the name of a file")?;
                Ok(())
            }
            _ => unsupported(format!(
                "has something else than a string for '{}'",
                shown(key.as_bytes())
            )),
        }
    }

    fn string(&mut self) -> Checked<String> {
        if !self.take(b'"') {
            return self.wrong("a string");
        }
        let mut out = String::new();
        loop {
            let Some(c) = self
                .text
                .get(self.at..)
                .and_then(|rest| rest.chars().next())
            else {
                return self.wrong("the rest of a string");
            };
            self.at += c.len_utf8();
            match c {
                '"' => return Ok(out),
                '\\' => out.push(self.escape()?),
                '\0'..'\x20' => return self.wrong("what a string may hold"),
                c => out.push(c),
            }
        }
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Checked<char> {
        let Some(kind) = self.peek() else {
            return self.wrong("an escape");
        };
        self.at += 1;
        Ok(match kind {
            b'"' | b'\\' | b'/' => char::from(kind),
            b'b' => '\x08',
            b'f' => '\x0c',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.four_digits()?;
                let code = match first {
                    0xd800..0xdc00 if self.take(b'\\') && self.take(b'u') => {
                        match self.four_digits()? {
                            second @ 0xdc00..0xe000 => {
                                0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                            }
                            _ => return self.wrong("the second half of a character"),
                        }
                    }
                    _ => first,
                };
                match char::from_u32(code) {
                    Some(c) => c,
                    None => return self.wrong("a character"),
                }
            }
            _ => return self.wrong("an escape"),
        })
    }

    fn four_digits(&mut self) -> Checked<u32> {
        let digits = self.text.get(self.at..).and_then(|rest| rest.get(..4));
        let hex = |digits: &&str| digits.bytes().all(|b| b.is_ascii_hexdigit());
        let code = digits
            .filter(hex)
            .and_then(|d| u32::from_str_radix(d, 16).ok());
        match code {
            Some(code) => {
                self.at += 4;
                Ok(code)
            }
            None => self.wrong("four hexadecimal digits"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fault::Fault;
    use super::*;

    fn found(text: &str) -> Vec<(String, String)> {
        strings(text.as_bytes()).unwrap()
    }

    #[test]
    fn objects_of_strings_are_read() {
        assert_eq!(found("{}"), []);
        let pair = |k: &str, v: &str| (k.to_owned(), v.to_owned());
        let both = [pair("driver", "qcow2"), pair("file.filename", "/x y")];
        for text in [
            r#"{"driver":"qcow2","file":{"filename":"/x y"}}"#,
            r#"{"driver":"qcow2","file.filename":"/x y"}"#,
            " {\n\"driver\" :\t\"qcow2\" , \"file\" : { \"filename\" : \"\\/x\\u0020y\" } }\r\n",
        ] {
            assert_eq!(found(text), both, "{text}");
        }
        assert_eq!(
            found(r#"{"a":"\"\\\/\b\f\n\r\té\u00e9\ud83d\ude00"}"#),
            [pair("a", "\"\\/\x08\x0c\n\r\té\u{e9}\u{1f600}")]
        );
        assert_eq!(found(r#"{"":{"":""}}"#), [pair("", "")]);
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in [
            "",
            " ",
            "{",
            "}",
            "[]",
            "\"x\"",
            "{}x",
            "{} {}",
            "{\"a\"}",
            "{\"a\":\"b\",}",
            "{,}",
            "{\"a\":\"b\" \"c\":\"d\"}",
            "{'a':'b'}",
            "{a:\"b\"}",
            "{\"a\":\"b}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\u12\"}",
            "{\"a\":\"\\u+123\"}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":\"\\ud800\\u0041\"}",
            "{\"a\":\"\\udc00\"}",
            "{\"a\":\"\n\"}",
            "{\"a\":\"b\",\"a\":\"b\"}",
            "{\"a\":{\"b\":\"c\"},\"a.b\":\"c\"}",
            "{\"a\":\"\\",
            "{\"a\":\"\\u",
            "\u{feff}{}",
        ] {
            let refused = strings(text.as_bytes());
            assert!(
                matches!(refused, Err(Fault::Damaged(_))),
                "{text}: {refused:?}"
            );
        }
        assert!(matches!(
            strings(b"{\"a\":\"\xff\"}"),
            Err(Fault::Damaged(_))
        ));
    }

    #[test]
    fn other_values_and_depths_are_refused_by_name() {
        for value in ["1", "-1.5e3", "true", "false", "null", "[]", "[\"x\"]"] {
            let refused = strings(format!("{{\"some.key\":{value}}}").as_bytes());
            let Err(Fault::Unsupported(text)) = refused else {
                panic!("{value}: {refused:?}");
            };
            assert!(text.contains("'some.key'"), "{text}");
        }
        let deep = "{\"a\":".repeat(200) + "{}" + &"}".repeat(200);
        assert!(matches!(
            strings(deep.as_bytes()),
            Err(Fault::Unsupported(_))
        ));
    }

    #[test]
    fn no_cut_or_changed_byte_is_a_panic() {
        let text =
            br#"{"driver":"qcow2","file":{"driver":"file","filename":"/\ud83d\ude00\u00e9"}}"#;
        for len in 0..text.len() {
            assert!(strings(&text[..len]).is_err());
        }
        for at in 0..text.len() {
            for byte in 0..=255 {
                let mut changed = text.to_vec();
                changed[at] = byte;
                let _ = strings(&changed);
            }
        }
    }
}
