//! Many groups, each with words that only it knows: no other ever meets them, and outside their sealed rows nobody does.
//!
//! `DRIVELINE_FULL=1` runs it at the size that the goals name (R14, R19).

use crate::rig::{Client, Rig};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use reqwest::Method;
use sea_orm::{ConnectionTrait, DatabaseBackend, Statement};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store::TenantScope;
use testkit::application::PASSWORD;
use testkit::{TestApp, TestRedis, TestVendors, TestWorker};
use tracing_subscriber::EnvFilter;

const PATIENCE: Duration = Duration::from_secs(600);

fn full() -> bool {
    std::env::var_os("DRIVELINE_FULL").is_some_and(|value| value == "1")
}

fn sized(short: usize, long: usize) -> usize {
    if full() { long } else { short }
}

/// Everything that is logged in this process, by server and worker alike.
#[derive(Clone, Default)]
struct Logs(Arc<Mutex<Vec<u8>>>);

impl Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Logs {
    /// Keeps them from now on, ours in more detail than in earnest.
    fn keep() -> Self {
        let logs = Self::default();
        let filter = "info,app=debug,store=debug,queue=debug,connectors=debug,server=debug,web=debug,simulators=off";
        let writer = logs.clone();
        tracing_subscriber::fmt()
            .json()
            .with_env_filter(EnvFilter::new(filter))
            .with_writer(move || writer.clone())
            .init();
        logs
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

/// The word of a group: its number between letters that nothing else contains.
fn word(group: usize) -> String {
    format!("zqkanari{group:04}zq")
}

/// The numbers of all groups whose words a text contains.
fn words_in(text: &str) -> BTreeSet<usize> {
    let text = text.to_lowercase();
    text.match_indices("zqkanari")
        .filter_map(|(at, found)| text.get(at + found.len()..at + found.len() + 4)?.parse().ok())
        .collect()
}

/// All ids in a text.
fn ids_in(text: &str) -> BTreeSet<String> {
    let is_id = |part: &&str| part.len() == 36 && uuid(part);
    text.split(|c: char| !c.is_ascii_hexdigit() && c != '-').filter(is_id).map(ToOwned::to_owned).collect()
}

fn uuid(text: &str) -> bool {
    text.char_indices().all(|(at, c)| if matches!(at, 8 | 13 | 18 | 23) { c == '-' } else { c.is_ascii_hexdigit() })
}

struct Group<'a> {
    client: Client<'a>,
    ids: BTreeSet<String>,
}

/// A customer of a group, all of whose values are personal: e-mail, phone, first and last name, street.
fn customer(group: usize, n: usize) -> [String; 5] {
    let (word, number) = (word(group), group * 1_000 + n);
    [
        format!("{word}.{n}@kanari.example"),
        format!("415555{number:04}"),
        format!("Vor{word}{n}"),
        format!("Nach{word}{n}"),
        format!("{n} {word} Lane"),
    ]
}

fn export(group: usize, customers: usize) -> String {
    let mut csv = String::from("CustNo,Email,Mobile Phone,First Name,Last Name,Address,City,Zip\n");
    for n in 0..customers {
        csv.push_str(&format!("{n},{},Tampa,33601\n", customer(group, n).join(",")));
    }
    // One without a name, which is flagged, and a line that is none.
    csv.push_str(&format!("x{},,,,,{} Alley,Tampa,33601\nragged {},\"\n", group, word(group), word(group)));
    csv
}

async fn group(rig: &Rig, number: usize, customers: usize) -> Group<'_> {
    let client = rig.owner(&format!("{}@example.com", word(number))).await;
    let form = json!({"name": format!("Rooftop {}", word(number)), "code": "A", "time_zone": "America/Denver"});
    client.post("/rooftops", form).await.expect(201);
    let (id, _) = client.connected("files", json!({"transport": "upload", "customers": "customers*.csv"})).await;
    client.upload(&id, &format!("customers_{}.csv", word(number)), export(number, customers)).await;
    Group { client, ids: BTreeSet::from([id]) }
}

