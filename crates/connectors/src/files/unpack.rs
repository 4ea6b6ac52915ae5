//! From the bytes on a server to the bytes of a file: gzip and zip with limits, UTF-16.

use crate::error::ConnectorError;
use crate::file_transfer::{Chunks, Source, is_plain_name};
use encoding_rs::{CoderResult, Decoder, UTF_16BE, UTF_16LE};
use flate2::read::{DeflateDecoder, MultiGzDecoder};
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use zip::{CompressionMethod, ZipArchive};

/// The most bytes that a packed file may hold.
const UNPACKED_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
/// Text packs 5 to 30 times; what packs more is made to harm. Tells only after the first bytes.
const RATIO_MAX: u64 = 200;
const RATIO_FROM_BYTES: u64 = 8 * 1024 * 1024;
/// The most files in one zip.
const MEMBERS_MAX: usize = 1_000;
/// The most bytes that are read to learn what is in a zip.
const DIRECTORY_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Bytes of one look into a zip.
const LOOK_BYTES: u64 = 64 * 1024;
/// Bytes by which the form of a file is found out.
pub const HEAD_BYTES: usize = 64 * 1024;

/// A file that is not read: what it is, not a fault of the network. Other files go on.
#[derive(Debug, thiserror::Error)]
#[error("{said}")]
pub struct Refusal {
    /// What is wrong, without the content.
    pub said: String,
    /// What to do.
    pub fix: String,
}

impl Refusal {
    /// Refused for this reason.
    pub fn new(said: impl Into<String>, fix: &str) -> Self {
        Self { said: said.into(), fix: fix.to_owned() }
    }

    fn into_io(self) -> io::Error {
        io::Error::other(self)
    }
}

/// Why reading stopped.
#[derive(Debug)]
pub enum Stop {
    /// The server or the network: try again.
    Remote(ConnectorError),
    /// The file: leave it.
    Refused(Refusal),
}

impl From<ConnectorError> for Stop {
    fn from(error: ConnectorError) -> Self {
        Self::Remote(error)
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        let error = match error.downcast::<Refusal>() {
            Ok(refusal) => return Self::Refused(refusal),
            Err(other) => other,
        };
        match error.kind() {
            // From a decoder: the network's errors come as `ConnectorError`.
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                Self::Refused(Refusal::new(
                    "the packed data is broken or ends too early",
                    "Send the file again; it was not packed or transferred to its end.",
                ))
            }
            _ => Self::Remote(Chunks::cause(error)),
        }
    }
}

/// How the bytes of a file are found on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packing {
    /// As they are.
    Plain,
    /// One gzip stream.
    Gzip,
    /// One file of a zip.
    Zip(Member),
}

/// One file of a zip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    header_start: u64,
    packed_bytes: u64,
    stored: bool,
    crc: u32,
}

/// Finds out how a file is packed; for a zip, which of its files are wanted.
///
/// # Errors
/// As [`Stop`] says.
pub async fn packing(
    source: &Arc<dyn Source>,
    name: &str,
    size: u64,
    wanted: impl Fn(&str) -> bool + Send + 'static,
) -> Result<Vec<Packing>, Stop> {
    let chunks = source.open(name, 0).await?;
    let head = blocking(move || read_some(chunks, 4)).await?;
    match head.as_slice() {
        [0x1f, 0x8b, ..] => Ok(vec![Packing::Gzip]),
        [b'P', b'K', 3, 4] | [b'P', b'K', 5, 6] => {
            let (source, name, runtime) = (Arc::clone(source), name.to_owned(), tokio::runtime::Handle::current());
            let members = blocking(move || {
                members(
                    Looks {
                        source,
                        name,
                        runtime,
                        size,
                        at: 0,
                        seen: Vec::new(),
                        seen_from: 0,
                        left: DIRECTORY_BYTES_MAX,
                    },
                    wanted,
                )
            });
            Ok(members.await?.into_iter().map(Packing::Zip).collect())
        }
        _ => Ok(vec![Packing::Plain]),
    }
}

/// Runs what blocks where it may block.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Stop> + Send + 'static) -> Result<T, Stop> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(gone) => Err(Stop::Remote(ConnectorError::unavailable("reading was ended", gone))),
    }
}

fn read_some(reader: impl Read, most: u64) -> Result<Vec<u8>, Stop> {
    let mut head = Vec::new();
    reader.take(most).read_to_end(&mut head)?;
    Ok(head)
}

/// The bytes of a file from its start, unpacked within the limits.
///
/// # Errors
/// As [`Stop`] says.
pub async fn open(source: &Arc<dyn Source>, name: &str, packing: &Packing) -> Result<Box<dyn Read + Send>, Stop> {
    Ok(match packing {
        Packing::Plain => Box::new(source.open(name, 0).await?),
        Packing::Gzip => {
            let packed = Counted::new(source.open(name, 0).await?);
            let taken = Arc::clone(&packed.taken);
            // The decoder reads its header at once.
            blocking(move || Ok(Box::new(Capped { inner: MultiGzDecoder::new(packed), taken, given: 0 }))).await?
        }
        Packing::Zip(member) => {
            let local = source.open(name, member.header_start).await?;
            let (member, chunks) = (member.clone(), local);
            blocking(move || Ok(member_reader(&member, chunks)?)).await?
        }
    })
}

