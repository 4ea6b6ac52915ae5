//! An OpenID Connect issuer: what it publishes, where a browser is sent, and what it says of who comes back.
//!
//! Metadata and keys are read anew for every sign-in, so that a rotated key is never a stale one. An issuer's address is
//! one that somebody typed: every call goes by the same check as a connector's.

use chrono::{DateTime, Utc};
use connectors::vendor_http::check_url;
use futures::StreamExt;
use futures::future::BoxFuture;
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreIdTokenVerifier, CoreJsonWebKeySet,
    CoreJwsSigningAlgorithm as Algorithm, CoreProviderMetadata, CoreResponseType, CoreUserInfoClaims,
};
use openidconnect::{
    AsyncHttpClient, AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IssuerUrl, Nonce, OAuth2TokenResponse,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, ResponseTypes, Scope, TokenResponse,
};
use secrecy::{ExposeSecret, SecretString};
use std::error::Error as StdError;
use std::time::Duration;
use url::Url;

/// A call to an issuer takes no longer: a person waits.
const CALL_WITHIN: Duration = Duration::from_secs(10);
/// The most bytes of an answer that are read: metadata and keys have a few thousand.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// The longest piece of an issuer's words that is shown.
const SAID_CHARS_MAX: usize = 300;
/// With these an ID token may be signed: by the issuer's private key. Not `none`, and no HMAC, whose key we hold too.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RsaSsaPkcs1V15Sha256,
    Algorithm::RsaSsaPkcs1V15Sha384,
    Algorithm::RsaSsaPkcs1V15Sha512,
    Algorithm::RsaSsaPssSha256,
    Algorithm::RsaSsaPssSha384,
    Algorithm::RsaSsaPssSha512,
    Algorithm::EcdsaP256Sha256,
    Algorithm::EcdsaP384Sha384,
    Algorithm::EdDsa,
];
const DOCUMENT: &str = ".well-known/openid-configuration";

/// Why the issuer did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{said}")]
pub(crate) struct Trouble {
    /// Stable code.
    pub(crate) code: &'static str,
    /// The issuer's own words, or the network's.
    pub(crate) said: String,
    /// What to do.
    pub(crate) fix: String,
}

pub(crate) fn trouble(code: &'static str, said: impl AsRef<str>, fix: impl Into<String>) -> Trouble {
    Trouble { code, said: short(said.as_ref()), fix: fix.into() }
}

/// Words of somebody else, fit to be shown: one line, not too long.
pub(crate) fn short(words: &str) -> String {
    let one_line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut letters: String = one_line.chars().filter(|letter| !letter.is_control()).take(SAID_CHARS_MAX).collect();
    if one_line.chars().count() > SAID_CHARS_MAX {
        letters.push('…');
    }
    letters
}

/// Carries requests over our own client, with its limits.
#[derive(Clone)]
struct Carrier {
    http: reqwest::Client,
    allow_private_hosts: bool,
}

impl Carrier {
    fn may_call(&self, address: &str) -> Result<Url, Trouble> {
        check_url("issuer", address, self.allow_private_hosts).map_err(|error| {
            trouble(
                "issuer_address",
                format!("{address}: {error}"),
                "Driveline calls public addresses by https:// only. Ask whoever runs the issuer for its public address.",
            )
        })
    }

    async fn carry(&self, call: HttpRequest) -> Result<HttpResponse, Trouble> {
        let (parts, body) = call.into_parts();
        let url = self.may_call(&parts.uri.to_string())?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let asked = self.http.request(parts.method, url).headers(parts.headers).body(body).timeout(CALL_WITHIN);
        let answer = asked.send().await.map_err(|error| lost(&host, &error))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let mut body = Vec::new();
        let mut stream = answer.bytes_stream();
        while let Some(chunk) = stream.next().await {
            body.extend_from_slice(&chunk.map_err(|error| lost(&host, &error))?);
            if body.len() > ANSWER_BYTES_MAX {
                let said = format!("{host} answers with more than {ANSWER_BYTES_MAX} bytes");
                return Err(trouble("issuer_unreadable", said, "Check the issuer's address."));
            }
        }
        let mut response = HttpResponse::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }

    async fn get(&self, url: &Url) -> Result<HttpResponse, Trouble> {
        let mut request = HttpRequest::new(Vec::new());
        *request.uri_mut() = url
            .as_str()
            .parse()
            .map_err(|_| trouble("issuer_address", format!("{url} is no address"), "Check the issuer's address."))?;
        self.carry(request).await
    }
}

