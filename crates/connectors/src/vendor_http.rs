//! HTTP to vendors: one client, time-outs, a size limit on every answer, the rate budget before every call, and the
//! address check that keeps a dealer's setting from reaching our own network.

use crate::access::RateBudget;
use crate::error::{ConnectorError, RATE_LIMIT_WAIT, short};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{RequestBuilder, StatusCode};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The most bytes of an answer that are read.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// From the first byte sent to the last byte read.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// To an open connection.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// No vendor's `Retry-After` is believed beyond this.
const WAIT_MAX: Duration = Duration::from_secs(3600);

/// An HTTP client for one connection.
#[derive(Clone)]
pub struct VendorHttp {
    client: reqwest::Client,
    budget: Arc<dyn RateBudget>,
    call_timeout: Duration,
}

/// An answer, read whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl Answer {
    /// A header as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The vendor's request id: vendors call it `x-request-id`, `request-id`, `x-THEIRS-correlation-id`.
    #[must_use]
    pub fn request_id(&self) -> Option<String> {
        ["request-id", "correlation-id"].iter().find_map(|ending| {
            let (_, value) = self.headers.iter().find(|(name, _)| name.as_str().ends_with(ending))?;
            value.to_str().ok().map(ToOwned::to_owned)
        })
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// [`ConnectorError::Unreadable`].
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, ConnectorError> {
        serde_json::from_slice(&self.body).map_err(|error| ConnectorError::Unreadable {
            said: format!("not the JSON that is documented: {error} (HTTP {})", self.status.as_u16()),
            evidence: self.request_id(),
        })
    }
}

/// What a call does at the other side; decides what a lost answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Reads: may be repeated.
    Reads,
    /// Writes: a lost answer leaves the outcome unknown.
    Writes,
}

impl VendorHttp {
    /// A client over a shared connection pool, held to `budget`.
    #[must_use]
    pub fn new(client: reqwest::Client, budget: Arc<dyn RateBudget>) -> Self {
        Self { client, budget, call_timeout: CALL_TIMEOUT }
    }

    /// The same client with another time for a whole call.
    #[must_use]
    pub fn with_call_timeout(self, call_timeout: Duration) -> Self {
        Self { call_timeout, ..self }
    }

    /// The shared connection pool: made once per process. Follows no redirects.
    ///
    /// # Errors
    /// Where TLS cannot be set up.
    pub fn pool(allow_private_hosts: bool) -> Result<reqwest::Client, reqwest::Error> {
        reqwest::Client::builder()
            .timeout(CALL_TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .dns_resolver(Arc::new(PublicOnly { allow_private_hosts }))
            .user_agent(concat!("Driveline/", env!("CARGO_PKG_VERSION")))
            .build()
    }

    /// Starts a request.
    #[must_use]
    pub fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// The rate budget, for a vendor whose headers say more than `Retry-After`.
    #[must_use]
    pub fn budget(&self) -> &dyn RateBudget {
        self.budget.as_ref()
    }

    /// Sends a request and reads the answer. 401, 429 and 5xx become errors, everything else is the vendor folder's to judge.
    ///
    /// # Errors
    /// As [`ConnectorError`] says.
    pub async fn send(&self, effect: Effect, request: RequestBuilder) -> Result<Answer, ConnectorError> {
        let answer = self.send_raw(effect, request).await?;
        self.judge(answer).await
    }

    /// Sends a request and reads the answer, whatever its status. For vendors that hide meaning in a 5xx.
    ///
    /// # Errors
    /// Where no whole answer came, or the budget is spent.
    pub async fn send_raw(&self, effect: Effect, request: RequestBuilder) -> Result<Answer, ConnectorError> {
        self.budget.take().await.map_err(|wait| ConnectorError::RateLimited {
            wait,
            said: "our share of the system's quota is used up".to_owned(),
        })?;
        let response = request.timeout(self.call_timeout).send().await.map_err(|error| lost(effect, error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = BytesMut::new();
        let mut stream = response.bytes_stream();
        while let Some(chunk) = stream.next().await {
            body.extend_from_slice(&chunk.map_err(|error| lost(effect, error))?);
            if body.len() > ANSWER_BYTES_MAX {
                return Err(ConnectorError::TooLarge {
                    what: "the system's answer".to_owned(),
                    limit_bytes: ANSWER_BYTES_MAX as u64,
                });
            }
        }
        Ok(Answer { status, headers, body: body.freeze() })
    }

    /// Turns 401, 429 and 5xx into errors, and lets the budget know of a 429.
    ///
    /// # Errors
    /// For these statuses.
    pub async fn judge(&self, answer: Answer) -> Result<Answer, ConnectorError> {
        let evidence = answer.request_id();
        let said = || short(&format!("HTTP {}", answer.status.as_u16()));
        match answer.status.as_u16() {
            401 => Err(ConnectorError::Unauthorized { said: said(), evidence }),
            429 => {
                let wait = retry_after(&answer.headers).unwrap_or(RATE_LIMIT_WAIT);
                self.budget.pause(wait).await;
                Err(ConnectorError::RateLimited { wait, said: said() })
            }
            503 if answer.headers.contains_key(RETRY_AFTER) => {
                let wait = retry_after(&answer.headers).unwrap_or(RATE_LIMIT_WAIT);
                Err(ConnectorError::RateLimited { wait, said: said() })
            }
            500..=599 => Err(ConnectorError::Unavailable { said: said(), evidence, source: None }),
            _ => Ok(answer),
        }
    }
}

fn lost(effect: Effect, error: reqwest::Error) -> ConnectorError {
    // The address of a call can carry a token; the error text must not.
    let error = error.without_url();
    let said = if error.is_timeout() {
        "no answer in time".to_owned()
    } else if error.is_connect() {
        "no connection".to_owned()
    } else {
        "the connection was cut".to_owned()
    };
    // Without a connection nothing was sent.
    if effect == Effect::Writes && !error.is_connect() {
        return ConnectorError::OutcomeUnknown { said, source: Some(Box::new(error)) };
    }
    ConnectorError::Unavailable { said, evidence: None, source: Some(Box::new(error)) }
}

/// `Retry-After` in seconds or as an HTTP date, at most an hour.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let until = chrono::DateTime::parse_from_rfc2822(text).ok()?;
            (until.to_utc() - chrono::Utc::now()).to_std().unwrap_or_default()
        }
    };
    Some(wait.min(WAIT_MAX))
}

