//! Laws of prefix sketches, against sorted lists.

use proptest::prelude::*;

use super::super::quantile::{Method, Sorted, between};
use super::super::sketch::Infinities;
use super::table::Table;
use super::tally::{LANES, Places};
use super::windows::Windows;
use super::*;

/// By definition: the least shift that leaves few enough prefixes, tried one after the other.
fn slowly(limit: usize, values: &[f64]) -> PrefixSketch {
    let keys = || values.iter().filter(|value| value.is_finite()).map(|&value| key(value));
    let of = |shift: u32| {
        let mut prefixes: Vec<u64> = keys().map(|key| key >> shift).collect();
        prefixes.sort_unstable();
        let runs = prefixes.chunk_by(|a, b| a == b);
        runs.map(|run| (run[0], run.len() as u64)).collect::<Vec<_>>()
    };
    let shift = (0..64).find(|&shift| of(shift).len() <= limit).unwrap();
    PrefixSketch { limit, shift, buckets: of(shift) }
}

fn of(limit: usize, values: &[f64]) -> PrefixSketch {
    let mut tally = PrefixTally::new(&PrefixSketch::new(limit).unwrap());
    // Blocks whose lengths are no multiples of the lanes.
    values.chunks(997).for_each(|chunk| tally.add(chunk));
    tally.finish().unwrap()
}

fn merged(a: &PrefixSketch, b: &PrefixSketch) -> PrefixSketch {
    let mut merged = a.copied().unwrap();
    merged.reserve(b).unwrap();
    merged.merge(b);
    merged
}

fn bytes(sketch: &PrefixSketch) -> Vec<u8> {
    let mut writer = Writer::new();
    sketch.encode(&mut writer);
    writer.finish().unwrap()
}

fn numbers() -> impl Strategy<Value = f64> {
    let special = vec![0.0, -0.0, 5e-324, -5e-324, f64::MAX, f64::MIN, f64::INFINITY, 1.0, -1.0];
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits).prop_filter("NaN", |x| !x.is_nan()),
        -10.0..10.0,
        46.85..46.95,
        (-5..5_i32).prop_map(f64::from),
        prop::sample::select(special),
    ]
}

fn lists() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(numbers(), 0..60)
}

fn limits() -> impl Strategy<Value = usize> {
    prop::sample::select(vec![2, 3, 7, 20, 4096])
}

/// The infinities of a sorted list, and its ends.
fn outside(sorted: &[f64]) -> (Infinities, [f64; 2]) {
    let infinities = Infinities {
        negative: sorted.iter().filter(|&&x| x == f64::NEG_INFINITY).count() as u64,
        positive: sorted.iter().filter(|&&x| x == f64::INFINITY).count() as u64,
    };
    (infinities, [sorted.first(), sorted.last()].map(|end| *end.unwrap_or(&f64::NAN)))
}

