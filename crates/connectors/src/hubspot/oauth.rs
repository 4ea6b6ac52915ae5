//! Sign-in: OAuth 2 with refresh, or a private app's token.

use super::HubSpot;
use crate::access::{Access, Tokens};
use crate::connector::OAuth;
use crate::error::{ConnectorError, short};
use crate::vendor_http::{Effect, VendorHttp, check_url};
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;
use oauth2::basic::{BasicErrorResponseType, BasicTokenType};
use oauth2::{
    AsyncHttpClient, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EmptyExtraTokenFields,
    EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, RedirectUrl, RefreshToken, RequestTokenError, Scope,
    StandardErrorResponse, StandardTokenResponse, TokenResponse, TokenUrl,
};
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;
use tokio::sync::Mutex;

/// A token that ends sooner than this is renewed before it is used.
const RENEW_BEFORE: TimeDelta = TimeDelta::seconds(60);
/// Where the vendor does not say how long a token lives.
const LIFETIME_UNTOLD: Duration = Duration::from_secs(300);

type Client = oauth2::basic::BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;
type Answered = StandardTokenResponse<EmptyExtraTokenFields, BasicTokenType>;
type Failed = RequestTokenError<ConnectorError, StandardErrorResponse<BasicErrorResponseType>>;

/// One renewal at a time per connection: connections share a lock only by chance.
static RENEWING: [Mutex<()>; 64] = [const { Mutex::const_new(()) }; 64];

/// The token to send: the private app's, or a live access token, renewed where it ends.
pub async fn bearer(access: &Access) -> Result<SecretString, ConnectorError> {
    if let Some(token) = access.optional_credential("token") {
        return Ok(SecretString::from(token.to_owned()));
    }
    let tokens = access.tokens.load().await?.ok_or_else(not_signed_in)?;
    if lives(&tokens, Utc::now()) {
        return Ok(tokens.access);
    }
    renew(access, &tokens).await
}

/// A new access token after the vendor refused `refused`; `None` where there is nothing to renew it with.
pub async fn bearer_after_refusal(
    access: &Access,
    refused: &SecretString,
) -> Result<Option<SecretString>, ConnectorError> {
    if access.optional_credential("token").is_some() {
        return Ok(None);
    }
    let Some(tokens) = access.tokens.load().await? else { return Ok(None) };
    if tokens.access.expose_secret() != refused.expose_secret() {
        return Ok(Some(tokens.access));
    }
    if tokens.refresh.is_none() {
        return Ok(None);
    }
    renew(access, &tokens).await.map(Some)
}

fn lives(tokens: &Tokens, now: DateTime<Utc>) -> bool {
    tokens.expires_at - RENEW_BEFORE > now
}

fn not_signed_in() -> ConnectorError {
    ConnectorError::Unauthorized { said: "nobody has signed in yet".to_owned(), evidence: None }
}

async fn renew(access: &Access, stale: &Tokens) -> Result<SecretString, ConnectorError> {
    let place = access.connection.0.as_u128() % 64;
    let lock = usize::try_from(place).ok().and_then(|place| RENEWING.get(place));
    let _turn = match lock {
        Some(lock) => Some(lock.lock().await),
        None => None,
    };
    // Somebody else may have renewed while we waited, here or in another process.
    let is_new = |tokens: &Tokens| tokens.access.expose_secret() != stale.access.expose_secret();
    if let Some(tokens) = access.tokens.load().await?.filter(is_new) {
        return Ok(tokens.access);
    }
    let Some(refresh) = &stale.refresh else { return Err(not_signed_in()) };
    let refresh = RefreshToken::new(refresh.expose_secret().to_owned());
    let asked = client(access)?.exchange_refresh_token(&refresh).request_async(&Carrier(access.http.clone())).await;
    match asked {
        Ok(answered) => {
            let tokens = tokens_of(&answered, stale.refresh.clone(), Utc::now());
            access.tokens.save(&tokens).await?;
            Ok(tokens.access)
        }
        // A refresh token works once: another process may have been faster.
        Err(failed) => match access.tokens.load().await?.filter(is_new) {
            Some(tokens) => Ok(tokens.access),
            None => Err(error_of(failed)),
        },
    }
}

