//! Exponentials and logarithms of arrays, for what Python does with densities.

use std::ops::Range;

use crate::error::Error;
use crate::fold::{Context, Partition, RowsMut};
use crate::simd::{Kernel, Lanes, Lanes64, Level, Vector, dispatch, exp_of_any, ln};

/// Numbers taken at a time.
pub const LANES: usize = 8;

/// Reads up to eight numbers; the last one stands in for those that are not there.
#[inline(always)]
pub fn padded(values: &[f64]) -> [f64; LANES] {
    let mut lanes = [values[values.len() - 1]; LANES];
    lanes[..values.len()].copy_from_slice(values);
    lanes
}

/// eˣ, or the natural logarithm, of many numbers: the same bits on every machine.
///
/// # Errors
///
/// [`Error::Interrupted`] if stopped.
pub fn elementary(
    context: &Context,
    x: &[f64],
    logarithm: bool,
    out: &mut [f64],
) -> Result<(), Error> {
    let partition = Partition::new(x.len(), 8192);
    let write = |range: Range<usize>, mut out: RowsMut<'_, f64>| {
        context.check()?;
        dispatch(Elementary { x: &x[range], logarithm, out: out.values() });
        Ok(())
    };
    context.for_each_chunk(&partition, RowsMut::column(out), write)
}

struct Elementary<'a> {
    x: &'a [f64],
    logarithm: bool,
    out: &'a mut [f64],
}

impl Kernel for Elementary<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Level>(self, token: L) {
        for (x, out) in self.x.chunks(LANES).zip(self.out.chunks_mut(LANES)) {
            let mut lanes = Lanes64::ZERO;
            let x = padded(x);
            if self.logarithm {
                L::F64::load(token, &Lanes(x)).ln().store(&mut lanes);
                for (lane, &x) in lanes.0.iter_mut().zip(&x) {
                    if !x.is_normal() || x < 0.0 {
                        *lane = ln(x);
                    }
                }
            } else {
                exp_of_any(token, L::F64::load(token, &Lanes(x))).store(&mut lanes);
            }
            out.copy_from_slice(&lanes.0[..out.len()]);
        }
    }
}
