//! Laws of best values, against everything sorted.

use proptest::prelude::*;

use super::*;

fn ids() -> impl Strategy<Value = Id> {
    prop_oneof![
        (-3_i128..3).prop_map(Id::Integer),
        prop::collection::vec(0_u8..3, 0..2).prop_map(|b| Id::Bytes(b.into())),
        "[ab]{0,2}".prop_map(|text| Id::Text(text.into())),
    ]
}

fn numbers() -> impl Strategy<Value = Number> {
    let special = vec![0.0, -0.0, 1.0, 5e-324, f64::MAX, f64::INFINITY, f64::NEG_INFINITY];
    prop_oneof![
        prop::sample::select(special).prop_map(Number::from),
        (i64::MAX - 3..=i64::MAX).prop_map(Number::from),
        (-2_i64..2).prop_map(Number::from),
    ]
}

fn entries() -> impl Strategy<Value = Vec<(Number, Id, u64)>> {
    prop::collection::vec((numbers(), ids(), 0_u64..4), 0..60)
}

fn build(limit: usize, largest: bool, pairs: &[(Number, Id, u64)]) -> Best {
    let mut builder = Best::new(limit, largest).builder();
    for (number, id, times) in pairs {
        builder.offer(*number, || Ok(id.clone()), *times);
    }
    builder.finish().unwrap()
}

fn merged(a: &Best, b: &Best) -> Best {
    let mut merged = a.clone();
    merged.merge(b).unwrap();
    merged
}

fn bytes(best: &Best) -> Vec<u8> {
    let mut writer = Writer::new();
    best.encode(&mut writer);
    writer.finish().unwrap()
}

proptest! {
    #[test]
    fn it_is_the_head_of_everything_sorted(
        pairs in entries(), limit in 0_usize..12, largest: bool,
    ) {
        let best = build(limit, largest, &pairs);
        let mut all: Vec<_> = (pairs.iter())
            .flat_map(|(number, id, times)| (0..*times).map(|_| (*number, id.clone())))
            .collect();
        all.sort_by(|a, b| rank(largest, a, b));
        all.truncate(limit);
        prop_assert_eq!(best.entries(), &all[..]);
    }

    #[test]
    fn merge_is_a_monoid(
        x in entries(), y in entries(), z in entries(), largest: bool,
        limits in [0_usize..9, 0_usize..9, 0_usize..9],
    ) {
        let [a, b, c] =
            [(&x, 0), (&y, 1), (&z, 2)].map(|(pairs, i)| build(limits[i], largest, pairs));
        prop_assert_eq!(merged(&a, &b), merged(&b, &a));
        prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
        let identity = if limits[0] > 0 { Best::new(usize::MAX, largest) } else { a.clone() };
        prop_assert_eq!(merged(&a, &identity), a.clone());
        let together: Vec<_> = x.iter().chain(&y).cloned().collect();
        let limit = limits[0].min(limits[1]);
        prop_assert_eq!(merged(&a, &b), build(limit, largest, &together));
        let mut resumed = BestBuilder::from(build(limit, largest, &x));
        for (number, id, times) in &y {
            resumed.offer(*number, || Ok(id.clone()), *times);
        }
        prop_assert_eq!(resumed.finish().unwrap(), build(limit, largest, &together));
    }

    #[test]
    fn bytes_are_canonical(
        pairs in entries(), limit in 0_usize..9, largest: bool, at: usize, byte: u8,
    ) {
        let best = build(limit, largest, &pairs);
        let mut encoded = bytes(&best);
        prop_assert_eq!(Best::decode(&mut Reader::new(&encoded)).unwrap(), best);
        let at = at % encoded.len();
        encoded[at] = byte;
        let mut reader = Reader::new(&encoded);
        if let Ok(other) = Best::decode(&mut reader) {
            prop_assert_eq!(bytes(&other), &encoded[..encoded.len() - reader.remaining()]);
        }
    }
}

#[test]
fn many_offers_keep_few_entries() {
    let mut builder = Best::new(10, true).builder();
    for i in 0..100_000_i64 {
        builder.offer(Number::from(i), || Ok(Id::Integer(i.into())), 1);
        assert!(builder.entries.len() <= 2 * 10 + SLACK);
    }
    assert_eq!(builder.finish().unwrap().entries()[0].0, Number::from(99_999_i64));
    let mut weighted = Best::new(3, false).builder();
    weighted.offer(Number::from(1.0), || Ok(Id::Integer(1)), u64::MAX);
    assert_eq!(weighted.finish().unwrap().entries().len(), 3);
}

#[test]
fn what_finds_no_room_is_told_in_the_end_and_takes_no_more() {
    let short = || Error::Memory { what: "an id", bytes: 1 << 40 };
    let mut builder = Best::new(3, true).builder();
    builder.offer(Number::from(1.0), || Ok(Id::Integer(1)), 1);
    builder.offer(Number::from(2.0), || Err(short()), 1);
    assert!(!builder.admits(Number::from(f64::INFINITY)));
    builder.offer(Number::from(3.0), || unreachable!(), 1);
    assert_eq!(builder.finish(), Err(short()));
}

#[test]
fn ids_are_asked_for_only_where_they_matter() {
    let mut builder = Best::new(1, false).builder();
    assert_eq!(builder.worst(), None);
    builder.offer(Number::from(1.0), || Ok(Id::Integer(7)), 1);
    assert_eq!(builder.worst(), Some(Number::from(1.0)));
    assert!(builder.admits(Number::from(1.0)) && !builder.admits(Number::from(2.0)));
    builder.offer(Number::from(2.0), || unreachable!(), 1);
    builder.offer(Number::from(0.0), || unreachable!(), 0);
    builder.offer(Number::from(1.0), || Ok(Id::Integer(6)), 1);
    assert_eq!(builder.finish().unwrap().entries(), [(Number::from(1.0), Id::Integer(6))]);
}

#[test]
fn opposite_directions_do_not_merge_unless_nothing_is_kept() {
    let (mut smallest, largest) = (Best::new(5, false), Best::new(3, true));
    let message = smallest.merge(&largest).unwrap_err().to_string();
    assert!(message.contains("the 5 smallest values (best=5)"), "{message}");
    assert!(message.contains("the 3 largest values (best=3, largest=True)"), "{message}");
    assert_eq!(smallest, Best::new(5, false));
    smallest.merge(&Best::new(0, true)).unwrap();
    assert_eq!(smallest, Best::new(0, false));
}

#[test]
fn invalid_bytes_are_refused() {
    let head = |limit, largest, length| {
        let mut writer = Writer::new();
        writer.length(limit);
        writer.u8(largest);
        writer.length(length);
        writer
    };
    let refused =
        |writer: Writer| Best::decode(&mut Reader::new(&writer.finish().unwrap())).is_err();
    assert!(!refused(head(0, 0, 0)));
    assert!(refused(head(0, 1, 0)), "direction of nothing");
    assert!(refused(head(usize::MAX, 0, 1 << 40)), "length beyond the bytes");
    let with = |limit, numbers: &[f64]| {
        let mut writer = head(limit, 0, numbers.len());
        for &number in numbers {
            Number::from(number).encode(&mut writer);
            Id::Integer(0).encode(&mut writer);
        }
        writer
    };
    assert!(!refused(with(2, &[1.0, 1.0])));
    assert!(refused(with(1, &[1.0, 1.0])), "more than the limit");
    assert!(refused(with(2, &[2.0, 1.0])), "out of order");
    assert!(refused(with(1, &[f64::NAN])), "NaN");
}
