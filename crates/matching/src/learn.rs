//! Learning from all customers of a tenant: a model, where its bands begin, how common values are, and who may be whom.

use crate::clean::Keys;
use crate::engine::table::Family;
use crate::engine::{Bands, BlockLimits, Model, Stage, Table, Wish, block, run};

/// A value that too many different people share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// The field: email, phone, licence, vin.
    pub family: &'static str,
    /// The value.
    pub value: String,
    /// How many records hold it.
    pub holders: u32,
}

/// What was learned.
#[derive(Clone, Debug)]
pub struct Learned {
    /// The model.
    pub model: Model,
    /// Where its bands begin.
    pub bands: Bands,
    /// How many people hold any value of a field, by field.
    pub present: Vec<(&'static str, u32)>,
    /// Values that several people hold: field, value, how many.
    pub counts: Vec<(&'static str, String, u32)>,
    /// Values that say nothing about who somebody is.
    pub shared: Vec<Shared>,
    /// Records, by id, that may be one person, with log2 odds.
    pub pairs: Vec<(String, String, f64)>,
}

/// All customers of a tenant, added piece by piece: of each value one copy is kept.
#[derive(Default)]
pub struct Everybody {
    table: Table,
}

impl Everybody {
    /// Adds records with their ids.
    pub fn add(&mut self, records: &[(String, Keys)]) {
        self.table.extend(records, 0);
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }
}

/// Learns from all records of a tenant; `version` names the model. Takes seconds for a million on two cores.
#[must_use]
pub fn learn(everybody: Everybody, prior: &Model, version: &str) -> Learned {
    let mut table = everybody.table.finish();
    let limits = BlockLimits::for_records(table.len());
    let shared = block::over_shared(&table, limits)
        .into_iter()
        .flat_map(|(family, values)| table.named(family, &values))
        .map(|(family, value, holders)| Shared { family, value, holders })
        .collect();
    let wish = Wish { limits: Some(limits), ..Wish::default() };
    let mut found = run(&mut table, wish, prior, |_: Stage| {});
    version.clone_into(&mut found.model.version);
    let least = found.bands.review.min(found.bands.auto);
    let id = |place: u32| table.id(place as usize).to_owned();
    Learned {
        present: Family::ALL.iter().map(|(family, _)| (family.name(), table.present(*family))).collect(),
        counts: table.held_by_several(),
        shared,
        pairs: found
            .edges
            .iter()
            .filter(|edge| edge.probability() >= least)
            .map(|edge| (id(edge.left), id(edge.right), edge.log2_odds))
            .collect(),
        bands: found.bands,
        model: found.model,
    }
}
