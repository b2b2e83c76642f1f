use std::fmt;

/// Something that an evaluator cannot judge without.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Need {
    /// A known good answer.
    Reference,
    /// Texts the answer should rest on.
    Passages,
    /// What was said before.
    History,
    /// The tool calls that were expected.
    Tools,
    /// The JSON Schema that the answer should fit.
    Schema,
    /// A connection to somewhere else.
    Network,
}

impl Need {
    /// All of them, in the order in which a missing one is told.
    pub const ALL: [Self; 6] =
        [Self::Reference, Self::Passages, Self::History, Self::Tools, Self::Schema, Self::Network];

    /// Its name, which is also the detail of [`NotScored::Missing`](helm_core::NotScored::Missing).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Passages => "passages",
            Self::History => "history",
            Self::Tools => "tools",
            Self::Schema => "schema",
            Self::Network => "network",
        }
    }

    /// The need of this name: the way back from [`as_str`](Self::as_str).
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|need| need.as_str() == name)
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an evaluator cannot judge without: a set of [`Need`]s. Empty by default.
///
/// ```
/// use helm_eval::{Need, Needs};
///
/// const NEEDS: Needs = Needs::of(&[Need::Passages, Need::Network]);
/// assert!(NEEDS.contains(Need::Passages));
/// assert!(!NEEDS.contains(Need::Reference));
/// assert!(Needs::NONE.is_empty());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Needs(u8);

impl Needs {
    /// Nothing but the question and the answer.
    pub const NONE: Self = Self(0);

    /// All of `needs`.
    #[must_use]
    pub const fn of(needs: &[Need]) -> Self {
        let (mut bits, mut rest) = (0, needs);
        while let [first, others @ ..] = rest {
            bits |= first.bit();
            rest = others;
        }
        Self(bits)
    }

    /// Whether `need` is among them.
    #[must_use]
    pub const fn contains(self, need: Need) -> bool {
        self.0 & need.bit() != 0
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The needs, in the order of [`Need::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Need> {
        Need::ALL.into_iter().filter(move |need| self.contains(*need))
    }
}

impl fmt::Debug for Needs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// Where an evaluator runs, and how long it may take.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[non_exhaustive]
pub enum Tier {
    /// In the request's path: it only computes, in less than a millisecond for an answer of ordinary length.
    #[default]
    Inline,
    /// Computes for up to some 50 ms, as a small model does.
    Local,
    /// Waits for somebody else, and costs money.
    Remote,
}
