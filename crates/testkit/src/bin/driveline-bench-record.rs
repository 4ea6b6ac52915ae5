//! `driveline-bench-record`: what one record costs in a tenant that is full of them: identified, with its golden record
//! and audit, through Postgres; how long it takes to take one out of fifty again; and how long searches take.
//!
//! Wants `DATABASE_URL` (migrated, as the application role) and `DRIVELINE_MASTER_KEY`.

use anyhow::{Context, ensure};
use app::engine::candidates::Verdict;
use app::engine::failures::inbox_job;
use app::engine::{Engine, EngineHandler};
use app::{App, AppConfig, Clock};
use async_trait::async_trait;
use clap::Parser;
use connectors::{About, Access, Connector, ConnectorError, Intake, Payload, Quota, Received, Unlimited, Verified};
use domain::mapping::Mapping;
use domain::{ConnectionId, Field, ObjectKind, SystemRole};
use queue::{Handler, JobKind, JobOutcome, Lease};
use serde_json::{Value as Json, json};
use simulators::population::{Population, PopulationSize, SourceView, System};
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use store::engine::{goldens, inbox, records};
use store::{Db, EnvKeys, TenantScope};
use testkit::BareAccess;
use testkit::search_times::search_times;

/// The same people in every run.
const SEED: u64 = 11;
/// Records of one document of the load.
const PAGE: usize = 500;
/// How often one is taken out of fifty.
const SPLITS: usize = 20;
/// Members of the entity that is taken apart.
const MEMBERS: usize = 50;
/// Jobs of one call that nobody waits for more than this many of.
const RUNS_MAX: usize = 100_000;

/// Measures what one record costs.
#[derive(Parser)]
struct Options {
    /// Customer records that are there before.
    #[arg(long, default_value_t = 100_000)]
    records: usize,
    /// Records that are measured one by one.
    #[arg(long, default_value_t = 2_000)]
    ones: usize,
    /// Prints nothing but the last line.
    #[arg(long)]
    json: bool,
}

/// A system that sends documents: an array of customers by their fields' names.
struct Sender {
    about: About,
}

const fn sender(key: &'static str, role: SystemRole) -> Sender {
    let quota = Quota { calls: 1_000, window_ms: 1_000 };
    let about = About {
        key,
        name: key,
        role,
        summary: "",
        demands: "",
        capabilities: &[],
        quota,
        cents_per_call: None,
        form: &[],
    };
    Sender { about }
}

static DMS: Sender = sender("dms", SystemRole::Dms);
static CRM: Sender = sender("crm", SystemRole::Crm);

#[async_trait]
impl Connector for Sender {
    fn about(&self) -> &'static About {
        // Only the two statics are ever used.
        if self.about.key == "dms" { &DMS.about } else { &CRM.about }
    }

    fn mapping(&self, _access: &Access, object: ObjectKind) -> Option<Mapping> {
        Some(Field::of(object).fold(Mapping::new(object), |mapping, field| mapping.take(field, field.name())))
    }

    async fn verify(&self, _access: &Access) -> Verified {
        Verified::default()
    }

    fn intake(&self) -> Option<&dyn Intake> {
        Some(self)
    }
}

impl Intake for Sender {
    fn size_max(&self) -> usize {
        usize::MAX
    }

    fn receive(&self, _access: &Access, _type: &str, body: &[u8]) -> Result<Received, ConnectorError> {
        let all: Vec<(String, Json)> =
            serde_json::from_slice(body).map_err(|error| ConnectorError::unreadable(error.to_string()))?;
        let payload = |(external_id, body)| Payload { external_id, body, changed_at: None, deleted: false, mark: None };
        let records = all.into_iter().map(|one| (ObjectKind::Customer, payload(one))).collect();
        Ok(Received { records, rejects: Vec::new() })
    }
}

