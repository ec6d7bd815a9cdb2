//! Our short factorisations against LAPACK's, and LAPACK itself as borrowed from SciPy.

use crate::error::Error;
use crate::fold::Stop;
use crate::linalg;
use ndarray::{Array1, Array2, ArrayView2, ShapeBuilder, array};
use ndarray_linalg::{Cholesky, Eigh, Solve, UPLO};
use proptest::prelude::*;

fn matrix(values: &[f64], d: usize) -> ArrayView2<'_, f64> {
    ArrayView2::from_shape((d, d), values).unwrap()
}

fn assert_close(found: ArrayView2<'_, f64>, expected: ArrayView2<'_, f64>, tolerance: f64) {
    let scale = expected.iter().fold(f64::MIN_POSITIVE, |most, value| most.max(value.abs()));
    for ((index, found), expected) in found.indexed_iter().zip(expected) {
        assert!(
            (found - expected).abs() <= tolerance * scale,
            "at {index:?}: found {found}, expected {expected}"
        );
    }
}

/// AAᵀ + I for a random A: positive definite and well-conditioned.
fn positive_definite() -> impl Strategy<Value = (usize, Vec<f64>)> {
    prop_oneof![4 => 1_usize..40, 1 => 60_usize..200]
        .prop_flat_map(|d| (Just(d), prop::collection::vec(-1.0..1.0_f64, d * d)))
        .prop_map(|(d, values)| {
            let a = matrix(&values, d);
            let product = a.dot(&a.t()) + Array2::<f64>::eye(d);
            (d, product.iter().copied().collect())
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn eigenvalues_and_axes_are_those_of_lapack((d, values) in positive_definite()) {
        super::interpreter::load_lapack();
        let found = linalg::eigen(&values, d, &Stop::default()).unwrap();
        let (mut expected, _) = matrix(&values, d).eigh(UPLO::Lower).unwrap();
        expected.as_slice_mut().unwrap().reverse();
        let rows = |values: &Array1<f64>| values.clone().insert_axis(ndarray::Axis(0));
        assert_close(rows(&Array1::from(found.values.clone())).view(), rows(&expected).view(), 1e-12);
        let axes = matrix(&found.vectors, d);
        assert_close(axes.dot(&axes.t()).view(), Array2::eye(d).view(), 1e-12);
        let back = axes.t().dot(&Array2::from_diag(&Array1::from(found.values))).dot(&axes);
        assert_close(back.view(), matrix(&values, d), 1e-12);
    }

    #[test]
    fn cholesky_is_that_of_lapack((d, values) in positive_definite()) {
        super::interpreter::load_lapack();
        let factor = linalg::cholesky(&values, d, &Stop::default()).unwrap();
        let expected = matrix(&values, d).cholesky(UPLO::Lower).unwrap();
        assert_close(matrix(&factor, d), expected.view(), 1e-13);
    }

    #[test]
    fn only_the_lower_triangle_is_read((d, mut values) in positive_definite()) {
        let factor = linalg::cholesky(&values, d, &Stop::default()).unwrap();
        for i in 0..d {
            values[i * d + i + 1..(i + 1) * d].fill(f64::NAN);
        }
        prop_assert_eq!(linalg::cholesky(&values, d, &Stop::default()).unwrap(), factor);
    }

    #[test]
    fn any_factor_becomes_the_upper_triangular_one((d, values) in positive_definite(), power in -300..300_i32) {
        let scale = 2_f64.powi(power);
        let mut factor: Vec<f64> = values.iter().map(|value| value * scale).collect();
        linalg::make_upper(&mut factor, d, &Stop::default()).unwrap();
        let upper = matrix(&factor, d);
        prop_assert!(upper.indexed_iter().all(|((i, j), value)| i <= j || *value == 0.0));
        let (upper, given) = (upper.mapv(|value| value / scale), matrix(&values, d));
        assert_close(upper.dot(&upper.t()).view(), given.dot(&given.t()).view(), 1e-13);
        let before = factor.clone();
        linalg::make_upper(&mut factor, d, &Stop::default()).unwrap();
        prop_assert_eq!(factor, before);
    }

    #[test]
    fn a_factor_of_too_little_rank_is_singular((d, values) in positive_definite(), row in 0..40_usize) {
        let stop = Stop::default();
        let mut factor = values.clone();
        prop_assert!(!linalg::make_upper(&mut factor, d, &stop).unwrap() || !linalg::is_singular(&factor, d, true).unwrap());
        // One row becomes a combination of the others.
        let row = row % d;
        let mut factor = values;
        for j in 0..d {
            let others = (0..d).filter(|i| *i != row).map(|i| factor[i * d + j] * (i + 1) as f64);
            factor[row * d + j] = others.sum();
        }
        let turned = linalg::make_upper(&mut factor, d, &stop).unwrap();
        prop_assert!(linalg::is_singular(&factor, d, turned).unwrap());
    }

    #[test]
    fn the_precision_factor_whitens((d, values) in positive_definite()) {
        let factor = linalg::precision_cholesky(&values, d, &Stop::default()).unwrap();
        let upper = matrix(&factor, d);
        for ((i, j), &value) in upper.indexed_iter() {
            prop_assert!(i <= j || value == 0.0, "not upper triangular");
        }
        let white = upper.t().dot(&matrix(&values, d)).dot(&upper);
        assert_close(white.view(), Array2::eye(d).view(), 1e-11);
    }

    #[test]
    fn both_ways_to_the_precision_factor_agree((d, values) in positive_definite()) {
        let factor = linalg::precision_cholesky(&values, d, &Stop::default()).unwrap();
        let precision = linalg::precision(&factor, d, &Stop::default()).unwrap();
        let identity = matrix(&precision, d).dot(&matrix(&values, d));
        assert_close(identity.view(), Array2::eye(d).view(), 1e-10);
        let again = linalg::precision_cholesky_from_precision(&precision, d, &Stop::default()).unwrap();
        assert_close(matrix(&again, d), matrix(&factor, d), 1e-10);
    }

    #[test]
    fn the_smallest_eigenvalue_is_that_of_the_shifted_matrix(
        (d, values) in positive_definite(), shift in 0.0..5.0_f64
    ) {
        super::interpreter::load_lapack();
        let (eigenvalues, vectors) = matrix(&values, d).eigh(UPLO::Lower).unwrap();
        let rebuilt = vectors.dot(&Array2::from_diag(&eigenvalues)).dot(&vectors.t());
        assert_close(rebuilt.view(), matrix(&values, d), 1e-12);
        let shifted = &matrix(&values, d) - &(Array2::<f64>::eye(d) * shift);
        let found = linalg::smallest_eigenvalue(shifted.view()).unwrap();
        let scale = eigenvalues[d - 1] + shift;
        prop_assert!((found - (eigenvalues[0] - shift)).abs() < 1e-13 * scale);
    }
}

#[test]
fn lapack_solves_and_reports_what_it_cannot_factorise() {
    super::interpreter::load_lapack();
    let a = array![[4.0, 1.0], [1.0, 3.0]];
    let x: Array1<f64> = a.solve(&array![1.0, 2.0]).unwrap();
    assert!((&a.dot(&x) - &array![1.0, 2.0]).iter().all(|error: &f64| error.abs() < 1e-15));
    assert!(array![[1.0, 2.0], [2.0, 1.0]].cholesky(UPLO::Lower).is_err());
    assert!(crate::lapack::origin().unwrap().starts_with("scipy.linalg.cython_lapack "));
}

#[test]
fn what_is_not_positive_definite_is_an_error() {
    let ill = Err(Error::IllConditioned { component: 0 });
    for bad in [
        [1.0, 0.0, 2.0, 1.0],
        [0.0, 0.0, 0.0, 1.0],
        [1.0, 0.0, 1.0, 1.0],
        [f64::NAN, 0.0, 0.0, 1.0],
        [1.0, 0.0, f64::NAN, 1.0],
        [f64::INFINITY, 0.0, 0.0, 1.0],
        [-1.0, 0.0, 0.0, 1.0],
    ] {
        assert_eq!(linalg::cholesky(&bad, 2, &Stop::default()), ill, "{bad:?}");
        assert_eq!(linalg::precision_cholesky(&bad, 2, &Stop::default()), ill, "{bad:?}");
    }
    let upside_down = [1.0, 2.0, 2.0, 1.0];
    assert_eq!(linalg::precision_cholesky_from_precision(&upside_down, 2, &Stop::default()), ill);
    // Positive pivots, but the inverse overflows.
    assert_eq!(
        linalg::precision_cholesky(&[5e-324, 0.0, 1e-10, f64::MAX], 2, &Stop::default()),
        ill
    );
    assert!(linalg::precision_cholesky(&[1e-300, 0.0, 0.0, 1e300], 2, &Stop::default()).is_ok());
}

#[test]
fn matrices_without_rows_are_fine_where_they_make_sense() {
    assert_eq!(linalg::cholesky(&[], 0, &Stop::default()), Ok(vec![]));
    assert_eq!(linalg::precision_cholesky(&[], 0, &Stop::default()), Ok(vec![]));
    assert_eq!(linalg::precision(&[], 0, &Stop::default()), Ok(vec![]));
}

#[test]
fn the_smallest_eigenvalue_takes_any_layout_and_names_what_is_wrong() {
    super::interpreter::load_lapack();
    let fortran = Array2::from_shape_vec((2, 2).f(), vec![2.0, 1.0, 1.0, 2.0]).unwrap();
    assert!((linalg::smallest_eigenvalue(fortran.view()).unwrap() - 1.0).abs() < 1e-15);
    assert!((linalg::smallest_eigenvalue(array![[-3.0]].view()).unwrap() + 3.0).abs() < 1e-15);
    let lower = array![[2.0, 9.0], [1.0, 2.0]];
    assert!((linalg::smallest_eigenvalue(lower.view()).unwrap() - 1.0).abs() < 1e-15);
    let wide = array![[1.0, 2.0]];
    let shape = linalg::smallest_eigenvalue(wide.view());
    assert!(matches!(shape, Err(Error::Shape { .. })), "{shape:?}");
    let nan = linalg::smallest_eigenvalue(array![[f64::NAN]].view());
    assert!(matches!(nan, Err(Error::InvalidArgument { .. })), "{nan:?}");
}
