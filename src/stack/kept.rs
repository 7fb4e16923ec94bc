//! What was found out of something, kept beside it so that it is found out once.

use std::sync::OnceLock;

/// A value that follows from what it stands beside. A copy, which may be changed, starts without it; and it makes no difference
/// between two that are otherwise equal. To be asked for only once what it follows from is no longer changed.
#[derive(Debug)]
pub struct Kept<T>(OnceLock<T>);

impl<T> Kept<T> {
    /// The value, found out by this where it is not known yet.
    pub fn get(&self, find: impl FnOnce() -> T) -> &T {
        self.0.get_or_init(find)
    }
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<T> Clone for Kept<T> {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl<T> PartialEq for Kept<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T> Eq for Kept<T> {}
