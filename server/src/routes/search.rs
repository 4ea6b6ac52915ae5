//! Search over everything in the group.

use crate::caller::Caller;
use crate::problem::{ApiError, Problem};
use crate::wire::ObjectName;
use actix_web::{get, web};
use app::App;
use app::search::{Found, FoundBy, FoundRecord, FoundRun, Straight};
use chrono::{DateTime, Utc};
use domain::ObjectKind;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

/// Records of each kind unless the caller says otherwise.
const LIMIT_DEFAULT: u32 = 20;
/// The most records of each kind.
const LIMIT_MAX: u32 = 50;

/// Mounts the route.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(search);
}

/// What is searched for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct SearchAsk {
    /// An e-mail, phone, name or its beginning, company, VIN or its last eight characters, stock, deal, RO or lead number,
    /// or the id of a record or run.
    q: String,
    /// Records of each kind, 1 to 50; 20 where absent.
    #[param(minimum = 1, maximum = 50)]
    limit: Option<u32>,
}

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
pub struct FoundBody {
    /// Records, by kind.
    groups: Vec<FoundGroupBody>,
    /// The run of that id.
    runs: Vec<FoundRunBody>,
    /// The one thing that was meant, where that is beyond doubt: an id from `groups` or `runs`.
    straight: Option<Uuid>,
}

/// Records of one kind that were found.
#[derive(Debug, Serialize, ToSchema)]
pub struct FoundGroupBody {
    /// Their kind.
    #[schema(value_type = ObjectName)]
    object: ObjectKind,
    /// The best first.
    items: Vec<FoundRecordBody>,
    /// Whether there are more than these.
    more: bool,
}

/// A record that was found.
#[derive(Debug, Serialize, ToSchema)]
pub struct FoundRecordBody {
    /// Id.
    id: Uuid,
    /// What people call it.
    title: String,
    /// What tells it from others of that name.
    detail: String,
    /// id, email, phone, vin, last_eight, number, name, beginning, first_name.
    #[schema(value_type = String)]
    found_by: FoundBy,
}

/// A run that was found.
#[derive(Debug, Serialize, ToSchema)]
pub struct FoundRunBody {
    /// Id.
    id: Uuid,
    /// Its connection's name.
    connection_name: String,
    /// What was read.
    #[schema(value_type = ObjectName)]
    object: ObjectKind,
    /// queued, running, waiting, succeeded, attention, failed, held, cancelled.
    state: String,
    /// When it was asked for.
    queued_at: DateTime<Utc>,
}

impl From<FoundRecord> for FoundRecordBody {
    fn from(record: FoundRecord) -> Self {
        Self { id: record.id.0, title: record.title, detail: record.detail, found_by: record.found_by }
    }
}

impl From<FoundRun> for FoundRunBody {
    fn from(run: FoundRun) -> Self {
        Self {
            id: run.id.0,
            connection_name: run.connection_name,
            object: run.object,
            state: run.state,
            queued_at: run.queued_at,
        }
    }
}

impl From<Found> for FoundBody {
    fn from(found: Found) -> Self {
        Self {
            groups: found
                .groups
                .into_iter()
                .map(|group| FoundGroupBody {
                    object: group.object,
                    items: group.records.into_iter().map(FoundRecordBody::from).collect(),
                    more: group.more,
                })
                .collect(),
            runs: found.runs.into_iter().map(FoundRunBody::from).collect(),
            straight: found.straight.map(|straight| match straight {
                Straight::Record(id) => id.0,
                Straight::Run(id) => id.0,
            }),
        }
    }
}

/// Everything that has what was typed. Names are found by their beginning from three letters on, all else whole.
#[utoipa::path(tag = "Search", params(SearchAsk), responses(
    (status = 200, body = FoundBody),
    (status = 422, description = "Less than two characters, or more than 200, were typed.", body = Problem),
))]
#[get("/search")]
pub async fn search(
    caller: Caller,
    app: web::Data<App>,
    ask: web::Query<SearchAsk>,
) -> Result<web::Json<FoundBody>, ApiError> {
    let limit = match ask.limit {
        None => LIMIT_DEFAULT,
        Some(limit @ 1..=LIMIT_MAX) => limit,
        Some(_) => return Err(ApiError::field("limit", "Use a number from 1 to 50.")),
    };
    Ok(web::Json(app.search().find(&caller.scope, &ask.q, limit).await?.into()))
}
