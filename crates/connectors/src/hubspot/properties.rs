//! Which property holds which field, in both directions.

use super::wire::Kind;
use domain::mapping::{Mapping, Read};
use domain::{Field, ObjectKind, Record, Value};
use std::collections::BTreeMap;

/// Our own unique property: the key of everything we write.
pub const OWN_ID: &str = "driveline_id";

/// A field and its property.
struct Line {
    field: Field,
    property: &'static str,
}

const fn line(field: Field, property: &'static str) -> Line {
    Line { field, property }
}

const CONTACT: &[Line] = &[
    line(Field::CUSTOMER_KIND, "driveline_kind"),
    line(Field::FIRST_NAME, "firstname"),
    line(Field::MIDDLE_NAME, "driveline_middle_name"),
    line(Field::LAST_NAME, "lastname"),
    line(Field::NAME_SUFFIX, "driveline_name_suffix"),
    line(Field::COMPANY_NAME, "company"),
    line(Field::EMAIL, "email"),
    line(Field::EMAIL_OTHER, "work_email"),
    line(Field::PHONE_MOBILE, "mobilephone"),
    line(Field::PHONE_HOME, "phone"),
    line(Field::PHONE_WORK, "driveline_phone_work"),
    line(Field::STREET, "address"),
    line(Field::CITY, "city"),
    line(Field::STATE, "state"),
    line(Field::ZIP, "zip"),
    line(Field::BIRTH_DATE, "date_of_birth"),
    line(Field::CONSENT_EMAIL, "driveline_consent_email"),
    line(Field::CONSENT_CALL, "driveline_consent_call"),
    line(Field::CONSENT_TEXT, "driveline_consent_text"),
    line(Field::CONSENT_MAIL, "driveline_consent_mail"),
];

const DEAL: &[Line] = &[
    line(Field::DEAL_NUMBER, "driveline_deal_number"),
    line(Field::DEAL_VIN, "driveline_vin"),
    line(Field::DEAL_STOCK_NUMBER, "driveline_stock_number"),
    line(Field::DEAL_NAME, "dealname"),
    line(Field::DEAL_KIND, "driveline_kind"),
    line(Field::DEAL_AMOUNT, "amount"),
    line(Field::DEAL_TRADE_ALLOWANCE, "driveline_trade_allowance"),
    line(Field::DEAL_PAYOFF, "driveline_payoff"),
    line(Field::DEAL_SALESPERSON, "driveline_salesperson"),
    line(Field::DEAL_SOURCE, "driveline_source"),
    line(Field::DEAL_DATE, "driveline_deal_date"),
    line(Field::DEAL_DELIVERED_ON, "driveline_delivered_on"),
];

/// Stages of the default pipeline that say how a deal stands.
const STAGES: &[(&str, &str)] = &[
    ("appointmentscheduled", "open"),
    ("qualifiedtobuy", "open"),
    ("presentationscheduled", "open"),
    ("decisionmakerboughtin", "pending"),
    ("contractsent", "approved"),
    ("closedwon", "delivered"),
    ("closedlost", "lost"),
];

/// Read, and never written.
const READ_ONLY: &[(Kind, &[&str])] = &[
    (Kind::Contacts, &["hs_email_optout", "lifecyclestage", OWN_ID, "hs_additional_emails"]),
    (Kind::Deals, &["dealstage", "pipeline", "closedate", OWN_ID]),
];

const fn lines(kind: Kind) -> &'static [Line] {
    match kind {
        Kind::Contacts => CONTACT,
        Kind::Deals => DEAL,
    }
}

/// The fields that are written.
pub const fn fields(kind: Kind) -> &'static [Field] {
    const CONTACT_FIELDS: [Field; CONTACT.len()] = fields_of(CONTACT);
    const DEAL_FIELDS: [Field; DEAL.len() + 2] = {
        let known: [Field; DEAL.len()] = fields_of(DEAL);
        let mut all = [Field::DEAL_STATUS; DEAL.len() + 2];
        let mut place = 0;
        while place < known.len() {
            all[place] = known[place];
            place += 1;
        }
        all[place] = Field::DEAL_CUSTOMER;
        all
    };
    match kind {
        Kind::Contacts => &CONTACT_FIELDS,
        Kind::Deals => &DEAL_FIELDS,
    }
}

const fn fields_of<const N: usize>(lines: &[Line]) -> [Field; N] {
    let mut fields = [Field::EMAIL; N];
    let mut place = 0;
    while place < N {
        fields[place] = lines[place].field;
        place += 1;
    }
    fields
}

/// All properties that a read asks for.
pub fn wanted(kind: Kind) -> Vec<String> {
    let read_only = READ_ONLY.iter().filter(|(of, _)| *of == kind).flat_map(|(_, names)| names.iter().copied());
    lines(kind).iter().map(|line| line.property).chain(read_only).map(ToOwned::to_owned).collect()
}

/// The account's own properties that we need.
pub fn own(kind: Kind) -> impl Iterator<Item = &'static str> {
    let custom = lines(kind).iter().map(|line| line.property).filter(|name| name.starts_with("driveline_"));
    std::iter::once(OWN_ID).chain(custom)
}

