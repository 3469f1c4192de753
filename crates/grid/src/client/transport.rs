//! One request on the wire: sent once, and what came of it.
//!
//! The line that everything else stands on is drawn here: a request that certainly never left, and one that may have
//! been received. In doubt it was received.

use std::error::Error as StdError;

use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::multipart::{Form, Part};

use super::Shared;
use super::answer::Answer;
use super::request::{Payload, Request};
use crate::DocumentFile;
use crate::model::DocumentFields;

/// Why no complete response came back.
#[derive(Debug)]
pub(super) enum Failure {
    /// Not one byte of the request was received.
    NeverLeft(String),
    /// The request may have been received; there is no complete answer.
    Lost(String),
    /// The stream that was to be sent ended with an error, and the request with it.
    SourceFailed,
}

impl Shared {
    /// Sends a request once and reads the answer to its end.
    pub(super) async fn exchange(&self, request: &mut Request) -> Result<Answer, Failure> {
        let mut url = self.base_url.clone();
        url.set_path(&[&self.base_path, request.path.as_str()].concat());
        let mut builder = self
            .pools
            .here()
            .request(request.operation.method(), url)
            .header(AUTHORIZATION, self.authorization.clone())
            .header(ACCEPT, "application/json");
        if !request.query.is_empty() {
            builder = builder.query(&request.query);
        }
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        let mut observed = HeaderMap::new();
        (self.headers)(&mut observed);
        builder = builder.headers(observed);
        builder = match &mut request.payload {
            // RFC 9110, section 8.6; some servers insist on it.
            Payload::Empty if !request.operation.is_read() => builder.header(CONTENT_LENGTH, "0"),
            Payload::Empty => builder,
            Payload::Json(body) => builder.header(CONTENT_TYPE, "application/json").body(body.clone()),
            Payload::Document(fields, file) => builder.multipart(document_form(fields, file)),
            Payload::Stream(file) => match file.take() {
                Some(body) => builder.multipart(Form::new().part("file", csv_part(body))),
                None => return Err(Failure::SourceFailed),
            },
        };
        let sent = builder.send().await;
        let mut response =
            sent.map_err(|error| if request.source_failed() { Failure::SourceFailed } else { failure(&error) })?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let body = read_body(response, self.max_answer_bytes).await?;
        Ok(Answer { operation: request.operation, status, headers, body })
    }
}

/// Reads a body to its end, or to one byte past the limit.
async fn read_body(mut response: reqwest::Response, limit: usize) -> Result<Bytes, Failure> {
    let too_large = || Failure::Lost(format!("answer larger than {limit} bytes"));
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let lost = |error: &reqwest::Error| Failure::Lost(cause(error));
    let Some(first) = response.chunk().await.map_err(|error| lost(&error))? else {
        return Ok(Bytes::new());
    };
    let Some(second) = response.chunk().await.map_err(|error| lost(&error))? else {
        return if first.len() > limit { Err(too_large()) } else { Ok(first) };
    };
    let mut body = BytesMut::from(&first[..]);
    body.extend_from_slice(&second);
    while body.len() <= limit {
        match response.chunk().await.map_err(|error| lost(&error))? {
            Some(chunk) => body.extend_from_slice(&chunk),
            None => return Ok(body.freeze()),
        }
    }
    Err(too_large())
}

fn document_form(fields: &DocumentFields, file: &DocumentFile) -> Form {
    let DocumentFields { document_holder, document_type, side, country, document_number, issuing_authority } = fields;
    let texts = [
        ("documentHolder", document_holder.clone()),
        ("documentType", document_type.clone()),
        ("side", side.as_ref().map(ToString::to_string)),
        ("country", country.clone()),
        ("documentNumber", document_number.clone()),
        ("issuingAuthority", issuing_authority.clone()),
    ];
    let mut form = Form::new();
    for (name, text) in texts {
        if let Some(text) = text {
            form = form.text(name, text);
        }
    }
    let DocumentFile { file_name, media_type, content } = file;
    let media_type = HeaderValue::from_str(media_type).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let part = Part::stream_with_length(content.clone(), content.len() as u64)
        .file_name(header_safe(file_name))
        .headers(HeaderMap::from_iter([(CONTENT_TYPE, media_type)]));
    form.part("file", part)
}

