//! Densities that are built in, evaluated over vectors of walkers.
//!
//! A new one is a new file with a type that is [`Vectorised`], and a line in `src/python/walkers`.
//!
//! | file | what it holds |
//! |---|---|
//! | `gaussians.rs` | sums of a few Gaussians in the plane: the three of the notebook |
//! | `mixture.rs` | fitted Gaussian mixtures |
//! | `banana.rs`, `funnel.rs`, `eight_schools.rs`, `ring.rs`, `egg_box.rs`, `flat.rs` | what their names say |
//! | `cosine.rs` | cos x over vectors |

mod banana;
mod cosine;
mod egg_box;
mod eight_schools;
mod flat;
mod funnel;
mod gaussians;
mod mixture;
mod ring;

pub use banana::Banana;
pub use cosine::cos_each;
pub use egg_box::EggBox;
pub use eight_schools::{EFFECTS, ERRORS, EightSchools};
pub use flat::Flat;
pub use funnel::Funnel;
pub use gaussians::Gaussians;
pub use mixture::{Diagonal, MixtureDensity, Triangular, Whitening};
pub use ring::Ring;

use crate::simd::{Lanes64, Vector};

/// A log-density over vectors of walkers.
pub trait Vectorised: Send + Sync {
    /// Whether [`Value::factor`] is anything but 1.
    const FACTOR: bool;

    /// Number of coordinates.
    fn n_dims(&self) -> usize;

    /// About how long one value takes on one thread.
    fn nanoseconds(&self) -> f64 {
        10.0 + self.n_dims() as f64
    }

    /// ln p at `8 P` points: coordinate j of the points is `points[j * P..][..P]`.
    ///
    /// Must be `#[inline(always)]`, and so must be everything it calls: see [`crate::simd`].
    /// Where a coordinate is not finite the result may be anything but +∞.
    fn evaluate<V: Vector<Scalar = f64, Lanes = Lanes64>, const P: usize>(
        &self,
        token: V::Token,
        points: &[Lanes64],
    ) -> Value<V, P>;
}

/// A density as `factor · exp(exponent)`, with a moderate positive factor: a sum of exponentials
/// relative to the largest, say. Two of these are compared without a logarithm.
#[derive(Clone, Copy)]
pub struct Value<V, const P: usize> {
    /// The exponent, finite or −∞.
    pub exponent: [V; P],
    /// The factor; all ones where [`Vectorised::FACTOR`] is false.
    pub factor: [V; P],
}

impl<V: Vector<Scalar = f64>, const P: usize> Value<V, P> {
    /// A density that is eˣ of its exponent.
    #[inline(always)]
    pub fn of_exponent(token: V::Token, exponent: [V; P]) -> Self {
        Self { exponent, factor: [V::splat(token, 1.0); P] }
    }
}
