//! A caller of the public API.

use crate::standing::text;
use anyhow::{Context, bail};
use reqwest::header::{COOKIE, ORIGIN, SET_COOKIE};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// No answer takes longer, a connection's test included.
const CALL_TIME_MAX: Duration = Duration::from_secs(120);

/// A person who is signed in, or nobody yet.
#[derive(Clone)]
pub struct Api {
    http: Client,
    /// Where the server is, without a slash at the end.
    base: String,
    cookie: Option<String>,
}

/// Who signs in.
#[derive(Clone, Debug)]
pub struct Account {
    /// E-mail address.
    pub email: String,
    /// Password.
    pub password: String,
}

/// A system to connect, as its form is filled in.
pub struct Described<'a> {
    /// The connector's key.
    pub connector: &'a str,
    /// What people call it.
    pub name: &'a str,
    /// Its rooftop; the whole group's without one.
    pub rooftop: Option<&'a str>,
    /// The form's values.
    pub values: &'a Json,
}

impl Api {
    /// Nobody, at a server.
    ///
    /// # Errors
    /// Where no client can be made.
    pub fn new(base: &str) -> anyhow::Result<Self> {
        let http = Client::builder()
            .timeout(CALL_TIME_MAX)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .context("making an HTTP client")?;
        Ok(Self { http, base: base.trim_end_matches('/').to_owned(), cookie: None })
    }

    /// Where the server is.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        let ask = self.http.request(method, format!("{}/api/v1{path}", self.base)).header(ORIGIN, &self.base);
        match &self.cookie {
            Some(cookie) => ask.header(COOKIE, cookie),
            None => ask,
        }
    }

    /// Reads something.
    ///
    /// # Errors
    /// Where the server is away or refuses.
    pub async fn get(&self, path: &str) -> anyhow::Result<Json> {
        body_of("GET", path, self.ask(Method::GET, path).send().await).await
    }

    /// Does something.
    ///
    /// # Errors
    /// Where the server is away or refuses.
    pub async fn post(&self, path: &str, body: &Json) -> anyhow::Result<Json> {
        body_of("POST", path, self.ask(Method::POST, path).json(body).send().await).await
    }

    /// Sets something.
    ///
    /// # Errors
    /// Where the server is away or refuses.
    pub async fn put(&self, path: &str, body: &Json) -> anyhow::Result<Json> {
        body_of("PUT", path, self.ask(Method::PUT, path).json(body).send().await).await
    }

    /// Sends a file as it is.
    ///
    /// # Errors
    /// Where the server is away or refuses.
    pub async fn upload(&self, path: &str, file: Vec<u8>) -> anyhow::Result<Json> {
        body_of("PUT", path, self.ask(Method::PUT, path).body(file).send().await).await
    }

    /// Sends a document to an address outside the API, as a vendor does.
    ///
    /// # Errors
    /// Where it is not taken.
    pub async fn send_document(&self, address: &str, kind: &str, document: String) -> anyhow::Result<()> {
        let sent = self.http.post(address).header("content-type", kind).body(document).send().await;
        body_of("POST", "a hook", sent).await.map(|_| ())
    }

    /// Describes a system to connect; nothing flows before its test is good. Returns its id.
    ///
    /// # Errors
    /// Where the product refuses.
    pub async fn draft(&self, system: &Described<'_>) -> anyhow::Result<String> {
        let ask = json!({
            "connector": system.connector, "name": system.name, "rooftop": system.rooftop, "values": system.values,
        });
        text(&self.post("/connections", &ask).await?, "id")
    }

    /// Tests a connection. What is written to is read at once where the test is good.
    ///
    /// # Errors
    /// Where the test is not good, with its steps.
    pub async fn test(&self, connection: &str) -> anyhow::Result<()> {
        let tested = self.post(&format!("/connections/{connection}/test"), &json!({})).await?;
        if tested.get("is_good") != Some(&Json::Bool(true)) {
            bail!("the test of {connection} failed: {}", tested.get("steps").unwrap_or(&tested));
        }
        Ok(())
    }

    /// Describes a system and tests it. Returns its id.
    ///
    /// # Errors
    /// As [`Self::draft`] and [`Self::test`].
    pub async fn connect(&self, system: &Described<'_>) -> anyhow::Result<String> {
        let id = self.draft(system).await?;
        self.test(&id).await.with_context(|| system.name.to_owned())?;
        Ok(id)
    }

    /// What flows of an object, and in which direction; `push` as the API names it.
    ///
    /// # Errors
    /// Where the product refuses.
    pub async fn let_flow(&self, connection: &str, object: &str, pull: bool, push: &str) -> anyhow::Result<()> {
        self.put(&format!("/connections/{connection}/objects/{object}"), &json!({"pull": pull, "push": push})).await?;
        Ok(())
    }

    /// Signs up, proves the address by the mail in the demo's mailbox, and is signed in.
    ///
    /// # Errors
    /// Where one of the steps is refused, or the mail does not come.
    pub async fn sign_up(&mut self, account: &Account, name: &str, group: &str) -> anyhow::Result<()> {
        let ask = json!({"email": account.email, "password": account.password, "name": name, "group": group});
        self.post("/sign-up", &ask).await?;
        let token = self.mailed_token(&account.email).await?;
        let verified =
            self.ask(Method::POST, "/verify").json(&json!({"token": token, "password": account.password})).send().await;
        self.keep_session(verified, "/verify").await
    }

    /// Signs in.
    ///
    /// # Errors
    /// Where it is refused.
    pub async fn sign_in(&mut self, account: &Account) -> anyhow::Result<()> {
        let ask = json!({"email": account.email, "password": account.password});
        let answer = self.ask(Method::POST, "/sign-in").json(&ask).send().await;
        self.keep_session(answer, "/sign-in").await
    }

    async fn keep_session(&mut self, answer: reqwest::Result<Response>, path: &str) -> anyhow::Result<()> {
        let answer = answer.with_context(|| format!("POST {path}"))?;
        let cookie = answer
            .headers()
            .get_all(SET_COOKIE)
            .iter()
            .filter_map(|line| line.to_str().ok()?.split(';').next())
            .find(|pair| pair.contains("driveline="))
            .map(str::to_owned);
        body_of("POST", path, Ok(answer)).await?;
        self.cookie = Some(cookie.with_context(|| format!("{path} set no session cookie"))?);
        Ok(())
    }

    /// The token of the newest link that was mailed to an address.
    async fn mailed_token(&self, email: &str) -> anyhow::Result<String> {
        let page = self.http.get(format!("{}/mailbox", self.base)).send().await.context("the demo's mailbox")?;
        let page = page.error_for_status().context("the demo's mailbox")?.text().await?;
        let mail =
            page.split("<li").find(|mail| mail.contains(email)).with_context(|| format!("no mail to {email}"))?;
        let link = mail.split("token=").nth(1).context("the mail holds no link")?;
        Ok(link.chars().take_while(|letter| letter.is_ascii_alphanumeric() || "-_.%~".contains(*letter)).collect())
    }
}

async fn body_of(method: &str, path: &str, answer: reqwest::Result<Response>) -> anyhow::Result<Json> {
    let answer = answer.with_context(|| format!("{method} {path}"))?;
    let status = answer.status();
    let text = answer.text().await.with_context(|| format!("{method} {path}"))?;
    if !status.is_success() {
        bail!("{method} {path} was answered by {status}: {text}");
    }
    if text.is_empty() {
        return Ok(Json::Null);
    }
    serde_json::from_str(&text).with_context(|| format!("{method} {path} answered no JSON"))
}
