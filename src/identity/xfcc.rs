//! The header `x-forwarded-client-cert`, in which a proxy says whose certificate it saw.
//!
//! [Envoy] documents it: elements separated by commas, one for each proxy on the way, the nearest one's last; in each,
//! pairs of key and value separated by semicolons. Keys are case-insensitive. A value that contains `,`, `;` or `=` is
//! in double quotes, in which a backslash stands before a double quote. (Envoy puts the subject there as OpenSSL writes
//! it, where a backslash escapes other characters too, so here it takes the meaning from whatever follows it.) Outside
//! of quotes an `=` is read as what it is, for Envoy writes URIs without quotes.
//!
//! [Envoy]: https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers#x-forwarded-client-cert

use std::iter::Peekable;
use std::str::Chars;

/// The name of the header.
pub const HEADER: &str = "x-forwarded-client-cert";

/// What one proxy says of the certificate that it saw: of its keys those that name someone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Element {
    /// `URI`: the URI-type names of the certificate. Envoy writes the key without a value where there is none.
    pub uris: Vec<String>,
    /// `DNS`: its DNS names.
    pub dns_names: Vec<String>,
}

/// The header can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the x-forwarded-client-cert header can't be read: {0}")]
pub struct MalformedXfcc(&'static str);

/// Reads all elements of a header's value, the nearest proxy's last. All must be right, also those that are not used:
/// what breaks an earlier element may have been meant to hide a later one.
///
/// # Errors
/// It is not what Envoy documents.
pub fn parse(value: &str) -> Result<Vec<Element>, MalformedXfcc> {
    let mut chars = value.chars().peekable();
    let mut elements = Vec::new();
    loop {
        let (element, end) = element(&mut chars)?;
        elements.push(element);
        if end == End::Header {
            return Ok(elements);
        }
    }
}

/// What ended a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Pair,
    Element,
    Header,
}

fn element(chars: &mut Peekable<Chars<'_>>) -> Result<(Element, End), MalformedXfcc> {
    let mut element = Element::default();
    loop {
        let key = key(chars)?;
        let (value, end) = value(chars)?;
        if key.eq_ignore_ascii_case("URI") {
            element.uris.extend(Some(value).filter(|uri| !uri.is_empty()));
        } else if key.eq_ignore_ascii_case("DNS") {
            element.dns_names.extend(Some(value).filter(|name| !name.is_empty()));
        }
        if end != End::Pair {
            return Ok((element, end));
        }
    }
}

fn key(chars: &mut Peekable<Chars<'_>>) -> Result<String, MalformedXfcc> {
    skip_spaces(chars);
    let mut key = String::new();
    loop {
        match chars.next() {
            Some('=') if !key.is_empty() => return Ok(key),
            Some(letter) if letter.is_ascii_alphanumeric() || letter == '-' || letter == '_' => key.push(letter),
            Some(_) => return Err(MalformedXfcc("a key has letters that keys have not")),
            None => return Err(MalformedXfcc("a key has no value")),
        }
    }
}

fn value(chars: &mut Peekable<Chars<'_>>) -> Result<(String, End), MalformedXfcc> {
    let value = if chars.next_if_eq(&'"').is_some() { quoted(chars)? } else { bare(chars)? };
    skip_spaces(chars);
    let end = match chars.next() {
        Some(';') => End::Pair,
        Some(',') => End::Element,
        None => End::Header,
        Some(_) => return Err(MalformedXfcc("something follows a value")),
    };
    Ok((value, end))
}

fn quoted(chars: &mut Peekable<Chars<'_>>) -> Result<String, MalformedXfcc> {
    let mut value = String::new();
    loop {
        match chars.next() {
            Some('"') => return Ok(value),
            Some('\\') => value.push(chars.next().ok_or(MalformedXfcc("a quoted value has no end"))?),
            Some(letter) => value.push(letter),
            None => return Err(MalformedXfcc("a quoted value has no end")),
        }
    }
}

fn bare(chars: &mut Peekable<Chars<'_>>) -> Result<String, MalformedXfcc> {
    let mut value = String::new();
    while let Some(letter) = chars.next_if(|&letter| !matches!(letter, ';' | ',')) {
        if letter == '"' {
            return Err(MalformedXfcc("a value has a double quote in it"));
        }
        value.push(letter);
    }
    Ok(value.trim_end_matches(is_space).to_owned())
}

/// Optional white space as HTTP has it around the elements of a list (RFC 9110, section 5.6.3).
fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t')
}

