//! The inventory on the web beyond the suite: what is shown, Google's file, the delivery, how fast a sold car is gone.

use crate::bench::{self, Bench, feed_row, outgoing};
use async_trait::async_trait;
use connectors::inventory_feed::{GOOGLE_HEADER, InventoryFeed};
use connectors::{Access, Connector, ConnectorError, FeedContext, FeedRow, Outcome, PushMode};
use domain::vin::Vin;
use domain::{Field, ObjectKind, Record, Value};
use reqwest::Method;
use serde_json::{Value as Json, json};
use simulators::Simulator;
use simulators::faults::Faults;
use simulators::inventory_feed::google::check_file;
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;
use testkit::Sshd;

pub struct Fixture;

/// VINs of the public record, with right check digits.
const VINS: [&str; 3] = ["1HGCM82633A004352", "5GZCZ43D13S812715", "1M8GDM9AXKP042788"];

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn vehicle(vin: &str, stock_number: &str) -> Record {
    Record::new(ObjectKind::Inventory)
        .with(Field::STOCK_VIN, Value::Vin(Vin::parse(vin).unwrap()))
        .with_text(Field::STOCK_NUMBER, stock_number)
        .with_text(Field::STOCK_STATUS, "in_stock")
        .with_text(Field::STOCK_CONDITION, "used")
        .with(Field::STOCK_YEAR, Value::Int(2003))
        .with_text(Field::STOCK_MAKE, "Honda")
        .with_text(Field::STOCK_MODEL, "Accord")
        .with_text(Field::STOCK_TRIM, "EX \"V6\", Leather")
        .with(Field::STOCK_ODOMETER, Value::Int(98_500))
        .with(Field::STOCK_PRICE, Value::Money("13998".parse().unwrap()))
        .with(Field::STOCK_PHOTOS, Value::Json(json!(["https://x.example/1.jpg", "https://x.example/2.jpg"])))
}

#[async_trait]
impl bench::Fixture for Fixture {
    fn connector(&self) -> &'static dyn Connector {
        &InventoryFeed
    }

    fn simulator(&self, _faults: &Faults) -> Arc<dyn Simulator> {
        Arc::new(simulators::inventory_feed::Website::new())
    }

    fn settings(&self, base_url: &str) -> BTreeMap<String, String> {
        map(&[("base_url", base_url), ("vehicle_key", "stock_number")])
    }

    fn good(&self) -> BTreeMap<String, String> {
        map(&[("api_key", simulators::inventory_feed::API_KEY)])
    }

    fn bad(&self) -> BTreeMap<String, String> {
        map(&[("api_key", "site-key-wrong")])
    }

    fn writes(&self) -> Option<ObjectKind> {
        Some(ObjectKind::Inventory)
    }

    fn write_path(&self) -> &'static str {
        "/vehicles/"
    }

    fn record(&self, n: usize) -> Record {
        vehicle(VINS[n % VINS.len()], &format!("P{n}"))
    }
}

fn context() -> FeedContext {
    FeedContext {
        store_code: "BF".to_owned(),
        dealership_name: "Bayside Ford".to_owned(),
        dealership_address: "4815 N Dale Mabry Hwy, Tampa, FL 33614".to_owned(),
    }
}

fn row(record: Record) -> FeedRow {
    feed_row(record, context())
}

fn set(record: Record, field: Field, text: &str) -> Record {
    record.with_text(field, text)
}

#[tokio::test]
async fn a_vehicle_that_is_not_for_sale_leaves_the_website_at_once() {
    let bench = Bench::start(Fixture).await;
    for status in ["sold", "removed", "on_hold"] {
        let mut out = outgoing(vehicle(VINS[0], "P1"));
        bench.push(&bench.access(), std::slice::from_ref(&out)).await.unwrap();
        assert_eq!(bench.count("/objects/inventory"), 1);
        out.record.set(Field::STOCK_STATUS, Value::Text(status.to_owned()));
        out.idempotency_key = format!("{}:{status}", out.golden);

        let told = chrono::Utc::now();
        let pushed = bench.push(&bench.access(), &[out]).await.unwrap();

        assert!(matches!(pushed[0].outcome, Outcome::Withdrawn), "{status}: {pushed:?}");
        let moments = bench.control(Method::GET, "moments", &json!(null)).await;
        let vanished = &serde_json::from_str::<Json>(&moments).unwrap()["P1"]["vanished"];
        let vanished: chrono::DateTime<chrono::Utc> = vanished.as_str().unwrap().parse().unwrap();
        assert!((vanished - told).num_seconds() < 5, "{status}: gone only at {vanished}");
    }
}

