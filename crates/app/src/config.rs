//! What Driveline reads from the environment: one struct per concern, all mistakes reported together.

use secrecy::SecretString;
use std::fmt;
use std::net::SocketAddr;
use url::Url;

/// Everything.
#[derive(Clone, Debug)]
pub struct AppConfig {
    /// Postgres.
    pub database: DatabaseConfig,
    /// Redis.
    pub redis: RedisConfig,
    /// Sealing.
    pub sealing: SealingConfig,
    /// The HTTP server.
    pub web: WebConfig,
    /// Mail.
    pub mail: MailConfig,
    /// Calls to vendors.
    pub vendors: VendorConfig,
    /// Names.
    pub names: NamesConfig,
}

/// Names.
#[derive(Clone, Copy, Debug)]
pub struct NamesConfig {
    /// `DRIVELINE_DNS`: address and port of the name server that tells whose a domain is. The machine's own.
    pub server: Option<SocketAddr>,
}

/// Postgres.
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// `DATABASE_URL`: as the application role. Required.
    pub url: SecretString,
    /// `DRIVELINE_DATABASE_CONNECTIONS`: at most so many per process. 20.
    pub connections_max: u32,
}

/// Redis.
#[derive(Clone, Debug)]
pub struct RedisConfig {
    /// `REDIS_URL`. Required.
    pub url: SecretString,
}

/// Sealing.
#[derive(Clone, Debug)]
pub struct SealingConfig {
    /// `DRIVELINE_MASTER_KEY`: 32 bytes in base64; after a rotation `new,old`. Required.
    pub master_key: SecretString,
}

/// The HTTP server.
#[derive(Clone, Debug)]
pub struct WebConfig {
    /// `DRIVELINE_BIND`: address and port. `127.0.0.1:8080`.
    pub bind: SocketAddr,
    /// `DRIVELINE_PUBLIC_URL`: what browsers and vendors call it by. `http://` and the bind address.
    pub public_url: Url,
    /// `DRIVELINE_BEHIND_PROXY`: believe the last entry of `X-Forwarded-For`. Off.
    pub behind_proxy: bool,
}

impl WebConfig {
    /// Whether browsers reach us by TLS: decides whether cookies are `Secure`.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.public_url.scheme() == "https"
    }

    /// The origin that a browser's own requests come from.
    #[must_use]
    pub fn origin(&self) -> String {
        self.public_url.origin().ascii_serialization()
    }

    /// An address of ours.
    #[must_use]
    pub fn address_of(&self, path: &str) -> String {
        format!("{}{path}", self.public_url.as_str().trim_end_matches('/'))
    }
}

/// Mail.
#[derive(Clone, Debug)]
pub struct MailConfig {
    /// `DRIVELINE_MAIL`: `mailbox` keeps mails and shows them at `/mailbox` (demo), or `smtp://…`, `smtps://…`. Required.
    pub way: MailWay,
    /// `DRIVELINE_MAIL_FROM`: the sender. `Driveline <no-reply@` and the public host `>`.
    pub from: String,
}

/// How mails leave.
#[derive(Clone, Debug)]
pub enum MailWay {
    /// They do not: a demo shows them.
    Mailbox,
    /// By this server.
    Smtp(SecretString),
}

/// Calls to vendors.
#[derive(Clone, Copy, Debug)]
pub struct VendorConfig {
    /// `DRIVELINE_ALLOW_PRIVATE_HOSTS`: loopback and private addresses may be called: for simulators only. Off.
    pub allow_private_hosts: bool,
}

