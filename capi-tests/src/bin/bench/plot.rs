//! Curves in SVG: a scenario's figures of both libraries by message size, and below how many times as fast ours is.

use std::fmt::Write;

use crate::{
    Measured, number,
    scenario::{Figure, SIZES},
    statistics::{Comparison, Spread},
};

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = WIDTH - 14.0;
/// The upper and the lower panel, each from top to bottom.
const FIGURES: [f64; 2] = [34.0, 256.0];
const RATIOS: [f64; 2] = [296.0, 378.0];

/// A logarithmic axis.
struct Log {
    from: f64,
    to: f64,
    /// Where these two are.
    ends: [f64; 2],
}

impl Log {
    /// An axis on which all values are, with some room beyond.
    fn around(values: impl IntoIterator<Item = f64>, ends: [f64; 2]) -> Self {
        let range = values
            .into_iter()
            .fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), value| {
                (low.min(value), high.max(value))
            });
        let (low, high) = if range.0 <= range.1 {
            range
        } else {
            (1.0, 1.0)
        };
        Log {
            from: low / 1.3,
            to: high * 1.3,
            ends,
        }
    }

    fn at(&self, value: f64) -> f64 {
        let part = (value / self.from).ln() / (self.to / self.from).ln();
        self.ends[0] + part * (self.ends[1] - self.ends[0])
    }

    /// Round numbers on the axis: powers of ten, and more between them where these are few.
    fn ticks(&self) -> Vec<f64> {
        let decades = self.from.log10().floor() as i32..=self.to.log10().ceil() as i32;
        let steps = |steps: &[f64]| -> Vec<f64> {
            let all = decades
                .clone()
                .flat_map(|n| steps.iter().map(move |step| step * 10_f64.powi(n)));
            all.filter(|n| (self.from..=self.to).contains(n)).collect()
        };
        let coarse_to_fine: [&[f64]; 3] = [
            &[1.0],
            &[1.0, 2.0, 5.0],
            &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0],
        ];
        let choices = coarse_to_fine.map(steps);
        let enough = choices.iter().find(|ticks| ticks.len() >= 3);
        enough.unwrap_or(&choices[2]).clone()
    }
}

/// The plot of a scenario.
pub fn svg(measured: &Measured) -> String {
    let figure = measured.scenario.figure;
    let title = format!("{} {}", measured.scenario.over, figure.title());
    let x = Log::around(SIZES.map(|size| size as f64), [LEFT, RIGHT]);
    let sides = [0, 1].map(|side| spreads(measured, |comparison| comparison.side(side)));
    let ratios = spreads(measured, |comparison| comparison.ratio(figure));

    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title} by message size\">\n"
    );
    let upper = Log::around(ends(sides.iter().flatten()), [FIGURES[1], FIGURES[0]]);
    frame(&mut svg, &x, &upper, number::short);
    let unit = match figure {
        Figure::Throughput => "messages per second – higher is better",
        Figure::Latency => "µs one way – lower is better",
    };
    text(&mut svg, "start", LEFT, FIGURES[0] - 10.0, unit);
    for (class, spreads) in ["theirs", "ours"].iter().zip(&sides) {
        curve(&mut svg, class, spreads, &x, &upper);
    }

    let lower = Log::around(
        ends(&ratios).into_iter().chain([1.0]),
        [RATIOS[1], RATIOS[0]],
    );
    frame(&mut svg, &x, &lower, |ratio| {
        format!("{}×", (ratio * 100.0).round() / 100.0)
    });
    text(
        &mut svg,
        "start",
        LEFT,
        RATIOS[0] - 10.0,
        "times as fast as libzmq – above 1 this library is faster",
    );
    let one = lower.at(1.0);
    line(&mut svg, "one", [LEFT, one], [RIGHT, one]);
    curve(&mut svg, "ours", &ratios, &x, &lower);

    // All sizes would be written over each other.
    for size in [1, 16, 256, 4096, 65_536, 1 << 20] {
        let at = x.at(size as f64);
        text(
            &mut svg,
            "middle",
            at,
            RATIOS[1] + 17.0,
            &number::size(size),
        );
    }
    text(
        &mut svg,
        "middle",
        (LEFT + RIGHT) / 2.0,
        RATIOS[1] + 36.0,
        "message size",
    );
    svg + "</svg>\n"
}

