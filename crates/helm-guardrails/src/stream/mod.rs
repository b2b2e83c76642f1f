//! Guarding a text while it arrives.

mod arrived;
mod hits;
mod open;
mod piece;
mod place;
mod sentences;
mod spots;
mod whole;

use std::sync::Arc;

use helm_core::GuardAction;

use crate::plan::{Found, Listed, Plan};
use crate::redact::redact;
use crate::result::{GuardrailResult, Ran};
use crate::view::TextView;
use arrived::Arrived;
use hits::Hits;
use open::Open;
use piece::Piece;
pub(crate) use place::{back, behind_separator};
use sentences::Sentences;
pub(crate) use spots::LOOK_AHEAD;
use spots::{Look, Spots};
use whole::Whole;

/// Checks a text that arrives in pieces, and lets through what is certain.
///
/// For detectors of bounded reach and of sentences, what is let through is exactly what checking the whole text
/// would let through, however it was cut, and no byte of a redacted span ever leaves. Of something open, such as a
/// key block, the replacement leaves when it has begun. What the other detectors need is said by
/// [`Reach`](crate::Reach) and [`Hold`](crate::Hold). When something blocks after text has left, the stream stops, and
/// what has left is a prefix of what the whole would have let through otherwise.
///
/// Detectors about whose findings nothing is done but to record them look at the end, or when the stream stops.
pub struct StreamGuard {
    plan: Arc<Plan>,
    max_bytes: usize,
    is_json: bool,
    arrived: Arrived,
    /// How much of it has been let through or replaced.
    cut: usize,
    spots: Spots,
    open: Option<Open>,
    sentences: Sentences,
    whole: Whole,
    /// Detectors that only record.
    passive: Vec<Listed>,
    hits: Hits,
    ran: Vec<Ran>,
    refused: Option<GuardrailResult>,
}

/// What to do after a piece.
#[derive(Clone, PartialEq, Debug)]
pub enum StreamStep {
    /// Pass this on; it may be empty.
    Emit(String),
    /// Stop: the text is refused, or to be written anew, or a person is to be asked.
    Blocked(GuardrailResult),
}

/// Something was found that must not pass.
struct Stop;

impl StreamGuard {
    pub(crate) fn new(plan: Arc<Plan>, max_bytes: usize) -> Self {
        let (active, passive): (Vec<_>, Vec<_>) =
            plan.detectors.iter().cloned().partition(|listed| listed.strictest > GuardAction::Flag);
        Self {
            spots: Spots::new(&active),
            sentences: Sentences::new(&active, plan.policy.hold),
            whole: Whole::new(&active, plan.policy.hold, plan.waits_for_remote()),
            passive,
            plan,
            max_bytes,
            is_json: false,
            arrived: Arrived::default(),
            cut: 0,
            open: None,
            hits: Hits::default(),
            ran: Vec::new(),
            refused: None,
        }
    }

    pub(crate) fn of_json(plan: Arc<Plan>, max_bytes: usize) -> Self {
        Self { is_json: true, ..Self::new(plan, max_bytes) }
    }

    /// Takes the next piece. After a block nothing more is let through.
    pub fn push(&mut self, chunk: &str) -> StreamStep {
        if let Some(refused) = &self.refused {
            return StreamStep::Blocked(refused.clone());
        }
        if self.arrived.len() + chunk.len() > self.max_bytes {
            return self.refuse(self.plan.too_long());
        }
        self.arrived.push(chunk);
        if self.is_json {
            return StreamStep::Emit(String::new());
        }
        match self.advance(chunk) {
            Ok(emitted) => StreamStep::Emit(emitted),
            Err(Stop) => self.stop(),
        }
    }

