//! Many groups, each with words that only it knows: no other ever meets them in an answer, on a page, in a mail or in
//! what its own systems are sent, and the logs and Redis are told none at all.
//!
//! `DRIVELINE_FULL=1` runs it at the size that the goal names (R14).

use crate::rig::{Client, Rig, session_cookie};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use reqwest::Method;
use sea_orm::{ConnectionTrait, DatabaseBackend, Statement};
use serde_json::{Value as Json, json};
use simulators::sftp::{Account, serve_sftp};
use std::collections::BTreeSet;
use std::io::Write;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store::TenantScope;
use testkit::application::PASSWORD;
use testkit::{TestApp, TestRedis, TestVendors, TestWorker};
use tracing_subscriber::EnvFilter;

pub const PATIENCE: Duration = Duration::from_secs(600);

fn full() -> bool {
    std::env::var_os("DRIVELINE_FULL").is_some_and(|value| value == "1")
}

pub fn sized(short: usize, long: usize) -> usize {
    if full() { long } else { short }
}

/// Everything that is logged in this process, by server and worker alike.
#[derive(Clone, Default)]
pub struct Logs(Arc<Mutex<Vec<u8>>>);

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
    pub fn keep() -> Self {
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

    pub fn text(&self) -> String {
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
    cookie: String,
    ids: BTreeSet<String>,
}

/// A customer of a group, all of whose values are personal: e-mail, phone, first and last name, street.
pub fn customer(group: usize, n: usize) -> [String; 5] {
    let (word, number) = (word(group), group * 1_000 + n);
    [
        format!("{word}.{n}@kanari.example"),
        format!("415555{number:04}"),
        format!("Vor{word}{n}"),
        format!("Nach{word}{n}"),
        format!("{n} {word} Lane"),
    ]
}

pub fn export(group: usize, customers: usize) -> String {
    let mut csv = String::from("CustNo,Email,Mobile Phone,First Name,Last Name,Address,City,Zip\n");
    for n in 0..customers {
        csv.push_str(&format!("{n},{},Tampa,33601\n", customer(group, n).join(",")));
    }
    // One without a name, which is flagged, and a line that is none.
    csv.push_str(&format!("x{},,,,,{} Alley,Tampa,33601\nragged {},\"\n", group, word(group), word(group)));
    csv
}

/// VINs of the public record.
const VINS: [&str; 3] = ["1HGCM82633A004352", "5GZCZ43D13S812715", "1M8GDM9AXKP042788"];

/// The stock of a group: the same cars as everybody's, in its own words.
fn stock(group: usize) -> String {
    let mut csv = String::from("Stock No,VIN,Year,Make,Model,Condition,Status,Price,Description\n");
    for (n, vin) in VINS.iter().enumerate() {
        csv.push_str(&format!("{n},{vin},2003,Honda,Accord,used,in_stock,13998,Seen at {}\n", word(group)));
    }
    csv
}

async fn group<'a>(rig: &'a Rig, number: usize, customers: usize, site: &Site) -> Group<'a> {
    let (word, email) = (word(number), format!("{}@example.com", word(number)));
    let client = rig.owner(&email).await;
    let signed_in = rig.nobody().post("/sign-in", json!({"email": email, "password": PASSWORD})).await;
    let form = json!({"name": format!("Rooftop {word}"), "code": "A", "time_zone": "America/Denver"});
    client.post("/rooftops", form).await.expect(201);
    let invited = json!({"email": format!("{word}.helper@example.com"), "role": "viewer"});
    client.post("/people", invited).await.expect(201);
    let feed = client.connected("inventory_feed", site.settings(number)).await.0;
    let values = json!({"transport": "upload", "customers": "customers*.csv", "inventory": "stock*.csv"});
    let files = client.connected("files", values).await.0;
    client.upload(&files, &format!("customers_{word}.csv"), export(number, customers)).await;
    client.upload(&files, &format!("stock_{word}.csv"), stock(number)).await;
    Group { client, cookie: session_cookie(&signed_in), ids: BTreeSet::from([feed, files]) }
}

