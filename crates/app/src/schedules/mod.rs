//! Schedules: when an object is pulled, in the rooftop's own time, with the next times shown before it is saved.

mod tick;

pub use tick::{next_after, preview};

use crate::connections::permitted;
use crate::error::AppError;
use crate::fields::invalid;
use crate::start::App;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use domain::permission::Permission;
use domain::schedule::{Cadence, CatchUp, Window};
use domain::{ConnectionId, ObjectKind, ScheduleId};
use serde::Serialize;
use serde_json::json;
use store::connections::Connection;
use store::schedules::{self, Schedule};
use store::{TenantScope, TenantTx, audit, object_syncs, rooftops};

/// So many next times are shown.
const PREVIEW: usize = 5;

/// What can be done about schedules.
#[derive(Clone, Copy)]
pub struct Schedules<'a>(&'a App);

impl App {
    /// Schedules.
    #[must_use]
    pub const fn schedules(&self) -> Schedules<'_> {
        Schedules(self)
    }
}

/// A wanted schedule.
#[derive(Clone, Debug)]
pub struct SetSchedule {
    /// How often.
    pub cadence: Cadence,
    /// Local hours outside which nothing is pulled.
    pub open_hours: Option<Window>,
    /// What to do about missed ticks.
    pub catch_up: CatchUp,
    /// Whether it fires.
    pub enabled: bool,
    /// IANA name; the rooftop's where absent.
    pub time_zone: Option<String>,
}

/// A schedule as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScheduleShown {
    /// The object.
    pub object: ObjectKind,
    /// How often.
    pub cadence: Cadence,
    /// In words.
    pub described: String,
    /// Local hours outside which nothing is pulled.
    pub open_hours: Option<Window>,
    /// What to do about missed ticks.
    pub catch_up: CatchUp,
    /// IANA name of the zone it is meant in.
    pub time_zone: String,
    /// Whether it fires.
    pub enabled: bool,
    /// The next times.
    pub next: Vec<DateTime<Utc>>,
}

impl Schedules<'_> {
    /// The schedules of a connection.
    ///
    /// # Errors
    /// [`AppError::NotFound`], [`AppError::Store`].
    pub async fn list(self, scope: &TenantScope, connection: ConnectionId) -> Result<Vec<ScheduleShown>, AppError> {
        let tx = self.0.db().tenant(scope).await?;
        permitted(&tx, scope, connection, Permission::ReadOperations).await?;
        let found = schedules::list(&tx, Some(connection)).await?;
        tx.commit().await?;
        found.into_iter().map(|schedule| self.show(schedule)).collect()
    }

    fn show(self, schedule: Schedule) -> Result<ScheduleShown, AppError> {
        let zone: Tz = schedule.time_zone.parse().unwrap_or(Tz::UTC);
        let next = preview(&schedule.cadence, schedule.open_hours, zone, self.0.now(), PREVIEW)?;
        Ok(ScheduleShown {
            object: schedule.object,
            described: tick::describe(&schedule.cadence)?,
            cadence: schedule.cadence,
            open_hours: schedule.open_hours,
            catch_up: schedule.catch_up,
            time_zone: schedule.time_zone,
            enabled: schedule.enabled,
            next,
        })
    }

    /// What a schedule would do, without saving it.
    ///
    /// # Errors
    /// [`AppError::NotFound`], [`AppError::Invalid`].
    pub async fn preview(
        self,
        scope: &TenantScope,
        connection: ConnectionId,
        object: ObjectKind,
        ask: SetSchedule,
    ) -> Result<ScheduleShown, AppError> {
        let tx = self.0.db().tenant(scope).await?;
        let held = permitted(&tx, scope, connection, Permission::ReadOperations).await?;
        let schedule = self.read(&tx, &held, object, ask).await?;
        tx.commit().await?;
        self.show(schedule)
    }

    /// Sets the schedule of an object, replacing the one before.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::NotFound`], [`AppError::Invalid`].
    pub async fn set(
        self,
        scope: &TenantScope,
        connection: ConnectionId,
        object: ObjectKind,
        ask: SetSchedule,
    ) -> Result<ScheduleShown, AppError> {
        let tx = self.0.db().tenant(scope).await?;
        let held = permitted(&tx, scope, connection, Permission::ManageConnections).await?;
        let schedule = self.read(&tx, &held, object, ask).await?;
        schedules::set(&tx, &schedule).await?;
        let detail = json!({
            "object": object,
            "cadence": schedule.cadence,
            "open_hours": schedule.open_hours,
            "enabled": schedule.enabled,
        });
        audit::append(&tx, "schedule.set", "connection", &connection.to_string(), detail, self.0.now()).await?;
        tx.commit().await?;
        self.show(schedule)
    }

    async fn read(
        self,
        tx: &TenantTx,
        connection: &Connection,
        object: ObjectKind,
        ask: SetSchedule,
    ) -> Result<Schedule, AppError> {
        let setup = object_syncs::get_one(tx, connection.id, object).await?;
        if !setup.is_some_and(|setup| setup.pull) {
            return Err(invalid("object", format!("This connection does not read {}.", object.plural())));
        }
        let time_zone = match (ask.time_zone, connection.rooftop) {
            (Some(zone), _) => zone,
            (None, Some(rooftop)) => {
                rooftops::get_one(tx, rooftop).await?.map_or_else(|| "UTC".to_owned(), |rooftop| rooftop.time_zone)
            }
            (None, None) => "UTC".to_owned(),
        };
        let zone: Tz = time_zone
            .parse()
            .map_err(|_| invalid("time_zone", "This is no time zone; choose one such as America/New_York."))?;
        let next_at = next_after(&ask.cadence, ask.open_hours, zone, self.0.now())?;
        Ok(Schedule {
            id: ScheduleId::new(),
            connection: connection.id,
            object,
            cadence: ask.cadence,
            open_hours: ask.open_hours,
            catch_up: ask.catch_up,
            time_zone,
            enabled: ask.enabled,
            next_at,
        })
    }

    /// Takes a schedule away: the object is pulled by hand or webhook only.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::NotFound`].
    pub async fn delete(
        self,
        scope: &TenantScope,
        connection: ConnectionId,
        object: ObjectKind,
    ) -> Result<(), AppError> {
        let tx = self.0.db().tenant(scope).await?;
        permitted(&tx, scope, connection, Permission::ManageConnections).await?;
        if !schedules::delete(&tx, connection, object).await? {
            return Err(AppError::NotFound("schedule"));
        }
        let detail = json!({ "object": object });
        audit::append(&tx, "schedule.deleted", "connection", &connection.to_string(), detail, self.0.now()).await?;
        tx.commit().await?;
        Ok(())
    }
}
