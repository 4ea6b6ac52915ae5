//! How many jobs run at once, how many wait in Redis, how long everything may take.

use domain::Lane;
use std::time::Duration;

/// How long a pushed job may wait for a worker before it is pushed anew.
pub(crate) const PUSH_LEASE: Duration = Duration::from_secs(5);
/// How often a running job shows that it lives: four times within its lease.
pub(crate) const HEARTBEAT: Duration = Duration::from_millis(1_500);
/// How often jobs without a sign of life are looked for.
pub(crate) const SWEEP: Duration = Duration::from_secs(1);
/// How often the relay looks even if nobody woke it.
pub(crate) const RELAY_POLL: Duration = Duration::from_secs(2);
/// How often an idle lane asks Redis.
pub(crate) const LANE_POLL: Duration = Duration::from_millis(50);
/// How long done jobs are kept.
pub(crate) const DONE_KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// Crashes without progress before a job is quarantined.
pub(crate) const CRASHES_MAX: u32 = 3;
/// Beyond this a queue in Redis is in danger of the wedge at 8,000 ids.
const IDS_MAX: u32 = 1_000;

/// One lane's share of a worker and of Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneSettings {
    /// Jobs that one worker process runs at the same time.
    pub slots: usize,
    /// Jobs that are pushed and not yet started, in the whole deployment.
    pub pushed_max: u32,
}

/// Settings of a worker process.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where Redis is.
    pub redis_url: String,
    /// What the queues' names in Redis begin with.
    pub prefix: String,
    /// This process, in the database and in logs. Must be new at every start.
    pub worker: String,
    /// Jobs of one tenant in one lane that are pushed or running at the same time, in the whole deployment.
    pub per_tenant: u32,
    /// Ids that may lie in one queue in Redis, stale ones included.
    pub ids_max: u32,
    /// How long running jobs may go on after the signal to stop.
    pub grace: Duration,
    lanes: [LaneSettings; 6],
}

impl Settings {
    /// The defaults: 4 slots for each urgent lane and for routine work, 2 for backfills; 64 ids out in all.
    #[must_use]
    pub fn new(redis_url: impl Into<String>, worker: impl Into<String>) -> Self {
        let (brisk, slow) = (LaneSettings { slots: 4, pushed_max: 12 }, LaneSettings { slots: 2, pushed_max: 4 });
        Self {
            redis_url: redis_url.into(),
            prefix: "driveline".to_owned(),
            worker: worker.into(),
            per_tenant: 8,
            ids_max: IDS_MAX,
            grace: Duration::from_secs(10),
            lanes: [brisk, brisk, brisk, brisk, brisk, slow],
        }
    }

    /// A lane's settings.
    #[must_use]
    pub const fn lane(&self, lane: Lane) -> LaneSettings {
        let [credit, sold, lead, appointment, routine, backfill] = self.lanes;
        match lane {
            Lane::Credit => credit,
            Lane::Sold => sold,
            Lane::Lead => lead,
            Lane::Appointment => appointment,
            Lane::Routine => routine,
            Lane::Backfill => backfill,
        }
    }

    /// Changes a lane's settings.
    #[must_use]
    pub const fn with_lane(mut self, lane: Lane, settings: LaneSettings) -> Self {
        let [credit, sold, lead, appointment, routine, backfill] = &mut self.lanes;
        *match lane {
            Lane::Credit => credit,
            Lane::Sold => sold,
            Lane::Lead => lead,
            Lane::Appointment => appointment,
            Lane::Routine => routine,
            Lane::Backfill => backfill,
        } = settings;
        self
    }

    /// The lane's queue in Redis.
    pub(crate) fn queue(&self, lane: Lane) -> String {
        format!("{}:{}", self.prefix, lane.name())
    }

    /// How many more ids may be pushed where so many are out in Postgres and lie in Redis.
    pub(crate) fn room(&self, lane: Lane, pushed: u64, in_redis: u64) -> u32 {
        let ids_max = u64::from(self.ids_max.min(IDS_MAX));
        let room = u64::from(self.lane(lane).pushed_max).saturating_sub(pushed).min(ids_max.saturating_sub(in_redis));
        u32::try_from(room).unwrap_or(IDS_MAX)
    }
}
