//! HubSpot beyond the suite: OAuth, changes, conflicts of addresses, links, signatures, limits.

use crate::bench::{self, Bench};
use async_trait::async_trait;
use connectors::Connector;
use connectors::hubspot::HubSpot;
use domain::{Field, ObjectKind, Record};
use serde_json::json;
use simulators::Simulator;
use simulators::faults::Faults;
use simulators::hubspot::Limits;
use std::collections::BTreeMap;
use std::sync::Arc;

pub struct Fixture;

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn person(n: usize) -> Record {
    Record::new(ObjectKind::Customer)
        .with_text(Field::FIRST_NAME, "Ann")
        .with_text(Field::LAST_NAME, &format!("Lee{n}"))
        .with_text(Field::EMAIL, &format!("ann{n}@example.com"))
        .with_text(Field::PHONE_MOBILE, &format!("+1415555{n:04}"))
}

#[async_trait]
impl bench::Fixture for Fixture {
    fn connector(&self) -> &'static dyn Connector {
        &HubSpot
    }

    fn simulator(&self, faults: &Faults) -> Arc<dyn Simulator> {
        let simulator = simulators::hubspot::HubSpot::new(faults);
        simulator.limit(Limits { calls: 0, ..Limits::default() });
        Arc::new(simulator)
    }

    fn settings(&self, base_url: &str) -> BTreeMap<String, String> {
        map(&[
            ("base_url", base_url),
            ("authorize_url", &format!("{base_url}/oauth/authorize")),
            ("client_id", "driveline-app"),
        ])
    }

    fn good(&self) -> BTreeMap<String, String> {
        map(&[("token", "pat-na1-simulated")])
    }

    fn bad(&self) -> BTreeMap<String, String> {
        map(&[("token", "pat-na1-wrong")])
    }

    fn reads(&self) -> Vec<ObjectKind> {
        vec![ObjectKind::Customer, ObjectKind::Deal]
    }

    async fn seed(&self, bench: &Bench, object: ObjectKind) -> Vec<String> {
        let (kind, property) = match object {
            ObjectKind::Deal => ("deals", "dealname"),
            _ => ("contacts", "lastname"),
        };
        let lines: Vec<String> =
            (0..250).map(|n| json!({"properties": {property: format!("Lee{n}")}}).to_string()).collect();
        bench.control_text(&format!("objects/{kind}/bulk"), lines.join("\n")).await;
        ids(bench, kind).await
    }

    fn read_path(&self, _object: ObjectKind) -> &'static str {
        "/objects/"
    }

    fn writes(&self) -> Option<ObjectKind> {
        Some(ObjectKind::Customer)
    }

    fn write_path(&self) -> &'static str {
        "/batch/upsert"
    }

    fn record(&self, n: usize) -> Record {
        person(n)
    }

    fn drifted(&self) -> &'static [&'static str] {
        &["modifiedAt", "loyaltyTier"]
    }
}

async fn ids(bench: &Bench, kind: &str) -> Vec<String> {
    let lines = bench.control(reqwest::Method::GET, &format!("objects/{kind}"), &json!(null)).await;
    let id = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].as_str().unwrap().to_owned();
    lines.lines().map(id).collect()
}
