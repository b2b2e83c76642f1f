use std::sync::Arc;

use helm_core::Category;

use crate::finding::Findings;
use crate::view::TextView;

/// Finds things in a text. Cheap, synchronous, without I/O.
///
/// Three methods make a detector; the others let a stream hold back less and cost less. What they promise is kept
/// by [`check_detector`](crate::check_detector), which tries to break it.
///
/// *Separators* are white space and `。，、！？；：`. A stream cuts only behind a separator that lies inside no
/// finding and before anything [pending](Findings::pending), so it must not matter to what is found behind it
/// what stands before it, apart from [`lookbehind`](Self::lookbehind).
pub trait Detector: Send + Sync {
    /// What it is called in results.
    fn id(&self) -> &str;

    /// The kinds of things it finds. A detector that looks for several kinds in one pass names them all.
    fn categories(&self) -> &[Category];

    /// The entities it may report, to be listed, and so that a rule for an entity that does not exist is refused.
    /// Default: none are told, and rules are not compared with them.
    fn entities(&self) -> Vec<&str> {
        Vec::new()
    }

    /// What one finding depends on, which is how much a stream must hold back.
    fn reach(&self) -> Reach;

    /// Adds what it finds, in any order, in places of the original.
    fn scan(&self, view: &TextView<'_>, findings: &mut Findings);

    /// How many visible bytes before a separator matter to what is found behind it, such as words of context.
    /// [`TextView::known`] says how many of a text are shown for that alone. Default: none.
    fn lookbehind(&self) -> usize {
        0
    }

    /// Whether a finding may begin in these words, or what is found later may need them other than by
    /// [`lookbehind`](Self::lookbehind). `words` begins and ends at separators or at the ends of a text. Says yes when
    /// in doubt. Default: always.
    ///
    /// A stream scans only what a detector wakes for, and holds back a sentence that may be blocked from where one
    /// does. It should cost little, such as a look for digits; where all words count, a scan of `words` alone will do,
    /// which saves scanning again what is looked behind.
    fn wakes(&self, words: &TextView<'_>) -> bool {
        let _ = words;
        true
    }

    /// Where something ends that was [open](crate::Finding::open) at the end of the text: a byte of `rest`, or `None`
    /// while it goes on. `rest` begins where the finding did or later; when it has grown, a stream asks again from
    /// the detector's reach before the end of what it has asked about. Default: it never ends.
    fn close(&self, entity: &str, rest: &TextView<'_>) -> Option<usize> {
        let _ = (entity, rest);
        None
    }

    /// What sets it apart from others of its id, such as its words. Part of the engine's
    /// [`version`](crate::GuardrailEngine::version). Default: nothing.
    fn settings(&self) -> String {
        String::new()
    }
}

macro_rules! forward {
    ($($pointer:ident),*) => {$(
        impl<D: Detector + ?Sized> Detector for $pointer<D> {
            fn id(&self) -> &str {
                (**self).id()
            }

            fn categories(&self) -> &[Category] {
                (**self).categories()
            }

            fn entities(&self) -> Vec<&str> {
                (**self).entities()
            }

            fn reach(&self) -> Reach {
                (**self).reach()
            }

            fn scan(&self, view: &TextView<'_>, findings: &mut Findings) {
                (**self).scan(view, findings);
            }

            fn lookbehind(&self) -> usize {
                (**self).lookbehind()
            }

            fn wakes(&self, words: &TextView<'_>) -> bool {
                (**self).wakes(words)
            }

            fn close(&self, entity: &str, rest: &TextView<'_>) -> Option<usize> {
                (**self).close(entity, rest)
            }

            fn settings(&self) -> String {
                (**self).settings()
            }
        }
    )*};
}

forward!(Arc, Box);

/// What one finding depends on. Bytes are of the original, not counting invisible characters and combining marks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Reach {
    /// At most this many bytes, to the left and right end of which it may look: the last so many bytes of a text are
    /// taken for undecided.
    Bounded(usize),
    /// At most this many bytes, and a scan says with [`Findings::pending`] from where on it is undecided, so a
    /// stream holds back only that.
    Tracked(usize),
    /// One sentence: up to a full stop, an exclamation or question mark, a semicolon or the end of a line.
    /// What has no end is cut after some 400 letters, and goes on from
    /// [the words before it](crate::TextView::before).
    Sentence,
    /// The whole text, of which a stream also judges each sentence alone, so as to stop early: for scores.
    Windowed,
    /// The whole text, where what is found in a beginning is found in all of it, such as that it is too long: a
    /// stream looks at what there is from time to time.
    Growing,
    /// The whole text, and a beginning says nothing. A stream holds everything back when it may be blocked.
    WholeText,
}