fn member_reader(member: &Member, mut chunks: Chunks) -> Result<Box<dyn Read + Send>, io::Error> {
    // The local header: 30 bytes, of which the last four are the lengths of the name and of the extra field.
    let mut local = [0_u8; 30];
    chunks.read_exact(&mut local)?;
    let (name, extra) = match local {
        [b'P', b'K', 3, 4, .., n0, n1, e0, e1] => (u16::from_le_bytes([n0, n1]), u16::from_le_bytes([e0, e1])),
        _ => return Err(broken_zip().into_io()),
    };
    io::copy(&mut (&mut chunks).take(u64::from(name) + u64::from(extra)), &mut io::sink())?;
    let packed = Counted::new(chunks.take(member.packed_bytes));
    let taken = Arc::clone(&packed.taken);
    let inner: Box<dyn Read + Send> =
        if member.stored { Box::new(packed) } else { Box::new(DeflateDecoder::new(packed)) };
    let capped = Capped { inner, taken, given: 0 };
    Ok(Box::new(Checked { inner: capped, crc: flate2::Crc::new(), expected: member.crc }))
}

fn broken_zip() -> Refusal {
    Refusal::new("this is no whole zip file", "Send the file again; it was not packed or transferred to its end.")
}

fn members(looks: Looks, wanted: impl Fn(&str) -> bool) -> Result<Vec<Member>, Stop> {
    let archive = ZipArchive::new(looks).map_err(|error| match error {
        zip::result::ZipError::Io(error) => Stop::from(error),
        _ => Stop::Refused(broken_zip()),
    })?;
    if archive.len() > MEMBERS_MAX {
        return Err(Refusal::new(
            format!("the zip holds {} files, more than {MEMBERS_MAX}", archive.len()),
            "Pack one file per object.",
        )
        .into());
    }
    let (mut found, mut total) = (Vec::new(), 0_u64);
    for place in 0..archive.len() {
        let item = archive.by_index_data(place).map_err(|_| broken_zip())?;
        let name = item.name().map_err(|_| broken_zip())?.into_owned();
        if item.is_dir() || name.starts_with("__MACOSX/") {
            continue;
        }
        let inner = name.rsplit('/').next().unwrap_or_default();
        let climbs = name.starts_with('/') || name.contains('\\') || name.split('/').any(|step| step == "..");
        if climbs || !is_plain_name(inner) || item.is_symlink() {
            return Err(Refusal::new(
                "the zip holds a name that leads out of its folder, or a link",
                "Pack plain files without paths and links.",
            )
            .into());
        }
        if item.encrypted() {
            return Err(Refusal::new(
                "the zip is locked by a password",
                "Pack it without a password; SFTP protects it.",
            )
            .into());
        }
        let stored = match item.compression() {
            CompressionMethod::Stored => true,
            CompressionMethod::Deflated => false,
            other => {
                return Err(Refusal::new(
                    format!("the zip is packed by {other}"),
                    "Pack it by the usual method, deflate.",
                )
                .into());
            }
        };
        total = total.saturating_add(item.size());
        if total > UNPACKED_BYTES_MAX
            || (item.size() > RATIO_FROM_BYTES && item.size() / item.compressed_size().max(1) > RATIO_MAX)
        {
            return Err(bomb().into());
        }
        if inner.starts_with('.') || item.size() == 0 {
            continue;
        }
        let header_start = item.header_start();
        found.push(Member {
            name: inner.to_owned(),
            header_start,
            packed_bytes: item.compressed_size(),
            stored,
            crc: item.crc32(),
        });
    }
    if found.len() > 1 {
        let names: Vec<String> = found.iter().map(|member| member.name.clone()).collect();
        found.retain(|member| wanted(&member.name));
        if found.is_empty() {
            return Err(Refusal::new(
                format!("none of the zip's files is one for this object: {}", names.join(", ")),
                "Name the files inside the zip as the connection's file patterns say.",
            )
            .into());
        }
    }
    found.sort_by(|a, b| super::listing::natural(&a.name, &b.name));
    Ok(found)
}

fn bomb() -> Refusal {
    Refusal::new(
        format!("it unpacks to more than {RATIO_MAX} times its size or more than {UNPACKED_BYTES_MAX} bytes"),
        "This looks like a zip bomb. Split a true file of this size into several.",
    )
}

/// Random access to a file on a server, by looks of 64 KiB and only so many of them.
struct Looks {
    source: Arc<dyn Source>,
    name: String,
    runtime: tokio::runtime::Handle,
    size: u64,
    at: u64,
    seen: Vec<u8>,
    seen_from: u64,
    left: u64,
}

