//! Calls to HubSpot: the bearer token, the rate headers, and what its error bodies mean.

use super::oauth;
use super::wire::{ErrorBody, Kind};
use crate::access::Access;
use crate::error::{ConnectorError, short};
use crate::vendor_http::{Answer, Effect, check_url, retry_after};
use reqwest::Method;
use secrecy::ExposeSecret;
use serde::Serialize;
use std::time::Duration;

/// Windows of the vendor's policies, for a 429 without `Retry-After`.
const TEN_SECONDS: Duration = Duration::from_secs(10);
const ONE_SECOND: Duration = Duration::from_secs(1);
/// A spent day ends at midnight of the account's zone, which we do not know: look again after this.
const DAY_SPENT: Duration = Duration::from_secs(900);
/// The longest window that a header is believed.
const WINDOW_MAX: Duration = Duration::from_secs(60);

/// A call to make.
pub struct Call<'a, B> {
    pub effect: Effect,
    pub method: Method,
    /// Below the base address, with its query.
    pub path: String,
    pub body: Option<&'a B>,
}

/// The path of an object's collection.
pub fn objects(access: &Access, kind: Kind) -> Result<String, ConnectorError> {
    let version = access.setting("api_version")?;
    // Dated versions stand behind `objects`, numbered ones (`v3`) before it.
    Ok(if version.starts_with('v') {
        format!("/crm/{version}/objects/{}", kind.path())
    } else {
        format!("/crm/objects/{version}/{}", kind.path())
    })
}

/// A call that writes, with a body.
pub async fn post<B: Serialize + Sync>(
    access: &Access,
    effect: Effect,
    path: String,
    body: &B,
) -> Result<Answer, ConnectorError> {
    call(access, &Call { effect, method: Method::POST, path, body: Some(body) }).await
}

/// A call that reads.
pub async fn get(access: &Access, path: String) -> Result<Answer, ConnectorError> {
    call::<()>(access, &Call { effect: Effect::Reads, method: Method::GET, path, body: None }).await
}

/// Makes a call. 400 and 404 are answers, for the caller to judge; all other failures are errors.
pub async fn call<B: Serialize + Sync>(access: &Access, call: &Call<'_, B>) -> Result<Answer, ConnectorError> {
    let base = check_url("base_url", access.setting("base_url")?, access.allow_private_hosts)?;
    let url = format!("{}{}", base.as_str().trim_end_matches('/'), call.path);
    let token = oauth::bearer(access).await?;
    let answer = once(access, call, &url, token.expose_secret()).await?;
    if answer.status.as_u16() != 401 {
        return judge(access, answer).await;
    }
    // A 401 did nothing, so even a write may be sent again with a new token; once.
    match oauth::bearer_after_refusal(access, &token).await? {
        Some(renewed) => {
            let answer = once(access, call, &url, renewed.expose_secret()).await?;
            judge(access, answer).await
        }
        None => judge(access, answer).await,
    }
}

async fn once<B: Serialize + Sync>(
    access: &Access,
    call: &Call<'_, B>,
    url: &str,
    token: &str,
) -> Result<Answer, ConnectorError> {
    let mut request = access.http.client().request(call.method.clone(), url).bearer_auth(token);
    if let Some(body) = call.body {
        request = request.json(body);
    }
    let answer = access.http.send_raw(call.effect, request).await?;
    if let Some(wait) = window_spent(&answer) {
        access.http.budget().pause(wait).await;
    }
    Ok(answer)
}

/// How long to stay away where the answer used up the last call of a window.
fn window_spent(answer: &Answer) -> Option<Duration> {
    let number = |name: &str| answer.header(name).and_then(|text| text.trim().parse::<u64>().ok());
    if number("x-hubspot-ratelimit-daily-remaining") == Some(0) {
        return Some(DAY_SPENT);
    }
    if number("x-hubspot-ratelimit-remaining") != Some(0) || number("x-hubspot-ratelimit-max") == Some(0) {
        return None;
    }
    let window = number("x-hubspot-ratelimit-interval-milliseconds").map_or(TEN_SECONDS, Duration::from_millis);
    Some(window.min(WINDOW_MAX))
}

async fn judge(access: &Access, answer: Answer) -> Result<Answer, ConnectorError> {
    let told = || serde_json::from_slice::<ErrorBody>(&answer.body).unwrap_or_default();
    match answer.status.as_u16() {
        401 => {
            let told = told();
            let evidence = answer.request_id().or(told.correlation_id);
            let said = if told.message.is_empty() { "HTTP 401".to_owned() } else { short(&told.message) };
            Err(ConnectorError::Unauthorized { said, evidence })
        }
        403 => {
            let told = told();
            Err(ConnectorError::Forbidden {
                said: short(&told.message),
                fix: "Sign in with HubSpot again as a super admin and approve every scope.".to_owned(),
                evidence: answer.request_id().or(told.correlation_id),
            })
        }
        429 => {
            let told = told();
            let by_policy = match told.policy_name.as_deref() {
                Some("DAILY") => DAY_SPENT,
                Some("SECONDLY" | "TEN_SECONDLY_SECONDARY") => ONE_SECOND,
                Some(_) | None => TEN_SECONDS,
            };
            let wait = retry_after(&answer.headers).unwrap_or(by_policy);
            access.http.budget().pause(wait).await;
            let policy = told.policy_name.map(|name| format!(" ({name})")).unwrap_or_default();
            Err(ConnectorError::RateLimited { wait, said: short(&format!("{}{policy}", told.message)) })
        }
        500..=599 => access.http.judge(answer).await,
        _ => Ok(answer),
    }
}

/// The error of an answer that is neither success nor expected.
pub fn refused(answer: &Answer) -> ConnectorError {
    let told: ErrorBody = serde_json::from_slice(&answer.body).unwrap_or_default();
    let evidence = answer.request_id().or(told.correlation_id);
    if told.category.is_empty() && told.message.is_empty() {
        let said = format!("HTTP {} without the error body that is documented", answer.status.as_u16());
        return ConnectorError::Unreadable { said, evidence };
    }
    refusal(&told.category, &told.message, evidence)
}

/// A refusal in the vendor's words.
pub fn refusal(category: &str, message: &str, evidence: Option<String>) -> ConnectorError {
    let fix = match category {
        "CONFLICT" => "Merge the two records in HubSpot, then replay.",
        "OBJECT_NOT_FOUND" => "Nothing to do if the record was deleted in HubSpot on purpose; else restore it there.",
        _ => "Correct the value in the system it came from, or its mapping, then replay.",
    };
    ConnectorError::Refused {
        code: category.to_lowercase(),
        said: without_values(message),
        fix: fix.to_owned(),
        evidence,
    }
}

/// HubSpot repeats the value it refuses; what is kept must not tell of a person.
fn without_values(message: &str) -> String {
    let words = message.split_whitespace().map(|word| if word.contains('@') { "…" } else { word });
    short(&words.collect::<Vec<_>>().join(" "))
}
