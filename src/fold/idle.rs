//! What the tasks of a job hand on to one another: scratch memory, tables.

use std::any::Any;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Values that no task uses at the moment: a task takes one, or makes one where there is none,
/// and puts it back at its end. There are never more of them than threads.
///
/// Which task gets which value differs from run to run: results must not depend on it.
#[derive(Debug)]
pub struct Idle<T>(Mutex<Vec<T>>);

impl<T> Default for Idle<T> {
    fn default() -> Self {
        Self::from(Vec::new())
    }
}

impl<T> From<Vec<T>> for Idle<T> {
    fn from(values: Vec<T>) -> Self {
        Self(Mutex::new(values))
    }
}

impl<T> Idle<T> {
    /// The value that was put back last.
    pub fn take(&self) -> Option<T> {
        self.lock().pop()
    }

    /// For the tasks that follow.
    pub fn put(&self, value: T) {
        self.lock().push(value);
    }

    /// All values, once the tasks are over.
    pub fn into_values(self) -> Vec<T> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Values of a type that only the tasks know: the vectors of a SIMD level.
impl Idle<Box<dyn Any + Send>> {
    /// [`take`](Idle::take), if the value is a `V`.
    pub fn take_as<V: Any>(&self) -> Option<Box<V>> {
        self.take()?.downcast().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_back_is_taken_by_its_type() {
        let idle = Idle::<Box<dyn Any + Send>>::default();
        assert!(idle.take_as::<u8>().is_none());
        idle.put(Box::new(7_u8));
        assert_eq!(idle.take_as::<u8>().as_deref(), Some(&7));
        assert!(idle.take_as::<u8>().is_none(), "it was taken");
        idle.put(Box::new(7_u8));
        assert!(idle.take_as::<u16>().is_none());
        idle.put(Box::new(1_u16));
        assert_eq!(idle.into_values().len(), 1);
    }
}
