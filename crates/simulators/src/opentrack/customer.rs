//! A customer as OpenTrack holds and shows one.

use super::soap::{Node, put, put_all};
use crate::population::SourceView;
use chrono::{DateTime, Utc};
use domain::Consent;

/// A customer master record.
#[derive(Clone, Debug, Default)]
pub(super) struct Customer {
    pub number: u64,
    /// The fields by their names in CustomerLookup; what is not here is empty.
    fields: Vec<(&'static str, String)>,
    pub vins: Vec<String>,
    pub created: DateTime<Utc>,
    pub updated: DateTime<Utc>,
}

/// The elements of CustomerLookup after CustomerNumber, in the order of the schema, with what stands for nothing.
const FIELDS: [(&str, &str); 48] = [
    ("TypeCode", ""),
    ("LastName", ""),
    ("FirstName", ""),
    ("MiddleName", ""),
    ("Salutation", ""),
    ("Gender", ""),
    ("Language", ""),
    ("Address1", ""),
    ("Address2", ""),
    ("Address3", ""),
    ("City", ""),
    ("County", ""),
    ("StateCode", ""),
    ("ZipCode", "0"),
    ("PhoneNumber", "0"),
    ("BusinessPhone", "0"),
    ("BusinessExt", "0"),
    ("FaxNumber", "0"),
    ("BirthDate", "0"),
    ("DriversLicense", ""),
    ("Contact", ""),
    ("PreferredContact", ""),
    ("MailCode", ""),
    ("TaxExmptNumber", ""),
    ("AssignedSalesperson", ""),
    ("CustomerType", ""),
    ("PreferredPhone", "4"),
    ("CellPhone", "0"),
    ("PagePhone", "0"),
    ("OtherPhone", "0"),
    ("OtherPhoneDesc", ""),
    ("Email1", ""),
    ("Email2", ""),
    ("OptionalField", ""),
    ("AllowContactByPostal", ""),
    ("AllowContactByPhone", ""),
    ("AllowContactByEmail", ""),
    ("BusinessPhoneExtension", ""),
    ("InternationalBusinessPhone", ""),
    ("InternationalCellPhone", ""),
    ("ExternalCrossReferenceKey", "0"),
    ("InternationalFaxNumber", ""),
    ("InternationalOtherPhone", ""),
    ("InternationalHomePhone", ""),
    ("CustomerPreferredName", ""),
    ("InternationalPagerPhone", ""),
    ("PreferredLanguage", ""),
    ("InternationalZipCode", ""),
];

/// The elements of a CustomerSearchResult after CustomerNumber, and the field of CustomerLookup behind each.
const RESULT: [(&str, &str); 17] = [
    ("EntityType", "TypeCode"),
    ("LastName", "LastName"),
    ("FirstName", "FirstName"),
    ("MiddleName", "MiddleName"),
    ("Salutation", "Salutation"),
    ("Address1", "Address1"),
    ("City", "City"),
    ("State", "StateCode"),
    ("ZipCode", "ZipCode"),
    ("County", "County"),
    ("HomePhone", "PhoneNumber"),
    ("CellPhone", "CellPhone"),
    ("BusinessPhone", "BusinessPhone"),
    ("BusinessPhoneExt", "BusinessExt"),
    ("FaxPhone", "FaxNumber"),
    ("Email1", "Email1"),
    ("Email2", "Email2"),
];

impl Customer {
    /// A new record without anything in it.
    pub(super) fn new(number: u64, at: DateTime<Utc>) -> Self {
        Self { number, created: at, updated: at, ..Self::default() }
    }

    /// As the population's DMS holds it.
    pub(super) fn of(view: &SourceView, number: u64) -> Self {
        let mut customer = Self { number, created: view.created_at, updated: view.updated_at, ..Self::default() };
        let allow = |consent: Option<Consent>| match consent {
            Some(Consent::OptedIn) => "Y",
            Some(Consent::OptedOut) => "N",
            None => "",
        };
        let birth = view.birth_date.map(|day| day.format("%Y%m%d").to_string()).unwrap_or_default();
        for (name, text) in [
            ("TypeCode", view.type_code.as_str()),
            ("LastName", &view.last_name),
            ("FirstName", &view.first_name),
            ("MiddleName", &view.middle_name),
            ("Address1", &view.street),
            ("City", &view.city),
            ("StateCode", &view.state),
            ("ZipCode", &view.zip),
            ("PhoneNumber", &view.phone_home),
            ("CellPhone", &view.phone_mobile),
            ("BusinessPhone", &view.phone_work),
            ("BirthDate", &birth),
            ("DriversLicense", &view.driver_licence),
            ("Email1", &view.email),
            ("Email2", &view.email_other),
            ("AllowContactByEmail", allow(view.consents.email)),
            ("AllowContactByPhone", allow(view.consents.call)),
            ("AllowContactByPostal", allow(view.consents.mail)),
        ] {
            customer.set(name, text);
        }
        customer
    }

