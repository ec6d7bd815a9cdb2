//! What a panic behind the door becomes: an error that says where it happened.

use std::any::Any;
use std::panic::{self, PanicHookInfo};
use std::sync::{Mutex, Once, PoisonError};

use crate::error::Error;

/// So many panics are remembered: of those that happen at the same time, each is looked up.
const REMEMBERED: usize = 16;

/// Messages of the last panics, and the files and lines they came from.
static SEEN: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

/// Remembers from now on where panics happen; they are reported on standard error as before.
pub(super) fn remember() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            note(info);
            before(info);
        }));
    });
}

fn note(info: &PanicHookInfo<'_>) {
    let Some(place) = info.location() else { return };
    let place = format!("{}:{}", place.file(), place.line());
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    if seen.len() == REMEMBERED {
        seen.remove(0);
    }
    seen.push((message_of(info.payload()), place));
}

/// The error for the payload of a panic. A panic of one thread may have been handed on by
/// another, so its place is found by its message.
pub(super) fn error_of(payload: &(dyn Any + Send)) -> Error {
    let message = message_of(payload);
    let seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    match seen.iter().rev().find(|(text, _)| *text == message) {
        Some((_, place)) if !place.starts_with(own_sources()) => {
            Error::Library { place: within_crate(place).to_owned(), message }
        }
        Some((_, place)) => Error::Bug(format!("{message} ({place})")),
        None => Error::Bug(message),
    }
}

/// What the names of our own files begin with, as the compiler was told to write them.
fn own_sources() -> &'static str {
    file!().trim_end_matches(|c| c != '/' && c != '\\').trim_end_matches("python/")
}

/// The file without the folder where its crate was unpacked.
fn within_crate(place: &str) -> &str {
    let unpacked = place.split_once("/registry/src/").and_then(|(_, rest)| rest.split_once('/'));
    unpacked.map_or(place, |(_, file)| file)
}

/// The text a panic was raised with.
fn message_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_from(job: impl FnOnce() + Send + panic::UnwindSafe) -> Error {
        remember();
        error_of(&*panic::catch_unwind(job).unwrap_err())
    }

    #[test]
    fn our_own_panics_are_called_bugs() {
        let error = error_from(|| panic!("on purpose {}", 1));
        assert!(
            matches!(&error, Error::Bug(text) if text.starts_with("on purpose 1 (")),
            "{error}"
        );
        assert!(error.to_string().contains("src/python/panics.rs"), "{error}");
    }

    #[test]
    fn those_of_a_library_are_called_its_own() {
        let error = error_from(|| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
            let on_a_worker =
                || drop(num_bigint::BigUint::from(1_u8) - num_bigint::BigUint::from(2_u8));
            pool.install(on_a_worker);
        });
        let Error::Library { place, .. } = &error else { panic!("{error:?}") };
        assert!(place.starts_with("num-bigint-"), "{error}");
        assert!(!error.to_string().contains("bug in foldstat"), "{error}");
    }
}
