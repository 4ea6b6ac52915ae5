//! Single sign-on of the group: its issuer and the domains that it is for.

use crate::caller::{Caller, Person, origin};
use crate::problem::{ApiError, Problem};
use actix_web::{HttpRequest, HttpResponse, delete, get, post, put, web};
use app::App;
use app::single_sign_on::{DomainShown, IssuerShown, SingleSignOnForm, SingleSignOnShown, TryOut};
use chrono::{DateTime, Utc};
use domain::permission::Role;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

/// Mounts the routes.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(show)
        .service(set)
        .service(remove)
        .service(try_out)
        .service(add_domain)
        .service(prove_domain)
        .service(remove_domain);
}

/// Single sign-on of the group.
#[derive(Serialize, ToSchema)]
pub struct SingleSignOnBody {
    /// The issuer; absent where there is none.
    issuer: Option<IssuerBody>,
    /// The domains that it is for.
    domains: Vec<SignInDomainBody>,
    /// The redirect address to register at the issuer.
    redirect_url: String,
}

/// An OpenID Connect issuer. Its secret is never told.
#[derive(Serialize, ToSchema)]
pub struct IssuerBody {
    /// Its address, as its tokens name it.
    issuer: String,
    /// What Driveline is called there.
    client_id: String,
    /// viewer or reviewer: the role of somebody whom nobody invited. Absent: only who was invited gets in.
    #[schema(value_type = Option<String>)]
    first_role: Option<Role>,
    /// Whether the issuer asks for a second factor, so that Driveline does not.
    checks_second_factor: bool,
    /// Whether people with an address in a proven domain must sign in there.
    required: bool,
    /// When somebody last signed in by issuer and client as they are now.
    signed_in_at: Option<DateTime<Utc>>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

/// An e-mail domain.
#[derive(Serialize, ToSchema)]
pub struct SignInDomainBody {
    /// `example.com`.
    domain: String,
    /// The name under which its DNS must have a TXT record.
    record_name: String,
    /// What that record must say.
    record_value: String,
    /// Since when it is proven; until then it counts for nothing.
    proved_at: Option<DateTime<Utc>>,
    /// Since when it is listed.
    created_at: DateTime<Utc>,
}

impl From<DomainShown> for SignInDomainBody {
    fn from(shown: DomainShown) -> Self {
        Self {
            domain: shown.domain,
            record_name: shown.record_name,
            record_value: shown.record_value,
            proved_at: shown.proved_at,
            created_at: shown.created_at,
        }
    }
}

impl From<IssuerShown> for IssuerBody {
    fn from(shown: IssuerShown) -> Self {
        Self {
            issuer: shown.issuer,
            client_id: shown.client_id,
            first_role: shown.first_role,
            checks_second_factor: shown.checks_second_factor,
            required: shown.is_required,
            signed_in_at: shown.signed_in_at,
            updated_at: shown.updated_at,
        }
    }
}

impl From<SingleSignOnShown> for SingleSignOnBody {
    fn from(shown: SingleSignOnShown) -> Self {
        Self {
            issuer: shown.issuer.map(IssuerBody::from),
            domains: shown.domains.into_iter().map(SignInDomainBody::from).collect(),
            redirect_url: shown.redirect_url,
        }
    }
}

/// An issuer as an owner sets it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetSingleSignOn {
    /// Its address, as its tokens name it.
    issuer: String,
    /// What Driveline is called there.
    client_id: String,
    /// Needed with a new issuer or client; else the one of before stays.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password)]
    client_secret: Option<SecretString>,
    /// viewer or reviewer; absent: only who was invited gets in.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    first_role: Option<Role>,
    /// Whether the issuer asks for a second factor.
    #[serde(default)]
    checks_second_factor: bool,
    /// Whether people with an address in a proven domain must sign in there.
    #[serde(default)]
    required: bool,
}

/// A domain to list.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddDomain {
    /// `example.com`.
    domain: String,
}

/// How trying the issuer out went.
#[derive(Serialize, ToSchema)]
pub struct TryOutBody {
    /// Whether every step went well.
    is_good: bool,
    /// In order.
    steps: Vec<TriedStepBody>,
}

/// One step.
#[derive(Serialize, ToSchema)]
pub struct TriedStepBody {
    /// What was tried.
    name: String,
    /// Whether it went well; absent: not tried.
    went_well: Option<bool>,
    /// The issuer's own words, or ours.
    said: String,
    /// How to fix it; empty where it went well.
    fix: String,
}

impl From<TryOut> for TryOutBody {
    fn from(tried: TryOut) -> Self {
        let steps = tried.steps.into_iter().map(|step| TriedStepBody {
            name: step.name.to_owned(),
            went_well: step.went_well,
            said: step.said,
            fix: step.fix,
        });
        Self { is_good: tried.is_good, steps: steps.collect() }
    }
}

