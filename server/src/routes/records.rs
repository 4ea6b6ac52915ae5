//! Golden records: lists, search, one with the origin of each value, its sources and its deliveries.

use crate::caller::Caller;
use crate::paging::{self, Page};
use crate::problem::{ApiError, Problem};
use crate::wire::{ObjectName, RoleName};
use actix_web::{HttpResponse, get, post, web};
use app::App;
use app::records::{FieldShown, RecordShown, RecordSummary, RelatedShown, SourceShown, TargetShown};
use chrono::{DateTime, Utc};
use domain::permission::Permission;
use domain::survivorship::Decision;
use domain::{GoldenId, ObjectKind, SourceRecordId, SystemRole};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

/// Mounts the routes.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(search).service(get_one).service(resync).service(split);
}

/// Which records are wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct RecordsAsk {
    /// Of which kind.
    #[param(value_type = ObjectName)]
    object: ObjectKind,
    /// `next` of the page before.
    cursor: Option<String>,
    /// 1 to 200; 50 where absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// What is searched for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct SearchAsk {
    /// An e-mail, phone, name, VIN or its last eight characters, stock, deal or RO number.
    q: String,
    /// Only of this kind.
    #[param(value_type = Option<ObjectName>)]
    object: Option<ObjectKind>,
}

/// A golden record in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecordBody {
    /// Id.
    id: Uuid,
    /// What it is.
    #[schema(value_type = ObjectName)]
    object: ObjectKind,
    /// What people call it.
    title: String,
    /// The surviving values by field name.
    #[schema(value_type = Object)]
    values: BTreeMap<String, Json>,
    /// How many source records tell of it.
    sources: i32,
    /// In how many fields they disagree.
    conflicts: i32,
    /// Last change.
    updated_at: DateTime<Utc>,
}

impl From<RecordSummary> for RecordBody {
    fn from(record: RecordSummary) -> Self {
        Self {
            id: record.id.0,
            object: record.object,
            title: record.title,
            values: record.fields,
            sources: record.members,
            conflicts: record.conflicts,
            updated_at: record.updated_at,
        }
    }
}

/// A golden record with all that is known of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecordDetail {
    /// Id.
    id: Uuid,
    /// What it is.
    #[schema(value_type = ObjectName)]
    object: ObjectKind,
    /// What people call it.
    title: String,
    /// Raised with each change.
    version: i64,
    /// Whether any system still tells of it.
    is_live: bool,
    /// Each known field, with the origin of its value.
    fields: Vec<FieldBody>,
    /// What each system says, side by side.
    sources: Vec<SourceBody>,
    /// What each system should hold of it, and does hold.
    targets: Vec<TargetBody>,
    /// What it points to: a deal its customer and its vehicle. At most 20 of each kind.
    refers_to: Vec<RelatedBody>,
    /// What points to it, newest first: a customer's vehicles, deals and repair orders. At most 20 of each kind.
    referred_by: Vec<RelatedBody>,
    /// A customer's household: others of the same surname at the same address, at most 20. They are not one.
    household: Vec<RelatedBody>,
    /// When it was first known.
    created_at: DateTime<Utc>,
    /// Last change.
    updated_at: DateTime<Utc>,
}

/// A record that another one has to do with.
#[derive(Debug, Serialize, ToSchema)]
pub struct RelatedBody {
    /// Id.
    id: Uuid,
    /// What it is.
    #[schema(value_type = ObjectName)]
    object: ObjectKind,
    /// What people call it.
    title: String,
    /// By which field they have to do with each other.
    #[schema(example = "customer")]
    field: String,
}

impl From<RelatedShown> for RelatedBody {
    fn from(other: RelatedShown) -> Self {
        Self { id: other.id.0, object: other.object, title: other.title, field: other.field }
    }
}

/// One decided field.
#[derive(Debug, Serialize, ToSchema)]
pub struct FieldBody {
    /// Its name.
    name: String,
    /// What people call it.
    label: String,
    /// The surviving value.
    #[schema(value_type = Value)]
    value: Json,
    /// The source record that told it.
    winner: Uuid,
    /// unopposed, agreed, system_first, newest, strictest, oldest_record.
    #[schema(value_type = String)]
    rule: Decision,
    /// Who told something else.
    losers: Vec<LoserBody>,
}

