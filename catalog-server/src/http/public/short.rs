//! The lists and entities of the public catalogs, read without being routed.
//!
//! Only what needs no second thought: paths and queries as they stand, and answers that are no errors.

use poem::http::{HeaderValue, Uri};

use super::rendered::{CONTENT_TYPE, Rendered};
use super::{Asked, McpCatalog, ModelCatalog};
use crate::http::{MCP_BASE, MODEL_BASE};
use crate::http_kit::ShortAnswer;

/// Answers the reads that it knows, as the routes do.
pub(in crate::http) fn short_way(
    mcp: McpCatalog,
    models: ModelCatalog,
) -> impl Fn(&Uri) -> Option<ShortAnswer> {
    move |uri| {
        let (path, query) = (uri.path(), uri.query().unwrap_or_default());
        let rendered = match path.strip_prefix(MCP_BASE) {
            Some("/mcpservers") => mcp.list(asked(query, &MCP_PARAMETERS)?),
            Some(path) => mcp.one(plain(path.strip_prefix("/mcpservers/")?)?),
            None if path.strip_prefix(MODEL_BASE)? == "/models" => {
                models.list(&asked(query, &MODEL_PARAMETERS)?)
            }
            None => return None,
        };
        match rendered.ok()? {
            Rendered::Whole(body) => Some(ShortAnswer {
                content_type: HeaderValue::from_static(CONTENT_TYPE),
                body,
            }),
            Rendered::Parts(_) => None,
        }
    }
}

/// One segment that means what it says.
fn plain(segment: &str) -> Option<&str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    (!segment.is_empty() && segment.bytes().all(is_plain)).then_some(segment)
}

/// Where a parameter goes.
type Parameter = (
    &'static str,
    for<'a, 'b> fn(&'b mut Asked<'a>) -> &'b mut Option<&'a str>,
);

const SIZE: Parameter = ("pageSize", |asked| &mut asked.page.size);
const ORDER_BY: Parameter = ("orderBy", |asked| &mut asked.page.order_by);
const SORT_ORDER: Parameter = ("sortOrder", |asked| &mut asked.page.sort_order);
const NEXT: Parameter = ("nextPageToken", |asked| &mut asked.page.token);

/// A token by either name; with both, it is one too many for the short way.
const MCP_PARAMETERS: [Parameter; 5] = [
    SIZE,
    ORDER_BY,
    SORT_ORDER,
    NEXT,
    ("pageToken", |asked| &mut asked.page.token),
];

const MODEL_PARAMETERS: [Parameter; 5] = [
    SIZE,
    ORDER_BY,
    SORT_ORDER,
    NEXT,
    ("source", |asked| &mut asked.source),
];

/// Parameters that are known, each at most once, with values that mean what they say.
fn asked<'a>(query: &'a str, known: &[Parameter]) -> Option<Asked<'a>> {
    let mut asked = Asked::default();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=')?;
        let (_, place) = known.iter().find(|(known, _)| *known == name)?;
        if place(&mut asked).replace(plain(value)?).is_some() {
            return None;
        }
    }
    Some(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_plain_goes_the_short_way() {
        let size = |query| asked(query, &MCP_PARAMETERS).map(|asked| asked.page.size);
        assert_eq!(size("").unwrap(), None);
        assert_eq!(size("pageSize=5").unwrap(), Some("5"));
        assert_eq!(size("orderBy=ID&pageSize=-1").unwrap(), Some("-1"));
        for query in [
            "pageSize=",
            "pageSize",
            "pageSize=1&pageSize=2",
            "pageToken=61&nextPageToken=61",
            "pageSize=%31",
            "pageSize=1+1",
            "page%53ize=1",
            "q=x",
            "filterQuery=",
            "source=a",
            "other=1",
        ] {
            assert!(asked(query, &MCP_PARAMETERS).is_none(), "{query}");
        }
        let source = asked("source=a", &MODEL_PARAMETERS).and_then(|asked| asked.source);
        assert_eq!(source, Some("a"));
        assert!(asked("source=a,b", &MODEL_PARAMETERS).is_none());
        for segment in ["", "a/b", "a%20b", "a b", "a:b", "ü"] {
            assert_eq!(plain(segment), None, "{segment}");
        }
        assert_eq!(plain("a-B_3.4~"), Some("a-B_3.4~"));
    }
}
