//! Takes out of Grid's words what they repeat of a request.
//!
//! Grid may quote a bad value in its message, and messages go to callers and into logs. So every string of the request
//! is looked for in it: whole, however it is punctuated, and word by word, in any case of its letters. What names no
//! person stays readable: ids, and words of Grid's own vocabularies.

use std::collections::HashSet;

use serde_json::Value;

use super::request::{Payload, Request};
use crate::DocumentFile;
use crate::model::DocumentFields;

/// What stands in the place of a string that was taken out.
const MASK: &str = "…";

/// Shorter strings are left: country codes and the like, of which ordinary words consist.
const MIN_CHARS: usize = 3;

/// Ids, and what belongs to lists rather than to customers.
const IDS: [&str; 7] = [
    "customerId",
    "platformCustomerId",
    "documentHolder",
    "limit",
    "isIncludingDeleted",
    "verificationStatus",
    "termsVersion",
];

/// Fields whose values are words of Grid's vocabularies, as long as they look like one.
const VOCABULARIES: [&str; 7] =
    ["customerType", "documentType", "side", "currencies", "roles", "acceptanceMethod", "type"];

/// The strings of one request, folded to what is compared: letters and digits in lower case.
#[derive(Default)]
pub(super) struct Scrubber {
    /// Whole values without what separates their words.
    values: Sorted,
    /// The words of all values.
    words: HashSet<String>,
    /// Those of them in scripts that need not separate words, and so leave no boundary to look for.
    unbounded_words: Sorted,
}

impl Scrubber {
    /// Collects the strings that `request` sends.
    pub(super) fn of(request: &Request) -> Self {
        let mut scrubber = Self::default();
        for (name, value) in &request.query {
            scrubber.add(name, value);
        }
        for (_, value) in &request.headers {
            scrubber.add("", value.to_str().unwrap_or_default());
        }
        match &request.payload {
            Payload::Empty | Payload::Stream(_) => {}
            Payload::Json(body) => {
                scrubber.add_json("", &serde_json::from_slice(body).unwrap_or_default());
            }
            Payload::Document(fields, file) => scrubber.add_document(fields, file),
        }
        scrubber.values.sort();
        scrubber.unbounded_words.sort();
        scrubber
    }

    /// Takes out a text that is no part of the request, as a whole.
    pub(super) fn add_whole(&mut self, value: &str) {
        let whole: String = tokens(value).into_iter().filter_map(|token| token.word).collect();
        if is_telling(&whole) {
            self.values.0.push(whole);
            self.values.sort();
        }
    }

    /// The text without the request's strings, at most `max_chars` long.
    pub(super) fn scrub(&self, text: &str, max_chars: usize) -> String {
        let text = head(text, max_chars.saturating_mul(2));
        let tokens = tokens(text);
        let mut scrubbed = String::with_capacity(text.len());
        let mut rest = tokens.as_slice();
        while let Some((token, after)) = rest.split_first() {
            if let Some(masked) = self.masked(rest) {
                scrubbed.push_str(MASK);
                rest = rest.get(masked..).unwrap_or_default();
            } else {
                scrubbed.push_str(token.text);
                rest = after;
            }
        }
        scrubbed.chars().take(max_chars).collect()
    }

    /// How many tokens at the start repeat a string of the request.
    fn masked(&self, tokens: &[Token<'_>]) -> Option<usize> {
        let folded = tokens.first()?.word.as_ref()?;
        // The longest, so that no part of a value is masked instead of the whole.
        let whole = self.values.longest(tokens);
        let single = || (self.words.contains(folded) || self.unbounded_words.is_any_in(folded)).then_some(1);
        whole.or_else(single)
    }

    fn add_json(&mut self, name: &str, value: &Value) {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
            Value::String(text) => self.add(name, text),
            Value::Array(items) => items.iter().for_each(|item| self.add_json(name, item)),
            Value::Object(fields) => fields.iter().for_each(|(name, value)| self.add_json(name, value)),
        }
    }

    fn add_document(&mut self, fields: &DocumentFields, file: &DocumentFile) {
        let DocumentFields { document_holder: _, document_type, side: _, country, document_number, issuing_authority } =
            fields;
        let DocumentFile { file_name, media_type: _, content: _ } = file;
        let texts = [
            ("documentType", document_type.as_deref()),
            ("country", country.as_deref()),
            ("documentNumber", document_number.as_deref()),
            ("issuingAuthority", issuing_authority.as_deref()),
            ("fileName", Some(file_name.as_str())),
        ];
        for (name, text) in texts {
            self.add(name, text.unwrap_or_default());
        }
    }