/// A value that lost.
#[derive(Debug, Serialize, ToSchema)]
pub struct LoserBody {
    /// The source record that told it.
    source: Uuid,
    /// What was told.
    #[schema(value_type = Value)]
    value: Json,
}

/// What one system says.
#[derive(Debug, Serialize, ToSchema)]
pub struct SourceBody {
    /// Id of the source record.
    id: Uuid,
    /// Its connection.
    connection: Uuid,
    /// Its connection's name.
    connection_name: String,
    /// The part that system plays.
    #[schema(value_type = RoleName)]
    role: SystemRole,
    /// The system's own key.
    external_id: String,
    /// What it says, by field name.
    #[schema(value_type = Object)]
    values: BTreeMap<String, Json>,
    /// What is wrong with it.
    issues: Vec<IssueBody>,
    /// When the system last changed it; absent where it tells no times and we have not seen it change.
    changed_at: Option<DateTime<Utc>>,
    /// When we first saw it.
    first_seen_at: DateTime<Utc>,
    /// When we last saw it change.
    landed_at: DateTime<Utc>,
}

/// Something wrong with a source record.
#[derive(Debug, Serialize, ToSchema)]
pub struct IssueBody {
    /// Stable code.
    code: String,
    /// What.
    message: String,
    /// What to do.
    fix: String,
}

/// What one system should hold.
#[derive(Debug, Serialize, ToSchema)]
pub struct TargetBody {
    /// The system's connection.
    connection: Uuid,
    /// Its name.
    connection_name: String,
    /// settled, due, needs_you, unwanted.
    #[schema(example = "settled")]
    state: String,
    /// Its key there.
    external_id: Option<String>,
    /// The version it should hold.
    desired_version: i64,
    /// The version it was given last.
    delivered_version: i64,
    /// When it was last written.
    delivered_at: Option<DateTime<Utc>>,
    /// When it is tried next.
    due_at: DateTime<Utc>,
    /// The system's words, where it refused; redacted.
    last_error: String,
}

impl From<FieldShown> for FieldBody {
    fn from(field: FieldShown) -> Self {
        Self {
            name: field.name,
            label: field.label,
            value: field.value,
            winner: field.winner.0,
            rule: field.rule,
            losers: field
                .losers
                .into_iter()
                .map(|loser| LoserBody { source: loser.source.0, value: loser.value })
                .collect(),
        }
    }
}

impl From<SourceShown> for SourceBody {
    fn from(source: SourceShown) -> Self {
        Self {
            id: source.id.0,
            connection: source.connection.0,
            connection_name: source.connection_name,
            role: source.role,
            external_id: source.external_id,
            values: source.fields,
            issues: source
                .issues
                .into_iter()
                .map(|issue| IssueBody {
                    code: issue.code.into_owned(),
                    message: issue.message.into_owned(),
                    fix: issue.fix.into_owned(),
                })
                .collect(),
            changed_at: source.changed_at,
            first_seen_at: source.first_seen_at,
            landed_at: source.landed_at,
        }
    }
}

impl From<TargetShown> for TargetBody {
    fn from(target: TargetShown) -> Self {
        Self {
            connection: target.connection.0,
            connection_name: target.connection_name,
            state: target.state,
            external_id: target.external_id,
            desired_version: target.desired_version,
            delivered_version: target.delivered_version,
            delivered_at: target.delivered_at,
            due_at: target.due_at,
            last_error: target.last_error,
        }
    }
}

impl From<RecordShown> for RecordDetail {
    fn from(record: RecordShown) -> Self {
        Self {
            id: record.id.0,
            object: record.object,
            title: record.title,
            version: record.version,
            is_live: record.is_live,
            fields: record.fields.into_iter().map(FieldBody::from).collect(),
            sources: record.sources.into_iter().map(SourceBody::from).collect(),
            targets: record.targets.into_iter().map(TargetBody::from).collect(),
            refers_to: record.refers_to.into_iter().map(RelatedBody::from).collect(),
            referred_by: record.referred_by.into_iter().map(RelatedBody::from).collect(),
            household: record.household.into_iter().map(RelatedBody::from).collect(),
            created_at: record.created_at,
            updated_at: record.updated_at,
        }
    }
}

