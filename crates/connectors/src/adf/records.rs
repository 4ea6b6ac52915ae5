//! A prospect as records: the person and the lead, with keys that are the same whenever the same prospect comes again.
//!
//! The payloads carry ADF's lists laid flat for the mapping, and the elements themselves beside it, without loss.

use super::reading::{all, attribute, text};
use crate::connector::Payload;
use domain::mapping::{Mapping, NamePart, Read};
use domain::{Field, ObjectKind};
use serde_json::{Map, Value as Json, json};

/// The records of one prospect, the person first. A prospect without any contact is a lead without a person.
#[must_use]
pub fn records(prospect: Map<String, Json>) -> Vec<(ObjectKind, Payload)> {
    let contact = all(&prospect, "customer").first().and_then(|customer| match customer {
        Json::Object(customer) => all(customer, "contact").first().map(|contact| (*contact).clone()).or_else(|| {
            // Some providers leave the `contact` element out.
            customer.contains_key("name").then(|| Json::Object(customer.clone()))
        }),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => None,
    });
    let lead_id = lead_id(&prospect);
    let person = contact.and_then(|contact| person(&prospect, contact));
    let mut found = Vec::with_capacity(2);
    let mut lead = lead(&prospect, &lead_id);
    if let Some((id, body)) = person {
        lead.insert("customer".to_owned(), json!(id));
        found.push((ObjectKind::Customer, payload(id, body)));
    }
    lead.insert("prospect".to_owned(), Json::Object(prospect));
    found.push((ObjectKind::Lead, payload(lead_id, lead)));
    found
}

fn payload(external_id: String, body: Map<String, Json>) -> Payload {
    Payload { external_id, body: Json::Object(body), changed_at: None, deleted: false, mark: None }
}

fn hashed(prefix: &str, content: &str) -> String {
    let hash: String = blake3::hash(content.as_bytes()).to_hex().chars().take(24).collect();
    format!("{prefix}-{hash}")
}

fn provider(prospect: &Map<String, Json>) -> Option<String> {
    all(prospect, "provider").into_iter().find_map(|provider| match provider {
        Json::Object(body) => all(body, "name").into_iter().find_map(text).map(ToOwned::to_owned),
        other => text(other).map(ToOwned::to_owned),
    })
}

/// The provider's id with its source; else a hash of all that was said, so that the same document is the same lead.
fn lead_id(prospect: &Map<String, Json>) -> String {
    let mut ids: Vec<(u32, String, &str)> = all(prospect, "id")
        .into_iter()
        .filter_map(|id| {
            Some((attribute(id, "sequence").parse().unwrap_or(u32::MAX), attribute(id, "source"), text(id)?))
        })
        .collect();
    ids.sort();
    match ids.first() {
        Some((_, source, id)) => {
            let source =
                if source.is_empty() { provider(prospect).unwrap_or_default().to_lowercase() } else { source.clone() };
            let id = if source.is_empty() { (*id).to_owned() } else { format!("{source}:{id}") };
            if id.chars().count() <= 200 { id } else { hashed("adf", &id) }
        }
        None => hashed("adf", &Json::Object(prospect.clone()).to_string()),
    }
}

