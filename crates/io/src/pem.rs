//! Reads PEM (RFC 7468) as operators paste it: every block, or an error that names the first one that cannot be read.
//!
//! Other readers look for lines that begin with `-----BEGIN`, and silently skip a block that begins otherwise: behind a comma,
//! a quotation mark, spaces, a byte order mark, or the end of another block. A missing key or CA then shows only when it is
//! needed. Here everything that looks like the beginning of a block has to be one.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use std::fmt;

/// Padding may be left out; otherwise the base64 has to be right.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The content of a block, by its label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// A certificate.
    Certificate,
    /// A public key (SPKI).
    PublicKey,
    /// A private key in PKCS #8.
    Pkcs8,
    /// A private key of an elliptic curve (SEC 1).
    Sec1,
    /// A private RSA key (PKCS #1).
    Pkcs1,
    /// Parameters of a curve or group, which some tools put before a key. They say nothing that the key does not.
    Parameters,
    /// A private key that is encrypted.
    Encrypted,
    /// A known kind that gridgate does not use, by its name.
    Other(&'static str),
    /// An unknown kind. Errors do not repeat its label: it may contain anything.
    Unknown,
}

/// The known labels.
const LABELS: [(&str, Label); 17] = [
    ("CERTIFICATE", Label::Certificate),
    // The label of RFC 1422, which OpenSSL still reads.
    ("X509 CERTIFICATE", Label::Certificate),
    ("PUBLIC KEY", Label::PublicKey),
    ("PRIVATE KEY", Label::Pkcs8),
    ("EC PRIVATE KEY", Label::Sec1),
    ("RSA PRIVATE KEY", Label::Pkcs1),
    ("EC PARAMETERS", Label::Parameters),
    ("DH PARAMETERS", Label::Parameters),
    ("ENCRYPTED PRIVATE KEY", Label::Encrypted),
    ("RSA PUBLIC KEY", Label::Other("a bare RSA key (PKCS #1)")),
    ("DSA PRIVATE KEY", Label::Other("a private DSA key")),
    ("OPENSSH PRIVATE KEY", Label::Other("a private key in OpenSSH's own format")),
    ("TRUSTED CERTIFICATE", Label::Other("a certificate in OpenSSL's own format (TRUSTED CERTIFICATE)")),
    ("CERTIFICATE REQUEST", Label::Other("a request for a certificate")),
    ("NEW CERTIFICATE REQUEST", Label::Other("a request for a certificate")),
    ("X509 CRL", Label::Other("a list of revoked certificates")),
    ("PKCS7", Label::Other("a PKCS #7 container")),
];

impl Label {
    fn of(text: &str) -> Self {
        LABELS.iter().find(|(label, _)| *label == text).map_or(Label::Unknown, |(_, label)| *label)
    }

    /// Whether it is a private key, of whatever form.
    #[must_use]
    pub fn is_private(self) -> bool {
        match self {
            Label::Pkcs8 | Label::Sec1 | Label::Pkcs1 | Label::Encrypted => true,
            Label::Other(what) => what.contains("private"),
            Label::Certificate | Label::PublicKey | Label::Parameters | Label::Unknown => false,
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Label::Certificate => "a certificate",
            Label::PublicKey => "a public key",
            Label::Pkcs8 | Label::Sec1 | Label::Pkcs1 => "a private key",
            Label::Parameters => "parameters of a key",
            Label::Encrypted => "an encrypted private key",
            Label::Other(what) => what,
            Label::Unknown => "PEM of an unknown kind",
        })
    }
}

/// One block. Its content may be a private key.
pub struct Block {
    /// The block's position in the text, counted from 1.
    pub number: usize,
    /// The kind of its content.
    pub label: Label,
    der: SecretSlice<u8>,
}

impl Block {
    /// Its content, as DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        self.der.expose_secret()
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Block { number, label, der: _ } = self;
        f.debug_struct("Block").field("number", number).field("label", label).finish_non_exhaustive()
    }
}

