//! Sign-in at the vendor: where to send the browser, and what it comes back with. For people only.

use crate::caller::Person;
use crate::problem::{ApiError, Problem};
use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, post, web};
use app::{App, AppError};
use domain::ConnectionId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

/// Mounts the route of the API.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(start);
}

/// Where to go.
#[derive(Serialize, ToSchema)]
pub struct SignInThere {
    /// The vendor's sign-in page: send the browser there.
    url: String,
}

/// Where to send the browser of the person who connects; it comes back to us by itself.
#[utoipa::path(tag = "Connections", params(("id" = Uuid, Path)), responses(
    (status = 200, body = SignInThere),
    (status = 404, description = "No such connection.", body = Problem),
))]
#[post("/connections/{id}/oauth")]
pub async fn start(
    person: Person,
    id: web::Path<ConnectionId>,
    app: web::Data<App>,
) -> Result<web::Json<SignInThere>, ApiError> {
    Ok(web::Json(SignInThere { url: app.connections().start_oauth(&person.0, id.into_inner()).await? }))
}

/// What the browser comes back with.
#[derive(Deserialize)]
pub struct CameBack {
    code: Option<String>,
    state: Option<String>,
}

/// `GET /oauth/callback`: takes the code and leads to the connection, which is still to be tested.
///
/// # Errors
/// A problem where nobody is signed in, the vendor gave no code, or the state is not this session's.
pub async fn callback(
    person: Person,
    app: web::Data<App>,
    back: web::Query<CameBack>,
) -> Result<HttpResponse, ApiError> {
    let (Some(code), Some(state)) = (&back.code, &back.state) else {
        let said = "the vendor did not allow the connection; start its sign-in again".to_owned();
        return Err(AppError::Conflict { code: "vendor_sign_in_ended", said }.into());
    };
    let id = app.connections().finish_oauth(&person.0, code, state).await?;
    Ok(HttpResponse::SeeOther().insert_header((LOCATION, format!("/connections/{id}"))).finish())
}