/// A file name as it can stand in quotes in a part's header. The multipart encoder would pass line breaks on, and with
/// them headers of the caller's making; and a part whose file name is empty is no file to many servers.
fn header_safe(file_name: &str) -> String {
    if file_name.is_empty() {
        return "document".to_owned();
    }
    file_name.chars().map(|c| if c.is_control() || matches!(c, '"' | '\\') { '_' } else { c }).collect()
}

fn csv_part(body: reqwest::Body) -> Part {
    Part::stream(body)
        .file_name("customers.csv")
        .headers(HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("text/csv"))]))
}

/// Tells what never left from what may have been received.
fn failure(error: &reqwest::Error) -> Failure {
    if error.is_builder() || error.is_connect() || never_written(error) {
        Failure::NeverLeft(cause(error))
    } else {
        Failure::Lost(cause(error))
    }
}

/// Whether hyper took the request back before it wrote any of it, or the server refused it unprocessed.
///
/// hyper cancels a request only while it is still queued for a connection that turned out to be closed, and reports a
/// closed channel only where there was no connection to hand the request to. `REFUSED_STREAM` is the server's word that it
/// did not process the request (RFC 9113, section 8.7). A GOAWAY is not trusted: the
/// library reports it for requests that may have been written, too.
fn never_written(error: &reqwest::Error) -> bool {
    let mut source = StdError::source(error);
    while let Some(cause) = source {
        let queued = |hyper: &hyper::Error| hyper.is_canceled() || hyper.is_closed();
        if cause.downcast_ref::<hyper::Error>().is_some_and(queued) {
            return true;
        }
        let refused =
            |h2: &h2::Error| h2.is_remote() && h2.is_reset() && h2.reason() == Some(h2::Reason::REFUSED_STREAM);
        if cause.downcast_ref::<h2::Error>().is_some_and(refused) {
            return true;
        }
        source = cause.source();
    }
    false
}

/// The innermost reason in words. The transport's own words hold addresses at most, and the URL is left out.
fn cause(error: &reqwest::Error) -> String {
    let mut innermost: &dyn StdError = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    if std::ptr::addr_eq(innermost, error) {
        return "transport error".to_owned();
    }
    innermost.to_string().chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// What becomes of a request whose HTTP/2 stream the server resets for this reason.
    async fn reset_with(reason: h2::Reason) -> Failure {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let server = async {
            let (stream, _) = listener.accept().await.unwrap();
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(request) = connection.accept().await {
                let (_, mut response) = request.unwrap();
                response.send_reset(reason);
            }
        };
        let client = reqwest::Client::builder().http2_prior_knowledge().retry(reqwest::retry::never()).build().unwrap();
        tokio::select! {
            sent = client.post(url).body("{}").send() => failure(&sent.unwrap_err()),
            () = server => panic!("the connection ended before the answer"),
        }
    }

    #[tokio::test]
    async fn a_refused_stream_was_not_processed_and_any_other_reset_may_have_been() {
        assert!(matches!(reset_with(h2::Reason::REFUSED_STREAM).await, Failure::NeverLeft(_)));
        for reason in [h2::Reason::CANCEL, h2::Reason::INTERNAL_ERROR, h2::Reason::NO_ERROR] {
            assert!(matches!(reset_with(reason).await, Failure::Lost(_)), "{reason:?}");
        }
    }

    #[test]
    fn a_file_name_can_not_break_out_of_its_header() {
        assert_eq!(
            header_safe("a\"; x=\\\r\nContent-Type: text/html\u{7f}.pdf"),
            "a_; x=___Content-Type: text/html_.pdf"
        );
        assert_eq!(header_safe("Ausweis Zoë.pdf"), "Ausweis Zoë.pdf");
        assert_eq!(header_safe(""), "document");
    }
}
