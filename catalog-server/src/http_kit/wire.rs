//! JSON answers.

use std::ops::{Deref, DerefMut};

use poem::{
    IntoResponse, Response,
    http::{HeaderValue, StatusCode, header},
};
use poem_openapi::{
    ApiResponse,
    payload::Payload,
    registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry},
    types::Type,
};
use serde::Serialize;

use super::ApiError;

/// What a handler returns: a JSON answer or a problem, both in the OpenAPI document.
pub type Answer<T> = Result<Wire<T>, ApiError>;

/// A JSON answer with the revision it is about, as `ETag`.
#[derive(Debug, Clone, PartialEq)]
pub struct Tagged<T> {
    /// The answer.
    pub body: T,
    /// The revision; `None` where there is none that could be matched.
    pub revision: Option<String>,
}

impl<T: Type + Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut response = Wire(self.body).into_response();
        let tag = self.revision.map(|revision| format!("\"{revision}\""));
        if let Some(tag) = tag.and_then(|tag| HeaderValue::try_from(tag).ok()) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

impl<T: Type + Serialize> ApiResponse for Tagged<T> {
    fn meta() -> MetaResponses {
        let mut meta = Wire::<T>::meta();
        for response in &mut meta.responses {
            response.headers.push(MetaHeader {
                name: "ETag".to_owned(),
                description: Some("The revision, to be sent back as `If-Match`".to_owned()),
                required: false,
                deprecated: false,
                schema: String::schema_ref(),
            });
        }
        meta
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// A JSON answer: described to the OpenAPI document by `Type`, written by serde.
///
/// The framework's own payload goes through a tree of values first and writes times in its own way; this writes straight and what
/// clients of `catalog-api` read.
#[derive(Debug, Clone, PartialEq)]
pub struct Wire<T>(pub T);

impl<T> Deref for Wire<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Wire<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: Type> Payload for Wire<T> {
    const CONTENT_TYPE: &'static str = "application/json";

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Type + Serialize> IntoResponse for Wire<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => Response::builder()
                .header(header::CONTENT_TYPE, Self::CONTENT_TYPE)
                .body(body),
            Err(error) => {
                tracing::error!(%error, "an answer could not be written as JSON");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

impl<T: Type + Serialize> ApiResponse for Wire<T> {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "",
                status: Some(200),
                status_range: None,
                content: vec![MetaMediaType {
                    content_type: Self::CONTENT_TYPE,
                    schema: T::schema_ref(),
                }],
                headers: vec![],
            }],
        }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}
