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

/// Growth above this is more than in proportion, with some room for noise.
const MOST_GROWTH: f64 = 1.2;

/// Plots of cost against size, in any unit.
#[derive(Debug, Default)]
pub struct Plots(Vec<(String, Vec<(f64, f64)>)>);

impl Plots {
    /// Prints one point of a plot, and keeps it.
    #[allow(clippy::cast_precision_loss)]
    pub fn point(&mut self, plot: &str, size: usize, cost: f64, told: &str) {
        println!("bench-point: {plot}: {size}: {told}");
        let point = (size as f64, cost);
        match self.0.iter_mut().find(|(name, _)| name == plot) {
            Some((_, points)) => points.push(point),
            None => self.0.push((plot.to_owned(), vec![point])),
        }
    }

    /// As [`point`](Self::point), of a cost in time.
    pub fn time(&mut self, plot: &str, size: usize, cost: Duration) {
        self.point(plot, size, cost.as_secs_f64(), &format!("{cost:.2?}"));
    }

    /// As [`time`](Self::time), the median.
    pub fn times(&mut self, plot: &str, size: usize, costs: &Times) {
        let median = costs.median().as_secs_f64();
        self.point(plot, size, median, &costs.to_string());
    }

    /// Prints a row for each plot: the power of its size with which its cost grows. The floor of all
    /// is growth in proportion, 1; what costs the same whatever the size has 0.
    pub fn fit(self) {
        for (plot, points) in &self.0 {
            let Some(power) = exponent(points) else {
                continue;
            };
            let (from, to) = (points[0].0, points[points.len() - 1].0);
            let name = format!("growth: {plot}, {from} to {to}");
            row(&name, &format!("n^{power:.2}"), "n^1", power, "≤ 1.2");
            if power > MOST_GROWTH {
                println!("bench: VIOLATION: {name}: n^{power:.2}");
            }
        }
    }
}

/// The slope of the straight line that fits best through the logarithms; `None` with a single size.
pub fn exponent(points: &[(f64, f64)]) -> Option<f64> {
    let logs = || {
        points
            .iter()
            .map(|(size, cost)| (size.ln(), cost.max(f64::MIN_POSITIVE).ln()))
    };
    #[allow(clippy::cast_precision_loss)]
    let count = points.len() as f64;
    let (x, y) = logs().fold((0.0, 0.0), |(x, y), log| (x + log.0, y + log.1));
    let (x, y) = (x / count, y / count);
    let (both, own) = logs().fold((0.0, 0.0), |(both, own), log| {
        let off = log.0 - x;
        (both + off * (log.1 - y), own + off * off)
    });
    (own > 0.0).then(|| both / own)
}

#[cfg(test)]
mod tests {
    use super::exponent;

    #[test]
    fn growth_is_told_by_its_power() {
        let of = |cost: fn(f64) -> f64| {
            let points: Vec<_> = [10.0, 100.0, 1000.0].map(|n| (n, cost(n))).into();
            exponent(&points).expect("three sizes")
        };
        assert!((of(|_| 7.0)).abs() < 1e-9);
        assert!((of(|n| 3.0 * n) - 1.0).abs() < 1e-9);
        assert!((of(|n| n * n / 5.0) - 2.0).abs() < 1e-9);
        assert!(of(|n| 1e-3 + n * n) > 1.9);
        assert_eq!(exponent(&[(5.0, 1.0)]), None);
    }
}
