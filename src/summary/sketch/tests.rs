//! Laws of sketches, and their guarantee.

use proptest::prelude::*;

use super::super::quantile::{Method, Sorted, between};
use super::*;

fn of(error: f64, values: &[f64]) -> Sketch {
    let mut sketch = Sketch::new(error).unwrap();
    sketch.add(values);
    sketch
}

fn merged(a: &Sketch, b: &Sketch) -> Sketch {
    let mut merged = a.clone();
    merged.merge(b);
    merged
}

fn bytes(sketch: &Sketch) -> Vec<u8> {
    let mut writer = Writer::new();
    sketch.encode(&mut writer);
    writer.finish().unwrap()
}

/// The quantile of values that are all there.
fn quantile(sketch: &Sketch, q: f64, sorted: &[f64]) -> f64 {
    let infinities = Infinities {
        negative: sorted.iter().filter(|&&x| x == f64::NEG_INFINITY).count() as u64,
        positive: sorted.iter().filter(|&&x| x == f64::INFINITY).count() as u64,
    };
    let ends = [sorted.first(), sorted.last()].map(|end| *end.unwrap_or(&f64::NAN));
    read(sketch, q, infinities, ends).estimate
}

fn read(sketch: &Sketch, q: f64, infinities: Infinities, ends: [f64; 2]) -> Known {
    Sorted::new(sketch, infinities, Some(ends)).unwrap().quantile(q, Method::Linear)
}

fn numbers() -> impl Strategy<Value = f64> {
    let special = vec![0.0, -0.0, 5e-324, -5e-324, f64::MAX, f64::MIN, f64::INFINITY, 1.0, -1.0];
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits).prop_filter("NaN", |x| !x.is_nan()),
        -10.0..10.0,
        prop::sample::select(special),
    ]
}

fn lists() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(numbers(), 0..60)
}

fn errors() -> impl Strategy<Value = f64> {
    prop::sample::select(vec![1e-4, 0.001, 0.01, 0.3, 0.5])
}

/// Many buckets: every bucket of the finest scale from 2^`from` to 2^`to`.
fn dense(error: f64, from: i32, to: i32) -> Sketch {
    let steps = (from * 4096..to * 4096).map(|i| (f64::from(i) / 4096.0 + 1e-5).exp2());
    of(error, &steps.collect::<Vec<_>>())
}

proptest! {
    #[test]
    fn merge_is_a_monoid(
        x in lists(), y in lists(), z in lists(), e in prop::array::uniform3(errors()),
    ) {
        let (a, b, c) = (of(e[0], &x), of(e[1], &y), of(e[2], &z));
        prop_assert_eq!(merged(&a, &b), merged(&b, &a));
        prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
        prop_assert_eq!(merged(&a, &of(1e-4, &[])), a.clone());
        let together: Vec<f64> = x.iter().chain(&y).copied().collect();
        prop_assert_eq!(merged(&a, &b), of(e[0].max(e[1]), &together));
    }

    #[test]
    fn quantiles_keep_their_guarantee(mut values in lists(), error in errors(), q in 0.0..=1.0) {
        values.sort_by(f64::total_cmp);
        let sketch = of(error, &values);
        let found = quantile(&sketch, q, &values);
        let Some(last) = values.len().checked_sub(1) else {
            prop_assert!(found.is_nan());
            return Ok(());
        };
        let (below, part) = Method::Linear.place(q, values.len() as u64);
        let (low, high) = (values[below as usize], values[(below as usize + 1).min(last)]);
        let expected = if part == 0.0 { low } else { between(low, high, part) };
        let largest = low.abs().max(high.abs());
        let same_sign = low.signum() == high.signum();
        if expected.is_finite() {
            let size = if same_sign { expected.abs() } else { largest };
            // Going from low to high rounds, too, and may cancel.
            let rounding = 4.0 * f64::EPSILON * largest + 1e-323;
            let bound = sketch.relative_error() * size + rounding;
            prop_assert!((found - expected).abs() <= bound, "{found:e} {expected:e}");
        } else {
            prop_assert_eq!(found.to_bits(), expected.to_bits());
        }
    }

    #[test]
    fn bytes_are_canonical(values in lists(), error in errors(), at: usize, byte: u8) {
        let sketch = of(error, &values);
        let mut encoded = bytes(&sketch);
        prop_assert_eq!(Sketch::decode(&mut Reader::new(&encoded), false).unwrap(), sketch);
        let at = at % encoded.len();
        encoded[at] = byte;
        let mut reader = Reader::new(&encoded);
        if let Ok(other) = Sketch::decode(&mut reader, false) {
            prop_assert_eq!(bytes(&other), &encoded[..encoded.len() - reader.remaining()]);
            read(&other, 0.3, Infinities::default(), [f64::MIN, f64::MAX]);
        }
    }
}

