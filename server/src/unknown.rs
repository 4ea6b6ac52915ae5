//! Addresses that no route has: told apart from known addresses that take another method.

use crate::openapi;
use crate::problem::ApiError;
use actix_web::{HttpRequest, HttpResponse};

/// Whether a path fits a pattern such as `/api/v1/runs/{id}`.
fn fits(pattern: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(part), Some(text)) if part == text || (part.starts_with('{') && !text.is_empty()) => {}
            (Some(_), Some(_)) | (Some(_), None) | (None, Some(_)) => return false,
        }
    }
}

/// Answers what no route took.
///
/// # Errors
/// Always: [`ApiError::NoSuchRoute`] or [`ApiError::WrongMethod`].
pub async fn answer(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let methods: Vec<&str> = openapi::addresses()
        .iter()
        .filter(|address| fits(&address.path, request.path()))
        .map(|address| address.method)
        .collect();
    if methods.is_empty() || methods.contains(&request.method().as_str()) {
        return Err(ApiError::NoSuchRoute);
    }
    Err(ApiError::WrongMethod { allow: methods.join(", ") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_paths_of_its_own_length() {
        assert!(fits("/api/v1/runs/{id}", "/api/v1/runs/7"));
        assert!(!fits("/api/v1/runs/{id}", "/api/v1/runs"));
        assert!(!fits("/api/v1/runs/{id}", "/api/v1/runs/"));
        assert!(!fits("/api/v1/runs/{id}", "/api/v1/runs/7/events"));
    }
}
