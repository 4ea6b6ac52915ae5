//! Reading pages out of a folder of files.
//!
//! A page is found again by its cursor alone. Only for speed, the open file of the page before is kept for a minute:
//! without it a packed file would be unpacked from its start for every page.

use super::columns::Columns;
use super::listing::{Found, look};
use super::progress::{At, Progress};
use super::rows::{Collected, Mark, Rows, Shape};
use super::settings::Settings;
use super::unpack::{self, Packing, Refusal, Stop, blocking};
use crate::connector::{Coverage, Next, Page, PageAsk, Payload, Reject};
use crate::error::ConnectorError;
use crate::file_transfer::{Chunks, Entry, Source};
use domain::{ConnectionId, ObjectKind};
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Rows of one page.
pub const PAGE_ROWS: usize = 5_000;
/// Bytes of one page, whichever is reached first.
const PAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Files of one page.
const PAGE_FILES_MAX: usize = 100;
/// Open files that are kept for the next page.
const KEPT_MAX: usize = 16;
/// How long.
const KEPT_FOR: Duration = Duration::from_secs(50);

/// One connection's folder.
pub struct Folder {
    /// Whose.
    pub connection: ConnectionId,
    /// Where the files are.
    pub source: Arc<dyn Source>,
    /// How they are read.
    pub settings: Arc<Settings>,
}

/// A file being read.
struct Open {
    rows: Rows,
    members: usize,
    sum: Option<Arc<Mutex<blake3::Hasher>>>,
}

struct Kept {
    connection: ConnectionId,
    object: ObjectKind,
    at: At,
    since: Instant,
    open: Open,
}

static KEPT: Mutex<Vec<Kept>> = Mutex::new(Vec::new());

fn keep(connection: ConnectionId, object: ObjectKind, at: &At, open: Open) {
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    kept.retain(|one| one.since.elapsed() < KEPT_FOR && !(one.connection == connection && one.object == object));
    if kept.len() >= KEPT_MAX {
        kept.remove(0);
    }
    kept.push(Kept { connection, object, at: at.clone(), since: Instant::now(), open });
}

fn kept(connection: ConnectionId, object: ObjectKind, at: &At) -> Option<Open> {
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let place = kept.iter().position(|one| {
        one.connection == connection && one.object == object && one.at == *at && one.since.elapsed() < KEPT_FOR
    })?;
    Some(kept.remove(place).open)
}

/// Forgets open files, as another process would not have them.
#[cfg(test)]
pub fn forget_kept(connection: ConnectionId) {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner).retain(|one| one.connection != connection);
}

impl Folder {
    /// One page.
    ///
    /// # Errors
    /// Of the source; [`ConnectorError::Misconfigured`] for a file without a key column.
    pub async fn page(&self, object: ObjectKind, ask: &PageAsk) -> Result<Page, ConnectorError> {
        let mut progress = Progress::of(ask.cursor.as_ref())?;
        let mut page = Collected::default();
        let mut found: Option<Found> = None;
        for _ in 0..PAGE_FILES_MAX {
            if page.len() >= PAGE_ROWS || page.bytes >= PAGE_BYTES_MAX {
                break;
            }
            let at = match progress.at.take() {
                Some(at) => at,
                None => {
                    let looked = match found.take() {
                        Some(looked) => looked,
                        None => look(self.source.as_ref(), &self.settings, object, ask.now).await?,
                    };
                    let next = self.next_file(&looked, &mut progress, object).await?;
                    let Some(entry) = next else { return Ok(done(page, &progress, &looked)) };
                    found = Some(looked);
                    At::start(&entry)
                }
            };
            let before = progress.clone();
            match self.read(object, at.clone(), &mut progress, page).await {
                Ok(collected) => page = collected,
                // What other files gave is not held back by this one: it comes first on the next page.
                Err((error, collected)) if collected.len() > 0 && at.offset == 0 && at.member == 0 => {
                    tracing::info!(code = error.code(), "a file could not be opened; the page ends before it");
                    page = collected;
                    progress = before;
                    progress.at = Some(at);
                    break;
                }
                Err((error, _)) => return Err(error),
            }
            if progress.at.is_some() {
                break;
            }
        }
        let expected = progress.expected();
        Ok(Page { records: page.records, rejects: page.rejects, next: Next::Page(progress.cursor()), expected })
    }

