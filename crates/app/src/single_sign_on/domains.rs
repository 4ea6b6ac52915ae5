//! The domains that a group's issuer is for. One counts after its DNS said that it is the group's.

use crate::error::AppError;
use crate::fields::invalid;
use crate::identity::Origin;
use crate::single_sign_on::SingleSignOn;
use chrono::{DateTime, Utc};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use rand::RngCore;
use serde::Serialize;
use serde_json::json;
use std::net::SocketAddr;
use std::time::Duration;
use store::single_sign_on::{self, Domain};
use store::{TenantScope, audit};

/// Domains of one group.
const DOMAINS_MAX: usize = 50;
/// A question to the name server takes no longer.
const ASK_WITHIN: Duration = Duration::from_secs(5);

/// A domain as admins see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DomainShown {
    /// `example.com`.
    pub domain: String,
    /// The name under which its DNS must have a TXT record.
    pub record_name: String,
    /// What that record must say.
    pub record_value: String,
    /// Since when it is proven; until then it counts for nothing.
    pub proved_at: Option<DateTime<Utc>>,
    /// Since when it is listed.
    pub created_at: DateTime<Utc>,
}

impl DomainShown {
    pub(super) fn of(kept: Domain) -> Self {
        Self {
            record_name: format!("_driveline.{}", kept.domain),
            record_value: format!("driveline-domain={}", kept.token),
            domain: kept.domain,
            proved_at: kept.proved_at,
            created_at: kept.created_at,
        }
    }
}

/// A domain as DNS and addresses write it; `None` where it is none.
fn domain(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches('@').trim_end_matches('.');
    let url::Host::Domain(host) = url::Host::parse(text).ok()? else { return None };
    let fits = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let is_one = host.len() <= 240 && host.contains('.') && host.split('.').all(fits);
    is_one.then(|| host.to_ascii_lowercase())
}

/// All texts under a name, asked anew: an answer of before is what somebody has just changed.
async fn texts(server: Option<SocketAddr>, name: &str) -> Result<Vec<String>, String> {
    let mut builder = match server {
        Some(server) => {
            let mut by_udp = ConnectionConfig::udp();
            by_udp.port = server.port();
            let mut by_tcp = ConnectionConfig::tcp();
            by_tcp.port = server.port();
            let server = NameServerConfig::new(server.ip(), true, vec![by_udp, by_tcp]);
            let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        }
        None => TokioResolver::builder_tokio().map_err(|error| error.to_string())?,
    };
    let options = builder.options_mut();
    options.cache_size = 0;
    options.timeout = ASK_WITHIN;
    options.attempts = 1;
    let resolver = builder.build().map_err(|error| error.to_string())?;
    // With the dot: no search list of this machine's.
    match resolver.lookup(format!("{name}."), RecordType::TXT).await {
        Ok(found) => Ok(found
            .answers()
            .iter()
            .filter_map(|record| match &record.data {
                RData::TXT(text) => {
                    Some(text.txt_data.iter().map(|part| String::from_utf8_lossy(part)).collect::<String>())
                }
                _ => None,
            })
            .collect()),
        Err(error) if error.is_no_records_found() => Ok(Vec::new()),
        Err(error) => Err(error.to_string()),
    }
}

