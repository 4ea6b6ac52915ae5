//! How a group's customers are matched: the model that judges, the group's own rules, values that too many share.

pub use matching::{Rules, Say};
pub use store::engine::models::SharedValue;

use crate::engine::judge::{rules, stored};
use crate::engine::learn::match_job;
use crate::error::AppError;
use crate::fields::Fields;
use crate::start::App;
use chrono::{DateTime, Utc};
use domain::GoldenId;
use domain::permission::Permission;
use matching::engine::model::probability;
use matching::engine::{Band, Bands, Model};
use matching::{Refit, Reviewed, Rule, Scoring, TooLittle, refit};
use queue::enqueue;
use serde::Serialize;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use store::engine::links::Weighed;
use store::engine::models::{self, ModelRow};
use store::engine::{goldens, links};
use store::{StoreError, TenantScope, TenantTx, audit};

/// What can be done about matching.
#[derive(Clone, Copy)]
pub struct Matching<'a>(&'a App);

impl App {
    /// How customers are matched.
    #[must_use]
    pub const fn matching(&self) -> Matching<'_> {
        Matching(self)
    }
}

/// Pairs that a preview shows of each kind.
const SAMPLE: usize = 20;
/// Shared values that are listed.
const SHARED_MAX: i64 = 500;

/// A model as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelShown {
    /// Counts up from 1.
    pub version: i32,
    /// learned (from the data), refit (from decisions as well).
    pub kind: String,
    /// proposed, active, retired, refused.
    pub state: String,
    /// The least probability that is merged at once.
    pub auto: f64,
    /// The least probability that a person looks at.
    pub review: f64,
    /// From how many records it was learned.
    pub records: i64,
    /// How it did on decisions that were held back, beside the one before it.
    pub figures: Json,
    /// The version that it replaced.
    pub parent: Option<i32>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it began to judge.
    pub activated_at: Option<DateTime<Utc>>,
}

impl From<ModelRow> for ModelShown {
    fn from(row: ModelRow) -> Self {
        let ModelRow { version, kind, state, auto, review, records, figures, parent, created_at, activated_at, .. } =
            row;
        Self { version, kind, state, auto, review, records, figures, parent, created_at, activated_at }
    }
}

/// How a group's customers are matched now.
#[derive(Clone, Debug, PartialEq)]
pub struct MatchingShown {
    /// The model that judges; `None` while the shipped one does.
    pub model: Option<ModelShown>,
    /// Where its bands begin, the rules included.
    pub bands: Bands,
    /// The rules.
    pub rules: Rules,
    /// Their version; 0 where they are the usual ones.
    pub rules_version: i32,
    /// Decisions of people from which a model can be taught.
    pub reviewed: usize,
}

/// A pair that would be treated otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Moved {
    /// One entity.
    pub left: GoldenId,
    /// What it is called.
    pub left_title: String,
    /// The other.
    pub right: GoldenId,
    /// What it is called.
    pub right_title: String,
    /// 0 to 1, by the new rules.
    pub score: f64,
}

/// What other rules would do to the data there is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Preview {
    /// Pairs of entities that would be merged at once and are not.
    pub more_merged: usize,
    /// Entities that were merged and would not be by these rules. They stay merged; a person may take them apart.
    pub fewer_merged: usize,
    /// Pairs that people would be asked about and are not now.
    pub more_asked: usize,
    /// Pairs that people are asked about and would not be.
    pub fewer_asked: usize,
    /// Some of those that would be merged.
    pub sample_merged: Vec<Moved>,
    /// Some of those that would be asked about.
    pub sample_asked: Vec<Moved>,
    /// Some of the entities that would not be merged.
    pub sample_loosened: Vec<Loosened>,
}

/// An entity whose records other rules would not have merged.
#[derive(Clone, Debug, PartialEq)]
pub struct Loosened {
    /// The entity.
    pub golden: GoldenId,
    /// Its name.
    pub title: String,
    /// The probability of the best link that holds it, by those rules.
    pub score: f64,
}