    /// The next file to read. A snapshot's older files are not read, and a file that was only touched is not read again.
    async fn next_file(
        &self,
        looked: &Found,
        progress: &mut Progress,
        object: ObjectKind,
    ) -> Result<Option<Entry>, ConnectorError> {
        let newest = if self.settings.snapshot { looked.files.len().saturating_sub(1) } else { 0 };
        let mut unread = Vec::new();
        for entry in looked.files.iter().skip(newest) {
            if progress.has_read(entry) {
                continue;
            }
            let sum = progress.touched(entry).map(ToOwned::to_owned);
            if sum.is_some() && self.sum(&entry.name).await? == sum {
                tracing::debug!(%object, "a file was touched and is the same");
                progress.remember(&At::start(entry), sum);
                continue;
            }
            unread.push(entry);
        }
        if progress.bytes_total == 0 {
            progress.bytes_total = unread.iter().map(|entry| entry.size_bytes).sum();
        }
        Ok(unread.first().map(|entry| (*entry).clone()))
    }

    /// The checksum of a whole file; `None` where it cannot be read just now.
    async fn sum(&self, name: &str) -> Result<Option<String>, ConnectorError> {
        let mut chunks = self.source.open(name, 0).await?;
        let summed = blocking(move || {
            let mut hasher = blake3::Hasher::new();
            let mut buffer = vec![0; 64 * 1024];
            loop {
                match chunks.read(&mut buffer)? {
                    0 => return Ok(short_sum(&hasher)),
                    read => {
                        hasher.update(buffer.get(..read).unwrap_or_default());
                    }
                }
            }
        });
        match summed.await {
            Ok(sum) => Ok(Some(sum)),
            Err(Stop::Remote(error)) => Err(error),
            Err(Stop::Refused(_)) => Ok(None),
        }
    }

    /// Reads on in one file until the page is full or the file is done.
    async fn read(
        &self,
        object: ObjectKind,
        mut at: At,
        progress: &mut Progress,
        page: Collected,
    ) -> Result<Collected, (ConnectorError, Collected)> {
        let open = match kept(self.connection, object, &at) {
            Some(open) => Ok(open),
            None => self.open(object, &mut at).await,
        };
        let mut open = match open {
            Ok(open) => open,
            Err(Stop::Remote(error)) => return Err((error, page)),
            Err(Stop::Refused(refusal)) => return self.refuse(at, refusal, progress, page).await,
        };
        let (rejects, records) = (page.rejects.len(), page.records.len());
        let filled = blocking(move || {
            let mut page = page;
            let filled = open.rows.fill(&mut page, PAGE_ROWS, PAGE_BYTES_MAX);
            Ok((open, page, filled))
        });
        let (open, page, filled) = match filled.await {
            Ok(all) => all,
            Err(Stop::Remote(error)) => return Err((error, Collected::default())),
            Err(Stop::Refused(refusal)) => {
                return Err((ConnectorError::unreadable(refusal.said), Collected::default()));
            }
        };
        at.broken |= page.rejects.len() > rejects;
        at.records += (page.records.len() - records) as u64;
        let ended = match filled {
            Ok(ended) => ended,
            Err(Stop::Remote(error)) => return Err((error, Collected::default())),
            Err(Stop::Refused(refusal)) => return self.refuse(at, refusal, progress, page).await,
        };
        if !ended {
            let mark = open.rows.mark();
            at.offset = mark.offset;
            at.line = mark.line;
            keep(self.connection, object, &at, open);
            progress.at = Some(at);
            return Ok(page);
        }
        at.broken |= !open.rows.is_whole();
        if at.member + 1 < open.members {
            at.member += 1;
            at.offset = 0;
            at.line = 1;
            progress.at = Some(at);
            return Ok(page);
        }
        let sum = open.sum.as_ref().map(|sum| short_sum(&sum.lock().unwrap_or_else(PoisonError::into_inner)));
        self.finish(at, sum, progress).await.map_err(|error| (error, Collected::default()))?;
        Ok(page)
    }

    /// Leaves a file, keeps why, and goes on with the others.
    async fn refuse(
        &self,
        mut at: At,
        refusal: Refusal,
        progress: &mut Progress,
        mut page: Collected,
    ) -> Result<Collected, (ConnectorError, Collected)> {
        at.broken = true;
        page.rejects.push(Reject { place: at.name.clone(), said: refusal.said, fix: refusal.fix, raw: Vec::new() });
        self.finish(at, None, progress).await.map_err(|error| (error, Collected::default()))?;
        Ok(page)
    }

