//! The accept loop: an endpoint behind a listener, with a limit on everything a client can hold on to.
//!
//! The framework's own server waits for ever for the rest of a request and spins when file descriptors run out. This one runs hyper
//! itself, HTTP/1 only; everything above that belongs to a proxy.

mod arriving;
mod connection;
mod lingering;
mod options;
mod refusal;
mod room;
mod timed_io;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use poem::{Endpoint, EndpointExt};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::{JoinError, JoinSet},
    time::{Instant, sleep, timeout},
};

use connection::Connections;
pub use options::ServeOptions;
pub(crate) use room::{Held, Place};
use room::{Room, grace};

/// The first wait after an accept that failed.
const BACK_OFF_FIRST: Duration = Duration::from_millis(50);
/// The longest wait; long enough not to spin, short enough to be back soon after descriptors are free again.
const BACK_OFF_MAX: Duration = Duration::from_secs(1);

/// How long connections that were asked to make room may take, and nobody may have waited long enough to be asked.
const ASK_AGAIN: Duration = Duration::from_millis(5);
/// When less than this part of all connections is free, others are asked to make room, before it is needed: whoever comes behind a
/// crowd would have to wait for one of it to go, and the next, and the next.
const LOW_SHARE: usize = 16;
/// What is free then, as a part of all: many at a time, because asking looks at all of them.
const FREE_SHARE: usize = 8;

/// How many clients the system lets wait to be accepted; it may know better. With a short queue a burst of connections makes
/// clients that find it full wait for a second before they try again.
const BACKLOG: u32 = 4096;

/// What the system buffers of a connection, each way; it takes twice of it. By itself it goes up to several megabytes, all of which
/// is filled for every client that asks and does not read. Enough for tens of megabits a second around half the world.
const KERNEL_BYTES: u32 = 128 * 1024;

/// A listener for [`serve()`].
///
/// # Errors
///
/// When the address cannot be had.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A restart does not have to wait until the last connection of the run before is forgotten.
    socket.set_reuseaddr(true)?;
    // Accepted connections inherit these.
    socket.set_send_buffer_size(KERNEL_BYTES)?;
    socket.set_recv_buffer_size(KERNEL_BYTES)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Drained {
    /// How many connections were cut off because they did not end in time; 0 when every request in flight was answered.
    pub cut_off: usize,
}

impl Drained {
    /// Whether every request in flight was answered.
    #[must_use]
    pub fn completed(self) -> bool {
        self.cut_off == 0
    }
}

/// Serves `app` on `listener` until `shutdown` turns true or its sender is gone, then drains: no new connections, idle ones are
/// closed, requests in flight are answered, and after [`ServeOptions::drain`] whatever is left is cut off.
///
/// # Errors
///
/// Only when the listener has no address. Accepting is tried again for as long as it takes.
///
/// ```no_run
/// # async fn run() -> std::io::Result<()> {
/// use catalog_server::http_kit::{ServeOptions, ShellOptions, listen, serve, shell};
///
/// let listener = listen(([127, 0, 0, 1], 8080).into())?;
/// let app = shell(poem::Route::new(), ShellOptions::default());
/// let (stop, shutdown) = tokio::sync::watch::channel(false);
/// let drained = serve(listener, app, ServeOptions::default(), shutdown).await?;
/// assert!(drained.completed());
/// # drop(stop);
/// # Ok(()) }
/// ```
pub async fn serve<E>(
    listener: TcpListener,
    app: E,
    options: ServeOptions,
    mut shutdown: watch::Receiver<bool>,
) -> io::Result<Drained>
where
    E: Endpoint + 'static,
{
    let drain = options.drain;
    // No slot at all would be a server that never answers.
    let slots = Slots::new(options.max_connections.clamp(1, Semaphore::MAX_PERMITS));
    let local = listener.local_addr()?;
    let room = Room::new(options.max_held_bytes);
    let app = app.map_to_response();
    let connections = Connections::new(app, local, options, room.clone(), shutdown.clone());
    let mut tasks = JoinSet::new();
    let mut back_off = BACK_OFF_FIRST;
    loop {
        while let Some(ended) = tasks.try_join_next() {
            report(ended);
        }
        let accepted = tokio::select! {
            biased;
            () = stopped(&mut shutdown) => break,
            accepted = accept(&listener, &slots, &room) => accepted,
        };
        match accepted {
            Ok((stream, peer, slot)) => {
                back_off = BACK_OFF_FIRST;
                let connection = connections.drive(stream, peer);
                tasks.spawn(async move {
                    connection.await;
                    drop(slot);
                });
            }
            // The client was gone before we came to it.
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, wait_ms = back_off.as_millis(), "cannot accept connections");
                tokio::select! {
                    () = stopped(&mut shutdown) => break,
                    () = sleep(back_off) => back_off = (back_off * 2).min(BACK_OFF_MAX),
                }
            }
        }
    }
    drop(listener);
    let all_ended = async {
        while let Some(ended) = tasks.join_next().await {
            report(ended);
        }
    };
    let _ = timeout(drain, all_ended).await;
    let cut_off = tasks.len();
    tasks.shutdown().await;
    Ok(Drained { cut_off })
}

