//! Text that should be JSON, read as far as it can be.
//!
//! What serde_json refuses and other writers of JSON produce: halves of surrogate pairs, bytes that are no UTF-8, a byte
//! order mark, UTF-16, numbers beyond all bounds, line breaks in texts, deep nesting, something after the end, or no end.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::{Map, Number, Value};

/// How deep values may nest. What is deeper is left out: serde_json refuses more than 128.
const MAX_DEPTH: usize = 100;

/// JSON that was read tolerantly.
#[derive(Debug, PartialEq)]
pub struct Mended {
    /// What it says.
    pub value: Value,
    /// Whether it ends in the middle. What was not complete is left out.
    pub is_cut_off: bool,
    /// Which objects have a field twice, the last of which counts: `None` is the outermost one, a name the object in that
    /// field of it. Deeper ones are not told.
    pub doubles: BTreeSet<Option<String>>,
    /// Whether something comes after its end. That is left out.
    pub has_trailer: bool,
}

/// Reads JSON tolerantly: what is no Unicode becomes U+FFFD, what is no number a list in a list. None: it is not JSON at all.
#[must_use]
pub fn mend(body: &[u8]) -> Option<Mended> {
    let text = decode(body);
    let mut reader =
        Reader { text: text.as_bytes(), at: 0, depth: 0, field: None, is_cut_off: false, doubles: BTreeSet::new() };
    let value = reader.value().ok()?;
    reader.skip_space();
    let has_trailer = reader.peek().is_some();
    let Reader { is_cut_off, doubles, .. } = reader;
    Some(Mended { value, is_cut_off, doubles, has_trailer })
}

/// The text of a body, without its byte order mark; what is no Unicode becomes U+FFFD.
#[must_use]
pub fn decode(body: &[u8]) -> Cow<'_, str> {
    let utf16 = |body: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = body.chunks_exact(2).filter_map(|pair| pair.try_into().ok()).map(unit);
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    };
    match body {
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest),
        [0xFF, 0xFE, rest @ ..] => Cow::Owned(utf16(rest, u16::from_le_bytes)),
        [0xFE, 0xFF, rest @ ..] => Cow::Owned(utf16(rest, u16::from_be_bytes)),
        // JSON begins with an ASCII character, which shows the order of the bytes (RFC 4627, section 3).
        [b'{', 0, ..] => Cow::Owned(utf16(body, u16::from_le_bytes)),
        [0, b'{', ..] => Cow::Owned(utf16(body, u16::from_be_bytes)),
        _ => String::from_utf8_lossy(body),
    }
}

/// What stands for a number that is none (`NaN`), or is beyond all bounds. No field has this form, not even a list: a
/// reading finds nothing in it, and notes that.
fn no_number() -> Value {
    serde_json::json!([["\u{fffd}"]])
}

/// Whether a number of JSON text is another one once it is a double: it has more digits than a double holds for certain,
/// and is not read as a whole number.
fn is_rounded(number: &str) -> bool {
    let mantissa = number.split(['e', 'E']).next().unwrap_or_default();
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    digits.trim_matches('0').len() > f64::DIGITS as usize && whole(number).is_none()
}

/// A whole number, also one that is written with a fraction of zero.
fn whole(number: &str) -> Option<Number> {
    let digits = match number.split_once('.') {
        Some((before, after)) if !after.is_empty() && after.bytes().all(|digit| digit == b'0') => before,
        Some(_) | None => number,
    };
    digits.parse::<i64>().map(Number::from).or_else(|_| digits.parse::<u64>().map(Number::from)).ok()
}

/// Whether JSON text has a number that reading it rounds.
pub(super) fn has_rounded(body: &[u8]) -> bool {
    let is_of_number = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let mut rest = body;
    while let Some((&first, after)) = rest.split_first() {
        rest = match first {
            b'"' => after_string(after),
            b'-' | b'0'..=b'9' => {
                let length = rest.iter().take_while(|byte| is_of_number(byte)).count();
                let (number, after) = rest.split_at(length);
                if std::str::from_utf8(number).is_ok_and(is_rounded) {
                    return true;
                }
                after
            }
            _ => after,
        };
    }
    false
}

/// What follows a string of which this is the rest.
fn after_string(mut rest: &[u8]) -> &[u8] {
    loop {
        rest = match rest {
            [b'"', after @ ..] => return after,
            [b'\\', _, after @ ..] | [_, after @ ..] => after,
            [] => return rest,
        };
    }
}

/// Why a value could not be read.
enum Stop {
    /// The text ended.
    End,
    /// It is not JSON.
    NotJson,
}

