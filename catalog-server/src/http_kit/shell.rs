//! Everything a request goes through on its way in and out, in the one right order.

use poem::{Endpoint, EndpointExt, IntoEndpoint, Response};

use super::{
    CustomVerbs, Limits, RequestIds, SecurityHeaders, allow,
    problem::{Catch, Family},
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
    app.into_endpoint()
        .with(CustomVerbs::under(options.verbs_under))
        .before(allow::known_method)
        .with(options.limits)
        .with(Catch::new(options.family))
        .with(SecurityHeaders)
        .with(RequestIds)
}
