//! What the simulator answers and what the connector sends, held against the vendor's own XSD and WSDL.

use crate::bench::{Bench, Fixture as _};
use crate::opentrack::Fixture;
use actix_web::{App, HttpResponse, HttpServer, web};
use connectors::opentrack::OpenTrack;
use connectors::{Connector, PageAsk, PullMode, xml};
use domain::ObjectKind;
use reqwest::Method;
use serde_json::{Value as Json, json};
use simulators::faults::Fault;
use simulators::opentrack::{PASSWORD, USER};
use simulators::population::{Population, PopulationSize, System};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// The vendor's files, or `None` (and a word about it) where they are not there.
fn file(name: &str) -> Option<Json> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/specs/opentrack").join(name);
    match std::fs::read(&path) {
        Ok(bytes) => Some(xml::parse(&xml::decode(&bytes)).unwrap().1),
        Err(_) => {
            eprintln!("skipped: the vendor's {name} is not at ../shared/specs/opentrack");
            None
        }
    }
}

fn named<'a>(list: &'a [Json], name: &str) -> Option<&'a Json> {
    list.iter().find(|item| item["@name"] == name)
}

/// Checks names, order, required ones and depth of an instance against an element of a schema.
fn hold(schema: &Json, element: &Json, instance: &Json, place: &str, wrong: &mut Vec<String>) {
    let typed = element["@type"].as_str().and_then(|name| name.rsplit(':').next());
    let complex = match element.get("complexType") {
        Some(inside) => Some(inside),
        None => typed.and_then(|name| named(xml::children(schema, "complexType"), name)),
    };
    let Some(complex) = complex.filter(|complex| complex.is_object()) else {
        if instance.as_object().is_some_and(|parts| parts.keys().any(|name| !name.starts_with(['@', '#']))) {
            wrong.push(format!("{place} holds elements where the schema has text"));
        }
        return;
    };
    if complex.get("simpleContent").is_some() {
        return;
    }
    let sequence = complex.get("sequence");
    let known = sequence.or_else(|| complex.get("choice")).map(|group| xml::children(group, "element"));
    let known = known.unwrap_or_default();
    let parts = instance.as_object().cloned().unwrap_or_default();
    let mut last = 0;
    for (name, value) in parts.iter().filter(|(name, _)| !name.starts_with(['@', '#'])) {
        let Some(at) = known.iter().position(|known| known["@name"] == name.as_str()) else {
            wrong.push(format!("{place}/{name} is not in the schema"));
            continue;
        };
        if sequence.is_some() && at < last {
            wrong.push(format!("{place}/{name} comes too late"));
        }
        last = at;
        let list = match value {
            Json::Array(list) => list.as_slice(),
            one => std::slice::from_ref(one),
        };
        if list.len() > 1 && known[at]["@maxOccurs"] != "unbounded" && complex.get("choice").is_none() {
            wrong.push(format!("{place}/{name} comes {} times", list.len()));
        }
        for one in list {
            hold(schema, &known[at], one, &format!("{place}/{name}"), wrong);
        }
    }
    for required in known.iter().filter(|known| sequence.is_some() && known["@minOccurs"] != "0") {
        let name = required["@name"].as_str().unwrap_or_default();
        if !parts.contains_key(name) {
            wrong.push(format!("{place}/{name} is required and missing"));
        }
    }
}

/// Asks the simulator by hand; the inside of the named element.
async fn ask(bench: &Bench, path: &str, body: &str, element: &str) -> Json {
    let envelope = format!(
        "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Header><s:Security xmlns:s=\"urn:s\">\
         <s:UsernameToken><s:Username>{USER}</s:Username><s:Password>{PASSWORD}</s:Password></s:UsernameToken>\
         </s:Security></e:Header><e:Body>{body}</e:Body></e:Envelope>"
    );
    let response = reqwest::Client::new().post(format!("{}/{path}", bench.base_url())).body(envelope).send().await;
    let text = response.unwrap().text().await.unwrap();
    xml::Elements::new(text.as_bytes()).next(element).unwrap().unwrap_or_else(|| panic!("no {element} in {text}"))
}

