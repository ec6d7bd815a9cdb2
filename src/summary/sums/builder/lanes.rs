//! Exact sums of eight columns at once.

use super::{Extremes, SumsBuilder, signed_zeros};
use crate::simd::Lines;
use crate::summary::sums::peel::{
    Origins, Source, Window, extent, extent_without_zeros, max_abs, peel,
};

/// Peels blocks of eight columns off, one in each lane.
#[derive(Default)]
pub struct Lanes {
    /// Those of the windows that are open in the builders, lane by lane.
    windows: Option<([Window; 8], Origins)>,
}

impl Lanes {
    /// Adds a block of at most 256 rows, each lane to its builder, and returns the extremes.
    ///
    /// Lanes that are not wanted are not added; `ahead` is fetched meanwhile. `None`, and then
    /// nothing was added, if a lane holds NaN, an infinity, or sizes that no window covers.
    pub fn add(
        &mut self,
        rows: impl Source,
        ahead: Lines,
        wanted: &[bool; 8],
        builders: &mut [&mut SumsBuilder; 8],
    ) -> Option<[Extremes; 8]> {
        let mut extent = extent(rows);
        if extent.min_abs.contains(&0.0) {
            extent = extent_without_zeros(rows);
        }
        for lane in 0..8 {
            let largest = max_abs(extent.min[lane], extent.max[lane]);
            let fits = largest.is_finite() && builders[lane].sums.higher.is_none();
            if !(fits && builders[lane].open_window(extent.min_abs[lane], largest)) {
                return None;
            }
        }
        let found = peel(rows, ahead, self.origins(builders)?)?;
        for (lane, builder) in builders.iter_mut().enumerate() {
            let open = builder.open.as_mut().filter(|_| wanted[lane]);
            for (sum, lanes) in open.into_iter().flat_map(|open| open.sums.iter_mut().zip(&found)) {
                *sum += i128::from(lanes[lane]);
            }
        }
        Some(std::array::from_fn(|lane| {
            let (min, max) = (extent.min[lane], extent.max[lane]);
            if min == 0.0 || max == 0.0 {
                // SAFETY: there are as many rows.
                let value = |row| unsafe { rows.get(row) }[lane];
                let column: Vec<f64> = (0..rows.len()).map(value).collect();
                signed_zeros(min, max, &column)
            } else {
                (min, max)
            }
        }))
    }

    /// Those of the builders' windows, brought up to date.
    fn origins(&mut self, builders: &[&mut SumsBuilder; 8]) -> Option<&Origins> {
        let mut windows = [builders[0].open.as_ref()?.window; 8];
        for (window, builder) in windows.iter_mut().zip(builders) {
            *window = builder.open.as_ref()?.window;
        }
        let (known, origins) =
            self.windows.get_or_insert_with(|| ([windows[0]; 8], Origins::of(windows[0])));
        for (lane, (known, window)) in known.iter_mut().zip(windows).enumerate() {
            if *known != window {
                *known = window;
                origins.set(lane, window);
            }
        }
        Some(origins)
    }
}