fn client(access: &Access) -> Result<Client, ConnectorError> {
    let base = check_url("base_url", access.setting("base_url")?, access.allow_private_hosts)?;
    let wrong = |setting: &'static str| {
        move |_| ConnectorError::Misconfigured {
            setting,
            said: "this is no address; it starts with https://".to_owned(),
        }
    };
    let token = format!("{}/oauth/v3/token", base.as_str().trim_end_matches('/'));
    Ok(oauth2::basic::BasicClient::new(ClientId::new(access.setting("client_id")?.to_owned()))
        .set_client_secret(ClientSecret::new(access.credential("client_secret")?.to_owned()))
        .set_auth_type(oauth2::AuthType::RequestBody)
        .set_auth_uri(AuthUrl::new(access.setting("authorize_url")?.to_owned()).map_err(wrong("authorize_url"))?)
        .set_token_uri(TokenUrl::new(token).map_err(wrong("base_url"))?))
}

/// Carries the crate's requests over our own client, with its limits.
struct Carrier(VendorHttp);

impl<'c> AsyncHttpClient<'c> for Carrier {
    type Error = ConnectorError;
    type Future = BoxFuture<'c, Result<HttpResponse, ConnectorError>>;

    fn call(&'c self, call: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let (parts, body) = call.into_parts();
            let request = self.0.client().request(parts.method, parts.uri.to_string());
            let answer = self.0.send_raw(Effect::Reads, request.headers(parts.headers).body(body)).await?;
            let answer = match answer.status.as_u16() {
                429 | 500..=599 => self.0.judge(answer).await?,
                _ => answer,
            };
            let mut response = HttpResponse::new(answer.body.to_vec());
            *response.status_mut() = answer.status;
            *response.headers_mut() = answer.headers;
            Ok(response)
        })
    }
}

fn tokens_of(answered: &Answered, before: Option<SecretString>, now: DateTime<Utc>) -> Tokens {
    let lifetime = answered.expires_in().unwrap_or(LIFETIME_UNTOLD);
    Tokens {
        access: SecretString::from(answered.access_token().secret().clone()),
        refresh: answered.refresh_token().map(|token| SecretString::from(token.secret().clone())).or(before),
        expires_at: now + TimeDelta::from_std(lifetime).unwrap_or(TimeDelta::minutes(5)),
    }
}

fn error_of(failed: Failed) -> ConnectorError {
    match failed {
        RequestTokenError::ServerResponse(said) => {
            let words = said.error_description().map_or_else(|| said.error().to_string(), Clone::clone);
            ConnectorError::Unauthorized { said: short(&words), evidence: None }
        }
        RequestTokenError::Request(error) => error,
        RequestTokenError::Parse(error, _) => ConnectorError::Unreadable {
            said: short(&format!("the token endpoint's answer is not what is documented: {error}")),
            evidence: None,
        },
        RequestTokenError::Other(said) => ConnectorError::Unreadable { said: short(&said), evidence: None },
    }
}

#[async_trait]
impl OAuth for HubSpot {
    fn authorize_url(&self, access: &Access, state: &str, redirect: &str) -> Result<String, ConnectorError> {
        check_url("authorize_url", access.setting("authorize_url")?, access.allow_private_hosts)?;
        let redirect = redirect_url(redirect)?;
        let client = client(access)?.set_redirect_uri(redirect);
        let state = state.to_owned();
        let scopes = access.setting("scopes")?.split_whitespace().map(|scope| Scope::new(scope.to_owned()));
        let (url, _) = client.authorize_url(|| CsrfToken::new(state)).add_scopes(scopes).url();
        Ok(url.into())
    }

    async fn exchange(&self, access: &Access, code: &str, redirect: &str) -> Result<Tokens, ConnectorError> {
        let client = client(access)?.set_redirect_uri(redirect_url(redirect)?);
        let code = AuthorizationCode::new(code.to_owned());
        let answered =
            client.exchange_code(code).request_async(&Carrier(access.http.clone())).await.map_err(error_of)?;
        Ok(tokens_of(&answered, None, Utc::now()))
    }
}

fn redirect_url(text: &str) -> Result<RedirectUrl, ConnectorError> {
    RedirectUrl::new(text.to_owned()).map_err(|_| ConnectorError::Misconfigured {
        setting: "redirect",
        said: "the address to come back to is no address".to_owned(),
    })
}
