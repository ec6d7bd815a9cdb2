//! Laws of summaries, to the last bit, and exact sums against big integers.

use crate::error::Error;
use crate::fold::{Context, Pool};
use crate::summary::{
    Bits, Column, Id, Ids, Joint, Number, Settings, State, Stretch, Summary, Values, Weights,
    summarize_groups,
};
use ndarray::{Array1, Array2, ArrayView1};
use num_bigint::BigInt;
use proptest::collection::vec;
use proptest::prelude::*;

/// A function and not a constant: views are invariant in their lifetime.
fn positions<'d>() -> Ids<'d> {
    Ids::Range { start: 0, step: 1 }
}

fn summarize_columns<'d>(
    context: &Context,
    template: &Summary,
    columns: &[Column<'d>],
    ids: Ids<'d>,
    weights: Option<ArrayView1<'d, u64>>,
) -> Result<Vec<Summary>, Error> {
    let states = crate::summary::summarize_columns(
        context,
        template,
        columns,
        ids,
        weights.map(Weights::Times),
    )?;
    Ok(states.into_iter().map(State::into_summary).collect())
}

/// The groups of values with keys, in as many stretches as said.
fn groups_of(
    template: &Summary,
    values: &[f64],
    keys: &[i64],
    pieces: usize,
) -> Vec<(i128, Summary)> {
    let length = values.len().div_ceil(pieces).max(1);
    let stretches: Vec<Stretch<'_>> = values
        .chunks(length)
        .zip(keys.chunks(length))
        .enumerate()
        .map(|(piece, (values, keys))| Stretch {
            columns: vec![Column::new(Values::F64(ArrayView1::from(values)))],
            keys: Values::I64(ArrayView1::from(keys)),
            ids: Ids::Range { start: (piece * length) as i128, step: 1 },
            weights: None,
        })
        .collect();
    let groups = summarize_groups(&Context::inline(), template, &stretches, None).unwrap();
    groups.keys.into_iter().zip(groups.states.into_iter().map(State::into_summary)).collect()
}

fn everything() -> Settings {
    Settings {
        moments: 4,
        best: 3,
        largest: false,
        quantile_buckets: Some(100),
        relative_error: Some(0.02),
        histogram: Some(vec![-1.0, 0.0, 0.5, 8.0]),
        distinct: true,
        weights: None,
    }
}

fn summary_of(settings: &Settings, values: &[f64], ids: Ids<'_>) -> Summary {
    let column = Column::new(Values::F64(ArrayView1::from(values)));
    let template = Summary::new(settings).unwrap();
    // One lifetime for ids and values.
    fn run<'d>(template: &Summary, column: Column<'d>, ids: Ids<'d>) -> Summary {
        let context = Context::inline();
        summarize_columns(&context, template, &[column], ids, None).unwrap().remove(0)
    }
    let ids: Vec<Id> = match ids {
        Ids::Range { start, step } => {
            (0..values.len()).map(|row| Id::Integer(start + step * row as i128)).collect()
        }
        _ => unreachable!("the tests give ranges"),
    };
    run(&template, column, Ids::Given(&ids))
}

fn merged(left: &Summary, right: &Summary) -> Summary {
    let mut sum = left.copied().unwrap();
    sum.try_merge(right).unwrap();
    sum
}

/// ±m·2^bit over 2^1074.
fn exact(value: f64) -> BigInt {
    let bits = value.to_bits();
    let exponent = (bits >> 52 & 0x7ff) as usize;
    let fraction = bits & ((1 << 52) - 1);
    let m = if exponent == 0 { fraction } else { fraction | 1 << 52 };
    let magnitude = BigInt::from(m) << exponent.saturating_sub(1);
    if value < 0.0 { -magnitude } else { magnitude }
}

