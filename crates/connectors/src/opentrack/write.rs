//! Writing customers: search, then add with the search's token, or update what differs.

use super::customers::{number_of, one, search};
use super::mapping;
use super::soap::{Dealer, put};
use crate::access::Access;
use crate::connector::{Outcome, Outgoing, Payload, Pushed};
use crate::error::ConnectorError;
use crate::vendor_http::Effect;
use crate::xml;
use domain::check::{check, name_key};
use domain::{Consent, Field, ObjectKind, Record, Value};
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// What is written. Not consent to texts: the one flag for the phone would come back as a refusal of calls.
pub(super) static FIELDS: &[Field] = &[
    Field::CUSTOMER_KIND,
    Field::FIRST_NAME,
    Field::MIDDLE_NAME,
    Field::LAST_NAME,
    Field::NAME_SUFFIX,
    Field::COMPANY_NAME,
    Field::EMAIL,
    Field::EMAIL_OTHER,
    Field::PHONE_MOBILE,
    Field::PHONE_HOME,
    Field::PHONE_WORK,
    Field::STREET,
    Field::CITY,
    Field::STATE,
    Field::ZIP,
    Field::CONSENT_EMAIL,
    Field::CONSENT_CALL,
    Field::CONSENT_MAIL,
];
/// Records of one call of `push`: each needs several calls of the vendor.
pub(super) const BATCH_MAX: usize = 10;
/// A token that somebody else's search made worthless is asked for again so often.
const TOKENS_MAX: usize = 2;
/// A search that finds more is no answer to "who is this".
const CANDIDATES_MAX: usize = 50;

/// Writes a batch, record by record.
pub(super) async fn push(access: &Access, batch: &[Outgoing]) -> Result<Vec<Pushed>, ConnectorError> {
    let dealer = Dealer::of(access)?;
    let mut done = Vec::with_capacity(batch.len());
    for out in batch {
        let (outcome, echo, found) = match write(access, &dealer, out).await {
            Ok(Written { outcome, echo, found }) => (outcome, echo, found),
            Err(error) => (Outcome::Failed(error), None, None),
        };
        done.push(Pushed { golden: out.golden, outcome, echo, found });
    }
    Ok(done)
}

/// How one write went: the outcome, and the customer as it is now and as a search found it before.
struct Written {
    outcome: Outcome,
    echo: Option<Payload>,
    found: Option<Payload>,
}

impl Written {
    const fn nothing(outcome: Outcome) -> Self {
        Self { outcome, echo: None, found: None }
    }
}

async fn write(access: &Access, dealer: &Dealer<'_>, out: &Outgoing) -> Result<Written, ConnectorError> {
    if out.withdraw {
        return match &out.external_id {
            None => Ok(Written::nothing(Outcome::Withdrawn)),
            Some(number) if one(access, number).await?.is_none() => Ok(Written::nothing(Outcome::Withdrawn)),
            Some(_) => Err(ConnectorError::Refused {
                code: "no_delete".to_owned(),
                said: "OpenTrack has no operation that deletes a customer".to_owned(),
                fix: "Merge or deactivate the customer in Dealertrack DMS by hand.".to_owned(),
                evidence: None,
            }),
        };
    }
    if let Some(number) = &out.external_id
        && let Some(held) = one(access, number).await?
    {
        return update(access, dealer, number, &held, &out.record).await;
    }
    for _ in 0..TOKENS_MAX {
        let (found, token) = find(dealer, &out.record).await?;
        if let Some(number) = found {
            let held = one(access, &number).await?.ok_or_else(|| gone(&number))?;
            // Nothing there tells ours from theirs: what we added, and whose answer was lost, counts as theirs too.
            let written = update(access, dealer, &number, &held, &out.record).await?;
            return Ok(Written { found: Some(held), ..written });
        }
        if !out.may_create {
            return Ok(Written::nothing(Outcome::Absent));
        }
        let Some(token) = token else {
            return Err(ConnectorError::unreadable("a search was answered without a DataToken"));
        };
        match add(dealer, &out.record, &token).await {
            Err(ConnectorError::Refused { code, .. }) if code == "205" => {}
            Err(error) => return Err(error),
            Ok(number) => {
                let echo = one(access, &number).await.ok().flatten();
                return Ok(Written { outcome: Outcome::Created { external_id: number }, echo, found: None });
            }
        }
    }
    Err(ConnectorError::Unavailable {
        said: "the DMS takes none of its own tokens".to_owned(),
        evidence: None,
        source: None,
    })
}

