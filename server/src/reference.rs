//! The API reference: one page rendered from the document, with our own style and no script.

use crate::openapi;
use crate::problem::KINDS;
use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_SECURITY_POLICY;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::LazyLock;
use utoipa::openapi::path::{HttpMethod, Operation, ParameterIn};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, Required, Schema, schema};

static PAGE: LazyLock<String> = LazyLock::new(|| page(openapi::document()));

const STYLE: &str = include_str!("reference.css");

/// `GET /api/reference`.
pub async fn serve() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ))
        .body(PAGE.as_str())
}

/// `GET /api/reference.css`.
pub async fn style() -> HttpResponse {
    HttpResponse::Ok().content_type("text/css; charset=utf-8").body(STYLE)
}

/// Text inside HTML.
fn text(raw: &str) -> String {
    raw.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Text whose `code` is marked.
fn prose(raw: &str) -> String {
    let mut html = String::new();
    for (place, piece) in raw.split('`').enumerate() {
        if place % 2 == 1 {
            let _ = write!(html, "<code>{}</code>", text(piece));
        } else {
            html.push_str(&text(piece).replace("\n\n", "<br>"));
        }
    }
    html
}

fn anchor(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect()
}

fn page(document: &OpenApi) -> String {
    let mut by_tag: BTreeMap<String, Vec<(&str, HttpMethod, &Operation)>> = BTreeMap::new();
    for (path, method, operation) in openapi::operations(document) {
        let tag = operation.tags.as_ref().and_then(|tags| tags.first().cloned()).unwrap_or_default();
        by_tag.entry(tag).or_default().push((path, method, operation));
    }
    let mut nav = String::new();
    let mut body = String::new();
    for (tag, operations) in &by_tag {
        let _ = write!(nav, "<li><a href=\"#{}\">{}</a></li>", anchor(tag), text(tag));
        let _ = write!(body, "<section id=\"{}\"><h2>{}</h2>", anchor(tag), text(tag));
        for (path, method, operation) in operations {
            body.push_str(&one(path, method, operation));
        }
        body.push_str("</section>");
    }
    body.push_str(&problems());
    body.push_str(&schemas(document));
    let about = prose(document.info.description.as_deref().unwrap_or_default());
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Driveline API</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <link rel=\"stylesheet\" href=\"/api/reference.css\"></head><body><nav aria-label=\"Contents\"><p>Driveline API</p>\
         <ul>{nav}<li><a href=\"#problems\">Problems</a></li><li><a href=\"#bodies\">Bodies</a></li>\
         <li><a href=\"/api/openapi.json\">OpenAPI document</a></li></ul></nav>\
         <main><h1>Driveline API</h1><p>{about}</p>{body}</main></body></html>"
    )
}

fn one(path: &str, method: &HttpMethod, operation: &Operation) -> String {
    let method = openapi::method_name(method);
    let mut html = format!(
        "<article><h3><span class=\"method\">{method}</span> <code>{}</code></h3><p>{}</p>",
        text(path),
        prose(operation.summary.as_deref().unwrap_or_default()),
    );
    if let Some(description) = &operation.description {
        let _ = write!(html, "<p>{}</p>", prose(description));
    }
    let parameters: Vec<_> = operation.parameters.iter().flatten().collect();
    if !parameters.is_empty() {
        html.push_str("<table><thead><tr><th>Parameter</th><th>In</th><th>What</th></tr></thead><tbody>");
        for parameter in parameters {
            let RefOr::T(parameter) = parameter else { continue };
            let place = match parameter.parameter_in {
                ParameterIn::Path => "path",
                ParameterIn::Query | ParameterIn::QueryString => "query",
                ParameterIn::Header => "header",
                ParameterIn::Cookie => "cookie",
            };
            let needed = if matches!(parameter.required, Required::True) { ", needed" } else { "" };
            let _ = write!(
                html,
                "<tr><td><code>{}</code></td><td>{place}{needed}</td><td>{}</td></tr>",
                text(&parameter.name),
                prose(parameter.description.as_deref().unwrap_or_default())
            );
        }
        html.push_str("</tbody></table>");
    }
    if let Some(RefOr::T(request)) = &operation.request_body {
        for content in request.content.values() {
            let RefOr::T(content) = content else { continue };
            let _ = write!(html, "<p>Body: {}</p>", content.schema.as_ref().map(kind).unwrap_or_default());
        }
    }
    html.push_str("<table><thead><tr><th>Answer</th><th>What</th><th>Body</th></tr></thead><tbody>");
    for (status, response) in &operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        let body: Vec<String> = response.content.values().filter_map(schema_of).map(kind).collect();
        let _ = write!(
            html,
            "<tr><td>{}</td><td>{}</td><td>{}</td></tr>",
            text(status),
            prose(&response.description),
            body.join(", ")
        );
    }
    html.push_str("</tbody></table></article>");
    html
}

