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
    use catalog_core::model::{Author, Edit, Expect, SettingsPatch, SourceKey};
    use catalog_core::ports::MemoryStore;
    use catalog_core::service::{ApplyOptions, CatalogService};
    use catalog_plugins::{McpPlugin, ModelPlugin};
    use poem::http::header;
    use poem::test::TestClient;

    use super::*;
    use crate::http::{HttpOptions, app};

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

    async fn served() -> CatalogService {
        let catalog = CatalogService::builder()
            .store(MemoryStore::new())
            .plugin(McpPlugin::new())
            .plugin(ModelPlugin::new())
            .build()
            .unwrap();
        let servers: String = (0..30)
            .map(|n| format!("- {{name: s-{n:02}, deploymentMode: local}}\n"))
            .collect();
        let models: String = (0..30).map(|n| format!("- {{name: m-{n:02}}}\n")).collect();
        for (plugin, content) in [
            (
                "mcp",
                format!("mcpservers:\n{servers}- {{name: \"a:b c\", deploymentMode: local}}\n"),
            ),
            ("model", format!("source: Us\nmodels:\n{models}")),
        ] {
            let settings = SettingsPatch {
                name: Some("Main".into()),
                source_type: Some("yaml".into()),
                ..SettingsPatch::default()
            };
            let key = SourceKey::parse(plugin, "main").unwrap();
            let edit = Edit::settings(settings).with_content(content);
            let (author, options) = (Author::new("test"), ApplyOptions::default());
            let applied = catalog.apply(&key, edit, Expect::Absent, author, options);
            assert!(applied.await.unwrap().changed);
        }
        catalog
    }

    #[tokio::test]
    async fn the_short_way_and_the_whole_way_give_the_same_answers() {
        let catalog = served().await;
        let way = short_way(
            McpCatalog::new(catalog.clone()),
            ModelCatalog::new(catalog.clone()),
        );
        let (_stop, stop) = tokio::sync::watch::channel(false);
        let client = TestClient::new(app(&catalog, &HttpOptions::new(1 << 20), stop));
        let asked = [
            (MCP_BASE, "/mcpservers", true),
            (MCP_BASE, "/mcpservers?pageSize=5", true),
            (MCP_BASE, "/mcpservers?pageSize=0&sortOrder=desc", true),
            (MCP_BASE, "/mcpservers?pageSize=-7&orderBy=ID", true),
            (
                MCP_BASE,
                "/mcpservers?pageToken=313a732d3035&pageSize=3",
                true,
            ),
            (MCP_BASE, "/mcpservers?nextPageToken=313a732d3035&", true),
            (MCP_BASE, "/mcpservers/s-07", true),
            (MODEL_BASE, "/models", true),
            (
                MODEL_BASE,
                "/models?source=main&orderBy=name&pageSize=4",
                true,
            ),
            (MODEL_BASE, "/models?source=other", true),
            (MCP_BASE, "/mcpservers?pageSize=1&pageSize=2", false),
            (MCP_BASE, "/mcpservers?pageSize=%35", false),
            (MCP_BASE, "/mcpservers?pageSize=x", false),
            (MCP_BASE, "/mcpservers?q=s", false),
            (MCP_BASE, "/mcpservers?other=1", false),
            (MCP_BASE, "/mcpservers/", false),
            (MCP_BASE, "/mcpservers/none", false),
            (MCP_BASE, "/mcpservers/a%3Ab%20c", false),
            (MODEL_BASE, "/sources", false),
        ];
        for (base, rest, short) in asked {
            let url = format!("{base}{rest}");
            let uri: Uri = url.parse().unwrap();
            assert_eq!(way(&uri).is_some(), short, "{url}");
            let mut answers = Vec::new();
            // With a length of a body, if only 0, a request goes the whole way.
            for whole in [false, true] {
                let request = client.get(&url);
                let request = match whole {
                    true => request.header(header::CONTENT_LENGTH, "0"),
                    false => request,
                };
                let mut response = request.send().await.0;
                let id = response.headers_mut().remove("x-request-id").unwrap();
                assert_eq!(id.len(), 32, "{url}");
                let mut headers: Vec<_> = response
                    .headers()
                    .iter()
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect();
                headers.sort_by(|a, b| a.0.as_str().cmp(b.0.as_str()));
                let body = response.take_body().into_string().await.unwrap();
                answers.push((response.status(), headers, body));
            }
            assert_eq!(answers[0], answers[1], "{url}");
            let ok = answers[0].0.is_success();
            assert!(ok || !short, "{url}: {answers:?}");
        }
    }

    #[tokio::test]
    async fn an_id_that_the_client_sent_comes_back_from_either_way() {
        let catalog = served().await;
        let (_stop, stop) = tokio::sync::watch::channel(false);
        let client = TestClient::new(app(&catalog, &HttpOptions::new(1 << 20), stop));
        let url = format!("{MCP_BASE}/mcpservers/s-07");
        for (sent, comes_back) in [("mine-1", true), ("not sane", false)] {
            let response = client.get(&url).header("x-request-id", sent).send().await;
            let id = response.0.headers().get("x-request-id").unwrap();
            assert_eq!(id == sent, comes_back, "{id:?}");
        }
    }
}
