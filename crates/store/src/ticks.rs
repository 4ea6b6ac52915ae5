//! Schedules that are due, and the ticks that were fired: each once, whoever fires it.

use crate::error::StoreError;
use crate::sql::get;
use crate::tx::{PlatformTx, TenantTx};
use chrono::{DateTime, Utc};
use domain::schedule::{Cadence, CatchUp, Window};
use domain::{ConnectionId, ScheduleId, TenantId};
use sea_orm::QueryResult;
use serde::de::DeserializeOwned;

/// Fired ticks are kept for so many days, so that a clock set back fires none twice.
const TICKS_KEPT_DAYS: i32 = 30;

/// When one object of one connection is pulled.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// The tenant.
    pub tenant: TenantId,
    /// The schedule.
    pub id: ScheduleId,
    /// The connection to pull.
    pub connection: ConnectionId,
    /// The object's number in the database.
    pub object: i16,
    /// How often.
    pub cadence: Cadence,
    /// Local hours outside which nothing is pulled.
    pub open_hours: Option<Window>,
    /// What to do about missed ticks.
    pub catch_up: CatchUp,
    /// The rooftop's zone, by its IANA name.
    pub time_zone: String,
    /// The next tick that has not been fired.
    pub next_at: DateTime<Utc>,
}

/// The schedules that are due by Postgres' clock (or by `now`, where given), the longest waiting first, and that
/// clock's time.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn due(
    tx: &PlatformTx,
    now: Option<DateTime<Utc>>,
    limit: u32,
) -> Result<(DateTime<Utc>, Vec<(TenantId, ScheduleId)>), StoreError> {
    let now = match now {
        Some(now) => now,
        None => match tx.row("SELECT now() AS now", []).await? {
            Some(row) => get(&row, "now")?,
            None => return Err(StoreError::Conflict),
        },
    };
    let rows = tx
        .rows(
            "SELECT tenant_id, id FROM schedule WHERE enabled AND next_at <= $1 ORDER BY next_at LIMIT $2",
            [now.into(), i64::from(limit).into()],
        )
        .await?;
    let mut due = Vec::with_capacity(rows.len());
    for row in &rows {
        due.push((TenantId(get(row, "tenant_id")?), ScheduleId(get(row, "id")?)));
    }
    Ok((now, due))
}

/// Takes a schedule that is still due for this transaction; `None` where a twin has it or has fired it.
///
/// # Errors
/// [`StoreError::Document`] where its cadence or hours cannot be read.
pub async fn take(tx: &TenantTx, id: ScheduleId, now: DateTime<Utc>) -> Result<Option<Schedule>, StoreError> {
    let row = tx
        .row(
            "SELECT id, connection_id, object, cadence, open_hours, catch_up, time_zone, next_at FROM schedule
             WHERE tenant_id = $1 AND id = $2 AND enabled AND next_at <= $3
             FOR UPDATE SKIP LOCKED",
            [tx.owner(), id.0.into(), now.into()],
        )
        .await?;
    row.map(|row| read(tx.tenant(), &row)).transpose()
}

/// Notes that a tick is fired; false where it was before.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn record(tx: &TenantTx, id: ScheduleId, tick_at: DateTime<Utc>) -> Result<bool, StoreError> {
    let inserted = tx
        .run(
            "INSERT INTO schedule_tick (tenant_id, schedule_id, tick_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            [tx.owner(), id.0.into(), tick_at.into()],
        )
        .await?;
    Ok(inserted > 0)
}

/// Sets when a schedule is due next, and forgets its ticks of long ago.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn set_next(tx: &TenantTx, id: ScheduleId, next_at: DateTime<Utc>) -> Result<(), StoreError> {
    tx.run(
        "UPDATE schedule SET next_at = $3 WHERE tenant_id = $1 AND id = $2",
        [tx.owner(), id.0.into(), next_at.into()],
    )
    .await?;
    tx.run(
        "DELETE FROM schedule_tick
         WHERE tenant_id = $1 AND schedule_id = $2 AND tick_at < $3 - $4 * interval '1 day'",
        [tx.owner(), id.0.into(), next_at.into(), TICKS_KEPT_DAYS.into()],
    )
    .await?;
    Ok(())
}

fn read(tenant: TenantId, row: &QueryResult) -> Result<Schedule, StoreError> {
    let catch_up: String = get(row, "catch_up")?;
    Ok(Schedule {
        tenant,
        id: ScheduleId(get(row, "id")?),
        connection: ConnectionId(get(row, "connection_id")?),
        object: get(row, "object")?,
        cadence: document("schedule.cadence", get(row, "cadence")?)?,
        open_hours: get::<Option<serde_json::Value>>(row, "open_hours")?
            .map(|hours| document("schedule.open_hours", hours))
            .transpose()?,
        catch_up: document("schedule.catch_up", serde_json::Value::String(catch_up))?,
        time_zone: get(row, "time_zone")?,
        next_at: get(row, "next_at")?,
    })
}

fn document<T: DeserializeOwned>(place: &'static str, value: serde_json::Value) -> Result<T, StoreError> {
    serde_json::from_value(value).map_err(|source| StoreError::Document { place, source })
}
