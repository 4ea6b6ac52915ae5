//! Two systems in memory: a DMS that is read and a CRM that is read and written. Each counts what is done to it.

use app::engine::{Engine, EngineHandler};
use app::{App, AppConfig, Clock};
use async_trait::async_trait;
use connectors::*;
use domain::mapping::Mapping;
use domain::permission::Role;
use domain::{ConnectionId, Field, ObjectKind, RooftopId, SystemRole, Value};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use store::{Db, TenantScope};
use testkit::{BareAccess, TestDb};

/// A system in memory.
pub struct System {
    about: About,
    pub records: Mutex<BTreeMap<(ObjectKind, String), Json>>,
    /// Idempotency key → how often it had an effect.
    pub effects: Mutex<BTreeMap<String, usize>>,
    pub creates: AtomicUsize,
    pub updates: AtomicUsize,
    pub down: AtomicBool,
    /// Answers of writes are lost after their effect.
    pub deaf: AtomicBool,
    pub page_size: AtomicUsize,
    /// Writes that came once more under their key, and did nothing.
    pub repeats: AtomicUsize,
    /// What was published last.
    pub feed: Mutex<Vec<Json>>,
}

const QUOTA: Quota = Quota { calls: 1_000, window_ms: 1_000 };

const fn about(key: &'static str, role: SystemRole) -> About {
    About {
        key,
        name: key,
        role,
        summary: "",
        demands: "",
        capabilities: &[],
        quota: QUOTA,
        cents_per_call: None,
        form: &[],
    }
}

const fn system(key: &'static str, role: SystemRole) -> System {
    System {
        about: about(key, role),
        records: Mutex::new(BTreeMap::new()),
        effects: Mutex::new(BTreeMap::new()),
        creates: AtomicUsize::new(0),
        updates: AtomicUsize::new(0),
        down: AtomicBool::new(false),
        deaf: AtomicBool::new(false),
        page_size: AtomicUsize::new(3),
        repeats: AtomicUsize::new(0),
        feed: Mutex::new(Vec::new()),
    }
}

pub static DMS: System = system("dms", SystemRole::Dms);
pub static CRM: System = system("crm", SystemRole::Crm);

impl System {
    /// A person of the dealership types a record in.
    pub fn put(&self, object: ObjectKind, key: &str, record: Json) {
        self.records.lock().unwrap().insert((object, key.to_owned()), record);
    }

    pub fn take(&self, object: ObjectKind, key: &str) {
        self.records.lock().unwrap().remove(&(object, key.to_owned()));
    }

    /// As it was before the test.
    pub fn forget(&self) {
        self.records.lock().unwrap().clear();
        self.effects.lock().unwrap().clear();
        self.feed.lock().unwrap().clear();
        for counter in [&self.creates, &self.updates, &self.repeats] {
            counter.store(0, Ordering::SeqCst);
        }
        self.down.store(false, Ordering::SeqCst);
        self.page_size.store(3, Ordering::SeqCst);
    }

    pub fn all(&self, object: ObjectKind) -> Vec<Json> {
        self.records.lock().unwrap().iter().filter(|((o, _), _)| *o == object).map(|(_, r)| r.clone()).collect()
    }

    fn unavailable(&self) -> Result<(), ConnectorError> {
        if self.down.load(Ordering::SeqCst) {
            return Err(ConnectorError::Unavailable { said: "down".into(), evidence: None, source: None });
        }
        Ok(())
    }
}

fn payload(key: &str, body: &Json) -> Payload {
    let changed_at = body["changed"].as_str().and_then(|text| text.parse().ok());
    let mark = body["driveline"].as_str().map(str::to_owned);
    Payload { external_id: key.to_owned(), body: body.clone(), changed_at, deleted: false, mark }
}