/// The sum of powers as the crate has it, over 2^(1074·power).
fn found(summary: &Summary, power: u8) -> BigInt {
    let sum = summary.power_sum(power).unwrap();
    let shift = sum.exponent() + 1074 * i64::from(power);
    assert!(shift >= 0, "a sum of multiples of 2^-1074 is one");
    sum.numerator() << shift as usize
}

fn check_sums(values: &[f64]) {
    let plain = summary_of(&Settings::default(), values, positions());
    let four = summary_of(&everything(), values, positions());
    let finite: Vec<BigInt> =
        values.iter().filter(|value| value.is_finite()).map(|&value| exact(value)).collect();
    for power in 1..=4_u8 {
        let expected: BigInt = finite.iter().map(|value| value.pow(power.into())).sum();
        assert_eq!(found(&four, power), expected, "power {power}, moments 4");
        if power <= 2 {
            assert_eq!(found(&plain, power), expected, "power {power}, moments 2");
        }
    }
    let numbers = || values.iter().copied().filter(|value| !value.is_nan());
    let least = numbers().min_by(f64::total_cmp).map(Number::from);
    let most = numbers().max_by(f64::total_cmp).map(Number::from);
    for summary in [&plain, &four] {
        let counts = summary.counts();
        assert_eq!(counts.count as usize, numbers().count());
        assert_eq!(counts.nan_count as usize, values.len() - numbers().count());
        let infinite = numbers().filter(|value| *value == f64::INFINITY).count();
        assert_eq!(counts.positive_infinity_count as usize, infinite);
        assert_eq!((summary.minimum(), summary.maximum()), (least, most));
    }
}

/// Numbers where the kernels change their ways, and some that are everyday.
fn special() -> impl Strategy<Value = f64> {
    let near = |exponent: i32| {
        (1.0..2.0_f64, any::<bool>(), -3..=3_i32).prop_map(move |(m, negative, off)| {
            let value = m * 2_f64.powi(exponent + off).max(f64::MIN_POSITIVE);
            if negative { -value } else { value }
        })
    };
    prop_oneof![
        4 => -10.0..10.0_f64,
        1 => any::<f64>(),
        1 => Just(f64::NAN),
        1 => prop_oneof![Just(f64::INFINITY), Just(f64::NEG_INFINITY)],
        2 => prop_oneof![Just(0.0), Just(-0.0)],
        1 => prop_oneof![Just(f64::MAX), Just(f64::MIN), Just(5e-324), Just(-5e-324)],
        1 => (0..1_u64 << 52).prop_map(f64::from_bits),
        1 => near(485),
        1 => near(-485),
        1 => near(508),
        1 => near(-469),
        1 => near(-1022),
        1 => near(1020),
        2 => (0..5).prop_map(f64::from),
        1 => (-2..=2_i32).prop_map(|off| (2_f64.powi(64) + f64::from(2048 * off)) * f64::from(off)),
    ]
}

/// Marsaglia's generator, from a seed other than 0.
fn xorshift(mut state: u64) -> impl FnMut() -> u64 {
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    }
}

