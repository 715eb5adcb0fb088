//! What hyper answers by itself to what is no HTTP, with a body like that of every other error.

use poem::http::StatusCode;

use crate::http_kit::problem;

/// What hyper says of the body of such an answer.
const EMPTY: &str = "content-length: 0\r\n";

/// The answer with a body; `None` for anything but a bare refusal.
pub(super) fn with_body(bare: &[u8]) -> Option<Vec<u8>> {
    let bare = std::str::from_utf8(bare).ok()?;
    let status = bare.strip_prefix("HTTP/1.1 ")?.get(..3)?;
    let status: StatusCode = status.parse().ok()?;
    let (before, after) = bare.split_once(EMPTY)?;
    if !status.is_client_error() || !bare.ends_with("\r\n\r\n") {
        return None;
    }
    let (content_type, body) = problem::bare(status);
    let length = body.len();
    let head = format!(
        "{before}content-type: {content_type}\r\ncontent-length: {length}\r\ncache-control: no-store\r\n{after}"
    );
    Some([head.into_bytes(), body].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bare_refusal_gets_a_body() {
        let bare = "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        let told = String::from_utf8(with_body(bare.as_bytes()).unwrap()).unwrap();
        let (head, body) = told.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}", body.len())));
        assert!(body.contains("\"code\":\"headers-too-large\""), "{body}");
        for other in [
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}",
            "content-length: 0\r\n\r\n",
            "",
        ] {
            assert_eq!(with_body(other.as_bytes()), None, "{other}");
        }
    }
}