impl<'c> AsyncHttpClient<'c> for Carrier {
    type Error = Trouble;
    type Future = BoxFuture<'c, Result<HttpResponse, Trouble>>;

    fn call(&'c self, call: HttpRequest) -> Self::Future {
        Box::pin(self.carry(call))
    }
}

/// What the network said, by its innermost cause: "certificate has expired" says more than "error sending request".
fn lost(host: &str, error: &reqwest::Error) -> Trouble {
    let mut cause: &dyn StdError = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let said = if error.is_timeout() { "no answer in time".to_owned() } else { cause.to_string() };
    trouble(
        "issuer_not_reached",
        format!("{host}: {said}"),
        "Check the issuer's address, and whether it can be reached from the internet.",
    )
}

/// What the issuer says of who came back. The token was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// Their id there: never given to another.
    pub(crate) subject: String,
    /// Their address.
    pub(crate) email: Option<String>,
    /// Whether the issuer knows that it is theirs.
    pub(crate) is_email_verified: bool,
    /// What they are called.
    pub(crate) name: Option<String>,
}

/// What a trip to the issuer carries: made for one trip of one browser.
pub(crate) struct Marks {
    /// Comes back in the address.
    pub(crate) state: String,
    /// Comes back in the token.
    pub(crate) nonce: String,
    /// Proves that who fetches the token is who began (RFC 7636).
    pub(crate) verifier: String,
}

type Client =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// A group's issuer.
pub(crate) struct Issuer {
    carrier: Carrier,
    address: String,
    client_id: String,
    client_secret: SecretString,
    redirect: String,
    now: DateTime<Utc>,
}

impl Issuer {
    pub(crate) fn new(
        app: &crate::start::App,
        address: &str,
        client_id: &str,
        client_secret: SecretString,
        redirect: String,
    ) -> Self {
        let carrier =
            Carrier { http: app.outgoing().clone(), allow_private_hosts: app.config().vendors.allow_private_hosts };
        let (address, client_id) = (address.to_owned(), client_id.to_owned());
        Self { carrier, address, client_id, client_secret, redirect, now: app.now() }
    }

    /// What the issuer publishes about itself.
    pub(crate) async fn published(&self) -> Result<CoreProviderMetadata, Trouble> {
        let url = self.carrier.may_call(&format!("{}/{DOCUMENT}", self.address.trim_end_matches('/')))?;
        let answer = self.carrier.get(&url).await?;
        let words = || String::from_utf8_lossy(answer.body()).into_owned();
        if !answer.status().is_success() {
            return Err(trouble(
                "issuer_not_found",
                format!("{url} answers HTTP {}: {}", answer.status().as_u16(), words()),
                "The issuer's address is what stands before /.well-known/openid-configuration. Copy it from the issuer's page for this application.",
            ));
        }
        let metadata: CoreProviderMetadata = serde_json::from_slice(answer.body()).map_err(|error| {
            trouble(
                "issuer_unreadable",
                format!("{url} is not what OpenID Connect describes: {error}"),
                "Check the issuer's address: there must be an OpenID Connect issuer, not SAML.",
            )
        })?;
        if metadata.issuer().as_str() != self.address {
            let own = metadata.issuer().as_str();
            return Err(trouble(
                "issuer_differs",
                format!("it calls itself {own}"),
                format!("Enter the issuer's address exactly so, to the last slash: {own}"),
            ));
        }
        self.fit(&metadata)?;
        Ok(metadata)
    }

    /// Whether an issuer can do what we need of it.
    fn fit(&self, metadata: &CoreProviderMetadata) -> Result<(), Trouble> {
        let lacks = |said: String, fix: &str| Err(trouble("issuer_lacks", said, fix));
        self.carrier.may_call(metadata.authorization_endpoint().as_str())?;
        self.carrier.may_call(metadata.jwks_uri().as_str())?;
        match metadata.token_endpoint() {
            Some(endpoint) => self.carrier.may_call(endpoint.as_str())?,
            None => return lacks("it names no token endpoint".to_owned(), "Allow the authorization code flow there."),
        };
        if let Some(endpoint) = metadata.userinfo_endpoint() {
            self.carrier.may_call(endpoint.as_str())?;
        }
        let code = ResponseTypes::new(vec![CoreResponseType::Code]);
        if !metadata.response_types_supported().contains(&code) {
            return lacks(
                "it does not offer the response type `code`".to_owned(),
                "Allow the authorization code flow there.",
            );
        }
        let signs = metadata.id_token_signing_alg_values_supported();
        if !signs.iter().any(|algorithm| ALGORITHMS.contains(algorithm)) {
            let named: Vec<String> = signs
                .iter()
                .filter_map(|algorithm| serde_json::to_value(algorithm).ok()?.as_str().map(str::to_owned))
                .collect();
            return lacks(
                format!("it signs with {} only", named.join(", ")),
                "Let it sign ID tokens by RS256, PS256, ES256, EdDSA or a longer one of them.",
            );
        }
        Ok(())
    }