#[tokio::test]
async fn an_unpublished_vehicle_is_not_put_on_the_website() {
    let bench = Bench::start(Fixture).await;
    let hidden = vehicle(VINS[0], "P1").with(Field::STOCK_PUBLISH, Value::Flag(false));
    let pushed = bench.push(&bench.access(), &[outgoing(hidden)]).await.unwrap();
    assert!(matches!(pushed[0].outcome, Outcome::Withdrawn), "{pushed:?}");
    assert_eq!(bench.count("/objects/inventory"), 0);
}

#[tokio::test]
async fn a_corrected_key_moves_the_vehicle_and_leaves_no_second_page() {
    let bench = Bench::start(Fixture).await;
    let mut out = outgoing(vehicle(VINS[0], "P1"));
    bench.push(&bench.access(), std::slice::from_ref(&out)).await.unwrap();
    out.external_id = Some("P1".to_owned());
    out.record = vehicle(VINS[0], "P1A");
    out.idempotency_key = format!("{}:2", out.golden);

    bench.push(&bench.access(), &[out]).await.unwrap();

    assert_eq!(bench.truth()["vehicles"], json!(["P1A"]));
}

#[tokio::test]
async fn what_may_not_be_created_is_absent() {
    let bench = Bench::start(Fixture).await;
    let mut out = outgoing(vehicle(VINS[0], "P1"));
    out.may_create = false;
    let pushed = bench.push(&bench.access(), &[out]).await.unwrap();
    assert!(matches!(pushed[0].outcome, Outcome::Absent), "{pushed:?}");
}

#[tokio::test]
async fn the_channel_decides_how_vehicles_are_written() {
    let bench = Bench::start(Fixture).await;
    let mut access = bench.access();
    for (channel, mode) in [
        ("json_api", PushMode::CreateAndUpdate),
        ("google", PushMode::Feed),
        ("csv_template", PushMode::Feed),
        ("fax", PushMode::None),
    ] {
        access.settings.insert("channel".to_owned(), channel.to_owned());
        assert_eq!(bench.connector().push_mode(&access.settings, ObjectKind::Inventory), mode, "{channel}");
    }
}

/// An `Access` whose files land at a private SFTP server.
fn file_access(bench: &Bench, sshd: &Sshd, channel: &str) -> Access {
    let mut access = bench.access_with(map(&[("private_key", &sshd.private_key())]));
    access.settings.extend(map(&[
        ("channel", channel),
        ("host", "127.0.0.1"),
        ("port", &sshd.port.to_string()),
        ("user", &sshd.user()),
        ("folder", &sshd.files().display().to_string()),
        ("host_key", &sshd.fingerprint()),
        ("file_name", "vehicles.csv"),
    ]));
    access
}

fn unzipped(sshd: &Sshd) -> Vec<u8> {
    let file = std::fs::File::open(sshd.files().join("vehicles.zip")).unwrap();
    let mut zip = zip::ZipArchive::new(file).unwrap();
    let mut csv = Vec::new();
    zip.by_name("vehicles.csv").unwrap().read_to_end(&mut csv).unwrap();
    csv
}

