//! Rooftops: created, changed, listed.

pub use store::rooftops::Rooftop;

use crate::error::AppError;
use crate::fields::{Fields, invalid};
use crate::start::App;
use chrono::{DateTime, Utc};
use domain::RooftopId;
use domain::permission::Permission;
use serde_json::json;
use store::{TenantScope, audit, rooftops};

/// What can be done about rooftops.
#[derive(Clone, Copy)]
pub struct Rooftops<'a>(&'a App);

impl App {
    /// Rooftops.
    #[must_use]
    pub const fn rooftops(&self) -> Rooftops<'_> {
        Rooftops(self)
    }
}

/// What is typed about a rooftop.
#[derive(Clone, Debug, Default)]
pub struct RooftopForm {
    /// What people call it.
    pub name: String,
    /// Short code, unique in the group; made from the name where empty.
    pub code: String,
    /// IANA name, such as `America/New_York`.
    pub time_zone: String,
    /// Street and number.
    pub street: String,
    /// City.
    pub city: String,
    /// State, two letters.
    pub state: String,
    /// ZIP.
    pub zip: String,
    /// Phone.
    pub phone: String,
}

fn code_of(name: &str) -> String {
    let code: String = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect::<Vec<_>>()
        .join("-");
    code.chars().take(40).collect()
}

impl RooftopForm {
    fn read(&self, id: RooftopId, now: DateTime<Utc>) -> Result<Rooftop, AppError> {
        let mut fields = Fields::default();
        let name = fields.text("name", &self.name, 100);
        let code = if self.code.trim().is_empty() { code_of(&name) } else { fields.text("code", &self.code, 40) };
        if !code.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
            fields.wrong("code", "Use letters, digits, - and _ only.");
        }
        let time_zone = fields.text("time_zone", &self.time_zone, 64);
        if !time_zone.is_empty() && time_zone.parse::<chrono_tz::Tz>().is_err() {
            fields.wrong("time_zone", "This is no time zone; choose one such as America/New_York.");
        }
        let phone = match self.phone.trim() {
            "" => String::new(),
            text => domain::check::phone(text).unwrap_or_else(|| {
                fields.wrong("phone", "This is no phone number: ten digits in the US, or + and the country code.");
                String::new()
            }),
        };
        let rooftop = Rooftop {
            id,
            name,
            code,
            time_zone,
            street: fields.optional("street", &self.street, 200),
            city: fields.optional("city", &self.city, 100),
            state: fields.optional("state", &self.state, 40),
            zip: fields.optional("zip", &self.zip, 20),
            phone,
            created_at: now,
        };
        fields.done()?;
        Ok(rooftop)
    }
}

impl Rooftops<'_> {
    /// Creates a rooftop.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Invalid`].
    pub async fn create(self, scope: &TenantScope, form: &RooftopForm) -> Result<Rooftop, AppError> {
        scope.require_at(None, Permission::ManageRooftops)?;
        let now = self.0.now();
        let rooftop = form.read(RooftopId::new(), now)?;
        let tx = self.0.db().tenant(scope).await?;
        if !rooftops::insert(&tx, &rooftop).await? {
            return Err(invalid("code", "Another rooftop has this code."));
        }
        let detail = json!({ "code": rooftop.code, "time_zone": rooftop.time_zone });
        audit::append(&tx, "rooftop.created", "rooftop", &rooftop.id.to_string(), detail, now).await?;
        tx.commit().await?;
        Ok(rooftop)
    }

    /// Changes a rooftop.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::NotFound`], [`AppError::Invalid`].
    pub async fn update(self, scope: &TenantScope, id: RooftopId, form: &RooftopForm) -> Result<Rooftop, AppError> {
        scope.require_at(None, Permission::ManageRooftops)?;
        let now = self.0.now();
        let tx = self.0.db().tenant(scope).await?;
        let before = rooftops::get_one(&tx, id).await?.ok_or(AppError::NotFound("rooftop"))?;
        let rooftop = form.read(id, before.created_at)?;
        if !rooftops::update(&tx, &rooftop).await? {
            return Err(invalid("code", "Another rooftop has this code."));
        }
        let detail = json!({ "code": rooftop.code, "time_zone": rooftop.time_zone });
        audit::append(&tx, "rooftop.changed", "rooftop", &id.to_string(), detail, now).await?;
        tx.commit().await?;
        Ok(rooftop)
    }

    /// The rooftops that the caller may see, by name.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn list(self, scope: &TenantScope) -> Result<Vec<Rooftop>, AppError> {
        scope.require(Permission::ReadOperations)?;
        let tx = self.0.db().tenant(scope).await?;
        let mut found = rooftops::list(&tx).await?;
        tx.commit().await?;
        found.retain(|rooftop| scope.grants().permits(Some(rooftop.id), Permission::ReadOperations));
        Ok(found)
    }

    /// One rooftop.
    ///
    /// # Errors
    /// [`AppError::NotFound`], [`AppError::Store`].
    pub async fn get(self, scope: &TenantScope, id: RooftopId) -> Result<Rooftop, AppError> {
        self.list(scope).await?.into_iter().find(|rooftop| rooftop.id == id).ok_or(AppError::NotFound("rooftop"))
    }
}
