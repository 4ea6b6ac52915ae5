//! A server on a free port, and somebody who calls it.

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value as Json, json};
use server::Service;
use server::health::Figures;
use server::limits::RequestLimit;
use server::portal::PortalFiles;
use std::net::TcpListener;
use std::num::NonZeroU32;
use testkit::application::PASSWORD;
use testkit::{TestApp, TestRedis};

/// The origin that the application believes to be its own.
pub const ORIGIN: &str = "http://127.0.0.1:8080";

/// A running server.
pub struct Rig {
    pub test: TestApp,
    pub base: String,
    pub http: reqwest::Client,
    server: actix_web::dev::ServerHandle,
}

impl Drop for Rig {
    fn drop(&mut self) {
        // Asked to stop; the answer is nobody's to wait for.
        actix_web::rt::spawn(self.server.stop(false));
    }
}

/// A caller with a key, or nobody.
#[derive(Clone)]
pub struct Client<'a> {
    rig: &'a Rig,
    key: Option<String>,
}

/// An answer, read.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    pub async fn of(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        Self { status, headers, text: response.text().await.unwrap() }
    }

    pub fn json(&self) -> Json {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Json {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        if self.text.is_empty() { Json::Null } else { self.json() }
    }
}

impl Rig {
    pub async fn start() -> Self {
        Self::limited(RequestLimit::default()).await
    }

    pub async fn limited(limit: RequestLimit) -> Self {
        Self::over(TestApp::fresh().await, limit)
    }

    /// One whose Redis is this.
    pub async fn with_redis(redis: &TestRedis) -> Self {
        let test = TestApp::with(&[("REDIS_URL", &redis.url())]).await;
        Self::over(test, RequestLimit::new(NonZeroU32::MAX))
    }

    pub fn over(test: TestApp, limit: RequestLimit) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let service = Service::new(test.app.clone(), Figures::default(), limit, PortalFiles::default());
        let server = server::start(service, listener, 1).unwrap();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { test, base, http, server: handle }
    }

    pub const fn nobody(&self) -> Client<'_> {
        Client { rig: self, key: None }
    }

    pub fn with_key(&self, key: &str) -> Client<'_> {
        Client { rig: self, key: Some(key.to_owned()) }
    }

    /// Signs up, proves the address, makes a key that may do all: over HTTP.
    pub async fn owner(&self, email: &str) -> Client<'_> {
        self.owner_of(email, &format!("Group of {email}")).await
    }

    /// The same for a group of this name.
    pub async fn owner_of(&self, email: &str, group: &str) -> Client<'_> {
        let nobody = self.nobody();
        let ask = json!({"email": email, "password": PASSWORD, "name": "Ann", "group": group});
        nobody.post("/sign-up", ask).await.expect(202);
        let token = self.test.mailed_token(email).await;
        let verified = nobody.post("/verify", json!({"token": token, "password": PASSWORD})).await;
        let cookie = session_cookie(&verified);
        verified.expect(200);
        let all: Vec<&str> = domain::permission::Permission::ALL.iter().map(|permission| permission.name()).collect();
        let made = self
            .http
            .post(format!("{}/api/v1/api-keys", self.base))
            .header("cookie", cookie)
            .header("origin", ORIGIN)
            .json(&json!({"name": "test", "scopes": all}))
            .send()
            .await
            .unwrap();
        let made = Answer::of(made).await.expect(201);
        self.with_key(made["secret"].as_str().unwrap())
    }
}

/// The session's cookie as a browser sends it back.
pub fn session_cookie(answer: &Answer) -> String {
    let lines = answer.headers.get_all("set-cookie").iter().filter_map(|line| line.to_str().ok());
    let line = lines.into_iter().find(|line| line.starts_with("driveline=")).expect("no session cookie");
    assert!(line.contains("HttpOnly") && line.contains("SameSite"), "{line}");
    line.split(';').next().unwrap().to_owned()
}

impl<'a> Client<'a> {
    pub fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        let ask = self.rig.http.request(method, format!("{}/api/v1{path}", self.rig.base));
        match &self.key {
            Some(key) => ask.bearer_auth(key),
            None => ask,
        }
    }

    /// The key that it calls with.
    pub fn key(&self) -> &str {
        self.key.as_deref().expect("a key")
    }

    pub async fn send(&self, ask: RequestBuilder) -> Answer {
        Answer::of(ask.send().await.unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.ask(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: Json) -> Answer {
        self.send(self.ask(Method::POST, path).json(&body)).await
    }

    pub async fn put(&self, path: &str, body: Json) -> Answer {
        self.send(self.ask(Method::PUT, path).json(&body)).await
    }

    /// A connection of this connector with these settings, tested and active; its id and all that is shown of it.
    pub async fn connected(&self, connector: &str, values: Json) -> (String, Json) {
        let ask = json!({"connector": connector, "name": connector, "values": values});
        let made = self.post("/connections", ask).await.expect(201);
        let id = made["id"].as_str().unwrap().to_owned();
        let tested = self.post(&format!("/connections/{id}/test"), json!({})).await.expect(200);
        assert_eq!(tested["is_good"], true, "{tested}");
        (id, made)
    }

    /// Uploads a file.
    pub async fn upload(&self, connection: &str, name: &str, content: impl Into<reqwest::Body>) -> Json {
        let ask = self.ask(Method::PUT, &format!("/connections/{connection}/uploads/{name}")).body(content);
        self.send(ask).await.expect(201)
    }

    /// A rooftop; its id.
    pub async fn rooftop(&self, code: &str) -> String {
        let form = json!({"name": format!("Rooftop {code}"), "code": code, "time_zone": "America/Los_Angeles"});
        self.post("/rooftops", form).await.expect(201)["id"].as_str().unwrap().to_owned()
    }
}