impl Matching<'_> {
    /// How customers are matched now.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn show(self, scope: &TenantScope) -> Result<MatchingShown, AppError> {
        scope.require_at(None, Permission::ReadOperations)?;
        let tx = self.0.db().tenant(scope).await?;
        let (active, scoring) = judging(&tx, None).await?;
        let published = models::rules(&tx).await?;
        let shown = MatchingShown {
            bands: scoring.bands(),
            rules: rules(&tx).await?,
            rules_version: published.map_or(0, |row| row.version),
            reviewed: links::decided(&tx).await?.len(),
            model: active.map(ModelShown::from),
        };
        tx.commit().await?;
        Ok(shown)
    }

    /// All models, newest first.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn models(self, scope: &TenantScope) -> Result<Vec<ModelShown>, AppError> {
        scope.require_at(None, Permission::ReadOperations)?;
        let tx = self.0.db().tenant(scope).await?;
        let models = models::list(&tx).await?;
        tx.commit().await?;
        Ok(models.into_iter().map(ModelShown::from).collect())
    }

    /// Values that too many different people share, those of the most holders first.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn shared_values(self, scope: &TenantScope) -> Result<Vec<SharedValue>, AppError> {
        scope.require_at(None, Permission::ReadRecords)?;
        let tx = self.0.db().tenant(scope).await?;
        let shared = models::shared(&tx, SHARED_MAX).await?;
        tx.commit().await?;
        Ok(shared)
    }

    /// Lets a model judge that was made before (a rollback), or the shipped one (`None`), and looks again at whoever may
    /// be one.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::NotFound`], [`AppError::Conflict`] where its counts are gone.
    pub async fn activate(self, scope: &TenantScope, version: Option<i32>) -> Result<(), AppError> {
        scope.require_at(None, Permission::ManageConnections)?;
        let now = self.0.now();
        let tx = self.0.db().tenant(scope).await?;
        match version {
            Some(version) => {
                let row = models::find(&tx, version).await?.ok_or(AppError::NotFound("model"))?;
                if row.records > 0 && models::counts(&tx, version).await?.is_empty() && !row.present.is_empty() {
                    return Err(AppError::Conflict {
                        code: "model_too_old",
                        said: "What this model knew of how common values are is gone; learn anew instead".to_owned(),
                    });
                }
                models::activate(&tx, version, now).await?;
            }
            None => models::retire_all(&tx).await?,
        }
        audit::append(&tx, "matching.model_activated", "matching", "", json!({"version": version}), now).await?;
        enqueue(&tx, &match_job(false)).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Teaches the model by what people decided. It judges from now on if it does better on decisions that were held
    /// back; otherwise it is kept as refused, with its figures.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Conflict`] where too little was decided.
    pub async fn refit(self, scope: &TenantScope) -> Result<ModelShown, AppError> {
        scope.require_at(None, Permission::ManageConnections)?;
        let now = self.0.now();
        let tx = self.0.db().tenant(scope).await?;
        let (active, scoring) = judging(&tx, None).await?;
        let model = match &active {
            Some(row) => stored("match_model.model", row.model.clone())?,
            None => Model::prior(),
        };
        let reviewed: Vec<Reviewed> =
            links::decided(&tx).await?.into_iter().map(|(same, steps)| reviewed(same, &steps)).collect();
        let version = format!("refit-{}", now.format("%Y%m%d%H%M%S"));
        let refit = refit(&model, scoring.bands(), &reviewed, &version).map_err(|error| AppError::Conflict {
            code: match error {
                TooLittle::Few(_) => "too_few_decisions",
                TooLittle::OneSided => "one_sided_decisions",
            },
            said: error.to_string(),
        })?;
        let better = refit.is_better();
        let row = ModelRow {
            version: 0,
            kind: "refit".to_owned(),
            state: String::new(),
            model: serde_json::to_value(&refit.model).map_err(unwritable)?,
            auto: scoring.bands().auto,
            review: scoring.bands().review,
            present: active.as_ref().map(|row| row.present.clone()).unwrap_or_default(),
            records: active.as_ref().map_or(0, |row| row.records),
            figures: figures(&refit),
            parent: active.as_ref().map(|row| row.version),
            created_at: now,
            activated_at: None,
        };
        let version = models::propose(&tx, &row, now).await?;
        if let Some(before) = &active {
            models::copy_counts(&tx, before.version, version).await?;
        }
        if better {
            models::activate(&tx, version, now).await?;
            enqueue(&tx, &match_job(false)).await?;
        } else {
            models::refuse(&tx, version).await?;
        }
        let detail = json!({"version": version, "is_better": better, "figures": figures(&refit)});
        audit::append(&tx, "matching.refit", "matching", "", detail, now).await?;
        let made = models::find(&tx, version).await?.ok_or(AppError::NotFound("model"))?;
        tx.commit().await?;
        Ok(made.into())
    }

    /// What other rules would do to the data there is. Changes nothing.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Invalid`], [`AppError::Store`].
    pub async fn preview(self, scope: &TenantScope, wanted: Rules) -> Result<Preview, AppError> {
        scope.require_at(None, Permission::ManageConnections)?;
        check(&wanted)?;
        let tx = self.0.db().tenant(scope).await?;
        let (_, now) = judging(&tx, None).await?;
        let (_, then) = judging(&tx, Some(wanted)).await?;
        let preview = previewed(&tx, &links::weighed(&tx).await?, &now, &then).await?;
        tx.commit().await?;
        Ok(preview)
    }

    /// Publishes rules, and looks again at whoever may be one by them. Returns their version.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Invalid`], [`AppError::Store`].
    pub async fn publish(self, scope: &TenantScope, wanted: Rules) -> Result<i32, AppError> {
        scope.require_at(None, Permission::ManageConnections)?;
        check(&wanted)?;
        let now = self.0.now();
        let tx = self.0.db().tenant(scope).await?;
        let document = serde_json::to_value(wanted).map_err(unwritable)?;
        let version = models::publish_rules(&tx, &document, now).await?;
        let detail = json!({"version": version, "rules": document});
        audit::append(&tx, "matching.rules_published", "matching", "", detail, now).await?;
        enqueue(&tx, &match_job(false)).await?;
        tx.commit().await?;
        Ok(version)
    }
}

