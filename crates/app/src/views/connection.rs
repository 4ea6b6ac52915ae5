//! A connection as its pages show it: state, freshness per object, schedule, runs, what is stored of its credentials.

use super::run::RunLine;
use super::{Views, catalogue, count};
use crate::connections::TestShown;
use crate::error::AppError;
use chrono::{DateTime, TimeDelta, Utc};
use connectors::connector::StepOutcome;
use domain::permission::Permission;
use domain::schedule::Cadence;
use domain::{ConnectionId, ObjectKind, RooftopId, SystemRole};
use std::collections::{HashMap, HashSet};
use store::engine::runs::RunRow;
use store::views::{ConnectionStory, ObjectStory};
use store::{TenantScope, TenantTx};

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionState {
    /// Not tested yet.
    Draft,
    /// Works.
    Active,
    /// Stopped by a person.
    Paused,
    /// Stopped by a failure that needs a person.
    Broken,
}

impl ConnectionState {
    /// The state with this name in the database; what is unknown needs a look.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            "draft" => Self::Draft,
            "active" => Self::Active,
            "paused" => Self::Paused,
            _ => Self::Broken,
        }
    }
}

/// A connection in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionLine {
    /// Id.
    pub id: ConnectionId,
    /// The dealer's name for it.
    pub name: String,
    /// The vendor's product.
    pub system: String,
    /// The part it plays.
    pub role: SystemRole,
    /// The rooftop's id; `None`: the group's.
    pub rooftop: Option<RooftopId>,
    /// The rooftop's name; empty: the group's.
    pub rooftop_name: String,
    /// State.
    pub state: ConnectionState,
    /// Why it is so.
    pub reason: String,
    /// When it was last tested with success.
    pub tested_at: Option<DateTime<Utc>>,
    /// Its objects.
    pub objects: Vec<ObjectLine>,
}

/// One object that a connection moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectLine {
    /// The object.
    pub object: ObjectKind,
    /// Whether it is read.
    pub pull: bool,
    /// Whether it is not fetched, but sent to us as it comes.
    pub arrives: bool,
    /// none, update_only, create_and_update, feed.
    pub push: String,
    /// When it was last read to the end.
    pub succeeded_at: Option<DateTime<Utc>>,
    /// How many of its records we hold.
    pub held: u64,
    /// Whether it ever sent any.
    pub had_any: bool,
    /// Whether the newest read of everything brought nothing.
    pub last_was_empty: bool,
    /// How often it is read.
    pub cadence: Option<Cadence>,
    /// When it is read next.
    pub next_at: Option<DateTime<Utc>>,
    /// The state of its newest run.
    pub last_state: Option<String>,
    /// What the newest run said.
    pub last_message: String,
    /// For feeds: when it was published last.
    pub published_at: Option<DateTime<Utc>>,
    /// Names in the system's payloads that the mapping does not know.
    pub drift: u64,
}

/// How fresh an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// As it should be.
    Fresh,
    /// A run is on its way.
    Running,
    /// It was read, and nothing is there any more.
    Empty,
    /// It was read, and nothing was ever there: a hint, for the system may well have none.
    NoneYet,
    /// Longer ago than its schedule allows.
    Late,
    /// A run failed or waits for a person.
    Stopped,
    /// Never read.
    Never,
    /// Nothing is read: it is only written to.
    WriteOnly,
    /// Nothing is fetched: it is sent to us as it comes.
    Arrives,
    /// Neither read nor written.
    Off,
}

impl ObjectLine {
    /// How fresh it is. Zero rows are never silently green.
    #[must_use]
    pub fn freshness(&self, now: DateTime<Utc>) -> Freshness {
        if !self.pull {
            return match (self.arrives, self.push.as_str()) {
                (true, _) => Freshness::Arrives,
                (false, "none") => Freshness::Off,
                (false, _) => Freshness::WriteOnly,
            };
        }
        match self.last_state.as_deref() {
            Some("queued" | "running" | "waiting") => return Freshness::Running,
            Some("failed" | "held") => return Freshness::Stopped,
            Some(_) | None => {}
        }
        let Some(read_at) = self.succeeded_at else { return Freshness::Never };
        if !self.had_any {
            return Freshness::NoneYet;
        }
        if self.held == 0 || self.last_was_empty {
            return Freshness::Empty;
        }
        // Twice its own pace and five minutes: one missed tick is no news, two are.
        if now - read_at > self.pace() * 2 + TimeDelta::minutes(5) { Freshness::Late } else { Freshness::Fresh }
    }

    /// The longest it may take from one read to the next.
    fn pace(&self) -> TimeDelta {
        match &self.cadence {
            Some(Cadence::Minutes { minutes }) => TimeDelta::minutes(i64::from(*minutes)),
            Some(Cadence::Hourly { .. }) => TimeDelta::hours(1),
            Some(Cadence::Nightly { .. }) => TimeDelta::days(1),
            // Its expression may skip nights and weekends.
            Some(Cadence::Cron { .. }) => TimeDelta::days(3),
            // Read by hand or by webhooks only.
            None => TimeDelta::days(36_500),
        }
    }
}

