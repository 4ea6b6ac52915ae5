//! The job that gives the records of a tenant the keys by which this version finds them; those that came before it had
//! others. Asked for by the migration that comes with new keys.

use super::keep::hashed;
use super::{Engine, EngineError};
use domain::{ObjectKind, SourceRecordId};
use queue::{JobOutcome, Lease};
use std::collections::BTreeSet;
use store::engine::landscape::Landscape;
use store::engine::{lookup, search, take_turn};
use uuid::Uuid;

/// Records in one transaction.
const PIECE: i64 = 1_000;

impl Engine {
    /// Goes over all records once; a second time changes nothing.
    pub(crate) async fn index_again(&self, lease: &Lease) -> Result<JobOutcome, EngineError> {
        let tx = self.db.tenant(&lease.scope()).await?;
        let landscape = Landscape::load(&tx).await?;
        drop(tx);
        let mut after = SourceRecordId(Uuid::nil());
        while !lease.is_lost() {
            let tx = self.db.tenant(&lease.scope()).await?;
            // A record must not change between the look and the new keys.
            for object in ObjectKind::ALL {
                take_turn(&tx, object).await?;
            }
            let piece = search::piece(&tx, after, PIECE).await?;
            let Some(last) = piece.last() else { return Ok(JobOutcome::Done) };
            after = last.held.record;
            let (mut changed, mut gained, mut lost) = (Vec::new(), Vec::new(), (Vec::new(), Vec::new()));
            for keyed in &piece {
                let Some(doc) = keyed.held.doc(&tx)? else { continue };
                let rooftop = landscape.connection(keyed.connection).and_then(|connection| connection.rooftop);
                let keys: BTreeSet<i64> = std::iter::once(&doc.record)
                    .chain(doc.own.as_ref())
                    .flat_map(|record| matching::keys(record, rooftop))
                    .map(|key| hashed(tx.keys(), &key))
                    .collect();
                let before: BTreeSet<i64> = keyed.keys.iter().copied().collect();
                if keys == before {
                    continue;
                }
                let id = keyed.held.record;
                gained.extend(keys.difference(&before).map(|key| (*key, id.0)));
                for key in before.difference(&keys) {
                    lost.0.push(*key);
                    lost.1.push(id.0);
                }
                changed.push((id, keys.into_iter().collect::<Vec<_>>()));
            }
            if changed.is_empty() {
                continue;
            }
            lease.advance(&tx).await?;
            search::note_keys(&tx, &changed).await?;
            lookup::add(&tx, gained).await?;
            lookup::remove(&tx, lost.0, lost.1).await?;
            lease.commit(tx).await?;
        }
        Ok(JobOutcome::Done)
    }
}
