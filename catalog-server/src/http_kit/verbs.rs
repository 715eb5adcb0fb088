//! Custom verbs: `/sources/{id}:apply`.
//!
//! The router takes every `:` for the start of a parameter, so such a path cannot be declared as it is. It is declared with a segment
//! of its own, `/sources/:id/~apply`; [`Published`] shows it to the OpenAPI document as `/sources/{id}:apply`, and [`CustomVerbs`]
//! turns the paths of incoming requests into what the router knows.

use std::collections::HashMap;

use poem::{
    Endpoint, Middleware, Request, Result,
    endpoint::BoxEndpoint,
    error::NotFoundError,
    http::{Method, Uri, uri::PathAndQuery},
};
use poem_openapi::{
    OpenApi,
    registry::{MetaApi, Registry},
};

/// What stands before a verb in a declared path. No id can begin with `~`.
const DECLARED: &str = "/~";

/// Wraps an `OpenApi` so that its document shows `/~verb` as `:verb`.
pub struct Published<T>(pub T);

impl<T: OpenApi> OpenApi for Published<T> {
    fn meta() -> Vec<MetaApi> {
        let mut apis = T::meta();
        for path in apis.iter_mut().flat_map(|api| &mut api.paths) {
            path.path = path.path.replace(DECLARED, ":");
        }
        apis
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn add_routes(self, routes: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {
        self.0.add_routes(routes);
    }
}

/// Middleware: routes `…/id:verb` to what is declared as `…/id/~verb`, below the given prefixes only, since elsewhere a name may hold
/// a colon of its own.
///
/// Works on the path as sent: `a%3Abc` is an id with a colon in it, never a verb, and `a%3Ab:apply` is the verb `apply` on `a:b`.
#[derive(Debug, Clone)]
pub struct CustomVerbs {
    prefixes: Vec<String>,
}

impl CustomVerbs {
    /// Below these prefixes, each without a slash at its end.
    #[must_use]
    pub fn under<S: Into<String>>(prefixes: impl IntoIterator<Item = S>) -> Self {
        Self {
            prefixes: prefixes.into_iter().map(Into::into).collect(),
        }
    }

    fn covers(&self, path: &str) -> bool {
        self.prefixes.iter().any(|prefix| {
            path.strip_prefix(prefix.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', ':']))
        })
    }
}

impl<E: Endpoint> Middleware<E> for CustomVerbs {
    type Output = CustomVerbsEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        CustomVerbsEndpoint {
            inner,
            verbs: self.clone(),
        }
    }
}

/// The endpoint that [`CustomVerbs`] makes.
#[derive(Debug)]
pub struct CustomVerbsEndpoint<E> {
    inner: E,
    verbs: CustomVerbs,
}

impl<E: Endpoint> Endpoint for CustomVerbsEndpoint<E> {
    type Output = E::Output;

    async fn call(&self, mut request: Request) -> Result<E::Output> {
        if self.verbs.covers(request.uri().path()) {
            // The declared form is ours alone.
            if request.uri().path().contains(DECLARED) {
                return Err(NotFoundError.into());
            }
            if let Some(path) = declared(request.uri().path()) {
                let uri = with_path(request.uri(), path).ok_or(NotFoundError)?;
                *request.uri_mut() = uri;
            }
        }
        self.inner.call(request).await
    }
}

/// The declared form of a path whose last segment has a verb.
fn declared(path: &str) -> Option<String> {
    let last = path.rfind('/').map_or(0, |slash| slash + 1);
    let colon = last + path[last..].rfind(':')?;
    let (before, verb) = (&path[..colon], &path[colon + 1..]);
    let is_verb = !verb.is_empty() && verb.bytes().all(|byte| byte.is_ascii_alphabetic());
    // `/:verb` acts on nothing: there is no id before the colon.
    (is_verb && colon > last).then(|| format!("{before}{DECLARED}{verb}"))
}

fn with_path(uri: &Uri, mut path: String) -> Option<Uri> {
    if let Some(query) = uri.query() {
        path.push('?');
        path.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(path).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_verb_after_an_id_is_rewritten() {
        let cases = [
            ("/p/sources/a:apply", Some("/p/sources/a/~apply")),
            ("/plugins/mcp:refresh", Some("/plugins/mcp/~refresh")),
            ("/p/sources/a%3Ab:apply", Some("/p/sources/a%3Ab/~apply")),
            ("/p/sources/a:b:apply", Some("/p/sources/a:b/~apply")),
            ("/p/sources/a%3Aapply", None),
            ("/p/sources/a:", None),
            ("/p/sources/:apply", None),
            ("/p/sources/a:b1", None),
            ("/p/sources/a:apply/more", None),
            ("/p/sources/a", None),
        ];
        for (path, expected) in cases {
            assert_eq!(declared(path).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn a_prefix_ends_where_a_segment_does() {
        let verbs = CustomVerbs::under(["/api/management"]);
        assert!(verbs.covers("/api/management"));
        assert!(verbs.covers("/api/management/x:y"));
        assert!(!verbs.covers("/api/management-2/x:y"));
        assert!(!verbs.covers("/api/mcp_catalog/x:y"));
    }

    #[test]
    fn the_query_survives() {
        let uri = Uri::from_static("/a:b?x=1:2");
        let rewritten = with_path(&uri, "/a/~b".to_owned()).unwrap();
        assert_eq!(rewritten, "/a/~b?x=1:2");
    }
}
