//! The simulators, told what to be and asked what they know.

use anyhow::{Context, bail};
use reqwest::{Client, Method};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// Making a population of a million takes minutes.
const CALL_TIME_MAX: Duration = Duration::from_secs(600);

/// All simulators at one address.
#[derive(Clone)]
pub struct Sandbox {
    http: Client,
    base: String,
}

impl Sandbox {
    /// The simulators at an address.
    ///
    /// # Errors
    /// Where no client can be made.
    pub fn new(base: &str) -> anyhow::Result<Self> {
        let http = Client::builder().timeout(CALL_TIME_MAX).no_proxy().build().context("making an HTTP client")?;
        Ok(Self { http, base: base.trim_end_matches('/').to_owned() })
    }

    /// A vendor's own address.
    #[must_use]
    pub fn vendor(&self, key: &str) -> String {
        format!("{}/{key}", self.base)
    }

    /// What a vendor knows to be true.
    ///
    /// # Errors
    /// Where the simulators are away.
    pub async fn truth(&self, key: &str) -> anyhow::Result<Json> {
        self.get(&format!("/_sim/{key}/truth")).await
    }

    /// Reads a control route.
    ///
    /// # Errors
    /// Where the simulators are away.
    pub async fn get(&self, path: &str) -> anyhow::Result<Json> {
        let text = self.call(Method::GET, path, None).await?;
        serde_json::from_str(&text).with_context(|| format!("{path} answered no JSON"))
    }

    /// Records of a control route that answers one JSON object a line.
    ///
    /// # Errors
    /// Where the simulators are away.
    pub async fn lines(&self, path: &str) -> anyhow::Result<Vec<Json>> {
        let text = self.call(Method::GET, path, None).await?;
        text.lines().map(|line| serde_json::from_str(line).with_context(|| format!("a line of {path}"))).collect()
    }

    /// Calls a control route; its answer's text.
    ///
    /// # Errors
    /// Where the simulators are away or refuse.
    pub async fn post(&self, path: &str, body: &Json) -> anyhow::Result<String> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// Changes something by a control route.
    ///
    /// # Errors
    /// Where the simulators are away or refuse.
    pub async fn patch(&self, path: &str, body: &Json) -> anyhow::Result<String> {
        self.call(Method::PATCH, path, Some(body)).await
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Json>) -> anyhow::Result<String> {
        let ask = self.http.request(method, format!("{}{path}", self.base));
        let ask = match body {
            Some(body) => ask.json(body),
            None => ask,
        };
        let answer = ask.send().await.with_context(|| path.to_owned())?;
        let status = answer.status();
        let text = answer.text().await.with_context(|| path.to_owned())?;
        if !status.is_success() {
            bail!("{path} was answered by {status}: {text}");
        }
        Ok(text)
    }

    /// Gives every vendor its view of the demo group, with so many customer records in the DMS; all that was there is
    /// forgotten. The CRM's quota is lifted: the demo shows the product, not the vendor's daily limit.
    ///
    /// # Errors
    /// Where the simulators are away.
    pub async fn load(&self, customers: usize) -> anyhow::Result<()> {
        for key in ["hubspot", "inventory_feed", "adf"] {
            self.post(&format!("/_sim/{key}/reset"), &Json::Null).await?;
        }
        let size = json!({"customers": customers});
        self.post("/_sim/opentrack/load", &size).await?;
        self.post("/_sim/hubspot/load", &size).await?;
        self.unlimited().await
    }

    /// Lifts the CRM's quota.
    ///
    /// # Errors
    /// Where the simulators are away.
    pub async fn unlimited(&self) -> anyhow::Result<()> {
        let limits = json!({"calls": 0, "window_ms": 10_000, "daily": 100_000_000, "tells_retry_after": true});
        self.post("/_sim/hubspot/limits", &limits).await?;
        Ok(())
    }
}