/// The person: one text per name part, e-mail, phone and address line.
fn person(prospect: &Map<String, Json>, contact: Json) -> Option<(String, Map<String, Json>)> {
    let Json::Object(body) = &contact else { return None };
    let mut flat = Map::new();
    let mut set = |name: &str, value: &str| {
        if !flat.contains_key(name) && !value.trim().is_empty() {
            flat.insert(name.to_owned(), json!(value.trim()));
            return true;
        }
        false
    };
    for name in all(body, "name") {
        let Some(said) = text(name) else { continue };
        let part = match (attribute(name, "type").as_str(), attribute(name, "part").as_str()) {
            ("business" | "company", _) => "company",
            (_, "first") => "first",
            (_, "middle") => "middle",
            (_, "last" | "surname") => "last",
            (_, "suffix") => "suffix",
            (_, _) => "full",
        };
        set(part, said);
    }
    for email in all(body, "email").into_iter().filter_map(text) {
        if !set("email", email) {
            set("email_other", email);
        }
    }
    let mut unnamed = Vec::new();
    for phone in all(body, "phone") {
        let Some(said) = text(phone) else { continue };
        match attribute(phone, "type").as_str() {
            "mobile" | "cell" | "cellphone" | "cellular" => {
                set("phone_mobile", said);
            }
            "home" | "residence" => {
                set("phone_home", said);
            }
            "work" | "business" | "office" => {
                set("phone_work", said);
            }
            "fax" | "pager" => {}
            _ => unnamed.push((attribute(phone, "time"), said)),
        }
    }
    // A plain `voice` says by its time where it rings.
    for (time, said) in unnamed {
        let wanted = if time == "day" { "phone_work" } else { "phone_home" };
        if !set(wanted, said) && !set("phone_home", said) {
            set("phone_mobile", said);
        }
    }
    if let Some(Json::Object(address)) = all(body, "address").first().copied() {
        let mut streets: Vec<(u32, &str)> = all(address, "street")
            .into_iter()
            .filter_map(|street| Some((attribute(street, "line").parse().unwrap_or(1), text(street)?)))
            .collect();
        streets.sort_by_key(|(line, _)| *line);
        set("street", &streets.iter().map(|(_, street)| street.trim()).collect::<Vec<_>>().join(" "));
        for (name, to) in [
            ("city", "city"),
            ("regioncode", "state"),
            ("state", "state"),
            ("postalcode", "zip"),
            ("zip", "zip"),
            ("country", "country"),
        ] {
            if let Some(said) = all(address, name).into_iter().find_map(text) {
                set(to, said);
            }
        }
    }
    if flat.is_empty() {
        return None;
    }
    let id = person_id(prospect, &flat);
    flat.insert("contact".to_owned(), contact);
    Some((id, flat))
}

/// The provider's id of the customer; else a hash of what tells one person from another, so that a second lead of the
/// same person is the same person.
fn person_id(prospect: &Map<String, Json>, flat: &Map<String, Json>) -> String {
    let given = all(prospect, "customer").into_iter().find_map(|customer| match customer {
        Json::Object(customer) => all(customer, "id").first().and_then(|id| {
            let source = attribute(id, "source");
            let source = if source.is_empty() { provider(prospect).unwrap_or_default().to_lowercase() } else { source };
            text(id).map(|id| format!("{source}:{id}"))
        }),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => None,
    });
    given.filter(|id| id.chars().count() <= 200).unwrap_or_else(|| {
        let of = |name: &str| flat.get(name).and_then(Json::as_str).unwrap_or_default().to_lowercase();
        let digits = |name: &str| of(name).chars().filter(char::is_ascii_digit).collect::<String>();
        let key = [
            of("first"),
            of("last"),
            of("full"),
            of("company"),
            of("email"),
            digits("phone_mobile"),
            digits("phone_home"),
            digits("phone_work"),
        ];
        hashed("person", &key.join("\u{1f}"))
    })
}

