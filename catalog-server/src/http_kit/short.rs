//! The short way, for what is read most.
//!
//! Routing, limits, deadlines and errors are worth their time to a request that may wait, fail or bring something along. An answer
//! that is in memory needs none of them, and would spend most of its time there. Whatever is not plain goes the whole way, which gives
//! the same answer.

use std::panic::{AssertUnwindSafe, catch_unwind};

use poem::{
    Endpoint, Request, Response, Result,
    endpoint::BoxEndpoint,
    http::{HeaderMap, HeaderValue, Method, Uri, header},
};

use super::{headers, limits::FREE_BYTES, request_id};

/// An answer with status 200.
#[derive(Debug)]
pub struct ShortAnswer {
    /// Its content type.
    pub content_type: HeaderValue,
    /// Its body. One that is larger than what every request may have in memory is not sent: the request goes the whole way.
    pub body: String,
}

/// An endpoint with a short way past it.
pub(super) struct Short<F> {
    way: F,
    whole: BoxEndpoint<'static>,
    max_url_bytes: usize,
    /// Those of every short answer, made once.
    headers: HeaderMap,
}

impl<F: Fn(&Uri) -> Option<ShortAnswer>> Short<F> {
    pub(super) fn new(way: F, whole: BoxEndpoint<'static>, max_url_bytes: usize) -> Self {
        let mut headers = headers::defaults();
        // In their places, to be replaced: a copy has no room for more.
        for name in [header::CONTENT_TYPE, request_id::HEADER] {
            headers.insert(name, HeaderValue::from_static(""));
        }
        Self {
            way,
            whole,
            max_url_bytes,
            headers,
        }
    }

    fn answer(&self, request: &Request) -> Option<Response> {
        let (uri, headers) = (request.uri(), request.headers());
        let plain = request.method() == Method::GET
            && !headers.contains_key(header::CONTENT_LENGTH)
            && !headers.contains_key(header::TRANSFER_ENCODING)
            && uri
                .path_and_query()
                .is_some_and(|url| url.as_str().len() <= self.max_url_bytes)
            && !request_id::reads_are_logged();
        if !plain {
            return None;
        }
        // A panic is told of where all are: it comes again on the whole way.
        let answer = catch_unwind(AssertUnwindSafe(|| (self.way)(uri))).ok()??;
        if answer.body.len() > FREE_BYTES {
            return None;
        }
        let mut response = Response::builder().body(answer.body);
        let mut headers = self.headers.clone();
        headers.insert(header::CONTENT_TYPE, answer.content_type);
        headers.insert(request_id::HEADER, request_id::value_for(request));
        *response.headers_mut() = headers;
        Some(response)
    }
}

impl<F: Fn(&Uri) -> Option<ShortAnswer> + Send + Sync> Endpoint for Short<F> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        match self.answer(&request) {
            Some(response) => Ok(response),
            None => self.whole.call(request).await,
        }
    }
}