type Spreads = Vec<Option<Spread>>;

fn spreads(measured: &Measured, of: impl Fn(&Comparison) -> Option<Spread>) -> Spreads {
    measured.sizes.iter().map(of).collect()
}

/// The ends of what has to be on an axis.
fn ends<'a>(spreads: impl IntoIterator<Item = &'a Option<Spread>>) -> Vec<f64> {
    let present = spreads.into_iter().flatten();
    present
        .flat_map(|spread| [spread.low, spread.high])
        .collect()
}

/// A panel's grid and the labels of its height.
fn frame(svg: &mut String, x: &Log, y: &Log, label: impl Fn(f64) -> String) {
    for size in SIZES {
        let at = x.at(size as f64);
        line(svg, "grid", [at, y.ends[0]], [at, y.ends[1]]);
    }
    for tick in y.ticks() {
        let at = y.at(tick);
        line(svg, "grid", [LEFT, at], [RIGHT, at]);
        text(svg, "end", LEFT - 7.0, at + 4.0, &label(tick));
    }
    line(svg, "axis", [LEFT, y.ends[0]], [RIGHT, y.ends[0]]);
}

/// Medians, joined where they are neighbours, and how far the rounds are apart.
fn curve(svg: &mut String, class: &str, spreads: &Spreads, x: &Log, y: &Log) {
    let points: Vec<Option<[f64; 2]>> = SIZES
        .iter()
        .zip(spreads)
        .map(|(size, spread)| Some([x.at(*size as f64), y.at((*spread)?.median)]))
        .collect();
    for pair in points.windows(2) {
        if let [Some(from), Some(to)] = pair {
            line(svg, class, *from, *to);
        }
    }
    for (point, spread) in points.iter().zip(spreads) {
        if let (Some([x, at]), Some(spread)) = (point, spread) {
            let range = format!("{class} range");
            line(svg, &range, [*x, y.at(spread.low)], [*x, y.at(spread.high)]);
            let _ = match class {
                "ours" => writeln!(
                    svg,
                    "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{at:.1}\" r=\"4\"/>"
                ),
                _ => writeln!(
                    svg,
                    "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"7\" height=\"7\"/>",
                    x - 3.5,
                    at - 3.5
                ),
            };
        }
    }
}

fn line(svg: &mut String, class: &str, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2]) {
    let _ = writeln!(
        svg,
        "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
    );
}

fn text(svg: &mut String, anchor: &str, x: f64, y: f64, text: &str) {
    let _ = writeln!(
        svg,
        "<text text-anchor=\"{anchor}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    // Equal factors are equal lengths, and up is up though SVG counts downwards.
    #[test]
    fn a_logarithmic_axis() {
        let axis = Log {
            from: 1.0,
            to: 10_000.0,
            ends: [400.0, 0.0],
        };
        let at = [1.0, 10.0, 100.0, 10_000.0].map(|value| axis.at(value).round());
        assert_eq!(at, [400.0, 300.0, 200.0, 0.0]);
    }

    // Everything is on the axis, and so are at least two round numbers to read it by, whatever it spans.
    #[test]
    fn ticks_are_on_the_axis() {
        for (low, high) in [(1.0, 1.0), (0.9, 1.1), (0.5, 30.0), (1e3, 5e7), (7.0, 60.0)] {
            let axis = Log::around([low, high], [100.0, 0.0]);
            assert!(axis.at(low) < 100.0 && axis.at(high) > 0.0);
            let ticks = axis.ticks();
            assert!(!ticks.is_empty(), "{low} to {high}");
            assert!(ticks.len() < 9, "{low} to {high}: {ticks:?}");
            assert!(
                ticks
                    .iter()
                    .all(|tick| (0.0..=100.0).contains(&axis.at(*tick)))
            );
        }
    }

    // With every run failed there is still a plot, without a number that is none.
    #[test]
    fn nothing_measured() {
        let scenario = &crate::SCENARIOS[0];
        let mut failed = Comparison::default();
        failed.add([None, None]);
        let svg = svg(&Measured {
            scenario,
            sizes: vec![failed; SIZES.len()],
        });
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}
