//! Summaries of numbers: monoids whose laws hold to the last bit.
//!
//! The state of a [`Summary`] is a function of the multiset of its values, so that blocks,
//! threads, chunks of a file and machines may be merged in any order and grouping. Sums are exact
//! integers inside; what is read from them is rounded once.
//!
//! | file | what it holds |
//! |---|---|
//! | `summary.rs`, `parts.rs` | [`Summary`], and what it consists of: merges, reads |
//! | `settings.rs`, `bytes.rs` | what is kept, and its encoding |
//! | `sums/` | exact sums of powers and of products |
//! | `weighted.rs` | real weights |
//! | `best.rs` | the N smallest or largest values and whose they are |
//! | `prefixes.rs` | quantiles as fine as the values are spread |
//! | `sketch.rs` | quantiles to a relative error |
//! | `quantile.rs` | ranks and interpolation of both |
//! | `histogram.rs` | counts between edges |
//! | `distinct.rs`, `texts.rs` | the number of distinct values, and of texts |
//! | `column.rs`, `number.rs` | input: columns as they lie in memory, exact numbers |
//! | `accumulate.rs`, `columns.rs`, `reader.rs`, `octets.rs` | the pass over columns |
//! | `groups.rs`, `keys.rs`, `dealer.rs`, `runs.rs` | the pass over groups |
//! | `states.rs`, `short.rs` | very many summaries side by side, in few bytes |
//! | `subtract.rs` | what is left when values are taken away, and what shows that they were not there |
//! | `deal.rs` | values dealt to buffers |
//! | `joint.rs` | [`Joint`]: sums of products of columns |
//! | `exact.rs`, `reads.rs`, `weighted_reads.rs`, `joint_reads.rs` | statistics, correctly rounded |
//! | `whole.rs` | reads of whole numbers that stand for times or decimals |

mod accumulate;
mod best;
mod bytes;
mod column;
mod columns;
mod deal;
mod dealer;
mod distinct;
mod exact;
mod groups;
mod histogram;
mod joint;
mod joint_reads;
mod keys;
mod number;
mod octets;
mod parts;
mod prefixes;
mod quantile;
mod reader;
mod reads;
mod runs;
mod settings;
mod short;
mod sketch;
mod states;
mod subtract;
#[expect(clippy::module_inception, reason = "the room is named after its main type")]
mod summary;
mod sums;
mod texts;
mod weighted;
mod weighted_reads;
mod whole;

pub use best::{Best, Id};
pub use column::{Bits, Column, Ids, Values, Weights};
pub use columns::summarize_columns;
pub use distinct::Distinct;
pub use exact::Exact;
pub use groups::{Groups, Stretch, summarize_groups};
pub use histogram::Histogram;
pub use joint::Joint;
pub use joint_reads::{JointReads, Line};
pub use number::Number;
pub use parts::Counts;
pub use prefixes::PrefixSketch;
pub use quantile::{Known, Method};
pub use settings::Settings;
pub use sketch::Sketch;
pub use states::State;
pub use summary::Summary;
pub use texts::{TextCodes, TextTally};
pub use weighted::WeightKind;
pub use whole::Statistic;