fn schema_of(content: &RefOr<Content>) -> Option<&RefOr<Schema>> {
    match content {
        RefOr::T(content) => content.schema.as_ref(),
        RefOr::Ref(_) => None,
    }
}

/// What a schema is, in a few words; a named one as a link.
fn kind(schema: &RefOr<Schema>) -> String {
    match schema {
        RefOr::Ref(Ref { ref_location, .. }) => {
            let name = ref_location.rsplit('/').next().unwrap_or_default();
            format!("<a href=\"#body-{}\">{}</a>", anchor(name), text(name))
        }
        RefOr::T(Schema::Array(array)) => match &array.items {
            schema::ArrayItems::RefOrSchema(items) => format!("list of {}", kind(items)),
            schema::ArrayItems::False => "list".to_owned(),
        },
        RefOr::T(Schema::OneOf(one)) => one.items.iter().map(kind).collect::<Vec<_>>().join(" or "),
        RefOr::T(Schema::AllOf(all)) => all.items.iter().map(kind).collect::<Vec<_>>().join(" and "),
        RefOr::T(Schema::AnyOf(any)) => any.items.iter().map(kind).collect::<Vec<_>>().join(" or "),
        RefOr::T(Schema::Object(object)) => match &object.enum_values {
            Some(values) => values
                .iter()
                .map(|value| format!("<code>{}</code>", text(&plain(value))))
                .collect::<Vec<_>>()
                .join(", "),
            None => text(&type_name(&object.schema_type)),
        },
        RefOr::T(_) => "value".to_owned(),
    }
}

fn plain(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

fn type_name(schema_type: &schema::SchemaType) -> String {
    let json = serde_json::to_value(schema_type).unwrap_or_default();
    match json {
        serde_json::Value::String(name) => name,
        serde_json::Value::Array(names) => names.iter().map(plain).collect::<Vec<_>>().join(" or "),
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::Object(_) => "value".to_owned(),
    }
}

fn problems() -> String {
    let mut html = String::from(
        "<section id=\"problems\"><h2>Problems</h2><table><thead><tr><th>Code</th><th>Status</th><th>What</th></tr></thead><tbody>",
    );
    for kind in &KINDS {
        let _ = write!(
            html,
            "<tr id=\"problem-{0}\"><td><code>{0}</code></td><td>{1}</td><td>{2}</td></tr>",
            kind.code,
            kind.status.as_u16(),
            text(kind.title)
        );
    }
    html.push_str("</tbody></table></section>");
    html
}

fn schemas(document: &OpenApi) -> String {
    let mut html = String::from("<section id=\"bodies\"><h2>Bodies</h2>");
    let named = document.components.as_ref().map(|components| &components.schemas);
    for (name, schema) in named.into_iter().flatten() {
        let _ = write!(html, "<article id=\"body-{}\"><h3>{}</h3>", anchor(name), text(name));
        html.push_str(&properties(schema));
        html.push_str("</article>");
    }
    html.push_str("</section>");
    html
}

fn properties(schema: &RefOr<Schema>) -> String {
    match schema {
        RefOr::T(Schema::AllOf(all)) => all.items.iter().map(properties).collect(),
        RefOr::T(Schema::Object(object)) if !object.properties.is_empty() => {
            let mut html = String::new();
            if let Some(description) = &object.description {
                let _ = write!(html, "<p>{}</p>", prose(description));
            }
            html.push_str("<table><thead><tr><th>Field</th><th>Type</th><th>What</th></tr></thead><tbody>");
            for (name, property) in &object.properties {
                let needed = if object.required.contains(name) { "" } else { ", may be absent" };
                let _ = write!(
                    html,
                    "<tr><td><code>{}</code></td><td>{}{needed}</td><td>{}</td></tr>",
                    text(name),
                    kind(property),
                    prose(&described(property))
                );
            }
            html.push_str("</tbody></table>");
            html
        }
        RefOr::T(_) | RefOr::Ref(_) => format!("<p>{}</p>", kind(schema)),
    }
}

fn described(schema: &RefOr<Schema>) -> String {
    let description = match schema {
        RefOr::Ref(named) => Some(named.description.clone()).filter(|text| !text.is_empty()),
        RefOr::T(Schema::Object(object)) => object.description.clone(),
        RefOr::T(Schema::Array(array)) => array.description.clone(),
        RefOr::T(Schema::OneOf(one)) => one.description.clone(),
        RefOr::T(Schema::AllOf(all)) => all.description.clone(),
        RefOr::T(Schema::AnyOf(any)) => any.description.clone(),
        RefOr::T(_) => None,
    };
    description.unwrap_or_default()
}