fn unwritable(source: serde_json::Error) -> AppError {
    AppError::from(StoreError::Document { place: "match_model.model", source })
}

fn check(rules: &Rules) -> Result<(), AppError> {
    let mut fields = Fields::default();
    for (name, value) in [("auto", rules.auto), ("review", rules.review)] {
        if value.is_some_and(|value| !(0.02..1.0).contains(&value)) {
            fields.wrong(name, "Give a probability from 0.02 to below 1, or none for the calibrated one.");
        }
    }
    if let (Some(auto), Some(review)) = (rules.auto, rules.review)
        && auto < review
    {
        fields.wrong("auto", "What is merged at once must be more certain than what is asked about.");
    }
    fields.done()
}

/// The active model and how it judges, by other rules where given.
async fn judging(tx: &TenantTx, wanted: Option<Rules>) -> Result<(Option<ModelRow>, Scoring), AppError> {
    let rules = match wanted {
        Some(rules) => rules,
        None => rules(tx).await?,
    };
    let active = match models::standing(tx).await?.model {
        Some(version) => models::find(tx, version).await?,
        None => None,
    };
    let scoring = match &active {
        Some(row) => {
            let model: Model = stored("match_model.model", row.model.clone())?;
            Scoring::new(&model, Bands { auto: row.auto, review: row.review }, rules)
        }
        None => Scoring::unlearned(rules),
    };
    Ok((active, scoring))
}

fn figures(refit: &Refit) -> Json {
    json!({
        "taught_by": refit.taught_by,
        "held_back": refit.held_back,
        "before": refit.before,
        "after": refit.after,
        "taught": refit.model.taught,
    })
}

