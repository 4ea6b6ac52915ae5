//! Searching without reading: what is typed is normalised and looked up by its keyed hash.

use crate::error::AppError;
use crate::fields::invalid;
use crate::readable::readable;
use crate::records::{RecordSummary, Records, show};
use domain::check;
use domain::permission::Permission;
use domain::vin::Vin;
use store::engine::{goldens, lookup};
use store::{TenantScope, TenantTx};

/// At most so many records are found.
pub const FOUND_MAX: i64 = 100;
/// Of a name that more records share, no more are looked at.
const HOLDERS_MAX: i64 = 20_000;

/// What was typed, as far as it says what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Search {
    /// An e-mail address.
    Email(String),
    /// A phone number.
    Phone(String),
    /// A VIN, or its last eight characters.
    Vin(String),
    /// A name, or a stock, deal, RO or lead number.
    Words(String),
}

impl Search {
    /// Reads what was typed into one search field.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        if let Some(email) = check::email(text) {
            return Some(Self::Email(email));
        }
        if let Some(phone) = check::phone(text).filter(|_| !text.chars().any(char::is_alphabetic)) {
            return Some(Self::Phone(phone));
        }
        if let Ok(vin) = Vin::parse(text)
            && text.len() == 17
        {
            return Some(Self::Vin(vin.as_str().to_owned()));
        }
        Some(Self::Words(text.to_owned()))
    }

    /// Sets of keys: a record is found that holds one key of each set.
    fn keys(&self, tx: &TenantTx) -> Vec<Vec<i64>> {
        let key = |purpose: &str, value: &str| tx.keys().index64(purpose, value);
        match self {
            Self::Email(email) => vec![vec![key("email", email)]],
            Self::Phone(phone) => vec![vec![key("phone", phone)]],
            Self::Vin(vin) => vec![vec![key("vin", vin)]],
            Self::Words(text) => {
                let whole = check::name_key(text);
                let mut either = vec![key("name", &whole), key("number", &whole)];
                if text.len() == 8 {
                    either.push(key("vin8", &text.to_uppercase()));
                }
                let words: Vec<&str> = text.split_whitespace().collect();
                if words.len() < 2 {
                    return vec![either];
                }
                words.iter().take(4).map(|word| vec![key("name", &check::name_key(word))]).collect()
            }
        }
    }
}

impl Records<'_> {
    /// Finds records of any kind by e-mail, phone, VIN, number or name.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Invalid`], [`AppError::Store`].
    pub async fn search(self, scope: &TenantScope, text: &str) -> Result<Vec<RecordSummary>, AppError> {
        scope.require(Permission::ReadRecords)?;
        let search = Search::read(text).ok_or_else(|| invalid("q", "Type an e-mail, phone, name, VIN or number."))?;
        let tx = self.0.db().tenant(scope).await?;
        let tellers = readable(&tx, scope, Permission::ReadRecords).await?;
        let ids = lookup::entities(&tx, &search.keys(&tx), tellers, HOLDERS_MAX, FOUND_MAX).await?;
        let mut rows = goldens::by_ids(&tx, ids).await?;
        rows.sort_by_key(|row| row.id);
        let shown = show::summaries(rows);
        tx.commit().await?;
        Ok(shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_says_what_it_is() {
        assert_eq!(Search::read(" Ann@Example.com "), Some(Search::Email("ann@example.com".to_owned())));
        assert_eq!(Search::read("(415) 555-0100"), Some(Search::Phone("+14155550100".to_owned())));
        assert_eq!(Search::read("1HGCM82633A004352"), Some(Search::Vin("1HGCM82633A004352".to_owned())));
        assert_eq!(Search::read("Ann Lee"), Some(Search::Words("Ann Lee".to_owned())));
        assert_eq!(Search::read("  "), None);
    }
}
