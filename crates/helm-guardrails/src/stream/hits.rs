use super::spots::takes_all;
use crate::hit::{Hit, resolve};

/// What has been found, by whether it lies before the cut.
#[derive(Default)]
pub(super) struct Hits {
    done: Vec<Hit>,
    /// Those that reach behind the cut.
    recent: Vec<Hit>,
    /// Properties of the whole text.
    properties: Vec<Hit>,
}

impl Hits {
    /// Adds hits; the same property of the whole text is kept once.
    pub(super) fn extend(&mut self, hits: impl IntoIterator<Item = Hit>) {
        for hit in hits {
            if hit.span().is_some() {
                self.recent.push(hit);
            } else if !self.properties.iter().any(|known| is_same(known, &hit)) {
                self.properties.push(hit);
            }
        }
    }

    /// Adds a hit that lies before the cut.
    pub(super) fn push_done(&mut self, hit: Hit) {
        self.done.push(hit);
    }

    pub(super) fn recent(&self) -> &[Hit] {
        &self.recent
    }

    /// Those that begin before `cut`, of which none is inside another.
    pub(super) fn before(&self, cut: usize) -> Vec<Hit> {
        let here = |hit: &&Hit| hit.span().is_some_and(|span| span.start < cut);
        let mut hits = self.recent.iter().filter(here).cloned().collect();
        resolve(&mut hits);
        hits
    }

    /// Moves the cut.
    pub(super) fn cut(&mut self, cut: usize) {
        let is_done = |hit: &mut Hit| hit.span().is_none_or(|span| span.end <= cut);
        self.done.extend(self.recent.extract_if(.., is_done));
    }

    /// Takes out the hit that takes in whatever follows.
    pub(super) fn take_open(&mut self) -> Option<Hit> {
        let place = self.done.iter().rposition(takes_all)?;
        Some(self.done.remove(place))
    }

    /// Puts back what was taken, and more, where the cut is.
    #[cfg(feature = "remote")]
    pub(super) fn restore(&mut self, hits: &[Hit], cut: usize) {
        self.extend(hits.iter().cloned());
        self.cut(cut);
    }

    pub(super) fn take_all(&mut self) -> Vec<Hit> {
        let Self { mut done, recent, properties } = std::mem::take(self);
        done.extend(recent);
        done.extend(properties);
        done
    }
}

fn is_same(one: &Hit, other: &Hit) -> bool {
    one.detector == other.detector && one.finding == other.finding
}
