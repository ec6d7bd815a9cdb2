//! Results with one row per input row, cut along the same blocks as the input.

/// Something that can be cut at a row, so that each block owns its part.
///
/// Implemented for [`RowsMut`], for `()` (no output) and for tuples of outputs.
pub trait Output: Send + Sized {
    /// Whether there is one output row for each of `rows` input rows.
    fn has_rows(&self, rows: usize) -> bool;

    /// The first `row` rows and the rest.
    ///
    /// # Panics
    ///
    /// If there are fewer than `row` rows.
    fn split_at_row(self, row: usize) -> (Self, Self);
}

/// Consecutive rows of `width` values each, stored row by row.
#[derive(Debug)]
pub struct RowsMut<'a, T> {
    values: &'a mut [T],
    width: usize,
    rows: usize,
}

impl<'a, T> RowsMut<'a, T> {
    /// Sees `values` as `rows` rows.
    ///
    /// # Panics
    ///
    /// If `values` does not hold `rows × width` values.
    #[must_use]
    pub fn new(values: &'a mut [T], rows: usize, width: usize) -> Self {
        assert_eq!(Some(values.len()), rows.checked_mul(width), "an output has {rows} × {width}");
        Self { values, width, rows }
    }

    /// One value per row.
    #[must_use]
    pub fn column(values: &'a mut [T]) -> Self {
        Self { rows: values.len(), width: 1, values }
    }

    /// Number of values per row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// All values, row by row.
    pub fn values(&mut self) -> &mut [T] {
        self.values
    }

    /// The values of one row.
    pub fn row(&mut self, row: usize) -> &mut [T] {
        &mut self.values[row * self.width..(row + 1) * self.width]
    }
}

impl<T: Send> Output for RowsMut<'_, T> {
    fn has_rows(&self, rows: usize) -> bool {
        self.rows == rows
    }

    fn split_at_row(self, row: usize) -> (Self, Self) {
        assert!(row <= self.rows, "cannot cut {} rows at {row}", self.rows);
        let (left, right) = self.values.split_at_mut(row * self.width);
        (
            Self { values: left, width: self.width, rows: row },
            Self { values: right, width: self.width, rows: self.rows - row },
        )
    }
}

impl Output for () {
    fn has_rows(&self, _rows: usize) -> bool {
        true
    }

    fn split_at_row(self, _row: usize) -> (Self, Self) {
        ((), ())
    }
}

impl<A: Output, B: Output> Output for (A, B) {
    fn has_rows(&self, rows: usize) -> bool {
        self.0.has_rows(rows) && self.1.has_rows(rows)
    }

    fn split_at_row(self, row: usize) -> (Self, Self) {
        let (left, right) = (self.0.split_at_row(row), self.1.split_at_row(row));
        ((left.0, right.0), (left.1, right.1))
    }
}

/// For outputs that are optional.
impl<A: Output> Output for Option<A> {
    fn has_rows(&self, rows: usize) -> bool {
        self.as_ref().is_none_or(|output| output.has_rows(rows))
    }

    fn split_at_row(self, row: usize) -> (Self, Self) {
        match self {
            None => (None, None),
            Some(output) => {
                let (left, right) = output.split_at_row(row);
                (Some(left), Some(right))
            }
        }
    }
}