#[async_trait]
impl Connector for System {
    fn about(&self) -> &'static About {
        // Only the two statics are ever used.
        if self.about.key == "dms" { &DMS.about } else { &CRM.about }
    }

    fn mapping(&self, _access: &Access, object: ObjectKind) -> Option<Mapping> {
        let mut mapping = Mapping::new(object).known(&["changed", "driveline", "carried_customer"]);
        for field in Field::of(object) {
            mapping = mapping.take(field, field.name());
        }
        Some(mapping)
    }

    async fn verify(&self, _access: &Access) -> Verified {
        Verified::default()
    }

    fn pull(&self, _object: ObjectKind) -> Option<&dyn Pull> {
        Some(self)
    }

    fn push(&self, object: ObjectKind) -> Option<&dyn Push> {
        (self.about.key == "crm" && object != ObjectKind::RepairOrder).then_some(self as &dyn Push)
    }

    fn feed(&self, object: ObjectKind) -> Option<&dyn Feed> {
        (self.about.key == "crm" && object == ObjectKind::Inventory).then_some(self as &dyn Feed)
    }

    fn intake(&self) -> Option<&dyn Intake> {
        Some(self)
    }
}

#[async_trait]
impl Feed for System {
    fn fields(&self, object: ObjectKind) -> &'static [Field] {
        Push::fields(self, object)
    }

    async fn publish(&self, _access: &Access, rows: &[FeedRow]) -> Result<Published, ConnectorError> {
        self.unavailable()?;
        let shown = rows.iter().map(|row| json!(row.record.text(Field::STOCK_NUMBER))).collect();
        *self.feed.lock().unwrap() = shown;
        Ok(Published { rows: rows.len(), size_bytes: 0, left_out: Vec::new() })
    }
}

/// Takes `{"key": …, "record": …}` as a customer.
impl Intake for System {
    fn size_max(&self) -> usize {
        10_000
    }

    fn receive(&self, _access: &Access, _type: &str, body: &[u8]) -> Result<Received, ConnectorError> {
        let body: Json = serde_json::from_slice(body).map_err(|_| ConnectorError::unreadable("no JSON"))?;
        let record = payload(body["key"].as_str().unwrap_or_default(), &body["record"]);
        Ok(Received { records: vec![(ObjectKind::Customer, record)], rejects: Vec::new() })
    }
}

#[async_trait]
impl Pull for System {
    async fn page(&self, _access: &Access, object: ObjectKind, ask: &PageAsk) -> Result<Page, ConnectorError> {
        self.unavailable()?;
        let from = ask.cursor.as_ref().and_then(|c| c.0.as_str()).unwrap_or_default().to_owned();
        let size = self.page_size.load(Ordering::SeqCst);
        let all: Vec<(String, Json)> = self
            .records
            .lock()
            .unwrap()
            .iter()
            .filter(|((o, _), _)| *o == object)
            .map(|((_, key), body)| (key.clone(), body.clone()))
            .collect();
        // Changes start over: this system knows no times.
        let rest: Vec<_> = all.iter().filter(|(key, _)| from == "start" || **key > *from).take(size).collect();
        let next = match rest.last() {
            Some((key, _)) if rest.len() == size => Next::Page(Cursor(json!(key))),
            _ => Next::Done { resume: Some(Cursor(json!("start"))), coverage: Coverage::Everything },
        };
        let records = rest.into_iter().map(|(key, body)| payload(key, body)).collect();
        Ok(Page { records, rejects: Vec::new(), next, expected: Some(all.len() as u64) })
    }

    async fn one(&self, _access: &Access, object: ObjectKind, key: &str) -> Result<Option<Payload>, ConnectorError> {
        self.unavailable()?;
        Ok(self.records.lock().unwrap().get(&(object, key.to_owned())).map(|body| payload(key, body)))
    }
}

#[async_trait]
impl Push for System {
    fn batch_max(&self) -> usize {
        10
    }

