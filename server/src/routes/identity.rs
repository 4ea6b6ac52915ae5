//! Signing up, proving an address, signing in, a forgotten password, an invitation.

use crate::caller::origin;
use crate::problem::{ApiError, Problem};
use actix_web::http::header::SET_COOKIE;
use actix_web::{HttpRequest, HttpResponse, post, web};
use app::App;
use app::identity::{
    AcceptInvitation, Begun, NewSession, PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN, ResetPassword, SignIn, SignUp, Verify,
    cookie,
};
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{KnownFormat, Object, ObjectBuilder, SchemaFormat, Type};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

/// Mounts the routes.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(sign_up)
        .service(resend_verification)
        .service(verify)
        .service(sign_in)
        .service(finish_sign_in)
        .service(ask_password_reset)
        .service(reset_password)
        .service(accept_invitation);
}

/// A password that is to be set.
pub(super) fn new_password() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
        .min_length(Some(PASSWORD_CHARS_MIN))
        .max_length(Some(PASSWORD_CHARS_MAX))
        .description(Some("A few words that do not belong together make a good one."))
        .build()
}

/// An account that is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignUpBody {
    /// E-mail address.
    #[schema(example = "ann@example.com")]
    email: String,
    /// The password; a few words make a good one.
    #[schema(schema_with = new_password)]
    password: SecretString,
    /// What you are called.
    name: String,
    /// What your dealer group or dealership is called.
    group: String,
}

/// An e-mail address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EmailBody {
    /// E-mail address.
    email: String,
}

/// The link of the first mail.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyBody {
    /// From the link.
    token: String,
    /// The password that was given when signing up.
    #[schema(value_type = String, format = Password)]
    password: SecretString,
}

/// Somebody who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInBody {
    /// E-mail address.
    email: String,
    /// Password.
    #[schema(value_type = String, format = Password)]
    password: SecretString,
}

/// A new password by the mailed link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetPasswordBody {
    /// From the link.
    token: String,
    /// The new password.
    #[schema(schema_with = new_password)]
    password: SecretString,
}

/// Somebody who was invited.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptInvitationBody {
    /// From the link.
    token: String,
    /// What you are called.
    name: String,
    /// Your password.
    #[schema(schema_with = new_password)]
    password: SecretString,
}

/// A session has begun; its token is in the cookie.
#[derive(Serialize, ToSchema)]
pub struct SignedInBody {
    /// The person.
    person: Uuid,
    /// When the session ends.
    expires_at: DateTime<Utc>,
}

/// A code is asked for; the sign-in that waits for it is in the cookie.
#[derive(Serialize, ToSchema)]
pub struct CodeAsked {
    /// Until when it must come, to `POST /api/v1/sign-in/code`.
    expires_at: DateTime<Utc>,
}

/// The code of the second step.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInCode {
    /// Six digits of the app, or a recovery code.
    code: String,
}

fn begun(app: &App, entry: &Begun) -> HttpResponse {
    match entry {
        Begun::Session(session) => signed_in(app, session),
        Begun::SecondStep(step) => {
            let line = cookie::second_step(&app.config().web, step, app.now());
            HttpResponse::Accepted().append_header((SET_COOKIE, line)).json(CodeAsked { expires_at: step.expires_at })
        }
    }
}

fn signed_in(app: &App, session: &NewSession) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    for line in cookie::signed_in(&app.config().web, session, app.now()) {
        answer.append_header((SET_COOKIE, line));
    }
    answer.json(SignedInBody { person: session.person.0, expires_at: session.expires_at })
}

/// Make an account and a dealer group. A mail with a link opens it. Known and unknown addresses are answered alike.
#[utoipa::path(tag = "Identity", security(()), request_body = SignUpBody, responses(
    (status = 202, description = "A mail is on its way."),
    (status = 422, description = "Fields need a correction.", body = Problem),
    (status = 429, description = "Too many tries.", body = Problem),
))]
#[post("/sign-up")]
pub async fn sign_up(
    request: HttpRequest,
    app: web::Data<App>,
    body: web::Json<SignUpBody>,
) -> Result<HttpResponse, ApiError> {
    let body = body.into_inner();
    let ask = SignUp { email: body.email, password: body.password, name: body.name, group: body.group };
    app.identity().sign_up(ask, &origin(&request, &app)).await?;
    Ok(HttpResponse::Accepted().finish())
}

/// Send the first mail again.
#[utoipa::path(tag = "Identity", security(()), request_body = EmailBody, responses(
    (status = 202, description = "Where there is such an account, a mail is on its way."),
    (status = 429, description = "Too many tries.", body = Problem),
))]
#[post("/verify/resend")]
pub async fn resend_verification(
    request: HttpRequest,
    app: web::Data<App>,
    body: web::Json<EmailBody>,
) -> Result<HttpResponse, ApiError> {
    app.identity().resend_verification(&body.email, &origin(&request, &app)).await?;
    Ok(HttpResponse::Accepted().finish())
}

