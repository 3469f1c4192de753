//! The HTML of the hosted verification.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use gridgate_grid::model::KycStatus;

const STYLE: &str = include_str!("hosted_page.css");

const REDIRECT_AFTER: u32 = 5;

/// Who is verified.
pub(super) struct Applicant {
    pub(super) customer_id: String,
    pub(super) platform_customer_id: String,
    pub(super) business: bool,
    /// The person's or the business's name, where Grid has it.
    pub(super) name: Option<String>,
    pub(super) status: KycStatus,
}

/// How it ended.
pub(super) struct Ending {
    pub(super) status: KycStatus,
    pub(super) redirect_uri: Option<String>,
}

pub(super) fn start(applicant: &Applicant) -> Response {
    let (kind, what) = if applicant.business {
        ("Business verification", "the company, its documents and its owners")
    } else {
        ("Identity verification", "your identity document and a selfie")
    };
    let name = applicant.name.as_deref().unwrap_or("Not given yet");
    let body = format!(
        r#"<p class="eyebrow">{kind}</p>
<h1>You are the applicant</h1>
<p class="lead">With Grid itself, this page would ask for {what}. This is a sandbox: choose how the verification ends.</p>
{summary}
<form method="post">
<fieldset>
<legend>How does it end?</legend>
<button class="approve" type="submit" name="decision" value="approve"><strong>Approve</strong><span>The customer may transact.</span></button>
<button class="reject" type="submit" name="decision" value="reject"><strong>Reject</strong><span>The customer may not transact.</span></button>
<button class="hold" type="submit" name="decision" value="hold"><strong>Hold</strong><span>A reviewer wants to know more. No webhook tells of it.</span></button>
<button class="submit" type="submit" name="decision" value="submit"><strong>Finish without a decision</strong><span>The end of the name or number decides, as the sandbox's rules say.</span></button>
</fieldset>
</form>
<p class="note">This link works once.</p>"#,
        summary = summary(applicant, name, &applicant.status),
    );
    page(StatusCode::OK, kind, &body, None)
}

pub(super) fn done(applicant: &Applicant, ending: &Ending) -> Response {
    let (title, text) = match &ending.status {
        KycStatus::Approved => ("Approved", "The verification was successful."),
        KycStatus::Rejected => ("Rejected", "The verification was not successful."),
        KycStatus::Hold => ("On hold", "A reviewer may ask for more information."),
        KycStatus::Pending => ("Under review", "Everything has been submitted. A reviewer decides."),
        KycStatus::Unverified => ("Something is missing", "The verification could not go on: its errors say why."),
        KycStatus::Other(_) => ("Finished", "The verification has been finished."),
    };
    let back = ending.redirect_uri.as_deref().map_or_else(
        || "<p>You can close this page.</p>".to_owned(),
        |uri| {
            let uri = escape(uri);
            format!(r#"<p>You are sent back in {REDIRECT_AFTER} seconds.</p><p><a class="back" href="{uri}">Continue now</a></p>"#)
        },
    );
    let name = applicant.name.as_deref().unwrap_or("Not given");
    let body = format!(
        r#"<p class="eyebrow">Finished</p>
<h1>{title}</h1>
<p class="lead" role="status">{text}</p>
{summary}
{back}"#,
        summary = summary(applicant, name, &ending.status),
    );
    page(StatusCode::OK, title, &body, ending.redirect_uri.as_deref())
}

/// A page that only says something.
pub(super) fn message(status: StatusCode, title: &str, text: &str) -> Response {
    let body = format!("<h1>{}</h1>\n<p class=\"lead\">{}</p>", escape(title), escape(text));
    page(status, title, &body, None)
}

fn summary(applicant: &Applicant, name: &str, status: &KycStatus) -> String {
    let (label, status_label) = if applicant.business { ("Business", "KYB status") } else { ("Name", "KYC status") };
    format!(
        r#"<dl>
<div><dt>{label}</dt><dd>{}</dd></div>
<div><dt>Customer</dt><dd><code>{}</code></dd></div>
<div><dt>Platform customer</dt><dd><code>{}</code></dd></div>
<div><dt>{status_label}</dt><dd><span class="status">{}</span></dd></div>
</dl>"#,
        escape(name),
        escape(&applicant.customer_id),
        escape(&applicant.platform_customer_id),
        escape(status.as_str()),
    )
}

fn page(status: StatusCode, title: &str, body: &str, redirect: Option<&str>) -> Response {
    let nonce = uuid::Uuid::new_v4().simple().to_string();
    let refresh = redirect.map_or_else(String::new, |uri| {
        format!("<meta http-equiv=\"refresh\" content=\"{REDIRECT_AFTER}; url={}\">\n", escape(uri))
    });
    let html = format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{refresh}<title>{title} · Grid sandbox</title>
<style nonce="{nonce}">{STYLE}</style>
</head>
<body>
<main>
{body}
</main>
<footer>Grid sandbox. Nobody is really verified here.</footer>
</body>
</html>
"#,
        title = escape(title),
    );
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    let mut response = (status, html).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Text as it may stand in HTML and in a quoted attribute.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn names_are_text_and_not_markup() {
        assert_eq!(
            escape(r#"<b class="x">O'Neil & Co</b>"#),
            "&lt;b class=&quot;x&quot;&gt;O&#39;Neil &amp; Co&lt;/b&gt;"
        );
    }
}