    /// The same with the keys by which it signs now.
    pub(crate) async fn with_keys(&self, metadata: CoreProviderMetadata) -> Result<CoreProviderMetadata, Trouble> {
        let url = metadata.jwks_uri().url().clone();
        let answer = self.carrier.get(&url).await?;
        if !answer.status().is_success() {
            let said = format!("{url} answers HTTP {}", answer.status().as_u16());
            return Err(trouble("issuer_keys", said, "The issuer must publish its keys; ask whoever runs it."));
        }
        let keys: CoreJsonWebKeySet = serde_json::from_slice(answer.body()).map_err(|error| {
            trouble(
                "issuer_keys",
                format!("{url} is no set of keys: {error}"),
                "The issuer must publish its keys; ask whoever runs it.",
            )
        })?;
        if keys.keys().is_empty() {
            let fix = "The issuer must publish a key that Driveline can check by: RSA, P-256, P-384 or Ed25519.";
            return Err(trouble("issuer_keys", format!("{url} has no key that can be used"), fix));
        }
        Ok(metadata.set_jwks(keys))
    }

    fn client(&self, metadata: CoreProviderMetadata) -> Result<Client, Trouble> {
        // The standard's default is HTTP Basic; some take the body only.
        let by = metadata.token_endpoint_auth_methods_supported().map(Vec::as_slice).unwrap_or_default();
        let in_body = by.contains(&CoreClientAuthMethod::ClientSecretPost)
            && !by.contains(&CoreClientAuthMethod::ClientSecretBasic);
        let redirect = RedirectUrl::new(self.redirect.clone())
            .map_err(|error| trouble("own_address", error.to_string(), "Tell support: our own address is wrong."))?;
        let secret = ClientSecret::new(self.client_secret.expose_secret().to_owned());
        Ok(CoreClient::from_provider_metadata(metadata, ClientId::new(self.client_id.clone()), Some(secret))
            .set_auth_type(if in_body { AuthType::RequestBody } else { AuthType::BasicAuth })
            .set_redirect_uri(redirect))
    }

