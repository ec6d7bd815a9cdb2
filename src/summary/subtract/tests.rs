use std::collections::BTreeMap;

use ndarray::ArrayView1;
use proptest::prelude::*;

use super::*;
use crate::fold::Context;
use crate::summary::{Column, Settings, State, Summary, Values};

fn settings() -> Settings {
    Settings {
        moments: 4,
        best: 2,
        quantile_buckets: Some(9),
        relative_error: Some(0.02),
        histogram: Some(vec![-1.0, 0.0, 0.5, 8.0]),
        distinct: true,
        ..Settings::default()
    }
}

fn summary_of(values: &[f64], settings: &Settings) -> Summary {
    let mut summary = Summary::new(settings).unwrap();
    for &value in values {
        summary.push(Some(value.into()), || Ok(crate::summary::Id::Integer(0)), 1).unwrap();
    }
    summary
}

fn sum(left: &Summary, right: &Summary) -> Summary {
    let mut sum = left.copied().unwrap();
    sum.try_merge(right).unwrap();
    sum
}

fn difference(left: &Summary, right: &Summary) -> Result<Summary, Error> {
    let (mut difference, before) = (left.copied().unwrap(), left.to_bytes().unwrap());
    let done = difference.try_subtract(right);
    if done.is_err() {
        assert_eq!(difference.to_bytes().unwrap(), before, "an error changes nothing");
    }
    done.map(|()| difference)
}

/// Everyday numbers, few different ones, and whatever there is.
fn values() -> impl Strategy<Value = Vec<f64>> {
    let odd = prop_oneof![
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(-0.0),
        Just(5e-324),
        Just(f64::MAX)
    ];
    let usual = (-20_i32..20).prop_map(|x| f64::from(x) * 0.37);
    let near = (-9_i32..9).prop_map(|x| 1e8 + f64::from(x) * 0.001);
    prop_oneof![
        prop::collection::vec(usual.clone(), 0..40),
        prop::collection::vec(near.clone(), 0..20),
        prop::collection::vec(prop_oneof![any::<f64>(), odd, usual, near], 0..12),
    ]
}

/// The parts that a subtraction leaves, with the buckets of a sketch at the resolution of another.
fn at_resolution_of(summary: &Summary, other: &Summary) -> Summary {
    let mut parts = summary.parts().unwrap().copied().unwrap();
    parts.forget_members();
    // Nothing in it, at its resolution.
    let nothing = difference(other, other).unwrap();
    let nothing = nothing.parts().unwrap();
    parts.prefixes = parts.prefixes.map(|mut prefixes| {
        let nothing = nothing.prefixes.as_ref().unwrap();
        prefixes.reserve(nothing).unwrap();
        prefixes.merge(nothing);
        prefixes
    });
    parts.sketch = parts.sketch.map(|mut sketch| {
        sketch.merge(nothing.sketch.as_ref().unwrap());
        sketch
    });
    parts.into()
}

