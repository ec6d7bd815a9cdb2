//! Where EM starts: first statistics by k-means, k-means++ or chance.
//!
//! | file | what it holds |
//! |---|---|
//! | `draw.rs` | rows drawn without replacement |
//! | `seeding.rs` | k-means++ |
//! | `lloyd.rs` | k-means |
//!
//! Everything is a function of the rows, the weights and the seeds. Restarts share their passes.

mod draw;
mod lloyd;
mod seeding;

use ndarray::ArrayView1;

use super::STARTS as WHAT;
use super::geometry::Geometry;
use super::pass::{Responsibilities, statistics};
use super::present::{Present, positive};
use super::sample::Sample;
use super::statistics::MixtureStatistics;
use super::value::Mixture;
use crate::error::Error;
use crate::fold::Context;
use crate::memory;
use crate::rows::Rows;

/// How the first responsibilities are made (scikit-learn's `init_params`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// 1 for the cluster found by k-means.
    Kmeans,
    /// 1 for rows chosen by k-means++, one per component; the other rows count for none.
    KmeansPlusPlus,
    /// Uniform random numbers, normalised.
    Random,
    /// As `KmeansPlusPlus`, of rows drawn at random.
    RandomFromData,
}

impl Method {
    /// All methods.
    pub const ALL: [Self; 4] =
        [Self::Kmeans, Self::KmeansPlusPlus, Self::Random, Self::RandomFromData];

    /// scikit-learn's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Kmeans => "kmeans",
            Self::KmeansPlusPlus => "k-means++",
            Self::Random => "random",
            Self::RandomFromData => "random_from_data",
        }
    }

    /// The method of that name.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if there is none.
    pub fn from_name(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|method| method.name() == name).ok_or_else(|| {
            Error::InvalidArgument {
                name: "init_params",
                message: format!(
                    "must be 'kmeans', 'k-means++', 'random' or 'random_from_data', found {name:?}"
                ),
            }
        })
    }
}

/// What every way to start reads.
#[derive(Clone, Copy)]
struct Input<'i, 'a> {
    context: &'i Context,
    sample: &'i Sample<'a>,
    rows: Rows<'i>,
    weights: Option<ArrayView1<'i, f64>>,
}

impl<'i, 'a> Input<'i, 'a> {
    fn of(context: &'i Context, sample: &'i Sample<'a>) -> Self {
        Self { context, sample, rows: sample.rows(), weights: sample.weights() }
    }

    fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[row])
    }

    fn row(&self, row: usize) -> Result<Vec<f64>, Error> {
        let mut values = memory::filled(self.rows.n_columns(), 0.0, WHAT)?;
        self.rows.copy_row(row, &mut values);
        Ok(values)
    }

    fn statistics(
        &self,
        models: &[&Mixture],
        responsibilities: Responsibilities<'_>,
    ) -> Result<Vec<MixtureStatistics>, Error> {
        statistics(self.context, self.sample, models, responsibilities)
    }

    /// Statistics that count each row for the nearest of the centres.
    fn nearest(
        &self,
        geometry: Geometry,
        centers: impl IntoIterator<Item = Vec<f64>>,
    ) -> Result<Vec<MixtureStatistics>, Error> {
        let d = self.rows.n_columns();
        let model = |centers| Mixture::of_centers(geometry, d, centers);
        let models: Vec<Mixture> = memory::gathered(centers.into_iter().map(model), WHAT)?;
        let models = memory::collected(models.iter(), WHAT)?;
        self.statistics(&models, Responsibilities::Nearest)
    }

    /// The mean of the rows and the mean variance of their columns.
    fn mean_and_variance(&self) -> Result<(Vec<f64>, f64), Error> {
        // Moments about one of the rows lose nothing if all of them lie far from the origin.
        let amid = (0..self.rows.n_rows()).find(|&row| self.weight(row) > 0.0).unwrap_or(0);
        let folded = self.nearest(Geometry::Spherical, [self.row(amid)?])?;
        let moments = folded.first().and_then(|statistics| statistics.model.as_ref());
        let moments = moments.ok_or_else(|| Error::Bug("a pass lost its model".into()))?;
        let mean = moments.means()?;
        let scatter = moments.about(&mean, self.context.stop())?.scatter[0];
        let values = moments.counts[0] * self.rows.n_columns() as f64;
        Ok((mean, (scatter / values).max(0.0)))
    }

    /// As many rows that count as there are components, and something to see in them.
    fn check(&self, n_components: usize) -> Result<(), Error> {
        let (n, d) = (self.rows.n_rows(), self.rows.n_columns());
        if d == 0 {
            let expected = "at least one column".into();
            return Err(Error::Shape { name: "X", expected, found: vec![n, d] });
        }
        let counting = self.weights.map_or(n, positive);
        let found = match self.weights {
            None => "",
            Some(_) => " (rows of positive sample_weight)",
        };
        let message = if n_components == 0 {
            "must be at least 1, found 0".into()
        } else if counting < n_components {
            format!(
                "Expected n_samples >= n_components but got n_components = {n_components}, \
                 n_samples = {counting}{found}"
            )
        } else {
            return Ok(());
        };
        Err(Error::InvalidArgument { name: "n_components", message })
    }
}

