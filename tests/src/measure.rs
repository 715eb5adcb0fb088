//! Measuring work against a floor in the same run.
//!
//! Machines differ and are noisy, so what is reported is a ratio: the work and the least that any
//! implementation would have to do (its floor), measured in turns, medians with their spread.

use std::fmt;
use std::time::{Duration, Instant};

/// Times of one thing.
#[derive(Debug, Clone)]
pub struct Times {
    sorted: Vec<Duration>,
}

impl Times {
    /// # Panics
    /// When there are none.
    pub fn new(mut times: Vec<Duration>) -> Self {
        assert!(!times.is_empty(), "nothing was measured");
        times.sort_unstable();
        Self { sorted: times }
    }

    /// The quantile, `0.5` being the median.
    pub fn quantile(&self, q: f64) -> Duration {
        let last = self.sorted.len() - 1;
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss
        )]
        let index = (last as f64 * q).round() as usize;
        self.sorted[index.min(last)]
    }

    /// The middle one.
    pub fn median(&self) -> Duration {
        self.quantile(0.5)
    }
}

/// The median and the middle 80 %.
impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = (self.quantile(0.1), self.quantile(0.9));
        write!(f, "{:.3?} ({low:.3?}–{high:.3?})", self.median())
    }
}

/// How long one call takes.
pub fn time<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    std::hint::black_box(work());
    start.elapsed()
}

/// Measures floor and work in turns, after one unmeasured turn of each. Each is called with the
/// number of the turn and returns how long the measured part took.
pub fn in_turns(
    rounds: usize,
    mut floor: impl FnMut(usize) -> Duration,
    mut work: impl FnMut(usize) -> Duration,
) -> (Times, Times) {
    let (mut floors, mut works) = (Vec::new(), Vec::new());
    floor(0);
    work(0);
    for round in 1..=rounds {
        floors.push(floor(round));
        works.push(work(round));
    }
    (Times::new(floors), Times::new(works))
}

/// Prints one row of the benchmark page.
pub fn row(work: &str, measured: &str, floor: &str, ratio: f64, reach: &str) {
    println!("bench: | {work} | {measured} | {floor} | {ratio:.2} | {reach} |");
}

/// Prints the row of a work and its floor: ratio = work ÷ floor, medians of both.
pub fn compare(name: &str, (floor, work): &(Times, Times), reach: &str) -> f64 {
    let ratio = work.median().as_secs_f64() / floor.median().as_secs_f64();
    row(name, &work.to_string(), &floor.to_string(), ratio, reach);
    ratio
}

/// Prints one point of a plot of cost against size.
pub fn point(plot: &str, size: usize, cost: &str) {
    println!("bench-point: {plot}: {size}: {cost}");
}
