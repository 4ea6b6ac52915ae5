//! What a test or the demo does to the DMS from outside: people change their minds, vehicles are sold, access is revoked.

use super::OpenTrack;
use super::customer::Customer;
use super::state::{Grant, State};
use crate::population::{Population, PopulationSize, RepairOrder, StockStatus, bayside};
use actix_web::HttpResponse;
use actix_web::web::{self, Data, Json, Path, ServiceConfig};
use chrono::Utc;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;

/// Below `/_sim/opentrack`.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/load", web::post().to(load))
        .route("/access", web::post().to(access))
        .route("/customers", web::post().to(add_customer))
        .route("/customers/{number}", web::get().to(show_customer))
        .route("/customers/{number}", web::post().to(change_customer))
        .route("/customers/{number}", web::delete().to(delete_customer))
        .route("/inventory/{stock_number}/sell", web::post().to(sell))
        .route("/inventory/{stock_number}", web::delete().to(delete_stock))
        .route("/repair_orders", web::post().to(add_order))
        .route("/repair_orders/{number}/close", web::post().to(close_order));
}

/// A DMS of another size.
#[derive(Deserialize)]
struct Load {
    /// Customers over all companies.
    customers: usize,
    /// The demo group's people where none is given.
    seed: Option<u64>,
    /// Companies; the demo group's three where none is given.
    rooftops: Option<usize>,
}

