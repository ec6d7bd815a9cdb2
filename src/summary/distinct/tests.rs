//! Laws of sets, and the error of the estimate.

use proptest::prelude::*;

use super::*;

fn of(values: impl IntoIterator<Item = f64>) -> Distinct {
    let mut distinct = Distinct::new();
    distinct.add(&values.into_iter().collect::<Vec<_>>());
    distinct
}

fn range(from: u32, to: u32) -> Distinct {
    of((from..to).map(f64::from))
}

fn merged(a: &Distinct, b: &Distinct) -> Distinct {
    let mut merged = a.clone();
    merged.merge(b);
    merged
}

fn bytes(distinct: &Distinct) -> Vec<u8> {
    let mut writer = Writer::new();
    distinct.encode(&mut writer);
    writer.finish().unwrap()
}

#[test]
fn few_values_are_counted_exactly() {
    for n in [0, 1, 1000, SPARSE as u32] {
        assert_eq!(merged(&range(0, n), &range(0, n)).estimate(), u64::from(n));
    }
    assert_eq!(of([0.0, -0.0, 1.0, f64::INFINITY, 1.0]).estimate(), 3);
    let mut integers = Distinct::new();
    for integer in [1_i64 << 60, (1 << 60) + 1, (1 << 60) - 1, 1 << 60] {
        integers.add_number(Number::from(integer));
    }
    integers.add(&[2_f64.powi(60)]);
    assert_eq!(integers.estimate(), 3);
}

#[test]
fn one_by_one_or_all_at_once_is_the_same() {
    for n in [3, SPARSE as u32, SPARSE as u32 + 1, 5000] {
        let mut one_by_one = Distinct::new();
        let mut tally = DistinctTally::new();
        for value in (0..n).chain(0..n).map(f64::from) {
            one_by_one.add(&[value]);
            tally.add_number(value.into());
        }
        assert_eq!(one_by_one, range(0, n));
        assert_eq!(tally.finish(), range(0, n));
    }
}

#[test]
fn many_values_are_estimated_within_the_error() {
    let mut sum_of_squares = 0.0;
    let trials = 60;
    for trial in 0..trials {
        let n = 1100 * (trial % 20 + 1);
        // Integers, fractions and huge numbers: only some bits of these differ.
        let scale = [1.0, 0.1, 1e300][trial as usize % 3];
        let distinct = of((0..n).map(|i| f64::from(trial * 1_000_000 + i) * scale));
        let error = distinct.estimate() as f64 / f64::from(n) - 1.0;
        assert!(error.abs() < 5.0 * Distinct::STANDARD_ERROR, "{n}: {error}");
        sum_of_squares += error * error;
    }
    assert!((sum_of_squares / f64::from(trials)).sqrt() < 1.5 * Distinct::STANDARD_ERROR);
    let million = range(0, 1_000_000).estimate() as f64;
    assert!((million / 1e6 - 1.0).abs() < 4.0 * Distinct::STANDARD_ERROR);
    let mut texts = Distinct::new();
    (0..50_000).for_each(|i: u32| texts.add_bytes(format!("user {i}").as_bytes()));
    assert!((texts.estimate() as f64 / 5e4 - 1.0).abs() < 4.0 * Distinct::STANDARD_ERROR);
}

#[test]
fn hashes_of_texts_never_change() {
    // The published value for the empty input.
    assert_eq!(hash_bytes(b""), 0x2d06_8005_38d3_94c2);
    // First output of SplitMix64 for the seed 0.
    assert_eq!(hash_f64(0.0), 0xe220_a839_7b1d_cdaf);
}

#[test]
fn full_registers_do_not_overflow() {
    assert_eq!(estimate(&[TOP_RANK; REGISTERS]), u64::MAX);
    let mut registers = no_registers();
    note(&mut registers, 0);
    assert_eq!(registers[0], TOP_RANK);
    note(&mut registers, u64::MAX);
    assert_eq!(registers[REGISTERS - 1], 1);
    assert_eq!(estimate(&registers), 2);
    // The hash 0 is a hash like others.
    let mut tally = DistinctTally::from(range(0, SPARSE as u32));
    tally.insert(0);
    assert!(matches!(tally.finish().state, State::Dense(_)));
    let mut tally = DistinctTally::from(range(0, 5));
    (0..3).for_each(|_| tally.insert(0));
    let with_zero = tally.finish();
    assert_eq!(with_zero.estimate(), 6);
    assert_eq!(DistinctTally::from(with_zero.clone()).finish(), with_zero);
}

#[test]
fn invalid_bytes_are_refused() {
    let refused = |bytes: &[u8]| Distinct::decode(&mut Reader::new(bytes)).is_err();
    assert!(refused(&[2]) && refused(&[0, 1]) && refused(&[1, 0, 0]) && refused(&[]));
    let mut zeros = vec![0; 1 + REGISTERS / 4 * 3];
    zeros[0] = 1;
    assert!(refused(&zeros), "registers of nothing");
    zeros[1] = 63;
    assert!(refused(&zeros), "rank beyond the hash");
    zeros[1] = TOP_RANK;
    assert!(!refused(&zeros));
    let mut repeated = bytes(&range(0, 1));
    repeated[1] = 2;
    repeated.extend_from_within(2..);
    assert!(refused(&repeated), "a hash twice");
}

proptest! {
    #[test]
    fn merge_is_the_union_of_sets(bounds in prop::array::uniform6(0_u32..2500)) {
        let span = |i: usize| (bounds[i].min(bounds[i + 1]), bounds[i].max(bounds[i + 1]));
        let [a, b, c] = [span(0), span(2), span(4)].map(|(from, to)| range(from, to));
        prop_assert_eq!(merged(&a, &b), merged(&b, &a));
        prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
        prop_assert_eq!(merged(&a, &Distinct::new()), a.clone());
        prop_assert_eq!(merged(&Distinct::new(), &a), a.clone());
        let all = [span(0), span(2)].into_iter().flat_map(|(from, to)| from..to);
        prop_assert_eq!(merged(&a, &b), of(all.map(f64::from)));
    }

    #[test]
    fn bytes_are_canonical(n in 0_u32..1400, at: usize, byte: u8) {
        let distinct = range(0, n);
        let mut encoded = bytes(&distinct);
        prop_assert_eq!(Distinct::decode(&mut Reader::new(&encoded)).unwrap(), distinct);
        let at = at % encoded.len();
        encoded[at] = byte;
        let mut reader = Reader::new(&encoded);
        if let Ok(other) = Distinct::decode(&mut reader) {
            prop_assert_eq!(bytes(&other), &encoded[..encoded.len() - reader.remaining()]);
        }
    }
}