/// What a system says of somebody, by the names of fields.
fn said(view: &SourceView) -> (String, Json) {
    let texts = [
        ("first_name", &view.first_name),
        ("middle_name", &view.middle_name),
        ("last_name", &view.last_name),
        ("suffix", &view.suffix),
        ("company_name", &view.company_name),
        ("email", &view.email),
        ("email_other", &view.email_other),
        ("phone_mobile", &view.phone_mobile),
        ("phone_home", &view.phone_home),
        ("phone_work", &view.phone_work),
        ("street", &view.street),
        ("city", &view.city),
        ("state", &view.state),
        ("zip", &view.zip),
        ("driver_licence", &view.driver_licence),
    ];
    let mut body: serde_json::Map<String, Json> = texts
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(name, text)| (name.to_owned(), json!(text)))
        .collect();
    body.extend(view.birth_date.map(|date| ("birth_date".to_owned(), json!(date))));
    (view.external_id.clone(), Json::Object(body))
}

/// Does what the engine does, and notes how long each job took.
struct Timed {
    engine: EngineHandler,
    took: Mutex<Vec<Duration>>,
}

#[async_trait]
impl Handler for Timed {
    async fn run(&self, lease: &Lease, kind: JobKind, args: Json) -> JobOutcome {
        let began = Instant::now();
        let outcome = self.engine.run(lease, kind, args).await;
        if let (JobKind::ReadInbox, Ok(mut took)) = (kind, self.took.lock()) {
            took.push(began.elapsed());
        }
        outcome
    }
}

struct Bench {
    db: Db,
    scope: TenantScope,
    engine: Engine,
    timed: Arc<Timed>,
    dms: ConnectionId,
    crm: ConnectionId,
    documents: usize,
    quiet: bool,
}

impl Bench {
    async fn open(quiet: bool) -> anyhow::Result<Self> {
        let keys = EnvKeys::parse(&variable("DRIVELINE_MASTER_KEY")?.into())?;
        let db = Db::connect(&variable("DATABASE_URL")?, 8, Arc::new(keys)).await?;
        let tx = db.platform().await?;
        let tenant = db.create_tenant(&tx, "Bench").await?;
        tx.commit().await?;
        let scope = TenantScope::driveline(tenant);
        let mut engine = Engine::new(db.clone(), Arc::new(BareAccess), Clock::system());
        engine.connector = |key| match key {
            "dms" => Some(&DMS),
            "crm" => Some(&CRM),
            _ => None,
        };
        let timed = Arc::new(Timed { engine: EngineHandler(engine.clone()), took: Mutex::default() });
        let (dms, crm) = (connect(&db, &scope, "dms").await?, connect(&db, &scope, "crm").await?);
        Ok(Self { db, scope, engine, timed, dms, crm, documents: 0, quiet })
    }