/// The default mapping of an object.
pub fn mapping(object: ObjectKind) -> Option<Mapping> {
    let kind = Kind::of(object)?;
    let mut mapping = Mapping::new(object).known(&[
        "id",
        "properties",
        "createdAt",
        "updatedAt",
        "archived",
        "archivedAt",
        "associations",
        "url",
    ]);
    // HubSpot's own opt-out comes first: it is what it obeys itself.
    if kind == Kind::Contacts {
        let optout = [("true", "opted_out"), ("false", "")];
        mapping = mapping.words(Field::CONSENT_EMAIL, "properties.hs_email_optout", &optout);
        mapping = mapping.take(Field::LIFECYCLE_STAGE, "properties.lifecyclestage");
    }
    for line in lines(kind) {
        mapping = mapping.take(line.field, &format!("properties.{}", line.property));
    }
    if kind == Kind::Deals {
        mapping = mapping
            // A deal that began in HubSpot has no number of the DMS yet.
            .take(Field::DEAL_NUMBER, "id")
            .words(Field::DEAL_STATUS, "properties.dealstage", STAGES)
            .rule(Field::DEAL_STAGE, "properties.dealstage", Read::AsIs)
            .take(Field::DEAL_CUSTOMER, "associations.contacts.results[0].id");
    }
    Some(mapping)
}

/// A record as properties. `is_new` adds what HubSpot wants of a new one.
pub fn of_record(kind: Kind, record: &Record, is_new: bool) -> BTreeMap<String, String> {
    let mut properties: BTreeMap<String, String> = lines(kind)
        .iter()
        .filter_map(|line| Some((line.property.to_owned(), record.get(line.field)?.to_plain())))
        .collect();
    if kind == Kind::Deals {
        if let Some(stage) = stage(record, is_new) {
            properties.insert("dealstage".to_owned(), stage.to_owned());
        }
        if let (true, Some(day)) = (stage(record, false).is_some(), closed_on(record)) {
            properties.insert("closedate".to_owned(), format!("{}T00:00:00Z", day.to_plain()));
        }
        if is_new {
            properties.entry("pipeline".to_owned()).or_insert_with(|| "default".to_owned());
            properties.entry("dealname".to_owned()).or_insert_with(|| {
                record.text(Field::DEAL_NUMBER).map_or_else(|| "Deal".to_owned(), |number| format!("Deal {number}"))
            });
        }
    }
    properties
}

fn closed_on(record: &Record) -> Option<&Value> {
    record.get(Field::DEAL_DELIVERED_ON).or_else(|| record.get(Field::DEAL_DATE))
}

/// The stage to write. The pipeline is the salespeople's: we begin a deal and end it, and leave the rest to them.
fn stage(record: &Record, is_new: bool) -> Option<&'static str> {
    match record.text(Field::DEAL_STATUS) {
        Some("delivered") => Some("closedwon"),
        Some("lost" | "unwound") => Some("closedlost"),
        Some("approved") if is_new => Some("contractsent"),
        Some("pending") if is_new => Some("decisionmakerboughtin"),
        Some(_) | None if is_new => Some("appointmentscheduled"),
        Some(_) | None => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use domain::Consent;
    use domain::check::check;
    use serde_json::json;

    #[test]
    fn what_is_written_is_read_back_the_same() {
        let record = Record::new(ObjectKind::Customer)
            .with_text(Field::CUSTOMER_KIND, "individual")
            .with_text(Field::FIRST_NAME, "Ann")
            .with_text(Field::LAST_NAME, "Lee")
            .with_text(Field::EMAIL, "ann@example.com")
            .with_text(Field::PHONE_MOBILE, "+14155550100")
            .with_text(Field::ZIP, "94107")
            .with(Field::CONSENT_CALL, Value::Consent(Consent::OptedOut));

        let payload = json!({"id": "7", "properties": of_record(Kind::Contacts, &record, true)});
        let checked = check(&mapping(ObjectKind::Customer).unwrap().apply(&payload));

        assert_eq!(checked.record, record);
        assert!(checked.issues.is_empty(), "{:?}", checked.issues);
    }

    #[test]
    fn hubspots_own_opt_out_beats_a_consent_and_its_absence_is_none() {
        let consent = |optout: &str| {
            let properties =
                json!({"lastname": "Lee", "hs_email_optout": optout, "driveline_consent_email": "opted_in"});
            let payload = json!({ "id": "7", "properties": properties });
            check(&mapping(ObjectKind::Customer).unwrap().apply(&payload)).record.get(Field::CONSENT_EMAIL).cloned()
        };
        assert_eq!(consent("true"), Some(Value::Consent(Consent::OptedOut)));
        assert_eq!(consent("false"), Some(Value::Consent(Consent::OptedIn)));
    }

    #[test]
    fn a_stage_of_the_salespeople_is_only_written_where_a_deal_begins_or_ends() {
        let deal = |status: &str| Record::new(ObjectKind::Deal).with_text(Field::DEAL_STATUS, status);
        let stage = |status: &str, is_new| of_record(Kind::Deals, &deal(status), is_new).remove("dealstage");
        assert_eq!(stage("pending", false), None);
        assert_eq!(stage("pending", true).as_deref(), Some("decisionmakerboughtin"));
        assert_eq!(stage("delivered", false).as_deref(), Some("closedwon"));
    }
}