/// Prove the address and sign in.
#[utoipa::path(tag = "Identity", security(()), request_body = VerifyBody, responses(
    (status = 200, description = "Signed in; the session is in the cookie.", body = SignedInBody),
    (status = 401, description = "The password is wrong.", body = Problem),
    (status = 410, description = "The link was used or is over.", body = Problem),
))]
#[post("/verify")]
pub async fn verify(
    request: HttpRequest,
    app: web::Data<App>,
    body: web::Json<VerifyBody>,
) -> Result<HttpResponse, ApiError> {
    let body = body.into_inner();
    let ask = Verify { token: body.token, password: body.password };
    let entry = app.identity().verify(ask, &origin(&request, &app)).await?;
    Ok(begun(&app, &entry))
}

/// Sign in.
#[utoipa::path(tag = "Identity", security(()), request_body = SignInBody, responses(
    (status = 200, description = "Signed in; the session is in the cookie.", body = SignedInBody),
    (status = 202, description = "A code is asked for.", body = CodeAsked),
    (status = 401, description = "E-mail or password is wrong.", body = Problem),
    (status = 403, description = "The address is not proven.", body = Problem),
    (status = 429, description = "Too many tries.", body = Problem),
))]
#[post("/sign-in")]
pub async fn sign_in(
    request: HttpRequest,
    app: web::Data<App>,
    body: web::Json<SignInBody>,
) -> Result<HttpResponse, ApiError> {
    let body = body.into_inner();
    let ask = SignIn { email: body.email, password: body.password };
    let entry = app.identity().sign_in(ask, &origin(&request, &app)).await?;
    Ok(begun(&app, &entry))
}

/// Sign in: the second step, with a code of the app or a recovery code.
#[utoipa::path(tag = "Identity", security(()), request_body = SignInCode, responses(
    (status = 200, description = "Signed in; the session is in the cookie.", body = SignedInBody),
    (status = 410, description = "Start again from the password.", body = Problem),
    (status = 422, description = "The code is wrong.", body = Problem),
    (status = 429, description = "Too many tries.", body = Problem),
))]
#[post("/sign-in/code")]
pub async fn finish_sign_in(
    request: HttpRequest,
    app: web::Data<App>,
    body: web::Json<SignInCode>,
) -> Result<HttpResponse, ApiError> {
    let waiting = request.cookie(cookie::step_cookie(&app.config().web));
    let token = waiting.as_ref().map_or("", |cookie| cookie.value());
    let session = app.identity().finish_sign_in(token, &body.code, &origin(&request, &app)).await?;
    Ok(signed_in(&app, &session))
}

/// Ask for the link that sets a new password.
#[utoipa::path(tag = "Identity", security(()), request_body = EmailBody, responses(
    (status = 202, description = "Where there is such an account, a mail is on its way."),
    (status = 429, description = "Too many tries.", body = Problem),
))]
#[post("/password-resets")]
pub async fn ask_password_reset(
    request: HttpRequest,
    app: web::Data<App>,
    body: web::Json<EmailBody>,
) -> Result<HttpResponse, ApiError> {
    app.identity().ask_password_reset(&body.email, &origin(&request, &app)).await?;
    Ok(HttpResponse::Accepted().finish())
}

/// Set a new password by the mailed link and sign in; all other sessions end.
#[utoipa::path(tag = "Identity", security(()), request_body = ResetPasswordBody, responses(
    (status = 200, description = "Signed in; the session is in the cookie.", body = SignedInBody),
    (status = 202, description = "A code is asked for.", body = CodeAsked),
    (status = 410, description = "The link was used or is over.", body = Problem),
    (status = 422, description = "Fields need a correction.", body = Problem),
))]
#[post("/password-resets/finish")]
pub async fn reset_password(
    request: HttpRequest,
    app: web::Data<App>,
    body: web::Json<ResetPasswordBody>,
) -> Result<HttpResponse, ApiError> {
    let body = body.into_inner();
    let ask = ResetPassword { token: body.token, password: body.password };
    let entry = app.identity().reset_password(ask, &origin(&request, &app)).await?;
    Ok(begun(&app, &entry))
}

/// Set name and password by the link of an invitation, and sign in.
#[utoipa::path(tag = "Identity", security(()), request_body = AcceptInvitationBody, responses(
    (status = 200, description = "Signed in; the session is in the cookie.", body = SignedInBody),
    (status = 202, description = "A code is asked for.", body = CodeAsked),
    (status = 410, description = "The link was used or is over.", body = Problem),
    (status = 422, description = "Fields need a correction.", body = Problem),
))]
#[post("/invitations/accept")]
pub async fn accept_invitation(
    request: HttpRequest,
    app: web::Data<App>,
    body: web::Json<AcceptInvitationBody>,
) -> Result<HttpResponse, ApiError> {
    let body = body.into_inner();
    let ask = AcceptInvitation { token: body.token, name: body.name, password: body.password };
    let entry = app.identity().accept_invitation(ask, &origin(&request, &app)).await?;
    Ok(begun(&app, &entry))
}