/// A decided pair from the stored steps of its waterfall; what a rule added is no evidence.
fn reviewed(same: bool, steps: &Json) -> Reviewed {
    let steps = steps.as_array().map(Vec::as_slice).unwrap_or_default();
    Reviewed {
        same,
        steps: steps
            .iter()
            .filter_map(|step| Some((step.get(0)?.as_str()?.to_owned(), step.get(2)?.as_f64()?)))
            .filter(|(about, _)| about != "rule")
            .collect(),
    }
}

async fn previewed(tx: &TenantTx, links: &[Weighed], now: &Scoring, then: &Scoring) -> Result<Preview, AppError> {
    // The best link decides a pair, and what an entity is held together by.
    let mut between: BTreeMap<(GoldenId, GoldenId), (f64, f64)> = BTreeMap::new();
    let mut within: BTreeMap<GoldenId, (f64, f64)> = BTreeMap::new();
    for link in links {
        let said = Rule::ALL.into_iter().find(|rule| rule.name() == link.rule).map(|rule| (rule, link.rule_same));
        let odds = (now.ruled(link.score, said), then.ruled(link.score, said));
        let best = |of: &mut (f64, f64)| *of = (of.0.max(odds.0), of.1.max(odds.1));
        let (left, right) = link.goldens;
        if left == right {
            best(within.entry(left).or_insert(odds));
        } else {
            best(between.entry((left, right)).or_insert(odds));
        }
    }
    let mut preview = Preview::default();
    let (mut merged, mut asked) = (Vec::new(), Vec::new());
    for (pair, odds) in between {
        match (now.band(odds.0), then.band(odds.1)) {
            (Band::Review | Band::Nothing, Band::Auto) => {
                preview.more_merged += 1;
                merged.push((pair, odds.1));
            }
            (Band::Nothing, Band::Review) => {
                preview.more_asked += 1;
                asked.push((pair, odds.1));
            }
            (Band::Review, Band::Nothing) => preview.fewer_asked += 1,
            (Band::Auto, Band::Auto | Band::Review | Band::Nothing)
            | (Band::Review, Band::Review)
            | (Band::Nothing, Band::Nothing) => {}
        }
    }
    let loosened: Vec<(GoldenId, f64)> = within
        .into_iter()
        .filter(|(_, odds)| now.band(odds.0) == Band::Auto && then.band(odds.1) != Band::Auto)
        .map(|(golden, odds)| (golden, odds.1))
        .collect();
    preview.fewer_merged = loosened.len();
    let (merged, asked, loosened) = (spread(merged), spread(asked), spread(loosened));
    let shown = merged.iter().chain(&asked).flat_map(|((left, right), _)| [left, right]);
    let ids: BTreeSet<_> = shown.chain(loosened.iter().map(|(golden, _)| golden)).map(|id| id.0).collect();
    let titles: BTreeMap<GoldenId, String> = goldens::by_ids(tx, ids.into_iter().collect())
        .await?
        .into_iter()
        .map(|row| (row.id, row.golden.record(row.object).title()))
        .collect();
    let title = |id: &GoldenId| titles.get(id).cloned().unwrap_or_default();
    preview.sample_loosened = loosened
        .into_iter()
        .map(|(golden, odds)| Loosened { golden, title: title(&golden), score: probability(odds) })
        .collect();
    preview.sample_merged = moved(merged, title);
    preview.sample_asked = moved(asked, title);
    Ok(preview)
}

/// Some of them, from all over.
fn spread<T>(all: Vec<T>) -> Vec<T> {
    let step = (all.len() / SAMPLE).max(1);
    all.into_iter().step_by(step).take(SAMPLE).collect()
}

fn moved(pairs: Vec<((GoldenId, GoldenId), f64)>, title: impl Fn(&GoldenId) -> String) -> Vec<Moved> {
    pairs
        .into_iter()
        .map(|((left, right), odds)| Moved {
            left_title: title(&left),
            right_title: title(&right),
            left,
            right,
            score: probability(odds),
        })
        .collect()
}
