//! Edges of bins, and which bin a number is in.

use std::hash::{Hash, Hasher};

use super::WHAT;
use crate::error::Error;
use crate::memory;

/// The edges of a histogram, and a short cut to the bin of a number.
#[derive(Clone, Debug)]
pub(super) struct Edges {
    /// At least two, finite, strictly increasing, without -0.0.
    pub(super) values: Box<[f64]>,
    /// Bins per unit, if the edges are so evenly spaced that a product finds the bin or one next
    /// to it.
    pub(super) density: Option<f64>,
}

impl Edges {
    /// Of values as they have to be, except for the sign of zeros.
    pub(super) fn new(mut values: Box<[f64]>) -> Self {
        for value in &mut values {
            *value += 0.0; // -0.0 becomes +0.0
        }
        let mut edges = Self { values, density: None };
        let density = edges.bins() as f64 / (edges.last() - edges.first());
        if density.is_normal() {
            // The guess does not decrease. If it is i - 1 or i for edge i, it is from i - 1 to
            // i + 1 for all that lies between this edge and the next.
            let near =
                |(i, &edge): (usize, _)| (i.max(1) - 1..=i).contains(&edges.guess(edge, density));
            let even = edges.values.iter().enumerate().all(near);
            edges.density = even.then_some(density);
        }
        edges
    }

    pub(super) fn bins(&self) -> usize {
        self.values.len() - 1
    }

    pub(super) fn first(&self) -> f64 {
        self.values[0]
    }

    pub(super) fn last(&self) -> f64 {
        self.values[self.bins()]
    }

    /// The bin of a number, if the edges were perfectly even. (To `u32` and no further, which is
    /// faster; so many bins would not count as even.)
    #[inline(always)]
    fn guess(&self, value: f64, density: f64) -> usize {
        ((value - self.values[0]) * density) as u32 as usize
    }

    /// Which count a number belongs to: 0 is below, 1 the first bin.
    pub(super) fn slot(&self, value: f64) -> usize {
        self.values.partition_point(|&edge| edge <= value) - usize::from(value == self.last())
    }

    /// [`Edges::slot`], from a guess that the edges themselves correct: this is exact as well.
    #[inline(always)]
    pub(super) fn slot_near(&self, value: f64, density: f64) -> usize {
        let edges = &*self.values;
        let bins = edges.len() - 1;
        // Sums instead of branches, which data would make hard to predict.
        let bin = self.guess(value, density).min(bins - 1);
        let leaves = (bin + 1 < bins) | (value > edges[bins]);
        let above = (value >= edges[bin + 1]) & leaves;
        bin + 1 + usize::from(above) - usize::from(value < edges[bin])
    }
}

/// The density is a function of the values. These are never NaN or -0.0: equality is that of bits.
impl PartialEq for Edges {
    fn eq(&self, other: &Self) -> bool {
        self.values == other.values
    }
}

impl Eq for Edges {}

impl Hash for Edges {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for value in &self.values {
            value.to_bits().hash(state);
        }
    }
}

/// What keeps these from being the edges of a histogram.
pub(super) fn fault(edges: &[f64]) -> Option<String> {
    if edges.len() < 2 {
        return Some(format!("needs at least two edges, found {}", edges.len()));
    }
    if let Some(i) = edges.iter().position(|edge| !edge.is_finite()) {
        return Some(format!("edges must be finite, but edge {i} is {}", edges[i]));
    }
    let i = edges.windows(2).position(|pair| pair[0] >= pair[1])?;
    Some(format!(
        "edges must be strictly increasing, but edge {} ({:?}) is not above edge {i} ({:?})",
        i + 1,
        edges[i + 1],
        edges[i]
    ))
}

/// The edges that are in both.
pub(super) fn common(left: &[f64], right: &[f64]) -> Result<Vec<f64>, Error> {
    let mut rest = right.iter().peekable();
    let is_in_right = |edge: &&f64| {
        while rest.next_if(|other| other < edge).is_some() {}
        rest.peek() == Some(edge)
    };
    let mut common = memory::with_capacity(left.len().min(right.len()), WHAT)?;
    common.extend(left.iter().filter(is_in_right));
    Ok(common)
}
