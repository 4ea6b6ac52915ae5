//! An issuer and a name server of the tests' own, on loopback: they say what a test lets them say, false or true.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot be set up must stop")]

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use openidconnect::core::{CoreEdDsaPrivateSigningKey, CoreJwsSigningAlgorithm};
use openidconnect::{JsonWebKeyId, PrivateSigningKey};
use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use tokio::net::UdpSocket;

const KEYS: [&str; 2] = [
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAkVp3tsJk2E60nvipqWheV9PnSiODJJ2jkc+Sb/+zIk\n-----END PRIVATE KEY-----\n",
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIKMK7AR2BdGn2Dj22Co/DC1c0O+WiGFucD0hL00Dd7Xs\n-----END PRIVATE KEY-----\n",
];
/// What we are called at the issuer.
pub const CLIENT: &str = "driveline";
/// Our secret there.
pub const SECRET: &str = "a secret of the client";

/// How a token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signed {
    /// By this key, which is published.
    By(usize),
    /// By a key that is not published.
    ByUnpublished(usize),
    /// Not at all: `alg` is `none`.
    Not,
    /// By HMAC with the client's secret, which the client holds too.
    ByClientSecret,
}

struct Given {
    challenge: String,
    claims: Map<String, Json>,
}

struct Inner {
    signed: Signed,
    codes: HashMap<String, Given>,
    userinfo: Json,
}

/// A running issuer.
#[derive(Clone)]
pub struct TestIssuer {
    /// Its address.
    pub address: String,
    inner: Arc<Mutex<Inner>>,
}

/// What the browser was sent with.
pub struct Sent(HashMap<String, String>);

impl Sent {
    /// What stands in the address that the browser was sent to.
    #[must_use]
    pub fn of(address: &str) -> Self {
        Self(url::Url::parse(address).unwrap().query_pairs().into_owned().collect())
    }

    /// One of it.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

fn key(index: usize) -> CoreEdDsaPrivateSigningKey {
    let id = JsonWebKeyId::new(format!("key-{index}"));
    CoreEdDsaPrivateSigningKey::from_ed25519_pem(KEYS[index], Some(id)).unwrap()
}

fn part(json: &Json) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

fn token(signed: Signed, claims: &Map<String, Json>) -> String {
    let body = part(&Json::Object(claims.clone()));
    match signed {
        Signed::By(index) | Signed::ByUnpublished(index) => {
            let text = format!("{}.{body}", part(&json!({"alg": "EdDSA", "kid": format!("key-{index}")})));
            let signature = key(index).sign(&CoreJwsSigningAlgorithm::EdDsa, text.as_bytes()).unwrap();
            format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
        }
        Signed::Not => format!("{}.{body}.", part(&json!({"alg": "none"}))),
        Signed::ByClientSecret => {
            use hmac::{Hmac, KeyInit, Mac};
            let text = format!("{}.{body}", part(&json!({"alg": "HS256"})));
            let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(SECRET.as_bytes()).unwrap();
            mac.update(text.as_bytes());
            format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
        }
    }
}

async fn document(issuer: web::Data<TestIssuer>) -> HttpResponse {
    let at = |path: &str| format!("{}/{path}", issuer.address);
    HttpResponse::Ok().json(json!({
        "issuer": issuer.address, "authorization_endpoint": at("auth"), "token_endpoint": at("token"),
        "jwks_uri": at("jwks"), "userinfo_endpoint": at("me"), "response_types_supported": ["code"],
        "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["EdDSA"],
    }))
}

async fn keys(issuer: web::Data<TestIssuer>) -> HttpResponse {
    let published = match issuer.inner.lock().unwrap().signed {
        Signed::By(index) => index,
        Signed::ByUnpublished(index) => 1 - index,
        Signed::Not | Signed::ByClientSecret => 0,
    };
    HttpResponse::Ok().json(json!({"keys": [serde_json::to_value(key(published).as_verification_key()).unwrap()]}))
}

async fn give(
    issuer: web::Data<TestIssuer>,
    request: HttpRequest,
    form: web::Form<HashMap<String, String>>,
) -> HttpResponse {
    let refused =
        |error: &str, words: &str| HttpResponse::BadRequest().json(json!({"error": error, "error_description": words}));
    let own = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:{}", SECRET.replace(' ', "+"))));
    let told = request.headers().get("authorization").map_or("", |line| line.to_str().unwrap()).to_owned();
    if told != own && told != own.replace('+', "%20") {
        return refused("invalid_client", "the client's secret is wrong");
    }
    let mut inner = issuer.inner.lock().unwrap();
    let Some(given) = inner.codes.remove(form.get("code").map_or("", String::as_str)) else {
        return refused("invalid_grant", "this code was used or never given");
    };
    let verifier = form.get("code_verifier").map_or("", String::as_str);
    if URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())) != given.challenge {
        return refused("invalid_grant", "the verifier is of another sign-in");
    }
    HttpResponse::Ok().json(json!({
        "access_token": "an access token", "token_type": "Bearer", "id_token": token(inner.signed, &given.claims),
    }))
}

