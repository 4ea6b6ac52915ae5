//! Access to a folder of files, and whole pulls.

use async_trait::async_trait;
use connectors::vendor_http::VendorHttp;
use connectors::{
    Access, ConnectorError, Coverage, Cursor, Next, NoUploads, PageAsk, Payload, PullMode, Reject, TokenStore, Tokens,
    Unlimited,
};
use domain::{ConnectionId, ObjectKind};
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::sync::Arc;

struct NoTokens;

#[async_trait]
impl TokenStore for NoTokens {
    async fn load(&self) -> Result<Option<Tokens>, ConnectorError> {
        Ok(None)
    }

    async fn save(&self, _tokens: &Tokens) -> Result<(), ConnectorError> {
        Ok(())
    }
}

/// These settings, and files are taken as soon as they are there.
pub fn settings(all: &[(&str, &str)]) -> BTreeMap<String, String> {
    [("settle_seconds", "0")].iter().chain(all).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub fn access(settings: BTreeMap<String, String>) -> Access {
    Access {
        connection: ConnectionId::new(),
        settings,
        credentials: BTreeMap::new(),
        http: VendorHttp::new(VendorHttp::pool(true).unwrap(), Arc::new(Unlimited)),
        tokens: Arc::new(NoTokens),
        uploads: Arc::new(NoUploads),
        allow_private_hosts: true,
    }
}

pub fn credentials(mut access: Access, all: &[(&str, &str)]) -> Access {
    for (name, value) in all {
        access.credentials.insert((*name).to_owned(), SecretString::from((*value).to_owned()));
    }
    access
}

/// A whole pull.
pub struct Pulled {
    pub records: Vec<Payload>,
    pub rejects: Vec<Reject>,
    pub coverage: Coverage,
    pub resume: Option<Cursor>,
}

pub async fn pull(access: &Access, object: ObjectKind, from: Option<Cursor>) -> Result<Pulled, ConnectorError> {
    let files = connectors::connector("files").unwrap().pull(object).unwrap();
    let mode = if from.is_some() { PullMode::Changes } else { PullMode::Full };
    let mut ask = PageAsk { mode, cursor: from, now: chrono::Utc::now() };
    let (mut records, mut rejects) = (Vec::new(), Vec::new());
    for _ in 0..1_000 {
        let page = files.page(access, object, &ask).await?;
        records.extend(page.records);
        rejects.extend(page.rejects);
        match page.next {
            Next::Page(cursor) => ask.cursor = Some(cursor),
            Next::Done { resume, coverage } => return Ok(Pulled { records, rejects, coverage, resume }),
        }
    }
    panic!("the pull never ends");
}