proptest! {
    #[test]
    fn what_was_added_can_be_taken_away(a in values(), b in values()) {
        for settings in [Settings::default(), settings()] {
            let (a, b) = (summary_of(&a, &settings), summary_of(&b, &settings));
            let total = sum(&a, &b);
            let left = difference(&total, &b).unwrap();
            if b.counts().count == 0 {
                prop_assert_eq!(&left, &a, "without values nothing is lost");
            } else {
                prop_assert!(left.is_reduced() && left.minimum().is_none());
                prop_assert_eq!(&left, &at_resolution_of(&a, &total));
                // Once lost it stays lost, whatever comes.
                let more = sum(&left, &b);
                prop_assert!(more.is_reduced() && more.distinct().is_none());
                prop_assert_eq!(more.counts(), total.counts());
            }
            prop_assert_eq!(Summary::from_bytes(&left.to_bytes().unwrap()).unwrap(), left);
        }
    }

    #[test]
    fn differences_are_those_of_a_group(a in values(), b in values(), c in values()) {
        for settings in [Settings::default(), settings()] {
            let [a, b, c] = [&a, &b, &c].map(|values| summary_of(values, &settings));
            let all = sum(&sum(&a, &b), &c);
            let parts = sum(&b, &c);
            let one_by_one = difference(&difference(&all, &b).unwrap(), &c).unwrap();
            prop_assert_eq!(&one_by_one, &difference(&all, &parts).unwrap());
            // a + ((b + c) − c) = (a + (b + c)) − c, but for what is coarser of the one.
            let inside = sum(&a, &difference(&parts, &c).unwrap());
            let outside = difference(&all, &c).unwrap();
            if outside.is_reduced() {
                prop_assert_eq!(&at_resolution_of(&inside, &all), &outside);
            } else {
                prop_assert_eq!(&inside, &outside);
            }
            let identity = Summary::identity();
            prop_assert_eq!(difference(&a, &identity).unwrap(), a);
        }
    }

    /// Short summaries and others: the same differences, and errors of the same inputs.
    #[test]
    fn short_states_are_subtracted_as_others(a in values(), b in values()) {
        let plain = Settings::default();
        for total in [&a, &[&a[..], &b].concat()] {
            let (left, right) = (summary_of(total, &plain), summary_of(&b, &plain));
            let mut state = State::from(left.copied().unwrap());
            let done = state.try_subtract(&right.copied().unwrap().into());
            match difference(&left, &right) {
                Ok(expected) => {
                    prop_assert_eq!(&done, &Ok(()));
                    prop_assert_eq!(&state, &State::from(expected.copied().unwrap()));
                    prop_assert_eq!(state.is_reduced(), expected.is_reduced());
                    prop_assert_eq!(state.into_summary(), expected);
                }
                Err(error) => prop_assert_eq!(done, Err(error)),
            }
        }
    }

    /// The values are those of the total: whatever is taken away is there, or it shows, or it has
    /// the same sums.
    #[test]
    fn more_than_there_is_cannot_be_taken(
        a in values(),
        kept in 0..40_usize,
        more in prop_oneof![Just(Vec::new()), values()],
    ) {
        let b = [&a[..kept.min(a.len())], &more].concat();
        let count = |values: &[f64]| {
            let mut counts = BTreeMap::new();
            for value in values {
                *counts.entry(value.to_bits()).or_insert(0_i64) += 1;
            }
            counts
        };
        let (has, taken) = (count(&a), count(&b));
        let there = taken.iter().all(|(bits, n)| has.get(bits).is_some_and(|has| has >= n));
        let settings = settings();
        let left = difference(&summary_of(&a, &settings), &summary_of(&b, &settings));
        if there {
            prop_assert!(left.is_ok());
        }
        if b.len() > a.len() {
            prop_assert!(matches!(left, Err(Error::NeverAdded(_))));
        }
    }

    #[test]
    fn rows_can_be_taken_away(
        a in prop::collection::vec((-9.0..9.0_f64, -9.0..9.0_f64), 0..9),
        b in prop::collection::vec(
            (prop_oneof![any::<f64>(), Just(f64::NAN), -9.0..9.0_f64], -9.0..9.0_f64),
            0..9,
        ),
    ) {
        let joint = |rows: &[(f64, f64)]| {
            let (x, y): (Vec<_>, Vec<_>) = rows.iter().copied().unzip();
            let columns = [&x, &y].map(|v| Column::new(Values::F64(ArrayView1::from(v))));
            let mut joint = Joint::new(2).unwrap();
            joint.update(&Context::inline(), &columns, None).unwrap();
            joint
        };
        let context = Context::inline();
        let mut total = joint(&[&a[..], &b].concat());
        total.try_subtract(&joint(&b), context.stop()).unwrap();
        prop_assert_eq!(&total, &joint(&a));
        let more = joint(&[&a[..], &[(0.0, 0.0)]].concat());
        let before = total.to_bytes().unwrap();
        prop_assert!(matches!(total.try_subtract(&more, context.stop()), Err(Error::NeverAdded(_))));
        prop_assert_eq!(total.to_bytes().unwrap(), before);
    }
}

