//! Schedules: when an object of a connection is pulled, and the next tick that was not fired.

use crate::error::StoreError;
use crate::sql::{get, id};
use crate::tx::TenantTx;
use chrono::{DateTime, Utc};
use domain::schedule::{Cadence, CatchUp, Window};
use domain::{ConnectionId, ObjectKind, ScheduleId};
use sea_orm::QueryResult;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

/// A schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Id.
    pub id: ScheduleId,
    /// The connection.
    pub connection: ConnectionId,
    /// The object.
    pub object: ObjectKind,
    /// How often.
    pub cadence: Cadence,
    /// Local hours outside which nothing is pulled.
    pub open_hours: Option<Window>,
    /// What to do about missed ticks.
    pub catch_up: CatchUp,
    /// IANA name of the zone it is meant in.
    pub time_zone: String,
    /// Whether it fires.
    pub enabled: bool,
    /// The next tick that was not fired.
    pub next_at: DateTime<Utc>,
}

/// Sets the schedule of an object, replacing the one before.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn set(tx: &TenantTx, schedule: &Schedule) -> Result<(), StoreError> {
    tx.run(
        "INSERT INTO schedule (tenant_id, id, connection_id, object, cadence, open_hours, catch_up, time_zone, enabled, next_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (tenant_id, connection_id, object) DO UPDATE SET
             cadence = excluded.cadence, open_hours = excluded.open_hours, catch_up = excluded.catch_up,
             time_zone = excluded.time_zone, enabled = excluded.enabled, next_at = excluded.next_at",
        [
            tx.owner(),
            schedule.id.0.into(),
            schedule.connection.0.into(),
            schedule.object.code().into(),
            json(&schedule.cadence, "schedule.cadence")?.into(),
            schedule.open_hours.map(|window| json(&window, "schedule.open_hours")).transpose()?.into(),
            catch_up_name(schedule.catch_up).into(),
            schedule.time_zone.clone().into(),
            schedule.enabled.into(),
            schedule.next_at.into(),
        ],
    )
    .await?;
    Ok(())
}

/// The schedules of one connection, or of all.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Document`].
pub async fn list(tx: &TenantTx, connection: Option<ConnectionId>) -> Result<Vec<Schedule>, StoreError> {
    let rows = tx
        .rows(
            "SELECT * FROM schedule WHERE tenant_id = $1 AND ($2::uuid IS NULL OR connection_id = $2)
             ORDER BY connection_id, object",
            [tx.owner(), connection.map(|connection| connection.0).into()],
        )
        .await?;
    rows.iter().filter_map(|row| read(row).transpose()).collect()
}

/// Takes a schedule away; `false` where there is none.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn delete(tx: &TenantTx, connection: ConnectionId, object: ObjectKind) -> Result<bool, StoreError> {
    let gone = tx
        .run(
            "DELETE FROM schedule WHERE tenant_id = $1 AND connection_id = $2 AND object = $3",
            [tx.owner(), connection.0.into(), object.code().into()],
        )
        .await?;
    Ok(gone == 1)
}

const fn catch_up_name(catch_up: CatchUp) -> &'static str {
    match catch_up {
        CatchUp::Once => "once",
        CatchUp::All => "all",
        CatchUp::Skip => "skip",
    }
}

fn json<T: Serialize>(value: &T, place: &'static str) -> Result<Json, StoreError> {
    serde_json::to_value(value).map_err(|source| StoreError::Document { place, source })
}

fn parsed<T: DeserializeOwned>(value: Json, place: &'static str) -> Result<T, StoreError> {
    serde_json::from_value(value).map_err(|source| StoreError::Document { place, source })
}

fn read(row: &QueryResult) -> Result<Option<Schedule>, StoreError> {
    let Some(object) = ObjectKind::from_code(get(row, "object")?) else { return Ok(None) };
    let open_hours: Option<Json> = get(row, "open_hours")?;
    Ok(Some(Schedule {
        id: id(row, "id")?,
        connection: id(row, "connection_id")?,
        object,
        cadence: parsed(get(row, "cadence")?, "schedule.cadence")?,
        open_hours: open_hours.map(|hours| parsed(hours, "schedule.open_hours")).transpose()?,
        catch_up: parsed(Json::String(get(row, "catch_up")?), "schedule.catch_up")?,
        time_zone: get(row, "time_zone")?,
        enabled: get(row, "enabled")?,
        next_at: get(row, "next_at")?,
    }))
}
