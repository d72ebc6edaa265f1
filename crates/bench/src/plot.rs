//! Plots as SVG, drawn by hand: latency distribution and deliveries over time, for light and dark pages.

mod axis;

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::report::{Plots, Series};
use axis::Axis;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 420.0;
/// The drawing inside; axes and titles stand around it.
const LEFT: f64 = 78.0;
const RIGHT: f64 = 736.0;
const TOP: f64 = 72.0;
const BOTTOM: f64 = 356.0;

/// Colours differ, and so do dashes, for those who do not tell the colours apart. Both themes have their own.
const STYLE: &str = "<style>
  svg { background: #ffffff; }
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .title { font-size: 15px; font-weight: 600; }
  .grid { stroke: #d1d9e0; stroke-width: 1; }
  .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
  .s0 { stroke: #0969da; } .s1 { stroke: #bc4c00; stroke-dasharray: 7 4; }
  .s2 { stroke: #1a7f37; stroke-dasharray: 2 3; } .s3 { stroke: #8250df; stroke-dasharray: 10 3 2 3; }
  @media (prefers-color-scheme: dark) {
    svg { background: #0d1117; } text { fill: #e6edf3; } .grid { stroke: #30363d; }
    .s0 { stroke: #58a6ff; } .s1 { stroke: #f0883e; } .s2 { stroke: #3fb950; } .s3 { stroke: #bc8cff; }
  }
</style>
";

/// Line styles; a fifth line looks like the first.
const STYLES: usize = 4;

/// What stands around a drawing.
struct Captions<'a> {
    title: &'a str,
    x: &'a str,
    y: &'a str,
}

/// Writes what there is to draw as `NAME-latency.svg` and `NAME-deliveries.svg`; returns what was written.
pub(crate) fn write(folder: &Path, name: &str, title: &str, plots: &Plots) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(folder).with_context(|| format!("failed to make {}", folder.display()))?;
    let drawn = [
        ("latency", distribution(title, &plots.distribution)),
        ("deliveries", over_time(title, &plots.over_time)),
    ];
    let mut written = Vec::new();
    for (what, svg) in drawn {
        let Some(svg) = svg else { continue };
        let path = folder.join(format!("{name}-{what}.svg"));
        fs::write(&path, svg).with_context(|| format!("failed to write {}", path.display()))?;
        written.push(path);
    }
    Ok(written)
}

/// How long so large a share took at most. The axis stretches the slowest few: 99 % is as far from 90 % as 90 % is from 0.
fn distribution(title: &str, series: &[Series]) -> Option<String> {
    let lines: Vec<Series> = series.iter().filter_map(stretched).collect();
    let x = Axis::shares(lines.iter().flat_map(|line| &line.points).map(|point| point.0))?;
    let y = Axis::logarithmic(lines.iter().flat_map(|line| &line.points).map(|point| point.1))?;
    let captions = Captions { title, x: "share of all that took at most so long", y: "latency, ms" };
    Some(draw(&captions, &x, &y, &lines))
}

fn over_time(title: &str, series: &[Series]) -> Option<String> {
    let points = || series.iter().flat_map(|line| &line.points);
    let x = Axis::linear(points().map(|point| point.0))?;
    let y = Axis::linear(points().map(|point| point.1))?;
    let captions = Captions { title, x: "time, s", y: "deliveries per second" };
    Some(draw(&captions, &x, &y, series))
}

/// Shares as nines: 0.9 becomes 1, 0.99 becomes 2. The whole stands where the last share before it does.
fn stretched(line: &Series) -> Option<Series> {
    let nines = |share: f64| -(1.0 - share).log10();
    let last = line.points.iter().map(|point| nines(point.0)).filter(|x| x.is_finite()).reduce(f64::max)?;
    let points = line.points.iter().map(|&(share, ms)| (nines(share).min(last), ms.max(0.001))).collect();
    Some(Series { name: line.name.clone(), points })
}

fn draw(captions: &Captions<'_>, x: &Axis, y: &Axis, lines: &[Series]) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\n\
         <title>{title}</title>\n{STYLE}",
        title = escaped(captions.title)
    );
    text(&mut svg, (LEFT, 24.0), "class=\"title\"", captions.title);
    text(&mut svg, ((LEFT + RIGHT) / 2.0, HEIGHT - 18.0), "text-anchor=\"middle\"", captions.x);
    let turned = format!("text-anchor=\"middle\" transform=\"rotate(-90 18 {y})\"", y = (TOP + BOTTOM) / 2.0);
    text(&mut svg, (18.0, (TOP + BOTTOM) / 2.0), &turned, captions.y);
    for (at, label) in x.ticks() {
        let at = LEFT + at * (RIGHT - LEFT);
        rule(&mut svg, (at, TOP), (at, BOTTOM), "grid");
        text(&mut svg, (at, BOTTOM + 20.0), "text-anchor=\"middle\"", label);
    }
    for (at, label) in y.ticks() {
        let at = BOTTOM - at * (BOTTOM - TOP);
        rule(&mut svg, (LEFT, at), (RIGHT, at), "grid");
        text(&mut svg, (LEFT - 8.0, at + 4.0), "text-anchor=\"end\"", label);
    }
    let mut legend = LEFT;
    for (number, line) in lines.iter().enumerate() {
        let class = format!("line s{}", number % STYLES);
        let points = line.points.iter().map(|&(along, up)| {
            let (along, up) = (x.place(along), y.place(up));
            format!("{:.1},{:.1}", LEFT + along * (RIGHT - LEFT), BOTTOM - up * (BOTTOM - TOP))
        });
        let points = points.collect::<Vec<_>>().join(" ");
        writeln!(svg, "<polyline class=\"{class}\" points=\"{points}\"/>").ok();
        rule(&mut svg, (legend, 48.0), (legend + 28.0, 48.0), &class);
        text(&mut svg, (legend + 36.0, 52.0), "", &line.name);
        // About the width of a letter, so that the next name stands clear of it.
        legend += 64.0 + 7.5 * line.name.chars().count() as f64;
    }
    svg.push_str("</svg>\n");
    svg
}

// Writing to a string cannot fail.
fn text(svg: &mut String, (x, y): (f64, f64), attributes: &str, text: &str) {
    writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" {attributes}>{}</text>", escaped(text)).ok();
}

fn rule(svg: &mut String, (x1, y1): (f64, f64), (x2, y2): (f64, f64), class: &str) {
    writeln!(svg, "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>")
        .ok();
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, points: &[(f64, f64)]) -> Series {
        Series { name: name.to_owned(), points: points.to_vec() }
    }

    /// What a reader needs: both names, both axes with units, both themes.
    #[test]
    fn a_plot_says_what_it_shows() {
        let plots = Plots {
            distribution: vec![
                line("server", &[(0.0, 1.0), (0.9, 2.0), (0.99, 5.0), (1.0, 90.0)]),
                line("floor <each>", &[(0.0, 0.5), (0.9, 1.0), (1.0, 3.0)]),
            ],
            over_time: vec![line("server", &[(0.0, 1e6), (1.0, 2e6)])],
        };
        let folder = tempfile::tempdir().unwrap();
        let written = write(folder.path(), "fan", "5,000 members", &plots).unwrap();
        let names: Vec<_> = written.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["fan-latency.svg", "fan-deliveries.svg"]);
        let [latency, deliveries] = [0, 1].map(|at: usize| fs::read_to_string(&written[at]).unwrap());
        for part in
            ["5,000 members", "server", "floor &lt;each&gt;", "latency, ms", ">99 %<", "prefers-color-scheme"]
        {
            assert!(latency.contains(part), "{part} is missing:\n{latency}");
        }
        for part in ["time, s", "deliveries per second", ">2 M<"] {
            assert!(deliveries.contains(part), "{part} is missing:\n{deliveries}");
        }
        assert_eq!((latency.matches("<polyline").count(), deliveries.matches("<polyline").count()), (2, 1));
    }

    #[test]
    fn nothing_is_not_drawn() {
        let folder = tempfile::tempdir().unwrap();
        let empty = Plots { distribution: vec![line("server", &[])], over_time: vec![] };
        assert!(write(folder.path(), "fan", "", &empty).unwrap().is_empty());
    }

    #[test]
    fn everything_stays_inside_of_the_frame() {
        let points: Vec<_> = (0..100).map(|at| (f64::from(at) / 100.0, f64::from(at * at))).collect();
        let svg = distribution("", &[line("server", &points)]).unwrap();
        let drawn = svg.split("points=\"").nth(1).unwrap().split('"').next().unwrap();
        for point in drawn.split(' ') {
            let (x, y) = point.split_once(',').unwrap();
            let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
            assert!((LEFT..=RIGHT).contains(&x) && (TOP..=BOTTOM).contains(&y), "{point}");
        }
    }
}
