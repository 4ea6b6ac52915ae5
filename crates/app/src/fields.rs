//! What is wrong with what somebody typed, field by field.

use crate::error::AppError;
use serde::Serialize;

/// One field that cannot be taken as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The field's name in the request or form.
    pub field: String,
    /// What is wrong and how to mend it, one sentence. Never the value.
    pub said: String,
}

/// Gathers what is wrong, so that all of it is told at once.
#[derive(Debug, Default)]
pub struct Fields(Vec<FieldError>);

impl Fields {
    /// Notes a field that is wrong.
    pub fn wrong(&mut self, field: &str, said: impl Into<String>) {
        self.0.push(FieldError { field: field.to_owned(), said: said.into() });
    }

    /// A text that must be there: trimmed, at most so many characters, without control characters.
    pub fn text(&mut self, field: &str, text: &str, chars_max: usize) -> String {
        let text = text.trim();
        if text.is_empty() {
            self.wrong(field, "This is needed.");
        }
        self.optional(field, text, chars_max)
    }

    /// A text that may be empty.
    pub fn optional(&mut self, field: &str, text: &str, chars_max: usize) -> String {
        let text = text.trim();
        if text.chars().count() > chars_max {
            self.wrong(field, format!("This is longer than {chars_max} characters."));
        }
        if text.chars().any(char::is_control) {
            self.wrong(field, "This contains a character that cannot be printed.");
        }
        text.to_owned()
    }

    /// An e-mail address.
    pub fn email(&mut self, field: &str, text: &str) -> String {
        match domain::check::email(text) {
            Some(address) if text.trim().len() <= 254 => address,
            Some(_) | None => {
                self.wrong(field, "This is no e-mail address.");
                String::new()
            }
        }
    }

    /// Ends the gathering.
    ///
    /// # Errors
    /// [`AppError::Invalid`] where anything is wrong.
    pub fn done(self) -> Result<(), AppError> {
        if self.0.is_empty() { Ok(()) } else { Err(AppError::Invalid(self.0)) }
    }
}

/// One wrong field as an error.
#[must_use]
pub fn invalid(field: &str, said: impl Into<String>) -> AppError {
    AppError::Invalid(vec![FieldError { field: field.to_owned(), said: said.into() }])
}
