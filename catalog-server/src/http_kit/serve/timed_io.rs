//! A socket that gives up on a client that keeps it waiting.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::task::AtomicWaker;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    net::{RecvFlags, recv},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep},
};

use super::{
    ServeOptions,
    lingering::Lingering,
    refusal,
    room::{Place, Side},
};

/// The requests of a connection. One is in flight from the end of its headers until its response has been handed over, to be sent.
#[derive(Debug, Clone)]
pub(super) struct Requests(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    place: Place,
    /// Whether part of a request was left where it is.
    unread: AtomicBool,
    /// Whether the client has said that it sends no more.
    sent_all: AtomicBool,
    /// Whether the answer under way is being sent.
    answering: AtomicBool,
    /// Whether it ends when its reader goes.
    streams: AtomicBool,
    in_flight: AtomicUsize,
    begun: AtomicUsize,
    /// Who to wake when a read that waits has to be looked at anew: no request is in flight any more, so that it gets a clock, or
    /// somebody wants to know that the client has sent all.
    reader: AtomicWaker,
}

impl Requests {
    pub(super) fn new(place: Place) -> Self {
        Self(Arc::new(Counts {
            place,
            unread: AtomicBool::new(false),
            sent_all: AtomicBool::new(false),
            answering: AtomicBool::new(false),
            streams: AtomicBool::new(false),
            in_flight: AtomicUsize::new(0),
            begun: AtomicUsize::new(0),
            reader: AtomicWaker::new(),
        }))
    }

    pub(super) fn place(&self) -> &Place {
        &self.0.place
    }

    /// Counts one more until the guard is dropped.
    pub(super) fn begin(&self) -> InFlight {
        self.0.place.waits_no_more(Side::Reading);
        self.0.answering.store(false, Ordering::Relaxed);
        self.0.streams.store(false, Ordering::Relaxed);
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        self.0.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(self.clone())
    }

    /// Nobody reads the rest of this request: the connection has to see to it when it closes.
    pub(super) fn leave_unread(&self) {
        self.0.unread.store(true, Ordering::Relaxed);
    }

    pub(super) fn left_unread(&self) -> bool {
        self.0.unread.load(Ordering::Relaxed)
    }

    /// Somebody waits for more of this request's body.
    pub(super) fn want_more(&self) {
        self.0.place.waits(Side::Reading);
        self.end_may_matter();
    }

    /// There is an answer, and it goes on for as long as somebody reads it, or has an end of its own.
    pub(super) fn answer(&self, streams: bool) {
        self.0.answering.store(true, Ordering::Relaxed);
        self.0.streams.store(streams, Ordering::Relaxed);
        self.end_may_matter();
    }

    /// Whether a request is in flight that has no answer yet.
    fn is_worked_on(&self) -> bool {
        self.any_in_flight() && !self.0.answering.load(Ordering::Relaxed)
    }

    fn end_may_matter(&self) {
        if self.0.sent_all.load(Ordering::Relaxed) {
            self.0.reader.wake();
        }
    }

    /// Whether it can wait, while a request is worked on or answered, to be told that the client has sent all: it may have done so
    /// because it has nothing more to ask, and read on. Not where the rest of a request is missing, and not under a stream without an
    /// end: there it is the only sign that its reader has gone.
    fn end_can_wait(&self) -> bool {
        !self.0.place.is_waiting(Side::Reading) && !self.0.streams.load(Ordering::Relaxed)
    }

    fn any_in_flight(&self) -> bool {
        self.0.in_flight.load(Ordering::Relaxed) > 0
    }

    fn begun(&self) -> usize {
        self.0.begun.load(Ordering::Relaxed)
    }
}

/// One request that is being worked on.
#[derive(Debug)]
pub(super) struct InFlight(Requests);

impl Drop for InFlight {
    fn drop(&mut self) {
        let Counts {
            in_flight, reader, ..
        } = &*self.0.0;
        if in_flight.fetch_sub(1, Ordering::Relaxed) == 1 {
            reader.wake();
        }
    }
}

