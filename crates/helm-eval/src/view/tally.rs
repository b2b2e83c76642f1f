use super::text::Word;

/// Sums over the words of an answer, made in one pass.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) chars: u32,
    pub(super) of_seven: u32,
    pub(super) of_six: u32,
    pub(super) unknown: u32,
    pub(super) hedges: u32,
    pub(super) connectives: u32,
    pub(super) first_person: u32,
    pub(super) rarity: f64,
}

impl Tally {
    pub(super) fn of(words: &[Word]) -> Self {
        let mut tally = Self::default();
        for Word { chars, entry, .. } in words {
            tally.chars += chars;
            tally.of_seven += u32::from(*chars >= 7);
            tally.of_six += u32::from(*chars >= 6);
            tally.unknown += u32::from(!entry.is_known());
            tally.hedges += u32::from(entry.is_hedge());
            tally.connectives += u32::from(entry.is_connective());
            tally.first_person += u32::from(entry.is_first_person());
            tally.rarity += f64::from(entry.idf);
        }
        tally
    }
}
