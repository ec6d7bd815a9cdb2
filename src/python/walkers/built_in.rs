//! The densities that are built in, by name.

use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayD};

use crate::error::Error;
use crate::fold::Stop;
use crate::mixture::{Geometry, Mixture};
use crate::walkers::densities::{
    Banana, EggBox, EightSchools, Flat, Funnel, Gaussians, MixtureDensity, Ring, Vectorised,
};
use crate::walkers::density::Density;
use crate::walkers::fused::BuiltIn;

type Shared = Arc<dyn Density>;

const NAMES: &str =
    "'three_gaussians', 'banana', 'funnel', 'eight_schools', 'ring', 'egg_box' and 'flat'";

/// The density of that name.
///
/// | name | parameters |
/// |---|---|
/// | `three_gaussians` | three weights, three means of two coordinates, three standard deviations |
/// | `banana` | b and the standard deviation of the first coordinate |
/// | `funnel` | the standard deviation of the first coordinate |
/// | `ring` | radius and width |
/// | `eight_schools`, `egg_box`, `flat` | none |
///
/// # Errors
///
/// [`Error::InvalidArgument`] naming what cannot be used.
pub(super) fn built_in(name: &str, parameters: &[f64], n_dims: usize) -> Result<Shared, Error> {
    match name {
        "three_gaussians" => {
            let [w0, w1, w2, m @ .., s0, s1, s2] = exactly::<12>(name, parameters)?;
            let means = [[m[0], m[1]], [m[2], m[3]], [m[4], m[5]]];
            share(name, Gaussians::new([w0, w1, w2], means, [s0, s1, s2])?, n_dims)
        }
        "banana" => {
            let [b, sd] = exactly(name, parameters)?;
            share(name, Banana::new(n_dims, b, sd)?, n_dims)
        }
        "funnel" => {
            let [sd] = exactly(name, parameters)?;
            share(name, Funnel::new(n_dims, sd)?, n_dims)
        }
        "ring" => {
            let [radius, width] = exactly(name, parameters)?;
            share(name, Ring::new(radius, width)?, n_dims)
        }
        "eight_schools" => {
            let [] = exactly(name, parameters)?;
            share(name, EightSchools::new(), n_dims)
        }
        "egg_box" => {
            let [] = exactly(name, parameters)?;
            share(name, EggBox, n_dims)
        }
        "flat" => {
            let [] = exactly(name, parameters)?;
            share(name, Flat(n_dims), n_dims)
        }
        _ => invalid("name", format!("must be one of {NAMES}, found {name:?}")),
    }
}

/// The density of a fitted Gaussian mixture. Covariances come with their precisions' factors,
/// which are all that it takes.
///
/// # Errors
///
/// [`Error::InvalidArgument`] or [`Error::Shape`] naming what cannot be used.
pub(super) fn mixture(
    weights: Array1<f64>,
    means: Array2<f64>,
    covariances: ArrayD<f64>,
    precisions_cholesky: ArrayD<f64>,
    geometry: Geometry,
    stop: &Stop,
) -> Result<Shared, Error> {
    let (k, d) = means.dim();
    let expected = geometry.shape(k, d);
    for (name, array) in
        [("covariances", &covariances), ("precisions_cholesky", &precisions_cholesky)]
    {
        if array.shape() != expected {
            let expected = format!("{expected:?} for {k} '{}' components", geometry.name());
            return Err(Error::Shape { name, expected, found: array.shape().to_vec() });
        }
    }
    if weights.len() != k {
        let expected = format!("({k},), one per row of means");
        return Err(Error::Shape { name: "weights", expected, found: vec![weights.len()] });
    }
    let model = Mixture::new(
        geometry,
        d,
        weights.into_raw_vec_and_offset().0,
        means.into_raw_vec_and_offset().0,
        precisions_cholesky.into_raw_vec_and_offset().0,
        stop,
    )?;
    Ok(if geometry.is_matrix() {
        Arc::new(BuiltIn(MixtureDensity::triangular(&model)?))
    } else {
        Arc::new(BuiltIn(MixtureDensity::diagonal(&model)?))
    })
}

fn exactly<const N: usize>(name: &str, parameters: &[f64]) -> Result<[f64; N], Error> {
    parameters.try_into().or_else(|_| {
        let message = format!("'{name}' has {N} parameters, found {}", parameters.len());
        invalid("parameters", message)
    })
}

fn share<D: Vectorised + 'static>(name: &str, density: D, n_dims: usize) -> Result<Shared, Error> {
    let expected = density.n_dims();
    if n_dims != expected {
        let message = format!("'{name}' has {expected} dimensions, found {n_dims}");
        return invalid("n_dims", message);
    }
    Ok(Arc::new(BuiltIn(density)))
}

fn invalid<T>(name: &'static str, message: String) -> Result<T, Error> {
    Err(Error::InvalidArgument { name, message })
}
