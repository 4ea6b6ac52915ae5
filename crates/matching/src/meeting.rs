//! Who is who among customers: those that are new or changed, whom they may be, and the entities these belong to.
//!
//! An entity that people and systems know stands: its records stay together. What is new joins it, starts one, or
//! brings two together where that is beyond doubt; a changed record leaves where nothing speaks for it any more.

use crate::Verdict;
use crate::assign::Assignment;
use crate::clean::Keys;
use crate::engine::cluster::{ClusterRules, Decided, cluster};
use crate::engine::compare::Comparer;
use crate::engine::explain::explain_by;
use crate::engine::golden::{Change, Standing, reconcile};
use crate::engine::model::probability;
use crate::engine::run::{MEAN_MIN, NAMED_MIN};
use crate::engine::score::Scorer;
use crate::engine::{Edge, Frequencies, Step, Table, Waterfall};
use crate::hierarchy::{self, Rule};
use crate::person::person_keys;
use crate::scoring::Scoring;
use domain::{GoldenId, Record, RooftopId, SourceRecordId};
use rayon::prelude::*;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// So many pairs are compared by one core before another has its turn.
const PAIRS_AT_ONCE: usize = 1_000;

/// A record that takes part.
#[derive(Clone, Debug)]
pub struct Person {
    /// The source record.
    pub id: SourceRecordId,
    /// Its entity so far.
    pub golden: Option<GoldenId>,
    /// What it says.
    pub record: Record,
    /// The rooftop that it belongs to; `None` for the group's systems.
    pub rooftop: Option<RooftopId>,
    /// Whether it changed, so that it may leave its entity.
    pub may_leave: bool,
}

/// Two people who may be one; places in the meeting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    /// The smaller place.
    pub left: u32,
    /// The other.
    pub right: u32,
    /// Log2 odds, the rule included.
    pub log2_odds: f64,
    /// The same without the rule.
    pub score: f64,
    /// What the hierarchy says of them.
    pub said: Option<Said>,
}

/// What a rule of the hierarchy says of two people.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Said {
    /// Which rule.
    pub rule: Rule,
    /// Whether it says "the same", or only "perhaps".
    pub same: bool,
    /// In words.
    pub reason: &'static str,
}

impl Link {
    /// 0 to 1.
    #[must_use]
    pub fn probability(&self) -> f64 {
        probability(self.log2_odds)
    }
}

/// Two entities that became one.
#[derive(Clone, Debug, PartialEq)]
pub struct Joined {
    /// The id that answers through the other from now on.
    pub gone: GoldenId,
    /// The older one, which stays.
    pub into: GoldenId,
    /// 0 to 1: the best link between them.
    pub score: f32,
    /// What speaks for it.
    pub reason: String,
}

/// A question for a person: are these two entities one?
#[derive(Clone, Debug, PartialEq)]
pub struct Doubt {
    /// The smaller id.
    pub left: GoldenId,
    /// The greater id.
    pub right: GoldenId,
    /// 0 to 1.
    pub score: f32,
    /// What speaks for it and what against.
    pub reason: String,
    /// All that both say and that matters for who they are: a "no" holds as long as this does.
    pub told: String,
}

/// Who is who.
#[derive(Clone, Debug, Default)]
pub struct Settled {
    /// One per person, in order.
    pub assignments: Vec<Assignment>,
    /// Entities that became one; everybody's assignment says so already.
    pub joined: Vec<Joined>,
    /// Questions, each pair once.
    pub doubts: Vec<Doubt>,
}

/// People whose records are compared with each other.
pub struct Meeting<'a> {
    scoring: &'a Scoring,
    people: Vec<Person>,
    table: Table,
}

impl<'a> Meeting<'a> {
    /// A meeting; places are those in `people`. `known` says how common values are.
    #[must_use]
    pub fn new(scoring: &'a Scoring, people: Vec<Person>, known: &dyn Frequencies) -> Self {
        Self { scoring, people: Vec::new(), table: Table::new() }.with(people, known)
    }