/// What a connection with no request in flight waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// The first byte of its first request.
    First,
    /// The first byte of its next request.
    Next,
    /// The rest of a request's headers.
    Head,
}

/// A stream whose reads and writes fail once they have waited too long.
///
/// While a request is in flight or its answer is being sent reads may wait: its body has a deadline of its own, so has its handler, and
/// so has each write.
pub(super) struct TimedIo {
    stream: TcpStream,
    options: Arc<ServeOptions>,
    requests: Requests,
    wait: Option<Wait>,
    /// How many requests had begun when the current wait did.
    begun: usize,
    /// Whether part of the next request came while the answer to the last was being sent.
    ahead: bool,
    reading: Timer,
    writing: Timer,
    /// Runs from when the client had sent all.
    sent_all: Timer,
    /// How many requests had begun when everything that there was to write had been written and none was in flight. What is written
    /// then, before another begins, is no answer to any request: it is hyper's refusal of what is none.
    settled: Option<usize>,
    refusal: Vec<u8>,
    lingering: Option<Lingering>,
}

impl TimedIo {
    pub(super) fn new(stream: TcpStream, options: Arc<ServeOptions>, requests: Requests) -> Self {
        Self {
            stream,
            options,
            requests,
            wait: None,
            begun: 0,
            ahead: false,
            reading: Timer::default(),
            writing: Timer::default(),
            sent_all: Timer::default(),
            settled: Some(0),
            refusal: Vec::new(),
            lingering: None,
        }
    }

    /// Whether a request is worked on, or its answer has not been sent altogether.
    fn is_busy(&self) -> bool {
        self.requests.any_in_flight() || self.settled != Some(self.requests.begun())
    }

    /// Takes hyper's own refusal out of its hands, to be sent with a body.
    fn refuses(&mut self, bytes: &[u8]) -> bool {
        if self.is_busy() {
            return false;
        }
        let Some(refusal) = refusal::with_body(bytes) else {
            return false;
        };
        self.refusal = refusal;
        self.requests.leave_unread();
        true
    }

    fn wait_for(&mut self, wait: Wait) {
        if self.wait != Some(wait) {
            self.wait = Some(wait);
            self.requests.place().waits(Side::Reading);
            self.reading.start(match wait {
                Wait::First => self.options.first_byte_timeout,
                Wait::Next => self.options.idle_timeout,
                Wait::Head => self.options.header_timeout,
            });
        }
    }
}

