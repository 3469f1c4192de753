//! Files that steps upload, made here.

use super::names::Names;
use bytes::Bytes;
use serde::Deserialize;
use std::fmt::Write as _;

/// A file, and in how many messages it is sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Upload {
    /// What is written in a PDF.
    #[serde(default)]
    pdf: Option<String>,
    /// The file itself, where it is no PDF.
    #[serde(default)]
    text: String,
    #[serde(default = "one")]
    pieces: usize,
}

fn one() -> usize {
    1
}

impl Upload {
    /// The file in its pieces; `None` if a name in it stands for nothing.
    pub(super) fn chunks(&self, names: &Names) -> Option<Vec<Bytes>> {
        let file = match &self.pdf {
            Some(words) => pdf(&names.fill_text(words)?),
            None => names.fill_text(&self.text)?,
        };
        let length = file.len().div_ceil(self.pieces.max(1)).max(1);
        Some(file.as_bytes().chunks(length).map(Bytes::copy_from_slice).collect())
    }
}

/// A PDF of one page with one line of ASCII text. ASCII throughout, so that it passes through whatever reads bodies as
/// text.
fn pdf(text: &str) -> String {
    let words: String = text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '_')).collect();
    let drawing = format!("BT /F1 24 Tf 40 40 Td ({words}) Tj ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 420 100] /Contents 4 0 R \
         /Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{drawing}\nendstream", drawing.len()),
    ];
    let mut file = "%PDF-1.4\n".to_owned();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (number, object) in (1..).zip(&objects) {
        let _ = writeln!(table, "{:010} 00000 n ", file.len());
        let _ = write!(file, "{number} 0 obj\n{object}\nendobj\n");
    }
    let start = file.len();
    let size = objects.len() + 1;
    let _ = write!(file, "{table}trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n");
    file
}

#[cfg(test)]
mod tests {
    use super::pdf;

    #[test]
    fn the_pdf_is_ascii_and_its_table_points_at_its_objects() {
        let file = pdf("PASSPORT");
        let text = file.as_str();
        assert!(text.is_ascii() && text.starts_with("%PDF-") && text.ends_with("%%EOF\n"));
        assert!(text.contains("(PASSPORT) Tj"));
        let (_, after) = text.split_once("xref\n0 5\n").unwrap();
        for (number, line) in (1..=4).zip(after.lines().skip(1)) {
            let offset: usize = line[..10].parse().unwrap();
            assert!(text[offset..].starts_with(&format!("{number} 0 obj")), "{line}");
            assert_eq!(line.len(), 19, "with its line end an entry has 20 bytes (ISO 32000-1, 7.5.4)");
        }
        let start: usize = text.rsplit("startxref\n").next().unwrap().lines().next().unwrap().parse().unwrap();
        assert!(text[start..].starts_with("xref"));
    }
}
