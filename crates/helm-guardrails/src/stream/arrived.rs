use std::ops::Range;

use crate::view::TextView;

/// What has arrived. It is folded to small letters once, where it is ASCII, though detectors look at it again and again.
#[derive(Default)]
pub(super) struct Arrived {
    text: String,
    /// The text with the letters of ASCII in lower case, up to where it has been [settled](Self::settle).
    lowered: String,
}

impl Arrived {
    pub(super) fn push(&mut self, chunk: &str) {
        self.text.push_str(chunk);
    }

    /// Prepares views of all that has arrived.
    pub(super) fn settle(&mut self) {
        let from = self.lowered.len();
        self.lowered.push_str(self.text.get(from..).unwrap_or_default());
        if let Some(new) = self.lowered.get_mut(from..) {
            new.make_ascii_lowercase();
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    pub(super) fn part(&self, part: Range<usize>) -> &str {
        self.text.get(part).unwrap_or_default()
    }

    /// Tells the view of a part what it is in small letters. (A view is large: it stays where it was made.)
    pub(super) fn prepare<'t>(&'t self, view: &mut TextView<'t>, part: Range<usize>) {
        if let Some(lowered) = self.lowered.get(part).filter(|_| view.text().is_ascii()) {
            view.know_lowered(lowered);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_the_same_settled_or_not() {
        let mut arrived = Arrived::default();
        for (chunk, part) in [("One ", 0..4), ("TWO\u{a0}", 2..7), ("İ ", 7..12), ("THREE", 10..17)] {
            arrived.push(chunk);
            for _ in 0..2 {
                let written = arrived.part(part.clone());
                let mut view = TextView::new(written);
                arrived.prepare(&mut view, part.clone());
                assert_eq!(view.words().text(), TextView::new(written).words().text());
                arrived.settle();
            }
        }
    }
}
