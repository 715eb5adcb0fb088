//! 405 with `Allow`, for every method that a path does not have.

use std::collections::HashMap;

use poem::{
    Endpoint, EndpointExt, IntoEndpoint, Request, Response, Result, RouteMethod,
    endpoint::{BoxEndpoint, make},
    http::Method,
};
use poem_openapi::{
    OpenApi,
    registry::{MetaApi, Registry},
};

use super::MethodNotAllowed;

/// Every method of RFC 9110 and PATCH, except HEAD: the router makes it from GET, and 405 where there is no GET.
const METHODS: [Method; 8] = [
    Method::GET,
    Method::PUT,
    Method::POST,
    Method::DELETE,
    Method::PATCH,
    Method::OPTIONS,
    Method::TRACE,
    Method::CONNECT,
];

/// Wraps an `OpenApi` so that a method a path does not have is a 405 that lists those it has.
///
/// Wrap the whole, not the parts: two parts may each have some of the methods of one path.
pub struct WithAllow<T>(pub T);

impl<T: OpenApi> OpenApi for WithAllow<T> {
    fn meta() -> Vec<MetaApi> {
        T::meta()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn add_routes(self, routes: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {
        self.0.add_routes(routes);
        for methods in routes.values_mut() {
            let allow = allow_of(methods.keys());
            for method in METHODS {
                methods
                    .entry(method)
                    .or_insert_with(|| refusal(allow.clone()).boxed());
            }
        }
    }
}

/// A route outside of any `OpenApi` that answers GET and HEAD, and 405 with `Allow` to all else.
pub fn get_only<E>(endpoint: E) -> RouteMethod
where
    E: IntoEndpoint,
    E::Endpoint: 'static,
{
    let allow = allow_of([&Method::GET]);
    METHODS
        .into_iter()
        .filter(|method| method != Method::GET)
        .fold(RouteMethod::new().get(endpoint), |route, method| {
            route.method(method, refusal(allow.clone()))
        })
}

/// Turns a method that no one knows into one that no route has, so that it meets the same 405 with the same `Allow`.
pub(crate) async fn known_method(mut request: Request) -> Result<Request> {
    if request.method() != Method::HEAD && !METHODS.contains(request.method()) {
        request.set_method(Method::TRACE);
    }
    Ok(request)
}

fn allow_of<'a>(methods: impl IntoIterator<Item = &'a Method>) -> String {
    let mut names: Vec<&str> = methods.into_iter().map(Method::as_str).collect();
    if names.contains(&"GET") && !names.contains(&"HEAD") {
        names.push("HEAD");
    }
    names.sort_unstable();
    names.join(", ")
}

fn refusal(allow: String) -> impl Endpoint<Output = Response> + 'static {
    make(move |_| {
        let allow = allow.clone();
        async move { Err::<Response, _>(MethodNotAllowed { allow }) }
    })
}
