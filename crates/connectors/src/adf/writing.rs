//! A lead as strict ADF 1.0: elements in the order of the standard, only its own words, everything escaped.

use crate::connector::Outgoing;
use crate::error::ConnectorError;
use chrono::SecondsFormat;
use domain::{Field, Record, Value};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesPI, BytesStart, BytesText, Event};
use serde_json::Value as Json;
use std::io;

/// Our name in `id@source`.
pub const SOURCE: &str = "driveline";

/// Who the document is for and from.
pub struct Parties<'a> {
    /// The dealership's name.
    pub vendor: &'a str,
    /// Its id at the receiver, where it has one.
    pub vendor_id: Option<&'a str>,
    /// Our name.
    pub provider: &'a str,
}

/// The document of one lead.
///
/// # Errors
/// [`ConnectorError::Refused`] where the person has no name, or neither e-mail nor phone: no receiver takes such a lead.
pub fn document(out: &Outgoing, parties: &Parties<'_>) -> Result<Vec<u8>, ConnectorError> {
    let person = out
        .related
        .iter()
        .find(|(field, _)| *field == Field::LEAD_CUSTOMER)
        .map(|(_, person)| person)
        .ok_or_else(|| lacking("no_contact", "the lead has no customer"))?;
    let named =
        [Field::FIRST_NAME, Field::LAST_NAME, Field::COMPANY_NAME].iter().any(|field| person.get(*field).is_some());
    let reached = [Field::EMAIL, Field::PHONE_MOBILE, Field::PHONE_HOME, Field::PHONE_WORK];
    if !named || !reached.iter().any(|field| person.get(*field).is_some()) {
        return Err(lacking("no_contact", "the customer has no name, or neither an e-mail address nor a phone number"));
    }
    let mut xml = Xml(Writer::new(Vec::new()));
    written(&mut xml, out, person, parties)
        .map_err(|error| ConnectorError::unavailable("the document could not be written", error))?;
    Ok(xml.0.into_inner())
}

fn lacking(code: &str, said: &str) -> ConnectorError {
    ConnectorError::Refused {
        code: code.to_owned(),
        said: said.to_owned(),
        fix: "Complete the customer's name and e-mail or phone, then replay the lead.".to_owned(),
        evidence: None,
    }
}

struct Xml(Writer<Vec<u8>>);

impl Xml {
    fn open(&mut self, name: &str, attributes: &[(&str, &str)]) -> io::Result<()> {
        self.0.write_event(Event::Start(BytesStart::new(name).with_attributes(attributes.iter().copied())))
    }

    fn close(&mut self, name: &str) -> io::Result<()> {
        self.0.write_event(Event::End(BytesEnd::new(name)))
    }

    /// An element with text; characters that XML forbids are left out.
    fn text(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) -> io::Result<()> {
        let clean: String = text
            .chars()
            .filter(|c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..))
            .collect();
        self.open(name, attributes)?;
        self.0.write_event(Event::Text(BytesText::new(&clean)))?;
        self.close(name)
    }

    fn field(&mut self, name: &str, attributes: &[(&str, &str)], record: &Record, field: Field) -> io::Result<()> {
        match record.get(field) {
            Some(value) => self.text(name, attributes, &value.to_plain()),
            None => Ok(()),
        }
    }
}

fn written(xml: &mut Xml, out: &Outgoing, person: &Record, parties: &Parties<'_>) -> io::Result<()> {
    let lead = &out.record;
    xml.0.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    xml.0.write_event(Event::PI(BytesPI::new("adf version=\"1.0\"")))?;
    xml.open("adf", &[])?;
    xml.open("prospect", &[("status", "new")])?;
    xml.text("id", &[("sequence", "1"), ("source", SOURCE)], &out.golden.to_string())?;
    let requested = match lead.get(Field::LEAD_REQUESTED_AT) {
        Some(Value::Time(moment)) => *moment,
        // The entity's id carries when we met it, so that a repeat says the same.
        _ => made_at(out),
    };
    xml.text("requestdate", &[], &requested.to_rfc3339_opts(SecondsFormat::Secs, false))?;
    vehicle(xml, lead)?;
    trade_in(xml, lead)?;
    customer(xml, out, lead, person)?;
    xml.open("vendor", &[])?;
    if let Some(id) = parties.vendor_id {
        xml.text("id", &[("sequence", "1"), ("source", SOURCE)], id)?;
    }
    xml.text("vendorname", &[], parties.vendor)?;
    xml.open("contact", &[])?;
    xml.text("name", &[("part", "full")], lead.text(Field::LEAD_SALESPERSON).unwrap_or(parties.vendor))?;
    xml.close("contact")?;
    xml.close("vendor")?;
    xml.open("provider", &[])?;
    xml.text("name", &[("part", "full")], lead.text(Field::LEAD_PROVIDER).unwrap_or(parties.provider))?;
    xml.field("service", &[], lead, Field::LEAD_SOURCE)?;
    xml.close("provider")?;
    xml.close("prospect")?;
    xml.close("adf")
}