fn skip_spaces(chars: &mut Peekable<Chars<'_>>) {
    while chars.next_if(|&letter| is_space(letter)).is_some() {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn last(value: &str) -> Element {
        parse(value).unwrap().pop().unwrap()
    }

    #[test]
    fn the_examples_of_envoys_documentation() {
        let one = "By=http://frontend.lyft.com;Hash=468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de688;\
                   Subject=\"/C=US/ST=CA/L=San Francisco/OU=Lyft/CN=Test Client\";URI=http://testclient.lyft.com";
        assert_eq!(last(one).uris, ["http://testclient.lyft.com"]);
        let two = "By=http://frontend.lyft.com;Hash=468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de688;\
                   URI=http://testclient.lyft.com,By=http://backend.lyft.com;\
                   Hash=9ba61d6425303443c0748a02dd8de688468ed33be74eee6556d90c0149c1309e;URI=http://frontend.lyft.com";
        assert_eq!(parse(two).unwrap().len(), 2);
        assert_eq!(last(two).uris, ["http://frontend.lyft.com"]);
        let names = "By=http://frontend.lyft.com;Hash=46;Subject=\"\";URI=http://testclient.lyft.com;DNS=lyft.com;DNS=www.lyft.com";
        assert_eq!(last(names).dns_names, ["lyft.com", "www.lyft.com"]);
    }

    #[test]
    fn what_quotes_hide_is_no_separator() {
        let value = r#"Hash=1;Subject="CN=a\",URI=spiffe://a/admin,b;URI=x";URI=spiffe://a/b"#;
        let elements = parse(value).unwrap();
        assert_eq!(elements.len(), 1);
        assert_eq!(elements[0].uris, ["spiffe://a/b"]);
        // A subject that ends with a backslash, as OpenSSL writes it, does not take the quote along.
        let value = r#"Subject="CN=a\\";URI=spiffe://a/b"#;
        assert_eq!(last(value).uris, ["spiffe://a/b"]);
    }

    #[test]
    fn keys_are_told_in_any_case_and_empty_values_name_nobody() {
        assert_eq!(
            last("hash=1; uRi=spiffe://a/b ;dns=c"),
            Element { uris: vec!["spiffe://a/b".into()], dns_names: vec!["c".into()] }
        );
        assert_eq!(last("By=spiffe://a/me;Hash=1;Subject=\"\";URI="), Element::default());
        assert_eq!(last("URI=https://a/?b=c").uris, ["https://a/?b=c"]);
    }

    #[test]
    fn what_envoy_does_not_write_is_refused() {
        for value in [
            "",
            " ",
            ",",
            ";",
            "URI",
            "=x",
            "URI=a,",
            "URI=a;",
            ",URI=a",
            "URI=\"a",
            "URI=\"a\"b",
            "URI=a\"b",
            "U I=a",
            "URI=a,;",
            "URI=\"a\\",
            "URI=a,,URI=b",
            "URI=\"a\" \"b\"",
        ] {
            assert!(parse(value).is_err(), "{value:?}");
        }
    }

    /// As a proxy that follows the documentation writes it.
    fn written(elements: &[Vec<(String, String)>]) -> String {
        let value = |text: &str| {
            if text.contains([',', ';', '=', '"', '\\', ' ', '\t']) {
                format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
            } else {
                text.to_owned()
            }
        };
        let pair = |(key, text): &(String, String)| format!("{key}={}", value(text));
        let element = |pairs: &Vec<_>| pairs.iter().map(pair).collect::<Vec<_>>().join(";");
        elements.iter().map(element).collect::<Vec<_>>().join(",")
    }

    fn expected(pairs: &[(String, String)]) -> Element {
        let of = |name: &str| {
            let pairs = pairs.iter().filter(|(key, value)| key.eq_ignore_ascii_case(name) && !value.is_empty());
            pairs.map(|(_, value)| value.clone()).collect()
        };
        Element { uris: of("URI"), dns_names: of("DNS") }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            elements in proptest::collection::vec(
                proptest::collection::vec(("(By|Hash|Subject|URI|uri|DNS|Cert|New-Key)", "[ -~]{0,20}"), 1..5),
                1..4,
            )
        ) {
            let read = parse(&written(&elements)).unwrap();
            prop_assert_eq!(read, elements.iter().map(|pairs| expected(pairs)).collect::<Vec<_>>());
        }

        #[test]
        fn any_header_is_read_or_refused(value in "[ -~]{0,60}") {
            let _ = parse(&value);
        }

        #[test]
        fn whoever_sent_the_first_elements_can_t_change_the_last(
            sent in "[ -~]{0,40}",
            own in "By=spiffe://a/proxy;Hash=0[0-9a-f]{8};URI=spiffe://a/caller",
        ) {
            // What the nearest proxy appends is the last element, or nothing is believed.
            if let Ok(elements) = parse(&format!("{sent},{own}")) {
                prop_assert_eq!(&elements[elements.len() - 1].uris, &["spiffe://a/caller"]);
            }
        }
    }
}