    /// Where the browser goes.
    pub(crate) fn address_for(
        &self,
        metadata: CoreProviderMetadata,
        marks: &Marks,
        email: &str,
    ) -> Result<Url, Trouble> {
        let verifier = PkceCodeVerifier::new(marks.verifier.clone());
        let (state, nonce) = (marks.state.clone(), marks.nonce.clone());
        let client = self.client(metadata)?;
        let (url, _, _) = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                move || CsrfToken::new(state),
                move || Nonce::new(nonce),
            )
            .add_scope(Scope::new("email".to_owned()))
            .add_scope(Scope::new("profile".to_owned()))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .add_extra_param("login_hint", email)
            .url();
        Ok(url)
    }

    /// Whether the issuer takes our name and secret: a code that nobody gave must be refused for itself, not for us.
    pub(crate) async fn knows_us(&self, metadata: CoreProviderMetadata) -> Result<(), Trouble> {
        let client = self.client(metadata)?;
        let exchange = client
            .exchange_code(AuthorizationCode::new("a-code-that-nobody-gave".to_owned()))
            .map_err(|error| trouble("issuer_lacks", error.to_string(), "Allow the authorization code flow there."))?;
        let asked =
            exchange.set_pkce_verifier(PkceCodeVerifier::new("v".repeat(43))).request_async(&self.carrier).await;
        match asked.err() {
            None => Ok(()),
            Some(RequestTokenError::ServerResponse(refused))
                if !matches!(refused.error().as_ref(), "invalid_client" | "unauthorized_client") =>
            {
                Ok(())
            }
            Some(failed) => Err(refused(failed)),
        }
    }

    /// Takes the code to the issuer and checks what it says of who came back. `metadata` has the keys of now.
    pub(crate) async fn who_came(
        &self,
        metadata: CoreProviderMetadata,
        code: &str,
        marks: &Marks,
    ) -> Result<Told, Trouble> {
        let keys = metadata.jwks().clone();
        let has_userinfo = metadata.userinfo_endpoint().is_some();
        let client = self.client(metadata)?;
        let tokens = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|error| trouble("issuer_lacks", error.to_string(), "Allow the authorization code flow there."))?
            .set_pkce_verifier(PkceCodeVerifier::new(marks.verifier.clone()))
            .request_async(&self.carrier)
            .await
            .map_err(refused)?;
        let id_token = tokens.id_token().ok_or_else(|| {
            trouble("no_id_token", "it gave no ID token", "Allow the scope `openid` for this application there.")
        })?;
        let issuer = IssuerUrl::new(self.address.clone())
            .map_err(|error| trouble("issuer_address", error.to_string(), "Check the issuer's address."))?;
        let now = self.now;
        let verifier = CoreIdTokenVerifier::new_confidential_client(
            ClientId::new(self.client_id.clone()),
            ClientSecret::new(self.client_secret.expose_secret().to_owned()),
            issuer,
            keys,
        )
        .set_allowed_algs(ALGORITHMS)
        .set_time_fn(move || now);
        let claims = id_token.claims(&verifier, &Nonce::new(marks.nonce.clone())).map_err(unbelievable)?;
        let mut told = Told {
            subject: claims.subject().as_str().to_owned(),
            email: claims.email().map(|email| email.as_str().to_owned()),
            is_email_verified: claims.email_verified().unwrap_or_default(),
            name: claims.name().and_then(|name| name.get(None)).map(|name| name.as_str().to_owned()),
        };
        if told.email.is_none() && has_userinfo {
            // Many say in the token who it is and nothing else.
            let asked = client
                .user_info(tokens.access_token().clone(), Some(claims.subject().clone()))
                .map_err(|error| trouble("userinfo", error.to_string(), "Check the issuer's settings."))?;
            let more: CoreUserInfoClaims = asked.request_async(&self.carrier).await.map_err(|error| {
                let fix = "Allow the scopes `email` and `profile` for this application there.";
                trouble("userinfo", format!("its userinfo endpoint: {error}"), fix)
            })?;
            told.email = more.email().map(|email| email.as_str().to_owned());
            told.is_email_verified = more.email_verified().unwrap_or_default();
            told.name =
                told.name.or_else(|| more.name().and_then(|name| name.get(None)).map(|name| name.as_str().to_owned()));
        }
        Ok(told)
    }
}

type TokenRefused =
    RequestTokenError<Trouble, openidconnect::StandardErrorResponse<openidconnect::core::CoreErrorResponseType>>;

fn refused(failed: TokenRefused) -> Trouble {
    match failed {
        RequestTokenError::ServerResponse(answer) => {
            let code = answer.error().as_ref().to_owned();
            let said = match answer.error_description() {
                Some(words) => format!("the issuer answers “{code}: {words}”"),
                None => format!("the issuer answers “{code}”"),
            };
            let fix = match code.as_str() {
                "invalid_client" | "unauthorized_client" => {
                    "Copy client id and client secret from the issuer once more; a secret may have ended there."
                }
                "invalid_grant" => {
                    "Start signing in again. If it stays so, check that the redirect address at the issuer is the one that Driveline shows."
                }
                _ => "Start signing in again; if it stays so, show these words to whoever runs the issuer.",
            };
            trouble("issuer_refused", said, fix)
        }
        RequestTokenError::Request(lost) => lost,
        RequestTokenError::Parse(error, _) => trouble(
            "issuer_unreadable",
            format!("its token endpoint's answer cannot be read: {error}"),
            "Show these words to whoever runs the issuer.",
        ),
        RequestTokenError::Other(said) => {
            trouble("issuer_unreadable", said, "Show these words to whoever runs the issuer.")
        }
    }
}

/// A token that says too little, or something else than was asked.
fn unbelievable(error: ClaimsVerificationError) -> Trouble {
    let mut said = format!("its ID token is not accepted: {error}");
    if let Some(cause) = error.source() {
        said = format!("{said}: {cause}");
    }
    let fix = match error {
        ClaimsVerificationError::Expired(_) => "Start signing in again. If it stays so, the issuer's clock is wrong.",
        ClaimsVerificationError::InvalidAudience(_) => "Check the client id: the token is for another application.",
        ClaimsVerificationError::InvalidNonce(_) => "Start signing in again; this token belongs to another sign-in.",
        // The crate may name more.
        _ => "Start signing in again; if it stays so, show these words to whoever runs the issuer.",
    };
    trouble("token_refused", said, fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuers_words_fit_on_a_line() {
        assert_eq!(short("a\n\n b\u{7}"), "a b");
        assert_eq!(short(&"x".repeat(400)).chars().count(), SAID_CHARS_MAX + 1);
    }
}
