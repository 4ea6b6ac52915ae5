//! One record that cannot be taken in keeps no other out: a page that fails for it is tried in halves until the record
//! stands alone; it is kept as it came, with a failure that says why, and the others go on.

use super::ingest::Origin;
use super::prepare::{Prepared, PreparedPage, Trouble, is_our_fault, set_aside};
use super::{Engine, EngineError};
use connectors::Reject;
use domain::{Failure, Fault, NextStep, ObjectKind};
use futures::FutureExt;
use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use store::engine::failures::{self, Report};
use store::engine::records;
use store::engine::runs::Counts;
use store::{StoreError, TenantTx};

/// More single records of one page than this are not poisonous by themselves: something else is wrong.
const ALONE_MAX: usize = 20;
/// Characters of a system's key that a failure names.
const KEY_CHARS_MAX: usize = 200;

impl Engine {
    /// Takes a page in, and sets single records aside that cannot be. Nothing is kept unless the caller commits.
    pub(crate) async fn take_in(
        &self,
        tx: &TenantTx,
        origin: &Origin<'_>,
        page: PreparedPage,
        rejects: &[Reject],
    ) -> Result<Counts, EngineError> {
        match self.attempt(tx, origin, page.clone(), rejects).await? {
            Ok(counts) => return Ok(counts),
            Err(trouble) => {
                tracing::warn!(tenant = %tx.tenant(), connection = %origin.connection.id, object = %page.object,
                    records = page.records.len(), code = trouble.code(), "a page is tried in pieces");
            }
        }
        let rest = PreparedPage { records: Vec::new(), ..page.clone() };
        let mut counts = match self.attempt(tx, origin, rest, rejects).await? {
            Ok(counts) => counts,
            // What came beside the records is at fault: with nothing to halve, it is ours.
            Err(_) => return Err(EngineError::TooManyTroubles(0)),
        };
        let (mut open, mut alone) = (vec![of(&page, page.records.clone())], 0);
        while let Some(piece) = open.pop() {
            let tried = self.attempt(tx, origin, piece.clone(), &[]).await?;
            match (tried, piece.records.as_slice()) {
                (Ok(more), _) => counts += more,
                (Err(trouble), [record]) => {
                    alone += 1;
                    if alone > ALONE_MAX {
                        return Err(EngineError::TooManyTroubles(ALONE_MAX));
                    }
                    counts += self.set_aside(tx, origin, &piece, record, trouble).await?;
                }
                (Err(_), records) => {
                    let (first, second) = records.split_at(records.len() / 2);
                    open.extend([of(&page, second.to_vec()), of(&page, first.to_vec())]);
                }
            }
        }
        Ok(counts)
    }

    /// Tries a page; where its data or our code on it is at fault, nothing of it is left in the transaction.
    async fn attempt(
        &self,
        tx: &TenantTx,
        origin: &Origin<'_>,
        page: PreparedPage,
        rejects: &[Reject],
    ) -> Result<Result<Counts, Trouble>, StoreError> {
        tx.run("SAVEPOINT piece", []).await?;
        let tried = AssertUnwindSafe(self.ingest(tx, origin, page, rejects)).catch_unwind().await;
        let trouble = match tried {
            Ok(Ok(counts)) => {
                tx.run("RELEASE SAVEPOINT piece", []).await?;
                return Ok(Ok(counts));
            }
            Ok(Err(error)) => trouble_of(error)?,
            Err(_) => Trouble::OurCode,
        };
        tx.run("ROLLBACK TO SAVEPOINT piece", []).await?;
        tx.run("RELEASE SAVEPOINT piece", []).await?;
        Ok(Err(trouble))
    }

    /// Keeps one record as it came, with why it could not be taken in. It belongs to no entity until it is read again.
    async fn set_aside(
        &self,
        tx: &TenantTx,
        origin: &Origin<'_>,
        piece: &PreparedPage,
        record: &Arc<Prepared>,
        trouble: Trouble,
    ) -> Result<Counts, EngineError> {
        let checked = set_aside(piece.object, trouble.clone());
        let waiting = Prepared {
            external_id: record.external_id.clone(),
            raw: record.raw.clone(),
            raw_hash: record.raw_hash,
            content_hash: checked.record.content_hash(),
            checked,
            person: None,
            changed_at: record.changed_at,
            deleted: false,
            mark: record.mark,
        };
        if let Ok(counts) = self.attempt(tx, origin, of(piece, vec![Arc::new(waiting)]), &[]).await? {
            return Ok(counts);
        }
        // Not even that: its key cannot be stored, or its entity cannot do without it. The failure keeps it.
        let key: String = record.external_id.replace('\0', "").chars().take(KEY_CHARS_MAX).collect();
        let report = Report {
            object: Some(piece.object),
            run: origin.run,
            subject: format!("place:{key}"),
            failure: failure(piece.object, &key, &trouble),
            raw: Some(record.raw.clone()),
            next_try_at: None,
        };
        failures::report(tx, origin.connection.id, &[report], origin.now).await?;
        if let (Some(run), false) = (origin.run.filter(|_| origin.full), record.external_id.contains('\0')) {
            // It came: it is not to be taken for gone.
            let known =
                records::before(tx, origin.connection.id, piece.object, vec![record.external_id.clone()]).await?;
            records::mark_seen(tx, known.iter().map(|known| known.id.0).collect(), run).await?;
        }
        Ok(Counts { received: 1, flagged: 1, ..Counts::default() })
    }
}

fn failure(object: ObjectKind, key: &str, trouble: &Trouble) -> Failure {
    Failure {
        code: trouble.code().to_owned(),
        doing: format!("Taking in {}", object.plural()),
        said: trouble.said().into_owned(),
        fault: if is_our_fault(trouble.code()) { Fault::Driveline } else { Fault::Dealer },
        next: NextStep::NeedsYou,
        fix: trouble.fix().to_owned(),
        evidence: Some(key.to_owned()),
    }
}

/// A piece of a page; what belongs to the page as a whole is left out.
fn of(page: &PreparedPage, records: Vec<Arc<Prepared>>) -> PreparedPage {
    PreparedPage {
        object: page.object,
        mapping_version: page.mapping_version,
        records,
        replaced: 0,
        unknown: BTreeSet::new(),
    }
}

/// What an error says about the data; an error that says nothing about it is handed on.
fn trouble_of(error: StoreError) -> Result<Trouble, StoreError> {
    match error {
        StoreError::Database(_) => match error.refused_value() {
            Some(state) => Ok(Trouble::Refused(state)),
            None => Err(error),
        },
        // What is stored of one record cannot be read any more.
        StoreError::Seal { .. } | StoreError::Document { .. } => Ok(Trouble::OurCode),
        StoreError::MasterKey(_) | StoreError::LeaseLost | StoreError::Conflict => Err(error),
    }
}
