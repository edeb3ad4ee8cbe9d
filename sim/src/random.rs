//! A small deterministic random number generator: the same seed always produces the same run.

use std::time::Duration;

use crate::knobs::Span;

/// `SplitMix64`: short, with a single word of state, and good enough for delays and identifiers.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A generator seeded with the hash (FNV-1a) of a name, for choices that must not change between calls.
    pub(crate) fn named(name: &str) -> Self {
        Self(
            name.bytes()
                .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)),
        )
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number in `0..bound`. The modulo bias does not matter here.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// A duration within the range, including both ends.
    pub(crate) fn within(&mut self, span: Span) -> Duration {
        let Span(min, max) = span;
        Duration::from_millis(min + self.below((max - min).saturating_add(1)))
    }

    pub(crate) fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        let size = alphabet.len() as u64;
        (0..length).map(|_| char::from(alphabet[usize::try_from(self.below(size)).unwrap_or(0)])).collect()
    }

    pub(crate) fn hex(&mut self, digits: usize) -> String {
        self.text(b"0123456789abcdef", digits)
    }

    /// A resource ID in EC2's current format: the prefix and 17 hex digits, the first of which is 0.
    pub(crate) fn id(&mut self, prefix: &str) -> String {
        format!("{prefix}-0{}", self.hex(16))
    }

    /// A request ID in the format of a version 4 UUID.
    pub(crate) fn uuid(&mut self) -> String {
        format!("{}-{}-4{}-a{}-{}", self.hex(8), self.hex(4), self.hex(3), self.hex(3), self.hex(12))
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            let other = usize::try_from(self.below(end as u64 + 1)).unwrap_or(end);
            items.swap(end, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_repeats_and_another_differs() {
        let draw = |seed| Random::new(seed).id("vpce");
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert_eq!(draw(7).len(), 22, "vpce- and 17 hex digits");
    }

    #[test]
    fn a_range_includes_both_ends_and_nothing_outside() {
        let mut random = Random::new(1);
        let drawn: Vec<u64> = (0..200).map(|_| u64::try_from(random.within(Span(3, 5)).as_millis()).unwrap()).collect();
        assert!(drawn.contains(&3) && drawn.contains(&5), "{drawn:?}");
        assert!(drawn.iter().all(|ms| (3..=5).contains(ms)), "{drawn:?}");
    }
}
