//! ADF as it comes: tables of documents, and mutated ones.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use super::Adf;
use crate::connector::{Connector, Intake, Payload, Received};
use crate::files::tests_access::access;
use domain::{Field, ObjectKind};
use proptest::prelude::*;
use serde_json::json;

const GOOD: &str = r#"<?xml version="1.0"?><?adf version="1.0"?>
<adf><prospect status="new">
 <id sequence="2" source="other">b</id><id sequence="1" source="Cars.com">4711</id>
 <requestdate>2008-06-25T8:47:50</requestdate>
 <vehicle interest="buy" status="used"><year>2019</year><make>Honda</make><model>CR-V</model><stock>P100</stock></vehicle>
 <vehicle interest="trade-in" status="used"><year>2010</year><make>Ford</make><model>Focus</model></vehicle>
 <customer><contact>
  <name part="first">Ann</name><name part="last">O&apos;Neil</name>
  <email>Ann@Example.com</email><phone type="mobile">415-555-0100</phone><phone type="voice" time="day">415-555-0101</phone>
  <address><street line="2">Apt 4</street><street line="1">12 Main St</street><city>Tampa</city><regioncode>FL</regioncode><postalcode>33601</postalcode></address>
 </contact><comments><![CDATA[Is it <still> there?]]></comments></customer>
 <vendor><vendorname>Bayside</vendorname></vendor>
 <provider><name part="full">Cars.com</name><service>Used car search</service></provider>
</prospect></adf>"#;

fn try_receive(content_type: &str, body: &[u8]) -> Result<Received, crate::ConnectorError> {
    Adf.receive(&access(&[]), content_type, body)
}

fn receive(content_type: &str, body: &str) -> Received {
    try_receive(content_type, body.as_bytes()).unwrap()
}

fn of(received: &Received, object: ObjectKind) -> Vec<&Payload> {
    received.records.iter().filter(|(kind, _)| *kind == object).map(|(_, payload)| payload).collect()
}

fn mapped(payload: &Payload, object: ObjectKind, field: Field) -> Option<String> {
    let draft = Adf.mapping(&access(&[]), object).unwrap().apply(&payload.body);
    assert_eq!(draft.unknown, Vec::<String>::new());
    draft
        .values
        .into_iter()
        .find(|(f, _)| *f == field)
        .map(|(_, value)| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned))
}

#[test]
fn a_prospect_becomes_a_customer_and_a_lead_that_points_to_it() {
    let received = receive("application/xml", GOOD);
    assert_eq!(received.records.len(), 2);
    assert_eq!(received.records[0].0, ObjectKind::Customer, "what is referred to comes first");
    let (customer, lead) = (of(&received, ObjectKind::Customer)[0], of(&received, ObjectKind::Lead)[0]);
    assert_eq!(lead.external_id, "cars.com:4711");
    let person = |field| mapped(customer, ObjectKind::Customer, field);
    let lead_of = |field| mapped(lead, ObjectKind::Lead, field);
    for (got, expected) in [
        (person(Field::FIRST_NAME), "Ann"),
        (person(Field::LAST_NAME), "O'Neil"),
        (person(Field::EMAIL), "Ann@Example.com"),
        (person(Field::PHONE_MOBILE), "415-555-0100"),
        (person(Field::PHONE_WORK), "415-555-0101"),
        (person(Field::STREET), "12 Main St Apt 4"),
        (person(Field::STATE), "FL"),
        (person(Field::ZIP), "33601"),
        (lead_of(Field::LEAD_CUSTOMER), customer.external_id.as_str()),
        (lead_of(Field::LEAD_REQUESTED_AT), "2008-06-25T8:47:50"),
        (lead_of(Field::LEAD_INTEREST), "buy"),
        (lead_of(Field::LEAD_MODEL), "CR-V"),
        (lead_of(Field::LEAD_STOCK_NUMBER), "P100"),
        (lead_of(Field::LEAD_COMMENTS), "Is it <still> there?"),
        (lead_of(Field::LEAD_PROVIDER), "Cars.com"),
        (lead_of(Field::LEAD_SOURCE), "Used car search"),
        (lead_of(Field::LEAD_STATUS), "new"),
    ] {
        assert_eq!(got.as_deref(), Some(expected));
    }
    assert!(lead_of(Field::LEAD_TRADE_IN).unwrap().contains("Focus"));
    assert_eq!(lead.body["prospect"]["vendor"]["vendorname"], json!("Bayside"), "nothing is lost");
}

