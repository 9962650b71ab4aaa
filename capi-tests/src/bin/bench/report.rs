//! The report: a page that needs nothing but itself.

use std::fmt::Write;

use crate::{
    Measured, Results, number, plot,
    scenario::{Figure, SIZES},
    statistics::{Comparison, Spread},
    table,
};

const STYLE: &str = "
:root {
    color-scheme: light dark;
    --page: #fff; --text: #1c2128; --quiet: #59636e; --line: #d5dae0;
    --ours: #0b5cc4; --theirs: #b45309;
}
@media (prefers-color-scheme: dark) {
    :root {
        --page: #14181d; --text: #e4e8ec; --quiet: #9aa5b1; --line: #323a43;
        --ours: #6cb0ff; --theirs: #f0a35e;
    }
}
body {
    margin: 0 auto; padding: 1.5rem 1.25rem 4rem; max-width: 75rem;
    background: var(--page); color: var(--text); font: 16px/1.5 system-ui, sans-serif;
}
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; }
h3 { font-size: 1rem; margin: 0; }
p { max-width: 48rem; margin: .4rem 0; }
figure p, .quiet { color: var(--quiet); }
figure p { font-size: .875rem; margin: 0 0 .5rem; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 28rem), 1fr)); gap: 2rem 1.5rem; }
figure { margin: 0; }
svg { width: 100%; height: auto; display: block; }
svg text { font: 12px system-ui, sans-serif; fill: var(--quiet); }
.grid { stroke: var(--line); stroke-width: .75; }
.axis { stroke: var(--quiet); stroke-width: 1; }
.one { stroke: var(--text); stroke-width: 1.25; stroke-dasharray: 5 4; }
line.ours { stroke: var(--ours); stroke-width: 2; }
line.theirs { stroke: var(--theirs); stroke-width: 2; }
line.range { stroke-width: 1.25; opacity: .7; }
circle.ours { fill: var(--ours); }
rect.theirs { fill: var(--theirs); }
.key { display: flex; flex-wrap: wrap; gap: .3rem 1.5rem; margin: .75rem 0; }
.key svg { display: inline-block; width: 34px; height: 12px; vertical-align: -1px; margin-right: .4rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .7rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
tr.first td { border-top: 2px solid var(--line); }
code, pre { font: .875rem/1.5 ui-monospace, monospace; }
";

const KEY: &str = r#"<p class="key">
<span><svg viewBox="0 0 34 12"><line class="ours" x1="1" y1="6" x2="33" y2="6"/><circle class="ours" cx="17" cy="6" r="4"/></svg>this library</span>
<span><svg viewBox="0 0 34 12"><line class="theirs" x1="1" y1="6" x2="33" y2="6"/><rect class="theirs" x="13.5" y="2.5" width="7" height="7"/></svg>libzmq</span>
<span><svg viewBox="0 0 34 12"><line class="one" x1="1" y1="6" x2="33" y2="6"/></svg>equally fast</span>
<span class="quiet">Points are medians, upright lines reach from the lowest to the highest round. Both axes are logarithmic.</span>
</p>
"#;

/// The whole page.
pub fn html(results: &Results) -> String {
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>libzmq in Rust: speed</title>\n<style>{STYLE}</style>\n\
         <h1>The speed of libzmq in Rust beside libzmq's</h1>\n<p>{}</p>\n<p class=\"quiet\">{}.</p>\n{KEY}",
        summary(results),
        escaped(&results.machine.line()),
    );
    for (figure, heading) in [
        (Figure::Throughput, "Throughput by message size"),
        (Figure::Latency, "Latency by message size"),
    ] {
        let of_figure = |measured: &&Measured| measured.scenario.figure == figure;
        let measured: Vec<&Measured> = results.measured.iter().filter(of_figure).collect();
        if measured.is_empty() {
            continue;
        }
        let _ = writeln!(page, "<h2>{heading}</h2>\n<div class=\"plots\">");
        for measured in measured {
            let _ = writeln!(
                page,
                "<figure><h3>{}</h3><p>{}</p>\n{}</figure>",
                measured.scenario.over,
                measured.scenario.about,
                plot::svg(measured)
            );
        }
        page += "</div>\n";
    }
    page += &figures(results);
    if !results.failures.is_empty() {
        page += "<h2>Failed runs</h2>\n<ul>\n";
        for (what, times) in &results.failures {
            let _ = writeln!(page, "<li>{}: {times} times</li>", escaped(what));
        }
        page += "</ul>\n";
    }
    let _ = write!(
        page,
        "<h2>How it was measured</h2>\n\
         <p>By libzmq's own perf programs, compiled once and unchanged; the library is swapped by \
         <code>LD_LIBRARY_PATH</code>. libzmq 4.3.5 is built from its sources with optimisation. Each of {} rounds runs \
         every program with one library and then, with the same command line, with the other, in turns as to which is \
         first. Ratios are taken within each such pair, and then the median of the rounds: a ratio is therefore not \
         exactly that of the two medians. Where the rounds disagree on which library is faster, it has a ~. A \
         run that fails is begun once more; how many did is told after a !.</p>\n\
         <p>Processes aren't bound to processors, and whatever else the machine did is in the figures. Throughput \
         counts from the first message's arrival to the last one's; latency is half of a mean round trip.</p>\n\
         <h2>How to repeat it</h2>\n\
         <pre>make bench                    # a few minutes\n\
         make bench BENCH_ROUNDS=25    # longer, steadier</pre>\n</html>\n",
        results.rounds
    );
    page
}

/// How many were faster and how many slower.
fn summary(results: &Results) -> String {
    let (mut faster, mut slower, mut open) = (0, 0, 0);
    let comparisons = results.measured.iter().flat_map(|measured| {
        let ratio = |one: &Comparison| one.ratio(measured.scenario.figure);
        measured.sizes.iter().filter_map(ratio)
    });
    for ratio in comparisons {
        *match ratio {
            _ if ratio.is_open() => &mut open,
            _ if ratio.median > 1.0 => &mut faster,
            _ => &mut slower,
        } += 1;
    }
    format!(
        "Of {} combinations of scenario and message size this library was faster in every one of the {} rounds in \
         <b>{faster}</b>, and slower in every one in <b>{slower}</b>; in {open} the rounds disagree.",
        faster + slower + open,
        results.rounds
    )
}

/// All figures, with their ranges.
fn figures(results: &Results) -> String {
    let mut text = String::from(
        "<h2>All figures</h2>\n<div class=\"scroll\"><table>\n<tr><th>scenario<th>message<th>unit\
         <th>libzmq<th>this library<th>times as fast<th>lowest to highest\n",
    );
    let range = |spread: Spread, text: fn(f64) -> String| {
        format!("{} to {}", text(spread.low), text(spread.high))
    };
    for Measured { scenario, sizes } in &results.measured {
        for (n, (size, comparison)) in SIZES.iter().zip(sizes).enumerate() {
            let ratio = comparison.ratio(scenario.figure);
            let _ = writeln!(
                text,
                "<tr{}><td>{} {}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}",
                if n == 0 { " class=\"first\"" } else { "" },
                scenario.over,
                scenario.figure.title(),
                number::size(*size),
                scenario.figure.unit(),
                table::figure(comparison, 0),
                table::figure(comparison, 1),
                table::ratio(ratio),
                ratio.map_or(String::new(), |ratio| range(ratio, number::ratio)),
            );
        }
    }
    text + "</table></div>\n"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
