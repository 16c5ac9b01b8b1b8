//! Figures as SVG: lines and points over two axes, linear or logarithmic.
//!
//! In: a title, axes, series of numbers. Out: one file that shows itself in light and in dark, without a font or a
//! script of its own. Series differ by colour, by dash and by mark, so that they are told apart without colours too.
//!
//! Not here: a library. `plotters` (0.3.7, September 2024) would do, but brings 22 packages into the lock file, guesses
//! the size of text, and writes colours that only one of the two backgrounds can have.

use std::fmt::{self, Write};
use std::fs;
use std::path::{Path, PathBuf};

use crate::record::Record;
use crate::{Size, Trouble, Try};

/// A figure.
#[derive(Clone, Debug)]
pub struct Plot {
    title: String,
    note: String,
    x: Axis,
    y: Axis,
    series: Vec<Series>,
    levels: Vec<(String, f64)>,
}

/// One of the two axes.
#[derive(Clone, Debug)]
pub struct Axis {
    label: String,
    scale: Scale,
    range: Option<(f64, f64)>,
    ticks: Vec<f64>,
}

/// How numbers become places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Equal steps are equally long; begins at 0.
    Linear,
    /// Equal ratios are equally long. What is 0 or less is left out.
    Log,
}

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A line from each point to the next: what is computed.
    Line,
    /// A mark at each point: what is measured.
    Points,
    /// Both.
    Both,
}

#[derive(Clone, Debug)]
struct Series {
    name: String,
    style: Style,
    points: Vec<(f64, f64)>,
    colour: usize,
}

impl Axis {
    /// Makes a linear one; the label names the unit.
    #[must_use]
    pub fn linear(label: &str) -> Self {
        Self { label: label.to_owned(), scale: Scale::Linear, range: None, ticks: Vec::new() }
    }

    /// Makes a logarithmic one; the label names the unit.
    #[must_use]
    pub fn log(label: &str) -> Self {
        Self { scale: Scale::Log, ..Self::linear(label) }
    }

    /// Shows this range instead of what the series need. What lies outside is not drawn.
    #[must_use]
    pub fn range(mut self, from: f64, to: f64) -> Self {
        self.range = Some((from, to));
        self
    }

    /// Labels these numbers instead of round ones.
    #[must_use]
    pub fn ticks(mut self, ticks: &[f64]) -> Self {
        self.ticks = ticks.to_vec();
        self
    }
}

impl Plot {
    /// Makes a figure without series.
    #[must_use]
    pub fn new(title: &str, x: Axis, y: Axis) -> Self {
        let (title, note) = (title.to_owned(), String::new());
        Self { title, note, x, y, series: Vec::new(), levels: Vec::new() }
    }

    /// Says under the title where the numbers come from, or what they hold for.
    #[must_use]
    pub fn note(mut self, note: &str) -> Self {
        note.clone_into(&mut self.note);
        self
    }

    /// Adds a series, with the next colour.
    pub fn series(
        &mut self,
        name: &str,
        style: Style,
        points: impl IntoIterator<Item = (f64, f64)>,
    ) {
        let colour = self.series.iter().map(|series| series.colour + 1).max().unwrap_or_default();
        self.add(name, style, points, colour);
    }

    /// Adds a series that belongs to the one before, in the same colour: what was measured beside what was computed.
    pub fn beside(
        &mut self,
        name: &str,
        style: Style,
        points: impl IntoIterator<Item = (f64, f64)>,
    ) {
        let colour = self.series.last().map_or(0, |series| series.colour);
        self.add(name, style, points, colour);
    }

    /// Adds a horizontal line: a goal or a limit.
    pub fn level(&mut self, name: &str, value: f64) {
        self.levels.push((name.to_owned(), value));
    }

