//! What a power cut may leave of a file system.
//!
//! A [`Trace`] is every operation that a store made, by its hook, and every acknowledgement in
//! between. Replayed up to any of them, a [`Disk`] knows what is durable and what is not, and so
//! every state that the disk may be found in: what was not synced is there, or not, in part, in any
//! order. Nothing is assumed of the file system but that a rename is not half made.

mod disk;
mod states;
mod trace;

pub use disk::{Disk, Tear};
pub use states::{State, states};
pub use trace::{Event, Fate, Recorder, Sync, Trace};