/// Resolves names and leaves out addresses inside our own network, so that what was checked is what is called.
struct PublicOnly {
    allow_private_hosts: bool,
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let allow = self.allow_private_hosts;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let fit: Vec<_> = found.filter(|address| allow || is_public(address.ip())).collect();
            if fit.is_empty() {
                return Err("the name leads to no public address".into());
            }
            let addrs: Addrs = Box::new(fit.into_iter());
            Ok(addrs)
        })
    }
}

/// Checks an address that a dealer typed: scheme, and no literal address inside our own network.
///
/// # Errors
/// [`ConnectorError::Misconfigured`] with what is wrong.
pub fn check_url(setting: &'static str, text: &str, allow_private_hosts: bool) -> Result<url::Url, ConnectorError> {
    let wrong = |said: &str| ConnectorError::Misconfigured { setting, said: said.to_owned() };
    let url = url::Url::parse(text).map_err(|_| wrong("this is no address; it starts with https://"))?;
    if url.scheme() != "https" && !(allow_private_hosts && url.scheme() == "http") {
        return Err(wrong("only https:// is allowed"));
    }
    let literal = match url.host() {
        None => return Err(wrong("the address has no host")),
        Some(url::Host::Domain(_)) => None,
        Some(url::Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
        Some(url::Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
    };
    if literal.is_some_and(|ip| !allow_private_hosts && !is_public(ip)) {
        return Err(wrong("this address is inside a private network"));
    }
    Ok(url)
}

/// Whether an address is on the public Internet.
#[must_use]
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            !(ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_broadcast()
                || ip.is_documentation()
                || ip.is_multicast()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 192 && b == 0 && c == 0)
                || (a == 198 && (18..20).contains(&b)))
        }
        IpAddr::V6(ip) => {
            if let Some(mapped) = ip.to_ipv4_mapped() {
                return is_public(IpAddr::V4(mapped));
            }
            let [first, second, ..] = ip.segments();
            // Global unicast is 2000::/3; 2001:db8::/32 documents, 2002::/16 and 2001::/32 wrap IPv4, 64:ff9b::/96 is outside it.
            (first & 0xe000) == 0x2000 && !(first == 0x2001 && (second == 0x0db8 || second == 0)) && first != 0x2002
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_inside_our_network_are_not_public_in_any_disguise() {
        for text in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "::1",
            "::ffff:127.0.0.1",
            "fe80::1",
            "fd00::1",
            "2002:7f00:1::",
            "64:ff9b::7f00:1",
            "255.255.255.255",
        ] {
            assert_eq!(text.parse().map(is_public), Ok(false), "{text}");
        }
        for text in ["93.184.216.34", "2606:2800:220:1::1"] {
            assert_eq!(text.parse().map(is_public), Ok(true), "{text}");
        }
    }

    #[test]
    fn a_setting_cannot_point_at_our_own_network() {
        for text in
            ["http://example.com", "https://127.0.0.1/x", "https://[::1]/", "https://0x7f.1/", "ftp://x.com", "x"]
        {
            assert!(check_url("base_url", text, false).is_err(), "{text}");
        }
        assert!(check_url("base_url", "https://api.hubapi.com", false).is_ok());
    }
}