impl TimedIo {
    /// Reads. That the client has sent all is kept back for as long as that can wait, up to a limit: hyper would take it for gone, and
    /// drop what it asked for.
    fn poll_stream(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let sent_all = &self.requests.0.sent_all;
        if !sent_all.load(Ordering::Relaxed) {
            let before = buffer.filled().len();
            ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
            if buffer.filled().len() > before || buffer.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            sent_all.store(true, Ordering::Relaxed);
            self.sent_all.start(self.options.sent_all_timeout);
        }
        if self.is_busy() && self.requests.end_can_wait() {
            // What is sent takes as long as it takes: its reader is there for as long as it is taken.
            if !self.requests.is_worked_on() {
                return Poll::Pending;
            }
            ready!(self.sent_all.poll(context));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for TimedIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let read = this.poll_stream(context, buffer);
        if read.is_pending() && this.requests.place().is_leaving() && has_bytes(&this.stream) {
            this.requests.place().stays();
        }
        // A request may have come and gone since the last read: what was waited for then is over.
        if this.begun != this.requests.begun() {
            this.begun = this.requests.begun();
            this.wait = None;
            this.ahead = false;
        }
        if this.is_busy() {
            match read {
                Poll::Pending => this.requests.0.reader.register(context.waker()),
                Poll::Ready(_) => this.ahead |= !this.requests.any_in_flight(),
            }
            return read;
        }
        match read {
            // From the first byte on the clock of the headers runs, however many more reads they take.
            Poll::Ready(Ok(())) if buffer.filled().len() > before => {
                this.wait_for(Wait::Head);
                read
            }
            Poll::Ready(_) => read,
            Poll::Pending => {
                if this.wait.is_none() {
                    this.wait_for(match this.begun {
                        _ if this.ahead => Wait::Head,
                        0 => Wait::First,
                        _ => Wait::Next,
                    });
                }
                ready!(this.reading.poll(context));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl TimedIo {
    /// Times a write: the clock runs from the first time it had to wait to the next time something was taken.
    fn timed<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            if self.writing.is_running() {
                self.requests.place().waits_no_more(Side::Writing);
            }
            self.writing.stop();
            return written;
        }
        if !self.writing.is_running() {
            self.requests.place().waits(Side::Writing);
            self.writing.start(self.options.write_timeout);
        }
        if self.requests.place().is_leaving() && takes_bytes(&self.stream) {
            self.requests.place().stays();
        }
        ready!(self.writing.poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncWrite for TimedIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.refuses(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.timed(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [bytes] = slices
            && self.refuses(bytes)
        {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.timed(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while !this.refusal.is_empty() {
            let written = Pin::new(&mut this.stream).poll_write(context, &this.refusal);
            let written = ready!(this.timed(context, written))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            this.refusal.drain(..written);
        }
        if this.is_busy() && !this.requests.any_in_flight() {
            this.settled = Some(this.requests.begun());
            this.requests.0.reader.wake();
        }
        Pin::new(&mut this.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush(context))?;
        let this = &mut *self;
        let lingering = match &mut this.lingering {
            Some(lingering) => lingering,
            None => {
                ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
                if !this.requests.left_unread() {
                    return Poll::Ready(Ok(()));
                }
                this.requests.place().waits(Side::Reading);
                this.lingering.insert(Lingering::begin())
            }
        };
        lingering.poll(&mut this.stream, context).map(Ok)
    }
}

/// Whether bytes have come that nobody has read. The runtime may not have heard of them yet: when crowds come and go, a client's
/// request can have been there for a while.
fn has_bytes(stream: &TcpStream) -> bool {
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    matches!(recv(stream, &mut [0; 1], flags), Ok((_, 1..)))
}

/// Whether the client has taken so much that more can be sent: the same for the other way.
fn takes_bytes(stream: &TcpStream) -> bool {
    let mut sockets = [PollFd::new(stream, PollFlags::OUT)];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    matches!(poll(&mut sockets, Some(&now)), Ok(1..))
}

/// A clock that is made when it is first needed and used again from then on.
#[derive(Default)]
struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    running: bool,
}

impl Timer {
    fn start(&mut self, limit: Duration) {
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(Instant::now() + limit),
            None => self.sleep = Some(Box::pin(sleep(limit))),
        }
        self.running = true;
    }

    fn stop(&mut self) {
        self.running = false;
    }

    fn is_running(&self) -> bool {
        self.running
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().poll(context),
            None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use futures_util::FutureExt as _;
    use tokio::io::AsyncReadExt as _;

    use super::*;
    use crate::http_kit::serve::room::{GRACE, Room};

    #[tokio::test]
    async fn a_client_whose_request_has_come_does_not_have_to_leave() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        let stream = TcpStream::from_std(stream).unwrap();
        let room = Room::new(0);
        let place = room.enter();
        let mut io = TimedIo::new(stream, Arc::default(), Requests::new(place.clone()));
        let mut space = [0; 8];
        assert!(io.read(&mut space).now_or_never().is_none());
        sleep(2 * GRACE).await;
        room.free_places(1, GRACE);
        assert!(io.read(&mut space).now_or_never().is_none());
        assert!(place.is_leaving());
        client.write_all(b"GET").unwrap();
        // The runtime does not hear of it: this thread is its only one.
        for _ in 0..10_000 {
            assert!(io.read(&mut space).now_or_never().is_none());
            if !place.is_leaving() {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(place.asked_to_leave().now_or_never().is_none());
        assert!(!place.is_leaving());
        assert_eq!(io.read(&mut space).await.unwrap(), 3);
    }
}
