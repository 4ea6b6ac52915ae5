//! Matching: the model that judges who is who, your own rules on top of it, values that too many share.

use crate::caller::Caller;
use crate::problem::{ApiError, Problem};
use actix_web::{HttpResponse, get, post, put, web};
use app::App;
use app::matching::{MatchingShown, ModelShown, Moved, Preview, Rules, Say, SharedValue};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

/// Mounts the routes.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(show)
        .service(models)
        .service(learn)
        .service(refit)
        .service(activate)
        .service(get_rules)
        .service(publish_rules)
        .service(preview_rules)
        .service(shared_values);
}

/// What a rule is worth where it says that two are the same.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SayName {
    /// They are one, whatever else they say.
    Join,
    /// A person is asked, unless the score is beyond doubt.
    Ask,
    /// Only the score counts.
    Weigh,
}

impl From<Say> for SayName {
    fn from(say: Say) -> Self {
        match say {
            Say::Join => Self::Join,
            Say::Ask => Self::Ask,
            Say::Weigh => Self::Weigh,
        }
    }
}

impl From<SayName> for Say {
    fn from(say: SayName) -> Self {
        match say {
            SayName::Join => Self::Join,
            SayName::Ask => Self::Ask,
            SayName::Weigh => Self::Weigh,
        }
    }
}

/// The group's own rules.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RulesBody {
    /// Same e-mail, names agree.
    email: SayName,
    /// Same phone, names agree.
    phone: SayName,
    /// Same name and address.
    address: SayName,
    /// The least probability that is merged at once, from 0.02 to below 1; as calibrated where absent.
    auto: Option<f64>,
    /// The least probability that a person is asked about; as calibrated where absent.
    review: Option<f64>,
    /// Whether a customer of one rooftop may be the customer of another.
    across_rooftops: bool,
}

impl From<Rules> for RulesBody {
    fn from(rules: Rules) -> Self {
        let Rules { email, phone, address, auto, review, across_rooftops } = rules;
        Self { email: email.into(), phone: phone.into(), address: address.into(), auto, review, across_rooftops }
    }
}

impl From<RulesBody> for Rules {
    fn from(body: RulesBody) -> Self {
        let RulesBody { email, phone, address, auto, review, across_rooftops } = body;
        Self { email: email.into(), phone: phone.into(), address: address.into(), auto, review, across_rooftops }
    }
}

/// A model.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelBody {
    /// Counts up from 1.
    version: i32,
    /// learned (from the data), refit (taught by decisions as well).
    #[schema(example = "learned")]
    kind: String,
    /// proposed, active, retired, refused.
    #[schema(example = "active")]
    state: String,
    /// The least probability that is merged at once.
    auto: f64,
    /// The least probability that a person is asked about.
    review: f64,
    /// From how many records it was learned.
    records: i64,
    /// For a taught one: decisions it was taught by and held back, and how well it and the one before agree with those
    /// held back.
    #[schema(value_type = Value)]
    figures: Json,
    /// The version that it replaced.
    parent: Option<i32>,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When it began to judge.
    activated_at: Option<DateTime<Utc>>,
}

impl From<ModelShown> for ModelBody {
    fn from(model: ModelShown) -> Self {
        let ModelShown { version, kind, state, auto, review, records, figures, parent, created_at, activated_at } =
            model;
        Self { version, kind, state, auto, review, records, figures, parent, created_at, activated_at }
    }
}

/// How customers are matched.
#[derive(Debug, Serialize, ToSchema)]
pub struct MatchingBody {
    /// The model that judges; absent while the shipped one does.
    model: Option<ModelBody>,
    /// The least probability that is merged at once, the rules included.
    auto: f64,
    /// The least probability that a person is asked about, the rules included.
    review: f64,
    /// The rules.
    rules: RulesBody,
    /// Their version; 0 where they are the usual ones.
    rules_version: i32,
    /// Decisions of people from which a model can be taught; 200 are needed.
    reviewed: usize,
}

impl From<MatchingShown> for MatchingBody {
    fn from(shown: MatchingShown) -> Self {
        Self {
            auto: shown.bands.auto,
            review: shown.bands.review,
            rules: shown.rules.into(),
            rules_version: shown.rules_version,
            reviewed: shown.reviewed,
            model: shown.model.map(ModelBody::from),
        }
    }
}

/// A pair that would be treated otherwise.
#[derive(Debug, Serialize, ToSchema)]
pub struct MovedBody {
    /// One record.
    left: Uuid,
    /// What it is called.
    left_title: String,
    /// The other.
    right: Uuid,
    /// What it is called.
    right_title: String,
    /// How alike by the new rules, 0 to 1.
    score: f64,
}

impl From<Moved> for MovedBody {
    fn from(moved: Moved) -> Self {
        Self {
            left: moved.left.0,
            left_title: moved.left_title,
            right: moved.right.0,
            right_title: moved.right_title,
            score: moved.score,
        }
    }
}

/// What other rules would do to the data there is.
#[derive(Debug, Serialize, ToSchema)]
pub struct PreviewBody {
    /// Pairs that would be merged at once and are not.
    more_merged: usize,
    /// Records that were merged and would not be. They stay merged; take them apart one by one where that is wrong.
    fewer_merged: usize,
    /// Pairs that people would be asked about and are not now.
    more_asked: usize,
    /// Pairs that people are asked about and would not be.
    fewer_asked: usize,
    /// At most 20 of those that would be merged, spread over all of them.
    sample_merged: Vec<MovedBody>,
    /// At most 20 of those that would be asked about.
    sample_asked: Vec<MovedBody>,
    /// At most 20 of those that would not be merged.
    sample_loosened: Vec<LoosenedBody>,
}

