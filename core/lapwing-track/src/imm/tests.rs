use super::*;
use crate::config::Config;

/// A 64-bit linear congruential generator (Knuth's MMIX constants).
struct Dice(u64);

impl Dice {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    fn between(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.uniform()
    }
}

fn gaussian(dice: &mut Dice) -> Gaussian {
    let mut root = [[0.0; 6]; 6];
    for row in &mut root {
        for cell in row {
            *cell = dice.between(-5.0, 5.0);
        }
    }
    let mut covariance = [[0.0; 6]; 6];
    for i in 0..6 {
        for j in 0..6 {
            covariance[i][j] = (0..6).map(|k| root[i][k] * root[j][k]).sum::<f64>() + if i == j { 1.0 } else { 0.0 };
        }
    }
    Gaussian { mean: std::array::from_fn(|_| dice.between(-100.0, 100.0)), covariance: Covariance::of(&covariance) }
}

fn three(dice: &mut Dice) -> Modes {
    let mut modes = Modes::new(gaussian(dice), &Config::default().models);
    for mode in 0..3 {
        modes.states[mode] = gaussian(dice);
        modes.weights[mode] = dice.between(0.01, 1.0);
    }
    modes.normalise();
    modes
}

fn two(dice: &mut Dice) -> Modes {
    let mut modes = Modes { count: 2, ..three(dice) };
    modes.normalise();
    modes
}

fn sum(modes: &Modes) -> f64 {
    modes.weights.iter().sum()
}

fn assert_near(a: &Gaussian, b: &Gaussian, tolerance: f64) {
    for i in 0..6 {
        assert!((a.mean[i] - b.mean[i]).abs() < tolerance, "{} {}", a.mean[i], b.mean[i]);
        for j in 0..6 {
            let (x, y) = (a.covariance[(i, j)], b.covariance[(i, j)]);
            assert!((x - y).abs() < tolerance * (1.0 + x.abs()), "{i} {j}: {x} {y}");
        }
    }
}

fn linear(dice: &mut Dice) -> Linear {
    let mut out = Linear::default();
    for _ in 0..2 {
        out.push(std::array::from_fn(|_| dice.between(-1.0, 1.0)), dice.between(-20.0, 20.0), dice.between(0.5, 50.0));
    }
    out
}