#[tokio::test]
async fn googles_file_passes_googles_checks_and_says_why_a_vehicle_is_not_in_it() {
    let sshd = Sshd::start();
    let bench = Bench::start(Fixture).await;
    let access = file_access(&bench, &sshd, "google");
    assert!(bench.connector().verify(&access).await.is_good());
    let good = || vehicle(VINS[0], "P1");
    let without = |field: Field| {
        let mut record = vehicle(VINS[1], "P9");
        record.remove(field);
        record
    };
    let old =
        Record::new(ObjectKind::Inventory).with(Field::STOCK_VIN, Value::Vin(Vin::parse("136370L123456").unwrap()));
    let old = good().fields().filter(|(f, _)| *f != Field::STOCK_VIN).fold(old, |old, (f, v)| old.with(f, v.clone()));
    let old = old.with(Field::STOCK_YEAR, Value::Int(1970));
    let new = set(without(Field::STOCK_ODOMETER), Field::STOCK_CONDITION, "new");
    let mut no_store = row(vehicle(VINS[2], "P8"));
    no_store.context.store_code = String::new();
    let left_out = [
        (row(vehicle("1HGCM82633A004353", "P2")), "check digit"),
        (row(without(Field::STOCK_PRICE)), "price"),
        (row(without(Field::STOCK_TRIM)), "trim"),
        (row(without(Field::STOCK_ODOMETER)), "mileage"),
        (row(without(Field::STOCK_VIN)), "VIN"),
        (no_store, "store code"),
        (row(vehicle(VINS[0], "P3")), "same VIN"),
    ];
    let mut rows = vec![row(good()), row(old), row(new)];
    for status in ["sold", "removed", "on_hold"] {
        rows.push(row(set(vehicle(VINS[2], "P7"), Field::STOCK_STATUS, status)));
    }
    rows.push(row(vehicle(VINS[2], "P6").with(Field::STOCK_PUBLISH, Value::Flag(false))));
    rows.extend(left_out.iter().map(|(row, _)| row.clone()));
    let feed = bench.connector().feed(ObjectKind::Inventory).unwrap();

    let published = feed.publish(&access, &rows).await.unwrap();

    assert_eq!(published.rows, 3);
    assert_eq!(published.left_out.len(), left_out.len(), "{:?}", published.left_out);
    for (row, about) in &left_out {
        let why = published.left_out.iter().find(|left| left.golden == row.golden).expect("it is named");
        assert!(why.why.contains(about) && !why.fix.is_empty(), "{about}: {why:?}");
    }
    let csv = unzipped(&sshd);
    let text = String::from_utf8(csv.clone()).unwrap();
    assert!(text.starts_with(&format!("{}\r\n", GOOGLE_HEADER.join(","))), "{text}");
    let rows = check_file(&csv).unwrap();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[0]["price"], "13998 USD");
    assert_eq!(rows[0]["trim"], "EX \"V6\", Leather");
    assert_eq!(rows[0]["additional_image_link"], "https://x.example/2.jpg");
    assert_eq!(rows[2]["mileage"], "");
}

#[tokio::test]
async fn each_file_replaces_the_one_before_and_leaves_nothing_half_written() {
    let sshd = Sshd::start();
    let bench = Bench::start(Fixture).await;
    let mut access = file_access(&bench, &sshd, "csv_template");
    access.settings.insert("columns".to_owned(), "Stock = {stock_number}\nPrice = {price}".to_owned());
    let feed = bench.connector().feed(ObjectKind::Inventory).unwrap();
    let (one, two) = (vehicle(VINS[0], "P1"), vehicle(VINS[1], "P2"));

    feed.publish(&access, &[row(one.clone()), row(two.clone())]).await.unwrap();
    let sold = set(two, Field::STOCK_STATUS, "sold");
    let published = feed.publish(&access, &[row(one), row(sold)]).await.unwrap();

    let names: Vec<_> = std::fs::read_dir(sshd.files()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["vehicles.csv"]);
    let content = std::fs::read_to_string(sshd.files().join("vehicles.csv")).unwrap();
    assert_eq!(content, "Stock,Price\r\nP1,13998\r\n");
    assert_eq!((published.rows, published.size_bytes), (1, content.len()));
}

#[tokio::test]
async fn a_server_with_another_key_is_given_nothing() {
    let sshd = Sshd::start();
    let bench = Bench::start(Fixture).await;
    let mut access = file_access(&bench, &sshd, "google");
    access.settings.insert("host_key".to_owned(), "SHA256:somebodyelseskey".to_owned());
    let feed = bench.connector().feed(ObjectKind::Inventory).unwrap();

    let error = feed.publish(&access, &[row(vehicle(VINS[0], "P1"))]).await.expect_err("the key is another");

    assert!(matches!(error, ConnectorError::Misconfigured { setting: "host_key", .. }), "{error:?}");
    assert_eq!(std::fs::read_dir(sshd.files()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_reader_never_finds_the_file_missing_while_it_is_replaced() {
    let sshd = Sshd::start();
    let bench = Bench::start(Fixture).await;
    let access = file_access(&bench, &sshd, "csv_template");
    let feed = bench.connector().feed(ObjectKind::Inventory).unwrap();
    let rows = [row(vehicle(VINS[0], "P1"))];
    feed.publish(&access, &rows).await.unwrap();
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (for_reader, path) = (Arc::clone(&stop), sshd.files().join("vehicles.csv"));
    let reader = std::thread::spawn(move || {
        let mut missing = 0;
        while !for_reader.load(std::sync::atomic::Ordering::Relaxed) {
            missing += usize::from(!path.exists());
        }
        missing
    });

    for _ in 0..10 {
        feed.publish(&access, &rows).await.unwrap();
    }

    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(reader.join().unwrap(), 0);
}