    fn add(&mut self, name: &str, value: &str) {
        let is_word = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        if IDS.contains(&name) || (VOCABULARIES.contains(&name) && value.chars().all(is_word)) {
            return;
        }
        let words: Vec<String> = tokens(value).into_iter().filter_map(|token| token.word).collect();
        let whole: String = words.concat();
        if is_telling(&whole) {
            self.values.0.push(whole);
        }
        for word in words.into_iter().filter(|word| is_telling(word)) {
            if !word.is_ascii() {
                self.unbounded_words.0.push(word.clone());
            }
            self.words.insert(word);
        }
    }
}

/// Whether a folded string says something about a person, rather than being a code or a particle.
fn is_telling(folded: &str) -> bool {
    let chars = folded.chars().count();
    chars >= MIN_CHARS || (chars > 1 && !folded.is_ascii())
}

/// A run of letters and digits, or of anything else.
struct Token<'a> {
    text: &'a str,
    /// Folded, if it is a word.
    word: Option<String>,
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word = first.is_alphanumeric();
        let end = rest.find(|c: char| c.is_alphanumeric() != is_word).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        tokens.push(Token { text: run, word: is_word.then(|| run.to_lowercase()) });
        rest = after;
    }
    tokens
}

/// Texts in their order, so that those that begin alike are neighbours: a request may have very many.
#[derive(Default)]
struct Sorted(Vec<String>);

impl Sorted {
    fn sort(&mut self) {
        self.0.sort_unstable();
        self.0.dedup();
    }

    /// How many of the tokens, from the first, spell the longest of the texts once what separates them is left out.
    fn longest(&self, tokens: &[Token<'_>]) -> Option<usize> {
        let (mut texts, mut at, mut longest) = (self.0.as_slice(), 0, None);
        for (index, token) in tokens.iter().enumerate() {
            let Some(word) = &token.word else { continue };
            texts = that_go_on(texts, at, word);
            at += word.len();
            match texts.first() {
                None => break,
                Some(shortest) if shortest.len() == at => longest = Some(index + 1),
                Some(_) => {}
            }
        }
        longest
    }

    /// Whether any of the texts is somewhere in `folded`.
    fn is_any_in(&self, folded: &str) -> bool {
        let begins_with_one = |rest: &str| {
            let (mut texts, mut at) = (self.0.as_slice(), 0);
            for c in rest.chars() {
                texts = that_go_on(texts, at, c.encode_utf8(&mut [0; 4]));
                at += c.len_utf8();
                match texts.first() {
                    None => return false,
                    Some(shortest) if shortest.len() == at => return true,
                    Some(_) => {}
                }
            }
            false
        };
        folded.char_indices().any(|(begin, _)| begins_with_one(folded.get(begin..).unwrap_or_default()))
    }
}

/// Of sorted texts that agree in their first `at` bytes, those that go on with `piece`.
fn that_go_on<'a>(texts: &'a [String], at: usize, piece: &str) -> &'a [String] {
    let piece = piece.as_bytes();
    let goes_on = |text: &String| text.as_bytes().get(at..).is_some_and(|rest| rest.starts_with(piece));
    // Mostly all of them, or there are none.
    if texts.first().is_some_and(goes_on) && texts.last().is_some_and(goes_on) {
        return texts;
    }
    let is_before = |text: &String| text.as_bytes().get(at..).is_none_or(|rest| rest < piece);
    let (_, texts) = texts.split_at(texts.partition_point(is_before));
    let (texts, _) = texts.split_at(texts.partition_point(goes_on));
    texts
}

