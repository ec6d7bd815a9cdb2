//! Values dealt to buffers, each of which is taken when it is full.
//!
//! The vector kernels want blocks of like values; these come mixed, by group or by size.

use std::ops::Range;

use crate::error::Error;
use crate::memory;

/// What the memory is for, in errors.
pub(super) const WHAT: &str = "the values of the groups";

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
    /// None yet, of that capacity.
    ///
    /// # Panics
    ///
    /// If the capacity is not a power of two: a bug in the caller.
    pub(super) fn new(capacity: usize) -> Self {
        assert!(capacity.is_power_of_two(), "a buffer is full when some bits are zero");
        Self { capacity, next: Vec::new(), values: Vec::new() }
    }

    /// A fixed number of them.
    pub(super) fn full(capacity: usize, count: usize) -> Self {
        let next = (0..count).map(|buffer| (buffer * capacity) as u32).collect();
        Self { capacity, next, values: vec![0.0; count * capacity] }
    }

    /// Adds empty buffers until there are `count`.
    pub(super) fn extend_to(&mut self, count: usize) -> Result<(), Error> {
        let capacity = self.capacity;
        let known = self.next.len();
        memory::reserve(&mut self.next, count.saturating_sub(known), WHAT)?;
        memory::resize(&mut self.values, count.max(self.next.len()) * capacity, 0.0, WHAT)?;
        self.next.extend((known..count).map(|buffer| (buffer * capacity) as u32));
        Ok(())
    }

    /// Number of buffers.
    pub(super) fn len(&self) -> usize {
        self.next.len()
    }

    /// Values that a buffer holds.
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Puts a value into a buffer. Returns where it is among all values; and if the buffer is full
    /// now, where its values are: it counts as empty, and the next value overwrites the first.
    pub(super) fn put(&mut self, buffer: usize, value: f64) -> (usize, Option<Range<usize>>) {
        let place = self.next[buffer] as usize;
        let mut full = None;
        let start = buffer * self.capacity;
        self.dealing().put(buffer, value, &mut |_, values: &[f64]| {
            full = Some(start..start + values.len());
        });
        (place, full)
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