/// Blocks of like sizes, long enough for the vector kernels, with or without strangers among them.
fn block() -> impl Strategy<Value = Vec<f64>> {
    let scales = prop_oneof![Just(0), Just(3), -490..520_i32, Just(1010), Just(-1000)];
    let like = (scales, any::<u64>(), 0..5000_usize, 0..20_u32).prop_map(
        |(scale, seed, length, spread)| {
            let mut next = xorshift(seed | 1);
            let mut value = || {
                let unit = next() as f64 / 2_f64.powi(64);
                let shrink = next() % u64::from(spread + 1);
                let sign = if next() & 1 == 0 { 1.0 } else { -1.0 };
                sign * (0.5 + 0.5 * unit) * 2_f64.powi(scale) * 2_f64.powi(-(shrink as i32))
            };
            (0..length).map(|_| value()).collect::<Vec<f64>>()
        },
    );
    (like, vec((any::<prop::sample::Index>(), special()), 0..4)).prop_map(
        |(mut values, strangers)| {
            for (index, stranger) in strangers {
                if !values.is_empty() {
                    let place = index.index(values.len());
                    values[place] = stranger;
                }
            }
            values
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn sums_of_blocks_are_exact(values in block()) {
        check_sums(&values);
    }

    #[test]
    fn sums_of_anything_are_exact(values in vec(special(), 0..300)) {
        check_sums(&values);
    }

    #[test]
    fn a_split_changes_no_bit(
        values in prop_oneof![block(), vec(special(), 0..200)],
        cuts in vec(any::<prop::sample::Index>(), 0..5),
        rotate in any::<prop::sample::Index>(),
    ) {
        for settings in [Settings::default(), everything(), Settings { largest: true, ..everything() }] {
            let whole = summary_of(&settings, &values, positions());
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(values.len() + 1)).collect();
            at.extend([0, values.len()]);
            at.sort_unstable();
            let mut parts: Vec<Summary> = at
                .windows(2)
                .map(|cut| {
                    let ids = Ids::Range { start: cut[0] as i128, step: 1 };
                    summary_of(&settings, &values[cut[0]..cut[1]], ids)
                })
                .collect();
            parts.push(Summary::identity());
            let middle = rotate.index(parts.len());
            parts.rotate_left(middle);
            let left = parts.iter().fold(Summary::identity(), |sum, part| merged(&sum, part));
            let right = parts.iter().rev().fold(Summary::identity(), |sum, part| merged(part, &sum));
            prop_assert_eq!(left.to_bytes(), whole.to_bytes());
            prop_assert_eq!(right.to_bytes(), whole.to_bytes());
            prop_assert_eq!(Summary::from_bytes(&whole.to_bytes().unwrap()).unwrap(), whole);
        }
    }

    #[test]
    fn weights_are_repetitions(
        values in vec(special(), 1..100),
        weights in vec(0..40_u64, 100),
    ) {
        let weights = &weights[..values.len()];
        let ids: Vec<Id> = (0..values.len()).map(|row| Id::Integer(row as i128)).collect();
        let (mut repeated, mut repeated_ids) = (Vec::new(), Vec::new());
        for ((&value, &weight), id) in values.iter().zip(weights).zip(&ids) {
            repeated.extend(std::iter::repeat_n(value, weight as usize));
            repeated_ids.extend((0..weight).map(|_| id.copied().unwrap()));
        }
        for settings in [Settings::default(), everything()] {
            let template = Summary::new(&settings).unwrap();
            let context = Context::inline();
            let of = |values: &[f64], ids: &[Id], weights: Option<&[u64]>| {
                summarize_columns(
                    &context,
                    &template,
                    &[Column::new(Values::F64(ArrayView1::from(values)))],
                    Ids::Given(ids),
                    weights.map(ArrayView1::from),
                ).unwrap().remove(0)
            };
            let weighted = of(&values, &ids, Some(weights));
            prop_assert_eq!(weighted, of(&repeated, &repeated_ids, None));
        }
    }

    #[test]
    fn groups_are_summaries_of_their_rows(
        values in vec(special(), 1..3000),
        spread in prop_oneof![Just(1_i64), Just(100), Just(i64::MAX / 4000)],
        groups in prop_oneof![1..40_usize, Just(3000)],
        pieces in 1..4_usize,
    ) {
        let keys: Vec<i64> =
            (0..values.len()).map(|row| ((row * row) % groups) as i64 * spread - 7).collect();
        for settings in [Settings::default(), everything()] {
        let template = Summary::new(&settings).unwrap();
        let groups_found = groups_of(&template, &values, &keys, pieces);
        prop_assert!(groups_found.is_sorted_by_key(|(key, _)| *key));
        let mut rows = 0;
        for (key, summary) in groups_found {
            let mut expected = template.copied().unwrap();
            let mut sum = BigInt::ZERO;
            for (row, &value) in values.iter().enumerate() {
                if i128::from(keys[row]) == key {
                    expected.push(Some(value.into()), || Ok(Id::Integer(row as i128)), 1).unwrap();
                    sum += if value.is_finite() { exact(value) } else { BigInt::ZERO };
                    rows += 1;
                }
            }
            prop_assert_eq!(&summary, &expected);
            prop_assert_eq!(found(&expected, 1), sum);
        }
        prop_assert_eq!(rows, values.len());
        }
    }

    #[test]
    fn products_are_exact(x in block(), seed in any::<u64>(), scale in -500..500_i32) {
        let y: Vec<f64> = x.iter().enumerate().map(|(row, x)| {
            let noise = (row as u64).wrapping_mul(seed | 1) >> 11;
            (if row % 3 == 0 { *x } else { 1.0 }) * noise as f64 * 2_f64.powi(scale)
        }).collect();
        let mut joint = Joint::new(2).unwrap();
        let columns = [&x, &y].map(|values| Column::new(Values::F64(ArrayView1::from(values))));
        joint.update(&Context::inline(), &columns, None).unwrap();
        let complete = || x.iter().zip(&y).filter(|(x, y)| x.is_finite() && y.is_finite());
        let expected: BigInt = complete().map(|(&x, &y)| exact(x) * exact(y)).sum();
        let product = joint.product(0, 1);
        let shift = (product.exponent() + 2148) as usize;
        prop_assert_eq!(product.numerator() << shift, expected);
        prop_assert_eq!(joint.count() as usize, complete().count());
        prop_assert_eq!(joint.incomplete_count() as usize, x.len() - complete().count());
        let bytes = joint.to_bytes().unwrap();
        prop_assert_eq!(Joint::from_bytes(&bytes).unwrap(), joint);
    }
}

fn wave(rows: usize) -> Vec<f64> {
    (0..rows).map(|row| (row as f64 * 0.37).sin() * 3.0 + (row % 7) as f64).collect()
}

/// The largest values that a window takes, as many of them as its accumulators can.
#[test]
fn full_accumulators_are_exact() {
    for exponent in [1, 300, 505, 506, 507, 508, 509, 1023] {
        let most = 2_f64.powi(exponent).next_down();
        for value in [most, -most] {
            let values = vec![value; 2048];
            let sums = summary_of(&Settings::default(), &values, positions());
            for power in [1, 2] {
                let expected = exact(value).pow(power) * 2048;
                assert_eq!(found(&sums, power as u8), expected, "2^{exponent}, power {power}");
            }
            let keys = vec![3_i64; 2048];
            let template = Summary::new(&Settings::default()).unwrap();
            assert_eq!(groups_of(&template, &values, &keys, 1), vec![(3, sums)]);
        }
    }
    for (x, y) in [(600, 414), (600, 415), (600, 416), (1, 1), (-300, -600), (1023, 1023)] {
        let columns = [x, y].map(|exponent| vec![2_f64.powi(exponent).next_down(); 2048]);
        let mut joint = Joint::new(2).unwrap();
        let views = columns.each_ref().map(|c| Column::new(Values::F64(ArrayView1::from(c))));
        joint.update(&Context::inline(), &views, None).unwrap();
        let product = joint.product(0, 1);
        let shift = (product.exponent() + 2148) as usize;
        let expected = exact(columns[0][0]) * exact(columns[1][0]) * 2048;
        assert_eq!(product.numerator() << shift, expected, "2^{x} and 2^{y}");
    }
}

/// Random numbers of so many binary exponents around 0.
fn numbers(exponents: u64, count: usize) -> Vec<f64> {
    let mut next = xorshift(88_172_645_463_325_252);
    let mut number = || {
        let sign = next() & 1 << 63;
        let exponent = 1023 - exponents / 2 + next() % exponents;
        f64::from_bits(sign | exponent << 52 | next() >> 12)
    };
    (0..count).map(|_| number()).collect()
}

/// Long enough that tables take over from adding one by one.
#[test]
fn long_data_of_all_sizes_are_exact() {
    for exponents in [18, 60, 600, 1100, 2046] {
        check_sums(&numbers(exponents, 40_000));
    }
}

#[test]
fn groups_of_all_sizes_are_exact() {
    for exponents in [1, 14, 17, 20, 40, 600, 2046] {
        let values = numbers(exponents, 20_000);
        let keys: Vec<i64> = (0..values.len() as i64).map(|row| row % 7).collect();
        let template = Summary::new(&Settings::default()).unwrap();
        for (key, summary) in groups_of(&template, &values, &keys, 1) {
            let group: Vec<BigInt> =
                values.iter().skip(key as usize).step_by(7).map(|&value| exact(value)).collect();
            let squares: BigInt = group.iter().map(|value| value.pow(2)).sum();
            assert_eq!(found(&summary, 1), group.iter().sum(), "{exponents} exponents");
            assert_eq!(found(&summary, 2), squares, "{exponents} exponents");
        }
    }
}

#[test]
fn zeros_of_both_signs_have_their_order_in_blocks() {
    for (sign, rest) in [(1.0, 0.0), (-1.0, -0.0), (1.0, -0.0), (-1.0, 0.0)] {
        for stranger in [0.0, -0.0] {
            let mut values = vec![rest; 500];
            (values[7], values[300]) = (stranger, sign);
            check_sums(&values);
            values[300] = rest;
            check_sums(&values);
        }
    }
}

#[test]
fn threads_change_no_bit() {
    let values = wave(700_001);
    let expected = summary_of(&everything(), &values, positions());
    for threads in [1, 2, 3, 7] {
        let pool = Pool::lease(threads).unwrap();
        let found = pool.run(|context| {
            let column = Column::new(Values::F64(ArrayView1::from(&values)));
            let template = Summary::new(&everything()).unwrap();
            summarize_columns(context, &template, &[column], positions(), None).unwrap().remove(0)
        });
        assert_eq!(found.to_bytes(), expected.to_bytes(), "{threads} threads");
    }
}

#[test]
fn columns_of_a_matrix_are_those_of_copies() {
    let context = Context::inline();
    for (rows, columns) in
        [(1, 9), (3, 8), (300, 8), (1000, 19), (257, 16), (5000, 3), (2, 100), (3, 2100)]
    {
        let mut matrix = Array2::from_shape_vec((rows, columns), wave(rows * columns)).unwrap();
        // NaN, an infinity, zeros of both signs and an outlier in some columns.
        matrix[[rows / 2, 0]] = f64::NAN;
        matrix[[0, columns - 1]] = f64::INFINITY;
        matrix[[rows - 1, columns / 2]] = -0.0;
        matrix[[rows / 3, 1]] = 1e200;
        for settings in [Settings::default(), everything()] {
            let template = Summary::new(&settings).unwrap();
            let views: Vec<_> =
                matrix.columns().into_iter().map(|c| Column::new(Values::F64(c))).collect();
            let found = summarize_columns(&context, &template, &views, positions(), None).unwrap();
            for (column, found) in matrix.columns().into_iter().zip(found) {
                let copy: Vec<f64> = column.to_vec();
                assert_eq!(found, summary_of(&settings, &copy, positions()), "{rows} x {columns}");
            }
        }
    }
}

#[test]
fn integers_of_64_bits_are_exact() {
    let values = [u64::MAX, u64::MAX - 1, 1 << 53, (1 << 53) + 1, 3, 0];
    let array = Array1::from(values.to_vec());
    let template = Summary::new(&everything()).unwrap();
    let column = Column::new(Values::U64(array.view()));
    let summary = summarize_columns(&Context::inline(), &template, &[column], positions(), None)
        .unwrap()
        .remove(0);
    for power in 1..=4_u32 {
        let expected: BigInt = values.iter().map(|&value| BigInt::from(value).pow(power)).sum();
        let expected = expected << (1074 * power);
        assert_eq!(found(&summary, power as u8), expected, "power {power}");
    }
    assert_eq!(summary.maximum(), Some(Number::from(u64::MAX)));
    assert_eq!(summary.best().unwrap().entries()[0], (Number::from(0_u64), Id::Integer(5)));
}

#[test]
fn nulls_are_counted_and_left_out() {
    let values = wave(5000);
    let bytes: Vec<u8> =
        (0..626).map(|byte| if byte % 5 == 0 { 0b1011_0111 } else { 0xff }).collect();
    let validity = Bits::new(&bytes, 3, 5000).unwrap();
    let column =
        Column { values: Values::F64(ArrayView1::from(&values)), validity: Some(validity) };
    let template = Summary::new(&everything()).unwrap();
    let summary = summarize_columns(&Context::inline(), &template, &[column], positions(), None)
        .unwrap()
        .remove(0);
    let mut expected = template;
    for (row, &value) in values.iter().enumerate() {
        let value = validity.get(row).then(|| Number::from(value));
        expected.push(value, || Ok(Id::Integer(row as i128)), 1).unwrap();
    }
    assert!(expected.counts().null_count > 100);
    assert_eq!(summary, expected);
}

#[test]
fn the_best_of_zeros_are_negative() {
    let mut values = vec![0.0; 1000];
    for row in [700, 701, 900] {
        values[row] = -0.0;
    }
    let smallest = summary_of(&Settings { best: 2, ..Settings::default() }, &values, positions());
    let entry = |value: f64, row| (Number::from(value), Id::Integer(row));
    assert_eq!(smallest.best().unwrap().entries(), [entry(-0.0, 700), entry(-0.0, 701)]);
    // Also if a better id comes later, among zeros that are worse.
    let backwards = Ids::Range { start: 1000, step: -1 };
    let smallest = summary_of(&Settings { best: 2, ..Settings::default() }, &values, backwards);
    assert_eq!(smallest.best().unwrap().entries(), [entry(-0.0, 100), entry(-0.0, 299)]);
    values.iter_mut().for_each(|value| *value = -*value);
    let largest = Settings { best: 2, largest: true, ..Settings::default() };
    let largest = summary_of(&largest, &values, positions());
    assert_eq!(largest.best().unwrap().entries(), [entry(0.0, 700), entry(0.0, 701)]);
}

#[test]
fn overflow_on_the_way_recovers() {
    let values = [f64::MAX, f64::MAX, f64::MAX, -f64::MAX, -f64::MAX, 1.0];
    let summary = summary_of(&Settings::default(), &values, positions());
    assert_eq!(found(&summary, 1), exact(f64::MAX) + exact(1.0));
}

#[test]
fn settings_meet_when_summaries_merge() {
    let of = |settings: Settings| summary_of(&settings, &[1.0, 2.0], positions());
    let plain = of(Settings::default());
    let all = of(everything());
    assert_eq!(merged(&plain, &all), merged(&plain, &plain));
    let five = of(Settings { best: 5, ..Settings::default() });
    let one = of(Settings { best: 1, ..Settings::default() });
    assert_eq!(merged(&five, &one).best().unwrap().limit(), 1);
    let largest = of(Settings { best: 5, largest: true, ..Settings::default() });
    let error = merged_error(&five, &largest);
    assert!(error.contains("best=5") && error.contains("largest"), "{error}");
    let unlike = of(Settings { histogram: Some(vec![0.0, 3.0]), ..Settings::default() });
    assert!(merged_error(&all, &unlike).contains("cannot merge"));
    // A merge that fails changes nothing.
    let mut left = five.copied().unwrap();
    assert!(left.try_merge(&largest).is_err());
    assert_eq!(left, five);
}

fn merged_error(left: &Summary, right: &Summary) -> String {
    left.copied().unwrap().try_merge(right).unwrap_err().to_string()
}
