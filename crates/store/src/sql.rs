//! Small pieces for the raw statements of the hot paths.
//!
//! SeaORM's array values hold no NULLs, so a set-based statement passes the nil UUID, the empty text or empty bytes
//! for "nothing" and says `NULLIF` on the other side.

use sea_orm::{ColumnTrait, DbErr, QueryResult, TryGetable};
use uuid::Uuid;

/// "No id" inside an array.
pub const NO_ID: Uuid = Uuid::nil();

/// Reads a column by name.
///
/// # Errors
/// Where the column is absent or of another type.
pub fn get<T: TryGetable>(row: &QueryResult, column: &str) -> Result<T, DbErr> {
    row.try_get("", column)
}

/// Reads an entity's column from a joined row.
///
/// # Errors
/// Where the column is absent or of another type.
pub fn get_column<T: TryGetable, C: ColumnTrait>(row: &QueryResult, column: C) -> Result<T, DbErr> {
    row.try_get("", column.as_str())
}
