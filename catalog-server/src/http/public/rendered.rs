//! Answers that are put together from JSON that was rendered before.

use std::sync::Arc;

use poem::http::header;
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{
    MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};

const CONTENT_TYPE: &str = "application/json; charset=UTF-8";

/// A JSON document of the public API, with a line end.
#[derive(Debug)]
pub(crate) struct Rendered(String);

fn json(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

impl Rendered {
    /// One entity.
    pub(super) fn one(entity: &str) -> Self {
        Self(format!("{entity}\n"))
    }

    /// `{items, size, pageSize, nextPageToken}`, the token empty on the last page.
    pub(super) fn list(items: &[Arc<str>], page_size: usize, next: Option<&str>) -> Self {
        let (all, size, next) = (items.join(","), items.len(), json(next.unwrap_or_default()));
        Self(format!(
            "{{\"items\":[{all}],\"size\":{size},\"pageSize\":{page_size},\"nextPageToken\":{next}}}\n"
        ))
    }

    /// `{items, size, nextPageToken?}`, the token left out on the last page.
    pub(super) fn mcp_list(items: &[Arc<str>], next: Option<&str>) -> Self {
        let (all, size) = (items.join(","), items.len());
        let next = next
            .map(|n| format!(",\"nextPageToken\":{}", json(n)))
            .unwrap_or_default();
        Self(format!("{{\"items\":[{all}],\"size\":{size}{next}}}\n"))
    }
}

impl IntoResponse for Rendered {
    fn into_response(self) -> Response {
        Response::builder()
            .header(header::CONTENT_TYPE, CONTENT_TYPE)
            .body(self.0)
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
