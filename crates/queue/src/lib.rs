//! Jobs: asked for in Postgres, woken over Redis, run under a lease. The only crate with apalis-redis.
//!
//! Postgres holds what is to be done; a task in Redis only says "look at this job now". Losing all of Redis loses
//! nothing: the sweep makes due again whatever was pushed and not started.
//!
//! [`enqueue`] asks for a job; a [`Worker`] runs the relay (due jobs → a few ids in Redis), one apalis worker per lane
//! (ids → [`Handler`]), the sweep (what dead workers left → due again) and the schedules (ticks → [`OnTick`]).

pub mod budget;
mod drain;
mod failpoint;
pub mod handler;
pub mod job;
mod lanes;
pub mod lease;
mod ledger;
mod relay;
mod runner;
mod running;
pub mod schedule;
pub mod settings;
pub mod ticker;
mod vitals;
mod wire;
pub mod worker;

pub use budget::{Budget, Budgets, Quota};
pub use drain::drain;
pub use handler::{Handler, JobOutcome};
pub use job::{JobKind, NewJob, enqueue, enqueue_all};
pub use lease::Lease;
pub use schedule::{ScheduleError, next_tick};
pub use settings::{LaneSettings, Settings};
pub use ticker::{OnTick, Tick, fire_due};
pub use vitals::Vitals;
pub use worker::{Worker, sweep_once};