#[test]
fn every_form_a_document_comes_in_gives_the_same_records() {
    let plain = receive("application/xml", GOOD);
    let ids = |received: &Received| {
        received.records.iter().map(|(kind, p)| (*kind, p.external_id.clone())).collect::<Vec<_>>()
    };
    let escaped = GOOD.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\n', "<br>\n");
    let base64 = {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(GOOD)
    };
    let head = "Received: from x\r\nFrom: leads@cars.com\r\nTo: leads@bayside.com\r\nSubject: New lead\r\nMIME-Version: 1.0\r\n";
    let upper = {
        // Element names and the processing instruction in upper case; contents as they are.
        let mut out = String::new();
        let mut in_tag = false;
        let mut quoted = false;
        for c in GOOD.replace("<![CDATA[Is it <still> there?]]>", "Is it there?").chars() {
            match c {
                '<' => in_tag = true,
                '>' => in_tag = false,
                '"' if in_tag => quoted = !quoted,
                _ => {}
            }
            out.push(if in_tag && !quoted { c.to_ascii_uppercase() } else { c });
        }
        out.replace("<?XML", "<?xml")
    };
    let cases = [
        ("plain text", "text/plain", GOOD.to_owned()),
        ("upper case", "application/xml", upper),
        ("text around it", "text/plain", format!("Dear dealer,\n{GOOD}\n-- \nThe team")),
        ("HTML escaped", "text/html", format!("<html><body><pre>{escaped}</pre></body></html>")),
        ("plain mail", "message/rfc822", format!("{head}Content-Type: text/plain\r\n\r\n{GOOD}\r\n")),
        (
            "mail without its type",
            "application/octet-stream",
            format!("{head}Content-Type: text/plain\r\n\r\n{GOOD}\r\n"),
        ),
        (
            "quoted-printable",
            "message/rfc822",
            format!(
                "{head}Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{}\r\n",
                GOOD.replace('=', "=3D").replace('\n', "\r\n")
            ),
        ),
        (
            "attachment",
            "message/rfc822",
            format!(
                "{head}Content-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\nContent-Type: text/plain\r\n\r\nA lead is attached.\r\n\
             --B\r\nContent-Type: application/octet-stream; name=lead.xml\r\nContent-Disposition: attachment; filename=lead.xml\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n{base64}\r\n--B--\r\n"
            ),
        ),
        (
            "forwarded",
            "message/rfc822",
            format!(
                "{head}Content-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\nContent-Type: message/rfc822\r\n\r\n\
             {head}Content-Type: text/plain\r\n\r\n{GOOD}\r\n--B--\r\n"
            ),
        ),
        ("without the adf element", "text/xml", GOOD.replace("<adf>", "").replace("</adf>", "")),
        ("with a DOCTYPE", "text/xml", GOOD.replace("<adf>", "<!DOCTYPE adf [<!ENTITY x \"y\">]><adf>")),
    ];
    for (name, content_type, body) in cases {
        let received = receive(content_type, &body);
        assert_eq!(received.rejects, [], "{name}");
        let mut expected = ids(&plain);
        let got = ids(&received);
        expected.truncate(got.len().max(2));
        assert_eq!(got, expected, "{name}");
    }
}

#[test]
fn several_prospects_come_apart_and_a_broken_one_costs_no_other() {
    let two = "<adf><prospect><id source='a'>1</id><customer><contact><name part='full'>Ann Lee</name><email>a@b.co</email></contact></customer></prospect>\
        <prospect><id source='a'>2</id><customer><contact><name>Ann Lee</name><email>A@b.co</email></contact></customer></prospect>\
        <prospect><id source='a'>3</id><customer <<</prospect></adf>";
    let received = receive("text/xml", two);
    let leads: Vec<&str> = of(&received, ObjectKind::Lead).iter().map(|p| p.external_id.as_str()).collect();
    assert_eq!(leads.get(..2), Some(["a:1", "a:2"].as_slice()));
    let people = of(&received, ObjectKind::Customer);
    assert_eq!(people[0].external_id, people[1].external_id, "the same person twice is one customer");
    assert_eq!(received.rejects.len() + leads.len(), 3, "nothing vanishes");
    let again = receive("text/xml", two);
    assert_eq!(again.rejects, received.rejects, "a broken piece has the same place when it comes again");
}

