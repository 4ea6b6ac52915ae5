//! The fields of every canonical object: name, type, whether it is personal, and which system is believed (A1, A2).
//!
//! One table, so that mapping, validation, survivorship, API and portal cannot disagree about a field.

use crate::object::ObjectKind;
use crate::system::SystemRole;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What a field holds; decides how a text is read and checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// Free text.
    Text,
    /// A person's name or a part of it.
    Name,
    /// An e-mail address.
    Email,
    /// A phone number, E.164.
    Phone,
    /// A street line.
    Street,
    /// A ZIP or postal code; US: five digits.
    Zip,
    /// A state or province, two letters.
    State,
    /// A VIN.
    Vin,
    /// US dollars.
    Money,
    /// A whole number.
    Int,
    /// A calendar day.
    Date,
    /// A moment.
    Time,
    /// Yes or no.
    Flag,
    /// Consent for one channel.
    Consent,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// The key of another object in the same system.
    Ref(ObjectKind),
    /// Structured lines, compared as a whole.
    Json,
}

/// Which of several values survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authority {
    /// The first of these systems that has a value; among equals the newest.
    Prefer(&'static [SystemRole]),
    /// The value that changed last.
    Newest,
    /// The strictest (consents).
    Strictest,
}

/// DMS before CRM before the rest: ownership, purchases, service, payoff (A1).
pub const DMS_FIRST: Authority = Authority::Prefer(&[SystemRole::Dms, SystemRole::Crm, SystemRole::Website]);
/// CRM before DMS before the rest: leads, pipeline, tasks (A1).
pub const CRM_FIRST: Authority = Authority::Prefer(&[SystemRole::Crm, SystemRole::Website, SystemRole::Dms]);

/// One field of one object.
#[derive(Debug)]
pub struct FieldSpec {
    /// The object it belongs to.
    pub object: ObjectKind,
    /// Its name within the object.
    pub name: &'static str,
    /// What people call it.
    pub label: &'static str,
    /// What it holds.
    pub holds: FieldType,
    /// Whether it tells of a person: sealed at rest, masked for support.
    pub personal: bool,
    /// Which value survives unless the tenant says otherwise.
    pub authority: Authority,
}

/// A field of one object: an index into the table of all fields.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Field(u16);

macro_rules! fields {
    ($($object:ident {$($konst:ident $name:literal $label:literal $holds:expr, $personal:literal, $authority:expr;)+})+) => {
        #[repr(u16)]
        #[allow(non_camel_case_types, clippy::upper_case_acronyms, reason = "one list names the constants and their places")]
        enum Place {$($($konst),+),+}

        #[allow(missing_docs, reason = "each constant's label in the table says what it is")]
        impl Field {
            $($(pub const $konst: Self = Self(Place::$konst as u16);)+)+
        }

        static SPECS: &[FieldSpec] = &[$($(FieldSpec {
            object: ObjectKind::$object,
            name: $name,
            label: $label,
            holds: $holds,
            personal: $personal,
            authority: $authority,
        }),+),+];
    };
}