/// Golden records of one kind, oldest first.
#[utoipa::path(tag = "Records", params(RecordsAsk), responses((status = 200, body = Page<RecordBody>)))]
#[get("/records")]
pub async fn list(
    caller: Caller,
    app: web::Data<App>,
    ask: web::Query<RecordsAsk>,
) -> Result<web::Json<Page<RecordBody>>, ApiError> {
    let limit = paging::limit(ask.limit)?;
    let after = paging::place(ask.cursor.as_deref())?;
    let (found, next) = app.records().page(&caller.scope, ask.object, after, limit).await?;
    let items = found.into_iter().map(RecordBody::from).collect();
    Ok(web::Json(Page { items, next: next.as_ref().map(paging::cursor) }))
}

/// Golden records by e-mail, phone, name, VIN or number, the surest first; at most 100 by a name.
#[utoipa::path(tag = "Records", params(SearchAsk), responses(
    (status = 200, body = [RecordBody]),
    (status = 422, description = "Nothing was typed.", body = Problem),
))]
#[get("/records/search")]
pub async fn search(
    caller: Caller,
    app: web::Data<App>,
    ask: web::Query<SearchAsk>,
) -> Result<web::Json<Vec<RecordBody>>, ApiError> {
    let mut found = app.records().search(&caller.scope, &ask.q).await?;
    found.retain(|record| ask.object.is_none_or(|only| record.object == only));
    Ok(web::Json(found.into_iter().map(RecordBody::from).collect()))
}

/// One golden record. One that was merged answers with what it became part of.
#[utoipa::path(tag = "Records", params(("id" = Uuid, Path)), responses(
    (status = 200, body = RecordDetail),
    (status = 404, description = "No such record.", body = Problem),
))]
#[get("/records/{id}")]
pub async fn get_one(
    caller: Caller,
    id: web::Path<GoldenId>,
    app: web::Data<App>,
) -> Result<web::Json<RecordDetail>, ApiError> {
    Ok(web::Json(app.records().get(&caller.scope, id.into_inner()).await?.into()))
}

/// Read a record anew from all its systems, and write it anew to all that should hold it.
#[utoipa::path(tag = "Records", params(("id" = Uuid, Path)), responses(
    (status = 202, description = "On its way."),
    (status = 404, description = "No such record.", body = Problem),
))]
#[post("/records/{id}/resync")]
pub async fn resync(caller: Caller, id: web::Path<GoldenId>, app: web::Data<App>) -> Result<HttpResponse, ApiError> {
    caller.scope.require(Permission::RunSync)?;
    // Who may not see it may not cause work with it either.
    let record = app.records().get(&caller.scope, id.into_inner()).await?;
    app.engine().resync_record(&caller.scope, record.id).await?;
    Ok(HttpResponse::Accepted().finish())
}

/// Which source records leave.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SplitAsk {
    /// Ids of source records of this record; at least one must stay.
    #[schema(value_type = Vec<Uuid>)]
    sources: Vec<SourceRecordId>,
}

/// A record was taken apart.
#[derive(Serialize, ToSchema)]
pub struct SplitDone {
    /// The record that the source records became: the one they were before a merge, or a new one.
    record: Uuid,
    /// The pair that both are now, as `not_a_match`; its undo asks again.
    candidate: Uuid,
}

/// Take source records out of a record: they become one of their own, and nothing joins the two again by itself.
#[utoipa::path(tag = "Records", params(("id" = Uuid, Path)), request_body = SplitAsk, responses(
    (status = 200, body = SplitDone),
    (status = 404, description = "No such record, or no such source record of it.", body = Problem),
    (status = 409, description = "Nothing would leave, or nothing would stay.", body = Problem),
))]
#[post("/records/{id}/split")]
pub async fn split(
    caller: Caller,
    id: web::Path<GoldenId>,
    app: web::Data<App>,
    body: web::Json<SplitAsk>,
) -> Result<web::Json<SplitDone>, ApiError> {
    let done = app.engine().split(&caller.scope, id.into_inner(), &body.sources).await?;
    Ok(web::Json(SplitDone { record: done.out.0, candidate: done.candidate.0 }))
}
