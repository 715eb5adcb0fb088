//! The OpenAPI document and a page to read it. The page is whole: it loads nothing from elsewhere, so it works in a closed network.

use poem::{Response, RouteMethod, endpoint::make_sync, http::header};
use poem_openapi::{OpenApi, OpenApiService, Webhook};

use super::{get_only, limits::Shared};

/// The page runs its own inline script and asks this server alone; nothing else is reachable from it.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page is 1.6 MB and changes with the server only: let a browser keep it for a while.
const PAGE_CACHE: &str = "max-age=300";

/// The page to read the API of `service`, to be mounted at `/docs`.
#[must_use]
pub fn page<T, W>(service: &OpenApiService<T, W>) -> RouteMethod
where
    T: OpenApi + 'static,
    W: Webhook + 'static,
{
    // `Bytes` are shared, not copied, from one response to the next.
    let html = hyper::body::Bytes::from(service.swagger_ui_html());
    get_only(make_sync(move |_| {
        Response::builder()
            .header(header::CONTENT_TYPE, "text/html; charset=utf-8")
            .header(header::CONTENT_SECURITY_POLICY, PAGE_POLICY)
            .header(header::CACHE_CONTROL, PAGE_CACHE)
            .extension(Shared)
            .body(html.clone())
    }))
}

/// The OpenAPI document of `service` as JSON, to be mounted at `/openapi.json`.
#[must_use]
pub fn document<T, W>(service: &OpenApiService<T, W>) -> RouteMethod
where
    T: OpenApi + 'static,
    W: Webhook + 'static,
{
    let json = hyper::body::Bytes::from(service.spec());
    get_only(make_sync(move |_| {
        Response::builder()
            .header(header::CONTENT_TYPE, "application/json")
            .extension(Shared)
            .body(json.clone())
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page without the contents of its scripts, which mention addresses they do not load.
    fn skeleton(html: &str) -> String {
        let mut rest = html;
        let mut kept = String::new();
        while let Some(open) = rest.find("<script") {
            let body = open + rest[open..].find('>').unwrap() + 1;
            kept.push_str(&rest[..body]);
            rest = &rest[body + rest[body..].find("</script>").unwrap()..];
        }
        kept + rest
    }

    #[test]
    fn the_page_refers_to_no_other_host() {
        let html = OpenApiService::new((), "t", "1").swagger_ui_html();
        let skeleton = skeleton(&html);
        assert!(skeleton.len() < html.len() / 2);
        for load in ["src=", "<link", "@import", "url(http", "url(//", "<iframe"] {
            assert!(!skeleton.contains(load), "{load}");
        }
    }

    #[test]
    fn the_policy_of_the_page_lets_nothing_out() {
        assert!(PAGE_POLICY.starts_with("default-src 'none'"));
        assert!(!PAGE_POLICY.contains("http") && !PAGE_POLICY.contains('*'));
    }
}
