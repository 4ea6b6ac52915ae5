//! One's own second factor, a member's who lost their phone, and whether the group requires one.

use crate::caller::{Caller, Person, origin};
use crate::problem::{ApiError, Problem};
use actix_web::{HttpRequest, HttpResponse, get, post, put, web};
use app::App;
use app::people::SignInRules;
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

/// Mounts the routes.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(state)
        .service(begin)
        .service(confirm)
        .service(renew_recovery_codes)
        .service(end)
        .service(sign_in_rules)
        .service(set_sign_in_rules)
        .service(reset);
}

/// One's own second factor.
#[derive(Serialize, ToSchema)]
pub struct SecondFactorBody {
    /// Since when signing in asks for a code; absent where it does not.
    since: Option<DateTime<Utc>>,
    /// Recovery codes that are left.
    recovery_codes_left: i64,
    /// Whether one of one's groups requires it.
    is_required: bool,
}

/// What an app is given; told to its person alone.
#[derive(Serialize, ToSchema)]
pub struct SetUpBody {
    /// The secret in base32.
    secret: String,
    /// The same as an `otpauth://` address, for a QR code.
    address: String,
}

/// A code of the app.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CodeBody {
    /// Six digits.
    code: String,
}

/// One's own password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnPassword {
    /// The password.
    #[schema(value_type = String, format = Password)]
    password: SecretString,
}

/// Recovery codes: each signs in once, in place of a code of the app.
#[derive(Serialize, ToSchema)]
pub struct RecoveryCodes {
    /// Told this once.
    recovery_codes: Vec<String>,
}

/// How people of the group must sign in.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInRulesBody {
    /// Whether each needs a second factor.
    second_factor_required: bool,
}

/// One's own second factor.
#[utoipa::path(tag = "Second factor", responses((status = 200, body = SecondFactorBody)))]
#[get("/me/second-factor")]
pub async fn state(person: Person, app: web::Data<App>) -> Result<web::Json<SecondFactorBody>, ApiError> {
    let state = app.identity().two_step(&person.0).await?;
    let (recovery_codes_left, is_required) = (state.recovery_codes_left, state.is_required);
    Ok(web::Json(SecondFactorBody { since: state.since, recovery_codes_left, is_required }))
}

/// Make a secret for one's app. Nothing is asked for until a first code confirms it.
#[utoipa::path(tag = "Second factor", request_body = OwnPassword, responses(
    (status = 201, description = "Made.", body = SetUpBody),
    (status = 401, description = "The password is wrong.", body = Problem),
    (status = 409, description = "It is on already.", body = Problem),
))]
#[post("/me/second-factor")]
pub async fn begin(
    person: Person,
    request: HttpRequest,
    app: web::Data<App>,
    body: web::Json<OwnPassword>,
) -> Result<HttpResponse, ApiError> {
    let set_up = app.identity().begin_two_step(&person.0, &body.password, &origin(&request, &app)).await?;
    let body = SetUpBody { secret: set_up.secret.to_string(), address: set_up.address.to_string() };
    Ok(HttpResponse::Created().json(body))
}

/// Switch it on by a first code of the app; one's other sessions end.
#[utoipa::path(tag = "Second factor", request_body = CodeBody, responses(
    (status = 200, description = "It is on; the recovery codes are told this once.", body = RecoveryCodes),
    (status = 409, description = "It is on already.", body = Problem),
    (status = 422, description = "The code is wrong.", body = Problem),
    (status = 429, description = "Too many tries.", body = Problem),
))]
#[post("/me/second-factor/confirm")]
pub async fn confirm(
    person: Person,
    request: HttpRequest,
    app: web::Data<App>,
    body: web::Json<CodeBody>,
) -> Result<web::Json<RecoveryCodes>, ApiError> {
    let codes = app.identity().confirm_two_step(&person.0, &body.code, &origin(&request, &app)).await?;
    Ok(web::Json(RecoveryCodes { recovery_codes: codes }))
}

/// Make new recovery codes; those before work no more.
#[utoipa::path(tag = "Second factor", request_body = OwnPassword, responses(
    (status = 200, description = "Told this once.", body = RecoveryCodes),
    (status = 401, description = "The password is wrong.", body = Problem),
    (status = 409, description = "It is off.", body = Problem),
))]
#[post("/me/second-factor/recovery-codes")]
pub async fn renew_recovery_codes(
    person: Person,
    request: HttpRequest,
    app: web::Data<App>,
    body: web::Json<OwnPassword>,
) -> Result<web::Json<RecoveryCodes>, ApiError> {
    let origin = origin(&request, &app);
    let codes = app.identity().renew_recovery_codes(&person.0, &body.password, &origin).await?;
    Ok(web::Json(RecoveryCodes { recovery_codes: codes }))
}

/// Switch it off.
#[utoipa::path(tag = "Second factor", request_body = OwnPassword, responses(
    (status = 204, description = "It is off."),
    (status = 401, description = "The password is wrong.", body = Problem),
    (status = 409, description = "A group requires it.", body = Problem),
))]
#[post("/me/second-factor/off")]
pub async fn end(
    person: Person,
    request: HttpRequest,
    app: web::Data<App>,
    body: web::Json<OwnPassword>,
) -> Result<HttpResponse, ApiError> {
    app.identity().end_two_step(&person.0, &body.password, &origin(&request, &app)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// How people of the group must sign in.
#[utoipa::path(tag = "People", responses((status = 200, body = SignInRulesBody)))]
#[get("/sign-in-rules")]
pub async fn sign_in_rules(caller: Caller, app: web::Data<App>) -> Result<web::Json<SignInRulesBody>, ApiError> {
    let rules = app.people().sign_in_rules(&caller.scope).await?;
    Ok(web::Json(SignInRulesBody { second_factor_required: rules.second_factor_required }))
}

/// Set how people of the group must sign in. Only an owner who is signed in can, with a second factor of their own.
#[utoipa::path(tag = "People", request_body = SignInRulesBody, responses(
    (status = 204, description = "Set."),
    (status = 403, description = "Only for an owner.", body = Problem),
    (status = 409, description = "The owner has no second factor.", body = Problem),
))]
#[put("/sign-in-rules")]
pub async fn set_sign_in_rules(
    person: Person,
    app: web::Data<App>,
    body: web::Json<SignInRulesBody>,
) -> Result<HttpResponse, ApiError> {
    let rules = SignInRules { second_factor_required: body.second_factor_required };
    app.people().set_sign_in_rules(person.scope()?, rules).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Switch off the second factor of a member who lost their phone; their sessions end, and they are told by mail.
#[utoipa::path(tag = "People", params(("id" = Uuid, Path, description = "Id of a role of theirs.")), request_body = OwnPassword, responses(
    (status = 204, description = "It is off."),
    (status = 401, description = "Your password is wrong.", body = Problem),
    (status = 403, description = "Only for a person who may give the member's roles.", body = Problem),
    (status = 404, description = "No such role.", body = Problem),
    (status = 409, description = "It is off, it is your own, or the member belongs to another group too.", body = Problem),
))]
#[post("/people/{id}/second-factor/reset")]
pub async fn reset(
    person: Person,
    request: HttpRequest,
    id: web::Path<Uuid>,
    app: web::Data<App>,
    body: web::Json<OwnPassword>,
) -> Result<HttpResponse, ApiError> {
    person.scope()?;
    app.people().reset_second_factor(&person.0, id.into_inner(), &body.password, &origin(&request, &app)).await?;
    Ok(HttpResponse::NoContent().finish())
}