fn gone(number: &str) -> ConnectorError {
    ConnectorError::refused("gone", &format!("customer {number} is found by search and not by number"))
}

/// Who this is in the DMS, and the token of the last search.
async fn find(dealer: &Dealer<'_>, record: &Record) -> Result<(Option<String>, Option<String>), ConnectorError> {
    let mut token = None;
    let mut searched = BTreeSet::new();
    for (condition, text) in questions(record) {
        if text.is_empty() || !searched.insert(text.clone()) {
            continue;
        }
        let reply = search(dealer, &[(condition, text)]).await?;
        token = reply.get("DataToken").and_then(xml::text).map(ToOwned::to_owned).or(token);
        let results = xml::children(&reply, "CustomerSearchResult");
        if results.len() > CANDIDATES_MAX {
            continue;
        }
        let same: Vec<&Json> = results.iter().filter(|result| is_same(result, record)).collect();
        // Of several numbers for one person the oldest is the one that the dealership knows.
        if let Some(first) = same.first() {
            return Ok((Some(number_of(first)?), token));
        }
    }
    Ok((None, token))
}

/// What to search for, the surest first; the surname comes always, because the search gives the token.
fn questions(record: &Record) -> Vec<(&'static str, String)> {
    let text = |field| record.text(field).map(ToOwned::to_owned).unwrap_or_default();
    let mut questions = vec![("Email", text(Field::EMAIL)), ("Email", text(Field::EMAIL_OTHER))];
    for field in [Field::PHONE_MOBILE, Field::PHONE_HOME, Field::PHONE_WORK] {
        questions.push(("Phone", national(&text(field))));
    }
    questions.push(("LastName", surname(record)));
    questions
}

/// A name that agrees and one contact that agrees: less is no proof, and a household shares its phone.
fn is_same(result: &Json, record: &Record) -> bool {
    let found = canonical(result);
    let names = |record: &Record| {
        let key = |field| record.text(field).map(name_key).unwrap_or_default();
        (key(Field::FIRST_NAME), name_key(&surname(record)))
    };
    let (first, last) = names(record);
    let (found_first, found_last) = names(&found);
    if last != found_last || (first != found_first && !first.is_empty() && !found_first.is_empty()) {
        return false;
    }
    // Father and son of one name: the suffix decides.
    if found.text(Field::NAME_SUFFIX).map(name_key) != record.text(Field::NAME_SUFFIX).map(name_key) {
        return false;
    }
    let values = |record: &Record, fields: &[Field]| -> BTreeSet<String> {
        fields.iter().filter_map(|field| record.text(*field)).map(ToOwned::to_owned).collect()
    };
    let emails = [Field::EMAIL, Field::EMAIL_OTHER];
    let phones = [Field::PHONE_MOBILE, Field::PHONE_HOME, Field::PHONE_WORK];
    let meets = |fields: &[Field]| !values(record, fields).is_disjoint(&values(&found, fields));
    let same_place = record.text(Field::ZIP).is_some()
        && record.text(Field::ZIP) == found.text(Field::ZIP)
        && record.text(Field::STREET).map(domain::check::street_key)
            == found.text(Field::STREET).map(domain::check::street_key);
    meets(&emails) || meets(&phones) || (same_place && record.text(Field::STREET).is_some())
}

/// A search result as a canonical record.
fn canonical(result: &Json) -> Record {
    let number = String::new();
    let body = result.as_object().cloned().unwrap_or_default();
    read(&super::customers::payload(number, body, None))
}

fn read(payload: &Payload) -> Record {
    mapping::of(ObjectKind::Customer)
        .map_or_else(|| Record::new(ObjectKind::Customer), |mapping| check(&mapping.apply(&payload.body)).record)
}

