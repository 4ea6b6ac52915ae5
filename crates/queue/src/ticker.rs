//! Fires schedules: every replica tries each second, each tick has one effect.

use crate::ledger::detail;
use crate::schedule::{ScheduleError, next_tick, ticks_to_fire};
use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use domain::{ConnectionId, ObjectKind, ScheduleId, TenantId};
use store::ticks::{self, Schedule};
use store::{Db, StoreError, TenantScope, TenantTx};

/// Schedules fired in one round.
const ROUND_MAX: u32 = 200;
/// A schedule that cannot tick, or never does, is looked at again after this.
const REST: Duration = Duration::hours(1);

/// One tick of one schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// The tenant.
    pub tenant: TenantId,
    /// The schedule.
    pub schedule: ScheduleId,
    /// What to pull from.
    pub connection: ConnectionId,
    /// What to pull.
    pub object: ObjectKind,
    /// The moment it stands for; earlier than now where it was missed.
    pub at: DateTime<Utc>,
}

/// What happens at a tick.
#[async_trait]
pub trait OnTick: Send + Sync + 'static {
    /// Does it, in the transaction that notes the tick as fired: both happen or neither.
    async fn on_tick(&self, tx: &TenantTx, tick: &Tick) -> Result<(), StoreError>;
}

/// Fires what is due, by Postgres' clock or by `now`; returns how many ticks had their effect.
///
/// # Errors
/// Where what is due cannot be read. A schedule that fails leaves the others alone and is tried again.
pub async fn fire_due(db: &Db, on_tick: &dyn OnTick, now: Option<DateTime<Utc>>) -> Result<usize, StoreError> {
    let tx = db.platform().await?;
    let (now, due) = ticks::due(&tx, now, ROUND_MAX).await?;
    tx.commit().await?;
    let mut fired = 0;
    for (tenant, schedule) in due {
        match fire(db, on_tick, tenant, schedule, now).await {
            Ok(ticks) => fired += ticks,
            Err(error) => {
                tracing::warn!(%tenant, %schedule, error = %detail(&error), "a schedule could not be fired");
            }
        }
    }
    Ok(fired)
}

async fn fire(
    db: &Db,
    on_tick: &dyn OnTick,
    tenant: TenantId,
    id: ScheduleId,
    now: DateTime<Utc>,
) -> Result<usize, StoreError> {
    let tx = db.tenant(&TenantScope::driveline(tenant)).await?;
    let Some(schedule) = ticks::take(&tx, id, now).await? else { return Ok(0) };
    let (due, next_at) = match plan(&schedule, now) {
        Ok(planned) => planned,
        Err(error) => {
            tracing::warn!(%tenant, schedule = %id, %error, "a schedule cannot tick");
            (Vec::new(), now + REST)
        }
    };
    let Some(object) = ObjectKind::from_code(schedule.object) else {
        // Another version's object: that version fires it, if it runs beside this one.
        tracing::warn!(%tenant, schedule = %id, object = schedule.object, "a schedule pulls an unknown object");
        return Ok(0);
    };
    let mut fired = 0;
    for at in due {
        if ticks::record(&tx, id, at).await? {
            let tick = Tick { tenant, schedule: id, connection: schedule.connection, object, at };
            on_tick.on_tick(&tx, &tick).await?;
            fired += 1;
        }
    }
    ticks::set_next(&tx, id, next_at).await?;
    tx.commit().await?;
    Ok(fired)
}

fn plan(schedule: &Schedule, now: DateTime<Utc>) -> Result<(Vec<DateTime<Utc>>, DateTime<Utc>), ScheduleError> {
    let Schedule { cadence, open_hours, time_zone, catch_up, next_at, .. } = schedule;
    let due = ticks_to_fire(cadence, *open_hours, time_zone, *catch_up, *next_at, now)?;
    let next = next_tick(cadence, *open_hours, time_zone, now)?.unwrap_or(now + REST);
    Ok((due, next))
}