const LISTS: [&str; 12] = [
    "/rooftops",
    "/connections",
    "/runs",
    "/records?object=customer&limit=200",
    "/failures",
    "/failures/causes",
    "/candidates",
    "/people",
    "/audit?limit=200",
    "/overview",
    "/me",
    "/connectors",
];

/// One random call: any route, ids of anybody, a body that may fit.
fn call<'a>(
    random: &mut StdRng,
    routes: &'a [(Method, String)],
    ids: &[Vec<String>],
    own: usize,
) -> (&'a Method, String, Json) {
    let (method, route) = &routes[random.random_range(0..routes.len())];
    let whose = if random.random_bool(0.3) { own } else { random.random_range(0..ids.len()) };
    let id = |random: &mut StdRng| ids[whose][random.random_range(0..ids[whose].len())].clone();
    let mut path = route.replace("{object}", "customer").replace("{key}", "files").replace("{name}", "customers_9.csv");
    while path.contains("{id}") {
        path = path.replacen("{id}", &id(random), 1);
    }
    if method == Method::GET {
        path.push_str(match random.random_range(0..4) {
            0 => "?limit=200",
            1 => "?object=customer",
            2 => "?q=zqkanari",
            _ => "",
        });
    }
    let (one, two) = (id(random), id(random));
    let word = word(random.random_range(0..ids.len()));
    let body = match random.random_range(0..7) {
        0 => json!({"connection": one, "code": "incomplete"}),
        1 => json!({"mode": "full"}),
        2 => json!({"decision": "merge"}),
        3 => {
            json!({"connector": "files", "name": word, "rooftop": one, "values": {"transport": "upload", "customers": "c*.csv"}})
        }
        4 => json!({"name": word, "rooftop": one, "connection": two}),
        5 => json!({"version": 0, "overrides": []}),
        _ => json!({}),
    };
    (method, path, body)
}

fn routes() -> Vec<(Method, String)> {
    let document: Json = serde_json::from_str(include_str!("../../openapi.json")).unwrap();
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let Some(path) = path.strip_prefix("/api/v1") else { continue };
        for method in methods.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            // A key that deletes itself would end its group's part in the test; the streams end with their runs only.
            let ends_its_part = path.starts_with("/api-keys") && method == Method::DELETE;
            if !ends_its_part && !path.ends_with("/events") {
                routes.push((method, path.to_owned()));
            }
        }
    }
    routes
}