fn made_at(out: &Outgoing) -> chrono::DateTime<chrono::Utc> {
    out.golden
        .0
        .get_timestamp()
        .and_then(|stamp| {
            let (seconds, _) = stamp.to_unix();
            chrono::DateTime::from_timestamp(i64::try_from(seconds).ok()?, 0)
        })
        .unwrap_or_default()
}

fn vehicle(xml: &mut Xml, lead: &Record) -> io::Result<()> {
    let interest = match lead.text(Field::LEAD_INTEREST) {
        Some("trade_in") => "trade-in",
        Some("test_drive") => "test-drive",
        Some("lease") => "lease",
        Some("sell") => "sell",
        Some(_) | None => "buy",
    };
    let status = lead.text(Field::LEAD_CONDITION).unwrap_or("used");
    xml.open("vehicle", &[("interest", interest), ("status", status)])?;
    // These three are required; an unknown one is empty.
    for (name, field) in [("year", Field::LEAD_YEAR), ("make", Field::LEAD_MAKE), ("model", Field::LEAD_MODEL)] {
        xml.text(name, &[], &lead.get(field).map(Value::to_plain).unwrap_or_default())?;
    }
    xml.field("vin", &[], lead, Field::LEAD_VIN)?;
    xml.field("stock", &[], lead, Field::LEAD_STOCK_NUMBER)?;
    xml.field("trim", &[], lead, Field::LEAD_TRIM)?;
    xml.close("vehicle")
}

fn trade_in(xml: &mut Xml, lead: &Record) -> io::Result<()> {
    let Some(Value::Json(trade)) = lead.get(Field::LEAD_TRADE_IN) else { return Ok(()) };
    let of = |name: &str| trade.get(name).and_then(super::reading::text).map(ToOwned::to_owned);
    xml.open("vehicle", &[("interest", "trade-in"), ("status", "used")])?;
    for name in ["year", "make", "model"] {
        xml.text(name, &[], &of(name).unwrap_or_default())?;
    }
    for name in ["vin", "trim"] {
        if let Some(said) = of(name) {
            xml.text(name, &[], &said)?;
        }
    }
    if let Some(miles) = trade.get("odometer").and_then(super::reading::text).filter(|_| trade.is_object()) {
        let units = trade.get("odometer").and_then(|o| o.get("@units")).and_then(Json::as_str).unwrap_or("mi");
        xml.text("odometer", &[("status", "unknown"), ("units", units)], miles)?;
    }
    xml.close("vehicle")
}

fn customer(xml: &mut Xml, out: &Outgoing, lead: &Record, person: &Record) -> io::Result<()> {
    xml.open("customer", &[])?;
    xml.open("contact", &[])?;
    if person.get(Field::FIRST_NAME).is_none() && person.get(Field::LAST_NAME).is_none() {
        xml.field("name", &[("part", "full"), ("type", "business")], person, Field::COMPANY_NAME)?;
    }
    for (part, field) in [
        ("first", Field::FIRST_NAME),
        ("middle", Field::MIDDLE_NAME),
        ("last", Field::LAST_NAME),
        ("suffix", Field::NAME_SUFFIX),
    ] {
        xml.field("name", &[("part", part), ("type", "individual")], person, field)?;
    }
    xml.field("email", &[], person, Field::EMAIL)?;
    for (kind, field) in [("mobile", Field::PHONE_MOBILE), ("home", Field::PHONE_HOME), ("work", Field::PHONE_WORK)] {
        xml.field("phone", &[("type", kind)], person, field)?;
    }
    let places = [Field::STREET, Field::CITY, Field::STATE, Field::ZIP];
    if places.iter().any(|field| person.get(*field).is_some()) {
        xml.open("address", &[("type", "home")])?;
        xml.field("street", &[("line", "1")], person, Field::STREET)?;
        xml.field("city", &[], person, Field::CITY)?;
        xml.field("regioncode", &[], person, Field::STATE)?;
        xml.field("postalcode", &[], person, Field::ZIP)?;
        xml.text("country", &[], "US")?;
        xml.close("address")?;
    }
    xml.close("contact")?;
    if let Some((_, id)) = out.refs.iter().find(|(field, _)| *field == Field::LEAD_CUSTOMER) {
        xml.text("id", &[("sequence", "1"), ("source", SOURCE)], id)?;
    }
    xml.field("comments", &[], lead, Field::LEAD_COMMENTS)?;
    xml.close("customer")
}
