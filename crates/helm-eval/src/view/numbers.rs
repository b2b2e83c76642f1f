/// Hashes and their numbers: 0, 1, 2 and so on, in the order in which they came.
///
/// A table with open addressing by the upper bits, at most half full, so that it lies nearly in the order of the hashes.
/// Who makes up hashes that are alike makes it slow, but not more than its square, and texts have few thousand words.
#[derive(Clone, Debug)]
pub(crate) struct Numbers {
    /// By number.
    hashes: Vec<u64>,
    /// A power of two of them: numbers raised by 1, and 0 where there is none.
    slots: Vec<u32>,
    /// By how much a hash is shifted to give its slot.
    shift: u32,
}

impl Default for Numbers {
    fn default() -> Self {
        Self::for_about(0)
    }
}

impl Numbers {
    /// An empty table that need not grow for `count` hashes.
    pub(crate) fn for_about(count: usize) -> Self {
        let slots = (2 * count + 2).next_power_of_two();
        let shift = u64::BITS - slots.trailing_zeros();
        Self { hashes: Vec::with_capacity(count), slots: vec![0; slots], shift }
    }

    pub(crate) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// All hashes, by their numbers.
    pub(crate) fn hashes(&self) -> &[u64] {
        &self.hashes
    }

    /// The number of a hash, which it gets now where it has none.
    #[inline]
    pub(crate) fn add(&mut self, hash: u64) -> usize {
        if 2 * self.len() + 2 > self.slots.len() {
            self.grow();
        }
        let (place, number) = self.find(hash);
        number.unwrap_or_else(|| {
            self.hashes.push(hash);
            if let Some(slot) = self.slots.get_mut(place) {
                *slot = self.hashes.len() as u32;
            }
            self.hashes.len() - 1
        })
    }

    /// The number of a hash.
    #[inline]
    pub(crate) fn get(&self, hash: u64) -> Option<usize> {
        self.find(hash).1
    }

    #[inline]
    pub(crate) fn has(&self, hash: u64) -> bool {
        self.get(hash).is_some()
    }

    /// All hashes and numbers, nearly in the order of the hashes.
    pub(crate) fn nearly_sorted(&self) -> Vec<(u64, usize)> {
        // Whether a slot is free cannot be foreseen, so all are written, and those that are free are written over.
        let mut taken = vec![0_u32; self.slots.len()];
        let mut count = 0;
        for slot in &self.slots {
            if let Some(next) = taken.get_mut(count) {
                *next = *slot;
            }
            count += usize::from(*slot != 0);
        }
        let numbers = taken.iter().take(count).map(|slot| *slot as usize - 1);
        numbers.filter_map(|number| Some((*self.hashes.get(number)?, number))).collect()
    }

    /// The slot of a hash and its number; the slot that it would get where it has none.
    #[inline]
    fn find(&self, hash: u64) -> (usize, Option<usize>) {
        let mut place = (hash >> self.shift) as usize;
        loop {
            match self.slots.get(place) {
                Some(0) => return (place, None),
                Some(slot) => {
                    let number = *slot as usize - 1;
                    if self.hashes.get(number) == Some(&hash) {
                        return (place, Some(number));
                    }
                    place += 1;
                }
                None => place = 0,
            }
        }
    }

    fn grow(&mut self) {
        let mut larger = Self::for_about(2 * self.len() + 2);
        for hash in &self.hashes {
            larger.add(*hash);
        }
        *self = larger;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_keep_their_numbers_however_alike_they_are() {
        for stride in [1, 1 << 56, 0x9e37_79b9_7f4a_7c15] {
            let hash = |number: u64| number.wrapping_mul(stride);
            let mut numbers = Numbers::default();
            assert_eq!(numbers.get(hash(0)), None);
            for number in 0..200 {
                assert_eq!(numbers.add(hash(number)), number as usize);
                assert_eq!(numbers.add(hash(number / 2)), number as usize / 2);
            }
            assert!((0..200).all(|number| numbers.get(hash(number)) == Some(number as usize)));
            assert!((200..256).all(|number| !numbers.has(hash(number))));
            assert_eq!((numbers.len(), numbers.nearly_sorted().len()), (200, 200));
        }
    }
}