    /// Remembers a file as read, unless it changed meanwhile.
    async fn finish(&self, at: At, sum: Option<String>, progress: &mut Progress) -> Result<(), ConnectorError> {
        let now = self.source.stat(&at.name).await?;
        let same = now.is_none_or(|now| at.is(&now));
        progress.bytes_done += at.size;
        progress.records_done += at.records;
        progress.everything = self.settings.snapshot && same && !at.broken && at.records > 0;
        if same {
            progress.remember(&at, sum);
        } else {
            progress.later.push(at.name);
        }
        Ok(())
    }

    /// Opens the file at its place.
    async fn open(&self, object: ObjectKind, at: &mut At) -> Result<Open, Stop> {
        if at.size > self.settings.size_bytes_max {
            return Err(Refusal::new(
                format!("the file has {} bytes, more than the limit of {}", at.size, self.settings.size_bytes_max),
                "Split the file into smaller ones, or raise the limit in the settings.",
            )
            .into());
        }
        if at.offset > 0 || at.member > 0 {
            // In the middle of a file that is another one now: it is read from its start.
            match self.source.stat(&at.name).await? {
                Some(now) if at.is(&now) => {}
                Some(now) => *at = At::start(&now),
                None => {
                    return Err(Refusal::new(
                        "the file was taken away while it was read",
                        "Leave files in place until they were read; send it again.",
                    )
                    .into());
                }
            }
        }
        let wanted = {
            let settings = Arc::clone(&self.settings);
            move |name: &str| settings.holds(object, name)
        };
        let packings = unpack::packing(&self.source, &at.name, at.size, wanted).await?;
        let members = packings.len();
        // A zip of empty files has nothing to read.
        let Some(packing) = packings.into_iter().nth(at.member) else {
            return Err(Refusal::new("the zip holds no file", "Pack the exported file.").into());
        };
        let (rows, sum) = self.rows(object, at, &packing).await?;
        let mark = Mark { offset: at.offset, line: at.line };
        if at.offset == 0 {
            return Ok(Open { rows, members, sum });
        }
        // From the middle of a file no checksum of the whole can be had.
        let rows = match (rows.shift(), packing) {
            (Some(shift), Packing::Plain) => {
                let rest: Chunks = self.source.open(&at.name, mark.offset + shift).await?;
                rows.resumed(Box::new(rest), mark)
            }
            (Some(_) | None, Packing::Plain | Packing::Gzip | Packing::Zip(_)) => {
                blocking(move || skipped(rows, mark)).await?
            }
        };
        Ok(Open { rows, members, sum: None })
    }

    async fn rows(&self, object: ObjectKind, at: &At, packing: &Packing) -> Result<(Rows, Option<Sum>), Stop> {
        let (label, plain) = match packing {
            Packing::Plain => (at.name.clone(), true),
            Packing::Gzip => (at.name.clone(), false),
            Packing::Zip(member) => (format!("{}/{}", at.name, member.name), false),
        };
        let raw = unpack::open(&self.source, &at.name, packing).await?;
        let (raw, sum): (Box<dyn Read + Send>, _) = match packing {
            Packing::Plain => {
                let sum = Arc::new(Mutex::new(blake3::Hasher::new()));
                (Box::new(Summed { inner: raw, sum: Arc::clone(&sum) }), Some(sum))
            }
            Packing::Gzip | Packing::Zip(_) => (raw, None),
        };
        let settings = Arc::clone(&self.settings);
        let rows = blocking(move || {
            let columns = Columns::new(object, &settings);
            let shape = Shape { object, label, columns, encoding: settings.encoding };
            Rows::begin(unpack::text(raw, plain)?, shape, &settings)
        });
        Ok((rows.await?, sum))
    }

    /// The first few records of an object's newest file, with the file's name; for the connection test.
    ///
    /// # Errors
    /// Of the source, of the settings, and of the file.
    pub async fn sample(
        &self,
        object: ObjectKind,
        looked: &Found,
        most: usize,
    ) -> Result<Option<(String, Collected)>, ConnectorError> {
        let Some(entry) = looked.files.last() else { return Ok(None) };
        let refused = |stop: Stop| match stop {
            Stop::Remote(error) => error,
            Stop::Refused(refusal) => ConnectorError::Refused {
                code: "file_refused".to_owned(),
                said: format!("{}: {}", entry.name, refusal.said),
                fix: refusal.fix,
                evidence: None,
            },
        };
        let mut open = self.open(object, &mut At::start(entry)).await.map_err(refused)?;
        let collected = blocking(move || {
            let mut page = Collected::default();
            open.rows.fill(&mut page, most, PAGE_BYTES_MAX)?;
            Ok(page)
        });
        Ok(Some((entry.name.clone(), collected.await.map_err(refused)?)))
    }

