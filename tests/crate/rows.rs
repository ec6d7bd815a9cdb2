//! Rows as they lie in memory: any strides, both precisions, the first bad value.

use crate::error::{Error, NonFiniteKind};
use crate::fold::{Context, Pool};
use crate::rows::Rows;
use ndarray::{Array2, ArrayView2, Axis, ShapeBuilder, s};

fn numbers(rows: usize, columns: usize) -> Array2<f64> {
    Array2::from_shape_fn((rows, columns), |(i, j)| (i * columns + j) as f64 * 0.5)
}

/// The same numbers in every memory layout.
fn layouts(matrix: &Array2<f64>) -> Vec<(&'static str, Array2<f64>)> {
    let (rows, columns) = matrix.dim();
    let mut fortran = Array2::zeros((rows, columns).f());
    fortran.assign(matrix);
    let mut wide = Array2::zeros((rows * 2, columns * 3));
    wide.slice_mut(s![..;2, ..;3]).assign(matrix);
    let mut reversed = matrix.clone();
    reversed.invert_axis(Axis(0));
    reversed.invert_axis(Axis(1));
    vec![("C", matrix.clone()), ("F", fortran), ("strided", wide), ("reversed", reversed)]
}

fn view<'a>(layout: &str, stored: &'a Array2<f64>) -> ArrayView2<'a, f64> {
    match layout {
        "strided" => stored.slice(s![..;2, ..;3]),
        "reversed" => stored.slice(s![..;-1, ..;-1]),
        _ => stored.view(),
    }
}

#[test]
fn values_and_blocks_are_read_in_any_layout() {
    let matrix = numbers(7, 3);
    for (layout, stored) in layouts(&matrix) {
        let rows = Rows::F64(view(layout, &stored));
        assert_eq!((rows.n_rows(), rows.n_columns()), (7, 3));
        let reversed = layout == "reversed";
        let expected = |i: usize, j: usize| {
            if reversed { stored[[6 - i, 2 - j]] } else { matrix[[i, j]] }
        };
        assert_eq!(rows.get(4, 2), expected(4, 2), "{layout}");
        let block = rows.row_block(2..5);
        assert_eq!((block.n_rows(), block.get(2, 1)), (3, expected(4, 1)), "{layout}");
        let mut row = [0.0; 3];
        block.copy_row(1, &mut row);
        assert_eq!(row, [expected(3, 0), expected(3, 1), expected(3, 2)], "{layout}");
    }
}

#[test]
fn the_first_non_finite_value_is_named_in_any_layout_and_precision() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for (row, column) in [(0, 0), (1, 2), (2999, 4), (4321, 1)] {
            let mut matrix = numbers(5000, 5);
            matrix[[row, column]] = bad;
            matrix[[4999, 0]] = f64::NAN;
            let kind = NonFiniteKind::of(bad).unwrap();
            let expected = Err(Error::NonFinite { name: "X", row, column, kind });
            for (layout, stored) in layouts(&matrix) {
                if layout == "reversed" {
                    continue;
                }
                let rows = Rows::F64(view(layout, &stored));
                assert_eq!(rows.check_finite("X", &Context::inline()), expected, "{layout}");
                let pool = Pool::lease(3).unwrap();
                assert_eq!(pool.run(|context| rows.check_finite("X", context)), expected);
                let single = stored.mapv(|value| value as f32);
                let narrow = match layout {
                    "strided" => single.slice(s![..;2, ..;3]),
                    _ => single.view(),
                };
                assert_eq!(Rows::F32(narrow).check_finite("X", &Context::inline()), expected);
            }
        }
    }
}

#[test]
fn the_last_values_are_looked_at_too() {
    for (row, column) in [(2, 4), (2, 0), (0, 3)] {
        let mut matrix = numbers(3, 5);
        matrix[[row, column]] = f64::NAN;
        let expected = Err(Error::NonFinite { name: "X", row, column, kind: NonFiniteKind::Nan });
        for (layout, stored) in layouts(&matrix).into_iter().take(3) {
            let rows = Rows::F64(view(layout, &stored));
            assert_eq!(rows.check_finite("X", &Context::inline()), expected, "{layout}");
        }
    }
}

#[test]
fn huge_finite_values_pass() {
    let mut matrix = numbers(3000, 4);
    matrix.fill(f64::MAX);
    for (layout, stored) in layouts(&matrix) {
        let rows = Rows::F64(view(layout, &stored));
        assert_eq!(rows.check_finite("X", &Context::inline()), Ok(()), "{layout}");
    }
    let narrow = Array2::from_elem((3000, 4), f32::MIN);
    assert_eq!(Rows::F32(narrow.view()).check_finite("X", &Context::inline()), Ok(()));
}

#[test]
fn empty_matrices_are_fine() {
    for shape in [(0, 0), (0, 3), (3, 0)] {
        let matrix = Array2::<f64>::zeros(shape);
        let rows = Rows::F64(matrix.view());
        assert_eq!(rows.check_finite("X", &Context::inline()), Ok(()));
        assert_eq!(rows.row_block(0..0).n_rows(), 0);
    }
}