async fn userinfo(issuer: web::Data<TestIssuer>) -> HttpResponse {
    HttpResponse::Ok().json(issuer.inner.lock().unwrap().userinfo.clone())
}

impl TestIssuer {
    /// A fresh one, which says nothing but the truth.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let inner = Inner { signed: Signed::By(0), codes: HashMap::new(), userinfo: json!({}) };
        let issuer = Self { address, inner: Arc::new(Mutex::new(inner)) };
        let served = issuer.clone();
        let server = HttpServer::new(move || {
            App::new()
                .app_data(web::Data::new(served.clone()))
                .route("/.well-known/openid-configuration", web::get().to(document))
                .route("/jwks", web::get().to(keys))
                .route("/token", web::post().to(give))
                .route("/me", web::get().to(userinfo))
        })
        .workers(1)
        .disable_signals()
        .listen(listener)
        .unwrap()
        .run();
        tokio::spawn(server);
        issuer
    }

    /// Signs from now on so.
    pub fn sign(&self, signed: Signed) {
        self.inner.lock().unwrap().signed = signed;
    }

    /// What its userinfo endpoint says.
    pub fn say_at_userinfo(&self, userinfo: Json) {
        self.inner.lock().unwrap().userinfo = userinfo;
    }

    /// What a token says of somebody, for the browser that was sent.
    #[must_use]
    pub fn claims(&self, sent: &Sent, now: i64, subject: &str, email: &str) -> Json {
        json!({
            "iss": self.address, "aud": CLIENT, "exp": now + 300, "iat": now, "nonce": sent.get("nonce"),
            "sub": subject, "email": email, "email_verified": true, "name": "Bo of the issuer",
        })
    }

    /// Signs somebody in: a code for these claims.
    #[must_use]
    pub fn code(&self, sent: &Sent, claims: Json) -> String {
        let Json::Object(claims) = claims else { panic!("claims are an object") };
        let code = uuid::Uuid::new_v4().to_string();
        let given = Given { challenge: sent.get("code_challenge").to_owned(), claims };
        self.inner.lock().unwrap().codes.insert(code.clone(), given);
        code
    }
}

/// A name server that knows TXT records only.
#[derive(Clone)]
pub struct TestNames {
    /// Where it is asked.
    pub address: SocketAddr,
    records: Arc<Mutex<HashMap<String, String>>>,
}

impl TestNames {
    /// One that knows nothing yet.
    pub async fn start() -> Self {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).await.unwrap();
        let names = Self { address: socket.local_addr().unwrap(), records: Arc::default() };
        let records = Arc::clone(&names.records);
        tokio::spawn(async move {
            let mut buffer = [0; 512];
            while let Ok((size, from)) = socket.recv_from(&mut buffer).await {
                let answer = answered(&buffer[..size], &records.lock().unwrap());
                socket.send_to(&answer, from).await.unwrap();
            }
        });
        names
    }

    /// Adds a TXT record.
    pub fn say(&self, name: &str, text: &str) {
        self.records.lock().unwrap().insert(name.to_owned(), text.to_owned());
    }
}

/// RFC 1035, 4.1: the question back, and one TXT record where the name has one, else "no such name".
fn answered(asked: &[u8], records: &HashMap<String, String>) -> Vec<u8> {
    let (mut labels, mut at) = (Vec::new(), 12);
    while asked[at] != 0 {
        let end = at + 1 + usize::from(asked[at]);
        labels.push(String::from_utf8_lossy(&asked[at + 1..end]).to_lowercase());
        at = end;
    }
    let question_end = at + 5;
    let text = records.get(&labels.join("."));
    let mut answer = asked[..question_end].to_vec();
    answer[2..4].copy_from_slice(if text.is_some() { &[0x84, 0x00] } else { &[0x84, 0x03] });
    answer[6..12].copy_from_slice(&[0, u8::from(text.is_some()), 0, 0, 0, 0]);
    if let Some(text) = text {
        let size = u8::try_from(text.len()).unwrap();
        answer.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 0, 0, size + 1, size]);
        answer.extend(text.as_bytes());
    }
    answer
}
