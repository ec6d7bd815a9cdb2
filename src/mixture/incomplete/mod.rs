//! Rows of which some values are missing at random: the same folds, of what is there.
//!
//! | file | what it holds |
//! |---|---|
//! | `pattern.rs` | which features of a row are there |
//! | `grouped.rs` | rows sorted by that |
//! | `marginal.rs` | a mixture of some of the features |
//! | `completed.rs` | statistics of what is there → expected statistics of all |
//! | `pass.rs` | one pass: rows in chunks → statistics |
//!
//! Rows in which the same features are there are rows of a smaller mixture, whose kernels give their
//! responsibilities and moments. The expected moments of all features, given what is there, are
//! linear in these (Ghahramani & Jordan 1994). No kernel knows of missing values.

mod completed;
mod grouped;
mod marginal;
mod pass;
mod pattern;

pub use pass::IncompletePass;

/// What memory is for, in errors.
const WHAT: &str = "rows with missing values";
