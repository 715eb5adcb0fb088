//! JSON bodies, read without mercy and refused with everything that is wrong with them.

mod schema;
mod tree;

use std::{
    any::TypeId,
    collections::HashMap,
    ops::{Deref, DerefMut},
    sync::{Arc, OnceLock, RwLock},
};

use catalog_api::MemberError;
use poem::{
    Request, RequestBody, Result,
    http::{HeaderValue, StatusCode, header},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    payload::{ParsePayload, Payload},
    registry::{MetaMediaType, MetaRequest, MetaSchemaRef, Registry},
    types::Type,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{ApiError, limits::Bounded};

/// Where nothing has bounded the body, no more than this is read.
const UNBOUNDED_BYTES: usize = 1024 * 1024;
/// How many errors are listed one by one; whoever has more has sent something else altogether.
const MAX_ERRORS: usize = 100;
/// How many errors the sentence for people names.
const MAX_NAMED: usize = 10;
/// How much of a pointer is shown; every real one is far shorter.
const MAX_POINTER_CHARS: usize = 200;

/// A JSON body. Unknown members, members that are there twice, missing members, wrong types and anything after the end are refused,
/// all together, as 400 `malformed-request` with one entry each in `errors`.
///
/// Members are named, values never: a value may be a secret that was put in the wrong place.
///
/// What is allowed is what the OpenAPI schema of `T` says. `T` must be an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Strict<T>(pub T);

impl<T> Deref for Strict<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Strict<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: Type> Payload for Strict<T> {
    const CONTENT_TYPE: &'static str = "application/json";

    fn check_content_type(content_type: &str) -> bool {
        let essence = content_type.split(';').next().unwrap_or("").trim();
        let Some((kind, subtype)) = essence.split_once('/') else {
            return false;
        };
        let subtype = subtype.to_ascii_lowercase();
        kind.eq_ignore_ascii_case("application")
            && (subtype == "json" || subtype.ends_with("+json"))
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Type + DeserializeOwned + 'static> ParsePayload for Strict<T> {
    const IS_REQUIRED: bool = true;

    async fn from_request(request: &Request, body: &mut RequestBody) -> Result<Self> {
        let body = body.take()?;
        let bytes = match request.extensions().get::<Bounded>() {
            Some(Bounded) => body.into_bytes().await?,
            None => body.into_bytes_limit(UNBOUNDED_BYTES).await?,
        };
        Ok(Self(parse(&bytes)?))
    }
}

// Written out instead of the framework's macro, which insists on a content type: plain tools often send none.
impl<'a, T: Type + DeserializeOwned + 'static> ApiExtractor<'a> for Strict<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        <Self as Payload>::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: None,
            content: vec![MetaMediaType {
                content_type: Self::CONTENT_TYPE,
                schema: Self::schema_ref(),
            }],
            required: Self::IS_REQUIRED,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> Result<Self> {
        // One that is no text is one that is not supported.
        let said = |sent: &HeaderValue| sent.to_str().is_ok_and(Self::check_content_type);
        let sent = request.headers().get(header::CONTENT_TYPE);
        if sent.is_some_and(|sent| !sent.is_empty() && !said(sent)) {
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            let error = ApiError::new(status, "unsupported-media-type");
            return Err(error
                .detail("the request body must be application/json")
                .into());
        }
        <Self as ParsePayload>::from_request(request, body).await
    }
}

fn parse<T: Type + DeserializeOwned + 'static>(bytes: &[u8]) -> Result<T, ApiError> {
    if bytes.trim_ascii().is_empty() {
        return Err(ApiError::malformed("a request body is required"));
    }
    let tree::Tree { value, duplicates } = tree::parse(bytes).map_err(|place| {
        let tree::Place { line, column } = place;
        ApiError::malformed(format!(
            "the request body is not JSON: line {line}, column {column}"
        ))
    })?;
    let mut errors: Vec<_> = duplicates
        .into_iter()
        .map(|pointer| member(pointer, "is there more than once"))
        .collect();
    errors.extend(schema::check(&registry_of::<T>(), &T::schema_ref(), &value));
    if errors.is_empty() {
        // Whatever the schema cannot say, such as the range of a number, serde has the last word on.
        match decode(value) {
            Ok(decoded) => return Ok(decoded),
            Err(error) => errors.push(error),
        }
    }
    Err(refusal(errors))
}

fn decode<T: DeserializeOwned>(value: Value) -> Result<T, MemberError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        use serde_path_to_error::Segment;
        let mut pointer = String::new();
        for segment in error.path() {
            match segment {
                Segment::Seq { index } => tree::push(&mut pointer, &index.to_string()),
                Segment::Map { key } => tree::push(&mut pointer, key),
                Segment::Enum { .. } | Segment::Unknown => {}
            }
        }
        // The message holds the value it is about. Only its end is ours: what was expected.
        let message = error.inner().to_string();
        match message.rsplit_once(", expected ") {
            Some((_, expected)) => member(pointer, &format!("is not valid: expected {expected}")),
            None => member(pointer, "is not valid"),
        }
    })
}

fn member(pointer: String, message: &str) -> MemberError {
    MemberError {
        pointer,
        message: message.to_owned(),
        suggestion: None,
    }
}

fn refusal(mut errors: Vec<MemberError>) -> ApiError {
    let count = errors.len();
    errors.sort_by(|a, b| a.pointer.cmp(&b.pointer));
    errors.truncate(MAX_ERRORS);
    for error in &mut errors {
        shorten(&mut error.pointer);
    }
    let named: Vec<_> = errors.iter().take(MAX_NAMED).map(sentence).collect();
    let mut detail = named.join("; ");
    if count > MAX_NAMED {
        detail.push_str(&format!("; and {} more", count - MAX_NAMED));
    }
    ApiError::malformed(detail).errors(errors)
}

/// The name of a member comes from the request, and may be as long as the request.
fn shorten(pointer: &mut String) {
    if let Some((end, _)) = pointer.char_indices().nth(MAX_POINTER_CHARS) {
        pointer.truncate(end);
        pointer.push('…');
    }
}

fn sentence(error: &MemberError) -> String {
    let MemberError {
        pointer,
        message,
        suggestion,
    } = error;
    let place = if pointer.is_empty() {
        "the request body"
    } else {
        pointer
    };
    match suggestion {
        Some(suggestion) => format!("{place} {message} (did you mean {suggestion:?}?)"),
        None => format!("{place} {message}"),
    }
}

/// The schemas that `T` is made of. Made once a type: they never change.
fn registry_of<T: Type + 'static>() -> Arc<Registry> {
    static KNOWN: OnceLock<RwLock<HashMap<TypeId, Arc<Registry>>>> = OnceLock::new();
    let known = KNOWN.get_or_init(Default::default);
    let id = TypeId::of::<T>();
    // A poisoned lock still holds whole entries: each is inserted in one step.
    if let Some(registry) = known
        .read()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
        .get(&id)
    {
        return registry.clone();
    }
    let mut registry = Registry::new();
    T::register(&mut registry);
    let registry = Arc::new(registry);
    let mut known = known
        .write()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    known.entry(id).or_insert(registry).clone()
}

#[cfg(test)]
mod tests;
