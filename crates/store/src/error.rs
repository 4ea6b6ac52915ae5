//! What can go wrong in the store, named for the reader's next step.

use sea_orm::{DbErr, RuntimeErr};

/// A failed read or write.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Postgres is not reachable or refused the statement.
    #[error("the database failed")]
    Database(#[from] sea_orm::DbErr),
    /// A sealed value could not be opened: wrong key, wrong place, or changed bytes.
    #[error("a sealed value in {place} cannot be opened: {why}")]
    Seal {
        /// `table.column`.
        place: &'static str,
        /// What is wrong, without the value.
        why: &'static str,
    },
    /// A stored document is not what this version writes.
    #[error("a stored document in {place} cannot be read")]
    Document {
        /// `table.column`.
        place: &'static str,
        /// Where in the document.
        #[source]
        source: serde_json::Error,
    },
    /// The master keys are missing or unusable.
    #[error("the master key is unusable: {0}")]
    MasterKey(String),
    /// Somebody else holds this job now: stop, and touch nothing.
    #[error("the lease on this work was lost")]
    LeaseLost,
    /// Two writers met; the transaction can be repeated.
    #[error("another change came first")]
    Conflict,
}

impl StoreError {
    /// Whether this transaction was given up, with nothing done, because it met another one: repeated at once, it may
    /// succeed.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Database(error) => {
                let text = error.to_string();
                ["deadlock detected", "could not serialize", "40001", "40P01"].iter().any(|sign| text.contains(sign))
            }
            Self::Conflict => true,
            Self::Seal { .. } | Self::Document { .. } | Self::MasterKey(_) | Self::LeaseLost => false,
        }
    }

    /// The SQLSTATE, where Postgres refused a value for what it is (a NUL in a text, a number out of range, a key too
    /// long for its index): the same statement fails again with this value and succeeds without it.
    #[must_use]
    pub fn refused_value(&self) -> Option<String> {
        let Self::Database(DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) =
            self
        else {
            return None;
        };
        let state = error.as_database_error()?.code()?;
        // 22: data exceptions. 54000: an index row too large.
        (state.starts_with("22") || state == "54000").then(|| state.into_owned())
    }
}