    /// Writes the file; its folder is made where it is missing.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn write(&self, path: &Path) -> Try<()> {
        let folder = path.parent().unwrap_or(path);
        let write = || fs::create_dir_all(folder).and_then(|()| fs::write(path, self.to_string()));
        write().map_err(Trouble::io(&format!("write {}", path.display())))
    }

    fn add(
        &mut self,
        name: &str,
        style: Style,
        points: impl IntoIterator<Item = (f64, f64)>,
        colour: usize,
    ) {
        let points = points.into_iter().collect();
        self.series.push(Series { name: name.to_owned(), style, points, colour });
    }

    fn frames(&self) -> (Frame, Frame) {
        let points = || self.series.iter().flat_map(|series| series.points.iter().copied());
        let levels = self.levels.iter().map(|(_, value)| *value);
        let x = Frame::new(&self.x, points().map(|(x, _)| x), (LEFT, RIGHT));
        let y = Frame::new(&self.y, points().map(|(_, y)| y).chain(levels), (BOTTOM, TOP));
        (x, y)
    }

    fn draw_axes(&self, out: &mut String, x: &Frame, y: &Frame) -> fmt::Result {
        let (middle, height) = ((LEFT + RIGHT) / 2.0, (TOP + BOTTOM) / 2.0);
        for (value, is_named) in x.ticks(&self.x) {
            let at = x.at(value);
            let class = if is_named { "grid" } else { "minor" };
            writeln!(out, r#"<path class="{class}" d="M{at:.1} {TOP}V{BOTTOM}"/>"#)?;
            if is_named {
                let text = number(value);
                writeln!(
                    out,
                    r#"<text class="mid" x="{at:.1}" y="{:.1}">{text}</text>"#,
                    BOTTOM + 18.0
                )?;
            }
        }
        for (value, is_named) in y.ticks(&self.y) {
            let at = y.at(value);
            let class = if is_named { "grid" } else { "minor" };
            writeln!(out, r#"<path class="{class}" d="M{LEFT} {at:.1}H{RIGHT}"/>"#)?;
            if is_named {
                let text = number(value);
                writeln!(
                    out,
                    r#"<text class="end" x="{:.1}" y="{:.1}">{text}</text>"#,
                    LEFT - 8.0,
                    at + 4.0
                )?;
            }
        }
        writeln!(out, r#"<path class="frame" d="M{LEFT} {TOP}V{BOTTOM}H{RIGHT}"/>"#)?;
        let (x, y) = (escape(&self.x.label), escape(&self.y.label));
        writeln!(out, r#"<text class="mid" x="{middle:.1}" y="{:.1}">{x}</text>"#, BOTTOM + 42.0)?;
        writeln!(
            out,
            r#"<text class="mid" transform="translate(18 {height:.1}) rotate(-90)">{y}</text>"#
        )
    }

    fn draw_series(&self, out: &mut String, x: &Frame, y: &Frame) -> fmt::Result {
        for (name, value) in &self.levels {
            let at = y.at(*value);
            writeln!(out, r#"<path class="level" d="M{LEFT} {at:.1}H{RIGHT}"/>"#)?;
            let (from, over) = (RIGHT - 4.0, at - 5.0);
            writeln!(
                out,
                r#"<text class="end" x="{from:.1}" y="{over:.1}">{}</text>"#,
                escape(name)
            )?;
        }
        for series in &self.series {
            let shown: Vec<(f64, f64)> = series
                .points
                .iter()
                .filter(|(a, b)| x.shows(*a) && y.shows(*b))
                .map(|(a, b)| (x.at(*a), y.at(*b)))
                .collect();
            let colour = series.colour % COLOURS.len();
            if series.style != Style::Points {
                let mut path = String::new();
                for (place, (a, b)) in shown.iter().enumerate() {
                    write!(path, "{}{a:.1} {b:.1}", if place == 0 { "M" } else { "L" })?;
                }
                writeln!(
                    out,
                    r#"<path class="line c{colour}" {} d="{path}"/>"#,
                    dash(series.colour)
                )?;
            }
            if series.style != Style::Line {
                for (a, b) in shown {
                    mark(out, series.colour, a, b)?;
                }
            }
        }
        Ok(())
    }

    fn draw_legend(&self, out: &mut String) -> fmt::Result {
        let mut y = TOP + 8.0;
        for series in &self.series {
            let (from, to) = (RIGHT + 16.0, RIGHT + 44.0);
            let colour = series.colour % COLOURS.len();
            if series.style != Style::Points {
                writeln!(
                    out,
                    r#"<path class="line c{colour}" {} d="M{from} {y}H{to}"/>"#,
                    dash(series.colour)
                )?;
            }
            if series.style != Style::Line {
                mark(out, series.colour, (from + to) / 2.0, y)?;
            }
            for line in series.name.lines() {
                writeln!(
                    out,
                    r#"<text x="{:.1}" y="{:.1}">{}</text>"#,
                    to + 8.0,
                    y + 4.0,
                    escape(line)
                )?;
                y += 17.0;
            }
            y += 5.0;
        }
        Ok(())
    }
}

impl fmt::Display for Plot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (x, y) = self.frames();
        let mut out = String::new();
        let title = escape(&self.title);
        writeln!(
            out,
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img">"#
        )?;
        writeln!(out, "<title>{title}</title>")?;
        style(&mut out)?;
        writeln!(out, r#"<rect class="paper" width="{WIDTH}" height="{HEIGHT}" rx="6"/>"#)?;
        writeln!(out, r#"<text class="title" x="{LEFT}" y="26">{title}</text>"#)?;
        writeln!(out, r#"<text class="note" x="{LEFT}" y="45">{}</text>"#, escape(&self.note))?;
        self.draw_axes(&mut out, &x, &y)?;
        self.draw_series(&mut out, &x, &y)?;
        self.draw_legend(&mut out)?;
        out.push_str("</svg>\n");
        f.write_str(&out)
    }
}

/// Where a figure belongs: with the documents where all was measured, as it is published; else with the raw numbers.
#[must_use]
pub fn place(size: Size, raw: &Record, name: &str) -> PathBuf {
    let documents = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/figures");
    let raw = raw.path().parent().map(Path::to_owned).unwrap_or_default();
    let is_published = size == Size::Full && !cfg!(debug_assertions);
    let folder = if is_published { documents } else { raw };
    folder.join(format!("{name}.svg"))
}

/// An axis with its range and its place on the paper.
#[derive(Clone, Copy, Debug)]
struct Frame {
    scale: Scale,
    range: (f64, f64),
    place: (f64, f64),
}

impl Frame {
    fn new(axis: &Axis, values: impl Iterator<Item = f64>, place: (f64, f64)) -> Self {
        let is_shown =
            |value: &f64| value.is_finite() && (axis.scale == Scale::Linear || *value > 0.0);
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(is_shown) {
            (least, most) = (least.min(value), most.max(value));
        }
        if least > most {
            (least, most) = (1.0, 1.0);
        }
        let range = axis.range.unwrap_or_else(|| match axis.scale {
            Scale::Linear => (least.min(0.0), round_up(most.max(f64::MIN_POSITIVE))),
            Scale::Log => {
                (round_down(least), if most > least { round_up(most) } else { most * 10.0 })
            }
        });
        Self { scale: axis.scale, range, place }
    }

    fn shows(&self, value: f64) -> bool {
        // A value on the border must not fall out by rounding.
        let (least, most) = self.range;
        let slack = match self.scale {
            Scale::Linear => (most - least) * 1e-9,
            Scale::Log => least * 1e-9,
        };
        value >= least - slack && value <= most * (1.0 + 1e-9)
    }

    fn at(&self, value: f64) -> f64 {
        let share = match self.scale {
            Scale::Linear => (value - self.range.0) / (self.range.1 - self.range.0),
            Scale::Log => (value / self.range.0).log10() / (self.range.1 / self.range.0).log10(),
        };
        self.place.0 + share.clamp(0.0, 1.0) * (self.place.1 - self.place.0)
    }

    /// Returns where lines go, and whether each is named.
    fn ticks(&self, axis: &Axis) -> Vec<(f64, bool)> {
        if !axis.ticks.is_empty() {
            let shown = axis.ticks.iter().filter(|tick| self.shows(**tick));
            return shown.map(|tick| (*tick, true)).collect();
        }
        match self.scale {
            Scale::Linear => {
                let span = self.range.1 - self.range.0;
                let fits = |step: &f64| span / step <= 7.5;
                let step = steps().map(|(step, _)| step).find(fits).unwrap_or(span);
                let first = (self.range.0 / step).ceil() * step;
                let ticks = (0..10_u8).map(|count| first + step * f64::from(count));
                ticks.filter(|tick| self.shows(*tick)).map(|tick| (tick, true)).collect()
            }
            Scale::Log => {
                let decades = (self.range.1 / self.range.0).log10();
                // Each decade named up to eight, every second one up to 16, and so on.
                let each = (1..).find(|each| f64::from(*each) * 8.0 >= decades).unwrap_or(1);
                let ticks = steps().filter(|(tick, _)| self.shows(*tick));
                let is_named = |digit: Digit| match digit {
                    Digit::One { power } => power % each == 0,
                    Digit::TwoOrFive => decades <= 2.5,
                };
                let wanted = |digit: Digit| decades <= 5.0 || matches!(digit, Digit::One { .. });
                ticks
                    .filter(|(_, digit)| wanted(*digit))
                    .map(|(tick, digit)| (tick, is_named(digit)))
                    .collect()
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Digit {
    One { power: i32 },
    TwoOrFive,
}

/// Gives 1, 2 and 5 times each power of ten, ascending.
fn steps() -> impl Iterator<Item = (f64, Digit)> {
    (-60..60).flat_map(|power: i32| {
        // Parsed, not multiplied: a power of ten must be exactly that.
        let one: f64 = format!("1e{power}").parse().unwrap_or(1.0);
        [(one, Digit::One { power }), (2.0 * one, Digit::TwoOrFive), (5.0 * one, Digit::TwoOrFive)]
    })
}

fn round_up(value: f64) -> f64 {
    steps().map(|(step, _)| step).find(|step| *step >= value * (1.0 - 1e-9)).unwrap_or(value)
}

fn round_down(value: f64) -> f64 {
    steps()
        .map(|(step, _)| step)
        .take_while(|step| *step <= value * (1.0 + 1e-9))
        .last()
        .unwrap_or(value)
}

/// Returns a number for people: plain from 0.001 to 100,000, otherwise a power of ten.
fn number(value: f64) -> String {
    let size = value.abs();
    if size > 100_000.0 || (size > 0.0 && size < 0.001) {
        let text = format!("{value:e}");
        let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
        let digits = if digits == "1" { String::new() } else { format!("{digits}·") };
        return format!(
            r#"{digits}10<tspan dy="-5" font-size="9">{}</tspan>"#,
            power.replace('-', "−")
        );
    }
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        let left = whole.len() - place;
        if place > 0 && left % 3 == 0 && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn dash(colour: usize) -> String {
    let dash =
        ["", "7 4", "2 3", "10 3 2 3", "4 2", "12 4"].get(colour % 6).copied().unwrap_or_default();
    if dash.is_empty() { String::new() } else { format!(r#"stroke-dasharray="{dash}""#) }
}

fn mark(out: &mut String, colour: usize, x: f64, y: f64) -> fmt::Result {
    let class = colour % COLOURS.len();
    let path = match colour % 4 {
        0 => {
            return writeln!(
                out,
                r#"<circle class="mark c{class}" cx="{x:.1}" cy="{y:.1}" r="3.8"/>"#
            );
        }
        1 => "-3.5 -3.5h7v7h-7z",
        2 => "0 -4.5l4.2 7.6h-8.4z",
        _ => "0 -4.8l4.4 4.8l-4.4 4.8l-4.4 -4.8z",
    };
    writeln!(
        out,
        r#"<path class="mark c{class}" transform="translate({x:.1} {y:.1})" d="M{path}"/>"#
    )
}

fn style(out: &mut String) -> fmt::Result {
    writeln!(out, "<style>")?;
    writeln!(
        out,
        "text{{font:12px system-ui,sans-serif;fill:#333}}.title{{font-size:16px;font-weight:600}}.note{{fill:#666}}"
    )?;
    writeln!(
        out,
        ".mid{{text-anchor:middle}}.end{{text-anchor:end}}.paper{{fill:#fff}}.line{{fill:none;stroke-width:2}}"
    )?;
    writeln!(out, ".grid{{stroke:#ddd}}.minor{{stroke:#f0f0f0}}.frame{{fill:none;stroke:#888}}")?;
    writeln!(
        out,
        ".level{{stroke:#888;stroke-dasharray:5 4;stroke-width:1.5}}.mark{{stroke-width:1.6;fill-opacity:.35}}"
    )?;
    for (class, (light, _)) in COLOURS.iter().enumerate() {
        writeln!(out, ".c{class}{{stroke:{light}}}.mark.c{class}{{fill:{light}}}")?;
    }
    writeln!(
        out,
        "@media (prefers-color-scheme:dark){{text{{fill:#ddd}}.note{{fill:#aaa}}.paper{{fill:#16191d}}"
    )?;
    writeln!(out, ".grid{{stroke:#3a3f45}}.minor{{stroke:#24282d}}")?;
    for (class, (_, dark)) in COLOURS.iter().enumerate() {
        writeln!(out, ".c{class}{{stroke:{dark}}}.mark.c{class}{{fill:{dark}}}")?;
    }
    writeln!(out, "}}\n</style>")
}

/// Of each series in light and in dark; told apart by those who see fewer colours too.
const COLOURS: [(&str, &str); 6] = [
    ("#0060a8", "#58b0f0"),
    ("#c04a00", "#ff9a4d"),
    ("#007a5a", "#3ccf9f"),
    ("#8b3f8f", "#d694da"),
    ("#6b6b00", "#cfc84a"),
    ("#a3243b", "#ff8095"),
];

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 470.0;
const LEFT: f64 = 84.0;
const RIGHT: f64 = 620.0;
const TOP: f64 = 64.0;
const BOTTOM: f64 = 408.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(axis: &Axis, values: &[f64]) -> Frame {
        Frame::new(axis, values.iter().copied(), (0.0, 100.0))
    }

    #[test]
    fn places_follow_the_scale() {
        let log = frame(&Axis::log("s"), &[0.01, 100.0, 0.0]);
        assert_eq!(log.range, (0.01, 100.0));
        assert!((log.at(1.0) - 50.0).abs() < 1e-9 && !log.shows(0.0));
        let linear = frame(&Axis::linear("s"), &[10.0, 180.0]);
        assert_eq!(linear.range, (0.0, 200.0));
        assert!((linear.at(50.0) - 25.0).abs() < 1e-9);
    }

    #[test]
    fn ticks_are_few_and_round() {
        for axis in [Axis::log("s"), Axis::linear("s")] {
            for most in [0.003, 1.0, 7.0, 128.0, 3e7, 1e30] {
                let frame = frame(&axis, &[most / 300.0, most]);
                let named = frame.ticks(&axis).iter().filter(|(_, is_named)| *is_named).count();
                assert!((2..=9).contains(&named), "{axis:?} {most}: {named}");
            }
        }
        let numbers = [0.0, 0.001, 0.25, 1500.0, 100_000.0].map(number);
        assert_eq!(numbers, ["0", "0.001", "0.25", "1,500", "100,000"]);
        assert!(number(1e-9).contains("−9"));
    }

    #[test]
    fn every_point_within_the_range_is_drawn_and_texts_are_escaped() {
        let x = Axis::linear("n");
        let mut plot = Plot::new("a < b & c", x, Axis::log("s").range(1.0, 100.0));
        plot.series("measured", Style::Points, [(1.0, 1.0), (2.0, 100.0), (3.0, 1e3), (4.0, 0.0)]);
        plot.beside("computed", Style::Line, [(1.0, 1.0), (2.0, 10.0)]);
        let text = plot.to_string();
        assert!(text.contains("a &lt; b &amp; c"));
        assert_eq!(text.matches("<circle").count(), 2 + 1, "two points, one in the legend");
        assert_eq!(text.matches(r#"class="line c0""#).count(), 2, "the line and its legend");
    }
}
