//! The vectors against the standard library, and every level against the portable one, bit by bit.

use crate::simd::{
    Kernel, Lanes, Lanes64, Level, Part, Real, Vector, WordLanes, Words, dispatch, ln,
};

/// exp and ln of many numbers, by the vectors of one level.
struct Functions<'a, T>(&'a [T]);

impl<T: Real> Kernel for Functions<'_, T> {
    type Output = (Vec<T>, Vec<T>);

    #[inline(always)]
    fn run<L: Level>(self, token: L) -> Self::Output {
        let (mut exponentials, mut logarithms) = (Vec::new(), Vec::new());
        for chunk in self.0.chunks(T::Vector::<L>::LANES) {
            let mut lanes = [T::Vector::<L>::ZERO];
            T::Vector::<L>::scalars_mut(&mut lanes)[..chunk.len()].copy_from_slice(chunk);
            let x = T::Vector::<L>::load(token, &lanes[0]);
            x.exp().store(&mut lanes[0]);
            exponentials.extend_from_slice(&T::Vector::<L>::scalars(&lanes)[..chunk.len()]);
            x.ln().store(&mut lanes[0]);
            logarithms.extend_from_slice(&T::Vector::<L>::scalars(&lanes)[..chunk.len()]);
        }
        (exponentials, logarithms)
    }
}

fn grid(from: f64, to: f64) -> Vec<f64> {
    (0..=20_000).map(|i| from + (to - from) * f64::from(i) / 20_000.0).collect()
}

#[test]
fn exp_is_within_one_and_a_half_units_of_relative_rounding() {
    let x = grid(-707.9, 1.0);
    for (x, e) in x.iter().zip(dispatch(Functions(&x)).0) {
        let error = (e - x.exp()).abs() / (x.exp() * f64::EPSILON);
        assert!(error <= 1.5, "exp({x}) = {e}, {error} units");
    }
    let single: Vec<f32> = grid(-86.5, 1.0).iter().map(|&x| x as f32).collect();
    for (&x, e) in single.iter().zip(dispatch(Functions(&single)).0) {
        let exact = f64::from(x).exp();
        let error = (f64::from(e) - exact).abs() / (exact * f64::from(f32::EPSILON));
        assert!(error <= 1.5, "exp({x}) = {e}, {error} units");
    }
}