    /// The same for people who were cleaned already.
    #[must_use]
    pub fn of(scoring: &'a Scoring, people: Vec<(Person, Keys)>, known: &dyn Frequencies) -> Self {
        let mut meeting = Self { scoring, people: Vec::with_capacity(people.len()), table: Table::new() };
        for (person, keys) in people {
            meeting.table.push("", &keys);
            meeting.people.push(person);
        }
        meeting.table.count_as(known);
        meeting
    }

    /// The same with more people behind the others; places stay.
    #[must_use]
    pub fn with(mut self, more: Vec<Person>, known: &dyn Frequencies) -> Self {
        if more.is_empty() {
            return self;
        }
        for person in &more {
            self.table.push("", &person_keys(&person.record));
        }
        self.people.extend(more);
        self.table.count_as(known);
        self
    }

    /// Everybody, in order.
    #[must_use]
    pub fn people(&self) -> &[Person] {
        &self.people
    }

    /// Compares pairs of places, the smaller first; returns those that may be one.
    #[must_use]
    pub fn links(&self, pairs: impl IntoIterator<Item = (u32, u32)>) -> Vec<Link> {
        let scorer = Scorer::with(&self.table, &self.scoring.weights);
        let pairs: Vec<(u32, u32)> = pairs.into_iter().collect();
        pairs
            .par_chunks(PAIRS_AT_ONCE)
            .flat_map_iter(|pairs| {
                let mut comparer = Comparer::small(&self.table);
                let scorer = &scorer;
                pairs
                    .iter()
                    .filter(|(left, right)| left != right && self.may_meet(*left, *right))
                    .map(move |(left, right)| {
                        let score = scorer.score(comparer.compare(*left, *right), *left, *right);
                        self.ruled(*left, *right, score)
                    })
                    .filter(|link| link.probability() >= NAMED_MIN)
            })
            .collect()
    }

    /// Why two people have their score, the rule included.
    #[must_use]
    pub fn explain(&self, link: &Link) -> Waterfall {
        let scorer = Scorer::with(&self.table, &self.scoring.weights);
        let mut comparer = Comparer::small(&self.table);
        let mut told = explain_by(&scorer, &mut comparer, &self.scoring.version, link.left, link.right);
        if let Some(said) = link.said.filter(|_| link.log2_odds != link.score) {
            let bits = link.log2_odds - link.score;
            told.steps.push(Step { about: Cow::Borrowed("rule"), found: said.reason.to_owned(), bits });
            told.log2_odds = link.log2_odds;
            told.probability = link.probability();
        }
        told
    }

