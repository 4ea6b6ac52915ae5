//! How everything stands: health, freshness per connection and object, deliveries, and whether all is settled.

use crate::caller::Caller;
use crate::problem::ApiError;
use crate::wire::{ObjectName, RoleName};
use actix_web::{get, web};
use app::App;
use app::views::connection::{ConnectionLine, ConnectionState, Freshness, ObjectLine};
use app::views::home::Health;
use app::views::standing::{Tally, UnderWay};
use chrono::{DateTime, Utc};
use domain::{ObjectKind, SystemRole};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

/// Mounts the routes.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(overview);
}

/// How everything stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct OverviewBody {
    /// good, not_yet (nothing is connected or read), retrying (it heals itself), needs_you.
    #[schema(example = "good")]
    health: &'static str,
    /// The same in a sentence.
    sentence: String,
    /// How many things need a person.
    needs_you: usize,
    /// Whether nothing is under way: every system holds what it should, as far as nobody is needed.
    settled: bool,
    /// What is still under way.
    under_way: UnderWayBody,
    /// Connections with their objects.
    connections: Vec<ConnectionHealth>,
    /// Deliveries per connection and object.
    deliveries: Vec<TallyBody>,
}

/// What is still under way.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnderWayBody {
    /// Runs that are queued, running or waiting.
    runs: u64,
    /// Deliveries on their way.
    deliveries: u64,
    /// Webhooks and documents that were not read yet.
    inbox: u64,
    /// Feeds that do not show the newest state yet.
    feeds: u64,
    /// Jobs that are due or running.
    jobs: u64,
}

impl From<UnderWay> for UnderWayBody {
    fn from(under_way: UnderWay) -> Self {
        Self {
            runs: under_way.runs,
            deliveries: under_way.deliveries,
            inbox: under_way.inbox,
            feeds: under_way.feeds,
            jobs: under_way.jobs,
        }
    }
}

/// How a connection does.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConnectionHealth {
    /// Id.
    id: Uuid,
    /// Name.
    name: String,
    /// The vendor's product.
    system: String,
    /// The part it plays.
    #[schema(value_type = RoleName)]
    role: SystemRole,
    /// Its rooftop; the group's where absent.
    rooftop: Option<Uuid>,
    /// draft, active, paused, broken.
    #[schema(example = "active")]
    state: &'static str,
    /// Why.
    reason: String,
    /// Its objects.
    objects: Vec<ObjectHealth>,
}

/// How an object of a connection does.
#[derive(Debug, Serialize, ToSchema)]
pub struct ObjectHealth {
    /// The object.
    #[schema(value_type = ObjectName)]
    object: ObjectKind,
    /// fresh, running, empty (read, and nothing is there any more), none_yet (read, and it never had any), late, stopped, never, write_only, arrives (not fetched: it is sent to us as it comes), off.
    #[schema(example = "fresh")]
    freshness: &'static str,
    /// When it was last read to the end.
    succeeded_at: Option<DateTime<Utc>>,
    /// When it is read next.
    next_at: Option<DateTime<Utc>>,
    /// How many of its records are held, counted up to 20,000.
    held: u64,
    /// For feeds: when it was published last.
    published_at: Option<DateTime<Utc>>,
    /// The state of its newest run.
    last_state: Option<String>,
    /// What the newest run said.
    last_message: String,
    /// Names in the system's payloads that the mapping does not know.
    drift: u64,
}

/// Deliveries of one object to one connection.
#[derive(Debug, Serialize, ToSchema)]
pub struct TallyBody {
    /// The connection.
    connection: Uuid,
    /// Its name.
    connection_name: String,
    /// The object.
    #[schema(value_type = ObjectName)]
    object: ObjectKind,
    /// The system holds the newest state.
    settled: u64,
    /// On their way.
    due: u64,
    /// Wait for a person.
    needs_you: u64,
    /// Not wanted there.
    unwanted: u64,
}

impl From<Tally> for TallyBody {
    fn from(tally: Tally) -> Self {
        Self {
            connection: tally.connection.0,
            connection_name: tally.connection_name,
            object: tally.object,
            settled: tally.settled,
            due: tally.due,
            needs_you: tally.needs_you,
            unwanted: tally.unwanted,
        }
    }
}

/// The state's name.
#[must_use]
pub const fn state_name(state: ConnectionState) -> &'static str {
    match state {
        ConnectionState::Draft => "draft",
        ConnectionState::Active => "active",
        ConnectionState::Paused => "paused",
        ConnectionState::Broken => "broken",
    }
}

const fn freshness_name(freshness: Freshness) -> &'static str {
    match freshness {
        Freshness::Fresh => "fresh",
        Freshness::Running => "running",
        Freshness::Empty => "empty",
        Freshness::NoneYet => "none_yet",
        Freshness::Late => "late",
        Freshness::Stopped => "stopped",
        Freshness::Never => "never",
        Freshness::WriteOnly => "write_only",
        Freshness::Arrives => "arrives",
        Freshness::Off => "off",
    }
}

fn object(line: ObjectLine, now: DateTime<Utc>) -> ObjectHealth {
    ObjectHealth {
        object: line.object,
        freshness: freshness_name(line.freshness(now)),
        succeeded_at: line.succeeded_at,
        next_at: line.next_at,
        held: line.held,
        published_at: line.published_at,
        last_state: line.last_state,
        last_message: line.last_message,
        drift: line.drift,
    }
}

fn connection(line: ConnectionLine, now: DateTime<Utc>) -> ConnectionHealth {
    ConnectionHealth {
        id: line.id.0,
        name: line.name,
        system: line.system,
        role: line.role,
        rooftop: line.rooftop.map(|id| id.0),
        state: state_name(line.state),
        reason: line.reason,
        objects: line.objects.into_iter().map(|line| object(line, now)).collect(),
    }
}

/// How everything stands.
#[utoipa::path(tag = "Overview", responses((status = 200, body = OverviewBody)))]
#[get("/overview")]
pub async fn overview(caller: Caller, app: web::Data<App>) -> Result<web::Json<OverviewBody>, ApiError> {
    let home = app.views().home(&caller.scope).await?;
    let (deliveries, under_way) = app.views().standing(&caller.scope).await?;
    let now = app.now();
    Ok(web::Json(OverviewBody {
        health: match home.health {
            Health::Good => "good",
            Health::NotYet => "not_yet",
            Health::Retrying => "retrying",
            Health::NeedsYou => "needs_you",
        },
        sentence: home.sentence,
        needs_you: home.todo_count,
        settled: under_way.is_settled(),
        under_way: under_way.into(),
        connections: home.connections.into_iter().map(|line| connection(line, now)).collect(),
        deliveries: deliveries.into_iter().map(TallyBody::from).collect(),
    }))
}
