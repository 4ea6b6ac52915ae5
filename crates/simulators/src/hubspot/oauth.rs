//! Sign-in: the page that asks the dealer, and the token endpoint. Access tokens end, refresh tokens rotate.

use super::{Shared, answer};
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::json;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// The portal's number at the vendor.
pub const HUB_ID: i32 = 4_242_424;

/// What the token endpoint knows.
pub struct Grants {
    /// The app.
    pub client_id: String,
    /// Its secret; webhooks are signed with it too.
    pub client_secret: String,
    /// A private app's token, good for ever.
    pub private_token: String,
    /// How long an access token lives.
    pub lifetime: Duration,
    codes: HashMap<String, String>,
    refresh: HashMap<String, u32>,
    access: HashMap<String, Issued>,
    next_grant: u32,
    /// How often tokens were renewed.
    pub renewals: u64,
}

struct Issued {
    until: Instant,
    grant: u32,
    /// The refresh token that was traded for this one: it works until the new access token is used, so that a
    /// client that lost the answer can ask again.
    replaces: Option<String>,
}

impl Default for Grants {
    fn default() -> Self {
        Self {
            client_id: "driveline-app".to_owned(),
            client_secret: "driveline-app-secret".to_owned(),
            private_token: super::PRIVATE_TOKEN.to_owned(),
            lifetime: Duration::from_secs(1800),
            codes: HashMap::new(),
            refresh: HashMap::new(),
            access: HashMap::new(),
            next_grant: 1,
            renewals: 0,
        }
    }
}

impl Grants {
    /// Whether a bearer token is good now.
    pub fn accepts(&mut self, token: &str, now: Instant) -> bool {
        if token == self.private_token {
            return true;
        }
        let Some(issued) = self.access.get_mut(token).filter(|issued| issued.until > now) else { return false };
        if let Some(old) = issued.replaces.take() {
            self.refresh.remove(&old);
        }
        true
    }

    /// Ends all access tokens, as an hour does.
    pub fn expire(&mut self) {
        self.access.clear();
    }

    /// Takes back the dealer's permission.
    pub fn revoke(&mut self) {
        self.access.clear();
        self.refresh.clear();
    }

    fn issue(&mut self, grant: u32, replaces: Option<String>) -> serde_json::Value {
        let (access, refresh) = (format!("acc-{}", Uuid::new_v4()), format!("ref-{}", Uuid::new_v4()));
        let until = Instant::now() + self.lifetime;
        self.access.insert(access.clone(), Issued { until, grant, replaces });
        self.access.retain(|_, issued| issued.grant != grant || issued.until > Instant::now());
        self.refresh.insert(refresh.clone(), grant);
        json!({
            "access_token": access,
            "refresh_token": refresh,
            "expires_in": self.lifetime.as_secs(),
            "token_type": "bearer",
            "token_use": "access_token",
            "hub_id": HUB_ID,
            "scopes": ["oauth", "crm.objects.contacts.read", "crm.objects.contacts.write"],
        })
    }
}

/// The query of the page that asks the dealer.
#[derive(Deserialize)]
pub struct Ask {
    client_id: String,
    redirect_uri: String,
    #[serde(default)]
    state: String,
}

/// The page that asks the dealer: approves at once.
pub async fn authorize(shared: web::Data<Shared>, ask: web::Query<Ask>) -> HttpResponse {
    let mut state = shared.lock();
    if ask.client_id != state.grants.client_id {
        return answer::error(StatusCode::BAD_REQUEST, "BAD_CLIENT_ID", "unknown client_id");
    }
    let code = Uuid::new_v4().to_string();
    state.grants.codes.insert(code.clone(), ask.redirect_uri.clone());
    let Ok(mut back) = reqwest::Url::parse(&ask.redirect_uri) else {
        return answer::error(StatusCode::BAD_REQUEST, "BAD_REDIRECT_URI", "redirect_uri is no address");
    };
    back.query_pairs_mut().append_pair("code", &code).append_pair("state", &ask.state);
    HttpResponse::Found().insert_header(("Location", back.to_string())).finish()
}

/// The form of the token endpoint.
#[derive(Deserialize)]
pub struct TokenForm {
    grant_type: String,
    client_id: Option<String>,
    client_secret: Option<String>,
    code: Option<String>,
    redirect_uri: Option<String>,
    refresh_token: Option<String>,
}

/// The token endpoint.
pub async fn token(shared: web::Data<Shared>, form: web::Form<TokenForm>) -> HttpResponse {
    let mut state = shared.lock();
    let grants = &mut state.grants;
    let is_app = form.client_id.as_deref() == Some(&grants.client_id)
        && form.client_secret.as_deref() == Some(&grants.client_secret);
    if !is_app {
        return oauth_error("invalid_client", "client id or secret is wrong");
    }
    match form.grant_type.as_str() {
        "authorization_code" => {
            let redirect = form.code.as_ref().and_then(|code| grants.codes.remove(code));
            if redirect.is_none() || redirect != form.redirect_uri {
                return oauth_error("invalid_grant", "the code is unknown, used or for another redirect_uri");
            }
            let grant = grants.next_grant;
            grants.next_grant += 1;
            HttpResponse::Ok().json(grants.issue(grant, None))
        }
        "refresh_token" => {
            let Some(old) = form.refresh_token.clone() else {
                return oauth_error("invalid_request", "refresh_token is missing");
            };
            let Some(grant) = grants.refresh.get(&old).copied() else {
                return oauth_error("invalid_grant", "missing or unknown refresh token");
            };
            grants.renewals += 1;
            HttpResponse::Ok().json(grants.issue(grant, Some(old)))
        }
        _ => oauth_error("unsupported_grant_type", "use authorization_code or refresh_token"),
    }
}

fn oauth_error(error: &str, message: &str) -> HttpResponse {
    HttpResponse::BadRequest().json(json!({
        "error": error,
        "error_description": message,
        "status": error.to_uppercase(),
        "message": message,
        "correlationId": Uuid::new_v4().to_string(),
        "category": "BAD_AUTH",
    }))
}