    fn fields(&self, object: ObjectKind) -> &'static [Field] {
        match object {
            ObjectKind::Customer => {
                &[Field::FIRST_NAME, Field::LAST_NAME, Field::EMAIL, Field::PHONE_MOBILE, Field::CONSENT_EMAIL]
            }
            ObjectKind::Deal => &[Field::DEAL_NUMBER, Field::DEAL_STATUS],
            ObjectKind::Inventory => &[Field::STOCK_NUMBER, Field::STOCK_VIN, Field::STOCK_PRICE, Field::STOCK_STATUS],
            ObjectKind::Lead => &[Field::LEAD_ID, Field::LEAD_STATUS],
            ObjectKind::Vehicle | ObjectKind::RepairOrder => &[],
        }
    }

    fn exclusive(&self, object: ObjectKind) -> &'static [Field] {
        if object == ObjectKind::Customer { &[Field::EMAIL] } else { &[] }
    }

    fn only_new(&self, object: ObjectKind) -> bool {
        object == ObjectKind::Lead
    }

    fn carries(&self, object: ObjectKind) -> &'static [Field] {
        if object == ObjectKind::Lead { &[Field::LEAD_CUSTOMER] } else { &[] }
    }

    async fn push(
        &self,
        _access: &Access,
        object: ObjectKind,
        batch: &[Outgoing],
    ) -> Result<Vec<Pushed>, ConnectorError> {
        self.unavailable()?;
        // A connector with a defect that one record brings to light.
        assert!(batch.iter().all(|out| out.record.text(Field::FIRST_NAME) != Some("Defect")), "a defect");
        let mut done = Vec::new();
        for out in batch {
            let mut records = self.records.lock().unwrap();
            let found =
                out.external_id.clone().filter(|key| records.contains_key(&(object, key.clone()))).or_else(|| {
                    records
                        .iter()
                        .find(|((o, _), r)| *o == object && r["driveline"] == json!(out.golden))
                        .map(|((_, key), _)| key.clone())
                });
            // It looks for the address before it makes anything, or only for the surname, which is no good.
            let same = |body: &Json, field: Field| body[field.name()] == json!(out.record.text(field));
            let own = records.iter().find(|((o, _), body)| {
                *o == object
                    && match body["found_by"].as_str() {
                        Some("email") => body["driveline"].is_null() && same(body, Field::EMAIL),
                        Some("surname") => same(body, Field::LAST_NAME),
                        _ => false,
                    }
            });
            let own =
                own.filter(|_| found.is_none() && !out.withdraw).map(|((_, key), body)| (key.clone(), body.clone()));
            let as_it_was = own.as_ref().map(|(key, body)| payload(key, body));
            let found = found.or_else(|| own.map(|(key, _)| key));
            let outcome = match (found, out.withdraw) {
                (Some(key), true) => {
                    records.remove(&(object, key));
                    Outcome::Withdrawn
                }
                (None, true) => Outcome::Withdrawn,
                (None, false) if !out.may_create => Outcome::Absent,
                (Some(key), false) if self.effects.lock().unwrap().contains_key(&out.idempotency_key) => {
                    self.repeats.fetch_add(1, Ordering::SeqCst);
                    Outcome::Updated { external_id: key }
                }
                (found, false) => {
                    let new = found.is_none();
                    let key = found.unwrap_or_else(|| format!("c{}", self.creates.load(Ordering::SeqCst) + 1));
                    let mut body: serde_json::Map<String, Json> = out
                        .record
                        .fields()
                        .map(|(field, value)| (field.name().to_owned(), Value::to_json(value)))
                        .collect();
                    body.insert("driveline".into(), json!(out.golden));
                    if let Some(found_by) = records.get(&(object, key.clone())).and_then(|held| held.get("found_by")) {
                        body.insert("found_by".into(), found_by.clone());
                    }
                    let email = body.get("email").cloned();
                    let has_it = |of: &Json| of["email"].is_string() && Some(&of["email"]) == email.as_ref();
                    if records.iter().any(|((o, other), of)| *o == object && *other != key && has_it(of)) {
                        body.remove("email");
                    }
                    for (field, to) in &out.refs {
                        body.insert(field.name().to_owned(), json!(to));
                    }
                    for (field, carried) in &out.related {
                        let name = format!("carried_{}", field.name());
                        body.insert(name, json!(carried.text(Field::EMAIL)));
                    }
                    records.insert((object, key.clone()), Json::Object(body));
                    *self.effects.lock().unwrap().entry(out.idempotency_key.clone()).or_default() += 1;
                    let counter = if new { &self.creates } else { &self.updates };
                    counter.fetch_add(1, Ordering::SeqCst);
                    if new { Outcome::Created { external_id: key } } else { Outcome::Updated { external_id: key } }
                }
            };
            let echo = match &outcome {
                Outcome::Created { external_id } | Outcome::Updated { external_id } => {
                    records.get(&(object, external_id.clone())).map(|body| payload(external_id, body))
                }
                _ => None,
            };
            done.push(Pushed { golden: out.golden, outcome, echo, found: as_it_was });
        }
        if self.deaf.load(Ordering::SeqCst) {
            return Err(ConnectorError::OutcomeUnknown { said: "cut".into(), source: None });
        }
        Ok(done)
    }

    async fn let_go(
        &self,
        _access: &Access,
        object: ObjectKind,
        batch: &[Outgoing],
    ) -> Result<Vec<Pushed>, ConnectorError> {
        self.unavailable()?;
        let mut records = self.records.lock().unwrap();
        for key in batch.iter().filter_map(|out| out.external_id.clone()) {
            if let Some(Json::Object(body)) = records.get_mut(&(object, key)) {
                body.remove("driveline");
            }
        }
        Ok(batch.iter().map(Pushed::withdrawn).collect())
    }
}