/// A listing site that all groups send their stock to, each into a folder of its own.
struct Site {
    server: simulators::sftp::SftpServer,
    home: tempfile::TempDir,
}

impl Site {
    fn open() -> Self {
        let (user, password) = ("driveline".to_owned(), Some("open sesame".to_owned()));
        let account = Account { user, password, public_key: None, read_only: false };
        let home = tempfile::tempdir().unwrap();
        let server = serve_sftp(home.path(), account, None, TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
        Self { server, home }
    }

    fn settings(&self, group: usize) -> Json {
        std::fs::create_dir(self.folder(group)).unwrap();
        let folder = self.folder(group).display().to_string();
        json!({"channel": "csv_template", "host": "127.0.0.1", "port": self.server.address.port().to_string(),
            "user": "driveline", "password": "open sesame", "folder": folder})
    }

    fn folder(&self, group: usize) -> std::path::PathBuf {
        self.home.path().join(format!("site-{group}"))
    }

    /// Everything that a group sent.
    fn sent(&self, group: usize) -> String {
        let files = std::fs::read_dir(self.folder(group)).unwrap();
        files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect()
    }
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

/// The portal's pages and forms, as its source lists them.
fn pages() -> Vec<(Method, String)> {
    let source = include_str!("../../../web/src/portal/routes.rs");
    let listed = source.split(".route(\"").skip(1).filter_map(|piece| {
        let (path, rest) = piece.split_once('"')?;
        Some((if rest.starts_with(", get()") { Method::GET } else { Method::POST }, path.to_owned()))
    });
    // The demo's mailbox is everybody's; what ends its group's part in the test is left out, and so are streams.
    let left_out = ["/mailbox", "/sign-out", "/settings/sessions", "/settings/keys/{id}/revoke", "/runs/{id}/events"];
    let pages: Vec<_> = listed
        .filter(|(method, path)| {
            *method == Method::GET && path.starts_with("/settings") || !left_out.contains(&path.as_str())
        })
        .collect();
    assert!(pages.len() > 40, "the list of pages is read from {} lines", source.lines().count());
    pages
}

/// Random visits to the portal with a session, ids of anybody in them.
async fn random_visits(rig: &Rig, groups: &[Group<'_>], visits: usize, random: &mut StdRng) {
    let ids: Vec<Vec<&String>> = groups.iter().map(|group| group.ids.iter().collect()).collect();
    let pages = pages();
    let mut shown = 0;
    for _ in 0..visits {
        let (own, strange) = (random.random_range(0..groups.len()), random.random_range(0..groups.len()));
        let (method, page) = &pages[random.random_range(0..pages.len())];
        let mut path =
            page.replace("{system}", "files").replace("{object}", "customer").replace("{code}", "incomplete");
        path = path.replace("{what:pause|resume}", "resume").replace("{what}", "merge");
        while let (Some(from), Some(to)) = (path.find('{'), path.find('}')) {
            path.replace_range(from..=to, ids[strange][random.random_range(0..ids[strange].len())]);
        }
        let ask = rig.http.request(method.clone(), format!("{}{path}", rig.base)).header("cookie", &groups[own].cookie);
        let ask = if *method == Method::GET {
            ask
        } else {
            let form = rig.http.get(format!("{}/settings/team", rig.base)).header("cookie", &groups[own].cookie);
            let form = form.send().await.unwrap().text().await.unwrap();
            let (_, rest) = form.split_once("name=\"csrf\" value=\"").unwrap_or_else(|| panic!("no form: {form}"));
            let csrf = rest.split('"').next().unwrap().to_owned();
            let some = ids[strange][random.random_range(0..ids[strange].len())].clone();
            ask.header("content-type", "application/x-www-form-urlencoded").body(format!(
                "csrf={csrf}&connection={some}&object=customer&code=incomplete&rooftop={some}&name=A&mode=full"
            ))
        };
        let answer = ask.send().await.unwrap();
        let (status, headers) = (answer.status(), format!("{:?}", answer.headers()));
        let text = format!("{headers} {}", answer.text().await.unwrap());
        assert!(status.as_u16() < 500, "{method} {path}: {text}");
        assert!(
            words_in(&text).iter().all(|word| *word == own),
            "group {own} was shown others by {method} {path}: {text}"
        );
        shown += usize::from(status.is_success() && words_in(&text).contains(&own));
    }
    eprintln!("{visits} random visits: {shown} showed words of their own, 0 foreign words, 0 errors of ours");
    assert!(shown > visits / 10, "too few pages showed anything to mean anything");
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
async fn no_group_meets_the_words_of_another_in_answers_pages_rows_mails_feeds_logs_or_redis() {
    let (logs, redis, vendors, site) = (Logs::keep(), TestRedis::start(), TestVendors::start(), Site::open());
    let watched = redis.watch();
    let rig = Rig::with_redis(&redis).await;
    let seed = std::env::var("DRIVELINE_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_123);
    eprintln!("DRIVELINE_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let worker = TestWorker::start(&rig.test);
    let mut groups = Vec::new();
    for number in 0..sized(6, 1_000) {
        groups.push(group(&rig, number, 4, &site).await);
    }
    // One of them has a CRM, which is sent its customers.
    let crm = format!("{}/hubspot", vendors.base);
    let values = json!({"base_url": crm, "authorize_url": format!("{crm}/oauth/authorize"),
        "client_id": "driveline-app", "client_secret": "driveline-app-secret", "token": "pat-na1-simulated"});
    groups[1].client.connected("hubspot", values).await;
    rig.test.test.until_count("SELECT count(*) FROM run WHERE finished_at IS NULL", 0, PATIENCE).await;
    rig.test
        .test
        .until_count("SELECT count(*) FROM job WHERE state NOT IN (3, 4) AND run_at <= now()", 0, PATIENCE)
        .await;
    for group in &mut groups {
        for list in LISTS {
            group.ids.extend(ids_in(&group.client.get(list).await.text));
        }
    }
    assert!(groups.iter().all(|group| group.ids.len() > 12), "each group has ids to be tried");

    random_calls(&rig, &groups, sized(800, 1_000_000), &mut random).await;
    random_visits(&rig, &groups, sized(300, 100_000), &mut random).await;
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

    for number in 0..groups.len() {
        let sent = site.sent(number);
        assert!(VINS.iter().all(|vin| sent.contains(vin)), "group {number} sent its stock: {sent}");
        assert_eq!(words_in(&sent), BTreeSet::from([number]), "the feed of group {number}");
    }
    let in_crm = reqwest::get(format!("{}/_sim/hubspot/objects/contacts", vendors.base)).await.unwrap();
    assert_eq!(words_in(&in_crm.text().await.unwrap()), BTreeSet::from([1]), "the CRM of group 1");
    let mails = rig.test.app.mails().mailbox().await.unwrap().expect("a mailbox");
    assert!(mails.len() >= 2 * groups.len().min(50), "{} mails were written", mails.len());
    for mail in mails {
        let words = words_in(&format!("{} {} {} {}", mail.to, mail.subject, mail.text, mail.html));
        assert_eq!(words, words_in(&mail.to), "a mail to {} tells more: {}", mail.to, mail.text);
    }
    let (logged, in_redis) = (logs.text(), watched.text());
    assert!(logged.contains("a run ended") && in_redis.contains("apalis"), "the logs and Redis were really kept");
    assert_eq!(words_in(&logged), BTreeSet::new(), "the logs tell words");
    assert_eq!(words_in(&in_redis), BTreeSet::new(), "Redis was told words");
}