    /// Ends the text: the rest that may pass, and the verdict on the whole.
    #[must_use]
    pub fn finish(mut self) -> (String, GuardrailResult) {
        if let Some(refused) = self.refused {
            return (String::new(), refused);
        }
        if self.is_json {
            let result = self.plan.check_json(self.arrived.text());
            return (result.text(self.arrived.text()).to_owned(), result);
        }
        let ended = self.end().and_then(|()| self.look_passively());
        let ended = ended.and_then(|()| {
            let mut unasked = Found::default();
            self.plan.unasked(&mut unasked);
            self.note(unasked)
        });
        self.concluded(ended.is_ok())
    }

    /// Ends the text as [`finish`](Self::finish) does, having asked the remote checks about the whole.
    ///
    /// # Cancellation safety
    ///
    /// The stream is gone; nothing of the rest has left.
    #[cfg(feature = "remote")]
    pub async fn finish_async(mut self) -> (String, GuardrailResult) {
        if let Some(refused) = self.refused {
            return (String::new(), refused);
        }
        if self.is_json {
            let result = self.plan.check_json_async(self.arrived.text()).await;
            return (result.text(self.arrived.text()).to_owned(), result);
        }
        let mut ended = self.end().and_then(|()| self.look_passively());
        if ended.is_ok() {
            let mut found = Found { hits: self.hits.take_all(), ..Found::default() };
            self.plan.ask(self.arrived.text(), &mut found).await;
            self.hits.restore(&found.hits, self.cut);
            ended = if self.plan.stops(&found.hits) { Err(Stop) } else { Ok(()) };
            self.ran.extend(found.ran);
        }
        self.concluded(ended.is_ok())
    }

    fn concluded(mut self, passes: bool) -> (String, GuardrailResult) {
        let rest = if passes { self.release(self.arrived.len()) } else { String::new() };
        (rest, self.verdict())
    }

    /// Judges what the piece has completed, and lets through what is certain.
    fn advance(&mut self, chunk: &str) -> Result<String, Stop> {
        let piece = Piece::of(chunk);
        self.spots.arrived(self.arrived.text(), chunk, &piece);
        if self.completes_nothing(&piece) {
            return Ok(String::new());
        }
        self.arrived.settle();
        if let Some(judged) = self.sentences.judge(&self.plan, &self.arrived) {
            self.note(judged)?;
        }
        if let Some(seen) =
            self.whole.look(&self.plan, self.arrived.text()).filter(|seen| self.plan.stops(&seen.hits))
        {
            self.note(seen)?;
        }
        if self.whole.holds_everything || self.sentences.limit() <= self.cut || !self.is_past_open(false) {
            return Ok(String::new());
        }
        if self.spots.is_empty() && self.sentences.is_empty() {
            return Ok(self.release(self.arrived.len()));
        }
        match self.spots.due(self.arrived.text(), self.cut) {
            Some(look) if look.in_run || self.may_cut() => self.look(look),
            _ => Ok(String::new()),
        }
    }

    /// Whether there is nothing to do about a piece but to keep it. That a sentence has become too long is told by the next
    /// look: nothing leaves before.
    fn completes_nothing(&self, piece: &Piece) -> bool {
        let holds_nothing = self.spots.is_empty() && self.sentences.is_empty();
        let is_awaited = piece.may_end() || self.open.is_some() || self.whole.is_due(self.arrived.text());
        !holds_nothing && !is_awaited && self.spots.due(self.arrived.text(), self.cut).is_none()
    }

    /// Whether there is a place for a cut in what sentences let through: the last word of one has none.
    fn may_cut(&self) -> bool {
        let limit = self.sentences.limit();
        limit >= self.arrived.len() || behind_separator(self.arrived.text(), self.cut, limit).is_some()
    }