#[test]
fn exp_ends_in_zero() {
    let x = [0.0, -0.0, -709.5, -745.0, -1e10, -1e300, f64::MIN, f64::NEG_INFINITY];
    let e = dispatch(Functions(&x)).0;
    assert_eq!(e, [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    let x = [0.0, -88.5, -104.0, -1e10, f32::MIN, f32::NEG_INFINITY];
    assert_eq!(dispatch(Functions(&x)).0, [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
}

#[test]
fn ln_is_within_two_units_in_the_last_place() {
    let x: Vec<f64> = grid(-300.0, 300.0).iter().map(|&e| 10f64.powf(e)).collect();
    for (&x, l) in x.iter().zip(dispatch(Functions(&x)).1) {
        let error = (l - x.ln()).abs() / (x.ln().abs() * f64::EPSILON);
        assert!(x == 1.0 && l == 0.0 || error <= 2.0, "ln({x}) = {l}, {error} units");
        assert_eq!(l.to_bits(), ln(x).to_bits());
    }
    assert_eq!(ln(0.0), f64::NEG_INFINITY);
    assert!((ln(5e-324) - 5e-324f64.ln()).abs() < 1e-12);
}

#[test]
fn every_level_gives_the_same_bits() {
    let x: Vec<f64> = grid(-800.0, 2.0);
    let (best, portable) = (dispatch(Functions(&x)).0, Functions(&x).run(pulp::Scalar).0);
    assert!(best.iter().zip(&portable).all(|(a, b)| a.to_bits() == b.to_bits()));
    let x: Vec<f64> = grid(1e-3, 1e6);
    let (best, portable) = (dispatch(Functions(&x)).1, Functions(&x).run(pulp::Scalar).1);
    assert!(best.iter().zip(&portable).all(|(a, b)| a.to_bits() == b.to_bits()));
    let x: Vec<f32> = grid(0.01, 100.0).iter().map(|&x| x as f32).collect();
    let (best, portable) = (dispatch(Functions(&x)), Functions(&x).run(pulp::Scalar));
    assert!(best.1.iter().zip(&portable.1).all(|(a, b)| a.to_bits() == b.to_bits()));
    let x: Vec<f32> = x.iter().map(|x| -x).collect();
    let (best, portable) = (dispatch(Functions(&x)), Functions(&x).run(pulp::Scalar));
    assert!(best.0.iter().zip(&portable.0).all(|(a, b)| a.to_bits() == b.to_bits()));
}

#[test]
fn lanes_are_summed_by_halving() {
    let lanes = Lanes([1e16, 1.0, -1e16, 1.0, 1.0, 1.0, 1.0, 1.0]);
    assert_eq!(lanes.sum(), ((1e16 + 1.0) + (-1e16 + 1.0)) + ((1.0 + 1.0) + (1.0 + 1.0)));
}

/// What the operations make of three numbers a lane, operation by operation.
struct Operations<'a, T>([&'a [T]; 3]);

const N_CHOICES: usize = 6;

/// Those that choose among their operands come first: they pass on a NaN as it is.
#[inline(always)]
fn operations<V: Vector>([a, b, c]: [V; 3]) -> [V; N_CHOICES + 7] {
    [
        a.max(b),
        a.min(b),
        a.abs(),
        a.select_less(b, c, a),
        a.select_less(b, b, c),
        a.less_or_zero(b, c),
        a + b,
        a - b,
        a * b,
        a.div(b),
        a.mul_add(b, c),
        a.mul_sub(b, c),
        a.sqrt(),
    ]
}

impl<T: Real> Kernel for Operations<'_, T> {
    type Output = Vec<Vec<T>>;

    #[inline(always)]
    fn run<L: Level>(self, token: L) -> Self::Output {
        let mut found = vec![Vec::new(); N_CHOICES + 7];
        let width = T::Vector::<L>::LANES;
        for start in (0..self.0[0].len()).step_by(width) {
            let mut lanes = [T::Vector::<L>::ZERO; 3];
            for (lanes, numbers) in lanes.iter_mut().zip(self.0) {
                let scalars = T::Vector::<L>::scalars_mut(std::slice::from_mut(lanes));
                scalars.copy_from_slice(&numbers[start..start + width]);
            }
            let operands = [0, 1, 2].map(|i| T::Vector::<L>::load(token, &lanes[i]));
            for (found, result) in found.iter_mut().zip(operations(operands)) {
                result.store(&mut lanes[0]);
                found.extend_from_slice(T::Vector::<L>::scalars(&lanes[..1]));
            }
        }
        found
    }
}

/// SplitMix64 of a counter.
fn word(counter: u64) -> u64 {
    let z = counter.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Every triple of special numbers and numbers of any bits, made by `of_bits`.
fn triples<T: Real>(special: &[T], of_bits: impl Fn(u64) -> T) -> [Vec<T>; 3] {
    let mut numbers = special.to_vec();
    numbers.extend((0..32 - special.len() as u64).map(of_bits));
    let (mut a, mut b, mut c) = (Vec::new(), Vec::new(), Vec::new());
    for &x in &numbers {
        for &y in &numbers {
            for &z in &numbers {
                a.push(x);
                b.push(y);
                c.push(z);
            }
        }
    }
    [a, b, c]
}

fn assert_same_operations<T: Real>(triples: &[Vec<T>; 3], bits: impl Fn(T) -> u64) {
    let operands = || Operations(triples.each_ref().map(|numbers| &numbers[..]));
    let (best, portable) = (dispatch(operands()), operands().run(pulp::Scalar));
    for (operation, (best, portable)) in best.iter().zip(&portable).enumerate() {
        for (i, (&x, &y)) in best.iter().zip(portable).enumerate() {
            let both_nan = x.to_f64().is_nan() && y.to_f64().is_nan();
            let same = bits(x) == bits(y) || operation >= N_CHOICES && both_nan;
            let operands = triples.each_ref().map(|numbers| numbers[i].to_f64());
            let (x, y) = (x.to_f64(), y.to_f64());
            assert!(same, "operation {operation} of {operands:?}: {x:?}, portable {y:?}");
        }
    }
    // The portable level itself, where instructions differ among processors.
    for i in 0..triples[0].len() {
        let (a, b) = (triples[0][i], triples[1][i]);
        assert_eq!(bits(portable[0][i]), bits(if a > b { a } else { b }));
        assert_eq!(bits(portable[1][i]), bits(if a < b { a } else { b }));
    }
}

#[test]
fn every_operation_gives_the_same_bits_for_special_numbers_too() {
    let special = [
        0.0,
        -0.0,
        1.0,
        -1.0 - f64::EPSILON,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
        -f64::NAN,
        f64::from_bits(0x7ff8_0000_0000_1234),
        f64::MIN_POSITIVE,
        -f64::from_bits(1),
        f64::MAX,
    ];
    // An exponent near 0, so that products neither vanish nor overflow, in every second one.
    let drawn = |i| {
        let near = word(i) & 0x800f_ffff_ffff_ffff | (1020 + word(i + 99) % 7) << 52;
        f64::from_bits(if i % 2 == 0 { near } else { word(i) })
    };
    assert_same_operations(&triples(&special, drawn), f64::to_bits);
    let special = [
        0.0,
        -0.0,
        1.0,
        -1.0 - f32::EPSILON,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        -f32::NAN,
        f32::from_bits(0x7fc0_1234),
        f32::MIN_POSITIVE,
        -f32::from_bits(1),
        f32::MAX,
    ];
    let drawn = |i| {
        let near = word(i) as u32 & 0x807f_ffff | (124 + word(i + 99) as u32 % 7) << 23;
        f32::from_bits(if i % 2 == 0 { near } else { word(i) as u32 })
    };
    assert_same_operations(&triples(&special, drawn), |x| u64::from(f32::to_bits(x)));
}

/// What the operations on words make of two words a lane.
struct WordOperations(WordLanes, WordLanes);

impl Kernel for WordOperations {
    type Output = Vec<[u64; 8]>;

    #[inline(always)]
    fn run<L: Level>(self, token: L) -> Self::Output {
        let (a, b) = (L::U64::load(token, &self.0), L::U64::load(token, &self.1));
        let results = [
            a.wrapping_add(b),
            a.xor(b),
            a.or(b),
            a.and(b),
            a.shift_left::<1>(),
            a.shift_left::<63>(),
            a.shift_right::<12>(),
            a.shift_right::<63>(),
            L::U64::splat(token, 5),
        ];
        let mut floats = Lanes64::ZERO;
        a.in_binade(token, 2.0).store(&mut floats);
        let mut found = vec![floats.0.map(f64::to_bits)];
        for result in results {
            let mut lanes = Lanes([0; 8]);
            result.store(&mut lanes);
            found.push(lanes.0);
        }
        found
    }
}

#[test]
fn words_are_added_moved_and_combined_as_u64() {
    for start in 0..200 {
        let a: [u64; 8] = std::array::from_fn(|i| word(16 * start + i as u64));
        let b: [u64; 8] = std::array::from_fn(|i| word(16 * start + 8 + i as u64));
        let each = |of: fn(u64, u64) -> u64| std::array::from_fn::<_, 8, _>(|i| of(a[i], b[i]));
        let expected = [
            each(|a, _| a >> 12 | 2.0_f64.to_bits()),
            each(u64::wrapping_add),
            each(|a, b| a ^ b),
            each(|a, b| a | b),
            each(|a, b| a & b),
            each(|a, _| a << 1),
            each(|a, _| a << 63),
            each(|a, _| a >> 12),
            each(|a, _| a >> 63),
            each(|_, _| 5),
        ];
        assert_eq!(dispatch(WordOperations(Lanes(a), Lanes(b))), expected);
    }
}

/// The columns of four rows, and a·b + c computed part by part.
struct Moves<'a, T>([[f64; 4]; 4], &'a [T]);

impl<T: Real> Kernel for Moves<'_, T> {
    type Output = ([[f64; 4]; 4], Vec<T>);

    #[inline(always)]
    fn run<L: Level>(self, token: L) -> Self::Output {
        type PartOf<V> = <V as Vector>::Part;
        let mut lanes = [T::Vector::<L>::ZERO; 2];
        T::Vector::<L>::scalars_mut(&mut lanes[..1]).copy_from_slice(self.1);
        let [source, target] = &mut lanes;
        for part in 0..PartOf::<T::Vector<L>>::COUNT {
            let x = PartOf::<T::Vector<L>>::load(token, source, part);
            let two = PartOf::<T::Vector<L>>::splat(token, T::from_f64(2.0));
            (x.mul_add(two, x * x) - x).store(target, part);
        }
        (token.transpose(self.0), T::Vector::<L>::scalars(&lanes[1..]).to_vec())
    }
}

#[test]
fn parts_make_a_vector_and_columns_are_those_of_the_rows() {
    let rows = std::array::from_fn(|i| std::array::from_fn(|j| (4 * i + j) as f64));
    let columns: [[f64; 4]; 4] = std::array::from_fn(|j| std::array::from_fn(|i| rows[i][j]));
    let x: [f64; 8] = std::array::from_fn(|i| i as f64 - 3.0);
    let found = dispatch(Moves(rows, &x));
    assert_eq!(found, (columns, x.map(|x| x * x + x).to_vec()));
    let x: [f32; 16] = std::array::from_fn(|i| i as f32 - 3.0);
    assert_eq!(dispatch(Moves(rows, &x)).1, x.map(|x| x * x + x));
}