/// Mixing moves probability between the models and says nothing new: the mixture keeps its mean and its covariance.
#[test]
fn mixing_keeps_the_mean_and_the_covariance_of_all() {
    let mut dice = Dice(1);
    let models = Config::default().models;
    for _ in 0..200 {
        for before in [three(&mut dice), two(&mut dice)] {
            let mut after = before;
            after.mix(&models, dice.between(0.01, 20.0));
            assert_near(&after.merged(), &before.merged(), 1e-9);
            assert!((after.weights.iter().take(after.states().len()).sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }
}

/// Two models, of which the mixtures share an outer product, are mixed as the equations say for any number.
#[test]
fn two_are_mixed_like_many() {
    let mut dice = Dice(7);
    let models = Config::default().models;
    for _ in 0..200 {
        let (before, dt_s) = (two(&mut dice), dice.between(0.01, 20.0));
        let mut after = before;
        after.mix(&models, dt_s);
        for (j, own) in after.states().iter().enumerate() {
            let stay: [f64; 2] = std::array::from_fn(|i| math::exp(-models.leave_per_s[i] * dt_s));
            let from: [f64; 2] =
                std::array::from_fn(|i| before.weights[i] * if i == j { stay[i] } else { 1.0 - stay[i] });
            let total = from[0] + from[1];
            assert!((after.weights[j] - total).abs() < 1e-12);
            assert_near(own, &mixture(before.states(), &from.map(|w| w / total)), 1e-9);
        }
    }
}

#[test]
fn weights_sum_to_one_whatever_happens() {
    let mut dice = Dice(2);
    let models = Config::default().models;
    let mut modes = three(&mut dice);
    for _ in 0..2_000 {
        modes.predict(&models, dice.between(0.0, 3.0), true);
        let seen = linear(&mut dice);
        if let Some(foresight) = modes.foresaw(&seen) {
            modes.update(&seen, &foresight.by_mode);
        }
        assert!((sum(&modes) - 1.0).abs() < 1e-12);
        assert!(modes.weights.iter().all(|w| *w > 0.5 * MODE_MIN), "{:?}", modes.weights);
        if dice.uniform() < 0.05 {
            let other = three(&mut dice);
            modes.absorb(0.7, &other, 0.3);
            assert!((sum(&modes) - 1.0).abs() < 1e-12);
        }
        if dice.uniform() < 0.02 {
            modes = three(&mut dice);
        }
    }
    // A measurement no model could foresee leaves them as they were.
    let before = modes.weights;
    modes.update(&linear(&mut dice), &[f64::NEG_INFINITY; MODES_MAX]);
    for (a, b) in before.iter().zip(&modes.weights) {
        assert!((a - b).abs() < 1e-12);
    }
}

#[test]
fn one_model_is_the_plain_filter() {
    let mut dice = Dice(3);
    for _ in 0..200 {
        let motion = Motion::cruise(dice.between(0.1, 30.0), dice.between(0.1, 5.0));
        let models = Models::single(motion);
        let mut plain = gaussian(&mut dice);
        let mut modes = Modes::new(plain, &models);
        for _ in 0..5 {
            let dt = dice.between(0.0, 2.0);
            predict(&mut plain, motion, dt, true);
            modes.predict(&models, dt, true);
            assert_eq!(modes.merged(), plain);
            let seen = linear(&mut dice);
            let foresight = modes.foresaw(&seen).unwrap();
            assert_eq!(plain.surprise(&seen), Some((foresight.distance, foresight.log_likelihood)));
            modes.update(&seen, &foresight.by_mode);
            plain = plain.updated(&seen).unwrap();
            assert_eq!(modes.merged(), plain);
        }
    }
}

/// Three models with the same motion, state and weights are one.
#[test]
fn models_that_agree_are_one() {
    let mut dice = Dice(4);
    let motion = Motion::cruise(2.0, 1.0);
    let models = Models { motions: vec![motion; 3], start: vec![1.0 / 3.0; 3], leave_per_s: vec![0.1; 3] };
    let mut plain = gaussian(&mut dice);
    let mut modes = Modes::new(plain, &models);
    for _ in 0..20 {
        predict(&mut plain, motion, 0.7, true);
        modes.predict(&models, 0.7, true);
        let seen = linear(&mut dice);
        let foresight = modes.foresaw(&seen).unwrap();
        modes.update(&seen, &foresight.by_mode);
        plain = plain.updated(&seen).unwrap();
        assert_near(&modes.merged(), &plain, 1e-6);
    }
}

/// Moment-matching two hypotheses model by model keeps the mean and the covariance of both together.
#[test]
fn absorbing_keeps_the_moments() {
    let mut dice = Dice(5);
    for _ in 0..200 {
        let (a, b) = (three(&mut dice), three(&mut dice));
        let w = dice.between(0.05, 0.95);
        let mut both = a;
        both.absorb(w, &b, 1.0 - w);
        assert_near(&both.merged(), &mixture(&[a.merged(), b.merged()], &[w, 1.0 - w]), 1e-6);
    }
}

fn is_positive_definite(p: &[[f64; 6]; 6]) -> bool {
    let mut factor = [[0.0; 6]; 6];
    for i in 0..6 {
        for j in 0..=i {
            let rest: f64 = p[i][j] - (0..j).map(|k| factor[i][k] * factor[j][k]).sum::<f64>();
            if i == j {
                if !(rest > 0.0 && rest.is_finite()) {
                    return false;
                }
                factor[i][i] = rest.sqrt();
            } else {
                factor[i][j] = rest / factor[j][j];
            }
        }
    }
    true
}

/// A million updates and predictions, from a nanosecond to a minute, by measurements from half a metre to 20 km.
#[test]
fn a_million_updates_leave_a_covariance() {
    let mut dice = Dice(6);
    let models = Config::default().models;
    let start = Gaussian {
        mean: [0.0; 6],
        covariance: Covariance::of(&std::array::from_fn(|i| std::array::from_fn(|j| if i == j { 400.0 } else { 0.0 }))),
    };
    let mut modes = Modes::new(start, &models);
    let (mut updates, mut refused, mut checked) = (0u32, 0u32, 0u32);
    while updates < 1_000_000 {
        if dice.uniform() < 0.5 {
            let dt = [0.0, 1e-9, 0.01, 0.3, 1.0, 60.0][(dice.uniform() * 6.0) as usize];
            modes.predict(&models, dt, true);
        } else {
            let sd = [0.5, 5.0, 500.0, 20_000.0][(dice.uniform() * 4.0) as usize];
            let mut seen = Linear::default();
            let mean = modes.mean();
            for _ in 0..1 + (dice.uniform() * 3.0) as usize {
                // Unit gradients as of a range, and steep ones as of an angle far off.
                let scale = [1.0, 1e-4][(dice.uniform() * 2.0) as usize];
                let mut row = [0.0; 6];
                for cell in row.iter_mut().take(if dice.uniform() < 0.7 { 3 } else { 6 }) {
                    *cell = scale * dice.between(-1.0, 1.0);
                }
                let predicted = crate::gaussian::dot(&row, &mean);
                seen.push(row, -predicted + scale * sd * dice.between(-2.0, 2.0), scale * scale * sd * sd);
            }
            match modes.foresaw(&seen) {
                Some(foresight) => modes.update(&seen, &foresight.by_mode),
                None => refused += 1,
            }
        }
        updates += 1;
        if updates % 4 == 0 {
            for state in modes.states() {
                assert!(is_positive_definite(&state.covariance.square()), "after {updates}: {state:?}");
            }
            assert!(is_positive_definite(&modes.merged().covariance.square()), "after {updates}");
            checked += 1;
        }
    }
    println!("{checked} checks, {refused} measurements refused");
    assert_eq!(refused, 0);
}
