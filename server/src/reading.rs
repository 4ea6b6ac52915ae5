//! How bodies, queries and paths that cannot be read are answered: as problems, without repeating a value.

use crate::limits::JSON_BYTES_MAX;
use crate::problem::ApiError;
use actix_web::error::{JsonPayloadError, PathError, QueryPayloadError};
use actix_web::web::{JsonConfig, PathConfig, QueryConfig, ServiceConfig};
use app::FieldError;

/// Sets the limits and the answers.
pub fn configure(config: &mut ServiceConfig) {
    config
        .app_data(JsonConfig::default().limit(JSON_BYTES_MAX).error_handler(|error, _| json(&error).into()))
        .app_data(QueryConfig::default().error_handler(|error, _| query(&error).into()))
        // An id that is none is as unknown as a stranger's.
        .app_data(PathConfig::default().error_handler(|error, _| path(&error).into()));
}

fn json(error: &JsonPayloadError) -> ApiError {
    match error {
        JsonPayloadError::OverflowKnownLength { limit, .. } | JsonPayloadError::Overflow { limit } => {
            ApiError::TooLarge { limit_bytes: *limit }
        }
        JsonPayloadError::ContentType => ApiError::MediaType { wanted: "application/json" },
        JsonPayloadError::Deserialize(error) if error.is_data() => {
            let place = format!("line {}, column {}", error.line(), error.column());
            ApiError::Fields(vec![field(&error.to_string(), &place)])
        }
        JsonPayloadError::Deserialize(error) => ApiError::Malformed {
            said: format!("the body is no JSON: look at line {}, column {}", error.line(), error.column()),
        },
        JsonPayloadError::Serialize(_) | JsonPayloadError::Payload(_) => {
            ApiError::Malformed { said: "the body could not be read to its end".to_owned() }
        }
        // The enum may grow; a body that cannot be read stays a body that cannot be read.
        _ => ApiError::Malformed { said: "the body cannot be read".to_owned() },
    }
}

fn query(error: &QueryPayloadError) -> ApiError {
    match error {
        QueryPayloadError::Deserialize(error) => ApiError::Fields(vec![field(&error.to_string(), "the query")]),
        _ => ApiError::Malformed { said: "the query cannot be read".to_owned() },
    }
}

fn path(_: &PathError) -> ApiError {
    ApiError::NoSuchRoute
}

/// Names the field where the message names one; the rest of the message may repeat a value and is left out.
fn field(message: &str, place: &str) -> FieldError {
    let named = |start: &str| {
        let rest = message.strip_prefix(start)?;
        rest.split('`').next().map(ToOwned::to_owned)
    };
    let told = |field: String, said: &str| FieldError { field, said: said.to_owned() };
    if let Some(name) = named("missing field `") {
        return told(name, "This is needed.");
    }
    if let Some(name) = named("unknown field `") {
        return told(name.chars().filter(|c| !c.is_control()).take(60).collect(), "There is no such field here.");
    }
    told(String::new(), &format!("A value at {place} is not of the type that the reference names."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_not_repeated() {
        let told = field("invalid type: string \"hunter2\", expected u32 at line 1 column 9", "line 1, column 9");
        assert!(!told.said.contains("hunter2"), "{told:?}");
        assert_eq!(field("missing field `email` at line 1 column 2", "").field, "email");
    }
}
