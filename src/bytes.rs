//! Bytes that travel. `docs/bytes.md` specifies them.
//!
//! | file | what it holds |
//! |---|---|
//! | `envelope.rs` | what is around every payload: its kind, version, length and checksum |
//! | `kind.rs` | the kinds there are, and their versions |
//! | `codec.rs` | what payloads consist of |

mod codec;
mod envelope;
mod kind;

pub use codec::{Reader, Writer};
pub use envelope::{Opened, append_field, open, open_fields, peek, seal, seal_fields};
pub use kind::Kind;