/// The statistics that EM starts from, one per seed; all of them share each pass over the rows.
///
/// The total weight is that of all rows, whichever of them count for a component.
///
/// # Errors
///
/// [`Error::InvalidArgument`] if fewer rows have a positive weight than there are components,
/// [`Error::Shape`] if the rows have no columns, [`Error::Interrupted`] if the stop flag was raised.
pub fn initial_statistics(
    context: &Context,
    sample: &Sample<'_>,
    n_components: usize,
    geometry: Geometry,
    method: Method,
    seeds: &[u64],
) -> Result<Vec<MixtureStatistics>, Error> {
    let input = Input::of(context, sample);
    input.check(n_components)?;
    match method {
        Method::Kmeans => {
            let chosen = seeding::choose(input, n_components, seeds)?;
            let starts = chosen.iter().map(|rows| centers_at(input, rows));
            let starts = memory::gathered(starts, WHAT)?;
            input.nearest(geometry, lloyd::lloyd(input, starts)?)
        }
        Method::KmeansPlusPlus => {
            let chosen = seeding::choose(input, n_components, seeds)?;
            of_rows(input, geometry, &chosen)
        }
        Method::Random => random(input, n_components, geometry, seeds),
        Method::RandomFromData => {
            let chosen = draw::rows(input, n_components, seeds)?;
            of_rows(input, geometry, &chosen)
        }
    }
}

/// Random responsibilities; second moments about the mean of all rows, where the means will be.
fn random(
    input: Input<'_, '_>,
    n_components: usize,
    geometry: Geometry,
    seeds: &[u64],
) -> Result<Vec<MixtureStatistics>, Error> {
    let (mean, _) = input.mean_and_variance()?;
    let centers = memory::repeated(&mean, n_components, WHAT)?;
    let model = Mixture::of_centers(geometry, mean.len(), centers)?;
    let models = memory::collected(seeds.iter().map(|_| &model), WHAT)?;
    let present = &Present::of(input.rows.partition(), input.weights);
    input.statistics(&models, Responsibilities::Random { seeds, present })
}

/// The given rows, one after the other.
fn centers_at(input: Input<'_, '_>, rows: &[usize]) -> Result<Vec<f64>, Error> {
    let d = input.rows.n_columns();
    let mut centers = memory::filled(memory::product(&[rows.len(), d], WHAT)?, 0.0, WHAT)?;
    for (center, &row) in centers.chunks_exact_mut(d).zip(rows) {
        input.rows.copy_row(row, center);
    }
    Ok(centers)
}

/// Statistics in which each chosen row counts for a component of its own.
fn of_rows(
    input: Input<'_, '_>,
    geometry: Geometry,
    chosen: &[Vec<usize>],
) -> Result<Vec<MixtureStatistics>, Error> {
    let total = input.weights.map_or(input.rows.n_rows() as f64, |weights| weights.iter().sum());
    let of = |rows: &Vec<usize>| {
        let centers = centers_at(input, rows)?;
        let d = input.rows.n_columns();
        let mut statistics = MixtureStatistics::zeros(geometry, d, centers)?;
        if let Some(moments) = &mut statistics.model {
            for (count, &row) in moments.counts.iter_mut().zip(rows) {
                *count = input.weight(row);
            }
        }
        statistics.n_rows = input.weights.map_or(input.rows.n_rows(), positive) as u64;
        statistics.total_weight = total;
        Ok(statistics)
    };
    memory::gathered(chosen.iter().map(of), WHAT)
}
