//! A small seeded generator: the simulator must give the same bytes everywhere.

use lapwing_model::math;

/// SplitMix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators").
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// From a seed; equal seeds give equal sequences.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Another generator, independent of this one, named by `stream`: so that adding a sensor changes no other one's
    /// noise.
    pub fn split(&self, stream: u64) -> Self {
        let mut other = Self(self.0 ^ stream.wrapping_mul(0xA24B_AED4_963E_E407));
        other.bits();
        other
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in [low, high).
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Standard normal (Box-Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = math::sqrt(-2.0 * math::log(1.0 - self.unit()));
        radius * math::cos(math::TAU * self.unit())
    }

    /// Poisson with a mean below 100 (Knuth).
    pub fn poisson(&mut self, mean: f64) -> u32 {
        let limit = math::exp(-mean.clamp(0.0, 100.0));
        let (mut count, mut product) = (0, self.unit());
        while product > limit {
            count += 1;
            product *= self.unit();
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_right() {
        let mut random = Random::new(7);
        let n = 100_000;
        let (mut sum, mut squares, mut counts) = (0.0, 0.0, 0_u64);
        for _ in 0..n {
            let x = random.normal();
            sum += x;
            squares += x * x;
            counts += u64::from(random.poisson(2.5));
        }
        let n = f64::from(n);
        assert!((sum / n).abs() < 0.02, "mean {}", sum / n);
        assert!((squares / n - 1.0).abs() < 0.03, "variance {}", squares / n);
        assert!((counts as f64 / n - 2.5).abs() < 0.03);
    }
}
