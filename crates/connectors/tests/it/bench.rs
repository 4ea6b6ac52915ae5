//! The bench: a connector's simulator on a free port, and an `Access` that leads to it.
//!
//! A connector joins the suite with a `Fixture` in a module of its own and one `conformance!` line in `main.rs`.

use async_trait::async_trait;
use connectors::{
    Access, Connector, ConnectorError, Cursor, FeedRow, Next, NoUploads, Outgoing, Page, PageAsk, Payload, PullMode,
    Pushed, RateBudget, TokenStore, Tokens, vendor_http::VendorHttp,
};
use domain::{ConnectionId, GoldenId, ObjectKind, Record};
use secrecy::SecretString;
use serde_json::Value as Json;
use simulators::Simulator;
use simulators::faults::{Fault, Faults, Planned};
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long a call may take here; faults that are slow are slower than this.
pub const CALL_TIMEOUT: Duration = Duration::from_millis(1500);
/// No pull of the suite has more pages: an endless one fails instead of hanging.
const PAGES_MAX: usize = 200;

/// What the suite must know of a connector.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// The connector.
    fn connector(&self) -> &'static dyn Connector;

    /// Its simulator, with limits that do not get in the way.
    fn simulator(&self, faults: &Faults) -> Arc<dyn Simulator>;

    /// Settings that lead to the simulator at this address (`http://127.0.0.1:PORT/KEY`).
    fn settings(&self, base_url: &str) -> BTreeMap<String, String>;

    /// Credentials the simulator takes.
    fn good(&self) -> BTreeMap<String, String>;

    /// Credentials it does not take.
    fn bad(&self) -> BTreeMap<String, String>;

    /// The objects that are read.
    fn reads(&self) -> Vec<ObjectKind> {
        Vec::new()
    }

    /// Puts so many records into the simulator and returns their external ids. Enough for several pages.
    async fn seed(&self, _bench: &Bench, _object: ObjectKind) -> Vec<String> {
        Vec::new()
    }

    /// A part of the path of the call that reads a page.
    fn read_path(&self, _object: ObjectKind) -> &'static str {
        ""
    }

    /// The object that is written, where one is.
    fn writes(&self) -> Option<ObjectKind> {
        None
    }

    /// A part of the path of the call that does the write.
    fn write_path(&self) -> &'static str {
        ""
    }

    /// The n-th record to write: valid, and different for each n.
    fn record(&self, _n: usize) -> Record {
        Record::new(ObjectKind::Customer)
    }

    /// Fields of a page that a release of the vendor renames or adds under [`Fault::Drift`]; empty where the simulator
    /// has no drift.
    fn drifted(&self) -> &'static [&'static str] {
        &[]
    }
}

/// A running simulator.
pub struct Bench {
    /// `http://127.0.0.1:PORT`.
    pub root: String,
    pub faults: Faults,
    pub tokens: Arc<MemoryTokens>,
    pub budget: Arc<NotedBudget>,
    key: &'static str,
    simulator: Arc<dyn Simulator>,
    fixture: Box<dyn Fixture>,
    server: actix_web::dev::ServerHandle,
    client: reqwest::Client,
}

impl Drop for Bench {
    fn drop(&mut self) {
        // The stop command is sent at once; nobody needs to wait for it.
        drop(self.server.stop(false));
    }
}

impl Bench {
    /// Starts the simulator of a fixture.
    pub async fn start(fixture: impl Fixture + 'static) -> Self {
        let faults = Faults::default();
        let simulator = fixture.simulator(&faults);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let root = format!("http://{}", listener.local_addr().unwrap());
        let server = simulators::server::serve(vec![Arc::clone(&simulator)], faults.clone(), listener).unwrap();
        let handle = server.handle();
        tokio::spawn(server);
        Self {
            root,
            faults,
            tokens: Arc::default(),
            budget: Arc::default(),
            key: simulator.key(),
            simulator,
            fixture: Box::new(fixture),
            server: handle,
            client: VendorHttp::pool(true).unwrap(),
        }
    }

    pub fn fixture(&self) -> &dyn Fixture {
        self.fixture.as_ref()
    }