/// A connection's own page.
#[derive(Clone, Debug)]
pub struct ConnectionPage {
    /// What the list shows too.
    pub line: ConnectionLine,
    /// The connector's key.
    pub connector: String,
    /// Settings, in the order of the form: label and value.
    pub settings: Vec<(String, String)>,
    /// Whether the vendor's own sign-in page is used.
    pub signs_in_at_vendor: bool,
    /// Whether somebody has signed in there.
    pub signed_in: bool,
    /// Credentials: label and when each was stored.
    pub credentials: Vec<(String, Option<DateTime<Utc>>)>,
    /// The newest runs.
    pub runs: Vec<RunLine>,
    /// Open failures by cause.
    pub causes: Vec<super::failure::Cause>,
}

/// A step of a connection's test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestStep {
    /// What was tried.
    pub name: String,
    /// How it went; `None` where it was not tried.
    pub went_well: Option<bool>,
    /// The remote's own words, or ours.
    pub said: String,
    /// How to fix it.
    pub fix: String,
}

/// The steps of a test.
#[must_use]
pub fn steps(tested: &TestShown) -> Vec<TestStep> {
    tested
        .steps
        .iter()
        .map(|step| TestStep {
            name: step.name.clone(),
            went_well: match step.outcome {
                StepOutcome::Good => Some(true),
                StepOutcome::Bad => Some(false),
                StepOutcome::Skipped => None,
            },
            said: step.said.clone(),
            fix: step.fix.clone(),
        })
        .collect()
}

/// Records are counted up to here, so that a page takes as long with a million of them.
pub const HELD_MAX: u64 = 20_000;
/// Runs on a connection's page.
const RUNS_SHOWN: i64 = 10;

impl Views<'_> {
    /// The connections that this visitor may see, each with its objects.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn connections(&self, scope: &TenantScope) -> Result<Vec<ConnectionLine>, AppError> {
        let tx = self.open(scope, Permission::ReadOperations).await?;
        Ok(lines(&tx, scope).await?.into_iter().map(|(_, line)| line).collect())
    }

    /// One connection's page.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn connection(&self, scope: &TenantScope, id: ConnectionId) -> Result<Option<ConnectionPage>, AppError> {
        let tx = self.open(scope, Permission::ReadOperations).await?;
        let Some((story, line)) = lines(&tx, scope).await?.into_iter().find(|(_, line)| line.id == id) else {
            return Ok(None);
        };
        let ages: HashMap<_, _> = store::views::credential_ages(&tx, id).await?.into_iter().collect();
        let runs = store::engine::runs::page(&tx, Some(vec![id.0]), None, RUNS_SHOWN).await?;
        let causes = store::engine::failures::causes(&tx, Some(vec![id.0])).await?;
        let names = HashMap::from([(id, line.name.clone())]);
        let system = catalogue::system(&story.connector);
        let signs_in_at_vendor = system.as_ref().is_some_and(|system| system.signs_in_at_vendor);
        let form = system.map(|system| system.form).unwrap_or_default();
        // The vendor's answer to a sign-in is kept beside what was typed.
        let signed_in = signs_in_at_vendor && ages.keys().any(|name| form.iter().all(|field| field.name != name));
        let (secret, plain): (Vec<_>, Vec<_>) =
            form.into_iter().partition(|field| field.kind == catalogue::EntryKind::Secret);
        let settings = plain
            .into_iter()
            .map(|field| {
                let set = story.settings.get(field.name).and_then(|value| value.as_str());
                (field.label.to_owned(), set.or(field.default).unwrap_or_default().to_owned())
            })
            .filter(|(_, value)| !value.is_empty())
            .collect();
        Ok(Some(ConnectionPage {
            connector: story.connector,
            signs_in_at_vendor,
            signed_in,
            settings,
            credentials: secret
                .into_iter()
                .map(|field| (field.label.to_owned(), ages.get(field.name).copied()))
                .collect(),
            runs: runs.into_iter().filter_map(|row| RunLine::of(row, &names)).collect(),
            causes: causes.into_iter().filter_map(|cause| super::failure::Cause::of(cause, &names)).collect(),
            line,
        }))
    }
}