/// Writes what differs; nothing where nothing does.
async fn update(
    access: &Access,
    dealer: &Dealer<'_>,
    number: &str,
    held: &Payload,
    wanted: &Record,
) -> Result<Written, ConnectorError> {
    let now = read(held);
    let differing: Vec<Field> =
        wanted.fields().filter(|(field, value)| now.get(*field) != Some(value)).map(|(field, _)| field).collect();
    let mut changed = elements(wanted, &differing);
    changed.retain(|(name, text)| held.body.get(*name).and_then(xml::text) != Some(text));
    let outcome = Outcome::Updated { external_id: number.to_owned() };
    if changed.is_empty() {
        return Ok(Written { outcome, echo: Some(held.clone()), found: None });
    }
    let mut inner = String::from("<Customer>");
    put(&mut inner, "CustomerNumber", number);
    for (name, text) in &changed {
        put(&mut inner, name, text);
    }
    inner.push_str("</Customer>");
    dealer.star(Effect::Writes, "CustomerUpdate", &inner).await?;
    let echo = one(access, number).await.ok().flatten();
    Ok(Written { outcome, echo, found: None })
}

/// Adds a customer; its number.
async fn add(dealer: &Dealer<'_>, record: &Record, token: &str) -> Result<String, ConnectorError> {
    let all: Vec<Field> = record.fields().map(|(field, _)| field).collect();
    let mut inner = String::from("<Customer>");
    for (name, text) in elements(record, &all) {
        put(&mut inner, name, &text);
    }
    put(&mut inner, "DataToken", token);
    inner.push_str("</Customer>");
    let reply = dealer.star(Effect::Writes, "CustomerAdd", &inner).await?;
    xml::children(&reply, "Success")
        .first()
        .and_then(|success| success.get("CustomerNumber"))
        .and_then(xml::text)
        .map(|number| number.trim().to_owned())
        .filter(|number| !number.is_empty())
        // It was added; the next search finds under which number.
        .ok_or_else(|| ConnectorError::OutcomeUnknown {
            said: "the reply has no CustomerNumber".to_owned(),
            source: None,
        })
}

/// Canonical fields as the vendor's elements, in the vendor's order.
fn elements(record: &Record, fields: &[Field]) -> Vec<(&'static str, String)> {
    let has = |field: Field| fields.contains(&field);
    let text = |field: Field| if has(field) { record.get(field).map(Value::to_plain) } else { None };
    let consent = |field: Field| match record.get(field) {
        Some(Value::Consent(Consent::OptedIn)) if has(field) => Some("Y".to_owned()),
        Some(Value::Consent(Consent::OptedOut)) if has(field) => Some("N".to_owned()),
        Some(_) | None => None,
    };
    let named = [Field::LAST_NAME, Field::NAME_SUFFIX, Field::COMPANY_NAME].into_iter().any(has);
    let phone = |field| text(field).map(|number| national(&number));
    [
        ("TypeCode", text(Field::CUSTOMER_KIND).map(|kind| if kind == "business" { "C" } else { "I" }.to_owned())),
        ("LastName", named.then(|| full_surname(record))),
        ("FirstName", text(Field::FIRST_NAME)),
        ("MiddleName", text(Field::MIDDLE_NAME)),
        ("Address1", text(Field::STREET)),
        ("City", text(Field::CITY)),
        ("StateCode", text(Field::STATE)),
        ("ZipCode", text(Field::ZIP)),
        ("PhoneNumber", phone(Field::PHONE_HOME)),
        ("BusinessPhone", phone(Field::PHONE_WORK)),
        ("CellPhone", phone(Field::PHONE_MOBILE)),
        ("Email1", text(Field::EMAIL)),
        ("Email2", text(Field::EMAIL_OTHER)),
        ("AllowContactByPostal", consent(Field::CONSENT_MAIL)),
        ("AllowContactByPhone", consent(Field::CONSENT_CALL)),
        ("AllowContactByEmail", consent(Field::CONSENT_EMAIL)),
    ]
    .into_iter()
    .filter_map(|(name, text)| Some((name, text.filter(|text| !text.is_empty())?)))
    .collect()
}

/// Surname or, of a company, its name: the DMS has one field for both.
fn surname(record: &Record) -> String {
    let text = |field| record.text(field).map(str::trim).filter(|text| !text.is_empty());
    text(Field::LAST_NAME).or_else(|| text(Field::COMPANY_NAME)).unwrap_or_default().to_owned()
}

fn full_surname(record: &Record) -> String {
    match record.text(Field::NAME_SUFFIX) {
        Some(suffix) => format!("{} {suffix}", surname(record)),
        None => surname(record),
    }
}

/// E.164 as the DMS keeps it: ten digits in North America.
fn national(phone: &str) -> String {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    match digits.strip_prefix('1') {
        Some(national) if digits.len() == 11 => national.to_owned(),
        _ => digits,
    }
}