struct Reader<'a> {
    /// UTF-8.
    text: &'a [u8],
    at: usize,
    depth: usize,
    /// The field of the outermost object that is being read.
    field: Option<String>,
    is_cut_off: bool,
    doubles: BTreeSet<Option<String>>,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Result<u8, Stop> {
        let byte = self.peek().ok_or(Stop::End)?;
        self.at += 1;
        Ok(byte)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self) -> Result<Value, Stop> {
        self.skip_space();
        match self.peek().ok_or(Stop::End)? {
            b'{' | b'[' if self.depth == MAX_DEPTH => self.skip().map(|()| Value::Null),
            b'{' => self.nested(Self::object),
            b'[' => self.nested(Self::array),
            b'"' => self.string().map(Value::String),
            _ => self.word(),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Value, Stop>) -> Result<Value, Stop> {
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn object(&mut self) -> Result<Value, Stop> {
        let mut fields = Map::new();
        let mut field = |this: &mut Self| {
            this.skip_space();
            if this.peek().ok_or(Stop::End)? != b'"' {
                return Err(Stop::NotJson);
            }
            let name = this.string()?;
            this.skip_space();
            if this.next()? != b':' {
                return Err(Stop::NotJson);
            }
            if this.depth == 1 {
                this.field = Some(name.clone());
            }
            let value = this.value()?;
            if fields.insert(name, value).is_some() {
                match this.depth {
                    1 => this.doubles.insert(None),
                    2 => this.doubles.insert(this.field.clone()),
                    _ => false,
                };
            }
            Ok(())
        };
        self.parts(b'}', &mut field)?;
        Ok(Value::Object(fields))
    }

    fn array(&mut self) -> Result<Value, Stop> {
        let mut items = Vec::new();
        self.parts(b']', &mut |this| this.value().map(|item| items.push(item)))?;
        Ok(Value::Array(items))
    }

    /// Reads the parts of an object or a list, from the bracket that opens it to its end or that of the text.
    fn parts(&mut self, close: u8, part: &mut dyn FnMut(&mut Self) -> Result<(), Stop>) -> Result<(), Stop> {
        self.at += 1;
        let mut is_first = true;
        loop {
            let read =
                self.goes_on(close, is_first).and_then(|more| if more { part(self).map(|()| true) } else { Ok(false) });
            match read {
                Ok(true) => is_first = false,
                Ok(false) => return Ok(()),
                Err(Stop::End) => {
                    self.is_cut_off = true;
                    return Ok(());
                }
                Err(Stop::NotJson) => return Err(Stop::NotJson),
            }
        }
    }

    /// Whether another part follows.
    fn goes_on(&mut self, close: u8, is_first: bool) -> Result<bool, Stop> {
        self.skip_space();
        match self.peek().ok_or(Stop::End)? {
            byte if byte == close => {
                self.at += 1;
                Ok(false)
            }
            _ if is_first => Ok(true),
            b',' => {
                self.at += 1;
                Ok(true)
            }
            _ => Err(Stop::NotJson),
        }
    }

    fn string(&mut self) -> Result<String, Stop> {
        let mut text = Vec::new();
        self.next()?;
        loop {
            match self.next()? {
                b'"' => break,
                b'\\' => {
                    let escaped = self.escape()?;
                    text.extend_from_slice(escaped.encode_utf8(&mut [0; 4]).as_bytes());
                }
                byte => text.push(byte),
            }
        }
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// What is escaped, after the backslash.
    fn escape(&mut self) -> Result<char, Stop> {
        Ok(match self.next()? {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            byte if byte.is_ascii() => char::from(byte),
            _ => char::REPLACEMENT_CHARACTER,
        })
    }

    /// The character of one or two units of UTF-16. A half without the other is U+FFFD.
    fn unicode(&mut self) -> Result<char, Stop> {
        let Some(first) = self.unit()? else { return Ok(char::REPLACEMENT_CHARACTER) };
        let after_first = self.at;
        if (0xD800..0xDC00).contains(&first) && self.text.get(self.at..self.at + 2) == Some(br"\u".as_slice()) {
            self.at += 2;
            if let Some(second) = self.unit()?
                && let Some(Ok(pair)) = char::decode_utf16([first, second]).next()
            {
                return Ok(pair);
            }
            self.at = after_first;
        }
        Ok(char::from_u32(first.into()).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    /// Four hexadecimal digits; none where there are not.
    fn unit(&mut self) -> Result<Option<u16>, Stop> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(Stop::End)?;
        let unit = std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let unit = unit.and_then(|digits| u16::from_str_radix(digits, 16).ok());
        if unit.is_some() {
            self.at += 4;
        }
        Ok(unit)
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Result<Value, Stop> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')).count();
        let word = rest.get(..length).and_then(|word| std::str::from_utf8(word).ok()).unwrap_or_default();
        self.at += length;
        if self.peek().is_none() && self.depth > 0 {
            // It could go on.
            return Err(Stop::End);
        }
        Ok(match word {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            "NaN" | "Infinity" | "-Infinity" => no_number(),
            number => {
                if !number.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
                    return Err(Stop::NotJson);
                }
                if is_rounded(number) && number.parse::<f64>().is_ok() {
                    return Ok(no_number());
                }
                let float =
                    || number.parse::<f64>().map(|number| Number::from_f64(number).map_or_else(no_number, Value::from));
                whole(number).map(Value::Number).map_or_else(float, Ok).map_err(|_| Stop::NotJson)?
            }
        })
    }

    /// Goes past an object or a list, however deep it is.
    fn skip(&mut self) -> Result<(), Stop> {
        let mut open = 0usize;
        loop {
            match self.next()? {
                b'{' | b'[' => open += 1,
                b'}' | b']' => open -= 1,
                b'"' => {
                    self.at -= 1;
                    self.string()?;
                }
                _ => {}
            }
            if open == 0 {
                return Ok(());
            }
        }
    }
}
