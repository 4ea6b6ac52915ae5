//! Dealertrack OpenTrack as it behaves: STAR ProcessMessage and direct SOAP, errors inside normal replies, a DataToken
//! before every CustomerAdd, and the dirty data of a real DMS. Filled from [`crate::population`].
//!
//! Assumed: searching names is by their beginning; windows include both ends to the second; a search without any
//! condition is refused (203); a token lives ten minutes and works once; a sold vehicle stays in VehicleInventory with
//! status `S`; an unknown customer gives an empty CustomerLookupResponse.

mod control;
mod customer;
mod operations;
mod order;
mod soap;
mod state;
mod vehicle;

use crate::Simulator;
use crate::faults::{Fault, Faults, meet_operation};
use crate::population::{Population, bayside};
use actix_web::web::{self, Bytes, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use chrono::Utc;
use serde_json::{Value as Json, json};
use soap::{Node, Wrong, direct_reply, error, fault, star_reply};
use state::State;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The connector's key.
pub const KEY: &str = "opentrack";
/// The user whom the simulator knows.
pub const USER: &str = "driveline";
/// That user's password.
pub const PASSWORD: &str = "opentrack-sandbox";
/// Customers of a new simulator.
const CUSTOMERS: usize = 120;

/// The simulator.
#[derive(Clone)]
pub struct OpenTrack {
    state: Arc<RwLock<State>>,
    first: Arc<Population>,
    faults: Faults,
}

impl OpenTrack {
    /// A DMS with the demo group's three companies and a few customers.
    #[must_use]
    pub fn new(faults: &Faults) -> Self {
        Self::with(faults, bayside(CUSTOMERS))
    }

    /// A DMS with this population.
    #[must_use]
    pub fn with(faults: &Faults, population: Population) -> Self {
        Self {
            state: Arc::new(RwLock::new(State::of(&population))),
            first: Arc::new(population),
            faults: faults.clone(),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// One ProcessMessage: `content` holds the operation's element.
    fn star(&self, request: &Node) -> Reply {
        let Some(asked) = request.find("content").and_then(|content| content.children.first()) else {
            return Reply::Fault("STAR:Invalid Structure", "The payload has no content.");
        };
        let response = format!("{}Response", asked.name);
        let now = Utc::now();
        let dealer = || check(request).and_then(|()| operations::check_dealer(&self.read(), asked.child("Dealer")));
        let answer = match asked.name.as_str() {
            "CustomerSearch" => {
                dealer().and_then(|company| operations::customer_search(&mut self.write(), &company, asked, now))
            }
            "CustomerLookup" => dealer().and_then(|company| operations::customer_lookup(&self.read(), &company, asked)),
            "CustomerAdd" => {
                dealer().and_then(|company| operations::customer_add(&mut self.write(), &company, asked, now))
            }
            "CustomerUpdate" => {
                dealer().and_then(|company| operations::customer_update(&mut self.write(), &company, asked, now))
            }
            "VehicleSearch" => dealer().and_then(|company| operations::vehicle_search(&self.read(), &company, asked)),
            "VehicleLookup" => dealer().and_then(|company| operations::vehicle_lookup(&self.read(), &company, asked)),
            "VehicleInventory" => {
                dealer().and_then(|company| operations::vehicle_inventory(&self.read(), &company, asked))
            }
            "OpenRepairOrderLookup" => {
                dealer().and_then(|company| operations::open_orders(&self.read(), &company, asked))
            }
            "AddRepairOrder" => {
                dealer().and_then(|company| operations::add_repair_order(&mut self.write(), &company, asked, now))
            }
            _ => return Reply::Fault("soap:Client", "The operation is not supported."),
        };
        let inner = self.faulty(&asked.name, answer.unwrap_or_else(|wrong| error(&wrong)), asked);
        Reply::Xml(star_reply(&response, &inner))
    }

    /// One call of ServiceAPI.asmx.
    fn direct(&self, request: &Node) -> Reply {
        let Some(asked) = request.find("Body").and_then(|body| body.children.first()) else {
            return Reply::Fault("soap:Client", "The body is empty.");
        };
        let dealer = || check(request).and_then(|()| operations::check_dealer(&self.read(), asked.child("dealer")));
        let answer = match asked.name.as_str() {
            "GetClosedRepairOrders" => {
                dealer().and_then(|company| operations::closed_orders(&self.read(), &company, asked, Utc::now()))
            }
            "GetClosedRepairOrderDetails" => {
                dealer().and_then(|company| operations::closed_order_details(&self.read(), &company, asked))
            }
            _ => return Reply::Fault("soap:Client", "The operation is not supported."),
        };
        let inner = answer.unwrap_or_else(|wrong| format!("<Errors>{}</Errors>", error(&wrong)));
        let inner = self.faulty(&asked.name, inner, asked);
        Reply::Xml(direct_reply(&asked.name, &inner))
    }

    /// The faults that only this folder can make: the page before once more, and a drifted schema.
    fn faulty(&self, operation: &str, inner: String, asked: &Node) -> String {
        let is_page = match operation {
            // Searches for consents and for one person are no pages.
            "CustomerSearch" => asked.child("SearchParms").is_some_and(|parms| {
                ["Email", "Phone", "LastName", "AllowContactByEmail", "AllowContactByPhone", "AllowContactByPostal"]
                    .iter()
                    .all(|name| parms.of(name).is_empty())
            }),
            "VehicleSearch" | "VehicleInventory" | "OpenRepairOrderLookup" | "GetClosedRepairOrders" => true,
            _ => false,
        };
        if !is_page {
            return inner;
        }
        let path = format!("/{KEY}/{operation}");
        let end = match operation {
            "CustomerSearch" => "</CustomerSearchResult>",
            "VehicleInventory" => "</Vehicle>",
            "VehicleSearch" => "</VehicleSearchResult>",
            "OpenRepairOrderLookup" => "</OpenRepairOrder>",
            _ => "</ClosedRepairOrder>",
        };
        // A page without records is none that a fault would be seen on; nor is one of the lot among customers' vehicles.
        let sign = if operation == "VehicleSearch" { "<StockStatus>C<" } else { end };
        if !inner.contains(sign) {
            return inner;
        }
        let before = self.read().last_page.get(operation).cloned();
        let inner = match before {
            Some(before) if self.faults.take_own(KEY, &path, &Fault::SamePage) => before,
            Some(_) | None => {
                self.write().last_page.insert(operation.to_owned(), inner.clone());
                inner
            }
        };
        if !self.faults.take_own(KEY, &path, &Fault::Drift) {
            return inner;
        }
        inner.replace("CompanyNumber>", "CompanyNo>").replace(end, &format!("<LoyaltyTier>GOLD</LoyaltyTier>{end}"))
    }
}

/// Checks who asks: WS-Security UsernameToken.
fn check(request: &Node) -> Result<(), Wrong> {
    let Some(token) = request.find("UsernameToken") else {
        return Err(Wrong(100, "Authentication error: The security header is missing."));
    };
    if token.of("Username") == USER && token.of("Password") == PASSWORD {
        Ok(())
    } else {
        Err(Wrong(101, "Authentication error: User name or password is not valid."))
    }
}

/// An envelope, or a SOAP fault with its code and words.
enum Reply {
    Xml(String),
    Fault(&'static str, &'static str),
}

impl From<Reply> for HttpResponse {
    fn from(reply: Reply) -> Self {
        const XML: &str = "text/xml; charset=utf-8";
        match reply {
            Reply::Xml(body) => Self::Ok().content_type(XML).body(body),
            Reply::Fault(code, said) => Self::InternalServerError().content_type(XML).body(fault(code, said)),
        }
    }
}

async fn call(simulator: Data<OpenTrack>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let Some(envelope) = std::str::from_utf8(&body).ok().and_then(Node::parse) else {
        return Reply::Fault("STAR:Invalid Structure", "The message is not well-formed XML.").into();
    };
    // IIS does not care for case.
    let direct = request.path().to_lowercase().ends_with("serviceapi.asmx");
    let place = envelope.find(if direct { "Body" } else { "content" });
    let operation = place.and_then(|place| place.children.first()).map(|asked| asked.name.as_str()).unwrap_or_default();
    let path = format!("/{KEY}/{operation}");
    let worker = simulator.clone();
    meet_operation(&simulator.faults, KEY, &path, async {
        // A large search takes its time; others are answered meanwhile.
        let work = web::block(move || if direct { worker.direct(&envelope) } else { worker.star(&envelope) });
        work.await.unwrap_or(Reply::Fault("soap:Server", "The service is stopping.")).into()
    })
    .await
}

impl Simulator for OpenTrack {
    fn key(&self) -> &'static str {
        KEY
    }

    fn routes(&self, config: &mut ServiceConfig) {
        config.app_data(Data::new(self.clone())).route("/{service}", web::post().to(call));
    }

    fn control(&self, config: &mut ServiceConfig) {
        config.app_data(Data::new(self.clone()));
        control::routes(config);
    }

    fn truth(&self) -> Json {
        let state = self.read();
        let counts = |company: &state::Company| {
            json!({
                "customer": company.customers.len(),
                "vehicle": company.vehicles_owned(),
                "inventory": company.stock.len(),
                "for_sale": company.for_sale(),
                "repair_order": company.orders.len(),
            })
        };
        let companies: serde_json::Map<String, Json> =
            state.companies.iter().map(|(number, company)| (number.clone(), counts(company))).collect();
        let total = |object: &str| -> u64 { companies.values().filter_map(|c| c.get(object)?.as_u64()).sum() };
        json!({
            "objects": {
                "customer": total("customer"),
                "vehicle": total("vehicle"),
                "inventory": total("inventory"),
                "repair_order": total("repair_order"),
            },
            "companies": companies,
            "effects": {"created": state.created, "updated": state.updated, "duplicates": state.duplicates},
        })
    }

    fn reset(&self) {
        let fresh = State::of(&self.first);
        *self.write() = fresh;
    }
}