/// The first `max_chars` characters, without a last word that may have been cut.
fn head(text: &str, max_chars: usize) -> &str {
    match text.char_indices().nth(max_chars) {
        None => text,
        Some((end, _)) => {
            let (head, _) = text.split_at(end);
            head.trim_end_matches(char::is_alphanumeric)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::Operation;

    fn scrubber(body: &Value) -> Scrubber {
        Scrubber::of(&Request::new(Operation::CreateCustomer, None).json(body))
    }

    #[test]
    fn values_are_masked_whole_and_in_words_in_any_case() {
        let scrubber = scrubber(&json!({
            "fullName": "Zoë van der Berg", "birthDate": "1990-01-15", "phoneNumber": "+14155550100",
            "address": { "line1": "12 Elm", "country": "US" }, "list": ["Secret Purpose"],
        }));
        let cases = [
            ("fullName 'Zoë van der Berg' is refused", "fullName '…' is refused"),
            ("ZOË is no name", "… is no name"),
            ("born 1990/01/15?", "born …?"),
            ("call +1 415-555-0100 now", "call +… now"),
            ("no secret, no harm", "no …, no harm"),
            ("12 Elm, US", "…, US"),
            ("status USER", "status USER"),
            ("Elmer and Bergen are others", "Elmer and Bergen are others"),
        ];
        for (text, expected) in cases {
            assert_eq!(scrubber.scrub(text, 1024), expected, "{text}");
        }
    }

    #[test]
    fn names_without_word_boundaries_are_masked() {
        let scrubber = scrubber(&json!({ "fullName": "李明" }));
        assert_eq!(scrubber.scrub("姓名李明无效 (fullName)", 1024), "… (fullName)");
    }

    #[test]
    fn ids_and_vocabulary_stay_readable() {
        let scrubber = scrubber(&json!({
            "platformCustomerId": "user-4711", "customerType": "INDIVIDUAL", "currencies": ["USDC", "John Doe"],
        }));
        let text = "INDIVIDUAL user-4711 can't have USDC, John";
        assert_eq!(scrubber.scrub(text, 1024), "INDIVIDUAL user-4711 can't have USDC, …");
    }

    #[test]
    fn documents_queries_and_headers_count_too() {
        let fields = DocumentFields { document_number: Some("X1234567".into()), ..DocumentFields::default() };
        let file = DocumentFile {
            file_name: "jane-doe.pdf".into(),
            media_type: "application/pdf",
            content: [0u8; 2].to_vec().into(),
        };
        let request = Request::new(Operation::UploadDocument, None)
            .query(vec![("umaAddress", "$jane@example.com".into())])
            .header(reqwest::header::ACCEPT, reqwest::header::HeaderValue::from_static("stamp-0815"))
            .payload(Payload::Document(fields, file));
        let scrubber = Scrubber::of(&request);
        assert_eq!(scrubber.scrub("x1234567 Doe $jane@example.com stamp0815", 1024), "… … $… …");
    }

    #[test]
    fn long_texts_are_cut_and_leave_no_part_of_a_value() {
        let scrubber = scrubber(&json!({ "fullName": "Bartholomew" }));
        let text = format!("{}Bartholomew", "x".repeat(4 * 8 - 5).replace("xx", "x "));
        assert!(scrubber.scrub(&text, 8).chars().count() <= 8);
        for padding in 0..40 {
            let text = format!("{} Bartholomew Bartholomew", ".".repeat(padding));
            assert!(!scrubber.scrub(&text, 10).contains("Bar"), "{padding}");
        }
    }

    /// One value after the other, as it is meant: how many of the tokens spell `value`.
    fn spanned(value: &str, tokens: &[Token<'_>]) -> Option<usize> {
        let mut left = value;
        for (index, token) in tokens.iter().enumerate() {
            let Some(word) = &token.word else { continue };
            left = left.strip_prefix(word.as_str())?;
            if left.is_empty() {
                return Some(index + 1);
            }
        }
        None
    }

    #[test]
    fn very_many_values_take_no_longer_than_few() {
        // One value after the other, this would be 10^11 comparisons.
        let many: Vec<_> = (0..100_000).map(|index| format!("a a a a {index} 李{index}明")).collect();
        let scrubber = scrubber(&json!({ "currencies": many }));
        let text = "a a a b ".repeat(160);
        for _ in 0..100 {
            assert_eq!(scrubber.scrub(&text, 2048), text);
        }
        assert_eq!(scrubber.scrub("no 'a a a a 77777 李77777明'", 1024), "no '…'");
        assert_eq!(scrubber.scrub("x李9明x", 1024), "…");
    }

    proptest! {
        #[test]
        fn the_longest_value_is_found_as_if_each_was_tried(
            values in proptest::collection::vec("[ab李]{1,4}", 0..12),
            text in "[ab李 ]{0,12}",
        ) {
            let mut sorted = Sorted(values.clone());
            sorted.sort();
            let tokens = tokens(&text);
            let tokens = tokens.get(usize::from(text.starts_with(' '))..).unwrap_or_default();
            let each = values.iter().filter_map(|value| spanned(value, tokens)).max();
            prop_assert_eq!(sorted.longest(tokens), each);
            prop_assert_eq!(sorted.is_any_in(&text), values.iter().any(|value| text.contains(value.as_str())));
        }

        #[test]
        fn no_value_survives(value in "[a-zA-Z]{3,12}( [a-zA-Z0-9]{1,8}){0,2}", before in ".{0,20}", after in ".{0,20}") {
            let scrubber = scrubber(&json!({ "fullName": value }));
            let quoted = format!("\"{value}\"");
            let scrubbed = scrubber.scrub(&format!("{before} {quoted} {after}"), 1024);
            prop_assert!(!scrubbed.contains(&quoted), "{}", scrubbed);
        }
    }
}