impl SingleSignOn<'_> {
    /// Lists a domain, yet to be proven.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Invalid`], [`AppError::Conflict`], [`AppError::Store`].
    pub async fn add_domain(self, scope: &TenantScope, typed: &str) -> Result<DomainShown, AppError> {
        Self::may_change(scope)?;
        let name = domain(typed).ok_or_else(|| invalid("domain", "This is no domain; write example.com."))?;
        let mut token = [0; 20];
        rand::rng().fill_bytes(&mut token);
        let now = self.0.now();
        let tx = self.0.db().tenant(scope).await?;
        if single_sign_on::domains(&tx).await?.len() >= DOMAINS_MAX {
            let said = format!("a group has at most {DOMAINS_MAX} domains; remove one first");
            return Err(AppError::Conflict { code: "too_many_domains", said });
        }
        if !single_sign_on::add_domain(&tx, &name, &hex::encode(token), now).await? {
            return Err(invalid("domain", "This domain is in the list already."));
        }
        let group = scope.tenant().to_string();
        audit::append(&tx, "single_sign_on.domain_added", "group", &group, json!({ "domain": name }), now).await?;
        tx.commit().await?;
        let token = hex::encode(token);
        Ok(DomainShown::of(Domain { domain: name, token, proved_at: None, created_at: now }))
    }

    /// Asks the DNS whether a domain is the group's.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::NotFound`], [`AppError::Conflict`] with what the DNS says,
    /// [`AppError::Throttled`], [`AppError::Store`].
    pub async fn prove_domain(self, scope: &TenantScope, name: &str, origin: &Origin) -> Result<(), AppError> {
        Self::may_change(scope)?;
        self.0.identity().count_trip(origin).await?;
        let tx = self.0.db().tenant(scope).await?;
        let listed = single_sign_on::domains(&tx).await?.into_iter().find(|domain| domain.domain == name);
        tx.commit().await?;
        let wanted = DomainShown::of(listed.ok_or(AppError::NotFound("domain"))?);
        let unproven = |said: String| AppError::Conflict { code: "domain_not_proven", said };
        let found = texts(self.0.config().names.server, &wanted.record_name)
            .await
            .map_err(|said| unproven(format!("the name server did not answer ({said}); try again in a minute")))?;
        if !found.iter().any(|text| text.trim() == wanted.record_value) {
            return Err(unproven(match found.first() {
                None => format!(
                    "there is no TXT record under {} yet; a new one takes minutes, sometimes an hour, to be seen",
                    wanted.record_name
                ),
                Some(other) => format!(
                    "the TXT record under {} says “{}”; it must say “{}”",
                    wanted.record_name,
                    super::issuer::short(other),
                    wanted.record_value
                ),
            }));
        }
        let tx = self.0.db().platform().await?;
        let holder = single_sign_on::group_of_domain(&tx, name).await?;
        if holder.is_some_and(|holder| holder != scope.tenant()) {
            return Err(AppError::Conflict {
                code: "domain_taken",
                said: "another dealer group proved this domain before; its owner removes it there, or write to support"
                    .to_owned(),
            });
        }
        let now = self.0.now();
        let tx = self.0.db().enter(tx, scope).await?;
        single_sign_on::prove_domain(&tx, name, now).await?;
        let group = scope.tenant().to_string();
        audit::append(&tx, "single_sign_on.domain_proved", "group", &group, json!({ "domain": name }), now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Takes a domain off the list: nobody is led to the issuer by it any more.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::NotFound`], [`AppError::Store`].
    pub async fn remove_domain(self, scope: &TenantScope, name: &str) -> Result<(), AppError> {
        Self::may_change(scope)?;
        let tx = self.0.db().tenant(scope).await?;
        if !single_sign_on::delete_domain(&tx, name).await? {
            return Err(AppError::NotFound("domain"));
        }
        let group = scope.tenant().to_string();
        let detail = json!({ "domain": name });
        audit::append(&tx, "single_sign_on.domain_removed", "group", &group, detail, self.0.now()).await?;
        tx.commit().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_written_one_way() {
        for (typed, is) in [
            (" Example.COM. ", Some("example.com")),
            ("@bayside.test", Some("bayside.test")),
            ("autohaus-müller.example", Some("xn--autohaus-mller-psb.example")),
            ("localhost", None),
            ("127.0.0.1", None),
            ("ann@example.com", None),
            ("a..b", None),
            ("-a.com", None),
            ("", None),
        ] {
            assert_eq!(domain(typed).as_deref(), is, "{typed}");
        }
    }
}
