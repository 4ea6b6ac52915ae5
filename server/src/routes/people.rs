//! People of the group and their roles.

use crate::caller::Caller;
use crate::problem::{ApiError, Problem};
use crate::wire::Made;
use actix_web::{HttpResponse, delete, get, post, put, web};
use app::App;
use app::people::{Invite, MemberShown};
use chrono::{DateTime, Utc};
use domain::RooftopId;
use domain::permission::Role;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

/// Mounts the routes.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(invite).service(set_role).service(remove);
}

/// A role that somebody has.
#[derive(Serialize, ToSchema)]
pub struct MemberBody {
    /// Id of the role, not of the person.
    id: Uuid,
    /// The person.
    person: Uuid,
    /// What they are called.
    name: String,
    /// E-mail address.
    email: String,
    /// One rooftop, or the whole group.
    rooftop: Option<Uuid>,
    /// viewer, reviewer, rooftop_manager, group_admin, owner.
    #[schema(value_type = String)]
    role: Role,
    /// Whether they have not yet opened the invitation.
    is_invited: bool,
    /// When a mail server refused the address; remove the role and invite the right one.
    mail_refused_at: Option<DateTime<Utc>>,
    /// Whether they have a second factor.
    has_second_factor: bool,
    /// Since when.
    created_at: DateTime<Utc>,
}

impl From<MemberShown> for MemberBody {
    fn from(member: MemberShown) -> Self {
        Self {
            id: member.id,
            person: member.person.0,
            name: member.name,
            email: member.email,
            rooftop: member.rooftop.map(|id| id.0),
            role: member.role,
            is_invited: member.is_invited,
            mail_refused_at: member.mail_refused_at,
            has_second_factor: member.has_second_factor,
            created_at: member.created_at,
        }
    }
}

/// Somebody who shall have a role.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InviteBody {
    /// E-mail address.
    email: String,
    /// viewer, reviewer, rooftop_manager, group_admin, owner.
    #[schema(value_type = String)]
    role: Role,
    /// One rooftop; the whole group where absent.
    #[schema(value_type = Option<Uuid>)]
    rooftop: Option<RooftopId>,
}

/// Another role.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleBody {
    /// viewer, reviewer, rooftop_manager, group_admin, owner.
    #[schema(value_type = String)]
    role: Role,
}

/// Everybody with a role.
#[utoipa::path(tag = "People", responses((status = 200, body = [MemberBody])))]
#[get("/people")]
pub async fn list(caller: Caller, app: web::Data<App>) -> Result<web::Json<Vec<MemberBody>>, ApiError> {
    let members = app.people().list(&caller.scope).await?;
    Ok(web::Json(members.into_iter().map(MemberBody::from).collect()))
}

/// Give a role to the person with this address, who is told by mail.
#[utoipa::path(tag = "People", request_body = InviteBody, responses(
    (status = 201, description = "Invited.", body = Made),
    (status = 409, description = "They have a role there already.", body = Problem),
    (status = 422, description = "Fields need a correction.", body = Problem),
))]
#[post("/people")]
pub async fn invite(
    caller: Caller,
    app: web::Data<App>,
    body: web::Json<InviteBody>,
) -> Result<HttpResponse, ApiError> {
    let body = body.into_inner();
    let ask = Invite { email: body.email, role: body.role, rooftop: body.rooftop };
    let id = app.people().invite(&caller.scope, ask).await?;
    Ok(HttpResponse::Created().json(Made { id }))
}

/// Change a role.
#[utoipa::path(tag = "People", params(("id" = Uuid, Path, description = "Id of the role.")), request_body = RoleBody, responses(
    (status = 204, description = "Changed."),
    (status = 404, description = "No such role.", body = Problem),
    (status = 409, description = "The last owner stays one.", body = Problem),
))]
#[put("/people/{id}/role")]
pub async fn set_role(
    caller: Caller,
    id: web::Path<Uuid>,
    app: web::Data<App>,
    body: web::Json<RoleBody>,
) -> Result<HttpResponse, ApiError> {
    app.people().set_role(&caller.scope, id.into_inner(), body.role).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Take a role away; it is gone with the person's next request.
#[utoipa::path(tag = "People", params(("id" = Uuid, Path, description = "Id of the role.")), responses(
    (status = 204, description = "Gone."),
    (status = 404, description = "No such role.", body = Problem),
    (status = 409, description = "The last owner stays.", body = Problem),
))]
#[delete("/people/{id}")]
pub async fn remove(caller: Caller, id: web::Path<Uuid>, app: web::Data<App>) -> Result<HttpResponse, ApiError> {
    app.people().remove(&caller.scope, id.into_inner()).await?;
    Ok(HttpResponse::NoContent().finish())
}
