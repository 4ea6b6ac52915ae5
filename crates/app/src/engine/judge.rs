//! What a tenant's customers are judged by: its model, its rules, and how common values are among its people.

use super::Engine;
use domain::TenantId;
use matching::engine::{Bands, Frequencies, Model};
use matching::{Rules, Scoring};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use store::engine::models::{self, Standing};
use store::{StoreError, TenantKeys, TenantTx};

/// So many counts of values are kept in memory, of all tenants together (about 24 bytes each); the judge that was asked
/// longest ago goes first.
const COUNTS_MAX: usize = 4_000_000;

/// A tenant's judge.
pub(crate) struct Judge {
    standing: Standing,
    pub scoring: Scoring,
    counts: HashMap<i64, u32>,
    present: HashMap<String, u32>,
    shared: HashSet<i64>,
}

/// The judges of the tenants that were asked last.
#[derive(Clone, Default)]
pub struct Judges(Arc<Mutex<Kept>>);

/// Whose judge, who was asked last at the end.
type Kept = Vec<(TenantId, Arc<Judge>)>;

impl Judges {
    fn kept(&self, tenant: TenantId, standing: Standing) -> Option<Arc<Judge>> {
        let mut kept = self.0.lock().ok()?;
        let place = kept.iter().position(|(of, judge)| *of == tenant && judge.standing == standing)?;
        let found = kept.remove(place);
        let judge = Arc::clone(&found.1);
        kept.push(found);
        Some(judge)
    }

    fn keep(&self, tenant: TenantId, judge: Arc<Judge>) {
        if let Ok(mut kept) = self.0.lock() {
            kept.retain(|(of, _)| *of != tenant);
            kept.push((tenant, judge));
            // An empty one has a price too.
            let mut counts: usize = kept.iter().map(|(_, judge)| judge.counts.len() + 1_000).sum();
            while kept.len() > 1 && counts > COUNTS_MAX {
                counts -= kept.remove(0).1.counts.len() + 1_000;
            }
        }
    }
}

impl Engine {
    /// What judges this tenant's customers now.
    pub(crate) async fn judge(&self, tx: &TenantTx) -> Result<Arc<Judge>, StoreError> {
        let standing = models::standing(tx).await?;
        if let Some(judge) = self.judges.kept(tx.tenant(), standing) {
            return Ok(judge);
        }
        let judge = Arc::new(load(tx, standing).await?);
        self.judges.keep(tx.tenant(), Arc::clone(&judge));
        Ok(judge)
    }
}

/// The tenant's own rules, or the usual ones.
pub(crate) async fn rules(tx: &TenantTx) -> Result<Rules, StoreError> {
    models::rules(tx).await?.map_or(Ok(Rules::default()), |row| stored("match_rules.rules", row.rules))
}

async fn load(tx: &TenantTx, standing: Standing) -> Result<Judge, StoreError> {
    let rules = rules(tx).await?;
    let model = match standing.model {
        Some(version) => models::find(tx, version).await?,
        None => None,
    };
    let shared = models::shared_keys(tx).await?.into_iter().collect();
    let Some(row) = model else {
        let scoring = Scoring::unlearned(rules);
        return Ok(Judge { standing, scoring, counts: HashMap::new(), present: HashMap::new(), shared });
    };
    let counts = models::counts(tx, row.version).await?;
    let model: Model = stored("match_model.model", row.model)?;
    let scoring = Scoring::new(&model, Bands { auto: row.auto, review: row.review }, rules);
    Ok(Judge { standing, scoring, counts, present: row.present, shared })
}

/// Reads a stored document.
pub(crate) fn stored<T: DeserializeOwned>(place: &'static str, json: Json) -> Result<T, StoreError> {
    serde_json::from_value(json).map_err(|source| StoreError::Document { place, source })
}

/// The keyed hash by which the count of a value is kept.
pub(crate) fn value_key(keys: &TenantKeys, family: &str, value: &str) -> i64 {
    keys.index64("value", &format!("{family} {value}"))
}

/// How common values are as a judge sees it.
pub(crate) struct Counted<'a> {
    pub judge: &'a Judge,
    pub keys: &'a TenantKeys,
    /// E-mails and phones, as records say them, that more hold than can be looked at.
    pub crowded: HashSet<&'a str>,
}

impl Frequencies for Counted<'_> {
    fn held(&self, family: &'static str, value: &str) -> u32 {
        // Whatever was not seen twice was not kept.
        self.judge.counts.get(&value_key(self.keys, family, value)).copied().unwrap_or(1)
    }

    fn present(&self, family: &'static str) -> u32 {
        self.judge.present.get(family).copied().unwrap_or_default()
    }

    fn is_shared(&self, family: &'static str, value: &str) -> bool {
        let crowded = !self.crowded.is_empty()
            && match family {
                "email" => self.crowded.contains(value),
                "phone" => domain::check::phone(value).is_some_and(|phone| self.crowded.contains(phone.as_str())),
                _ => false,
            };
        crowded || (!self.judge.shared.is_empty() && self.judge.shared.contains(&value_key(self.keys, family, value)))
    }
}