#[tokio::test]
async fn what_the_simulator_answers_fits_the_vendors_schemas() {
    let bench = Bench::start(Fixture).await;
    let size = json!({"customers": 120, "seed": 9, "rooftops": 1});
    bench.control(Method::POST, "load", &size).await;
    let truth = Population::generate(9, PopulationSize { customers: 120, rooftops: 1 });
    let number = &truth.views_of(System::Dms).next().unwrap().external_id;
    let stock = &truth.inventory[0].stock_number;
    let order = truth.repair_orders.iter().find(|order| order.closed_on.is_some()).unwrap();
    let dealer = "<Dealer><EnterpriseCode>BA</EnterpriseCode><CompanyNumber>BA1</CompanyNumber></Dealer>";
    let star = |operation: &str, inner: &str| {
        format!(
            "<ProcessMessage><payload><content id=\"a\"><{operation}>{dealer}{inner}</{operation}></content></payload></ProcessMessage>"
        )
    };
    let search = "<SearchParms><State>FL</State></SearchParms>";
    let token = ask(&bench, "WebService.asmx", &star("CustomerSearch", search), "DataToken").await;
    let customer =
        format!("<Customer><LastName>NEW</LastName><DataToken>{}</DataToken></Customer>", token.as_str().unwrap());
    let update = format!("<Customer><CustomerNumber>{number}</CustomerNumber><City>OLDSMAR</City></Customer>");
    let refused = "<RepairOrder><CustomerNumber>1</CustomerNumber><Lines><Line><LaborOpCode>LOF</LaborOpCode></Line><Line/></Lines></RepairOrder>";
    let cases = [
        ("CustomerSearch", search.to_owned(), "CustomerSearchResponse"),
        ("CustomerLookup", format!("<CustomerNumber>{number}</CustomerNumber>"), "CustomerLookupResponse"),
        ("CustomerAdd", customer, "CustomerAddResponse"),
        ("CustomerUpdate", update, "CustomerUpdateResponse"),
        ("VehicleSearch", "<SearchParms><Type>U</Type></SearchParms>".to_owned(), "VehicleSearchResponse"),
        ("VehicleLookup", format!("<StockNumber>{stock}</StockNumber>"), "VehicleLookupResponse"),
        ("VehicleInventory", String::new(), "VehicleInventoryResponse"),
        ("AddRepairOrder", refused.to_owned(), "AddRepairOrderResponse"),
        ("OpenRepairOrderLookup", String::new(), "OpenRepairOrderLookupResponse"),
    ];
    for (operation, inner, response) in cases {
        let Some(schema) = file(&format!("{response}.xsd")) else { return };
        let answer = ask(&bench, "WebService.asmx", &star(operation, &inner), response).await;
        assert!(answer.to_string().len() > 40, "{operation} answered nothing: {answer}");
        assert!(answer.get("Error").is_none(), "{operation}: {answer}");
        let element = named(xml::children(&schema, "element"), response).unwrap();
        let mut wrong = Vec::new();
        hold(&schema, element, &answer, operation, &mut wrong);
        assert!(wrong.is_empty(), "{wrong:?}");
        if operation == "VehicleInventory" {
            // The check itself: a drifted answer does not fit.
            bench.plan(Fault::Drift, "/VehicleInventory");
            let drifted = ask(&bench, "WebService.asmx", &star(operation, &inner), response).await;
            hold(&schema, element, &drifted, operation, &mut wrong);
            assert!(wrong.iter().any(|said| said.contains("LoyaltyTier")), "{wrong:?}");
        }
    }

    let Some(wsdl) = file("ServiceAPI.wsdl") else { return };
    let schema = &wsdl["types"]["schema"];
    let dealer = "<dealer><CompanyNumber>BA1</CompanyNumber><EnterpriseCode>BA</EnterpriseCode></dealer>";
    for (operation, number) in [("GetClosedRepairOrders", "0"), ("GetClosedRepairOrderDetails", order.number.as_str())]
    {
        let body = format!(
            "<{operation}>{dealer}<request><RepairOrderNumber>{number}</RepairOrderNumber></request></{operation}>"
        );
        let response = format!("{operation}Response");
        let answer = ask(&bench, "ServiceAPI.asmx", &body, &response).await;
        assert!(answer.to_string().contains("FinalCloseDate"), "{operation} answered nothing: {answer}");
        let element = named(xml::children(schema, "element"), &response).unwrap();
        let mut wrong = Vec::new();
        hold(schema, element, &answer, operation, &mut wrong);
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}

/// Each call's SOAPAction and body.
type Calls = Arc<Mutex<Vec<(String, String)>>>;

/// A server that keeps what it is sent and answers emptily.
async fn recorder() -> (String, Calls, actix_web::dev::ServerHandle) {
    let seen = Calls::default();
    let kept = web::Data::new(Arc::clone(&seen));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = HttpServer::new(move || {
        App::new().app_data(kept.clone()).default_service(web::to(
            |seen: web::Data<Calls>, request: actix_web::HttpRequest, body: String| async move {
                let action = request.headers().get("SOAPAction").unwrap().to_str().unwrap().to_owned();
                seen.lock().unwrap().push((action, body.clone()));
                let answer = match body.split("<GetClosedRepairOrder").nth(1) {
                    Some(rest) => {
                        let name = format!("GetClosedRepairOrder{}", rest.split([' ', '>']).next().unwrap());
                        format!("<{name}Response><{name}Result/></{name}Response>")
                    }
                    None => {
                        "<ProcessMessageResponse><payload><content><X/></content></payload></ProcessMessageResponse>"
                            .to_owned()
                    }
                };
                HttpResponse::Ok().body(format!("<Envelope><Body>{answer}</Body></Envelope>"))
            },
        ))
    })
    .workers(1)
    .listen(listener)
    .unwrap()
    .run();
    let handle = server.handle();
    tokio::spawn(server);
    (address, seen, handle)
}

#[tokio::test]
async fn what_the_connector_sends_fits_the_vendors_wsdls() {
    let (Some(service), Some(message)) = (file("ServiceAPI.wsdl"), file("webservice.wsdl")) else { return };
    let bench = Bench::start(Fixture).await;
    let (address, seen, handle) = recorder().await;
    let mut access = bench.access();
    access.settings.extend(Fixture.settings(&address));
    for object in Fixture.reads() {
        let pull = OpenTrack.pull(object).unwrap();
        let mut cursor = None;
        for _ in 0..2 {
            let ask = PageAsk { mode: PullMode::Full, cursor: cursor.take(), now: chrono::Utc::now() };
            let page = pull.page(&access, object, &ask).await.unwrap();
            if let connectors::Next::Page(next) = page.next {
                cursor = Some(next);
            }
        }
    }
    let pull = OpenTrack.pull(ObjectKind::RepairOrder).unwrap();
    assert!(pull.one(&access, ObjectKind::RepairOrder, "6000551").await.unwrap().is_none());
    drop(handle.stop(false));

    let seen = seen.lock().unwrap().clone();
    let (mut stars, mut directs) = (0, 0);
    for (action, body) in seen {
        let (_, envelope) = xml::parse(&body).unwrap();
        let token = &envelope["Header"]["Security"]["UsernameToken"];
        assert_eq!((&token["Username"], xml::text(&token["Password"])), (&json!(USER), Some(PASSWORD)));
        let (name, inside) = envelope["Body"].as_object().unwrap().iter().next().unwrap();
        let mut wrong = Vec::new();
        if name == "ProcessMessage" {
            stars += 1;
            assert_eq!(
                action,
                "\"http://www.starstandards.org/webservices/2005/10/transport/operations/ProcessMessage\""
            );
            let content = &inside["payload"]["content"];
            let manifest = &envelope["Header"]["PayloadManifest"]["manifest"];
            assert_eq!(manifest["@contentID"], content["@id"]);
            let operation = manifest["@element"].as_str().unwrap();
            let dealer = &content[operation]["Dealer"];
            assert_eq!((&dealer["EnterpriseCode"], &dealer["CompanyNumber"]), (&json!("BA"), &json!("BA1")));
            let schema = &message["types"]["schema"];
            // The content may be any element; the envelope around it is the schema's.
            let mut envelope = inside.clone();
            envelope["payload"]["content"] = json!({"@id": content["@id"]});
            hold(schema, named(xml::children(schema, "element"), name).unwrap(), &envelope, name, &mut wrong);
        } else {
            directs += 1;
            assert_eq!(action, format!("\"opentrack.dealertrack.com/{name}\""));
            let schema = &service["types"]["schema"];
            hold(schema, named(xml::children(schema, "element"), name).unwrap(), inside, name, &mut wrong);
        }
        assert!(wrong.is_empty(), "{wrong:?}");
    }
    assert!(stars >= 5 && directs >= 2, "{stars} and {directs} calls were seen");
}