#[test]
fn what_providers_leave_out_or_write_wrong_does_not_stop_a_lead() {
    let cases = [
        (
            "no provider",
            "<adf><prospect><customer><contact><name part='last'>Lee</name><phone>4155550100</phone></contact></customer></prospect></adf>",
            2,
        ),
        (
            "no contact element",
            "<adf><prospect><customer><name part='last'>Lee</name><email>a@b.co</email></customer></prospect></adf>",
            2,
        ),
        ("no customer", "<adf><prospect><vehicle><make>Honda</make></vehicle></prospect></adf>", 1),
        (
            "a bare ampersand and HTML's entities",
            "<adf><prospect><customer><contact><name>Lee &amp; Sons & Co&nbsp;</name><email>a@b.co</email></contact></customer></prospect></adf>",
            2,
        ),
        (
            "tags left open",
            "<adf><prospect><customer><contact><name>Lee<email>a@b.co</email></contact></customer></prospect>",
            2,
        ),
        (
            "unquoted attributes",
            "<adf><prospect status=new><customer><contact><name part=full>Ann Lee</name><email>a@b.co</email></contact></customer></prospect></adf>",
            2,
        ),
        (
            "a company",
            "<adf><prospect><customer><contact><name type='business'>Acme</name><email>a@b.co</email></contact></customer></prospect></adf>",
            2,
        ),
    ];
    for (name, body, records) in cases {
        let received = receive("text/xml", body);
        assert_eq!((received.records.len(), received.rejects.len()), (records, 0), "{name}");
        assert!(received.records.iter().all(|(_, payload)| !payload.external_id.is_empty()), "{name}");
    }
}

#[test]
fn the_same_document_has_the_same_keys_and_another_day_is_another_lead() {
    let body = |day: &str| {
        format!(
            "<adf><prospect><requestdate>{day}</requestdate><customer><contact><name>Ann Lee</name><email>a@b.co</email></contact></customer></prospect></adf>"
        )
    };
    let (first, again, later) = (
        receive("text/xml", &body("2026-11-23")),
        receive("text/xml", &body("2026-11-23")),
        receive("text/xml", &body("2026-11-24")),
    );
    let lead = |received: &Received| of(received, ObjectKind::Lead)[0].external_id.clone();
    let person = |received: &Received| of(received, ObjectKind::Customer)[0].external_id.clone();
    assert_eq!(lead(&first), lead(&again));
    assert_ne!(lead(&first), lead(&later));
    assert_eq!(person(&first), person(&later));
}

#[test]
fn what_holds_no_adf_is_told_as_such() {
    for body in ["", "hello", "<html><body>hi</body></html>", "<adf></adf>", "From: a@b.co\r\n\r\nno lead here"] {
        let error = try_receive("text/plain", body.as_bytes()).err().unwrap();
        assert_eq!(error.code(), "unreadable", "{body}");
    }
}

#[test]
fn entities_of_its_own_are_never_expanded_and_depth_is_capped() {
    let laughs = "<!DOCTYPE a [<!ENTITY a 'haha'><!ENTITY b '&a;&a;&a;'>]><adf><prospect><customer><contact><name>&b;</name><email>a@b.co</email></contact></customer></prospect></adf>";
    let received = receive("text/xml", laughs);
    assert_eq!(received.records[0].1.body["full"], json!("&b;"));
    let deep = format!("<adf><prospect>{}</prospect></adf>", "<a>".repeat(100_000));
    let received = receive("text/xml", &deep);
    assert_eq!((received.records.len(), received.rejects.len()), (0, 1));
}

fn mutated(valid: String) -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0..4_u8);
    prop::collection::vec(change, 0..16).prop_map(move |changes| {
        let mut bytes = valid.as_bytes().to_vec();
        for (place, byte, kind) in changes {
            let at = place.index(bytes.len().max(1));
            match kind {
                0 if at < bytes.len() => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 if at < bytes.len() => {
                    bytes.remove(at);
                }
                _ if at > bytes.len() / 2 => bytes.truncate(at),
                _ => {}
            }
        }
        bytes
    })
}

/// Making an HTTP client for each case would be most of the work.
static NOWHERE: std::sync::LazyLock<crate::Access> = std::sync::LazyLock::new(|| access(&[]));

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_mutated_document_is_read_or_refused_and_never_panics(body in mutated(GOOD.to_owned())) {
        for content_type in ["application/xml", "message/rfc822", "text/html"] {
            if let Ok(received) = Adf.receive(&NOWHERE, content_type, &body) {
                for (object, payload) in received.records {
                    prop_assert!(!payload.external_id.is_empty());
                    let _ = Adf.mapping(&NOWHERE, object).unwrap().apply(&payload.body);
                }
            }
        }
    }

    #[test]
    fn a_mutated_mail_is_read_or_refused_and_never_panics(body in mutated(format!("From: a@b.co\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\nContent-Type: text/html\r\n\r\n&lt;adf&gt;&lt;prospect&gt;<br>\r\n--B\r\nContent-Type: text/plain\r\n\r\n{GOOD}\r\n--B--\r\n"))) {
        let _ = Adf.receive(&NOWHERE, "message/rfc822", &body);
    }
}