/// Why PEM is unusable. Errors never repeat any of it, since it may be a private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// The text has no block; the value names the expected content.
    #[error("holds no {0} in PEM, which begins with -----BEGIN …-----")]
    NoPem(&'static str),
    /// It is binary, as certificates and keys are in DER.
    #[error("is no PEM but looks like DER; convert it with openssl (-inform der)")]
    Der,
    /// It is UTF-16 text.
    #[error("is UTF-16 text; save it as UTF-8 or ASCII")]
    Utf16,
    /// The first line of a block is malformed.
    #[error("block {0} does not begin with five dashes, BEGIN, what it is, and five dashes")]
    Beginning(usize),
    /// A block has no end line that matches its first one.
    #[error("block {0} has no end line that fits its first one")]
    NoEnd(usize),
    /// A block's body is not base64.
    #[error("block {0} is not base64 between its first and last line")]
    Broken(usize),
    /// A block of an unexpected kind.
    #[error("block {number} is {found}, and not {wanted}")]
    Kind {
        /// The block's position, counted from 1.
        number: usize,
        /// The kind found.
        found: Label,
        /// The expected kind.
        wanted: &'static str,
    },
    /// A private key is encrypted.
    #[error("block {0} is an encrypted private key; decrypt it (openssl pkey)")]
    Encrypted(usize),
    /// No block has the expected kind.
    #[error("holds no {wanted}, but {found}")]
    Lacks {
        /// The expected kind.
        wanted: &'static str,
        /// The kind found.
        found: Label,
    },
    /// There are several private keys; exactly one is allowed.
    #[error("holds {0} private keys; it must hold one")]
    Keys(usize),
}

/// Every block of a text, in its order; none where it is blank.
///
/// Blocks may be indented, in quotation marks, and have anything between them that is no block; line breaks may be
/// written as `\n`, as they are in environment variables.
///
/// # Errors
/// One that begins cannot be read.
pub fn blocks(bytes: &[u8]) -> Result<Vec<Block>, PemError> {
    let text = match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Err(PemError::Utf16),
        [0x30, 0x80..=0x84, ..] => return Err(PemError::Der),
        // What is around blocks may be in any encoding.
        _ => {
            let mut text = String::from_utf8_lossy(bytes).into_owned();
            text.retain(|letter| !is_invisible(letter));
            SecretString::from(text)
        }
    };
    let mut rest = text.expose_secret();
    let mut blocks = Vec::new();
    while let Some(at) = beginning(rest) {
        let number = blocks.len() + 1;
        let (before, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
        if has_end(before) {
            return Err(PemError::Beginning(number));
        }
        let (block, after) = block(from, number)?;
        blocks.push(block);
        rest = after;
    }
    if has_end(rest) {
        return Err(PemError::Beginning(blocks.len() + 1));
    }
    Ok(blocks)
}

/// Characters that show nothing, as text has them that is copied from web pages and word processors: soft hyphens, joiners,
/// marks of the writing direction and of the byte order.
fn is_invisible(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}'
    )
}

/// White space, and what a blank or a soft hyphen in another encoding is read as.
fn is_gap(letter: char) -> bool {
    letter.is_whitespace() || letter.is_control() || letter == char::REPLACEMENT_CHARACTER
}

/// The word of a first or last line, with dashes before it, perhaps such as a word processor makes of them.
struct Marker {
    /// Where the dashes begin.
    at: usize,
    dashes: usize,
    /// In capitals, as it has to be.
    is_upper: bool,
    /// Whether there is something between the dashes and the word, and whether that has a line break.
    is_apart: bool,
    is_on_another_line: bool,
    /// Whether the word ends there.
    is_whole: bool,
}

fn markers<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = Marker> + 'a {
    let is_dash = |letter: &char| {
        matches!(letter, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}')
    };
    text.as_bytes().windows(word.len()).enumerate().filter_map(move |(at, found)| {
        if !found.eq_ignore_ascii_case(word.as_bytes()) {
            return None;
        }
        let (before, from) = text.split_at_checked(at)?;
        let line = before.trim_end_matches(is_gap);
        let gap = before.get(line.len()..)?;
        let dashes = line.chars().rev().take_while(is_dash);
        let (dashes, width) = dashes.fold((0, 0), |(count, width), dash| (count + 1, width + dash.len_utf8()));
        Some(Marker {
            at: line.len() - width,
            dashes,
            is_upper: found == word.as_bytes(),
            is_apart: !gap.is_empty(),
            is_on_another_line: gap.contains(['\n', '\r']),
            is_whole: from.get(word.len()..)?.chars().next().is_none_or(is_gap),
        })
    })
}

/// Where something begins that is a block, or is meant to be one. In small letters, which comments are written in, only
/// after as many dashes as there have to be, on the same line.
fn beginning(text: &str) -> Option<usize> {
    let begins = |marker: &Marker| {
        let Marker { at: _, dashes, is_upper, is_apart, is_on_another_line, is_whole } = *marker;
        match dashes {
            0 => false,
            1..5 => is_upper && is_whole && !is_on_another_line && dashes > usize::from(is_apart),
            5.. => is_upper || (is_whole && !is_on_another_line),
        }
    };
    markers(text, "BEGIN").find(begins).map(|marker| marker.at)
}

/// Whether there is the last line of a block. Outside of a block, it is the end of something whose beginning is not there.
fn has_end(text: &str) -> bool {
    markers(text, "END").any(|marker| marker.dashes >= 5 && marker.is_upper && marker.is_whole)
}

