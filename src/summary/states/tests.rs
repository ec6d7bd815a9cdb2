use proptest::prelude::*;

use super::*;
use crate::summary::Ids;

/// Of any sizes, of like sizes, with and without what is no finite number.
fn values() -> impl Strategy<Value = Vec<f64>> {
    let any = any::<f64>().prop_filter("a number", |x| !x.is_nan());
    let near = (-1000_i32..1000).prop_map(|x| 1e8 + f64::from(x) * 0.001);
    let normal = (-9.0_f64..9.0).prop_map(|x| x * x * x);
    let tiny = (-5_i64..5).prop_map(|x| x as f64 * 5e-324);
    let odd = prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(-0.0), Just(0.0)];
    let mixed = prop_oneof![any, near.clone(), tiny.clone(), odd, normal.clone()];
    prop_oneof![
        prop::collection::vec(near, 0..200),
        prop::collection::vec(normal, 0..300),
        prop::collection::vec(tiny, 0..9),
        prop::collection::vec(mixed, 0..12),
    ]
}

fn owners() -> Owners<'static, 'static> {
    Owners { ids: Ids::Range { start: 0, step: 1 }, first: 0, rows: None }
}

fn state_of(values: &[f64]) -> State {
    let template = Parts::default();
    let mut state = State::begun(&template);
    let run = Run { values: Numbers::Floats(values), counting: Counting::Once, owners: owners() };
    state.add(&run, &template).unwrap();
    state
}

fn pushed(values: &[f64]) -> Summary {
    let mut summary = Summary::from(Parts::default());
    for &value in values {
        summary
            .push(Some(value.into()), || Err(Error::Bug("no id is asked for".into())), 1)
            .unwrap();
    }
    summary
}

/// Every read, as bits.
fn reads(state: &State) -> Vec<u64> {
    let floats = [
        state.sum(),
        state.mean(),
        state.variance(0),
        state.variance(1),
        state.variance(-3),
        state.standard_deviation(0),
        state.standard_deviation(1),
        state.standard_error(),
    ];
    floats.map(|x| if x.is_nan() { u64::MAX } else { x.to_bits() }).to_vec()
}

fn reads_of(summary: &Summary) -> Vec<u64> {
    let floats = [
        summary.sum(),
        summary.mean(),
        summary.variance(0),
        summary.variance(1),
        summary.variance(-3),
        summary.standard_deviation(0),
        summary.standard_deviation(1),
        summary.standard_error(),
    ];
    floats.map(|x| if x.is_nan() { u64::MAX } else { x.to_bits() }).to_vec()
}

proptest! {
    #[test]
    fn a_state_is_the_summary_of_its_values(values in values()) {
        let (state, summary) = (state_of(&values), pushed(&values));
        prop_assert_eq!(reads(&state), reads_of(&summary));
        prop_assert_eq!(state.counts(), summary.counts());
        prop_assert_eq!(state.range(), summary.minimum().zip(summary.maximum()));
        for power in 1..=4 {
            prop_assert_eq!(state.power_sum(power), summary.power_sum(power));
        }
        prop_assert_eq!(&state.summary().unwrap(), &summary);
        prop_assert_eq!(state, State::from(summary));
    }

    #[test]
    fn pieces_merge_to_the_whole(left in values(), middle in values(), right in values()) {
        let whole = state_of(&[&left[..], &middle, &right].concat());
        let mut forth = state_of(&left);
        forth.try_merge(&state_of(&middle)).unwrap();
        forth.try_merge(&state_of(&right)).unwrap();
        let mut back = state_of(&right);
        let mut rest = state_of(&middle);
        rest.try_merge(&state_of(&left)).unwrap();
        back.try_merge(&rest).unwrap();
        prop_assert_eq!(&forth, &whole);
        prop_assert_eq!(&back, &whole);
        prop_assert_eq!(reads(&forth), reads(&whole));
    }

    #[test]
    fn integers_are_exact(
        integers in prop::collection::vec(prop_oneof![any::<i64>(), -9_i64..9, Just(i64::MIN)], 0..200),
    ) {
        let numbers: Vec<Number> = integers.iter().map(|&integer| integer.into()).collect();
        let template = Parts::default();
        let mut state = State::begun(&template);
        let run = Run { values: Numbers::Any(&numbers), counting: Counting::Once, owners: owners() };
        state.add(&run, &template).unwrap();
        let sum: i128 = integers.iter().map(|&integer| i128::from(integer)).sum();
        prop_assert_eq!(state.power_sum(1), Some(Exact::from(sum)));
        let mut summary = Summary::from(Parts::default());
        for &number in &numbers {
            summary.push(Some(number), || Err(Error::Bug("no id is asked for".into())), 1).unwrap();
        }
        prop_assert_eq!(state, State::from(summary));
    }
}

#[test]
fn values_of_like_size_are_short_and_others_are_not() {
    let many: Vec<f64> = (0..5000).map(|i| f64::from(i) * 0.37 - 800.0).collect();
    assert!(matches!(state_of(&many), State::Short(_)));
    assert!(matches!(state_of(&[1e300, 1e-300]), State::Whole(_)));
    assert!(matches!(state_of(&[1.0, f64::INFINITY]), State::Whole(_)));
    // What needs many limbs on the way is short again once it has cancelled.
    let mut state = state_of(&[1e300, 1e-300, 3.0]);
    assert!(matches!(state, State::Whole(_)));
    state.try_merge(&state_of(&[f64::NAN, 2.0])).unwrap();
    assert_eq!(state.counts().nan_count, 1);
}
