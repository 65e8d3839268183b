//! Chance that can be repeated: the seed is printed, and `PLUGDEPS_TEST_SEED` sets it.

/// Knuth's linear congruential generator.
pub struct Random(u64);

impl Random {
    pub fn seeded() -> Self {
        let given = std::env::var("PLUGDEPS_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| u64::from(std::process::id()));
        println!("PLUGDEPS_TEST_SEED={seed}");
        Self(seed)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as u32 % limit.max(1)
    }
}

/// How often something is tried: as often as a variable of the test run says, or else as usual.
pub fn times(variable: &str, usual: u32) -> u32 {
    std::env::var(variable).ok().and_then(|times| times.parse().ok()).unwrap_or(usual)
}

/// So many bytes that do not compress, the same each time.
pub fn noise(size: usize) -> Vec<u8> {
    let mut chance = Random(1);
    (0..size).map(|_| chance.below(256) as u8).collect()
}
