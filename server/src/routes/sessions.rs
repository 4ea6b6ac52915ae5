//! Who is signed in, their sessions, and the group that they look at. For people only.

use crate::caller::{Person, origin};
use crate::problem::{ApiError, Problem};
use actix_web::http::header::SET_COOKIE;
use actix_web::{HttpRequest, HttpResponse, delete, get, post, put, web};
use app::App;
use app::identity::{Me, SessionShown, cookie};
use chrono::{DateTime, Utc};
use domain::permission::Permission;
use domain::{SessionId, TenantId};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

/// Mounts the routes.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(who)
        .service(sign_out)
        .service(change_password)
        .service(switch_group)
        .service(list)
        .service(end)
        .service(end_others);
}

/// The person who is signed in.
#[derive(Serialize, ToSchema)]
pub struct MeBody {
    /// Id.
    id: Uuid,
    /// What they are called.
    name: String,
    /// E-mail address.
    email: String,
    /// Their groups, by name.
    groups: Vec<GroupBody>,
    /// The group they look at.
    group: Option<Uuid>,
    /// What they may do there, for the whole group or for at least one rooftop.
    #[schema(value_type = Vec<String>)]
    permissions: Vec<Permission>,
}

/// A dealer group.
#[derive(Serialize, ToSchema)]
pub struct GroupBody {
    /// Id.
    id: Uuid,
    /// Name.
    name: String,
}

impl From<Me> for MeBody {
    fn from(me: Me) -> Self {
        Self {
            id: me.id.0,
            name: me.name,
            email: me.email,
            groups: me.groups.into_iter().map(|group| GroupBody { id: group.id.0, name: group.name }).collect(),
            group: me.group.map(|id| id.0),
            permissions: me.permissions,
        }
    }
}

/// A session.
#[derive(Serialize, ToSchema)]
pub struct SessionBody {
    /// Id.
    id: Uuid,
    /// What the browser calls itself.
    user_agent: String,
    /// Since when.
    created_at: DateTime<Utc>,
    /// Last used, to the minute.
    seen_at: DateTime<Utc>,
    /// Whether it is the one that asks.
    is_this_one: bool,
}

impl From<SessionShown> for SessionBody {
    fn from(session: SessionShown) -> Self {
        Self {
            id: session.id.0,
            user_agent: session.user_agent,
            created_at: session.created_at,
            seen_at: session.seen_at,
            is_this_one: session.is_this_one,
        }
    }
}

/// A group to look at.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SwitchGroup {
    /// One of one's own.
    #[schema(value_type = Uuid)]
    group: TenantId,
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePassword {
    /// The password until now.
    #[schema(value_type = String, format = Password)]
    old_password: SecretString,
    /// The new one; a few words make a good one.
    #[schema(schema_with = super::identity::new_password)]
    new_password: SecretString,
}

/// Sessions that ended.
#[derive(Serialize, ToSchema)]
pub struct Ended {
    /// How many.
    ended: u64,
}

/// Who is signed in.
#[utoipa::path(tag = "Sessions", responses(
    (status = 200, body = MeBody),
    (status = 401, description = "Nobody.", body = Problem),
))]
#[get("/me")]
pub async fn who(person: Person, app: web::Data<App>) -> Result<web::Json<MeBody>, ApiError> {
    Ok(web::Json(app.identity().me(&person.0).await?.into()))
}

/// Sign out.
#[utoipa::path(tag = "Sessions", responses(
    (status = 204, description = "The session has ended."),
    (status = 401, description = "Nobody is signed in.", body = Problem),
))]
#[post("/sign-out")]
pub async fn sign_out(person: Person, app: web::Data<App>) -> Result<HttpResponse, ApiError> {
    app.identity().sign_out(&person.0).await?;
    Ok(HttpResponse::NoContent().insert_header((SET_COOKIE, cookie::signed_out(&app.config().web))).finish())
}

/// Change one's password; all other sessions end.
#[utoipa::path(tag = "Sessions", request_body = ChangePassword, responses(
    (status = 204, description = "Changed."),
    (status = 401, description = "The old password is wrong.", body = Problem),
    (status = 422, description = "Fields need a correction.", body = Problem),
))]
#[put("/me/password")]
pub async fn change_password(
    person: Person,
    request: HttpRequest,
    app: web::Data<App>,
    body: web::Json<ChangePassword>,
) -> Result<HttpResponse, ApiError> {
    let origin = origin(&request, &app);
    app.identity().change_password(&person.0, &body.old_password, &body.new_password, &origin).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Look at another of one's groups.
#[utoipa::path(tag = "Sessions", request_body = SwitchGroup, responses(
    (status = 204, description = "Done."),
    (status = 404, description = "None of one's groups.", body = Problem),
))]
#[put("/me/group")]
pub async fn switch_group(
    person: Person,
    app: web::Data<App>,
    body: web::Json<SwitchGroup>,
) -> Result<HttpResponse, ApiError> {
    app.identity().switch_group(&person.0, body.group).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// One's own sessions, newest first.
#[utoipa::path(tag = "Sessions", responses((status = 200, body = [SessionBody])))]
#[get("/sessions")]
pub async fn list(person: Person, app: web::Data<App>) -> Result<web::Json<Vec<SessionBody>>, ApiError> {
    let sessions = app.identity().sessions(&person.0).await?;
    Ok(web::Json(sessions.into_iter().map(SessionBody::from).collect()))
}

/// End one of one's own sessions.
#[utoipa::path(tag = "Sessions", params(("id" = Uuid, Path)), responses(
    (status = 204, description = "It has ended."),
    (status = 404, description = "None of one's own.", body = Problem),
))]
#[delete("/sessions/{id}")]
pub async fn end(person: Person, id: web::Path<SessionId>, app: web::Data<App>) -> Result<HttpResponse, ApiError> {
    app.identity().revoke_session(&person.0, id.into_inner()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// End all of one's sessions but this one.
#[utoipa::path(tag = "Sessions", responses((status = 200, body = Ended)))]
#[post("/sessions/end-others")]
pub async fn end_others(person: Person, app: web::Data<App>) -> Result<web::Json<Ended>, ApiError> {
    Ok(web::Json(Ended { ended: app.identity().revoke_other_sessions(&person.0).await? }))
}