/// The lead, with the wanted vehicle, and the trade-in apart.
fn lead(prospect: &Map<String, Json>, id: &str) -> Map<String, Json> {
    let mut flat = Map::new();
    let mut set = |name: &str, value: Option<&str>| {
        if let Some(value) = value.map(str::trim).filter(|value| !value.is_empty()) {
            flat.entry(name.to_owned()).or_insert_with(|| json!(value));
        }
    };
    set("id", Some(id));
    set("status", prospect.get("@status").and_then(Json::as_str));
    set("requestdate", all(prospect, "requestdate").into_iter().find_map(text));
    let provider_name = provider(prospect);
    set("provider", provider_name.as_deref());
    let service = all(prospect, "provider").into_iter().find_map(|p| p.get("service").and_then(text));
    let source = all(prospect, "id").into_iter().find_map(|id| id.get("@source").and_then(Json::as_str));
    set("source", service.or(source).or(provider_name.as_deref()));
    let vehicles = all(prospect, "vehicle");
    let is_trade =
        |vehicle: &&&Json| matches!(attribute(vehicle, "interest").as_str(), "trade-in" | "tradein" | "trade_in");
    let wanted = vehicles.iter().find(|vehicle| !is_trade(vehicle)).or_else(|| vehicles.first());
    if let Some(vehicle) = wanted {
        set("interest", vehicle.get("@interest").and_then(Json::as_str));
        set("condition", vehicle.get("@status").and_then(Json::as_str));
        for name in ["year", "make", "model", "trim", "vin", "stock"] {
            set(name, vehicle.get(name).and_then(text));
        }
    }
    let comments = all(prospect, "customer")
        .into_iter()
        .find_map(|customer| customer.get("comments").and_then(text))
        .or_else(|| wanted.and_then(|vehicle| vehicle.get("comments").and_then(text)));
    set("comments", comments);
    let salesperson =
        all(prospect, "vendor").into_iter().find_map(|vendor| vendor.get("contact")?.get("name").and_then(text));
    set("salesperson", salesperson);
    if let Some(trade) = vehicles.iter().find(is_trade).filter(|_| vehicles.len() > 1) {
        flat.insert("trade_in".to_owned(), (**trade).clone());
    }
    flat
}

/// How the payloads become canonical records.
#[must_use]
pub fn mapping(object: ObjectKind) -> Option<Mapping> {
    match object {
        ObjectKind::Customer => {
            let mut mapping = Mapping::new(object)
                .take(Field::FIRST_NAME, "first")
                .take(Field::MIDDLE_NAME, "middle")
                .take(Field::LAST_NAME, "last")
                .take(Field::NAME_SUFFIX, "suffix")
                .take(Field::COMPANY_NAME, "company")
                .take(Field::EMAIL, "email")
                .take(Field::EMAIL_OTHER, "email_other")
                .take(Field::PHONE_MOBILE, "phone_mobile")
                .take(Field::PHONE_HOME, "phone_home")
                .take(Field::PHONE_WORK, "phone_work")
                .take(Field::STREET, "street")
                .take(Field::CITY, "city")
                .take(Field::STATE, "state")
                .take(Field::ZIP, "zip")
                .known(&["contact", "country", "full"]);
            for (field, part) in [
                (Field::FIRST_NAME, NamePart::First),
                (Field::MIDDLE_NAME, NamePart::Middle),
                (Field::LAST_NAME, NamePart::Last),
                (Field::NAME_SUFFIX, NamePart::Suffix),
            ] {
                mapping = mapping.rule(field, "full", Read::NamePart(part));
            }
            Some(mapping)
        }
        ObjectKind::Lead => Some(
            Mapping::new(object)
                .take(Field::LEAD_ID, "id")
                .take(Field::LEAD_SOURCE, "source")
                .take(Field::LEAD_PROVIDER, "provider")
                .words(Field::LEAD_STATUS, "status", &[("new", "new"), ("resend", "new")])
                .take(Field::LEAD_REQUESTED_AT, "requestdate")
                .take(Field::LEAD_CUSTOMER, "customer")
                .words(
                    Field::LEAD_INTEREST,
                    "interest",
                    &[
                        ("trade-in", "trade_in"),
                        ("tradein", "trade_in"),
                        ("test-drive", "test_drive"),
                        ("testdrive", "test_drive"),
                    ],
                )
                .take(Field::LEAD_CONDITION, "condition")
                .take(Field::LEAD_YEAR, "year")
                .take(Field::LEAD_MAKE, "make")
                .take(Field::LEAD_MODEL, "model")
                .take(Field::LEAD_TRIM, "trim")
                .take(Field::LEAD_VIN, "vin")
                .take(Field::LEAD_STOCK_NUMBER, "stock")
                .rule(Field::LEAD_TRADE_IN, "trade_in", Read::Whole)
                .take(Field::LEAD_COMMENTS, "comments")
                .take(Field::LEAD_SALESPERSON, "salesperson")
                .known(&["prospect"]),
        ),
        ObjectKind::Vehicle | ObjectKind::Inventory | ObjectKind::Deal | ObjectKind::RepairOrder => None,
    }
}