proptest! {
    #[test]
    fn a_tally_ends_in_the_sketch(values in lists(), limit in limits(), times in 1..40_usize) {
        let many = values.repeat(times);
        prop_assert_eq!(of(limit, &many), slowly(limit, &many));
        let mut tally = PrefixTally::new(&PrefixSketch::new(limit).unwrap());
        values.iter().for_each(|&value| tally.add_times(value, times as u64));
        prop_assert_eq!(tally.finish().unwrap(), slowly(limit, &many));
    }

    #[test]
    fn merge_is_a_monoid(
        x in lists(), y in lists(), z in lists(), l in prop::array::uniform3(limits()),
    ) {
        let (a, b, c) = (of(l[0], &x), of(l[1], &y), of(l[2], &z));
        prop_assert_eq!(merged(&a, &b), merged(&b, &a));
        prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
        prop_assert_eq!(merged(&a, &of(1 << 20, &[])), a.copied().unwrap());
        let together: Vec<f64> = x.iter().chain(&y).copied().collect();
        prop_assert_eq!(merged(&a, &b), slowly(l[0].min(l[1]), &together));
    }

    #[test]
    fn quantiles_lie_within_their_limits(
        mut values in lists(), limit in limits(), q in 0.0..=1.0, method in 0..14_usize,
    ) {
        values.sort_by(f64::total_cmp);
        let (infinities, ends) = outside(&values);
        let sketch = of(limit, &values);
        let sorted = Sorted::new(&sketch, infinities, Some(ends)).unwrap();
        let method = Method::ALL[method].1;
        let found = sorted.quantile(q, method);
        if values.is_empty() {
            prop_assert!(found.estimate.is_nan());
            return Ok(());
        }
        let (below, part) = method.place(q, values.len() as u64);
        let low = values[below as usize];
        let next = values.get(below as usize + 1);
        let expected = next.map_or(low, |&high| between(low, high, part));
        if sketch.shift == 0 || !expected.is_finite() {
            prop_assert_eq!(found.estimate.to_bits(), expected.to_bits());
        } else {
            prop_assert!(found.low <= expected && expected <= found.high, "{:?} {}", found, expected);
            prop_assert!(found.low <= found.estimate && found.estimate <= found.high);
        }
        if part == 0.0 && expected.is_finite() {
            let bound = sketch.relative_error() * expected.abs().max(f64::MIN_POSITIVE);
            prop_assert!((found.estimate - expected).abs() <= bound);
            prop_assert!(found.high - found.low <= bound.max(0.0));
        }
        let mut before = f64::NEG_INFINITY;
        for q in (0..=100).map(|i| f64::from(i) / 100.0) {
            let found = sorted.quantile(q, Method::Lower).estimate;
            prop_assert!(found >= before);
            before = found;
        }
    }

    #[test]
    fn bytes_are_canonical(values in lists(), limit in limits(), at: usize, byte: u8) {
        let mut values: Vec<f64> = values.into_iter().filter(|x| x.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let sketch = of(limit, &values);
        let count = values.len() as u64;
        let ends = [values.first().copied(), values.last().copied()];
        let mut encoded = bytes(&sketch);
        let decoded = PrefixSketch::decode(&mut Reader::new(&encoded), count, Some(ends));
        prop_assert_eq!(decoded.unwrap(), sketch);
        let at = at % encoded.len();
        encoded[at] = byte;
        let mut reader = Reader::new(&encoded);
        if let Ok(other) = PrefixSketch::decode(&mut reader, count, Some([None; 2])) {
            prop_assert_eq!(bytes(&other), &encoded[..encoded.len() - reader.remaining()]);
            let ends = [f64::MIN, f64::MAX];
            let sorted = Sorted::new(&other, Infinities::default(), Some(ends)).unwrap();
            sorted.quantile(0.3, Method::Linear);
        }
    }
}

/// Pseudo-random bits.
fn bits(n: u64) -> impl Iterator<Item = u64> {
    (1..=n).map(|i| {
        let z = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (z ^ z >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    })
}

#[test]
fn long_tallies_end_in_the_sketch() {
    let unit = |b: u64| (b >> 11) as f64 / 2_f64.powi(53);
    let narrow: Vec<f64> = bits(30_000).map(|b| 46.85 + unit(b) / 10.0).collect();
    let signed = bits(30_000).map(|b| 20.0 * unit(b) - 10.0).collect();
    let wide = bits(30_000).map(f64::from_bits).filter(|x| !x.is_nan()).collect();
    let whole = (0..30_000).map(f64::from).collect();
    let few = bits(30_000).map(|b| (b >> 61) as f64).collect();
    let ascending = (0..30_000).map(|i| f64::from(i) * 1e-9 + 1.0).collect();
    for values in [narrow, signed, wide, whole, few, ascending, vec![0.1; 5000], vec![]] {
        for limit in [2, 5, 100, 4096, 50_000] {
            let found = of(limit, &values);
            assert_eq!(found, slowly(limit, &values), "{limit}");
            let (one, other) = values.split_at(values.len() / 3);
            assert_eq!(merged(&of(limit, one), &of(limit, other)), found, "{limit}");
        }
    }
}

/// As many as there must be before there are windows, and after that all that may be in none.
#[test]
fn windows_change_nothing() {
    let unit = |b: u64| (b >> 11) as f64 / 2_f64.powi(53);
    let kinds: [fn(f64, u64) -> f64; 6] = [
        |u, b| [1.1, 4.1][(b & 1) as usize] + u * 0.01,
        |u, _| 46.85 + u / 10.0,
        |u, b| if b & 1 == 0 { u } else { -u * 100.0 },
        |u, b| (b & 15) as f64 + u * 2_f64.powi(-20),
        |u, _| 2_f64.next_down() - u * 2_f64.powi(-30),
        |u, _| u * f64::MIN_POSITIVE,
    ];
    for kind in kinds {
        let mut values: Vec<f64> = bits(100_000).map(|b| kind(unit(b), b)).collect();
        // On both sides of all windows there are.
        let (low, high) = values[..1000]
            .iter()
            .fold((9e9_f64, -9e9_f64), |(low, high), &x| (low.min(x), high.max(x)));
        let beyond = |i: i32| (high - low) * 2_f64.powi(-14) * f64::from(i);
        values.extend((-999..999).flat_map(|i| [low + beyond(i), high + beyond(i)]));
        values.extend(bits(3000).map(f64::from_bits).filter(|x| !x.is_nan()));
        values.extend([f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, 1.0, -1.0]);
        values.extend(bits(1000).map(|b| 46.0 + unit(b)));
        for limit in [100, 4096] {
            assert_eq!(of(limit, &values), slowly(limit, &values), "{limit}");
        }
    }
}

#[test]
fn windows_end_where_they_end() {
    let starts = [-3.0, 1.5, 4.5].map(|start| key(start) >> 40);
    let lengths = [50, 100, 70];
    let met = starts.iter().zip(lengths).flat_map(|(&start, length)| start..start + length);
    let mut buckets: Vec<Bucket> = met.map(|prefix| (prefix, 1)).collect();
    let mut expected: std::collections::BTreeMap<u64, u64> = buckets.iter().copied().collect();
    let mut windows = Windows::around(&mut buckets, 40).unwrap().unwrap();
    assert!(buckets.is_empty());
    let mut table = Table::default();
    for prefix in starts.iter().flat_map(|start| start - 300..start + 300) {
        let number = value(prefix << 40);
        let counted = windows.count(number.to_bits()).map(|count| *count += 1).is_some();
        assert_eq!(windows.and(table.slots()).raise_all(&[number; LANES], 40), counted);
        if counted {
            *expected.entry(prefix).or_default() += 1 + LANES as u64;
        }
    }
    assert!(expected.len() >= 300 && expected.len() < 900);
    windows.append_to(&mut buckets).unwrap();
    assert!(buckets.into_iter().collect::<std::collections::BTreeMap<_, _>>() == expected);
}

#[test]
fn keys_are_the_total_order() {
    let mut values: Vec<f64> = bits(2000).map(f64::from_bits).collect();
    values.extend([0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY]);
    values.sort_by(f64::total_cmp);
    assert!(values.is_sorted_by_key(|&value| key(value)));
    assert!(values.iter().all(|&x| value(key(x)).to_bits() == x.to_bits()));
    assert_eq!(key(0.0) - key(-0.0), 1);
}

#[test]
fn zero_is_read_as_zero() {
    let mut values: Vec<f64> = bits(9000).map(|b| (b >> 11) as f64 * 1e-9).collect();
    values.extend([0.0; 20_000]);
    let sketch = of(100, &values);
    assert!(sketch.shift > 0);
    let sorted = Sorted::new(&sketch, Infinities::default(), Some([0.0, 1e8])).unwrap();
    let found = sorted.quantile(0.5, Method::Linear);
    assert_eq!((found.low, found.estimate), (0.0, 0.0));
    assert!(found.high < f64::MIN_POSITIVE);
}

#[test]
fn weights_are_multiplicities_and_counts_saturate() {
    let mut tally = PrefixTally::new(&PrefixSketch::new(9).unwrap());
    for (value, times) in [(2.5, 3), (0.0, 2), (f64::INFINITY, 2), (7.0, 0), (2.5, u64::MAX)] {
        tally.add_times(value, times);
    }
    let sketch = tally.finish().unwrap();
    assert_eq!(sketch.buckets, [(key(0.0), 2), (key(2.5), u64::MAX)]);
    assert_eq!(merged(&sketch, &sketch).buckets, [(key(0.0), 4), (key(2.5), u64::MAX)]);
}

#[test]
fn invalid_arguments_and_bytes_are_refused() {
    for limit in [0, 1, (1 << 20) + 1, usize::MAX] {
        let message = PrefixSketch::new(limit).unwrap_err().to_string();
        assert!(message.starts_with("quantile_buckets: must be from 2 to 1048576"), "{message}");
    }
    let refused = |numbers: &[u64], count: u64, ends: [Option<f64>; 2]| {
        let mut writer = Writer::new();
        numbers.iter().for_each(|&number| writer.varint(number));
        PrefixSketch::decode(&mut Reader::new(&writer.finish().unwrap()), count, Some(ends))
            .is_err()
    };
    let any = [None; 2];
    let one = key(1.0) - key(f64::MIN);
    assert!(!refused(&[2, 0, 0], 0, any) && !refused(&[2, 0, 1, one, 3], 3, [Some(1.0); 2]));
    assert!(refused(&[1, 0, 0], 0, any) && refused(&[1 << 21, 0, 0], 0, any), "limits");
    assert!(refused(&[2, 64, 0], 0, any), "no bits left");
    assert!(
        refused(&[2, 1, 0], 0, any) && refused(&[2, 1, 1, 9, 9], 9, any),
        "coarser than needed"
    );
    assert!(refused(&[2, 0, 1, one, 3], 4, any), "another number of values");
    assert!(refused(&[2, 0, 1, one, 3], 3, [Some(2.0), None]), "another least number");
    assert!(refused(&[2, 0, 1, one, 3], 3, [None, Some(2.0)]), "another largest number");
    assert!(refused(&[2, 0, 1, one, 0], 0, any), "an empty bucket");
    assert!(refused(&[2, 0, 1, u64::MAX - 9, 1], 1, any), "NaN");
    assert!(refused(&[2, 0, 3, 0, 1, 0, 1, 0, 1], 3, any), "above the limit");
    assert!(refused(&[2, 0, 1 << 50], 0, any), "length beyond the bytes");
}

#[test]
fn relative_errors_are_those_of_the_standard_library() {
    for shift in 0..=63 {
        let sketch = PrefixSketch { limit: 2, shift, buckets: Vec::new() };
        let width = (f64::from(shift) - 52.0).exp2();
        let expected = match shift {
            0 => 0.0,
            1..=52 => width,
            _ => width.exp2() - 1.0,
        };
        assert_eq!(sketch.relative_error(), expected, "{shift}");
    }
}