    /// Stores a document as it comes in by HTTP.
    async fn send(&mut self, connection: ConnectionId, records: &[(String, Json)]) -> anyhow::Result<()> {
        self.documents += 1;
        let body = serde_json::to_vec(records)?;
        let tx = self.db.tenant(&self.scope).await?;
        let delivery = self.documents.to_string();
        let now = Clock::system().now();
        inbox::store(&tx, connection, "document", &delivery, "application/json", &body, now).await?;
        queue::enqueue(&tx, &inbox_job(connection)).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn work(&self) -> anyhow::Result<()> {
        queue::drain(&self.db, self.timed.clone(), RUNS_MAX).await?;
        Ok(())
    }

    /// How long the jobs took since this was asked last, shortest first.
    fn took(&self) -> anyhow::Result<Vec<Duration>> {
        let mut took = std::mem::take(&mut *self.timed.took.lock().map_err(|_| anyhow::anyhow!("a job panicked"))?);
        took.sort_unstable();
        Ok(took)
    }

    async fn held(&self) -> anyhow::Result<i64> {
        let tx = self.db.tenant(&self.scope).await?;
        let counts = goldens::counts(&tx, None).await?;
        Ok(counts.into_iter().find(|(object, _)| *object == ObjectKind::Customer).map_or(0, |(_, many)| many))
    }

    /// Fills the tenant from the DMS's side, and learns from it. Records per second.
    async fn load(&mut self, views: &[SourceView]) -> anyhow::Result<f64> {
        let began = Instant::now();
        for page in views.chunks(PAGE) {
            let records: Vec<_> = page.iter().map(said).collect();
            self.send(self.dms, &records).await?;
            self.work().await?;
        }
        let per_second = count(views.len()) / began.elapsed().as_secs_f64();
        self.note(&format!("{} records, {per_second:.0} a second; {} customers", views.len(), self.held().await?))?;
        let began = Instant::now();
        self.engine.start_learning(&self.scope).await?;
        self.work().await?;
        self.note(&format!("learned in {:.1} s; {} customers", began.elapsed().as_secs_f64(), self.held().await?))?;
        self.took()?;
        Ok(per_second)
    }

    /// How long searches for these people take.
    async fn searches(&self, views: &[SourceView]) -> anyhow::Result<Json> {
        let config = AppConfig::from_lookup(&|name| std::env::var(name).ok())?;
        let app = App::assemble(self.db.clone(), config, Clock::system(), Arc::new(|_, _, _| Arc::new(Unlimited)))?;
        let began = Instant::now();
        let times = search_times(&app, &self.scope, views).await?;
        self.note(&format!("searched for {:.1} s: {times:#}", began.elapsed().as_secs_f64()))?;
        Ok(times)
    }

    /// What the CRM says of the same people, one by one: most are found among those that are there.
    async fn one_by_one(&mut self, views: &[SourceView]) -> anyhow::Result<Ones> {
        let before = self.held().await?;
        let began = Instant::now();
        let mut with_queue = Vec::with_capacity(views.len());
        for view in views {
            let began = Instant::now();
            self.send(self.crm, &[said(view)]).await?;
            self.work().await?;
            with_queue.push(began.elapsed());
        }
        let seconds = began.elapsed().as_secs_f64();
        with_queue.sort_unstable();
        let took = self.took()?;
        ensure!(took.len() == views.len(), "{} jobs for {} records", took.len(), views.len());
        let new = self.held().await? - before;
        self.note(&format!("{} records one by one in {seconds:.1} s, {new} of them new customers", views.len()))?;
        Ok(Ones {
            p50: of(&took, 50),
            p99: of(&took, 99),
            with_queue_p50: of(&with_queue, 50),
            with_queue_p99: of(&with_queue, 99),
            per_second: count(views.len()) / took.iter().sum::<Duration>().as_secs_f64(),
        })
    }

    /// The same when they come faster than they are read: up to fifty are read together. Records per second.
    async fn in_bursts(&mut self, views: &[SourceView]) -> anyhow::Result<f64> {
        for view in views {
            self.send(self.crm, &[said(view)]).await?;
        }
        let began = Instant::now();
        self.work().await?;
        self.took()?;
        Ok(count(views.len()) / began.elapsed().as_secs_f64())
    }

    /// Takes one record out of an entity of fifty and brings it back, and holds the golden record against what it was.
    async fn take_apart(&mut self) -> anyhow::Result<Vec<Duration>> {
        let one = |n: usize| {
            let body = json!({"first_name": "Ottilie", "last_name": "Quillfeather-Moss", "email": "ottilie@moss.example",
                              "phone_mobile": "+14155550177", "street": format!("{n} Harbour Lane"), "zip": "94107"});
            (format!("moss-{n}"), body)
        };
        let all: Vec<_> = (0..MEMBERS).map(one).collect();
        for piece in all.chunks(10) {
            self.send(self.dms, piece).await?;
            self.work().await?;
        }
        let tx = self.db.tenant(&self.scope).await?;
        let before =
            records::before(&tx, self.dms, ObjectKind::Customer, vec!["moss-0".to_owned(), "moss-49".to_owned()])
                .await?;
        let entity = before.first().and_then(|record| record.golden).context("nobody is there")?;
        let whole = goldens::by_ids(&tx, vec![entity.0]).await?.pop().context("no golden record")?;
        drop(tx);
        ensure!(
            before.iter().all(|record| record.golden == Some(entity)) && whole.members == 50,
            "not one of fifty: {}",
            whole.members
        );
        let leaving = before.last().map(|record| record.id).context("nobody leaves")?;
        let mut took = Vec::with_capacity(SPLITS);
        for _ in 0..SPLITS {
            let began = Instant::now();
            let split = self.engine.split(&self.scope, entity, &[leaving]).await?;
            took.push(began.elapsed());
            self.engine.decide_candidate(&self.scope, split.candidate, Verdict::Undo).await?;
            self.engine.decide_candidate(&self.scope, split.candidate, Verdict::Merge).await?;
            self.work().await?;
            let tx = self.db.tenant(&self.scope).await?;
            let again = goldens::find(&tx, split.out).await?.context("no golden record")?;
            let same = serde_json::to_vec(&again.golden)? == serde_json::to_vec(&whole.golden)?;
            ensure!(same && again.id == entity, "the golden record is another than before");
        }
        took.sort_unstable();
        Ok(took)
    }

    fn note(&self, text: &str) -> anyhow::Result<()> {
        if self.quiet { Ok(()) } else { say(text) }
    }
}

/// Milliseconds of a record, and records per second.
struct Ones {
    p50: f64,
    p99: f64,
    with_queue_p50: f64,
    with_queue_p99: f64,
    per_second: f64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let size = PopulationSize { customers: options.records, rooftops: 3 };
    let population = Population::generate(SEED, size);
    let of_dms: Vec<SourceView> = population.views_of(System::Dms).take(options.records).cloned().collect();
    // From all over the population, for neighbours in it are households.
    let all: Vec<&SourceView> = population.views_of(System::Crm).collect();
    let apart = (all.len() / (2 * options.ones).max(1)).max(1);
    let of_crm: Vec<SourceView> = all.into_iter().step_by(apart).take(2 * options.ones).cloned().collect();
    drop(population);
    let mut bench = Bench::open(options.json).await?;
    let load = bench.load(&of_dms).await?;
    let searches = bench.searches(&of_dms).await?;
    let (ones, bursts) = of_crm.split_at(of_crm.len() / 2);
    let ones = bench.one_by_one(ones).await?;
    let bursts = bench.in_bursts(bursts).await?;
    let splits = bench.take_apart().await?;
    let result = json!({
        "records": of_dms.len(), "load_per_s": load.round(),
        "record_p50_ms": ones.p50, "record_p99_ms": ones.p99,
        "with_queue_p50_ms": ones.with_queue_p50, "with_queue_p99_ms": ones.with_queue_p99,
        "upserts_per_s": ones.per_second.round(), "bursts_per_s": bursts.round(),
        "unmerge_p50_ms": of(&splits, 50), "unmerge_max_ms": of(&splits, 100), "search": searches,
    });
    say(&result.to_string())
}

async fn connect(db: &Db, scope: &TenantScope, key: &str) -> anyhow::Result<ConnectionId> {
    let id = ConnectionId::new();
    let tx = db.tenant(scope).await?;
    tx.run(
        "INSERT INTO connection (tenant_id, id, connector, system_role, name, state) VALUES ($1, $2, $3, $3, $3, 'active')",
        [tx.owner(), id.0.into(), key.into()],
    )
    .await?;
    tx.run(
        "INSERT INTO object_sync (tenant_id, connection_id, object, pull, push) VALUES ($1, $2, $3, true, 'none')",
        [tx.owner(), id.0.into(), ObjectKind::Customer.code().into()],
    )
    .await?;
    tx.commit().await?;
    Ok(id)
}

/// A percentile of sorted times, in milliseconds to a tenth.
fn of(sorted: &[Duration], percent: usize) -> f64 {
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).map_or(f64::NAN, |time| (time.as_secs_f64() * 10_000.0).round() / 10.0)
}

#[expect(clippy::cast_precision_loss, reason = "a rate is shown to three digits")]
const fn count(many: usize) -> f64 {
    many as f64
}

fn variable(name: &str) -> anyhow::Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set; use ./dev bench record"))
}

fn say(line: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{line}").context("printing")
}
