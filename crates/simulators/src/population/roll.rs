//! The dice: all chance of a population comes from one seeded stream.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A seeded stream of chance.
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    /// The stream of this seed; `stream` keeps independent parts of a population apart.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self(rng)
    }

    /// True in so many of 1,000 cases.
    pub(super) fn hits(&mut self, of_1000: u32) -> bool {
        self.0.random_range(0..1000) < of_1000
    }

    /// From `low` to `high`, both included.
    pub(super) fn within<T>(&mut self, low: T, high: T) -> T
    where
        T: rand::distr::uniform::SampleUniform + PartialOrd,
    {
        self.0.random_range(low..=high)
    }

    /// One of these, all alike.
    pub(super) fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let place = self.0.random_range(0..of.len());
        #[expect(clippy::indexing_slicing, reason = "the place is below the length; the lists are not empty")]
        &of[place]
    }

    /// One of these; the first far more often than the last.
    pub(super) fn early<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let (a, b) = (self.0.random_range(0..of.len()), self.0.random_range(0..of.len()));
        let place = a.min(b).min(self.0.random_range(0..of.len()));
        #[expect(clippy::indexing_slicing, reason = "the place is below the length; the lists are not empty")]
        &of[place]
    }
}
