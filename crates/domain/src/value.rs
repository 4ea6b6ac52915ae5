//! A field's value in canonical form.

use crate::consent::Consent;
use crate::vin::Vin;
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// A canonical value. Two values are the same exactly if they compare equal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// Text, trimmed, inner blanks collapsed; e-mail in lower case; phone in E.164.
    #[serde(rename = "t")]
    Text(String),
    /// A whole number (year, odometer in miles).
    #[serde(rename = "i")]
    Int(i64),
    /// US dollars.
    #[serde(rename = "m")]
    Money(Decimal),
    /// A calendar day.
    #[serde(rename = "d")]
    Date(NaiveDate),
    /// A moment.
    #[serde(rename = "z")]
    Time(DateTime<Utc>),
    /// Yes or no.
    #[serde(rename = "b")]
    Flag(bool),
    /// Consent for one channel.
    #[serde(rename = "c")]
    Consent(Consent),
    /// A vehicle identification number.
    #[serde(rename = "v")]
    Vin(Vin),
    /// Lines of a deal or RO, photo links: structured, compared as a whole.
    #[serde(rename = "j")]
    Json(serde_json::Value),
}

impl Value {
    /// The text inside, where the value is text or a VIN.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Vin(vin) => Some(vin.as_str()),
            Self::Int(_)
            | Self::Money(_)
            | Self::Date(_)
            | Self::Time(_)
            | Self::Flag(_)
            | Self::Consent(_)
            | Self::Json(_) => None,
        }
    }

    /// As a person reads it, and as a flat file carries it: ISO dates, plain numbers, `yes`/`no`.
    #[must_use]
    pub fn to_plain(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Int(number) => number.to_string(),
            Self::Money(amount) => format!("{amount:.2}"),
            Self::Date(day) => day.to_string(),
            Self::Time(moment) => moment.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
            Self::Flag(true) => "yes".to_owned(),
            Self::Flag(false) => "no".to_owned(),
            Self::Consent(consent) => consent.name().to_owned(),
            Self::Vin(vin) => vin.as_str().to_owned(),
            Self::Json(json) => json.to_string(),
        }
    }

    /// As the API carries it.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Int(number) => (*number).into(),
            Self::Flag(flag) => (*flag).into(),
            Self::Json(json) => json.clone(),
            Self::Text(_) | Self::Money(_) | Self::Date(_) | Self::Time(_) | Self::Consent(_) | Self::Vin(_) => {
                self.to_plain().into()
            }
        }
    }
}
