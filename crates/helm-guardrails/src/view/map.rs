//! From places in a folded text back to the original: runs of units that all have the same two lengths.

/// From `folded` on, units of `folded_unit` bytes were made of units of `original_unit` bytes from `original` on.
#[derive(Clone, Copy, Debug)]
struct Run {
    folded: usize,
    original: usize,
    folded_unit: u8,
    original_unit: u8,
}

/// A text of one kind, such as digits of full width, needs one run; a text that was not changed none.
#[derive(Debug)]
pub(super) struct Map {
    runs: Vec<Run>,
}

impl Map {
    pub(super) const fn identity() -> Self {
        Self { runs: Vec::new() }
    }

    pub(super) fn is_identity(&self) -> bool {
        let is_copy = |run: &Run| (run.folded_unit, run.original_unit) == (1, 1);
        self.runs.iter().all(|run| is_copy(run) && run.folded == run.original)
    }

    /// Notes that from `folded` on the original is as it was from `original` on.
    pub(super) fn copied(&mut self, folded: usize, original: usize) {
        self.add(Run { folded, original, folded_unit: 1, original_unit: 1 });
    }

    /// Notes that what stood in `original_len` bytes became `text`, which is not empty.
    pub(super) fn replaced(&mut self, folded: usize, original: usize, text: &str, original_len: usize) {
        let is_one = text.chars().nth(1).is_none();
        if is_one && text.len() == original_len {
            return self.copied(folded, original);
        }
        // No character folds to more than 18 characters (NFKD of U+FDFA), and no escape is longer than 12 bytes.
        let unit = |length| u8::try_from(length).unwrap_or(u8::MAX);
        self.add(Run { folded, original, folded_unit: unit(text.len()), original_unit: unit(original_len) });
    }

    fn add(&mut self, run: Run) {
        let goes_on = self.runs.last().is_some_and(|last| {
            (last.folded_unit, last.original_unit) == (run.folded_unit, run.original_unit)
                && (run.folded - last.folded) / usize::from(last.folded_unit)
                    * usize::from(last.original_unit)
                    == run.original - last.original
        });
        if !goes_on {
            self.runs.push(run);
        }
    }

    /// Where the character that holds the byte at `folded` begins.
    pub(super) fn start(&self, folded: usize) -> usize {
        self.run_of(folded).map_or(folded, |run| {
            let units = (folded - run.folded) / usize::from(run.folded_unit);
            run.original + units * usize::from(run.original_unit)
        })
    }

    /// Where the character that holds the byte before `folded` ends. `folded` is not 0.
    pub(super) fn end(&self, folded: usize) -> usize {
        self.run_of(folded.saturating_sub(1)).map_or(folded, |run| {
            let units = (folded - run.folded).div_ceil(usize::from(run.folded_unit));
            run.original + units * usize::from(run.original_unit)
        })
    }

    /// Where the character that begins at `original`, or the next that was not dropped, came to stand.
    pub(super) fn folded(&self, original: usize) -> usize {
        let after = self.runs.partition_point(|run| run.original <= original);
        let Some(run) = after.checked_sub(1).and_then(|before| self.runs.get(before)) else {
            return if self.runs.is_empty() { original } else { 0 };
        };
        let units = (original - run.original) / usize::from(run.original_unit);
        let folded = run.folded + units * usize::from(run.folded_unit);
        self.runs.get(after).map_or(folded, |next| folded.min(next.folded))
    }

    fn run_of(&self, folded: usize) -> Option<&Run> {
        let after = self.runs.partition_point(|run| run.folded <= folded);
        self.runs.get(after.checked_sub(1)?)
    }
}
