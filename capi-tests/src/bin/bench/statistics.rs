//! What the rounds say together.

use crate::scenario::Figure;

/// The figures of both libraries in each round, theirs first. `None` is one that couldn't be had.
#[derive(Clone, Default)]
pub struct Comparison {
    rounds: Vec<[Option<f64>; 2]>,
    failures: [usize; 2],
}

/// A median and what it is the median of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub low: f64,
    pub median: f64,
    pub high: f64,
}

impl Comparison {
    /// Adds a round.
    pub fn add(&mut self, pair: [Option<f64>; 2]) {
        self.rounds.push(pair);
    }

    /// The figures of a side, of the rounds in which it has one.
    pub fn side(&self, side: usize) -> Option<Spread> {
        Spread::of(self.rounds.iter().filter_map(|pair| pair[side]).collect())
    }

    /// Counts a run of a side that has failed.
    pub fn fail(&mut self, side: usize) {
        self.failures[side] += 1;
    }

    /// How many of a side's runs have failed.
    pub fn failures(&self, side: usize) -> usize {
        self.failures[side]
    }

    /// How many times as fast as theirs ours is, of the ratios of those rounds in which both have a figure. Above 1,
    /// ours is faster.
    pub fn ratio(&self, figure: Figure) -> Option<Spread> {
        let ratio = |[theirs, ours]: &[Option<f64>; 2]| {
            Some(figure.speed((*ours)?) / figure.speed((*theirs)?))
        };
        Spread::of(self.rounds.iter().filter_map(ratio).collect())
    }
}

impl Spread {
    fn of(mut figures: Vec<f64>) -> Option<Self> {
        figures.sort_by(f64::total_cmp);
        let (low, high) = (*figures.first()?, *figures.last()?);
        let half = figures.len() / 2;
        let median = match figures.len() % 2 {
            0 => (figures[half - 1] + figures[half]) / 2.0,
            _ => figures[half],
        };
        Some(Spread { low, median, high })
    }

    /// Of a ratio: the rounds don't agree on which library is faster.
    pub fn is_open(self) -> bool {
        self.low <= 1.0 && self.high >= 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(rounds: &[[f64; 2]]) -> Comparison {
        let mut comparison = Comparison::default();
        rounds
            .iter()
            .for_each(|pair| comparison.add(pair.map(Some)));
        comparison
    }

    // The middle one of an odd number, between the middle two of an even one, and nothing of nothing.
    #[test]
    fn median() {
        let median = |figures: &[f64]| Spread::of(figures.into()).map(|spread| spread.median);
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[9.0, 1.0, 2.0, 4.0]), Some(3.0));
        assert_eq!(median(&[]), None);
    }

    // Within a round: the machine got ten times as fast after the first, and that says nothing of the libraries.
    #[test]
    fn ratio_is_of_each_round() {
        let comparison = comparison(&[[1.0, 2.0], [10.0, 20.0], [10.0, 20.0]]);
        let same = |n| Spread {
            low: n,
            median: n,
            high: n,
        };
        assert_eq!(comparison.ratio(Figure::Throughput), Some(same(2.0)));
        // Twice the time is half as fast.
        assert_eq!(comparison.ratio(Figure::Latency), Some(same(0.5)));
    }

    // A round without one of the figures says nothing of which is faster.
    #[test]
    fn failures() {
        let mut comparison = comparison(&[[1.0, 2.0]]);
        comparison.add([Some(9.0), None]);
        let median = |spread: Option<Spread>| spread.map(|spread| spread.median);
        assert_eq!(median(comparison.side(0)), Some(5.0));
        assert_eq!(median(comparison.side(1)), Some(2.0));
        assert_eq!(median(comparison.ratio(Figure::Throughput)), Some(2.0));
        let mut failed = Comparison::default();
        failed.add([Some(1.0), None]);
        assert_eq!(failed.ratio(Figure::Throughput), None);
    }

    // A winner is named only if all rounds name the same.
    #[test]
    fn open() {
        let ratio = |rounds| {
            let ratio = comparison(rounds).ratio(Figure::Throughput);
            ratio.expect("a ratio").is_open()
        };
        assert!(ratio(&[[1.0, 1.1], [1.0, 0.9], [1.0, 1.2]]));
        assert!(!ratio(&[[1.0, 1.1], [1.0, 1.2]]));
        assert!(!ratio(&[[1.0, 0.8], [1.0, 0.9]]));
    }
}