/// All that is wrong with the environment.
#[derive(Debug)]
pub struct ConfigErrors(Vec<String>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the environment is not complete:")?;
        for error in &self.0 {
            write!(f, "\n  {error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// Reads values and gathers what is wrong with them.
struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    errors: Vec<String>,
}

impl Reader<'_> {
    fn optional(&self, name: &str) -> Option<String> {
        (self.lookup)(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    fn secret(&mut self, name: &str, what: &str) -> SecretString {
        self.optional(name)
            .unwrap_or_else(|| {
                self.errors.push(format!("{name} is not set: {what}"));
                String::new()
            })
            .into()
    }

    fn parsed<T: std::str::FromStr>(&mut self, name: &str, default: T, what: &str) -> T {
        match self.optional(name).map(|text| text.parse()) {
            None => default,
            Some(Ok(value)) => value,
            Some(Err(_)) => {
                self.errors.push(format!("{name} cannot be read: {what}"));
                default
            }
        }
    }

    fn flag(&mut self, name: &str) -> bool {
        match self.optional(name).as_deref() {
            None | Some("0" | "false" | "no") => false,
            Some("1" | "true" | "yes") => true,
            Some(_) => {
                self.errors.push(format!("{name} cannot be read: write 1 or 0"));
                false
            }
        }
    }
}

impl AppConfig {
    /// Reads the environment.
    ///
    /// # Errors
    /// All that is missing or wrong, together.
    pub fn from_env() -> Result<Self, ConfigErrors> {
        Self::from_lookup(&|name| std::env::var(name).ok())
    }

    /// Reads from anything that answers names, such as a test's own list.
    ///
    /// # Errors
    /// All that is missing or wrong, together.
    pub fn from_lookup(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigErrors> {
        let mut read = Reader { lookup, errors: Vec::new() };
        let database = DatabaseConfig {
            url: read.secret("DATABASE_URL", "Postgres as the application role, postgres://driveline_app:…@host/name"),
            connections_max: read.parsed("DRIVELINE_DATABASE_CONNECTIONS", 20, "a whole number"),
        };
        let redis = RedisConfig { url: read.secret("REDIS_URL", "Redis 7, redis://host:6379") };
        let sealing = SealingConfig {
            master_key: read.secret("DRIVELINE_MASTER_KEY", "32 random bytes in base64 (openssl rand -base64 32)"),
        };
        let bind = read.parsed("DRIVELINE_BIND", SocketAddr::from(([127, 0, 0, 1], 8080)), "address:port");
        let public_url = match read.optional("DRIVELINE_PUBLIC_URL").map(|text| Url::parse(&text)) {
            Some(Ok(url)) if matches!(url.scheme(), "http" | "https") && url.host().is_some() => Some(url),
            Some(_) => {
                read.errors.push("DRIVELINE_PUBLIC_URL cannot be read: it starts with https://".to_owned());
                None
            }
            None => Url::parse(&format!("http://{bind}")).ok(),
        };
        let way = match read.optional("DRIVELINE_MAIL") {
            Some(text) if text == "mailbox" => MailWay::Mailbox,
            Some(text) if text.starts_with("smtp://") || text.starts_with("smtps://") => MailWay::Smtp(text.into()),
            Some(_) | None => {
                read.errors
                    .push("DRIVELINE_MAIL is not set: smtp://user:password@host, or mailbox for a demo".to_owned());
                MailWay::Mailbox
            }
        };
        let host = public_url.as_ref().and_then(Url::host_str).unwrap_or("localhost").to_owned();
        let from = read.optional("DRIVELINE_MAIL_FROM").unwrap_or_else(|| format!("Driveline <no-reply@{host}>"));
        let behind_proxy = read.flag("DRIVELINE_BEHIND_PROXY");
        let names = NamesConfig {
            server: match read.optional("DRIVELINE_DNS").map(|text| text.parse()) {
                None => None,
                Some(Ok(server)) => Some(server),
                Some(Err(_)) => {
                    read.errors.push("DRIVELINE_DNS cannot be read: write address:port".to_owned());
                    None
                }
            },
        };
        let vendors = VendorConfig { allow_private_hosts: read.flag("DRIVELINE_ALLOW_PRIVATE_HOSTS") };
        match public_url {
            Some(public_url) if read.errors.is_empty() => Ok(Self {
                database,
                redis,
                sealing,
                web: WebConfig { bind, public_url, behind_proxy },
                mail: MailConfig { way, from },
                vendors,
                names,
            }),
            Some(_) | None => Err(ConfigErrors(read.errors)),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn all_mistakes_are_told_at_once() {
        let told = AppConfig::from_lookup(&|name| (name == "DRIVELINE_BIND").then(|| "here".to_owned()))
            .unwrap_err()
            .to_string();
        for name in ["DATABASE_URL", "REDIS_URL", "DRIVELINE_MASTER_KEY", "DRIVELINE_MAIL", "DRIVELINE_BIND"] {
            assert!(told.contains(name), "{told}");
        }
    }

    #[test]
    fn a_secret_is_not_printed() {
        let config = AppConfig::from_lookup(&|name| match name {
            "DATABASE_URL" => Some("postgres://u:hunter2@h/d".to_owned()),
            "REDIS_URL" => Some("redis://:hunter2@h".to_owned()),
            "DRIVELINE_MASTER_KEY" => Some("hunter2".to_owned()),
            "DRIVELINE_MAIL" => Some("smtp://u:hunter2@h".to_owned()),
            _ => None,
        })
        .unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        assert_eq!(config.web.public_url.as_str(), "http://127.0.0.1:8080/");
    }
}
