//! Everything a request goes through on its way in and out, in the one right order.

use poem::{Endpoint, EndpointExt, IntoEndpoint, Response, http::Uri};

use super::{
    CustomVerbs, Limits, RequestIds, SecurityHeaders, allow,
    problem::{Catch, Family},
    short::{Short, ShortAnswer},
};

/// What [`shell`] needs to know.
#[derive(Debug, Clone)]
pub struct ShellOptions {
    /// Limits and deadlines of a request.
    pub limits: Limits,
    /// Which family of errors a path belongs to; [`Family::of_path`] by default.
    pub family: fn(&str) -> Family,
    /// Where `id:verb` is understood, such as `/api/catalog-management`.
    pub verbs_under: Vec<String>,
}

impl Default for ShellOptions {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            family: Family::of_path,
            verbs_under: vec!["/api/catalog-management".to_owned()],
        }
    }
}

/// Wraps an application. From outside in: request id and log, security headers, errors and panics, limits and deadlines, verbs.
pub fn shell<A>(app: A, options: ShellOptions) -> impl Endpoint<Output = Response> + 'static
where
    A: IntoEndpoint,
    A::Endpoint: 'static,
{
    shell_with_short_way(app, options, |_| None)
}

/// As [`shell`], with a short way for GET requests without a body: what `way` answers is not routed. It has to be quick, and must
/// answer as the application does, or not at all. Where reads are logged, every request goes the whole way.
pub fn shell_with_short_way<A>(
    app: A,
    options: ShellOptions,
    way: impl Fn(&Uri) -> Option<ShortAnswer> + Send + Sync + 'static,
) -> impl Endpoint<Output = Response> + 'static
where
    A: IntoEndpoint,
    A::Endpoint: 'static,
{
    let max_url_bytes = options.limits.url_bytes;
    let whole = app
        .into_endpoint()
        .with(CustomVerbs::under(options.verbs_under))
        .before(allow::known_method)
        .with(options.limits)
        .with(Catch::new(options.family))
        .with(SecurityHeaders)
        .with(RequestIds);
    // Boxed, or every short answer would carry the room that a whole one needs.
    Short::new(way, whole.boxed(), max_url_bytes)
}
