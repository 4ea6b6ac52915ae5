//! Jobs: asked for in Postgres, woken over Redis, run under a lease. The only crate with apalis-redis.
//!
//! Postgres holds what is to be done; a task in Redis only says "look at this job now". Losing all of Redis loses
//! nothing: the sweep makes due again whatever was pushed and not started.

pub mod budget;
pub mod handler;
pub mod job;
pub mod lease;

pub use budget::{Budget, Budgets, Quota};
pub use handler::{Handler, JobOutcome};
pub use job::{JobKind, NewJob, enqueue, enqueue_all};
pub use lease::Lease;