impl Read for Looks {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.size {
            return Ok(0);
        }
        let seen_to = self.seen_from + self.seen.len() as u64;
        if self.at < self.seen_from || self.at >= seen_to {
            // Near the end the whole end is looked at: that is where a zip's directory is.
            let from = if self.size - self.at < LOOK_BYTES { self.size.saturating_sub(LOOK_BYTES) } else { self.at };
            self.left = self.left.checked_sub(LOOK_BYTES).ok_or_else(|| {
                Refusal::new("the zip's directory is too large", "Pack one file per object.").into_io()
            })?;
            let chunks = self.runtime.block_on(self.source.open(&self.name, from)).map_err(io::Error::other)?;
            self.seen.clear();
            chunks.take(LOOK_BYTES).read_to_end(&mut self.seen)?;
            self.seen_from = from;
        }
        let skip = usize::try_from(self.at - self.seen_from).unwrap_or(usize::MAX);
        let mut rest = self.seen.get(skip..).unwrap_or_default();
        let read = rest.read(into)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Looks {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

/// Counts what is taken.
struct Counted<R> {
    inner: R,
    taken: Arc<AtomicU64>,
}

impl<R> Counted<R> {
    fn new(inner: R) -> Self {
        Self { inner, taken: Arc::new(AtomicU64::new(0)) }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.taken.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// Refuses what unpacks to too much.
struct Capped<R> {
    inner: R,
    taken: Arc<AtomicU64>,
    given: u64,
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.given += read as u64;
        let ratio = self.given / self.taken.load(Ordering::Relaxed).max(1);
        if self.given > UNPACKED_BYTES_MAX || (self.given > RATIO_FROM_BYTES && ratio > RATIO_MAX) {
            return Err(bomb().into_io());
        }
        Ok(read)
    }
}

/// Compares the checksum at the end.
struct Checked<R> {
    inner: R,
    crc: flate2::Crc,
    expected: u32,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.crc.update(into.get(..read).unwrap_or_default());
        if read == 0 && !into.is_empty() && self.crc.sum() != self.expected {
            return Err(Refusal::new("the checksum inside the zip is wrong", "Send the file again.").into_io());
        }
        Ok(read)
    }
}

/// The head of a file and the whole of it as UTF-8 or a one-byte encoding, without byte-order mark.
pub struct Text {
    /// The first bytes; `rest` gives them again.
    pub head: Vec<u8>,
    /// All bytes.
    pub rest: Box<dyn Read + Send>,
    /// Bytes before the text, where the text's places are the file's places; `None` where they are not.
    pub shift: Option<u64>,
}

/// Takes off the byte-order mark and turns UTF-16 into UTF-8. Blocks.
///
/// # Errors
/// As [`Stop`] says.
pub fn text(mut raw: Box<dyn Read + Send>, plain: bool) -> Result<Text, Stop> {
    let mut mark = Vec::new();
    (&mut raw).take(3).read_to_end(&mut mark)?;
    let wide = match mark.as_slice() {
        [0xff, 0xfe, ..] => Some(UTF_16LE),
        [0xfe, 0xff, ..] => Some(UTF_16BE),
        _ => None,
    };
    let (mut rest, shift): (Box<dyn Read + Send>, _) = match (wide, mark.as_slice()) {
        (Some(encoding), _) => {
            let inner = io::Cursor::new(mark).chain(raw);
            (Box::new(Narrowed::new(inner, encoding.new_decoder_with_bom_removal())), None)
        }
        (None, [0xef, 0xbb, 0xbf]) => (raw, plain.then_some(3)),
        (None, _) => (Box::new(io::Cursor::new(mark).chain(raw)), plain.then_some(0)),
    };
    let mut head = Vec::new();
    (&mut rest).take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    let rest = Box::new(io::Cursor::new(head.clone()).chain(rest));
    Ok(Text { head, rest, shift })
}

/// Any encoding as UTF-8, a piece at a time.
pub struct Narrowed<R> {
    inner: R,
    decoder: Decoder,
    ready: Vec<u8>,
    given: usize,
    raw: Vec<u8>,
    ended: bool,
}

impl<R: Read> Narrowed<R> {
    /// Reads `inner` through a decoder.
    pub fn new(inner: R, decoder: Decoder) -> Self {
        Self { inner, decoder, ready: Vec::new(), given: 0, raw: Vec::new(), ended: false }
    }
}

impl<R: Read> Read for Narrowed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.given >= self.ready.len() && !self.ended {
            self.raw.clear();
            (&mut self.inner).take(LOOK_BYTES).read_to_end(&mut self.raw)?;
            self.ended = self.raw.is_empty();
            let room = self.decoder.max_utf8_buffer_length(self.raw.len()).unwrap_or(4 * self.raw.len() + 16);
            self.ready.resize(room, 0);
            let (result, _, written, _) = self.decoder.decode_to_utf8(&self.raw, &mut self.ready, self.ended);
            debug_assert_eq!(result, CoderResult::InputEmpty);
            self.ready.truncate(written);
            self.given = 0;
        }
        let mut rest = self.ready.get(self.given..).unwrap_or_default();
        let read = rest.read(into)?;
        self.given += read;
        Ok(read)
    }
}