async fn random_calls(rig: &Rig, groups: &[Group<'_>], calls: usize, random: &mut StdRng) {
    let ids: Vec<Vec<String>> = groups.iter().map(|group| group.ids.iter().cloned().collect()).collect();
    let routes = routes();
    let (mut found, mut refused) = (0, 0);
    for _ in 0..calls {
        let own = random.random_range(0..groups.len());
        let (method, path, body) = call(random, &routes, &ids, own);
        let ask = groups[own].client.ask(method.clone(), &path);
        let answer = groups[own].client.send(if method == Method::GET { ask } else { ask.json(&body) }).await;
        let status = answer.status.as_u16();
        assert!(status < 500, "{method} {path} {body}: {}", answer.text);
        let sent: BTreeSet<usize> = words_in(&format!("{path} {body}"));
        let strange: Vec<usize> =
            words_in(&answer.text).into_iter().filter(|word| *word != own && !sent.contains(word)).collect();
        assert!(strange.is_empty(), "group {own} was told of {strange:?} by {method} {path} {body}: {}", answer.text);
        if status < 300 { found += 1 } else { refused += 1 }
    }
    eprintln!(
        "{calls} random calls: {found} answered, {refused} refused, 0 foreign words, 0 errors of ours; {}",
        rig.base
    );
    assert!(found > calls / 20, "too few calls fit to mean anything");
}

/// A statement as the application role might be made to run it: any table, no thought of tenants.
fn statement(random: &mut StdRng, tables: &[String], stranger: &str) -> String {
    let table = |random: &mut StdRng| tables[random.random_range(0..tables.len())].clone();
    let (t, u) = (table(random), table(random));
    match random.random_range(0..11) {
        0 => format!("SELECT t::text AS row FROM {t} t"),
        1 => format!("SELECT t::text AS row FROM {t} t WHERE tenant_id = '{stranger}' OR true"),
        2 => format!("SELECT (SELECT string_agg(u::text, ' ') FROM {u} u) AS row FROM {t} t LIMIT 3"),
        3 => format!("SELECT a::text || b::text AS row FROM {t} a CROSS JOIN {u} b LIMIT 200"),
        4 => format!(
            "WITH x AS MATERIALIZED (SELECT * FROM {t}) SELECT x::text AS row FROM x UNION ALL SELECT u::text FROM {u} u"
        ),
        5 => format!("UPDATE {t} SET tenant_id = tenant_id WHERE true RETURNING {t}::text AS row"),
        6 => format!("UPDATE {t} SET tenant_id = '{stranger}' RETURNING {t}::text AS row"),
        7 => format!("DELETE FROM {t} WHERE tenant_id = '{stranger}' RETURNING {t}::text AS row"),
        8 => format!("SELECT t::text AS row FROM {t} t TABLESAMPLE SYSTEM (100)"),
        9 => format!(
            "SELECT t::text AS row FROM {t} t WHERE NOT EXISTS (SELECT FROM {u} u WHERE u.tenant_id <> t.tenant_id)"
        ),
        _ => format!("SELECT query_to_xml('SELECT * FROM {t}', true, false, '')::text AS row"),
    }
}

async fn random_statements(test: &TestApp, tenants: &[(String, TenantScope)], statements: usize, random: &mut StdRng) {
    let tables: Vec<String> = test
        .test
        .rows(
            "SELECT c.relname::text AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
             WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')",
        )
        .await
        .iter()
        .map(|row| row.try_get("", "name").unwrap())
        .collect();
    let (mut rows_seen, mut refused) = (0, 0);
    for _ in 0..statements {
        let (own, strange) = (random.random_range(0..tenants.len()), random.random_range(0..tenants.len()));
        let sql = statement(random, &tables, &tenants[strange].0);
        let tx = test.test.db.tenant(&tenants[own].1).await.unwrap();
        match tx.orm().query_all_raw(Statement::from_string(DatabaseBackend::Postgres, &sql)).await {
            Ok(rows) => {
                for row in rows {
                    let text = row.try_get::<Option<String>>("", "row").unwrap().unwrap_or_default();
                    let others: Vec<_> =
                        tenants.iter().filter(|(id, _)| *id != tenants[own].0 && text.contains(id.as_str())).collect();
                    assert!(others.is_empty() || own == strange, "{sql} told {}: {text}", tenants[own].0);
                    assert!(words_in(&text).iter().all(|word| *word == own), "{sql} told {}: {text}", tenants[own].0);
                    rows_seen += 1;
                }
            }
            // Not permitted, or against a constraint: nothing was told.
            Err(_) => refused += 1,
        }
        drop(tx);
    }
    eprintln!("{statements} random statements: {rows_seen} rows of their own, {refused} refused, 0 foreign rows");
    assert!(rows_seen > statements, "too few rows came to mean anything");
}

#[actix_web::test]
async fn no_group_meets_the_words_of_another_in_answers_rows_logs_or_redis() {
    let (logs, redis) = (Logs::keep(), TestRedis::start());
    let watched = redis.watch();
    let rig = Rig::with_redis(&redis).await;
    let seed = std::env::var("DRIVELINE_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_123);
    eprintln!("DRIVELINE_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let worker = TestWorker::start(&rig.test);
    let mut groups = Vec::new();
    for number in 0..sized(6, 1_000) {
        groups.push(group(&rig, number, 4).await);
    }
    rig.test.test.until_count("SELECT count(*) FROM run WHERE finished_at IS NULL", 0, PATIENCE).await;
    for group in &mut groups {
        for list in LISTS {
            group.ids.extend(ids_in(&group.client.get(list).await.text));
        }
    }
    assert!(groups.iter().all(|group| group.ids.len() > 12), "each group has ids to be tried");

    random_calls(&rig, &groups, sized(800, 1_000_000), &mut random).await;
    let rows = rig.test.test.rows("SELECT id::text AS id, name FROM tenant").await;
    let mut tenants: Vec<(usize, (String, TenantScope))> = rows
        .iter()
        .map(|row| {
            let (id, name): (String, String) = (row.try_get("", "id").unwrap(), row.try_get("", "name").unwrap());
            let number = *words_in(&name).iter().next().expect("the group's word");
            (number, (id.clone(), TenantScope::driveline(domain::TenantId(id.parse().unwrap()))))
        })
        .collect();
    tenants.sort_by_key(|(number, _)| *number);
    let tenants: Vec<_> = tenants.into_iter().map(|(_, tenant)| tenant).collect();
    random_statements(&rig.test, &tenants, sized(600, 1_000_000), &mut random).await;
    worker.stop().await;

    let (logged, in_redis) = (logs.text(), watched.text());
    assert!(logged.contains("a run ended") && in_redis.contains("apalis"), "the logs and Redis were really kept");
    assert_eq!(words_in(&logged), BTreeSet::new(), "the logs tell words");
    assert_eq!(words_in(&in_redis), BTreeSet::new(), "Redis was told words");
}

#[actix_web::test]
async fn no_secret_and_no_personal_value_lies_in_clear_in_the_database_redis_or_the_logs() {
    let (logs, redis, vendors) = (Logs::keep(), TestRedis::start(), TestVendors::start());
    let watched = redis.watch();
    let rig = Rig::with_redis(&redis).await;
    let ann = rig.owner_of("zqkanari0001zq@example.com", "Bayside").await;
    let worker = TestWorker::start(&rig.test);
    let customers = sized(200, 2_000);
    let secret = "unmistakable-client-secret";
    let base_url = format!("{}/hubspot", vendors.base);
    let values = json!({"base_url": base_url, "authorize_url": format!("{base_url}/oauth/authorize"),
        "client_id": "driveline-app", "client_secret": secret, "token": "pat-na1-simulated"});
    let (_, crm) = ann.connected("hubspot", values).await;
    let (id, _) = ann.connected("files", json!({"transport": "upload", "customers": "customers*.csv"})).await;
    ann.upload(&id, "customers_1.csv", export(1, customers)).await;
    rig.test.test.until_count("SELECT count(*) FROM run WHERE finished_at IS NULL", 0, PATIENCE).await;
    let due = "SELECT count(*) FROM target WHERE state = 1";
    rig.test.test.until_count(due, 0, PATIENCE).await;
    for n in 0..20 {
        let [email, phone, _, last, _] = customer(1, n);
        for asked in [email, phone, last] {
            ann.get(&format!("/records/search?q={asked}")).await.expect(200);
        }
    }
    // What goes wrong must not tell them either.
    rig.nobody()
        .post("/sign-in", json!({"email": "zqkanari0001zq@example.com", "password": "wrong but long enough"}))
        .await;
    worker.stop().await;

    let mut known: Vec<String> = (0..customers).flat_map(|n| customer(1, n)).collect();
    let hook = crm["ingress_url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let key = ann.key().to_owned();
    let key_secret = key.rsplit('_').next().unwrap().to_owned();
    known.extend(
        [PASSWORD, "wrong but long enough", secret, "pat-na1-simulated", "AQEBAQEBAQEBAQEBAQEB"].map(ToOwned::to_owned),
    );
    known.extend([hook, key, key_secret, "zqkanari0001zq@example.com".to_owned()]);
    let dump = rig.test.test.dump().await;
    let places = [("the database", dump), ("Redis", watched.text()), ("the logs", logs.text())];
    for (place, text) in &places {
        let text = text.to_lowercase();
        let clear: Vec<&String> = known
            .iter()
            .filter(|value| {
                let value = value.to_lowercase();
                text.contains(&value) || text.contains(&hex::encode(&value))
            })
            .collect();
        assert!(clear.is_empty(), "{place} tells {} values in clear: {:?}", clear.len(), &clear[..clear.len().min(5)]);
        eprintln!("{} known values in {} bytes of {place}: 0 in clear", known.len(), text.len());
    }
}