fields! {
    Customer {
        CUSTOMER_KIND "kind" "Person or company" FieldType::Choice(&["individual", "business"]), false, DMS_FIRST;
        FIRST_NAME "first_name" "First name" FieldType::Name, true, DMS_FIRST;
        MIDDLE_NAME "middle_name" "Middle name" FieldType::Name, true, DMS_FIRST;
        LAST_NAME "last_name" "Last name" FieldType::Name, true, DMS_FIRST;
        NAME_SUFFIX "suffix" "Suffix" FieldType::Name, true, DMS_FIRST;
        COMPANY_NAME "company_name" "Company" FieldType::Name, true, DMS_FIRST;
        EMAIL "email" "E-mail" FieldType::Email, true, Authority::Newest;
        EMAIL_OTHER "email_other" "Other e-mail" FieldType::Email, true, Authority::Newest;
        PHONE_MOBILE "phone_mobile" "Mobile phone" FieldType::Phone, true, Authority::Newest;
        PHONE_HOME "phone_home" "Home phone" FieldType::Phone, true, Authority::Newest;
        PHONE_WORK "phone_work" "Work phone" FieldType::Phone, true, Authority::Newest;
        STREET "street" "Street" FieldType::Street, true, DMS_FIRST;
        CITY "city" "City" FieldType::Text, true, DMS_FIRST;
        STATE "state" "State" FieldType::State, true, DMS_FIRST;
        ZIP "zip" "ZIP" FieldType::Zip, true, DMS_FIRST;
        BIRTH_DATE "birth_date" "Birth date" FieldType::Date, true, DMS_FIRST;
        DRIVER_LICENCE "driver_licence" "Driver licence" FieldType::Text, true, DMS_FIRST;
        CONSENT_EMAIL "consent_email" "Consent to e-mail" FieldType::Consent, false, Authority::Strictest;
        CONSENT_CALL "consent_call" "Consent to calls" FieldType::Consent, false, Authority::Strictest;
        CONSENT_TEXT "consent_text" "Consent to texts" FieldType::Consent, false, Authority::Strictest;
        CONSENT_MAIL "consent_mail" "Consent to letters" FieldType::Consent, false, Authority::Strictest;
        LIFECYCLE_STAGE "lifecycle_stage" "Lifecycle stage" FieldType::Text, false, CRM_FIRST;
    }
    Vehicle {
        VEHICLE_VIN "vin" "VIN" FieldType::Vin, true, DMS_FIRST;
        VEHICLE_OWNER "owner" "Owner" FieldType::Ref(ObjectKind::Customer), false, DMS_FIRST;
        VEHICLE_YEAR "year" "Model year" FieldType::Int, false, DMS_FIRST;
        VEHICLE_MAKE "make" "Make" FieldType::Text, false, DMS_FIRST;
        VEHICLE_MODEL "model" "Model" FieldType::Text, false, DMS_FIRST;
        VEHICLE_TRIM "trim" "Trim" FieldType::Text, false, DMS_FIRST;
        VEHICLE_COLOR "color" "Color" FieldType::Text, false, DMS_FIRST;
        VEHICLE_ODOMETER "odometer" "Odometer, miles" FieldType::Int, false, DMS_FIRST;
        VEHICLE_PLATE "plate" "Licence plate" FieldType::Text, true, DMS_FIRST;
        VEHICLE_BOUGHT_ON "bought_on" "Bought on" FieldType::Date, false, DMS_FIRST;
        VEHICLE_LAST_SERVICE "last_service" "Last service" FieldType::Date, false, DMS_FIRST;
    }
    Inventory {
        STOCK_NUMBER "stock_number" "Stock number" FieldType::Text, false, DMS_FIRST;
        STOCK_VIN "vin" "VIN" FieldType::Vin, false, DMS_FIRST;
        STOCK_STATUS "status" "Status" FieldType::Choice(&["in_stock", "in_transit", "on_hold", "sold", "removed"]), false, DMS_FIRST;
        STOCK_CONDITION "condition" "New or used" FieldType::Choice(&["new", "used"]), false, DMS_FIRST;
        STOCK_CERTIFIED "certified" "Certified pre-owned" FieldType::Flag, false, DMS_FIRST;
        STOCK_YEAR "year" "Model year" FieldType::Int, false, DMS_FIRST;
        STOCK_MAKE "make" "Make" FieldType::Text, false, DMS_FIRST;
        STOCK_MODEL "model" "Model" FieldType::Text, false, DMS_FIRST;
        STOCK_TRIM "trim" "Trim" FieldType::Text, false, DMS_FIRST;
        STOCK_BODY "body" "Body style" FieldType::Text, false, DMS_FIRST;
        STOCK_EXTERIOR "exterior_color" "Exterior color" FieldType::Text, false, DMS_FIRST;
        STOCK_INTERIOR "interior_color" "Interior color" FieldType::Text, false, DMS_FIRST;
        STOCK_ODOMETER "odometer" "Odometer, miles" FieldType::Int, false, DMS_FIRST;
        STOCK_PRICE "price" "Price" FieldType::Money, false, DMS_FIRST;
        STOCK_MSRP "msrp" "MSRP" FieldType::Money, false, DMS_FIRST;
        STOCK_COST "cost" "Cost" FieldType::Money, false, DMS_FIRST;
        STOCK_SINCE "in_stock_since" "In stock since" FieldType::Date, false, DMS_FIRST;
        STOCK_PUBLISH "publish" "Show on the web" FieldType::Flag, false, DMS_FIRST;
        STOCK_LINK "link" "Web page" FieldType::Text, false, CRM_FIRST;
        STOCK_PHOTOS "photos" "Photos" FieldType::Json, false, CRM_FIRST;
        STOCK_OPTIONS "options" "Options" FieldType::Json, false, DMS_FIRST;
        STOCK_DESCRIPTION "description" "Description" FieldType::Text, false, CRM_FIRST;
    }
    Deal {
        DEAL_NUMBER "deal_number" "Deal number" FieldType::Text, false, DMS_FIRST;
        DEAL_CUSTOMER "customer" "Buyer" FieldType::Ref(ObjectKind::Customer), false, DMS_FIRST;
        DEAL_VIN "vin" "VIN" FieldType::Vin, false, DMS_FIRST;
        DEAL_STOCK_NUMBER "stock_number" "Stock number" FieldType::Text, false, DMS_FIRST;
        DEAL_NAME "name" "Name" FieldType::Text, true, CRM_FIRST;
        DEAL_STATUS "status" "Status" FieldType::Choice(&["open", "pending", "approved", "delivered", "lost", "unwound"]), false, DMS_FIRST;
        DEAL_STAGE "stage" "Pipeline stage" FieldType::Text, false, CRM_FIRST;
        DEAL_KIND "kind" "Cash, finance or lease" FieldType::Choice(&["cash", "finance", "lease"]), false, DMS_FIRST;
        DEAL_AMOUNT "amount" "Sale price" FieldType::Money, false, DMS_FIRST;
        DEAL_TRADE_ALLOWANCE "trade_allowance" "Trade allowance" FieldType::Money, false, DMS_FIRST;
        DEAL_PAYOFF "payoff" "Payoff" FieldType::Money, false, DMS_FIRST;
        DEAL_SALESPERSON "salesperson" "Salesperson" FieldType::Text, false, CRM_FIRST;
        DEAL_SOURCE "source" "Lead source" FieldType::Text, false, CRM_FIRST;
        DEAL_DATE "deal_date" "Deal date" FieldType::Date, false, DMS_FIRST;
        DEAL_DELIVERED_ON "delivered_on" "Delivered on" FieldType::Date, false, DMS_FIRST;
    }
    RepairOrder {
        RO_NUMBER "ro_number" "RO number" FieldType::Text, false, DMS_FIRST;
        RO_CUSTOMER "customer" "Customer" FieldType::Ref(ObjectKind::Customer), false, DMS_FIRST;
        RO_VIN "vin" "VIN" FieldType::Vin, false, DMS_FIRST;
        RO_STATUS "status" "Status" FieldType::Choice(&["open", "closed", "void"]), false, DMS_FIRST;
        RO_OPENED_ON "opened_on" "Opened on" FieldType::Date, false, DMS_FIRST;
        RO_CLOSED_ON "closed_on" "Closed on" FieldType::Date, false, DMS_FIRST;
        RO_ODOMETER_IN "odometer_in" "Odometer in, miles" FieldType::Int, false, DMS_FIRST;
        RO_ODOMETER_OUT "odometer_out" "Odometer out, miles" FieldType::Int, false, DMS_FIRST;
        RO_ADVISOR "advisor" "Service advisor" FieldType::Text, false, DMS_FIRST;
        RO_PARTS_TOTAL "parts_total" "Parts" FieldType::Money, false, DMS_FIRST;
        RO_LABOR_TOTAL "labor_total" "Labor" FieldType::Money, false, DMS_FIRST;
        RO_TOTAL "total" "Total" FieldType::Money, false, DMS_FIRST;
        RO_LINES "lines" "Lines" FieldType::Json, false, DMS_FIRST;
    }
    Lead {
        LEAD_ID "lead_id" "Lead id" FieldType::Text, false, CRM_FIRST;
        LEAD_SOURCE "source" "Source" FieldType::Text, false, CRM_FIRST;
        LEAD_PROVIDER "provider" "Provider" FieldType::Text, false, CRM_FIRST;
        LEAD_STATUS "status" "Status" FieldType::Choice(&["new", "working", "appointment", "sold", "lost", "duplicate"]), false, CRM_FIRST;
        LEAD_REQUESTED_AT "requested_at" "Requested at" FieldType::Time, false, CRM_FIRST;
        LEAD_CUSTOMER "customer" "Customer" FieldType::Ref(ObjectKind::Customer), false, CRM_FIRST;
        LEAD_INTEREST "interest" "Interest" FieldType::Choice(&["buy", "lease", "sell", "trade_in", "test_drive"]), false, CRM_FIRST;
        LEAD_CONDITION "condition" "New or used" FieldType::Choice(&["new", "used"]), false, CRM_FIRST;
        LEAD_YEAR "year" "Model year" FieldType::Int, false, CRM_FIRST;
        LEAD_MAKE "make" "Make" FieldType::Text, false, CRM_FIRST;
        LEAD_MODEL "model" "Model" FieldType::Text, false, CRM_FIRST;
        LEAD_TRIM "trim" "Trim" FieldType::Text, false, CRM_FIRST;
        LEAD_VIN "vin" "VIN" FieldType::Vin, false, CRM_FIRST;
        LEAD_STOCK_NUMBER "stock_number" "Stock number" FieldType::Text, false, CRM_FIRST;
        LEAD_TRADE_IN "trade_in" "Trade-in" FieldType::Json, false, CRM_FIRST;
        LEAD_COMMENTS "comments" "Comments" FieldType::Text, true, CRM_FIRST;
        LEAD_SALESPERSON "salesperson" "Salesperson" FieldType::Text, false, CRM_FIRST;
    }
}

