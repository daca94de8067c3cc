//! Plots over time, drawn from the data alone.

use super::map::COLOURS;
use super::words::clock;
use crate::export::text::xml;
use lapwing_model::{Span, Time};
use std::fmt::Write;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 264.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 34.0;
/// Points of one line drawn.
const POINTS_MAX: usize = 2_000;

/// One line of a plot; where a value is not known the line is broken.
pub(super) struct Series {
    pub(super) label: String,
    /// Which colour.
    pub(super) number: usize,
    pub(super) values: Vec<(Time, Option<f64>)>,
}

/// A level or an instant that matters.
pub(super) struct Mark<T> {
    pub(super) at: T,
    pub(super) label: String,
}

/// A plot.
pub(super) struct Plot<'a> {
    pub(super) title: &'a str,
    /// Unit of the axis.
    pub(super) unit: &'a str,
    pub(super) from: Time,
    pub(super) to: Time,
    pub(super) series: Vec<Series>,
    pub(super) instants: &'a [Mark<Time>],
    pub(super) levels: Vec<Mark<f64>>,
    /// Fixed ends of the axis, else from the values.
    pub(super) range: Option<(f64, f64)>,
    /// Shaded below zero, with these words.
    pub(super) below_zero: Option<&'a str>,
}

struct Axis {
    low: f64,
    high: f64,
    step: f64,
}

impl Axis {
    fn of(low: f64, high: f64) -> Self {
        let spread = (high - low).max(1e-6);
        let power = 10_f64.powf((spread / 4.0).log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|s| spread / s <= 5.0);
        let step = step.unwrap_or(10.0 * power);
        Self { low: (low / step).floor() * step, high: ((high / step).ceil() * step).max(low + step), step }
    }
}