/// A dealership with both systems connected.
pub struct Dealership {
    pub test: TestDb,
    pub engine: Engine,
    /// The use-cases over the same database.
    pub app: App,
    pub scope: TenantScope,
    /// The DMS's; the CRM is the group's.
    pub rooftop: RooftopId,
    pub dms: ConnectionId,
    pub crm: ConnectionId,
}

impl Dealership {
    pub async fn open() -> Self {
        let test = TestDb::fresh().await;
        let scope = test.tenant("Bayside").await;
        let mut engine = Engine::new(test.db.clone(), Arc::new(BareAccess), Clock::system());
        engine.connector = |key| match key {
            "dms" => Some(&DMS),
            "crm" => Some(&CRM),
            _ => None,
        };
        let rooftop = RooftopId::new();
        let tx = test.db.tenant(&scope).await.unwrap();
        tx.run(
            "INSERT INTO rooftop (tenant_id, id, name, code, time_zone) VALUES ($1, $2, 'Ford', 'F', 'America/New_York')",
            [tx.owner(), rooftop.0.into()],
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
        let dms = connect(&test.db, &scope, "dms", Some(rooftop), "none").await;
        let crm = connect(&test.db, &scope, "crm", None, "create_and_update").await;
        let config = |name: &str| match name {
            "DATABASE_URL" => Some(test.url()),
            "REDIS_URL" => Some("redis://127.0.0.1:1".to_owned()),
            "DRIVELINE_MASTER_KEY" => Some("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=".to_owned()),
            "DRIVELINE_MAIL" => Some("mailbox".to_owned()),
            "DRIVELINE_PUBLIC_URL" => Some("http://127.0.0.1:8080".to_owned()),
            _ => None,
        };
        let config = AppConfig::from_lookup(&config).unwrap();
        let app = App::assemble(test.db.clone(), config, Clock::system(), Arc::new(|_, _, _| Arc::new(Unlimited)));
        Self { test, engine, app: app.unwrap(), scope, rooftop, dms, crm }
    }

    /// Puts a connection into a state, as its use-case would, and lets it catch up where it becomes active.
    pub async fn set_state(&self, connection: ConnectionId, state: &str) {
        let tx = self.test.db.tenant(&self.scope).await.unwrap();
        tx.run(
            "UPDATE connection SET state = $3 WHERE tenant_id = $1 AND id = $2",
            [tx.owner(), connection.0.into(), state.into()],
        )
        .await
        .unwrap();
        if state == "active" {
            self.engine.catch_up(&tx, connection, None).await.unwrap();
        }
        tx.commit().await.unwrap();
    }

    /// Somebody who manages one rooftop alone.
    pub fn manager_of(&self, rooftop: RooftopId) -> TenantScope {
        self.somebody(Some(rooftop), Role::RooftopManager)
    }

    /// Somebody with a role in the group, or at one rooftop.
    pub fn somebody(&self, rooftop: Option<RooftopId>, role: Role) -> TenantScope {
        let mut grants = store::scope::Grants::default();
        grants.add_role(rooftop, role);
        TenantScope::new(self.scope.tenant(), store::scope::Actor::Person(domain::UserId::new()), grants)
    }

    /// A second DMS, of another rooftop: it reads the same simulated system as the first.
    pub async fn second_dms(&self, rooftop: RooftopId) -> ConnectionId {
        connect(&self.test.db, &self.scope, "dms", Some(rooftop), "none").await
    }

    /// Another rooftop of the group.
    pub async fn add_rooftop(&self, name: &str) -> RooftopId {
        let id = RooftopId::new();
        let tx = self.test.db.tenant(&self.scope).await.unwrap();
        tx.run(
            "INSERT INTO rooftop (tenant_id, id, name, code, time_zone) VALUES ($1, $2, $3, $3, 'America/New_York')",
            [tx.owner(), id.0.into(), name.into()],
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
        id
    }

    /// Gives a connection to a rooftop, or to the group.
    pub async fn move_to(&self, connection: ConnectionId, rooftop: Option<RooftopId>) {
        let tx = self.test.db.tenant(&self.scope).await.unwrap();
        tx.run(
            "UPDATE connection SET rooftop_id = $3 WHERE tenant_id = $1 AND id = $2",
            [tx.owner(), connection.0.into(), rooftop.map(|id| id.0).into()],
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
    }

    /// Sets how an object is written to a connection.
    pub async fn set_push(&self, connection: ConnectionId, object: ObjectKind, push: &str) {
        let tx = self.test.db.tenant(&self.scope).await.unwrap();
        tx.run(
            "UPDATE object_sync SET push = $4 WHERE tenant_id = $1 AND connection_id = $2 AND object = $3",
            [tx.owner(), connection.0.into(), object.code().into(), push.into()],
        )
        .await
        .unwrap();
        self.engine.catch_up(&tx, connection, Some(object)).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Lets Driveline work until nothing is due.
    pub async fn work(&self) -> usize {
        let handler = Arc::new(EngineHandler(self.engine.clone()));
        queue::drain(&self.test.db, handler, 500).await.unwrap()
    }

    /// Moves every wait into the past, as if its time had passed.
    pub async fn let_time_pass(&self) {
        let tx = self.test.db.tenant(&self.scope).await.unwrap();
        tx.run("UPDATE target SET due_at = now() - interval '1 s'", []).await.unwrap();
        tx.run("UPDATE job SET run_at = now() - interval '1 s' WHERE state = 0", []).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Reads everything from a system again.
    pub async fn sync(&self, connection: ConnectionId, object: ObjectKind) -> store::engine::runs::RunRow {
        let runs = self
            .engine
            .start_sync(&self.scope, connection, Some(object), app::engine::syncs::Mode::Full)
            .await
            .unwrap();
        self.work().await;
        self.run(runs[0]).await
    }

    pub async fn run(&self, id: domain::RunId) -> store::engine::runs::RunRow {
        let tx = self.test.db.tenant(&self.scope).await.unwrap();
        store::engine::runs::find(&tx, id).await.unwrap().unwrap()
    }

    pub async fn goldens(&self, object: ObjectKind) -> Vec<store::engine::goldens::GoldenRow> {
        let tx = self.test.db.tenant(&self.scope).await.unwrap();
        store::engine::goldens::page(&tx, object, None, None, 1_000).await.unwrap()
    }
}

async fn connect(db: &Db, scope: &TenantScope, key: &str, rooftop: Option<RooftopId>, push: &str) -> ConnectionId {
    let id = ConnectionId::new();
    let tx = db.tenant(scope).await.unwrap();
    tx.run(
        "INSERT INTO connection (tenant_id, id, rooftop_id, connector, system_role, name, state)
         VALUES ($1, $2, $3, $4, $4, $4, 'active')",
        [tx.owner(), id.0.into(), rooftop.map(|r| r.0).into(), key.into()],
    )
    .await
    .unwrap();
    for object in ObjectKind::ALL {
        tx.run(
            // Read before, so that it may be written to.
            "INSERT INTO object_sync (tenant_id, connection_id, object, pull, push, full_at)
             VALUES ($1, $2, $3, true, $4, now())",
            [tx.owner(), id.0.into(), object.code().into(), push.into()],
        )
        .await
        .unwrap();
    }
    tx.commit().await.unwrap();
    id
}
