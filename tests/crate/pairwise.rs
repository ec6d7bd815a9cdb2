//! Sums over pairs against the plain double loop.

use crate::error::Error;
use crate::fold::{Context, Pool};
use crate::pairwise::{PairwiseKernel, count_and_sum, pairwise_sum};
use crate::rng;
use crate::rows::Rows;
use ndarray::{Array2, Axis, s};
use proptest::prelude::*;

fn normal(seed: u64, rows: usize, columns: usize) -> Array2<f64> {
    let mut generator = rng::stream(seed, 1);
    // Sums of uniforms: all that matters is that no two are alike.
    Array2::from_shape_simple_fn((rows, columns), || {
        (0..4).map(|_| rng::uniform_f64(&mut generator)).sum::<f64>() - 2.0
    })
}

fn kernel_of(kernel: PairwiseKernel, gamma: f64, x: &[f64], y: &[f64]) -> f64 {
    let differences = || x.iter().zip(y).map(|(x, y)| x - y);
    let squared: f64 = differences().map(|d| d * d).sum();
    match kernel {
        PairwiseKernel::Product => x.iter().zip(y).map(|(x, y)| x * y).sum(),
        PairwiseKernel::Rbf => (-gamma * squared).exp(),
        PairwiseKernel::Laplacian => (-gamma * differences().map(f64::abs).sum::<f64>()).exp(),
        PairwiseKernel::Distance => squared.sqrt(),
    }
}

/// The sum, and the sum of the absolute values: what the error is relative to.
fn double_loop(x: &Array2<f64>, y: &Array2<f64>, kernel: PairwiseKernel, gamma: f64) -> (f64, f64) {
    let (mut sum, mut size) = (0.0, 0.0);
    for x in x.outer_iter() {
        let (x, mut of_row) = (x.to_vec(), 0.0);
        for y in y.outer_iter() {
            let value = kernel_of(kernel, gamma, &x, &y.to_vec());
            of_row += value;
            size += value.abs();
        }
        // Row by row: millions of equal terms would add up their equal rounding errors.
        sum += of_row;
    }
    (sum, size)
}

fn check(x: &Array2<f64>, y: Option<&Array2<f64>>, gamma: f64) {
    for kernel in PairwiseKernel::ALL {
        let found = pairwise_sum(
            &Context::inline(),
            Rows::F64(x.view()),
            y.map(|y| Rows::F64(y.view())),
            kernel,
            gamma,
        );
        let (expected, size) = double_loop(x, y.unwrap_or(x), kernel, gamma);
        let error = (found.clone().unwrap() - expected).abs();
        assert!(error <= 1e-12 * size, "{kernel:?}: found {found:?}, expected {expected}");
    }
}

#[test]
fn sums_are_those_of_the_double_loop() {
    // Around the sizes of panels (32), tiles (256) and stretches (1024).
    for rows in [1, 2, 31, 32, 33, 255, 256, 257, 520, 1100] {
        for columns in [1, 2, 5] {
            let x = normal(1, rows, columns);
            check(&x, None, 0.7);
            for others in [1, 40, 300] {
                check(&x, Some(&normal(2, others, columns)), 0.7);
            }
        }
    }
    check(&normal(1, 70, 40), Some(&normal(2, 45, 40)), 0.01);
}

#[test]
fn ties_and_far_numbers_are_counted() {
    let x = Array2::from_shape_fn((2100, 1), |(i, _)| f64::from(i as u32 % 7));
    let y = Array2::from_shape_fn((1500, 1), |(i, _)| f64::from(i as u32 % 5) * 1000.0);
    check(&x, None, 0.3);
    check(&x, Some(&y), 0.3);
    check(&y, Some(&x), 0.3);
    // Numbers far from the origin, and so far apart that nothing is left of the kernels.
    check(&(normal(3, 300, 1) + 1e8), None, 0.5);
    check(&(normal(3, 300, 2) + 1e8), None, 0.5);
    check(&(normal(3, 40, 1) * 1e150), None, 0.5);
    check(&(normal(3, 40, 3) * 1e150), Some(&(normal(4, 40, 3) * 1e150)), 0.5);
    check(&(normal(3, 40, 1) * 1e-150), None, 0.5);
    check(&(normal(3, 40, 3) * 1e-150), None, 0.5);
}