    /// The newest state of one record: the last row with its key in the newest file that has it.
    ///
    /// # Errors
    /// Of the source.
    pub async fn one(
        &self,
        object: ObjectKind,
        external_id: &str,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Result<Option<Payload>, ConnectorError> {
        let looked = look(self.source.as_ref(), &self.settings, object, now).await?;
        let oldest = if self.settings.snapshot { looked.files.len().saturating_sub(1) } else { 0 };
        for entry in looked.files.iter().skip(oldest).rev() {
            let mut at = At::start(entry);
            loop {
                let open = self.open(object, &mut at).await;
                let (mut open, wanted) = match open {
                    Ok(open) => (open, external_id.to_owned()),
                    Err(Stop::Remote(error)) => return Err(error),
                    Err(Stop::Refused(_)) => break,
                };
                let members = open.members;
                let search = blocking(move || {
                    let mut last = None;
                    loop {
                        let mut page = Collected::default();
                        let ended = open.rows.fill(&mut page, PAGE_ROWS, PAGE_BYTES_MAX);
                        last = page.records.into_iter().rfind(|record| record.external_id == wanted).or(last);
                        match ended {
                            Ok(false) => {}
                            Ok(true) | Err(Stop::Refused(_)) => return Ok(last),
                            Err(Stop::Remote(error)) => return Err(Stop::Remote(error)),
                        }
                    }
                });
                match search.await {
                    Ok(Some(found)) => return Ok(Some(found)),
                    Ok(None) => {}
                    Err(Stop::Remote(error)) => return Err(error),
                    Err(Stop::Refused(_)) => break,
                }
                at.member += 1;
                if at.member >= members {
                    break;
                }
            }
        }
        Ok(None)
    }
}

type Sum = Arc<Mutex<blake3::Hasher>>;

/// Feeds a checksum with what is read.
struct Summed {
    inner: Box<dyn Read + Send>,
    sum: Sum,
}

impl Read for Summed {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(into)?;
        let mut sum = self.sum.lock().unwrap_or_else(PoisonError::into_inner);
        sum.update(into.get(..read).unwrap_or_default());
        Ok(read)
    }
}

/// 64 bits: enough to know a file again, few enough to remember hundreds.
fn short_sum(hasher: &blake3::Hasher) -> String {
    hasher.finalize().to_hex().chars().take(16).collect()
}

/// Reads again up to the mark and forgets it.
fn skipped(mut rows: Rows, mark: Mark) -> Result<Rows, Stop> {
    while rows.mark().offset < mark.offset {
        let mut forgotten = Collected::default();
        if rows.fill(&mut forgotten, 1, PAGE_BYTES_MAX)? {
            break;
        }
    }
    Ok(rows)
}

fn done(page: Collected, progress: &Progress, looked: &Found) -> Page {
    let mut rejects = page.rejects;
    rejects.extend(looked.refused.iter().map(|name| Reject {
        place: format!("listing {name}"),
        said: "the folder lists a name that leads out of it".to_owned(),
        fix: "Rename the file to a plain name without / and \\.".to_owned(),
        raw: Vec::new(),
    }));
    let everything =
        progress.everything && looked.unsettled == 0 && progress.later.is_empty() && looked.refused.is_empty();
    Page {
        records: page.records,
        rejects,
        next: Next::Done {
            resume: Some(progress.resume(&looked.files)),
            coverage: if everything { Coverage::Everything } else { Coverage::Part },
        },
        expected: Some(progress.records_done),
    }
}

impl Progress {
    /// How many records the pull will have, at the size that records had so far.
    fn expected(&self) -> Option<u64> {
        let (bytes, records) = match &self.at {
            Some(at) => (self.bytes_done + at.offset.min(at.size), self.records_done + at.records),
            None => (self.bytes_done, self.records_done),
        };
        let estimate = u128::from(records) * u128::from(self.bytes_total) / u128::from(bytes.max(1));
        (bytes > 0).then(|| u64::try_from(estimate).unwrap_or(u64::MAX).max(records))
    }
}
