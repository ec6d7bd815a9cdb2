//! Histograms against numpy.histogram's rule, spelled out, and their laws.

use proptest::prelude::*;

use super::*;

fn of(edges: &[f64], values: &[f64]) -> Histogram {
    let mut histogram = Histogram::new(edges).unwrap();
    histogram.add(values);
    histogram
}

fn merged(a: &Histogram, b: &Histogram) -> Histogram {
    let mut merged = a.clone();
    merged.merge(b).unwrap();
    merged
}

fn bytes(histogram: &Histogram) -> Vec<u8> {
    let mut writer = Writer::new();
    histogram.encode(&mut writer);
    writer.finish().unwrap()
}

/// numpy.histogram's rule, spelled out.
fn slow_counts(edges: &[f64], values: &[f64]) -> Vec<u64> {
    let last = edges.len() - 1;
    let mut counts = vec![0; edges.len() + 1];
    for &value in values {
        let in_bin = |i: &usize| {
            edges[*i] <= value && (value < edges[i + 1] || (i + 1 == last && value == edges[last]))
        };
        let outside = if value < edges[0] { 0 } else { last + 1 };
        counts[(0..last).find(in_bin).map_or(outside, |bin| bin + 1)] += 1;
    }
    counts
}

/// Every value that could be put on the wrong side of an edge.
fn around(edges: &[f64]) -> Vec<f64> {
    let outside = [f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, 0.0, -0.0, 5e-324];
    let near = edges.iter().flat_map(|edge| [edge.next_down(), *edge, edge.next_up()]);
    near.chain(outside).collect()
}

fn even(first: f64, width: f64, bins: usize) -> Vec<f64> {
    (0..=bins).map(|i| first + width * i as f64).collect()
}

#[test]
fn counts_as_numpy_does_to_the_last_bit_of_an_edge() {
    let cases = [
        even(-3.0, 0.1, 60),
        even(1e8, 1e-3, 1000),
        even(0.0, 5e-324, 7),
        even(-1e300, 1e299, 20),
        vec![f64::MIN, 0.0, f64::MAX],
        vec![-0.0, 1.0, 10.0, 100.0, 1e6],
        vec![2.0, 3.0],
    ];
    for edges in cases {
        let values = around(&edges);
        let counts = slow_counts(&edges, &values);
        assert_eq!(of(&edges, &values).counts(), counts, "{edges:?}");
        let mut weighted = of(&edges, &[]);
        values.iter().for_each(|&value| weighted.add_times(value.into(), 3));
        assert!(weighted.counts().iter().zip(counts).all(|(w, c)| *w == 3 * c));
    }
    assert!(Edges::new(even(-3.0, 0.1, 60).into()).density.is_some());
    assert!(Edges::new([0.0, 1.0, 10.0, 100.0].into()).density.is_none());
}

#[test]
fn integers_beyond_53_bits_are_on_their_side_of_an_edge() {
    let edge = (1_i64 << 60) as f64;
    let mut histogram = of(&[0.0, edge, 2.0 * edge], &[]);
    for (integer, bin) in [((1_i64 << 60) - 1, 1), (1 << 60, 2), ((1 << 60) + 1, 2)] {
        let before = histogram.counts()[bin];
        histogram.add_times(integer.into(), 1);
        assert_eq!(histogram.counts()[bin], before + 1, "{integer}");
    }
    histogram.add_times(((1_i64 << 61) + 1).into(), u64::MAX);
    histogram.add_times(((1_i64 << 61) + 1).into(), 1);
    assert_eq!(histogram.counts()[3], u64::MAX);
}

#[test]
fn edges_that_make_no_bins_are_refused() {
    for (edges, part) in [
        (vec![1.0], "at least two edges, found 1"),
        (vec![1.0, f64::NAN], "edge 1 is NaN"),
        (vec![1.0, 2.0, 2.0], "edge 2 (2.0) is not above edge 1 (2.0)"),
        (vec![-0.0, 0.0], "edge 1 (0.0) is not above edge 0 (-0.0)"),
    ] {
        let message = Histogram::new(&edges).unwrap_err().to_string();
        assert!(message.starts_with("histogram: ") && message.contains(part), "{message}");
    }
    assert_eq!(bytes(&of(&[-0.0, 1.0], &[])), bytes(&of(&[0.0, 1.0], &[])));
}

#[test]
fn histograms_without_common_bins_do_not_merge() {
    let a = of(&[0.0, 1.0, 2.0], &[]);
    for other in [vec![0.0, 1.0, 3.0], vec![0.0, 1.0], vec![0.5, 2.0]] {
        let message = a.clone().merge(&of(&other, &[])).unwrap_err().to_string();
        assert!(message.contains("2 bins from 0.0 to 2.0"), "{message}");
    }
}

proptest! {
    #[test]
    fn merge_is_a_monoid_that_coarsens(
        picks in prop::collection::vec(prop::collection::vec(any::<bool>(), 9), 3),
        values in prop::collection::vec(prop::collection::vec(-1_i32..12, 0..30), 3),
    ) {
        // All share the last edge and one other.
        let edges: Vec<Vec<f64>> = picks.iter().map(|pick| {
            let inner = (0..9).filter(|&i| pick[i] || i == 4).map(|i| i as f64);
            inner.chain([10.0]).collect()
        }).collect();
        let values: Vec<Vec<f64>> =
            values.iter().map(|v| v.iter().map(|&x| f64::from(x)).collect()).collect();
        let [a, b, c] = [0, 1, 2].map(|i| of(&edges[i], &values[i]));
        prop_assert_eq!(merged(&a, &b), merged(&b, &a));
        prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
        prop_assert_eq!(merged(&a, &a.empty().unwrap()), a.clone());
        let all: Vec<f64> = values[..2].concat();
        prop_assert_eq!(merged(&a, &b), of(&common(&edges[0], &edges[1]).unwrap(), &all));
    }

    #[test]
    fn bytes_are_canonical(
        numbers in prop::collection::btree_set(-50_i32..50, 2..9), at: usize, byte: u8,
    ) {
        let edges: Vec<f64> = numbers.iter().map(|&x| f64::from(x) / 8.0).collect();
        let histogram = of(&edges, &around(&edges));
        let mut encoded = bytes(&histogram);
        let decoded = Histogram::decode(&mut Reader::new(&encoded)).unwrap();
        prop_assert_eq!(decoded, histogram);
        let at = at % encoded.len();
        encoded[at] = byte;
        let mut reader = Reader::new(&encoded);
        if let Ok(other) = Histogram::decode(&mut reader) {
            prop_assert_eq!(bytes(&other), &encoded[..encoded.len() - reader.remaining()]);
        }
    }
}