#[test]
fn many_buckets_collapse_in_any_order() {
    let parts = [dense(1e-4, 0, 3), dense(1e-4, 3, 5), dense(1e-4, 900, 902), dense(3e-4, 2, 9)];
    assert_eq!(parts[0].buckets.len(), 3 * 4096);
    assert_eq!(parts[3].scale.get(), 11);
    let orders = [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]];
    let [first, others @ ..] = orders.map(|order| {
        order.iter().fold(Sketch::new(1e-4).unwrap(), |sum, &i| merged(&sum, &parts[i]))
    });
    others.iter().for_each(|other| assert_eq!(&first, other));
    let pairs = [merged(&parts[0], &parts[1]), merged(&parts[2], &parts[3])];
    assert_eq!(merged(&pairs[0], &pairs[1]), first);
    assert_eq!(pairs[0].scales(), (Scale::new(12).unwrap(), Scale::new(11).unwrap()));
    assert_eq!(first.scales(), (Scale::new(11).unwrap(), Scale::new(10).unwrap()));
    assert!(first.buckets.len() <= MOST_BUCKETS);
    assert_eq!(Sketch::decode(&mut Reader::new(&bytes(&first)), false).unwrap(), first);
}

#[test]
fn ends_are_exact_and_infinities_have_ranks() {
    let values = [f64::NEG_INFINITY, -3.7, -0.0, 1.1, f64::INFINITY];
    let sketch = of(0.5, &values);
    let read = |q| quantile(&sketch, q, &values);
    assert_eq!([read(0.0), read(0.1), read(1.0)], [values[0], values[0], values[4]]);
    assert_eq!(read(0.5), 0.0);
    assert_eq!(read(0.9), f64::INFINITY);
    assert!(read(f64::NAN).is_nan() && read(-0.1).is_nan() && read(1.1).is_nan());
    let two = [f64::NEG_INFINITY, f64::INFINITY];
    assert!(quantile(&of(0.5, &two), 0.5, &two).is_nan());
    let exact = of(0.5, &[-0.3, 0.7]);
    assert_eq!(quantile(&exact, 1.0, &[-0.3, 0.7]), 0.7);
    assert!((quantile(&exact, 0.25, &[-0.3, 0.7]) + 0.05).abs() < 1e-15);
    let large = [f64::MIN, f64::MIN, f64::MAX, f64::MAX];
    assert_eq!(quantile(&of(0.01, &large), 0.5, &large), 0.0);
    let near_max = quantile(&of(0.01, &large), 0.9, &large) / f64::MAX;
    assert!((0.99..=1.0).contains(&near_max));
}

#[test]
fn weights_are_multiplicities_and_counts_saturate() {
    let mut weighted = Sketch::new(0.01).unwrap();
    weighted.add_times(2.5, 3);
    weighted.add_times(0.0, 2);
    weighted.add_times(f64::INFINITY, 2);
    weighted.add_times(7.0, 0);
    assert_eq!(weighted, of(0.01, &[2.5, -0.0, 2.5, 0.0, 2.5]));
    weighted.add_times(2.5, u64::MAX);
    let twice = merged(&weighted, &weighted);
    assert_eq!(twice.buckets[1].1, u64::MAX);
    let found = read(&twice, 0.7, Infinities::default(), [0.0, 9.0]);
    assert!((found.estimate - 2.5).abs() < 0.025 && found.low < 2.5 && found.high > 2.5);
}

#[test]
fn invalid_arguments_and_bytes_are_refused() {
    for error in [0.0, 9e-5, 0.51, -1.0, f64::NAN, f64::INFINITY] {
        let message = Sketch::new(error).unwrap_err().to_string();
        assert!(message.starts_with("relative_error: must be from 0.0001"), "{message}");
    }
    let refused = |numbers: &[u64]| {
        let mut writer = Writer::new();
        numbers.iter().for_each(|&number| writer.varint(number));
        Sketch::decode(&mut Reader::new(&writer.finish().unwrap()), false).is_err()
    };
    let last = 2098;
    assert!(!refused(&[0, 0, 0]) && !refused(&[0, 0, 1, 2 * last, 1]));
    assert!(refused(&[0, 0, 1, 2 * last + 1, 1]), "key beyond the largest float");
    assert!(refused(&[0, 0, 2, 2 * last, 1, 0, 1]), "key after the last");
    assert!(refused(&[0, 0, 1, u64::MAX, 1]), "key out of all range");
    assert!(refused(&[0, 0, 1, 2 * last, 0]), "an empty bucket");
    assert!(refused(&[13, 0, 0]) && refused(&[0, 1, 0]), "scales that do not exist");
    assert!(refused(&[1, 0, 0]), "coarser than necessary");
    assert!(refused(&[0, 0, 1 << 50]), "length beyond the bytes");
}
