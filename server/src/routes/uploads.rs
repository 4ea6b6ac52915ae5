//! Uploads: files for a connection that reads files.

use crate::caller::Caller;
use crate::problem::{ApiError, Problem};
use actix_web::{HttpResponse, get, put, web};
use app::App;
use app::uploads::UploadShown;
use chrono::{DateTime, Utc};
use domain::ConnectionId;
use futures::StreamExt;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

/// Mounts the routes.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(put_file);
}

/// An upload.
#[derive(Serialize, ToSchema)]
pub struct UploadBody {
    /// Id.
    id: Uuid,
    /// Our own name for it.
    name: String,
    /// Bytes.
    size_bytes: i64,
    /// SHA-256 in hex.
    sha256: String,
    /// When it was complete.
    complete_at: Option<DateTime<Utc>>,
}

impl From<UploadShown> for UploadBody {
    fn from(upload: UploadShown) -> Self {
        Self {
            id: upload.id,
            name: upload.name,
            size_bytes: upload.size_bytes,
            sha256: upload.sha256,
            complete_at: upload.complete_at,
        }
    }
}

/// Complete uploads of a connection, oldest first.
#[utoipa::path(tag = "Uploads", params(("id" = Uuid, Path)), responses(
    (status = 200, body = [UploadBody]),
    (status = 404, description = "No such connection.", body = Problem),
))]
#[get("/connections/{id}/uploads")]
pub async fn list(
    caller: Caller,
    id: web::Path<ConnectionId>,
    app: web::Data<App>,
) -> Result<web::Json<Vec<UploadBody>>, ApiError> {
    let uploads = app.uploads().list(&caller.scope, id.into_inner()).await?;
    Ok(web::Json(uploads.into_iter().map(UploadBody::from).collect()))
}

/// Upload a file as the raw body, at most 2 GiB; an active connection reads it at once.
#[utoipa::path(tag = "Uploads", params(("id" = Uuid, Path), ("name" = String, Path, description = "What the file is called.")),
    request_body(content = String, content_type = "application/octet-stream"), responses(
    (status = 201, body = UploadBody),
    (status = 404, description = "No such connection.", body = Problem),
    (status = 413, description = "Larger than 2 GiB.", body = Problem),
    (status = 422, description = "The name or the file cannot be taken.", body = Problem),
))]
#[put("/connections/{id}/uploads/{name}")]
pub async fn put_file(
    caller: Caller,
    path: web::Path<(ConnectionId, String)>,
    app: web::Data<App>,
    mut body: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let (id, name) = path.into_inner();
    let mut upload = app.uploads().begin(&caller.scope, id, &name).await?;
    while let Some(bytes) = body.next().await {
        let taken = match bytes {
            Ok(bytes) => upload.push(&bytes).await.map_err(ApiError::from),
            Err(_) => Err(ApiError::Malformed { said: "the file ended before it was complete".to_owned() }),
        };
        if let Err(error) = taken {
            upload.give_up().await?;
            return Err(error);
        }
    }
    Ok(HttpResponse::Created().json(UploadBody::from(upload.finish().await?)))
}
