//! Answers that are put together from JSON that was rendered before.

use std::sync::Arc;

use futures_util::stream;
use poem::http::header;
use poem::{Body, IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{
    MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};

const CONTENT_TYPE: &str = "application/json; charset=UTF-8";
/// How every list begins.
const HEAD: &str = "{\"items\":[";

/// Up to here an answer is written in one piece; a longer one is put together while it is sent, so that readers who take their time
/// hold no copy of it.
const WHOLE_BYTES: usize = 64 * 1024;
/// The size of the pieces of a longer one, at least.
const PIECE_BYTES: usize = 32 * 1024;

/// A JSON document of the public API, with a line end: a head, items with commas between them, and a tail.
#[derive(Debug)]
pub(crate) struct Rendered {
    head: &'static str,
    items: Vec<Arc<str>>,
    tail: String,
}

fn json(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

impl Rendered {
    /// One entity.
    pub(super) fn one(entity: &Arc<str>) -> Self {
        Self {
            head: "",
            items: vec![entity.clone()],
            tail: "\n".to_owned(),
        }
    }

    /// `{items, size, pageSize, nextPageToken}`, the token empty on the last page.
    pub(super) fn list(items: Vec<Arc<str>>, page_size: usize, next: Option<&str>) -> Self {
        let (size, next) = (items.len(), json(next.unwrap_or_default()));
        Self {
            head: HEAD,
            items,
            tail: format!(
                "],\"size\":{size},\"pageSize\":{page_size},\"nextPageToken\":{next}}}\n"
            ),
        }
    }

    /// `{items, size, nextPageToken?}`, the token left out on the last page.
    pub(super) fn mcp_list(items: Vec<Arc<str>>, next: Option<&str>) -> Self {
        let size = items.len();
        let next = next
            .map(|n| format!(",\"nextPageToken\":{}", json(n)))
            .unwrap_or_default();
        Self {
            head: HEAD,
            items,
            tail: format!("],\"size\":{size}{next}}}\n"),
        }
    }

    fn bytes(&self) -> usize {
        let commas = self.items.len().saturating_sub(1);
        let items: usize = self.items.iter().map(|item| item.len()).sum();
        self.head.len() + items + commas + self.tail.len()
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

    fn whole(self, bytes: usize) -> String {
        let mut text = String::with_capacity(bytes);
        text.push_str(self.head);
        for (index, item) in self.items.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            text.push_str(item);
        }
        text.push_str(&self.tail);
        text
    }
}

impl IntoResponse for Rendered {
    fn into_response(self) -> Response {
        let bytes = self.bytes();
        let response = Response::builder().header(header::CONTENT_TYPE, CONTENT_TYPE);
        if bytes <= WHOLE_BYTES {
            return response.body(self.whole(bytes));
        }
        let pieces = self.pieces(PIECE_BYTES).map(std::io::Result::Ok);
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
            let items = || {
                (0..count)
                    .map(|i| format!("{{\"a\":{i}}}").into())
                    .collect()
            };
            let whole = Rendered::list(items(), 10, Some("t"));
            let bytes = whole.bytes();
            let whole = whole.whole(bytes);
            assert_eq!(whole.len(), bytes);
            let value: serde_json::Value = serde_json::from_str(&whole).unwrap();
            assert_eq!(
                (&value["size"], &value["items"].as_array().unwrap().len()),
                (&count.into(), &count)
            );
            for at_least in [1, 12, 1000] {
                let pieces = Rendered::list(items(), 10, Some("t")).pieces(at_least);
                assert_eq!(pieces.collect::<String>(), whole);
            }
        }
    }
}