    /// A field's text, empty where it is not set.
    pub(super) fn get(&self, name: &str) -> &str {
        self.fields.iter().find(|(field, _)| *field == name).map_or("", |(_, text)| text.as_str())
    }

    /// Sets a field by its name in CustomerLookup; false where there is no such field.
    pub(super) fn set(&mut self, name: &str, text: &str) -> bool {
        let Some((name, _)) = FIELDS.iter().find(|(field, _)| *field == name) else { return false };
        let text = if *name == "ZipCode" { nine_digits(text) } else { text.trim().to_owned() };
        match self.fields.iter_mut().find(|(field, _)| field == name) {
            Some((_, held)) => *held = text,
            None if text.is_empty() => {}
            None => self.fields.push((name, text)),
        }
        true
    }

    /// Takes what a `<Customer>` of CustomerAdd or CustomerUpdate says; what it does not name stays.
    pub(super) fn take(&mut self, told: &Node, at: DateTime<Utc>) {
        for child in &told.children {
            self.set(&child.name, &child.text);
        }
        self.updated = at;
    }

    fn shown(&self, name: &str) -> &str {
        let nothing = FIELDS.iter().find(|(field, _)| *field == name).map_or("", |(_, nothing)| nothing);
        match self.get(name) {
            "" => nothing,
            text => text,
        }
    }

    /// `<CustomerSearchResult>`.
    pub(super) fn put_result(&self, company: &str, xml: &mut String) {
        xml.push_str(
            "<CustomerSearchResult xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" \
             xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">",
        );
        put_all(xml, &[("CompanyNumber", company), ("CustomerNumber", &self.number.to_string())]);
        for (element, field) in RESULT {
            put(xml, element, self.shown(field));
        }
        self.put_vins(xml);
        xml.push_str("</CustomerSearchResult>");
    }

    /// `<Customer>` of CustomerLookup.
    pub(super) fn put_whole(&self, company: &str, xml: &mut String) {
        xml.push_str("<Customer>");
        put_all(xml, &[("CompanyNumber", company), ("CustomerNumber", &self.number.to_string())]);
        for (field, _) in FIELDS {
            match field {
                // The international twins repeat the home number and the ZIP.
                "InternationalHomePhone" => put(xml, field, self.get("PhoneNumber")),
                "InternationalZipCode" => put(xml, field, self.get("ZipCode")),
                _ => put(xml, field, self.shown(field)),
            }
        }
        put(xml, "LastChangeDate", &self.updated.format("%Y%m%d").to_string());
        self.put_vins(xml);
        xml.push_str("</Customer>");
    }

    fn put_vins(&self, xml: &mut String) {
        if self.vins.is_empty() {
            xml.push_str("<Vehicles />");
            return;
        }
        xml.push_str("<Vehicles>");
        for vin in &self.vins {
            put(xml, "VIN", vin);
        }
        xml.push_str("</Vehicles>");
    }

    /// The phones that are numbers.
    pub(super) fn phones(&self) -> impl Iterator<Item = String> {
        ["PhoneNumber", "CellPhone", "BusinessPhone"]
            .into_iter()
            .map(|name| digits(self.get(name)))
            .filter(|number| number.len() == 10 && number.bytes().any(|b| Some(b) != number.bytes().next()))
    }

    /// The e-mails in lower case.
    pub(super) fn emails(&self) -> impl Iterator<Item = String> {
        ["Email1", "Email2"].into_iter().map(|name| self.get(name).to_lowercase()).filter(|mail| mail.contains('@'))
    }

    /// The surname in capitals, for searching.
    pub(super) fn surname(&self) -> String {
        self.get("LastName").to_uppercase()
    }
}

/// The digits of a phone as it is typed, without the country code.
pub(super) fn digits(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    match digits.strip_prefix('1') {
        Some(national) if digits.len() == 11 => national.to_owned(),
        _ => digits,
    }
}

/// A ZIP as the DMS keeps it: nine digits, padded with zeros at the end; other countries' codes as they are.
fn nine_digits(text: &str) -> String {
    let bare: String = text.chars().filter(|c| !matches!(c, '-' | ' ')).collect();
    if bare.len() == 5 && bare.bytes().all(|b| b.is_ascii_digit()) { format!("{bare}0000") } else { bare }
}