    fn look(&mut self, look: Look) -> Result<String, Stop> {
        let part = self.spots.words(look);
        let mut words = TextView::new(self.arrived.part(part.clone()));
        self.arrived.prepare(&mut words, part.clone());
        self.sentences.hear(&self.arrived, &mut words, part.start, look);
        self.spots.wake(&words, look);
        let found = self.spots.look(&self.plan, &self.arrived, self.cut, look);
        if self.plan.stops(&found.hits) {
            return self.note(found).map(|()| String::new());
        }
        let limit = self.spots.decided(self.arrived.text(), look, &found).min(self.sentences.limit());
        let recent = self.hits.recent();
        let cut =
            Spots::place(self.arrived.text(), self.cut, limit, look, &found, recent).unwrap_or(self.cut);
        self.ran.extend(found.ran);
        let decided = found.hits.into_iter().filter(|hit| hit.span().is_none_or(|span| span.end <= cut));
        self.hits.extend(decided);
        let released = self.release(cut);
        self.spots.released(self.arrived.text(), look, found.pending, cut);
        if cut == look.end {
            self.open = self.hits.take_open().and_then(|hit| Open::new(hit, &self.plan));
        }
        Ok(released)
    }

    /// Whether nothing is open any more.
    fn is_past_open(&mut self, is_last: bool) -> bool {
        let Some(mut open) = self.open.take() else {
            return true;
        };
        match open.end(self.arrived.text(), is_last) {
            Some(end) => {
                self.spots.resume(self.arrived.text(), open.start(), end);
                self.cut = end;
                self.hits.push_done(open.closed(end, false));
                true
            }
            None if is_last => {
                self.cut = self.arrived.len();
                self.hits.push_done(open.closed(self.arrived.len(), true));
                true
            }
            None => {
                self.open = Some(open);
                false
            }
        }
    }

    /// Looks at what is left, knowing that nothing follows.
    fn end(&mut self) -> Result<(), Stop> {
        self.is_past_open(true);
        let look = Look { end: self.arrived.len(), in_run: false };
        if self.cut < look.end {
            let found = self.look_at_rest(look);
            self.note(found)?;
        }
        let judged = self.sentences.judge_rest(&self.plan, &self.arrived);
        self.note(judged)?;
        let found = self.whole.look_at_end(&self.plan, self.arrived.text());
        self.note(found)
    }

    fn look_at_rest(&mut self, rest: Look) -> Found {
        self.arrived.settle();
        let words = TextView::new(self.arrived.part(self.spots.words(rest)));
        self.spots.wake(&words, rest);
        self.spots.look(&self.plan, &self.arrived, self.cut, rest)
    }

    /// Keeps what has been found.
    fn note(&mut self, found: Found) -> Result<(), Stop> {
        let stops = self.plan.stops(&found.hits);
        self.ran.extend(found.ran);
        self.hits.extend(found.hits);
        if stops { Err(Stop) } else { Ok(()) }
    }

    /// The text up to `cut`, with what must not pass replaced.
    fn release(&mut self, cut: usize) -> String {
        if cut <= self.cut {
            return String::new();
        }
        let hits = self.hits.before(cut);
        let text = self.arrived.text().get(..cut).unwrap_or_default();
        let released = redact(text, self.cut, &hits, self.plan.key.as_ref());
        let released = released.unwrap_or_else(|| text.get(self.cut..).unwrap_or_default().to_owned());
        self.cut = cut;
        self.hits.cut(cut);
        released
    }

    fn look_passively(&mut self) -> Result<(), Stop> {
        let found = self.plan.scan_all(self.passive.iter(), self.arrived.text());
        self.note(found)
    }

    /// The verdict on a text that must not go on.
    fn stop(&mut self) -> StreamStep {
        // It is stopped already: what else has arrived is only recorded.
        let rest = Look { end: self.arrived.len(), in_run: false };
        let found = self.look_at_rest(rest);
        let _ = self.note(found);
        let _ = self.look_passively();
        let verdict = self.verdict();
        self.refuse(verdict)
    }

    fn refuse(&mut self, result: GuardrailResult) -> StreamStep {
        self.refused = Some(result.clone());
        StreamStep::Blocked(result)
    }

    fn verdict(&mut self) -> GuardrailResult {
        let (hits, ran) = (self.hits.take_all(), std::mem::take(&mut self.ran));
        self.plan.verdict(self.arrived.text(), hits, ran)
    }
}
