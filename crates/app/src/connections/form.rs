//! Reading what was typed into a connector's form: settings and credentials, each checked by its kind.

use crate::fields::Fields;
use connectors::vendor_http::check_url;
use connectors::{About, FormField, FormKind};
use secrecy::SecretString;
use std::collections::BTreeMap;

/// The most characters of one line.
const LINE_CHARS_MAX: usize = 500;
/// The most characters of several lines, and of a credential: a private key is long.
const LINES_CHARS_MAX: usize = 20_000;

/// What was typed, apart.
pub(crate) struct Typed {
    pub settings: BTreeMap<String, String>,
    pub credentials: BTreeMap<&'static str, SecretString>,
}

/// Reads a form. `had`: what the connection has already; a field that is not named stays as it is.
pub(crate) fn read(
    fields: &mut Fields,
    about: &About,
    values: &BTreeMap<String, String>,
    had: &Typed,
    allow_private_hosts: bool,
) -> Typed {
    let mut typed = Typed { settings: had.settings.clone(), credentials: BTreeMap::new() };
    for name in values.keys() {
        if !about.form.iter().any(|field| field.name == name) {
            fields.wrong(name, format!("{} has no such field.", about.name));
        }
    }
    for field in about.form {
        let given = values.get(field.name).map(|text| text.trim());
        match (field.kind, given) {
            (FormKind::Secret, Some(text)) if !text.is_empty() => {
                if text.chars().count() > LINES_CHARS_MAX {
                    fields.wrong(field.name, format!("This is longer than {LINES_CHARS_MAX} characters."));
                }
                typed.credentials.insert(field.name, text.to_owned().into());
            }
            // A credential is never shown, so an empty field means "as it was".
            (FormKind::Secret, Some(_) | None) => {
                if field.required && field.default.is_none() && !had.credentials.contains_key(field.name) {
                    fields.wrong(field.name, "This is needed.");
                }
            }
            (_, Some(text)) => {
                check(fields, field, text, allow_private_hosts);
                typed.settings.insert(field.name.to_owned(), text.to_owned());
            }
            (_, None) => {
                let has = typed.settings.get(field.name).is_some_and(|text| !text.is_empty());
                if field.required && field.default.is_none() && !has {
                    fields.wrong(field.name, "This is needed.");
                }
            }
        }
    }
    typed
}

fn check(fields: &mut Fields, field: &FormField, text: &str, allow_private_hosts: bool) {
    if text.is_empty() {
        if field.required && field.default.is_none() {
            fields.wrong(field.name, "This is needed.");
        }
        return;
    }
    let chars_max = if field.kind == FormKind::Lines { LINES_CHARS_MAX } else { LINE_CHARS_MAX };
    if text.chars().count() > chars_max {
        fields.wrong(field.name, format!("This is longer than {chars_max} characters."));
        return;
    }
    if field.kind != FormKind::Lines && text.chars().any(char::is_control) {
        fields.wrong(field.name, "This is one line; it contains a character that cannot be printed.");
        return;
    }
    match field.kind {
        FormKind::Url => {
            if let Err(error) = check_url(field.name, text, allow_private_hosts) {
                let said = match &error {
                    connectors::ConnectorError::Misconfigured { said, .. } => said.clone(),
                    other => other.to_string(),
                };
                fields.wrong(field.name, format!("This address cannot be used: {said}."));
            }
        }
        FormKind::Number => {
            if text.parse::<u64>().is_err() {
                fields.wrong(field.name, "This is a whole number.");
            }
        }
        FormKind::Choice(choices) => {
            if !choices.contains(&text) {
                fields.wrong(field.name, format!("This is one of {}.", choices.join(", ")));
            }
        }
        FormKind::Text | FormKind::Lines | FormKind::Secret => {}
    }
}