    /// Decides who is who. `apart` are pairs that a person told apart, the smaller id first.
    pub fn settle(
        &self,
        links: &[Link],
        apart: &HashSet<(SourceRecordId, SourceRecordId)>,
        new_golden: impl FnMut() -> GoldenId,
    ) -> Settled {
        let bands = self.scoring.bands;
        let leaving = self.leaving();
        let stands = |place: u32| {
            let person = self.people.get(place as usize)?;
            person.golden.filter(|_| !leaving.contains(&place))
        };
        // In the order of the ids from here on: among equal links the order of arrival must not decide.
        let mut order: Vec<u32> = (0..self.people.len() as u32).collect();
        order.sort_by_key(|place| self.people.get(*place as usize).map(|person| person.id));
        let rank: HashMap<u32, u32> = order.iter().zip(0..).map(|(place, rank)| (*place, rank)).collect();
        let ranked = |a: u32, b: u32| Some((*rank.get(&a)?, *rank.get(&b)?)).map(|(a, b)| (a.min(b), a.max(b)));
        let at = |rank: u32| order.get(rank as usize).copied().unwrap_or_default();
        let places: HashMap<SourceRecordId, u32> = (0..).zip(&self.people).map(|(place, p)| (p.id, place)).collect();
        let mut decided = Decided::default();
        for (a, b) in apart {
            if let (Some(a), Some(b)) = (places.get(a), places.get(b)) {
                // Whoever put them together after all has decided last.
                if stands(*a).is_none() || stands(*a) != stands(*b) {
                    decided.apart.extend(ranked(*a, *b));
                }
            }
        }
        let mut last_of: HashMap<GoldenId, u32> = HashMap::new();
        for place in &order {
            if let Some(golden) = stands(*place)
                && let Some(before) = last_of.insert(golden, *place)
            {
                decided.together.extend(ranked(before, *place));
            }
        }
        let edges: Vec<Edge> = links
            .iter()
            .filter_map(|link| {
                let (left, right) = ranked(link.left, link.right)?;
                Some(Edge { left, right, log2_odds: link.log2_odds })
            })
            .collect();
        let scorer = Scorer::with(&self.table, &self.scoring.weights);
        let mut comparer = Comparer::small(&self.table);
        let roots = cluster(
            self.people.len(),
            &edges,
            ClusterRules { cut: bands.auto, mean_min: MEAN_MIN },
            &decided,
            |a, b| {
                let (a, b) = (at(a), at(b));
                (stands(a).is_none() || stands(a) != stands(b)) && !self.may_meet(a, b)
            },
            |a, b| {
                let (a, b) = (at(a), at(b));
                probability(self.ruled(a, b, scorer.score(comparer.compare(a, b), a, b)).log2_odds)
            },
        );
        let standings: Vec<Standing<SourceRecordId, GoldenId>> = order
            .iter()
            .zip(&roots)
            .filter_map(|(place, root)| {
                let person = self.people.get(*place as usize)?;
                Some(Standing { record: person.id, golden: stands(*place), former: None, cluster: *root })
            })
            .collect();
        let reconciled = reconcile(&standings, new_golden);
        let golden_of =
            |place: u32| self.people.get(place as usize).and_then(|person| reconciled.golden.get(&person.id)).copied();
        let mut settled = Settled { assignments: self.assignments(links, golden_of), ..Settled::default() };
        for change in reconciled.changes {
            // Standing entities are kept whole, so that none is ever split here.
            let Change::Merged { gone, into } = change else { continue };
            let best = best(links, |link| {
                let ends = (stands(link.left), stands(link.right));
                ends == (Some(gone), Some(into))
                    || ends == (Some(into), Some(gone))
                    || ends.0 == Some(gone)
                    || ends.1 == Some(gone)
            });
            settled.joined.push(Joined {
                gone,
                into,
                score: best.map_or(1.0, |link| link.probability() as f32),
                reason: best.map_or_else(|| "Both are one with a third".to_owned(), |link| self.reason(link)),
            });
        }
        settled.doubts = self.doubts(links, golden_of);
        settled
    }

    /// Whether people of their rooftops may be one at all.
    fn may_meet(&self, a: u32, b: u32) -> bool {
        let rooftop = |place: u32| self.people.get(place as usize).and_then(|person| person.rooftop);
        self.scoring.rules.across_rooftops || rooftop(a).is_none() || rooftop(b).is_none() || rooftop(a) == rooftop(b)
    }

    /// A score with what the tenant's rules say on top.
    fn ruled(&self, left: u32, right: u32, score: f64) -> Link {
        let (left, right) = (left.min(right), left.max(right));
        let said = match (self.people.get(left as usize), self.people.get(right as usize)) {
            (Some(a), Some(b)) => match hierarchy::customers(&a.record, &b.record) {
                Some((rule, Verdict::Same { reason, .. })) => Some(Said { rule, same: true, reason }),
                Some((rule, Verdict::Review { reason, .. })) => Some(Said { rule, same: false, reason }),
                Some((_, Verdict::Different)) | None => None,
            },
            _ => None,
        };
        let log2_odds = self.scoring.ruled(score, said.map(|said| (said.rule, said.same)));
        Link { left, right, log2_odds, score, said }
    }

    /// Changed records for which nothing in their entity speaks any more: a number that was given to somebody else.
    fn leaving(&self) -> BTreeSet<u32> {
        let scorer = Scorer::with(&self.table, &self.scoring.weights);
        let mut comparer = Comparer::small(&self.table);
        let mut mates: HashMap<GoldenId, Vec<u32>> = HashMap::new();
        for (place, person) in (0..).zip(&self.people) {
            if let Some(golden) = person.golden {
                mates.entry(golden).or_default().push(place);
            }
        }
        (0..)
            .zip(&self.people)
            .filter(|(place, person)| {
                let Some(mates) = person.golden.and_then(|golden| mates.get(&golden)) else { return false };
                let mut others = mates.iter().filter(|other| *other != place).peekable();
                person.may_leave
                    && others.peek().is_some()
                    && others.all(|other| {
                        let score = scorer.score(comparer.compare(*place, *other), *place, *other);
                        self.ruled(*place, *other, score).probability() < NAMED_MIN
                    })
            })
            .map(|(place, _)| place)
            .collect()
    }

