//! A body that is counted for as long as it is in memory.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Bytes, Frame, SizeHint};

use crate::http_kit::serve::Held;

/// A body whose bytes carry their share of the memory with them: a connection lets go of a body long before it has sent what it took.
pub(super) struct Holding {
    body: BoxBody<Bytes, io::Error>,
    held: Arc<Held>,
}

struct Counted {
    bytes: Bytes,
    _held: Arc<Held>,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Holding {
    pub(super) fn wrap(body: BoxBody<Bytes, io::Error>, held: Held) -> poem::Body {
        let held = Arc::new(held);
        BoxBody::new(Self { body, held }).into()
    }
}

impl Body for Holding {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        let counted = |bytes| {
            let _held = self.held.clone();
            Bytes::from_owner(Counted { bytes, _held })
        };
        frame.map_ok(|frame| frame.map_data(counted))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