async fn load(simulator: Data<OpenTrack>, load: Json<Load>) -> HttpResponse {
    let load = load.into_inner();
    let made = tokio::task::spawn_blocking(move || {
        let population = match (load.seed, load.rooftops) {
            (None, None) => bayside(load.customers),
            (seed, rooftops) => Population::generate(
                seed.unwrap_or(1),
                PopulationSize { customers: load.customers, rooftops: rooftops.unwrap_or(3) },
            ),
        };
        State::of(&population)
    });
    match made.await {
        Ok(state) => {
            *simulator.write() = state;
            HttpResponse::Ok().json(crate::Simulator::truth(simulator.get_ref()))
        }
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

/// What the dealer grants from now on.
#[derive(Deserialize)]
struct Access {
    grant: Grant,
}

async fn access(simulator: Data<OpenTrack>, access: Json<Access>) -> HttpResponse {
    simulator.write().grant = access.grant;
    HttpResponse::NoContent().finish()
}

/// Fields by their names in CustomerLookup, and the company where it is not the first.
#[derive(Deserialize)]
struct Fields {
    company: Option<String>,
    #[serde(flatten)]
    fields: BTreeMap<String, String>,
}

async fn add_customer(simulator: Data<OpenTrack>, told: Json<Fields>) -> HttpResponse {
    let mut state = simulator.write();
    let number = state.next_customer;
    let mut customer = Customer::new(number, Utc::now());
    for flag in ["AllowContactByPostal", "AllowContactByPhone", "AllowContactByEmail"] {
        customer.set(flag, "Y");
    }
    if let Some(unknown) = told.fields.iter().find(|(name, text)| !customer.set(name, text)) {
        return HttpResponse::BadRequest().body(format!("there is no field {}", unknown.0));
    }
    let company = match &told.company {
        Some(company) => state.companies.get_mut(company),
        None => state.companies.values_mut().next(),
    };
    let Some(company) = company else { return HttpResponse::NotFound().finish() };
    company.put_customer(customer);
    state.next_customer += 1;
    HttpResponse::Created().json(json!({"number": number.to_string()}))
}

async fn show_customer(simulator: Data<OpenTrack>, number: Path<u64>) -> HttpResponse {
    let state = simulator.read();
    match state.companies.values().find_map(|company| company.customers.get(&number)) {
        Some(customer) => {
            let fields = [
                "FirstName",
                "LastName",
                "Email1",
                "CellPhone",
                "PhoneNumber",
                "Address1",
                "City",
                "ZipCode",
                "AllowContactByEmail",
                "AllowContactByPhone",
                "AllowContactByPostal",
            ];
            let shown: serde_json::Map<_, _> =
                fields.iter().map(|name| ((*name).to_owned(), customer.get(name).into())).collect();
            HttpResponse::Ok().json(shown)
        }
        None => HttpResponse::NotFound().finish(),
    }
}

async fn change_customer(simulator: Data<OpenTrack>, number: Path<u64>, told: Json<Fields>) -> HttpResponse {
    let mut state = simulator.write();
    let Some(company) = state.companies.values_mut().find(|company| company.customers.contains_key(&number)) else {
        return HttpResponse::NotFound().finish();
    };
    let Some(mut customer) = company.take_customer(*number) else { return HttpResponse::NotFound().finish() };
    let known = told.fields.iter().all(|(name, text)| customer.set(name, text));
    customer.updated = Utc::now();
    company.put_customer(customer);
    if known { HttpResponse::NoContent().finish() } else { HttpResponse::BadRequest().body("there is no such field") }
}

async fn delete_customer(simulator: Data<OpenTrack>, number: Path<u64>) -> HttpResponse {
    let gone = simulator.write().companies.values_mut().any(|company| company.take_customer(*number).is_some());
    if gone { HttpResponse::NoContent().finish() } else { HttpResponse::NotFound().finish() }
}

async fn sell(simulator: Data<OpenTrack>, stock_number: Path<String>) -> HttpResponse {
    let mut state = simulator.write();
    let found = state.companies.values_mut().find_map(|company| company.stock.get_mut(stock_number.as_str()));
    match found {
        Some(vehicle) => {
            vehicle.status = StockStatus::Sold;
            vehicle.sold_on = Some(Utc::now().date_naive());
            HttpResponse::NoContent().finish()
        }
        None => HttpResponse::NotFound().finish(),
    }
}

async fn delete_stock(simulator: Data<OpenTrack>, stock_number: Path<String>) -> HttpResponse {
    let gone =
        simulator.write().companies.values_mut().any(|company| company.stock.remove(stock_number.as_str()).is_some());
    if gone { HttpResponse::NoContent().finish() } else { HttpResponse::NotFound().finish() }
}

/// A visit to the workshop.
#[derive(Deserialize)]
struct Visit {
    customer_number: u64,
    vin: String,
    #[serde(default)]
    odometer: u32,
}

async fn add_order(simulator: Data<OpenTrack>, visit: Json<Visit>) -> HttpResponse {
    let mut state = simulator.write();
    let number = state.next_order;
    let Some(company) =
        state.companies.values_mut().find(|company| company.customers.contains_key(&visit.customer_number))
    else {
        return HttpResponse::NotFound().finish();
    };
    let today = Utc::now().date_naive();
    company.orders.insert(
        number,
        RepairOrder {
            number: number.to_string(),
            customer: 0,
            customer_number: visit.customer_number.to_string(),
            vin: visit.vin.clone(),
            rooftop: 0,
            opened_on: today,
            closed_on: None,
            odometer_in: visit.odometer,
            advisor: "201".to_owned(),
            lines: Vec::new(),
        },
    );
    for vehicle in company.vehicles.iter_mut().filter(|vehicle| vehicle.vin.trim() == visit.vin) {
        vehicle.last_service = Some(today);
    }
    state.next_order += 1;
    HttpResponse::Created().json(json!({"number": number.to_string()}))
}

async fn close_order(simulator: Data<OpenTrack>, number: Path<u64>) -> HttpResponse {
    let mut state = simulator.write();
    match state.companies.values_mut().find_map(|company| company.orders.get_mut(&number)) {
        Some(order) => {
            order.closed_on = Some(Utc::now().date_naive());
            HttpResponse::NoContent().finish()
        }
        None => HttpResponse::NotFound().finish(),
    }
}