/// A record whose sources other rules would not have merged.
#[derive(Debug, Serialize, ToSchema)]
pub struct LoosenedBody {
    /// The record.
    id: Uuid,
    /// Its name.
    title: String,
    /// The probability of the best link that holds it together, by those rules.
    score: f64,
}

impl From<Preview> for PreviewBody {
    fn from(preview: Preview) -> Self {
        Self {
            more_merged: preview.more_merged,
            fewer_merged: preview.fewer_merged,
            more_asked: preview.more_asked,
            fewer_asked: preview.fewer_asked,
            sample_merged: preview.sample_merged.into_iter().map(MovedBody::from).collect(),
            sample_asked: preview.sample_asked.into_iter().map(MovedBody::from).collect(),
            sample_loosened: preview
                .sample_loosened
                .into_iter()
                .map(|held| LoosenedBody { id: held.golden.0, title: held.title, score: held.score })
                .collect(),
        }
    }
}

/// A value that too many different people share to say who somebody is.
#[derive(Debug, Serialize, ToSchema)]
pub struct SharedValueBody {
    /// email, phone, licence, vin.
    #[schema(example = "email")]
    field: String,
    /// The value.
    value: String,
    /// How many records hold it.
    holders: i32,
}

impl From<SharedValue> for SharedValueBody {
    fn from(shared: SharedValue) -> Self {
        Self { field: shared.family, value: shared.value, holders: shared.holders }
    }
}

/// How your customers are matched now.
#[utoipa::path(tag = "Matching", responses((status = 200, body = MatchingBody)))]
#[get("/matching")]
pub async fn show(caller: Caller, app: web::Data<App>) -> Result<web::Json<MatchingBody>, ApiError> {
    Ok(web::Json(app.matching().show(&caller.scope).await?.into()))
}

/// All models, newest first.
#[utoipa::path(tag = "Matching", responses((status = 200, body = [ModelBody])))]
#[get("/matching/models")]
pub async fn models(caller: Caller, app: web::Data<App>) -> Result<web::Json<Vec<ModelBody>>, ApiError> {
    let models = app.matching().models(&caller.scope).await?;
    Ok(web::Json(models.into_iter().map(ModelBody::from).collect()))
}

/// Learn a new model from all customers, then look again at those who may be one. Runs in the background.
#[utoipa::path(tag = "Matching", responses((status = 202, description = "It was asked for.")))]
#[post("/matching/models/learn")]
pub async fn learn(caller: Caller, app: web::Data<App>) -> Result<HttpResponse, ApiError> {
    app.engine().start_learning(&caller.scope).await?;
    Ok(HttpResponse::Accepted().finish())
}

/// Teach the model by your decisions. It judges from now on only if it does better on decisions that were held back.
#[utoipa::path(tag = "Matching", responses(
    (status = 200, body = ModelBody),
    (status = 409, description = "Too little was decided.", body = Problem),
))]
#[post("/matching/models/refit")]
pub async fn refit(caller: Caller, app: web::Data<App>) -> Result<web::Json<ModelBody>, ApiError> {
    Ok(web::Json(app.matching().refit(&caller.scope).await?.into()))
}

/// Let a model judge that was made before; version 0 is the shipped one.
#[utoipa::path(tag = "Matching", params(("version" = i32, Path)), responses(
    (status = 204, description = "It judges."),
    (status = 404, description = "No such model.", body = Problem),
    (status = 409, description = "The model is too old to come back.", body = Problem),
))]
#[post("/matching/models/{version}/activate")]
pub async fn activate(caller: Caller, version: web::Path<i32>, app: web::Data<App>) -> Result<HttpResponse, ApiError> {
    let version = Some(version.into_inner()).filter(|version| *version != 0);
    app.matching().activate(&caller.scope, version).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Your rules.
#[utoipa::path(tag = "Matching", responses((status = 200, body = RulesBody)))]
#[get("/matching/rules")]
pub async fn get_rules(caller: Caller, app: web::Data<App>) -> Result<web::Json<RulesBody>, ApiError> {
    Ok(web::Json(app.matching().show(&caller.scope).await?.rules.into()))
}

/// Publish rules: they count from now on, and whoever may be one by them is looked at again.
#[utoipa::path(tag = "Matching", request_body = RulesBody, responses(
    (status = 204, description = "They count."),
    (status = 422, description = "Fields need a correction.", body = Problem),
))]
#[put("/matching/rules")]
pub async fn publish_rules(
    caller: Caller,
    app: web::Data<App>,
    body: web::Json<RulesBody>,
) -> Result<HttpResponse, ApiError> {
    app.matching().publish(&caller.scope, body.into_inner().into()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// What other rules would do to the data there is: counts, and pairs to look at. Changes nothing.
#[utoipa::path(tag = "Matching", request_body = RulesBody, responses(
    (status = 200, body = PreviewBody),
    (status = 422, description = "Fields need a correction.", body = Problem),
))]
#[post("/matching/rules/preview")]
pub async fn preview_rules(
    caller: Caller,
    app: web::Data<App>,
    body: web::Json<RulesBody>,
) -> Result<web::Json<PreviewBody>, ApiError> {
    Ok(web::Json(app.matching().preview(&caller.scope, body.into_inner().into()).await?.into()))
}

/// Values that too many different people share, those of the most records first: a salesperson's e-mail, a desk's phone.
/// They bring nobody together; correct them where they were typed.
#[utoipa::path(tag = "Matching", responses((status = 200, body = [SharedValueBody])))]
#[get("/matching/shared-values")]
pub async fn shared_values(caller: Caller, app: web::Data<App>) -> Result<web::Json<Vec<SharedValueBody>>, ApiError> {
    let shared = app.matching().shared_values(&caller.scope).await?;
    Ok(web::Json(shared.into_iter().map(SharedValueBody::from).collect()))
}
