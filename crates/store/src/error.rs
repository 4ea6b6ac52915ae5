//! What can go wrong in the store, named for the reader's next step.

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
    /// Whether the same transaction may succeed when it is repeated at once (deadlock, serialization, lost connection).
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Database(error) => {
                let text = error.to_string();
                ["deadlock detected", "could not serialize", "40001", "40P01"].iter().any(|sign| text.contains(sign))
                    || matches!(error, sea_orm::DbErr::Conn(_) | sea_orm::DbErr::ConnectionAcquire(_))
            }
            Self::Conflict => true,
            Self::Seal { .. } | Self::Document { .. } | Self::MasterKey(_) | Self::LeaseLost => false,
        }
    }
}
