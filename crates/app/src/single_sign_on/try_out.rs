//! Trying an issuer out, step by step, each with the issuer's own words and what to do.

use crate::error::AppError;
use crate::single_sign_on::SingleSignOn;
use crate::single_sign_on::issuer::Trouble;
use serde::Serialize;
use serde_json::json;
use store::{TenantScope, audit};

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TriedStep {
    /// What was tried.
    pub name: &'static str,
    /// Whether it went well; `None`: not tried, because an earlier one failed.
    pub went_well: Option<bool>,
    /// The issuer's own words, or ours.
    pub said: String,
    /// How to fix it; empty where it went well.
    pub fix: String,
}

/// How it went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TryOut {
    /// Whether every step went well.
    pub is_good: bool,
    /// In order.
    pub steps: Vec<TriedStep>,
}

const DOCUMENT: &str = "Read what the issuer publishes";
const KEYS: &str = "Read its keys";
const CLIENT: &str = "Client id and secret";

fn good(name: &'static str, said: String) -> TriedStep {
    TriedStep { name, went_well: Some(true), said, fix: String::new() }
}

fn bad(name: &'static str, trouble: Trouble) -> TriedStep {
    TriedStep { name, went_well: Some(false), said: trouble.said, fix: trouble.fix }
}

impl SingleSignOn<'_> {
    /// Asks the issuer for what a sign-in needs of it, without anybody signing in.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::NotFound`] where there is no issuer, [`AppError::Store`].
    pub async fn try_out(self, scope: &TenantScope) -> Result<TryOut, AppError> {
        Self::may_change(scope)?;
        let (issuer, _) = self.issuer(scope).await?.ok_or(AppError::NotFound("single sign-on"))?;
        let mut steps = Vec::new();
        let mut metadata = None;
        match issuer.published().await {
            Ok(published) => {
                let said = format!("signs people in at {}", published.authorization_endpoint().as_str());
                steps.push(good(DOCUMENT, said));
                match issuer.with_keys(published).await {
                    Ok(with_keys) => {
                        let keys = with_keys.jwks().keys().len();
                        let said = if keys == 1 { "1 key".to_owned() } else { format!("{keys} keys") };
                        steps.push(good(KEYS, said));
                        metadata = Some(with_keys);
                    }
                    Err(trouble) => steps.push(bad(KEYS, trouble)),
                }
            }
            Err(trouble) => steps.push(bad(DOCUMENT, trouble)),
        }
        if let Some(metadata) = metadata {
            steps.push(match issuer.knows_us(metadata).await {
                Ok(()) => good(CLIENT, "the issuer takes them".to_owned()),
                Err(trouble) => bad(CLIENT, trouble),
            });
        }
        for name in [DOCUMENT, KEYS, CLIENT] {
            if !steps.iter().any(|step| step.name == name) {
                let said = "not tried, because an earlier step failed".to_owned();
                steps.push(TriedStep { name, went_well: None, said, fix: String::new() });
            }
        }
        let is_good = steps.iter().all(|step| step.went_well == Some(true));
        let tx = self.0.db().tenant(scope).await?;
        let group = scope.tenant().to_string();
        audit::append(&tx, "single_sign_on.tried", "group", &group, json!({ "is_good": is_good }), self.0.now())
            .await?;
        tx.commit().await?;
        Ok(TryOut { is_good, steps })
    }
}
