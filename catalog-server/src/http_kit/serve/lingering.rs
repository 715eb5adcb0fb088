//! The end of a connection with part of a request unread.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, ReadBuf},
    time::{Sleep, sleep},
};

/// How much of what nobody wants is still read.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// How long it is read.
const MAX_TIME: Duration = Duration::from_secs(2);

/// Reads on for a while and forgets. Closing a connection with bytes unread resets it, and the reset overtakes the answer: a client
/// that sends before it reads would never get to see it.
pub(super) struct Lingering {
    end: Pin<Box<Sleep>>,
    seen: usize,
}

impl Lingering {
    pub(super) fn begin() -> Self {
        Self {
            end: Box::pin(sleep(MAX_TIME)),
            seen: 0,
        }
    }

    /// Ready when the client has closed its side, or had its chance.
    pub(super) fn poll<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        let mut space = [0; 8192];
        while self.seen < MAX_BYTES && self.end.as_mut().poll(context).is_pending() {
            let mut buffer = ReadBuf::new(&mut space);
            match ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => self.seen += buffer.filled().len(),
                // Closed or broken: nobody is there to be told anything.
                _ => break,
            }
        }
        Poll::Ready(())
    }
}
