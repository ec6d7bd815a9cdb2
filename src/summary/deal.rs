//! Values dealt to buffers, each of which is taken when it is full.
//!
//! The vector kernels want blocks of values of like sizes; these come mixed.

use std::ops::Range;

/// Some buffers of one capacity, side by side in memory.
#[derive(Clone, Debug)]
pub(super) struct Buffers {
    /// A power of two.
    capacity: usize,
    /// Where the next value of each buffer goes, as an index into all of them.
    next: Vec<u32>,
    values: Vec<f64>,
}

impl Buffers {
    /// So many, of that capacity.
    ///
    /// # Panics
    ///
    /// If the capacity is not a power of two: a bug in the caller.
    pub(super) fn new(capacity: usize, count: usize) -> Self {
        assert!(capacity.is_power_of_two(), "a buffer is full when some bits are zero");
        let next = (0..count).map(|buffer| (buffer * capacity) as u32).collect();
        Self { capacity, next, values: vec![0.0; count * capacity] }
    }

    /// Values by their places.
    pub(super) fn values(&self, places: Range<usize>) -> &[f64] {
        &self.values[places]
    }

    /// The same buffers, to deal many values to.
    pub(super) fn dealing(&mut self) -> Dealing<'_> {
        Dealing { next: &mut self.next, values: &mut self.values, capacity: self.capacity }
    }

    /// Empties a buffer. Returns where its values are.
    pub(super) fn empty(&mut self, buffer: usize) -> Range<usize> {
        let start = buffer * self.capacity;
        let end = std::mem::replace(&mut self.next[buffer], start as u32);
        start..end as usize
    }
}

/// [`Buffers`] taken apart, so that a loop keeps in registers where they are.
pub(super) struct Dealing<'b> {
    /// Each within the range of its own buffer.
    next: &'b mut [u32],
    values: &'b mut [f64],
    capacity: usize,
}

impl Dealing<'_> {
    /// Puts a value into a buffer; if that is full now, hands its values to `full` and empties it.
    #[inline(always)]
    pub(super) fn put(&mut self, buffer: usize, value: f64, full: &mut impl FnMut(usize, &[f64])) {
        let next = &mut self.next[buffer];
        let place = *next as usize;
        debug_assert!(place < self.values.len(), "a place is in its buffer");
        // SAFETY: `next` of buffer b is in b·capacity..(b + 1)·capacity: it begins there, grows by
        // one at a time and only here, and goes back to the beginning when it gets to the end, in
        // the lines below. And there are as many values as buffers times the capacity.
        unsafe { *self.values.get_unchecked_mut(place) = value };
        *next = place as u32 + 1;
        if (place + 1) & (self.capacity - 1) == 0 {
            let start = place + 1 - self.capacity;
            *next = start as u32;
            full(buffer, &self.values[start..=place]);
        }
    }
}
