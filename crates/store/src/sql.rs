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

/// Reads a text column that holds one of our own words.
///
/// # Errors
/// Where the column is absent, or its word is none of ours.
pub fn word<T: std::str::FromStr>(row: &QueryResult, column: &str) -> Result<T, DbErr> {
    let text: String = get(row, column)?;
    text.parse().map_err(|_| DbErr::Type(format!("{column} holds a word that this version does not know")))
}

/// Reads a column that holds an id of ours.
///
/// # Errors
/// Where the column is absent or of another type.
pub fn id<T: From<Uuid>>(row: &QueryResult, column: &str) -> Result<T, DbErr> {
    get::<Uuid>(row, column).map(T::from)
}

/// Reads a column that may hold an id of ours.
///
/// # Errors
/// Where the column is absent or of another type.
pub fn optional_id<T: From<Uuid>>(row: &QueryResult, column: &str) -> Result<Option<T>, DbErr> {
    Ok(get::<Option<Uuid>>(row, column)?.map(T::from))
}