    pub fn connector(&self) -> &'static dyn Connector {
        self.fixture.connector()
    }

    /// The vendor's address.
    pub fn base_url(&self) -> String {
        format!("{}/{}", self.root, self.key)
    }

    /// An `Access` with good credentials.
    pub fn access(&self) -> Access {
        self.access_with(self.fixture.good())
    }

    /// An `Access` with these credentials, and the form's defaults where the fixture sets nothing.
    pub fn access_with(&self, credentials: BTreeMap<String, String>) -> Access {
        let form = self.connector().about().form;
        let mut settings: BTreeMap<String, String> =
            form.iter().filter_map(|field| Some((field.name.to_owned(), field.default?.to_owned()))).collect();
        settings.extend(self.fixture.settings(&self.base_url()));
        Access {
            connection: ConnectionId::new(),
            settings,
            credentials: credentials.into_iter().map(|(name, value)| (name, SecretString::from(value))).collect(),
            http: VendorHttp::new(self.client.clone(), Arc::clone(&self.budget) as Arc<dyn RateBudget>)
                .with_call_timeout(CALL_TIMEOUT),
            tokens: Arc::clone(&self.tokens) as Arc<dyn TokenStore>,
            uploads: Arc::new(NoUploads),
            allow_private_hosts: true,
        }
    }

    /// Plans a fault for the next call whose path contains `path`.
    pub fn plan(&self, fault: Fault, path: &str) {
        self.faults.plan(self.key, Planned { fault, times: 1, path: path.to_owned(), every: 1 });
    }

    /// What the simulator knows to be true.
    pub fn truth(&self) -> Json {
        self.simulator.truth()
    }

    /// A number of the truth by its JSON pointer.
    pub fn count(&self, pointer: &str) -> u64 {
        self.truth().pointer(pointer).and_then(Json::as_u64).unwrap_or_else(|| panic!("no {pointer} in the truth"))
    }

    /// Calls a control route; the answer's text.
    pub async fn control(&self, method: reqwest::Method, path: &str, body: &Json) -> String {
        let url = format!("{}/_sim/{}/{path}", self.root, self.key);
        let response = self.client.request(method, url).json(body).send().await.unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.status());
        response.text().await.unwrap()
    }

    /// Posts raw text to a control route; the answer's text.
    pub async fn control_text(&self, path: &str, body: String) -> String {
        let url = format!("{}/_sim/{}/{path}", self.root, self.key);
        let response = self.client.post(url).body(body).send().await.unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.status());
        response.text().await.unwrap()
    }

    /// The first page.
    pub async fn first_page(&self, access: &Access, object: ObjectKind) -> Result<Page, ConnectorError> {
        let pull = self.connector().pull(object).unwrap();
        pull.page(access, object, &PageAsk { mode: PullMode::Full, cursor: None, now: chrono::Utc::now() }).await
    }

    /// A whole pull: its records and where the next one starts.
    pub async fn pull(
        &self,
        access: &Access,
        object: ObjectKind,
        mode: PullMode,
        mut cursor: Option<Cursor>,
    ) -> Result<(Vec<Payload>, Option<Cursor>), ConnectorError> {
        let pull = self.connector().pull(object).unwrap();
        let mut records = Vec::new();
        for _ in 0..PAGES_MAX {
            let ask = PageAsk { mode, cursor: cursor.take(), now: chrono::Utc::now() };
            let page = pull.page(access, object, &ask).await?;
            assert!(page.rejects.is_empty(), "{:?}", page.rejects);
            records.extend(page.records);
            match page.next {
                // Through JSON and back: that is how the engine keeps it.
                Next::Page(next) => {
                    cursor = Some(serde_json::from_str(&serde_json::to_string(&next).unwrap()).unwrap());
                }
                Next::Done { resume, .. } => return Ok((records, resume)),
            }
        }
        panic!("the pull does not end")
    }

    /// Writes records.
    pub async fn push(&self, access: &Access, batch: &[Outgoing]) -> Result<Vec<Pushed>, ConnectorError> {
        let object = batch[0].record.object();
        self.connector().push(object).unwrap().push(access, object, batch).await
    }

    /// The n-th record of the fixture, to be created.
    pub fn outgoing(&self, n: usize) -> Outgoing {
        outgoing(self.fixture.record(n))
    }
}

/// A record to be created.
pub fn outgoing(record: Record) -> Outgoing {
    let golden = GoldenId::new();
    Outgoing {
        golden,
        idempotency_key: format!("{golden}:1"),
        external_id: None,
        record,
        taken: Vec::new(),
        refs: Vec::new(),
        related: Vec::new(),
        may_create: true,
        withdraw: false,
    }
}

/// A row of a feed.
pub fn feed_row(record: Record, context: connectors::FeedContext) -> FeedRow {
    FeedRow { golden: GoldenId::new(), record, context }
}

/// Tokens in memory.
#[derive(Default)]
pub struct MemoryTokens(pub Mutex<Option<Tokens>>);

#[async_trait]
impl TokenStore for MemoryTokens {
    async fn load(&self) -> Result<Option<Tokens>, ConnectorError> {
        Ok(self.0.lock().unwrap().clone())
    }

    async fn save(&self, tokens: &Tokens) -> Result<(), ConnectorError> {
        *self.0.lock().unwrap() = Some(tokens.clone());
        Ok(())
    }
}

/// A budget without limit that notes what it was told.
#[derive(Default)]
pub struct NotedBudget(pub Mutex<Vec<Duration>>);

#[async_trait]
impl RateBudget for NotedBudget {
    async fn take(&self) -> Result<(), Duration> {
        Ok(())
    }

    async fn pause(&self, wait: Duration) {
        self.0.lock().unwrap().push(wait);
    }
}
