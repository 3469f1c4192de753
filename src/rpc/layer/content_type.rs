//! Only gRPC is answered.
//!
//! A web page can send its visitor's browser here with a request that needs nobody's leave, as long as its type is one
//! that forms have. gRPC says what becomes of other types (PROTOCOL-HTTP2, "Requests"): HTTP 415.

use bytes::Bytes;
use futures_util::future::{Either, MapOk, Ready, TryFutureExt as _, ready};
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::Empty;
use std::task::{Context, Poll};
use tower::{Layer, Service};

/// What the type of every request of gRPC begins with.
const GRPC: &[u8] = b"application/grpc";

/// Refuses what is not gRPC.
#[derive(Debug, Clone, Copy, Default)]
pub struct ContentTypeLayer;

impl<S> Layer<S> for ContentTypeLayer {
    type Service = ContentTypeService<S>;

    fn layer(&self, inner: S) -> ContentTypeService<S> {
        ContentTypeService { inner }
    }
}

/// What [`ContentTypeLayer`] makes of a service.
#[derive(Debug, Clone)]
pub struct ContentTypeService<S> {
    inner: S,
}

/// An answer's body, or none.
type Answered<R> = http_body_util::Either<R, Empty<Bytes>>;

impl<S, B, R> Service<Request<B>> for ContentTypeService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<Answered<R>>;
    type Error = S::Error;
    type Future =
        Either<Ready<Result<Self::Response, S::Error>>, MapOk<S::Future, fn(Response<R>) -> Response<Answered<R>>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if !is_grpc(request.headers()) {
            let mut refusal = Response::new(Answered::Right(Empty::new()));
            *refusal.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Either::Left(ready(Ok(refusal)));
        }
        Either::Right(self.inner.call(request).map_ok(|response| response.map(Answered::Left)))
    }
}

fn is_grpc(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(only), None) = (types.next(), types.next()) else { return false };
    let beginning = only.as_bytes().get(..GRPC.len());
    let rest = only.as_bytes().get(GRPC.len()..).unwrap_or_default();
    // `application/grpc-web` is another protocol.
    beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(GRPC))
        && matches!(rest.first(), None | Some(b'+' | b';' | b' ' | b'\t'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn types_of_grpc_and_others() {
        let of = |values: &[&'static str]| {
            let values = values.iter().map(|value| (header::CONTENT_TYPE, HeaderValue::from_static(value)));
            let mut headers = HeaderMap::new();
            values.for_each(|(name, value)| {
                headers.append(name, value);
            });
            is_grpc(&headers)
        };
        for value in
            ["application/grpc", "application/grpc+proto", "Application/gRPC;charset=x", "application/grpc ; a"]
        {
            assert!(of(&[value]), "{value}");
        }
        for values in [
            &[][..],
            &[""],
            &["text/plain"],
            &["application/x-www-form-urlencoded"],
            &["application/grpc-web"],
            &["application/grpcx"],
            &["text/plain;application/grpc"],
            &["application/grpc", "text/plain"],
        ] {
            assert!(!of(values), "{values:?}");
        }
    }
}
