//! Answers that are put together from JSON that was rendered before.

use std::sync::Arc;

use futures_util::stream;
use poem::http::header;
use poem::{Body, IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{
    MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};

use crate::http_kit::FREE_BYTES;

pub(super) const CONTENT_TYPE: &str = "application/json; charset=UTF-8";
/// How every list begins.
const HEAD: &str = "{\"items\":[";

/// Up to here an answer is written in one piece; a longer one is put together while it is sent, so that readers who take their time
/// hold no copy of it.
const WHOLE_BYTES: usize = FREE_BYTES;
/// The size of the pieces of a longer one, at least.
const PIECE_BYTES: usize = 32 * 1024;

/// A JSON document of the public API, with a line end.
#[derive(Debug)]
pub(crate) enum Rendered {
    /// The text. Items are copied where they are found: to count who else has them would cost more, the more readers there are.
    Whole(String),
    /// What a long text is made of.
    Parts(Parts),
}

/// A head, items with commas between them, and a tail.
#[derive(Debug)]
pub(crate) struct Parts {
    head: &'static str,
    items: Vec<Arc<str>>,
    tail: String,
}

impl Rendered {
    /// One entity.
    pub(super) fn one(entity: &Arc<str>) -> Self {
        Self::of("", &[entity], "\n".to_owned(), WHOLE_BYTES)
    }

    /// `{items, size, pageSize, nextPageToken}`, the token empty on the last page.
    pub(super) fn list(items: &[&Arc<str>], page_size: usize, next: Option<&str>) -> Self {
        let (size, next) = (items.len(), next.unwrap_or_default());
        let tail =
            format!("],\"size\":{size},\"pageSize\":{page_size},\"nextPageToken\":\"{next}\"}}\n");
        Self::of(HEAD, items, tail, WHOLE_BYTES)
    }

    /// `{items, size, nextPageToken?}`, the token left out on the last page.
    pub(super) fn mcp_list(items: &[&Arc<str>], next: Option<&str>) -> Self {
        let size = items.len();
        let tail = match next {
            Some(next) => format!("],\"size\":{size},\"nextPageToken\":\"{next}\"}}\n"),
            None => format!("],\"size\":{size}}}\n"),
        };
        Self::of(HEAD, items, tail, WHOLE_BYTES)
    }

    fn of(head: &'static str, items: &[&Arc<str>], tail: String, whole: usize) -> Self {
        let bytes = bytes(head, items.iter().copied(), &tail);
        if bytes > whole {
            let items = items.iter().map(|item| Arc::clone(item)).collect();
            return Self::Parts(Parts { head, items, tail });
        }
        let mut text = String::with_capacity(bytes);
        text.push_str(head);
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            text.push_str(item);
        }
        text.push_str(&tail);
        Self::Whole(text)
    }
}

fn bytes<'a>(head: &str, items: impl ExactSizeIterator<Item = &'a Arc<str>>, tail: &str) -> usize {
    let commas = items.len().saturating_sub(1);
    let items: usize = items.map(|item| item.len()).sum();
    head.len() + items + commas + tail.len()
}

impl Parts {
    fn bytes(&self) -> usize {
        bytes(self.head, self.items.iter(), &self.tail)
    }

    /// The text in pieces of at least this many bytes, the last one excepted.
    fn pieces(self, at_least: usize) -> impl Iterator<Item = String> + Send {
        let Self { head, items, tail } = self;
        let mut tail = Some(tail);
        let mut piece = head.to_owned();
        let mut items = items.into_iter().enumerate();
        std::iter::from_fn(move || {
            while piece.len() < at_least {
                let Some((index, item)) = items.next() else {
                    piece.push_str(&tail.take()?);
                    return Some(std::mem::take(&mut piece));
                };
                piece.reserve(item.len() + 1);
                if index > 0 {
                    piece.push(',');
                }
                piece.push_str(&item);
            }
            Some(std::mem::take(&mut piece))
        })
    }
}

impl IntoResponse for Rendered {
    fn into_response(self) -> Response {
        let response = Response::builder().header(header::CONTENT_TYPE, CONTENT_TYPE);
        let parts = match self {
            Self::Whole(text) => return response.body(text),
            Self::Parts(parts) => parts,
        };
        let bytes = parts.bytes();
        let pieces = parts.pieces(PIECE_BYTES).map(std::io::Result::Ok);
        response
            .header(header::CONTENT_LENGTH, bytes)
            .body(Body::from_bytes_stream(stream::iter(pieces)))
    }
}

/// In the OpenAPI document a plain object: the shapes belong to the public API's own document.
impl ApiResponse for Rendered {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "As the public catalog API describes it",
                status: Some(200),
                status_range: None,
                content: vec![MetaMediaType {
                    content_type: CONTENT_TYPE,
                    schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new("object"))),
                }],
                headers: vec![],
            }],
        }
    }

    fn register(_registry: &mut Registry) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_pieces_or_whole_it_is_the_same_text() {
        for count in 0..5 {
            let items: Vec<Arc<str>> = (0..count)
                .map(|i| format!("{{\"a\":{i}}}").into())
                .collect();
            let items: Vec<&Arc<str>> = items.iter().collect();
            let Rendered::Whole(whole) = Rendered::list(&items, 10, Some("74")) else {
                panic!("it is short");
            };
            let value: serde_json::Value = serde_json::from_str(&whole).unwrap();
            assert_eq!(
                (&value["size"], &value["items"].as_array().unwrap().len()),
                (&count.into(), &count)
            );
            let tail = whole[whole.find(']').unwrap()..].to_owned();
            for at_least in [1, 12, 1000] {
                let Rendered::Parts(parts) = Rendered::of(HEAD, &items, tail.clone(), 0) else {
                    panic!("it is long");
                };
                assert_eq!(parts.bytes(), whole.len());
                assert_eq!(parts.pieces(at_least).collect::<String>(), whole);
            }
        }
    }
}
