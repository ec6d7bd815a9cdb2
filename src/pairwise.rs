//! Sums over all pairs of rows, and plain sums.
//!
//! | file | what it holds |
//! |---|---|
//! | `compensated.rs` | sums good to the last bits |
//! | `line.rs` | one column: sorted rows instead of pairs |
//! | `tiles.rs` | any number of columns: pairs, tile by tile |

mod compensated;
mod line;
mod tiles;

use compensated::{Accumulator, Compensated};

use crate::error::Error;
use crate::fold::{Context, Partition};
use crate::memory;
use crate::rows::Rows;
use crate::with_rows;

/// What [`pairwise_sum`] adds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PairwiseKernel {
    /// x·y.
    Product,
    /// exp(−γ|x−y|²).
    Rbf,
    /// exp(−γ|x−y|₁), with the sum of the absolute differences.
    Laplacian,
    /// The Euclidean |x−y|.
    Distance,
}

impl PairwiseKernel {
    /// All kernels.
    pub const ALL: [Self; 4] = [Self::Product, Self::Rbf, Self::Laplacian, Self::Distance];

    /// Its name in Python.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Product => "product",
            Self::Rbf => "rbf",
            Self::Laplacian => "laplacian",
            Self::Distance => "distance",
        }
    }

    /// The kernel of that name.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if there is none.
    pub fn from_name(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|kernel| kernel.name() == name).ok_or_else(|| {
            Error::InvalidArgument {
                name: "kernel",
                message: format!(
                    "must be 'product', 'rbf', 'laplacian' or 'distance', found {name:?}"
                ),
            }
        })
    }
}

/// Σᵢⱼ K(xᵢ, yⱼ) over all pairs of a row of `x` and a row of `y`; y = x where it is `None`.
///
/// * `Product` is (Σx)·(Σy): O(n).
/// * `Distance` and `Laplacian` of one column sort the rows and walk along them: O(n log n). This
///   is algebra, not approximation: every pair is counted.
/// * Everything else evaluates the pairs, tile by tile; with y = x each of them once.
///
/// `gamma` matters for `Rbf` and `Laplacian` only. The rows must be finite.
///
/// # Errors
///
/// [`Error::Shape`] if `x` and `y` differ in columns, [`Error::InvalidArgument`] if `gamma` is
/// negative or not finite where it matters, [`Error::Interrupted`] if the stop flag was raised.
pub fn pairwise_sum(
    context: &Context,
    x: Rows<'_>,
    y: Option<Rows<'_>>,
    kernel: PairwiseKernel,
    gamma: f64,
) -> Result<f64, Error> {
    let (x, y) = (shorten(x), y.map(shorten));
    let columns = x.n_columns();
    if let Some(y) = y
        && y.n_columns() != columns
    {
        let found = vec![y.n_rows(), y.n_columns()];
        return Err(Error::Shape {
            name: "Y",
            expected: format!("{columns} columns, as X"),
            found,
        });
    }
    if matches!(kernel, PairwiseKernel::Rbf | PairwiseKernel::Laplacian) {
        if !(gamma.is_finite() && gamma >= 0.0) {
            let message = format!("must be finite and not negative, found {gamma:?}");
            return Err(Error::InvalidArgument { name: "gamma", message });
        }
        if gamma == 0.0 || columns == 0 {
            return Ok(x.n_rows() as f64 * y.unwrap_or(x).n_rows() as f64);
        }
    }
    let unscaled = || memory::filled(columns, 1.0, "scales of columns");
    match kernel {
        PairwiseKernel::Product => product(context, x, y),
        PairwiseKernel::Rbf => tiles::sum(context, x, y, tiles::Rbf { gamma }, &unscaled()?),
        PairwiseKernel::Laplacian if columns == 1 => line::laplacian(context, x, y, gamma),
        PairwiseKernel::Laplacian => {
            tiles::sum(context, x, y, tiles::Laplacian { gamma }, &unscaled()?)
        }
        PairwiseKernel::Distance if columns == 1 => line::distance(context, x, y),
        PairwiseKernel::Distance => tiles::distance(context, x, y),
    }
}

/// The same rows, borrowed for less long: views do not do that by themselves.
fn shorten<'short, 'long: 'short>(rows: Rows<'long>) -> Rows<'short> {
    match rows {
        Rows::F64(view) => Rows::F64(view.reborrow()),
        Rows::F32(view) => Rows::F32(view.reborrow()),
    }
}

/// (Σx)·(Σy).
fn product(context: &Context, x: Rows<'_>, y: Option<Rows<'_>>) -> Result<f64, Error> {
    let x_sums = column_sums(context, x)?;
    let y_sums = match y {
        Some(y) => column_sums(context, y)?,
        None => memory::copied(&x_sums, "the sums of the columns")?,
    };
    let mut total = Compensated::default();
    x_sums.iter().zip(&y_sums).for_each(|(x, y)| total.add(x * y));
    Ok(total.value())
}

fn column_sums(context: &Context, x: Rows<'_>) -> Result<Vec<f64>, Error> {
    let sums: Vec<Compensated> =
        context.fold(&Partition::of_rows(x.n_rows(), x.n_columns()), |range| {
            let block = x.row_block(range);
            with_rows!(block, view => {
                let sums = view.columns().into_iter().map(|column| {
                    let mut sum = Accumulator::default();
                    sum.extend(column);
                    sum.finish()
                });
                memory::collected(sums, "the sums of the columns")
            })
        })?;
    // The fold of no rows at all knows no columns.
    let sum = |j| sums.get(j).map_or(0.0, Compensated::value);
    memory::collected((0..x.n_columns()).map(sum), "the sums of the columns")
}

/// The number of values and their sum, as accurate as if added with twice the digits.
///
/// # Errors
///
/// [`Error::Interrupted`] if the stop flag was raised.
pub fn count_and_sum(context: &Context, x: Rows<'_>) -> Result<(u64, f64), Error> {
    let sum = context.fold(&Partition::of_rows(x.n_rows(), x.n_columns()), |range| {
        let block = x.row_block(range);
        let mut sum = Accumulator::default();
        with_rows!(block, view => sum.extend_rows(view));
        Ok(sum.finish())
    })?;
    Ok((x.n_rows() as u64 * x.n_columns() as u64, sum.value()))
}
