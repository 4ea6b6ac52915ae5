//! Two transactions that met: the one that Postgres gave up is tried again, as if it had come a moment later. What a
//! person asked for must not fail because a worker was at the same rows.

use super::EngineError;

/// So often is it tried.
const TRIES_MAX: u32 = 5;

/// How often something was tried.
#[derive(Default)]
pub(crate) struct Tries(u32);

impl Tries {
    /// Whether to try it again: it met another transaction, and nothing was done.
    pub(crate) fn again<T>(&mut self, done: &Result<T, EngineError>) -> bool {
        self.0 += 1;
        matches!(done, Err(EngineError::Store(error)) if error.is_passing()) && self.0 < TRIES_MAX
    }
}