/// The group's issuer and the domains that it is for.
#[utoipa::path(tag = "Single sign-on", responses((status = 200, body = SingleSignOnBody)))]
#[get("/single-sign-on")]
pub async fn show(caller: Caller, app: web::Data<App>) -> Result<web::Json<SingleSignOnBody>, ApiError> {
    Ok(web::Json(app.single_sign_on().get(&caller.scope).await?.into()))
}

/// Set the issuer. Only an owner who is signed in can. With another issuer, whoever signed in by the one before is signed out.
#[utoipa::path(tag = "Single sign-on", request_body = SetSingleSignOn, responses(
    (status = 204, description = "Set."),
    (status = 403, description = "Only for an owner.", body = Problem),
    (status = 422, description = "Fields need a correction.", body = Problem),
))]
#[put("/single-sign-on")]
pub async fn set(
    person: Person,
    app: web::Data<App>,
    body: web::Json<SetSingleSignOn>,
) -> Result<HttpResponse, ApiError> {
    let body = body.into_inner();
    let form = SingleSignOnForm {
        issuer: body.issuer,
        client_id: body.client_id,
        client_secret: body.client_secret,
        first_role: body.first_role,
        checks_second_factor: body.checks_second_factor,
        is_required: body.required,
    };
    app.single_sign_on().set(person.scope()?, form).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Remove the issuer; whoever signed in by it is signed out.
#[utoipa::path(tag = "Single sign-on", responses(
    (status = 204, description = "Removed."),
    (status = 403, description = "Only for an owner.", body = Problem),
    (status = 404, description = "There is none.", body = Problem),
))]
#[delete("/single-sign-on")]
pub async fn remove(person: Person, app: web::Data<App>) -> Result<HttpResponse, ApiError> {
    app.single_sign_on().remove(person.scope()?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Ask the issuer for what a sign-in needs of it, without anybody signing in.
#[utoipa::path(tag = "Single sign-on", responses(
    (status = 200, body = TryOutBody),
    (status = 403, description = "Only for an owner.", body = Problem),
    (status = 404, description = "There is no issuer.", body = Problem),
))]
#[post("/single-sign-on/test")]
pub async fn try_out(person: Person, app: web::Data<App>) -> Result<web::Json<TryOutBody>, ApiError> {
    Ok(web::Json(app.single_sign_on().try_out(person.scope()?).await?.into()))
}

/// List a domain, yet to be proven.
#[utoipa::path(tag = "Single sign-on", request_body = AddDomain, responses(
    (status = 201, body = SignInDomainBody),
    (status = 403, description = "Only for an owner.", body = Problem),
    (status = 422, description = "It is no domain, or in the list.", body = Problem),
))]
#[post("/single-sign-on/domains")]
pub async fn add_domain(
    person: Person,
    app: web::Data<App>,
    body: web::Json<AddDomain>,
) -> Result<HttpResponse, ApiError> {
    let added = app.single_sign_on().add_domain(person.scope()?, &body.domain).await?;
    Ok(HttpResponse::Created().json(SignInDomainBody::from(added)))
}

/// Ask the domain's DNS whether it is the group's.
#[utoipa::path(tag = "Single sign-on", params(("domain" = String, Path)), responses(
    (status = 204, description = "It is proven."),
    (status = 403, description = "Only for an owner.", body = Problem),
    (status = 404, description = "It is not in the list.", body = Problem),
    (status = 409, description = "The DNS does not say so, or another group proved it.", body = Problem),
))]
#[post("/single-sign-on/domains/{domain}/prove")]
pub async fn prove_domain(
    person: Person,
    request: HttpRequest,
    domain: web::Path<String>,
    app: web::Data<App>,
) -> Result<HttpResponse, ApiError> {
    app.single_sign_on().prove_domain(person.scope()?, &domain, &origin(&request, &app)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Take a domain off the list: nobody is led to the issuer by it any more.
#[utoipa::path(tag = "Single sign-on", params(("domain" = String, Path)), responses(
    (status = 204, description = "Removed."),
    (status = 403, description = "Only for an owner.", body = Problem),
    (status = 404, description = "It is not in the list.", body = Problem),
))]
#[delete("/single-sign-on/domains/{domain}")]
pub async fn remove_domain(
    person: Person,
    domain: web::Path<String>,
    app: web::Data<App>,
) -> Result<HttpResponse, ApiError> {
    app.single_sign_on().remove_domain(person.scope()?, &domain).await?;
    Ok(HttpResponse::NoContent().finish())
}
