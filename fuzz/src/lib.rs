//! What the fuzz targets do with their input: plain functions that panic when something does not
//! hold. The fuzzer runs them, and so does an ordinary test (`catalog-core/tests/fuzz.rs`).
//!
//! An input is one of two things. One that starts with a byte that no UTF-8 has ([`GENERATE`]) is a
//! row of dice rolls, from which a tree and its spelling are made. Any other is a text as it is, up to
//! the first NUL; what follows that are the rolls that decide what is done with the text.

mod dice;
mod edit;
mod redact;
mod sources;
mod tree;
mod write;
mod yaml;

pub use edit::edit;
pub use redact::redact;
pub use sources::sources;
pub use yaml::yaml;

use dice::Dice;
use std::cell::RefCell;
use std::collections::BTreeMap;

thread_local! {
    static TALLY: RefCell<BTreeMap<&'static str, (u64, u64)>> = const { RefCell::new(BTreeMap::new()) };
}

/// Takes down whether something that can be done was done. Refusing is always right here, so
/// whoever runs the targets has to see that not all is refused.
fn tally(what: &'static str, done: bool) {
    TALLY.with_borrow_mut(|tally| {
        let (asked, made) = tally.entry(what).or_default();
        *asked += 1;
        *made += u64::from(done);
    });
}

/// What was asked for in this thread, how often, and how often it was done.
pub fn tallied() -> BTreeMap<&'static str, (u64, u64)> {
    TALLY.with_borrow(BTreeMap::clone)
}

/// The first byte of an input that is dice rolls.
pub const GENERATE: u8 = 0xff;

/// A text, and rolls for what is done with it.
struct Input<'a> {
    text: Option<&'a [u8]>,
    dice: Dice<'a>,
}

fn input(data: &[u8]) -> Input<'_> {
    match data {
        [GENERATE, rolls @ ..] => Input {
            text: None,
            dice: Dice::new(rolls),
        },
        _ => {
            let nul = data.iter().position(|b| *b == 0);
            let (text, rolls) = data.split_at(nul.unwrap_or(data.len()));
            Input {
                text: Some(text),
                dice: Dice::new(rolls.get(1..).unwrap_or_default()),
            }
        }
    }
}