    fn assignments(&self, links: &[Link], golden_of: impl Fn(u32) -> Option<GoldenId>) -> Vec<Assignment> {
        let standing: BTreeSet<GoldenId> = self.people.iter().filter_map(|person| person.golden).collect();
        let mut started: BTreeSet<GoldenId> = BTreeSet::new();
        let mut best_of: HashMap<u32, Link> = HashMap::new();
        for link in links {
            for place in [link.left, link.right] {
                let best = best_of.entry(place).or_insert(*link);
                if link.log2_odds > best.log2_odds {
                    *best = *link;
                }
            }
        }
        (0..)
            .zip(&self.people)
            .filter_map(|(place, person)| {
                let golden = golden_of(place)?;
                Some(if person.golden == Some(golden) {
                    Assignment::Stays(golden)
                } else if standing.contains(&golden) || !started.insert(golden) {
                    let reason =
                        best_of.get(&place).and_then(|link| link.said).map_or("Alike beyond doubt", |said| said.reason);
                    Assignment::Joins { golden, reason }
                } else {
                    Assignment::Starts(golden)
                })
            })
            .collect()
    }

    fn doubts(&self, links: &[Link], golden_of: impl Fn(u32) -> Option<GoldenId>) -> Vec<Doubt> {
        let mut best: BTreeMap<(GoldenId, GoldenId), &Link> = BTreeMap::new();
        for link in links.iter().filter(|link| link.probability() > self.scoring.bands.review) {
            let (Some(a), Some(b)) = (golden_of(link.left), golden_of(link.right)) else { continue };
            if a == b {
                continue;
            }
            let of_pair = best.entry((a.min(b), a.max(b))).or_insert(link);
            if link.log2_odds > of_pair.log2_odds {
                *of_pair = link;
            }
        }
        if best.is_empty() {
            return Vec::new();
        }
        let asked: BTreeSet<GoldenId> = best.keys().flat_map(|(a, b)| [*a, *b]).collect();
        let mut told: BTreeMap<GoldenId, BTreeSet<String>> = BTreeMap::new();
        for (place, person) in (0..).zip(&self.people) {
            if let Some(golden) = golden_of(place).filter(|golden| asked.contains(golden)) {
                told.entry(golden).or_default().insert(person_keys(&person.record).into_text());
            }
        }
        let says = |golden: GoldenId| {
            let texts: Vec<&str> = told.get(&golden).into_iter().flatten().map(String::as_str).collect();
            texts.join("\n")
        };
        best.into_iter()
            .map(|((left, right), link)| Doubt {
                left,
                right,
                score: link.probability() as f32,
                reason: self.reason(link),
                told: format!("{}\n\n{}", says(left), says(right)),
            })
            .collect()
    }

    /// What speaks for a link and what against, in a line.
    fn reason(&self, link: &Link) -> String {
        if let Some(said) = link.said {
            return said.reason.to_owned();
        }
        let told = self.explain(link);
        let mut steps: Vec<&Step> = told.steps.iter().filter(|step| step.about != "prior").collect();
        steps.sort_by(|a, b| b.bits.total_cmp(&a.bits));
        let words = |step: &&Step| format!("{} {}", step.about, step.found);
        let good: Vec<String> = steps.iter().take(3).filter(|step| step.bits > 1.0).map(words).collect();
        let bad: Vec<String> = steps.iter().rev().take(2).filter(|step| step.bits < -1.0).map(words).collect();
        let mut line = good.join(", ");
        if !bad.is_empty() {
            line.push_str(if line.is_empty() { "" } else { "; but " });
            line.push_str(&bad.join(", "));
        }
        let mut letters = line.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    }
}

fn best(links: &[Link], fits: impl Fn(&Link) -> bool) -> Option<&Link> {
    links.iter().filter(|link| fits(link)).max_by(|a, b| a.log2_odds.total_cmp(&b.log2_odds))
}