#[test]
fn sorted_sums_of_many_numbers_are_exact_on_a_grid() {
    // Equal steps are the worst case of a running product. Σᵢⱼ |i − j| = (n³ − n)/3.
    let n = 100_000;
    let x = Array2::from_shape_fn((n, 1), |(i, _)| i as f64);
    let rows = Rows::F64(x.view());
    let found = pairwise_sum(&Context::inline(), rows, None, PairwiseKernel::Distance, 0.0);
    let size = n as f64;
    let expected = (size - 1.0) * size * (size + 1.0) / 3.0;
    assert!((found.unwrap() / expected - 1.0).abs() < 1e-14);
    // Σᵢⱼ q^|i−j| = n + 2 Σₖ (n−k) qᵏ, a geometric sum.
    for gamma in [1e-9, 1e-5, 0.1] {
        let found = pairwise_sum(&Context::inline(), rows, None, PairwiseKernel::Laplacian, gamma);
        let terms = (1..n).rev().map(|k| (n - k) as f64 * (-gamma * k as f64).exp());
        let expected = size + 2.0 * terms.sum::<f64>();
        let error = (found.unwrap() / expected - 1.0).abs();
        assert!(error < 1e-13, "gamma {gamma}: {error:e}");
    }
}

#[test]
fn single_precision_and_strides_are_read_where_they_lie() {
    let wide = normal(5, 600, 6).mapv(|value| value as f32);
    for view in [wide.slice(s![..;2, ..;-2]), wide.slice(s![..;-2, 3..4])] {
        let plain = view.mapv(f64::from);
        for kernel in PairwiseKernel::ALL {
            let sum = |x, y| pairwise_sum(&Context::inline(), x, y, kernel, 0.4).unwrap();
            let doubles = Rows::F64(plain.view());
            assert_eq!(sum(Rows::F32(view), None), sum(doubles, None), "{kernel:?}");
            let mixed = sum(Rows::F32(view), Some(doubles));
            assert_eq!(mixed, sum(doubles, Some(doubles)), "{kernel:?}");
        }
    }
}

#[test]
fn threads_change_no_bit() {
    for columns in [1, 3] {
        let (x, y) = (normal(6, 3000, columns), normal(7, 2000, columns));
        for kernel in PairwiseKernel::ALL {
            for y in [None, Some(Rows::F64(y.view()))] {
                let sum = |context: &Context| {
                    let sum = pairwise_sum(context, Rows::F64(x.view()), y, kernel, 0.6).unwrap();
                    sum.to_bits()
                };
                let expected = sum(&Context::inline());
                for threads in [1, 2, 3, 7] {
                    let pool = Pool::lease(threads).unwrap();
                    assert_eq!(pool.run(|context| sum(context)), expected, "{kernel:?} {threads}");
                }
            }
        }
    }
}

#[test]
fn empty_samples_and_gamma_zero() {
    let (x, none) = (normal(8, 5, 2), Array2::<f64>::zeros((0, 2)));
    let (x, none) = (Rows::F64(x.view()), Rows::F64(none.view()));
    for kernel in PairwiseKernel::ALL {
        for (left, right) in [(none, None), (none, Some(x)), (x, Some(none))] {
            assert_eq!(pairwise_sum(&Context::inline(), left, right, kernel, 1.0), Ok(0.0));
        }
    }
    for kernel in [PairwiseKernel::Rbf, PairwiseKernel::Laplacian] {
        assert_eq!(pairwise_sum(&Context::inline(), x, None, kernel, 0.0), Ok(25.0));
    }
    assert_eq!(count_and_sum(&Context::inline(), none), Ok((0, 0.0)));
}