/// Resolves when it is time to stop. A sender that is gone can never say so any more, and counts as having said it.
async fn stopped(shutdown: &mut watch::Receiver<bool>) {
    let _ = shutdown.wait_for(|stop| *stop).await;
}

/// A slot for each connection that there may be.
struct Slots {
    all: usize,
    free: Arc<Semaphore>,
}

impl Slots {
    fn new(all: usize) -> Self {
        Self {
            all,
            free: Arc::new(Semaphore::new(all)),
        }
    }

    /// Asks connections to go when few slots are free, or none.
    fn make_room(&self, room: &Room, grace: Duration) {
        let soon_free = self.free.available_permits() + room.leaving();
        if soon_free < 1 + self.all / LOW_SHARE {
            room.free_places(1 + self.all / FREE_SHARE - soon_free, grace);
        }
    }
}

/// A connection, and the slot it takes.
async fn accept(
    listener: &TcpListener,
    slots: &Slots,
    room: &Room,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let (stream, peer) = listener.accept().await?;
    let begun = Instant::now();
    loop {
        slots.make_room(room, grace(begun.elapsed()));
        // Whoever was asked may have begun to work meanwhile, or nobody waits yet: then ask again.
        let slot = slots.free.clone().acquire_owned();
        if let Ok(slot) = timeout(ASK_AGAIN, slot).await {
            return Ok((stream, peer, slot.map_err(io::Error::other)?));
        }
    }
}

fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!("a connection ended in a panic");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use room::{GRACE, Side};

    #[tokio::test(start_paused = true)]
    async fn room_is_made_before_it_is_needed_and_for_many_at_a_time() {
        let (slots, room) = (Slots::new(160), Room::new(0));
        let mut taken = Vec::new();
        let mut take = |count: usize| {
            for _ in 0..count {
                let place = room.enter();
                place.waits(Side::Reading);
                taken.push((place, slots.free.clone().try_acquire_owned().unwrap()));
            }
        };
        take(149);
        sleep(2 * GRACE).await;
        slots.make_room(&room, GRACE);
        assert_eq!(room.leaving(), 0);
        take(1);
        slots.make_room(&room, GRACE);
        assert_eq!(room.leaving(), 11);
        // They are on their way.
        take(10);
        slots.make_room(&room, GRACE);
        assert_eq!(room.leaving(), 11);
        taken.clear();
        assert_eq!(slots.free.available_permits(), 160);
    }

    #[tokio::test(start_paused = true)]
    async fn one_slot_is_given_to_whoever_comes_next() {
        let (slots, room) = (Slots::new(1), Room::new(0));
        slots.make_room(&room, GRACE);
        let place = room.enter();
        place.waits(Side::Reading);
        let _slot = slots.free.clone().try_acquire_owned().unwrap();
        slots.make_room(&room, GRACE);
        assert_eq!(room.leaving(), 0);
        slots.make_room(&room, Duration::ZERO);
        assert_eq!(room.leaving(), 1);
    }
}