/// A summary of everything tells more than sums: which of few values are there.
#[test]
fn single_values_show_what_was_not_there() {
    let distinct = Settings { distinct: true, ..Settings::default() };
    let different = "it has values that are different from all those of the whole";
    assert_eq!(refused(&[0.0, 1.0, 5.0], &[2.0], &distinct), different);
    let best = Settings { best: 2, ..Settings::default() };
    let not_best = "it has one of the best values that is not among those of the whole";
    assert_eq!(refused(&[0.0, 1.0, 5.0], &[0.5], &best), not_best);
    assert_eq!(refused(&[0.0, 1.0, 5.0], &[0.0, 0.0], &best), not_best);
    let largest = Settings { largest: true, ..best };
    assert_eq!(refused(&[0.0, 1.0, 5.0], &[2.0], &largest), not_best);
    // What is cut off may be there: 2 is not, which does not show.
    let (all, part) = (summary_of(&[0.0, 1.0, 5.0], &largest), summary_of(&[0.5], &largest));
    assert!(difference(&all, &part).is_ok());
}

fn refused(total: &[f64], part: &[f64], settings: &Settings) -> String {
    let error = difference(&summary_of(total, settings), &summary_of(part, settings)).unwrap_err();
    error.to_string().split_once("added: ").unwrap().1.to_owned()
}

#[test]
fn errors_say_what_shows_it() {
    let plain = Settings::default();
    assert_eq!(refused(&[1.0], &[1.0, 1.0], &plain), "it has 2 finite values, where 1 are");
    assert_eq!(refused(&[1.0], &[f64::NAN], &plain), "it has 1 NaN, where 0 are");
    let infinite = refused(&[f64::INFINITY, 1.0], &[f64::NEG_INFINITY], &plain);
    assert_eq!(infinite, "it has 1 values of -inf, where 0 are");
    let below = "it has the value -1.0, below the smallest of the whole, 1.0";
    assert_eq!(refused(&[1.0, 2.0], &[-1.0], &plain), below);
    let above = "it has the value 3.0, above the largest of the whole, 2.0";
    assert_eq!(refused(&[1.0, 2.0], &[3.0], &plain), above);
    let sum = "no finite values would be left, and a sum of them that is not 0";
    assert_eq!(refused(&[1.0, 3.0], &[2.0, 2.0], &plain), sum);
    let squares = "the sum of the squares that are left would be negative";
    assert_eq!(refused(&[-3.0, 0.0, 3.0, 0.0], &[3.0, 3.0, 3.0], &plain), squares);
    let scatter = "the variance of the values that are left would be negative";
    assert_eq!(refused(&[-3.0, 0.0, 3.0], &[-3.0, -3.0], &plain), scatter);
    assert_eq!(refused(&[0.0, 4.0, 4.0], &[0.0, 1.0], &plain), scatter);
    let bins = Settings { histogram: Some(vec![0.0, 1.0, 2.0]), ..Settings::default() };
    let bin = "it has 1 values in the bin from 1.0 to 2.0, where 0 are";
    assert_eq!(refused(&[0.0, 0.5, 9.0], &[1.0], &bins), bin);
    let sketch = Settings { quantile_buckets: Some(9), ..Settings::default() };
    let bucket = "it has more values in a bucket of its quantiles than are there";
    assert_eq!(refused(&[0.0, 0.5, 9.0], &[1.0], &sketch), bucket);
}

#[test]
fn what_is_not_a_state_is_no_bytes_of_one() {
    let settings = settings();
    let total = summary_of(&[1.0, 2.0, 4.0], &settings);
    let left = difference(&total, &summary_of(&[2.0], &settings)).unwrap();
    let payload = left.to_payload().unwrap();
    assert_eq!(Summary::from_payload(&payload).as_ref(), Ok(&left));
    // The flags are a varint, of which the flag of what was subtracted needs a second byte.
    for (byte, flip) in [(0, 1_u8), (0, 2), (0, 16), (0, 32), (0, 64), (1, 1)] {
        let mut other = payload.clone();
        other[byte] ^= flip;
        let read = Summary::from_payload(&other);
        assert!(read.is_err(), "flag {flip} of byte {byte}");
    }
}