#[test]
fn wrong_arguments_are_named() {
    let (x, y) = (normal(8, 5, 2), normal(8, 5, 3));
    let (x, y) = (Rows::F64(x.view()), Rows::F64(y.view()));
    let sum = |y, kernel, gamma| pairwise_sum(&Context::inline(), x, y, kernel, gamma);
    let shape = sum(Some(y), PairwiseKernel::Distance, 1.0);
    assert!(matches!(shape, Err(Error::Shape { name: "Y", .. })));
    for gamma in [-1.0, f64::NAN, f64::INFINITY] {
        let error = sum(None, PairwiseKernel::Rbf, gamma).unwrap_err().to_string();
        assert!(error.contains(&gamma.to_string()), "{error}");
        assert!(sum(None, PairwiseKernel::Distance, gamma).is_ok());
    }
    for kernel in PairwiseKernel::ALL {
        assert_eq!(PairwiseKernel::from_name(kernel.name()), Ok(kernel));
    }
    assert!(PairwiseKernel::from_name("gauss").unwrap_err().to_string().contains("'rbf'"));
}

#[test]
fn interruption_ends_the_sum() {
    let x = normal(8, 2000, 2);
    for kernel in PairwiseKernel::ALL {
        let context = Context::inline();
        context.stop().raise();
        let sum = pairwise_sum(&context, Rows::F64(x.view()), None, kernel, 1.0);
        assert_eq!(sum, Err(Error::Interrupted));
    }
}

#[test]
fn a_sum_survives_cancellation_in_any_layout() {
    // 10⁸ + tiny − 10⁸ + ...: a plain sum of these loses the tiny part altogether.
    let tiny = |i: usize| (i % 97) as f64 * 1e-12;
    let x = Array2::from_shape_fn((5000, 6), |(i, j)| {
        let big = if (i + j) % 2 == 0 { 1e8 } else { -1e8 };
        if i % 3 == 0 { tiny(6 * i + j) } else { big * (1 + (i / 3) % 50) as f64 }
    });
    // The big ones cancel: rows 3m+1 and 3m+2 are opposite to one another.
    let expected: f64 =
        (0..5000).step_by(3).flat_map(|i| (0..6).map(move |j| tiny(6 * i + j))).sum();
    let mut fortran = x.clone();
    fortran = fortran.reversed_axes().as_standard_layout().to_owned().reversed_axes();
    let mut strided = Array2::zeros((10_000, 6));
    strided.slice_mut(s![..;2, ..]).assign(&x);
    let views = [x.view(), fortran.view(), strided.slice(s![..;2, ..])];
    let mut found = views.map(|view| count_and_sum(&Context::inline(), Rows::F64(view)).unwrap());
    for (count, sum) in found {
        assert_eq!(count, 30_000);
        assert!((sum / expected - 1.0).abs() < 1e-12, "{sum} instead of {expected}");
    }
    found.iter_mut().for_each(|found| found.1 = found.1.to_bits() as f64);
    assert!(found.windows(2).all(|pair| pair[0] == pair[1]), "layouts differ in bits");
}

#[test]
fn sums_of_both_precisions() {
    let x = normal(9, 1234, 1).mapv(|value| value as f32);
    let doubles = x.mapv(f64::from);
    let found = count_and_sum(&Context::inline(), Rows::F32(x.view())).unwrap();
    assert_eq!(found, count_and_sum(&Context::inline(), Rows::F64(doubles.view())).unwrap());
    let mut huge = Array2::from_elem((300, 1), 1e306);
    huge.index_axis_mut(Axis(1), 0).fill(1e307);
    let found = count_and_sum(&Context::inline(), Rows::F64(huge.view())).unwrap();
    assert_eq!(found.1, f64::INFINITY);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_samples(
        seed in any::<u64>(),
        rows in 1_usize..300,
        others in 1_usize..300,
        columns in 1_usize..9,
        gamma in 0.01..3.0_f64,
        scale in prop::sample::select(vec![1e-3, 1.0, 30.0]),
    ) {
        let x = normal(seed, rows, columns) * scale;
        check(&x, None, gamma);
        check(&x, Some(&(normal(seed ^ 1, others, columns) * scale)), gamma);
    }
}
