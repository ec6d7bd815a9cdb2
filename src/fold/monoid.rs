//! What can be merged.

use crate::error::Error;
use crate::memory;

/// A set with an associative merge and an identity.
///
/// Laws, up to rounding: `a.merge(identity) == a`, `identity.merge(a) == a`, and
/// `(a.merge(b)).merge(c) == a.merge(b.merge(c))`. A merge need not be commutative: folds keep
/// the order of the rows.
pub trait Monoid: Sized {
    /// The result for no rows at all.
    fn identity() -> Self;

    /// Adds `other`, which stands for the rows after those of `self`.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if the result does not fit; what `self` is then, nobody should read.
    fn merge(&mut self, other: &Self) -> Result<(), Error>;
}

/// For kernels which only write their [`Output`](super::Output).
impl Monoid for () {
    fn identity() -> Self {}

    fn merge(&mut self, (): &Self) -> Result<(), Error> {
        Ok(())
    }
}

/// Two results of one pass.
impl<A: Monoid, B: Monoid> Monoid for (A, B) {
    fn identity() -> Self {
        (A::identity(), B::identity())
    }

    fn merge(&mut self, other: &Self) -> Result<(), Error> {
        self.0.merge(&other.0)?;
        self.1.merge(&other.1)
    }
}

/// One result per task sharing a pass; the identity is the empty vector.
///
/// # Panics
///
/// If two non-empty vectors of different lengths are merged: a bug in the kernel.
impl<A: Monoid> Monoid for Vec<A> {
    fn identity() -> Self {
        Self::new()
    }

    fn merge(&mut self, other: &Self) -> Result<(), Error> {
        if self.is_empty() {
            memory::reserve(self, other.len(), "partial results")?;
            self.resize_with(other.len(), A::identity);
        }
        if !other.is_empty() {
            assert_eq!(self.len(), other.len(), "partials of one pass have one length");
            for (left, right) in self.iter_mut().zip(other) {
                left.merge(right)?;
            }
        }
        Ok(())
    }
}
