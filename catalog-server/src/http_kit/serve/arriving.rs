//! A request body that tells its connection when it waits for its client.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Bytes, Frame, SizeHint};

use super::{room::Side, timed_io::Requests};

/// A body on its way in.
pub(super) struct Arriving {
    body: BoxBody<Bytes, io::Error>,
    requests: Requests,
    waits: bool,
    ended: bool,
}

impl Arriving {
    pub(super) fn wrap(body: poem::Body, requests: Requests) -> poem::Body {
        let this = Self {
            body: body.into(),
            requests,
            waits: false,
            ended: false,
        };
        BoxBody::new(this).into()
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        // Asked again and again, it waits since the first time.
        if frame.is_pending() != self.waits {
            self.waits = frame.is_pending();
            match self.waits {
                true => self.requests.want_more(),
                false => self.requests.place().waits_no_more(Side::Reading),
            }
        }
        self.ended |= matches!(frame, Poll::Ready(None));
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Whoever read it has all of it, or does not want more.
impl Drop for Arriving {
    fn drop(&mut self) {
        if self.waits {
            self.requests.place().waits_no_more(Side::Reading);
        }
        if !self.ended && !self.body.is_end_stream() {
            self.requests.leave_unread();
        }
    }
}
