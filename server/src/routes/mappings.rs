//! Mappings: which part of a system's payload becomes which field, and your own lines over it.

use crate::caller::Caller;
use crate::problem::{ApiError, Problem};
use crate::wire::ObjectName;
use actix_web::{get, put, web};
use app::App;
use app::mappings::MappingShown;
use domain::mapping::Rule;
use domain::{ConnectionId, ObjectKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

/// Mounts the routes.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(get_one).service(set);
}

/// One line of a mapping, as the document shows it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used; values are `domain::mapping::Rule`")]
pub struct RuleBody {
    /// The field.
    #[schema(example = "customer.email")]
    to: String,
    /// Where in the payload: names joined by dots, `[0]` for places in a list, `@name` for XML attributes.
    #[schema(example = "contact.emails[0]")]
    from: String,
    /// `"as_is"`, `"epoch_millis"`, `"whole"`, `{"dated": FORMAT}`, `{"words": [[THEIRS, OURS]]}`,
    /// `{"name_part": "first"}`, `{"joined": [PATHS]}`.
    #[schema(value_type = Value)]
    read: String,
}

/// A mapping.
#[derive(Serialize, ToSchema)]
pub struct MappingBody {
    /// The object.
    #[schema(value_type = ObjectName)]
    object: ObjectKind,
    /// Version of your lines; 0: none. Send it back when saving.
    version: i32,
    /// The system's own lines.
    #[schema(value_type = Vec<RuleBody>)]
    default: Vec<Rule>,
    /// Your lines; a field that has some takes only these.
    #[schema(value_type = Vec<RuleBody>)]
    overrides: Vec<Rule>,
    /// Both together, as they are applied.
    #[schema(value_type = Vec<RuleBody>)]
    effective: Vec<Rule>,
    /// Names in payloads that no line uses, and since when.
    drift: BTreeMap<String, String>,
}

impl From<MappingShown> for MappingBody {
    fn from(mapping: MappingShown) -> Self {
        Self {
            object: mapping.object,
            version: mapping.version,
            default: mapping.default,
            overrides: mapping.overrides,
            effective: mapping.effective,
            drift: mapping.drift,
        }
    }
}

/// Your lines as they shall be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetMapping {
    /// The version that you saw.
    version: i32,
    /// Your lines.
    #[schema(value_type = Vec<RuleBody>)]
    overrides: Vec<Rule>,
}

/// The mapping of one object of a connection.
#[utoipa::path(tag = "Mappings", params(("id" = Uuid, Path), ("object" = ObjectName, Path)), responses(
    (status = 200, body = MappingBody),
    (status = 404, description = "No such connection, or it does not read the object.", body = Problem),
))]
#[get("/connections/{id}/objects/{object}/mapping")]
pub async fn get_one(
    caller: Caller,
    path: web::Path<(ConnectionId, ObjectKind)>,
    app: web::Data<App>,
) -> Result<web::Json<MappingBody>, ApiError> {
    let (id, object) = path.into_inner();
    Ok(web::Json(app.mappings().get(&caller.scope, id, object).await?.into()))
}

/// Set your lines; what was read before is read again by them.
#[utoipa::path(tag = "Mappings", params(("id" = Uuid, Path), ("object" = ObjectName, Path)), request_body = SetMapping, responses(
    (status = 200, body = MappingBody),
    (status = 404, description = "No such connection, or it does not read the object.", body = Problem),
    (status = 409, description = "Somebody else saved meanwhile.", body = Problem),
    (status = 422, description = "Fields need a correction.", body = Problem),
))]
#[put("/connections/{id}/objects/{object}/mapping")]
pub async fn set(
    caller: Caller,
    path: web::Path<(ConnectionId, ObjectKind)>,
    app: web::Data<App>,
    body: web::Json<SetMapping>,
) -> Result<web::Json<MappingBody>, ApiError> {
    let (id, object) = path.into_inner();
    let mapping = app.mappings().set(&caller.scope, id, object, &body.overrides, body.version).await?;
    Ok(web::Json(mapping.into()))
}