impl Field {
    /// All fields of all objects.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..u16::try_from(SPECS.len()).unwrap_or(u16::MAX)).map(Self)
    }

    /// The fields of one object, in the order of the table.
    pub fn of(object: ObjectKind) -> impl Iterator<Item = Self> {
        Self::all().filter(move |field| field.spec().object == object)
    }

    /// The field of `object` with this name.
    #[must_use]
    pub fn named(object: ObjectKind, name: &str) -> Option<Self> {
        Self::of(object).find(|field| field.name() == name)
    }

    /// All that is known of it.
    #[must_use]
    pub fn spec(self) -> &'static FieldSpec {
        #[expect(clippy::indexing_slicing, reason = "a Field is only made from a place in this table")]
        &SPECS[usize::from(self.0)]
    }

    /// Its name within the object.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.spec().name
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// `object.name`, unique over all objects.
impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.spec().object, self.spec().name)
    }
}

/// The text names no field.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no field; write object.field, such as customer.email")]
pub struct UnknownField(String);

impl FromStr for Field {
    type Err = UnknownField;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split_once('.')
            .and_then(|(object, name)| Self::named(object.parse().ok()?, name))
            .ok_or_else(|| UnknownField(text.to_owned()))
    }
}

impl Serialize for Field {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_found_again_by_its_full_name() {
        for field in Field::all() {
            assert_eq!(field.to_string().parse::<Field>().ok(), Some(field));
        }
    }

    #[test]
    fn every_consent_is_decided_by_the_strictest() {
        for field in Field::all().filter(|f| f.spec().holds == FieldType::Consent) {
            assert_eq!(field.spec().authority, Authority::Strictest, "{field}");
        }
    }
}