impl Plot<'_> {
    fn x(&self, at: Time) -> f64 {
        let whole = self.to.since(self.from).as_seconds_f64().max(1.0);
        LEFT + (WIDTH - LEFT - RIGHT) * (at.since(self.from).as_seconds_f64() / whole).clamp(0.0, 1.0)
    }

    fn axis(&self) -> Option<Axis> {
        let known = || self.series.iter().flat_map(|s| s.values.iter().filter_map(|(_, v)| *v));
        let levels = self.levels.iter().map(|m| m.at);
        let (low, high) = known().fold(None, |ends: Option<(f64, f64)>, v| {
            Some(ends.map_or((v, v), |(low, high)| (low.min(v), high.max(v))))
        })?;
        if let Some((low, high)) = self.range {
            return Some(Axis::of(low, high));
        }
        // A level far away would press the line flat.
        let reach = (high - low).max(20.0) * 3.0;
        let (low, high) = levels
            .filter(|l| *l > low - reach && *l < high + reach)
            .fold((low, high), |(low, high), l| (low.min(l), high.max(l)));
        let low = if self.below_zero.is_some() { low.min(0.0) } else { low };
        Some(Axis::of(low, high))
    }

    /// The plot as SVG; `None` when no value is known.
    pub(super) fn svg(&self) -> Option<String> {
        let axis = self.axis()?;
        let y = |value: f64| {
            let share = ((value - axis.low) / (axis.high - axis.low)).clamp(0.0, 1.0);
            HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share
        };
        let mut out = String::new();
        let label = format!("{} over time", self.title);
        let _ = write!(out, "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">", xml(&label));
        if let Some(words) = self.below_zero.filter(|_| axis.low < 0.0) {
            let (top, bottom) = (y(0.0), y(axis.low));
            let _ = write!(
                out,
                "<rect x=\"{LEFT}\" y=\"{top:.1}\" width=\"{}\" height=\"{:.1}\" fill=\"#c2180c\" fill-opacity=\".12\"/>\
                 <text x=\"{}\" y=\"{:.1}\" font-size=\"14\" fill=\"#c2180c\" text-anchor=\"end\">{}</text>",
                WIDTH - LEFT - RIGHT,
                bottom - top,
                WIDTH - RIGHT - 6.0,
                bottom - 6.0,
                xml(words)
            );
        }
        self.levels_and_ticks(&mut out, &axis, &y);
        self.times(&mut out);
        for series in &self.series {
            self.line(&mut out, series, &y);
        }
        out.push_str("</svg>");
        Some(out)
    }

    fn levels_and_ticks(&self, out: &mut String, axis: &Axis, y: &dyn Fn(f64) -> f64) {
        let digits = usize::from(axis.step < 1.0);
        let mut level = axis.low;
        while level <= axis.high + axis.step / 2.0 {
            let at = y(level);
            // What is next to nothing is nothing.
            let shown = if level.abs() < axis.step / 1e3 { 0.0 } else { level };
            let _ = write!(
                out,
                "<path d=\"M{LEFT} {at:.1}H{:.1}\" stroke=\"#d5dce3\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"14\" fill=\"#51606f\" text-anchor=\"end\">{shown:.digits$}</text>",
                WIDTH - RIGHT,
                LEFT - 8.0,
                at + 5.0
            );
            level += axis.step;
        }
        let _ = write!(out, "<text x=\"8\" y=\"16\" font-size=\"14\" fill=\"#51606f\">{}</text>", xml(self.unit));
        for mark in self.levels.iter().filter(|m| m.at >= axis.low && m.at <= axis.high) {
            let at = y(mark.at);
            let _ = write!(
                out,
                "<path d=\"M{LEFT} {at:.1}H{:.1}\" stroke=\"#c2180c\" stroke-dasharray=\"7 4\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"13\" fill=\"#c2180c\" text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                WIDTH - RIGHT - 6.0,
                if at < TOP + 16.0 { at + 15.0 } else { at - 4.0 },
                xml(&mark.label)
            );
        }
    }

    fn times(&self, out: &mut String) {
        let whole = self.to.since(self.from).as_seconds_f64();
        let steps = [5, 10, 15, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400];
        let step = steps.into_iter().find(|s| whole / f64::from(*s) <= 8.0).unwrap_or(604_800);
        let step = Span::from_seconds(i64::from(step));
        let mut at = self.from.round_up(step);
        while at <= self.to {
            let x = self.x(at);
            let _ = write!(
                out,
                "<path d=\"M{x:.1} {:.1}v5\" stroke=\"#51606f\"/>\
                 <text x=\"{x:.1}\" y=\"{:.1}\" font-size=\"14\" fill=\"#51606f\" text-anchor=\"middle\">{}</text>",
                HEIGHT - BOTTOM,
                HEIGHT - 10.0,
                clock(at)
            );
            at = at + step;
        }
        let mut free = f64::MIN;
        for mark in self.instants {
            let x = self.x(mark.at);
            let _ = write!(
                out,
                "<path d=\"M{x:.1} {TOP}V{:.1}\" stroke=\"#16202b\" stroke-width=\"1.3\" stroke-dasharray=\"4 3\"/>",
                HEIGHT - BOTTOM
            );
            // Labels that would stand on each other are left to the time line.
            if x > free {
                let _ = write!(
                    out,
                    "<text x=\"{x:.1}\" y=\"{:.1}\" font-size=\"13\" font-weight=\"600\" text-anchor=\"middle\">{}</text>",
                    TOP - 9.0,
                    xml(&mark.label)
                );
                free = x + 8.0 * mark.label.chars().count() as f64 + 8.0;
            }
        }
    }

    fn line(&self, out: &mut String, series: &Series, y: &dyn Fn(f64) -> f64) {
        let colour = COLOURS[series.number % COLOURS.len()];
        let step = series.values.len().div_ceil(POINTS_MAX).max(1);
        let (mut path, mut broken, mut alone) = (String::new(), true, Vec::new());
        for (at, value) in series.values.iter().step_by(step) {
            let Some(value) = value else {
                broken = true;
                continue;
            };
            let (x, y) = (self.x(*at), y(*value));
            let _ = write!(path, "{}{x:.1} {y:.1}", if broken { 'M' } else { 'L' });
            if broken {
                alone.push((x, y));
            }
            broken = false;
        }
        let _ = write!(
            out,
            "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2.5\" stroke-linejoin=\"round\"><title>{}</title></path>",
            xml(&series.label)
        );
        for (x, y) in alone.iter().take(200) {
            let _ = write!(out, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.5\" fill=\"{colour}\"/>");
        }
    }
}
