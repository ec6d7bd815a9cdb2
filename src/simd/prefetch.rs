//! Memory that is fetched before it is read.

/// Asks for memory that will be read soon: blocks are read in bursts between long computations,
/// which is too irregular for the hardware to foresee.
#[inline(always)]
pub fn prefetch<T>(values: &[T]) {
    let mut lines = Lines::of(values);
    while lines.count > 0 {
        lines.prefetch(1);
    }
}

/// Cache lines that will be read soon, to be asked for one by one while something is computed.
#[derive(Clone, Copy, Debug)]
pub struct Lines {
    next: *const u8,
    count: usize,
}

impl Lines {
    /// None.
    pub const NONE: Self = Self { next: std::ptr::null(), count: 0 };

    /// Those of some values.
    #[must_use]
    pub fn of<T>(values: &[T]) -> Self {
        Self::at(values.as_ptr().cast(), size_of_val(values).div_ceil(64))
    }

    /// Some from an address on, which need not be that of anything.
    #[must_use]
    pub fn at(start: *const u8, count: usize) -> Self {
        Self { next: start, count }
    }

    /// One of several parts of about the same size.
    #[inline(always)]
    pub fn part(&self, part: usize, parts: usize) -> Self {
        let size = self.count / parts;
        Self { next: self.next.wrapping_add(64 * size * part), count: size }
    }

    /// Asks for the next `count` ones, if there are as many.
    #[inline(always)]
    pub fn prefetch(&mut self, count: usize) {
        if self.count < count {
            return;
        }
        #[cfg(target_arch = "x86_64")]
        for line in 0..count {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            // SAFETY: a prefetch accesses no memory as far as the program can tell, whatever the
            // address, and SSE is in the baseline of x86-64.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(self.next.wrapping_add(64 * line).cast()) };
        }
        self.next = self.next.wrapping_add(64 * count);
        self.count -= count;
    }
}
