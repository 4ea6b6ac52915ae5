//! Home: is everything fine, and if not, the one thing to do next.

use super::connection::{ConnectionLine, ConnectionState, Freshness};
use super::failure::Cause;
use super::{Views, count};
use crate::error::AppError;
use chrono::{DateTime, TimeDelta, Utc};
use domain::permission::Permission;
use domain::{ConnectionId, NextStep, ObjectKind};
use store::TenantScope;
use store::engine::review::{self, Filter};

/// How everything stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// All is well.
    Good,
    /// Nothing is connected or read yet.
    NotYet,
    /// Something heals itself, or is late.
    Retrying,
    /// Somebody must act.
    NeedsYou,
}

/// One thing that needs a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Todo {
    /// A connection is stopped.
    Connection {
        /// Which.
        id: ConnectionId,
        /// Its name.
        name: String,
        /// Why.
        why: String,
    },
    /// Records or calls failed and wait.
    Cause(Box<Cause>),
    /// An object was read and nothing was there, or is late.
    Object {
        /// Whose.
        connection: ConnectionId,
        /// Its name.
        name: String,
        /// What.
        object: ObjectKind,
        /// How.
        freshness: Freshness,
    },
    /// Pairs wait for a decision.
    Duplicates {
        /// How many.
        count: u64,
    },
}

/// What happened in the last 24 hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// Runs that ended.
    pub runs: u64,
    /// Records that systems sent.
    pub received: u64,
    /// As they were before.
    pub unchanged: u64,
    /// Without a blocking issue.
    pub valid: u64,
    /// Added or changed.
    pub changed: u64,
    /// Deliveries planned.
    pub planned: u64,
    /// Deliveries still to come.
    pub due: u64,
}

/// The page.
#[derive(Clone, Debug)]
pub struct Home {
    /// How it stands.
    pub health: Health,
    /// The same in a sentence.
    pub sentence: String,
    /// At most five, worst first.
    pub todo: Vec<Todo>,
    /// How many there are in all.
    pub todo_count: usize,
    /// Connections with their objects.
    pub connections: Vec<ConnectionLine>,
    /// The last 24 hours.
    pub day: Day,
}

impl Views<'_> {
    /// Home.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn home(&self, scope: &TenantScope) -> Result<Home, AppError> {
        let now = self.0.now();
        let causes = self.causes(scope).await?;
        let tx = self.open(scope, Permission::ReadOperations).await?;
        let connections = super::connection::lines(&tx, scope).await?.into_iter().map(|(_, line)| line).collect();
        let duplicates = match crate::readable::readable(&tx, scope, Permission::Review).await {
            Ok(tellers) => {
                let open = Filter { tellers, ..Filter::default() };
                count(review::count(&tx, &open, None, now).await?)
            }
            Err(AppError::NotPermitted(_)) => 0,
            Err(other) => return Err(other),
        };
        let brought = store::views::brought(&tx, now - TimeDelta::days(1)).await?;
        let received = count(brought.received);
        let day = Day {
            runs: count(brought.runs),
            received,
            unchanged: count(brought.unchanged),
            valid: received.saturating_sub(count(brought.unusable)),
            changed: count(brought.changed),
            planned: count(brought.planned),
            due: count(store::views::due(&tx, None).await?),
        };
        Ok(judge(connections, &causes, duplicates, day, now))
    }
}

/// The most things shown that need a person.
const TODO_MAX: usize = 5;