/// The block that a text begins with, and what is after it.
fn block(text: &str, number: usize) -> Result<(Block, &str), PemError> {
    let after = text.strip_prefix("-----BEGIN ").ok_or(PemError::Beginning(number))?;
    let (label, after) = after.split_once("-----").ok_or(PemError::Beginning(number))?;
    if label.len() > 64 || label.chars().any(char::is_control) {
        return Err(PemError::Beginning(number));
    }
    let (body, after) = after.split_once(&format!("-----END {label}-----")).ok_or(PemError::NoEnd(number))?;
    if beginning(body).is_some() {
        return Err(PemError::NoEnd(number));
    }
    let mut label = Label::of(label);
    // The headers of RFC 1421, which OpenSSL writes before a key that it encrypts.
    if body.contains("Proc-Type:") && body.contains("ENCRYPTED") {
        label = Label::Encrypted;
        return Ok((Block { number, label, der: SecretSlice::from(Vec::new()) }, after));
    }
    let body: SecretString = body.replace("\\n", "").replace("\\r", "").into();
    let packed: SecretString =
        body.expose_secret().chars().filter(|letter| !letter.is_whitespace()).collect::<String>().into();
    let der = BASE64.decode(packed.expose_secret()).map_err(|_| PemError::Broken(number))?;
    Ok((Block { number, label, der: der.into() }, after))
}

/// The certificates of a chain, of which there is at least one, in their order. The key of the first may be in the same
/// file, as some tools write it.
///
/// # Errors
/// There is none, or something else, or one that cannot be read.
pub fn chain(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    certificates(bytes, |label| label.is_private() || label == Label::Parameters)
}

/// The certificates of CAs, of which there is at least one.
///
/// # Errors
/// There is none, or something else (a private key has no business there), or one that cannot be read.
pub fn bundle(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    certificates(bytes, |_| false)
}

fn certificates(
    bytes: &[u8],
    is_passed_over: impl Fn(Label) -> bool,
) -> Result<Vec<CertificateDer<'static>>, PemError> {
    const WANTED: &str = "a certificate";
    let blocks = blocks(bytes)?;
    let mut certificates = Vec::new();
    for Block { number, label, der } in &blocks {
        match *label {
            Label::Certificate => certificates.push(CertificateDer::from(der.expose_secret().to_vec())),
            label if is_passed_over(label) => {}
            found => return Err(PemError::Kind { number: *number, found, wanted: WANTED }),
        }
    }
    match blocks.first() {
        None => Err(PemError::NoPem("certificate")),
        Some(first) if certificates.is_empty() => Err(PemError::Lacks { wanted: "certificate", found: first.label }),
        Some(_) => Ok(certificates),
    }
}

/// The one private key of a file. Certificates and parameters may be in the same file, as some tools write it.
///
/// # Errors
/// There is none, it is encrypted, there are several, or something cannot be read.
pub fn private_key(bytes: &[u8]) -> Result<PrivateKeyDer<'static>, PemError> {
    let blocks = blocks(bytes)?;
    let mut keys = Vec::new();
    for Block { number, label, der } in &blocks {
        let der = || der.expose_secret().to_vec();
        match *label {
            Label::Pkcs8 => keys.push(PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der()))),
            Label::Sec1 => keys.push(PrivateKeyDer::Sec1(PrivateSec1KeyDer::from(der()))),
            Label::Pkcs1 => keys.push(PrivateKeyDer::Pkcs1(PrivatePkcs1KeyDer::from(der()))),
            Label::Certificate | Label::Parameters => {}
            Label::Encrypted => return Err(PemError::Encrypted(*number)),
            found @ (Label::PublicKey | Label::Other(_) | Label::Unknown) => {
                return Err(PemError::Kind { number: *number, found, wanted: "a private key" });
            }
        }
    }
    match (blocks.first(), keys.len()) {
        (None, _) => Err(PemError::NoPem("private key")),
        (Some(first), 0) => Err(PemError::Lacks { wanted: "private key", found: first.label }),
        (Some(_), 1) => keys.pop().ok_or(PemError::Keys(0)),
        (Some(_), several) => Err(PemError::Keys(several)),
    }
}

/// Certificates written as every reader of PEM reads them.
#[must_use]
pub fn write_certificates(certificates: &[CertificateDer<'_>]) -> String {
    certificates.iter().map(|certificate| write("CERTIFICATE", certificate)).collect()
}

/// A private key, written so.
#[must_use]
pub fn write_key(key: &PrivateKeyDer<'_>) -> SecretString {
    let label = match key {
        PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
        PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
        _ => "PRIVATE KEY",
    };
    write(label, key.secret_der()).into()
}

fn write(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    let encoded = BASE64.encode(der);
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at_checked(64).unwrap_or((rest, ""));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

#[cfg(test)]
mod tests;
