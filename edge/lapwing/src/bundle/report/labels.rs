//! Labels on the map that do not stand on each other.

use crate::export::text::xml;
use std::fmt::Write;

const SIZE: f64 = 15.0;
/// About what a letter is wide at that size.
const LETTER: f64 = 8.3;
/// How far a label may be moved from its place, up or down.
const SHIFTS: [f64; 9] = [0.0, 18.0, -18.0, 36.0, -36.0, 54.0, -54.0, 72.0, -72.0];

struct Label {
    x: f64,
    y: f64,
    anchor: &'static str,
    colour: String,
    text: String,
}

impl Label {
    /// Left, top, right, bottom.
    fn extent(&self, shift: f64) -> [f64; 4] {
        let width = self.text.chars().count() as f64 * LETTER;
        let left = match self.anchor {
            "start" => self.x,
            "end" => self.x - width,
            _ => self.x - width / 2.0,
        };
        [left, self.y + shift - 0.8 * SIZE, left + width, self.y + shift + 0.25 * SIZE]
    }
}

/// Labels in the order in which they get their places.
#[derive(Default)]
pub(super) struct Labels(Vec<Label>);

impl Labels {
    pub(super) fn add(&mut self, x: f64, y: f64, anchor: &'static str, colour: &str, text: &str) {
        self.0.push(Label { x, y, anchor, colour: colour.to_owned(), text: text.to_owned() });
    }

    /// These, and then those.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Draws them, each with a halo, so that it can be read on anything; where there is no room, in its own place.
    pub(super) fn draw(self, out: &mut String, width: f64, height: f64) {
        let mut taken: Vec<[f64; 4]> = Vec::new();
        for label in self.0 {
            let is_free = |shift: &f64| {
                let [left, top, right, bottom] = label.extent(*shift);
                let inside = top >= 0.0 && bottom <= height && right >= 0.0 && left <= width;
                inside && taken.iter().all(|[l, t, r, b]| right <= *l || left >= *r || bottom <= *t || top >= *b)
            };
            let shift = SHIFTS.into_iter().find(is_free).unwrap_or(0.0);
            taken.push(label.extent(shift));
            let Label { x, y, anchor, colour, text } = label;
            let _ = write!(
                out,
                "<text x=\"{x:.1}\" y=\"{:.1}\" font-size=\"{SIZE}\" font-weight=\"600\" text-anchor=\"{anchor}\" fill=\"{colour}\" \
                 stroke=\"#fff\" stroke-width=\"4\" stroke-linejoin=\"round\" paint-order=\"stroke\">{}</text>",
                y + shift,
                xml(&text)
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Labels;

    #[test]
    fn labels_in_one_place_are_moved_apart() {
        let (mut labels, mut out) = (Labels::default(), String::new());
        for name in ["radar-north", "Zone <Waterworks>", "T8"] {
            labels.add(300.0, 200.0, "middle", "#000", name);
        }
        labels.add(300.0, 400.0, "middle", "#000", "far");
        labels.draw(&mut out, 960.0, 600.0);
        let places: Vec<&str> = out.split(" y=\"").skip(1).map(|t| t.split('"').next().unwrap()).collect();
        assert_eq!(places, ["200.0", "218.0", "182.0", "400.0"]);
        assert!(out.contains("Zone &lt;Waterworks&gt;"));
    }
}
