//! The OpenAPI document: gathered from the routes themselves, so that none is missing.

use crate::{caller, limits, once, routes, unknown};
use actix_web::middleware::from_fn;
use actix_web::{App as ActixApp, HttpResponse, web};
use std::sync::LazyLock;
use utoipa::openapi::path::{HttpMethod, Operation};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, InfoBuilder, OpenApi, PathItem, SecurityRequirement};
use utoipa_actix_web::AppExt;
use utoipa_actix_web::service_config::ServiceConfig;

/// Everything under it is the API.
pub const BASE: &str = "/api/v1";

/// Mounts every route of the API.
pub fn mount(config: &mut ServiceConfig<'_>) {
    let scope = utoipa_actix_web::scope(BASE)
        .configure(routes::configure)
        .default_service(web::to(unknown::answer))
        // Outermost is named last.
        .wrap(from_fn(once::once))
        .wrap(from_fn(limits::count_request))
        .wrap(from_fn(caller::recognise));
    config.service(scope);
}

static DOCUMENT: LazyLock<OpenApi> = LazyLock::new(|| {
    let (_, document) = ActixApp::new().into_utoipa_app().configure(mount).split_for_parts();
    finish(document)
});

static JSON: LazyLock<String> = LazyLock::new(|| DOCUMENT.to_pretty_json().unwrap_or_default() + "\n");

/// One address of the API and a method that it takes.
pub struct Address {
    /// GET, POST, …
    pub method: &'static str,
    /// With `{names}`.
    pub path: String,
}

static ADDRESSES: LazyLock<Vec<Address>> = LazyLock::new(|| {
    operations(&DOCUMENT)
        .into_iter()
        .map(|(path, method, _)| Address { method: method_name(&method), path: path.to_owned() })
        .collect()
});

/// The document.
#[must_use]
pub fn document() -> &'static OpenApi {
    &DOCUMENT
}

/// The document as JSON, as it is served and committed.
#[must_use]
pub fn json() -> &'static str {
    &JSON
}

/// Every address and method.
#[must_use]
pub fn addresses() -> &'static [Address] {
    &ADDRESSES
}

/// The name of a method.
#[must_use]
pub const fn method_name(method: &HttpMethod) -> &'static str {
    match method {
        HttpMethod::Get => "GET",
        HttpMethod::Post => "POST",
        HttpMethod::Put => "PUT",
        HttpMethod::Delete => "DELETE",
        HttpMethod::Options => "OPTIONS",
        HttpMethod::Head => "HEAD",
        HttpMethod::Patch => "PATCH",
        HttpMethod::Trace => "TRACE",
    }
}

/// Every operation of a document: path, method, operation.
#[must_use]
pub fn operations(document: &OpenApi) -> Vec<(&str, HttpMethod, &Operation)> {
    document
        .paths
        .paths
        .iter()
        .flat_map(|(path, item)| of_item(item).map(move |(m, op)| (path.as_str(), m, op)))
        .collect()
}

fn of_item(item: &PathItem) -> impl Iterator<Item = (HttpMethod, &Operation)> {
    [
        (HttpMethod::Get, &item.get),
        (HttpMethod::Post, &item.post),
        (HttpMethod::Put, &item.put),
        (HttpMethod::Patch, &item.patch),
        (HttpMethod::Delete, &item.delete),
        (HttpMethod::Head, &item.head),
        (HttpMethod::Options, &item.options),
        (HttpMethod::Trace, &item.trace),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
}

fn operations_of(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    [
        ("get", item.get.as_mut()),
        ("post", item.post.as_mut()),
        ("put", item.put.as_mut()),
        ("patch", item.patch.as_mut()),
        ("delete", item.delete.as_mut()),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation?)))
}

/// A name that no other operation has: handlers of different nouns are called alike.
fn operation_id(method: &str, path: &str) -> String {
    let words = path.trim_start_matches(BASE).split(['/', '-']).map(|word| word.trim_matches(['{', '}']));
    std::iter::once(method).chain(words.filter(|word| !word.is_empty())).collect::<Vec<_>>().join("_")
}

const ABOUT: &str = "Everything that the portal does, a program can do too.

Send an API key as `Authorization: Bearer dl_…`; a key is made by a person in the portal or by `POST /api/v1/api-keys`. \
Lists are paged: send `next` of one page as `cursor` for the next. A `POST` with an `Idempotency-Key` is done once; \
repeated within 24 hours it answers as it did the first time. Answers tell in `RateLimit-*` headers how many requests are left. \
What cannot be done is answered as a problem (RFC 9457).";

fn finish(mut document: OpenApi) -> OpenApi {
    document.info = InfoBuilder::new().title("Driveline").version("1").description(Some(ABOUT)).build();
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations_of(item) {
            operation.operation_id = Some(operation_id(method, path));
        }
    }
    let components = document.components.get_or_insert_with(Components::new);
    let key = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("dl_…").build();
    components.add_security_scheme("key", SecurityScheme::Http(key));
    let session = ApiKey::Cookie(ApiKeyValue::with_description("__Host-driveline", "A browser that is signed in."));
    components.add_security_scheme("session", SecurityScheme::ApiKey(session));
    let no_scopes: [&str; 0] = [];
    document.security =
        Some(vec![SecurityRequirement::new("key", no_scopes), SecurityRequirement::new("session", no_scopes)]);
    document
}

/// `GET /api/openapi.json`.
pub async fn serve() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(json())
}