/// The visible connections with their objects, in the order of the list.
pub(super) async fn lines(
    tx: &TenantTx,
    scope: &TenantScope,
) -> Result<Vec<(ConnectionStory, ConnectionLine)>, AppError> {
    let rooftops = scope.grants().rooftops(Permission::ReadOperations);
    let stories = store::views::connections(tx).await?;
    let mut latest: HashMap<_, _> =
        store::engine::runs::latest(tx).await?.into_iter().map(|run| ((run.connection, run.object), run)).collect();
    let senders: HashSet<ConnectionId> = stories
        .iter()
        .filter(|story| connectors::connector(&story.connector).is_some_and(|connector| connector.intake().is_some()))
        .map(|story| story.id)
        .collect();
    let mut objects: HashMap<ConnectionId, Vec<ObjectLine>> = HashMap::new();
    for story in store::views::objects(tx, i64::try_from(HELD_MAX).unwrap_or(i64::MAX)).await? {
        let newest = latest.remove(&(story.connection, story.object));
        objects.entry(story.connection).or_default().push(ObjectLine {
            arrives: !story.pull && senders.contains(&story.connection),
            ..object_line(story, newest)
        });
    }
    Ok(stories
        .into_iter()
        .filter(|story| match &rooftops {
            None => true,
            Some(mine) => story.rooftop.is_some_and(|rooftop| mine.iter().any(|id| id.0 == rooftop)),
        })
        .map(|story| {
            let line = ConnectionLine {
                id: story.id,
                name: story.name.clone(),
                system: catalogue::system(&story.connector)
                    .map_or(story.connector.as_str(), |system| system.name)
                    .to_owned(),
                role: story.role,
                rooftop: story.rooftop.map(RooftopId),
                rooftop_name: story.rooftop_name.clone().unwrap_or_default(),
                state: ConnectionState::named(&story.state),
                reason: story.state_reason.clone(),
                tested_at: story.tested_at,
                objects: objects.remove(&story.id).unwrap_or_default(),
            };
            (story, line)
        })
        .collect())
}

fn object_line(story: ObjectStory, newest: Option<RunRow>) -> ObjectLine {
    let brought_nothing = newest.as_ref().filter(|run| {
        run.finished_at.is_some() && run.mode == "full" && run.counts.received == 0 && run.counts.rejected == 0
    });
    // What we wrote there since then could not come.
    let was_empty_before = brought_nothing.is_some_and(|run| story.first_seen_at.is_none_or(|at| at >= run.queued_at));
    let last_was_empty = brought_nothing.is_some() && !was_empty_before;
    let (last_state, last_message) = newest.map_or((None, String::new()), |run| (Some(run.state), run.message));
    ObjectLine {
        object: story.object,
        pull: story.pull,
        arrives: false,
        push: story.push,
        succeeded_at: story.succeeded_at,
        held: count(story.held),
        had_any: story.first_seen_at.is_some() && !was_empty_before,
        last_was_empty,
        cadence: story.cadence,
        next_at: story.next_at,
        last_state,
        last_message,
        published_at: story.published_at,
        drift: count(story.drift),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> ObjectLine {
        ObjectLine {
            object: ObjectKind::Customer,
            pull: true,
            arrives: false,
            push: "none".to_owned(),
            succeeded_at: Some(DateTime::UNIX_EPOCH),
            held: 10,
            had_any: true,
            last_was_empty: false,
            cadence: Some(Cadence::Minutes { minutes: 15 }),
            next_at: None,
            last_state: Some("succeeded".to_owned()),
            last_message: String::new(),
            published_at: None,
            drift: 0,
        }
    }

    fn after(minutes: i64) -> DateTime<Utc> {
        DateTime::<Utc>::UNIX_EPOCH + TimeDelta::minutes(minutes)
    }

    #[test]
    fn one_missed_tick_is_fresh_and_two_are_late() {
        assert_eq!(line().freshness(after(16)), Freshness::Fresh);
        assert_eq!(line().freshness(after(36)), Freshness::Late);
    }

    #[test]
    fn zero_rows_are_never_green() {
        let gone = ObjectLine { held: 0, ..line() };
        let came_empty = ObjectLine { last_was_empty: true, ..line() };
        let never_any = ObjectLine { held: 0, had_any: false, last_was_empty: true, ..line() };
        assert_eq!(gone.freshness(after(1)), Freshness::Empty);
        assert_eq!(came_empty.freshness(after(1)), Freshness::Empty);
        assert_eq!(never_any.freshness(after(1)), Freshness::NoneYet);
    }

    #[test]
    fn what_is_not_read_is_told_by_how_it_moves() {
        let sent_to_us = ObjectLine { pull: false, arrives: true, ..line() };
        let written = ObjectLine { pull: false, push: "feed".to_owned(), ..line() };
        let off = ObjectLine { pull: false, ..line() };
        assert_eq!(sent_to_us.freshness(after(1)), Freshness::Arrives);
        assert_eq!(written.freshness(after(1)), Freshness::WriteOnly);
        assert_eq!(off.freshness(after(1)), Freshness::Off);
    }

    #[test]
    fn a_failed_run_is_not_hidden_by_an_older_success() {
        let failed = ObjectLine { last_state: Some("failed".to_owned()), ..line() };
        assert_eq!(failed.freshness(after(1)), Freshness::Stopped);
    }
}