/// Judges. Worst first: stopped connections, failures, empty or late objects, duplicates.
#[must_use]
pub fn judge(
    connections: Vec<ConnectionLine>,
    causes: &[Cause],
    duplicates: u64,
    day: Day,
    now: DateTime<Utc>,
) -> Home {
    let mut todo = Vec::new();
    let mut retrying = 0_usize;
    let mut none_yet = Vec::new();
    for line in &connections {
        match line.state {
            ConnectionState::Broken => {
                todo.push(Todo::Connection { id: line.id, name: line.name.clone(), why: line.reason.clone() });
            }
            ConnectionState::Draft | ConnectionState::Active | ConnectionState::Paused => {}
        }
    }
    for cause in causes {
        match cause.next {
            NextStep::NeedsYou => todo.push(Todo::Cause(Box::new(cause.clone()))),
            NextStep::Retrying => retrying += 1,
        }
    }
    for line in connections.iter().filter(|line| line.state == ConnectionState::Active) {
        for object in &line.objects {
            let freshness = object.freshness(now);
            match freshness {
                Freshness::Empty | Freshness::Late | Freshness::Stopped => todo.push(Todo::Object {
                    connection: line.id,
                    name: line.name.clone(),
                    object: object.object,
                    freshness,
                }),
                Freshness::NoneYet => none_yet.push(format!("{} sent no {} so far", line.name, object.object.plural())),
                Freshness::Fresh
                | Freshness::Running
                | Freshness::Never
                | Freshness::WriteOnly
                | Freshness::Arrives
                | Freshness::Off => {}
            }
        }
    }
    if duplicates > 0 {
        todo.push(Todo::Duplicates { count: duplicates });
    }
    let read = connections.iter().flat_map(|line| &line.objects).filter(|object| object.succeeded_at.is_some()).count();
    let active = connections.iter().filter(|line| line.state == ConnectionState::Active).count();
    let paused = connections.iter().filter(|line| line.state == ConnectionState::Paused).count();
    let (health, sentence) = if !todo.is_empty() {
        let things =
            if todo.len() == 1 { "One thing needs you".to_owned() } else { format!("{} things need you", todo.len()) };
        (Health::NeedsYou, format!("{things}. The first is below."))
    } else if active == 0 || read == 0 {
        (Health::NotYet, "Nothing has been read yet. Finish the setup to start.".to_owned())
    } else if retrying > 0 {
        (Health::Retrying, "A system is not answering as it should. Driveline retries by itself.".to_owned())
    } else if paused > 0 {
        (Health::Retrying, format!("All that runs is fine; {paused} of {} connections are paused.", connections.len()))
    } else {
        let words = if active == 1 { "One connection is".to_owned() } else { format!("All {active} connections are") };
        (Health::Good, format!("{words} working and up to date.{}", hint(&none_yet)))
    };
    let todo_count = todo.len();
    todo.truncate(TODO_MAX);
    Home { health, sentence, todo, todo_count, connections, day }
}

/// Zero rows are never silently green: what never sent any is told, and whether that is right is for people to say.
fn hint(none_yet: &[String]) -> String {
    match none_yet {
        [] => String::new(),
        [one] => format!(" {one}: check that this is right."),
        [first, rest @ ..] => format!(" {first}, and {} more like it: check that this is right.", rest.len()),
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::super::connection::ObjectLine;
    use super::*;
    use domain::SystemRole;

    fn connection(held: u64) -> ConnectionLine {
        ConnectionLine {
            id: ConnectionId::new(),
            name: "Main DMS".to_owned(),
            system: "Files".to_owned(),
            role: SystemRole::Dms,
            rooftop: None,
            rooftop_name: String::new(),
            state: ConnectionState::Active,
            reason: String::new(),
            tested_at: None,
            objects: vec![ObjectLine {
                object: ObjectKind::Customer,
                pull: true,
                arrives: false,
                push: "none".to_owned(),
                succeeded_at: Some(DateTime::UNIX_EPOCH),
                held,
                had_any: true,
                last_was_empty: false,
                cadence: None,
                next_at: None,
                last_state: Some("succeeded".to_owned()),
                last_message: String::new(),
                published_at: None,
                drift: 0,
            }],
        }
    }

    fn now() -> DateTime<Utc> {
        DateTime::<Utc>::UNIX_EPOCH + TimeDelta::minutes(1)
    }

    #[test]
    fn a_working_connection_is_fine() {
        let home = judge(vec![connection(5)], &[], 0, Day::default(), now());
        assert_eq!((home.health, home.todo.len()), (Health::Good, 0));
    }

    #[test]
    fn zero_rows_need_you() {
        let home = judge(vec![connection(0)], &[], 0, Day::default(), now());
        assert_eq!(home.health, Health::NeedsYou);
    }

    #[test]
    fn an_object_that_never_had_any_is_a_hint_and_not_a_failure() {
        let mut line = connection(5);
        let mut deals = line.objects[0].clone();
        (deals.object, deals.held, deals.had_any, deals.last_was_empty) = (ObjectKind::Deal, 0, false, true);
        line.objects.push(deals);

        let home = judge(vec![line], &[], 0, Day::default(), now());

        assert_eq!((home.health, home.todo.len()), (Health::Good, 0));
        assert!(home.sentence.contains("Main DMS sent no deals so far"), "{}", home.sentence);
    }

    #[test]
    fn nothing_connected_is_not_called_fine() {
        let home = judge(Vec::new(), &[], 0, Day::default(), now());
        assert_eq!(home.health, Health::NotYet);
    }

    #[test]
    fn a_broken_connection_comes_before_duplicates_and_five_are_shown() {
        let mut lines: Vec<_> = (0..6).map(|_| connection(5)).collect();
        for line in &mut lines {
            line.state = ConnectionState::Broken;
        }
        let home = judge(lines, &[], 3, Day::default(), now());
        assert_eq!((home.todo.len(), home.todo_count), (5, 7));
        assert!(matches!(home.todo.first(), Some(Todo::Connection { .. })));
    }
}
