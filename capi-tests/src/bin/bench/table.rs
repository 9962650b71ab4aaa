//! The table: Markdown that is also easy to read as it is.

use std::fmt::Write;

use crate::{
    Measured, Results, number,
    scenario::SIZES,
    statistics::{Comparison, Spread},
};

/// How many times as fast: "3.2", with a "~" where the rounds disagree on which is faster.
pub fn ratio(ratio: Option<Spread>) -> String {
    match ratio {
        None => "–".into(),
        Some(spread) if spread.is_open() => format!("~{}", number::ratio(spread.median)),
        Some(spread) => number::ratio(spread.median),
    }
}

/// A side's figure, and how many runs have failed: "5.4M !2".
pub fn figure(comparison: &Comparison, side: usize) -> String {
    let figure = comparison.side(side);
    let figure = figure.map_or("failed".into(), |spread| number::short(spread.median));
    match comparison.failures(side) {
        0 => figure,
        failures => format!("{figure} !{failures}"),
    }
}

/// The whole table, with what it comes from.
pub fn markdown(results: &Results) -> String {
    let mut head = vec![String::new()];
    head.extend(SIZES.map(number::size));
    let mut rows = vec![head];
    for Measured { scenario, sizes } in &results.measured {
        let title = format!("{} {}", scenario.over, scenario.figure.title());
        let row = |label: String, cell: &dyn Fn(usize) -> String| {
            let cells = (0..SIZES.len()).map(cell);
            [label].into_iter().chain(cells).collect()
        };
        rows.extend::<[Vec<String>; 3]>([
            row(
                format!("{title}: libzmq, {}", scenario.figure.unit()),
                &|n| figure(&sizes[n], 0),
            ),
            row("this library".into(), &|n| figure(&sizes[n], 1)),
            row("**times as fast**".into(), &|n| {
                format!("**{}**", ratio(sizes[n].ratio(scenario.figure)))
            }),
        ]);
    }
    let mut text = aligned(&rows);
    let _ = write!(
        text,
        "\nMedians of {} rounds; ~ where these disagree on which is faster, !n where n runs failed. {}.\n",
        results.rounds,
        results.machine.line()
    );
    text
}

/// Rows of equally many cells, the first of which are the head; labels to the left, figures to the right.
fn aligned(rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let widths = rows.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let mut text = String::new();
    for (n, row) in rows.iter().enumerate() {
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let _ = match column {
                0 => write!(text, "| {cell:width$} |"),
                _ => write!(text, " {cell:>width$} |"),
            };
        }
        text += "\n";
        if n == 0 {
            for (column, width) in widths.iter().enumerate() {
                let _ = match column {
                    0 => write!(text, "|{}|", "-".repeat(width + 2)),
                    _ => write!(text, "{}:|", "-".repeat(width + 1)),
                };
            }
            text += "\n";
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    // Letters of several bytes are one wide, too; and a rule that isn't under the head is no table.
    #[test]
    fn aligns() {
        let rows =
            [["", "1 B"], ["µs", "12"], ["long", "5"]].map(|row| row.map(String::from).to_vec());
        let expected = "\
|      | 1 B |
|------|----:|
| µs   |  12 |
| long |   5 |
";
        assert_eq!(aligned(&rows), expected);
    }
}
