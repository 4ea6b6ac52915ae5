//! Delimited text: one record per row, with the line it is on, and no row able to take others with it.
//!
//! Quirks kept here: a header that repeats is skipped; empty cells at a row's end are no raggedness; a quote that is
//! never closed costs only its own line, because reading starts again at the next.

use super::rows::{COLUMNS_MAX, Collected, Mark, RECORD_BYTES_MAX, Shape, key_of, keyless, too_long};
use super::settings::Encoding;
use super::unpack::{Refusal, Stop, Text};
use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use encoding_rs::WINDOWS_1252;
use memchr::{memchr, memchr_iter};
use serde_json::{Map, Value as Json};
use std::borrow::Cow;
use std::io::Read;

/// Bytes of one read.
const FILL_BYTES: usize = 256 * 1024;

/// A table being read.
pub struct Table {
    input: Box<dyn Read + Send>,
    shift: Option<u64>,
    shape: Shape,
    lines: Lines,
    header: Vec<String>,
    /// The header's cells as they are in the file, one after the other.
    header_cells: Vec<u8>,
    keys: Vec<String>,
    changed: Option<usize>,
}

/// Rows as cells, and where they are.
struct Lines {
    core: Reader,
    buffer: Vec<u8>,
    /// Where in the buffer the next row starts.
    at: usize,
    ended: bool,
    /// Where in the text the buffer starts.
    buffer_offset: u64,
    line: u64,
    cells: Vec<u8>,
    ends: Vec<usize>,
    cells_len: usize,
    ends_len: usize,
    last_byte: u8,
}

/// One row, or why it is none.
enum Line {
    /// Its bytes in the buffer and the line it starts on.
    Cells { from: usize, to: usize, line: u64 },
    /// A line that is no row.
    Broken { from: usize, to: usize, line: u64, said: &'static str },
    /// The end.
    End,
}

impl Table {
    /// Reads the header.
    ///
    /// # Errors
    /// As [`Stop`] says; [`crate::ConnectorError::Misconfigured`] where no column is the key.
    pub fn begin(text: Text, shape: Shape, delimiter: u8) -> Result<Self, Stop> {
        if memchr(0, &text.head).is_some() {
            return Err(Refusal::new("this is no text file", "Export the file as CSV or XML.").into());
        }
        let mut table = Self {
            input: text.rest,
            shift: text.shift,
            shape,
            lines: Lines::new(delimiter, Mark { offset: 0, line: 1 }),
            header: Vec::new(),
            header_cells: Vec::new(),
            keys: Vec::new(),
            changed: None,
        };
        match table.lines.next(&mut table.input)? {
            Line::End => return Ok(table),
            Line::Broken { line, said, .. } => {
                return Err(Refusal::new(
                    format!("the header at line {line}: {said}"),
                    "This is no usual export; check the format setting and export the file again.",
                )
                .into());
            }
            Line::Cells { .. } => {
                let cells = table.lines.text(table.shape.encoding).ok_or_else(|| not_utf8("the header"))?;
                let cells: Vec<&str> = table.lines.split(&cells).collect();
                table.header = table.shape.columns.header(&cells);
                table.header_cells = table.lines.cells.get(..table.lines.cells_len).unwrap_or_default().to_vec();
            }
        }
        table.keys =
            table.shape.columns.key(&table.header).ok_or_else(|| Stop::Remote(keyless(&table.shape, &table.header)))?;
        table.changed = table.shape.columns.changed(&table.header);
        Ok(table)
    }

    /// Goes on elsewhere.
    #[must_use]
    pub fn resumed(self, rest: Box<dyn Read + Send>, mark: Mark) -> Self {
        let lines = Lines { core: self.lines.core, ..Lines::new(b',', mark) };
        Self { input: rest, lines, ..self }
    }

    /// One more row; `false` at the end.
    ///
    /// # Errors
    /// As [`Stop`] says.
    pub fn next(&mut self, page: &mut Collected) -> Result<bool, Stop> {
        let (from, to, line) = match self.lines.next(&mut self.input)? {
            Line::End => return Ok(false),
            Line::Broken { from, to, line, said } => {
                page.bytes += to - from;
                page.reject(&self.shape, line, said.to_owned(), RAGGED, self.lines.raw(from, to));
                return Ok(true);
            }
            Line::Cells { from, to, line } => (from, to, line),
        };
        page.bytes += to - from;
        if self.lines.has_cells(&self.header_cells) {
            return Ok(true);
        }
        let Some(text) = self.lines.text(self.shape.encoding) else {
            let raw = self.lines.raw(from, to);
            page.reject(&self.shape, line, "the row is not UTF-8".to_owned(), ENCODING, raw);
            return Ok(true);
        };
        let mut cells = self.lines.split(&text);
        let columns = self.header.len();
        let surplus = self.lines.ends_len > columns && cells.clone().skip(columns).any(|cell| !cell.trim().is_empty());
        if self.lines.ends_len < columns || surplus {
            let count = self.lines.ends_len;
            // A quote that was never closed has swallowed the lines after its own: only its own is given up.
            let own = memchr(b'\n', self.lines.raw(from, to)).map(|end| from + end + 1).filter(|end| *end < to);
            let said = match own {
                Some(_) => format!("a quote is not closed, or the row has {count} cells and not {columns}"),
                None => format!("the row has {count} cells and not {columns}"),
            };
            drop(cells);
            let until = own.unwrap_or(to);
            page.reject(&self.shape, line, said, RAGGED, self.lines.raw(from, until));
            if own.is_some() {
                self.lines.go_to(until, line + 1);
            }
            return Ok(true);
        }
        let mut body = Map::with_capacity(columns);
        let mut changed = None;
        for (place, name) in self.header.iter().enumerate() {
            let cell = cells.next().unwrap_or_default().trim();
            if cell.is_empty() {
                continue;
            }
            if self.changed == Some(place) {
                changed = Some(cell);
            }
            body.insert(name.clone(), Json::String(cell.to_owned()));
        }
        if body.is_empty() {
            return Ok(true);
        }
        if memchr(0, text.as_bytes()).is_some() {
            let raw = self.lines.raw(from, to);
            page.reject(&self.shape, line, "the row holds a NUL byte".to_owned(), ENCODING, raw);
            return Ok(true);
        }
        let id = key_of(&self.keys, &body);
        page.record(&self.shape, line, id, changed, Json::Object(body), self.lines.raw(from, to));
        Ok(true)
    }

    /// Where the next row starts.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark { offset: self.lines.buffer_offset + self.lines.at as u64, line: self.lines.line }
    }

    /// See [`super::rows::Rows::shift`].
    #[must_use]
    pub const fn shift(&self) -> Option<u64> {
        self.shift
    }

    /// Whether the last line was ended.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        matches!(self.lines.last_byte, b'\n' | b'\r')
    }
}

const RAGGED: &str =
    "Correct the row in the file (cells with line ends, quotes or the delimiter need quotes) and send it again.";
const ENCODING: &str = "Export the file in UTF-8, or set its encoding.";

fn not_utf8(what: &str) -> Stop {
    Refusal::new(format!("{what} is not UTF-8"), ENCODING).into()
}

impl Lines {
    fn new(delimiter: u8, mark: Mark) -> Self {
        Self {
            core: ReaderBuilder::new().delimiter(delimiter).build(),
            buffer: Vec::new(),
            at: 0,
            ended: false,
            buffer_offset: mark.offset,
            line: mark.line,
            cells: vec![0; 16 * 1024],
            ends: vec![0; 256],
            cells_len: 0,
            ends_len: 0,
            last_byte: b'\n',
        }
    }

    /// Whether the row's cells are these, but for case: the header again.
    fn has_cells(&self, cells: &[u8]) -> bool {
        self.cells_len == cells.len()
            && self.cells.get(..self.cells_len).is_some_and(|own| own.eq_ignore_ascii_case(cells))
    }

    fn raw(&self, from: usize, to: usize) -> &[u8] {
        self.buffer.get(from..to).unwrap_or_default()
    }

    /// Reads on from this place of the buffer.
    fn go_to(&mut self, at: usize, line: u64) {
        self.core.reset();
        self.at = at;
        self.line = line;
    }

    /// The cells' text; `None` where it is not in the encoding.
    fn text(&self, encoding: Encoding) -> Option<Cow<'_, str>> {
        let cells = self.cells.get(..self.cells_len).unwrap_or_default();
        match (encoding, std::str::from_utf8(cells)) {
            (Encoding::Auto | Encoding::Utf8, Ok(text)) => Some(Cow::Borrowed(text)),
            (Encoding::Utf8, Err(_)) => None,
            (Encoding::Auto, Err(_)) | (Encoding::Windows1252, _) => {
                Some(WINDOWS_1252.decode_without_bom_handling(cells).0)
            }
        }
    }

    /// The cells of a text that [`Self::text`] gave.
    fn split<'a>(&'a self, text: &'a str) -> impl Iterator<Item = &'a str> + Clone + 'a {
        // A decoded text has other lengths: one byte became one character there.
        let decoded = text.len() != self.cells_len;
        let mut bytes = 0;
        let mut from = 0;
        let mut chars = text.char_indices();
        self.ends.iter().take(self.ends_len).map(move |end| {
            if !decoded {
                let cell = text.get(from..*end).unwrap_or_default();
                from = *end;
                return cell;
            }
            let start = chars.offset();
            while bytes < *end {
                chars.next();
                bytes += 1;
            }
            text.get(start..chars.offset()).unwrap_or_default()
        })
    }

    /// One more row.
    fn next(&mut self, input: &mut (impl Read + ?Sized)) -> Result<Line, Stop> {
        self.skip_line_ends(input)?;
        let (mut from, line) = (self.at, self.line);
        let mut read_to = from;
        self.cells_len = 0;
        self.ends_len = 0;
        loop {
            // To the parser an empty input is the end of the file.
            if read_to == self.buffer.len() && !self.ended {
                let kept = self.fill(input, from)?;
                read_to -= from - kept;
                from = kept;
                continue;
            }
            let rest = self.buffer.get(read_to..).unwrap_or_default();
            let cells = self.cells.get_mut(self.cells_len..).unwrap_or_default();
            let ends = self.ends.get_mut(self.ends_len..).unwrap_or_default();
            let (result, taken, written, ended) = self.core.read_record(rest, cells, ends);
            read_to += taken;
            self.cells_len += written;
            self.ends_len += ended;
            match result {
                ReadRecordResult::InputEmpty if self.buffer.len() - from > RECORD_BYTES_MAX => {
                    return self.give_up(from, line);
                }
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if self.cells.len() < RECORD_BYTES_MAX => {
                    self.cells.resize((self.cells.len() * 4).min(RECORD_BYTES_MAX), 0);
                }
                ReadRecordResult::OutputEndsFull if self.ends.len() < COLUMNS_MAX => {
                    self.ends.resize(COLUMNS_MAX, 0);
                }
                ReadRecordResult::OutputFull => return self.give_up(from, line),
                ReadRecordResult::OutputEndsFull => {
                    // The end of this line may not have been read yet.
                    while memchr(b'\n', self.buffer.get(from..).unwrap_or_default()).is_none()
                        && self.buffer.len() - from <= RECORD_BYTES_MAX
                        && !self.ended
                    {
                        from = self.fill(input, from)?;
                    }
                    let kept = self.buffer.get(from..).unwrap_or_default();
                    let end = memchr(b'\n', kept).map_or(self.buffer.len(), |end| from + end + 1);
                    if memchr(b'\n', kept).is_none() && !self.ended {
                        return self.give_up(from, line);
                    }
                    self.go_to(end, line + 1);
                    return Ok(Line::Broken { from, to: end, line, said: "the row has more than 4096 cells" });
                }
                ReadRecordResult::Record => {
                    // `\r` ended the row; its `\n` belongs to it.
                    if self.buffer.get(read_to.wrapping_sub(1)) == Some(&b'\r') {
                        if read_to == self.buffer.len() && !self.ended {
                            let kept = self.fill(input, from)?;
                            read_to -= from - kept;
                            from = kept;
                        }
                        if self.buffer.get(read_to) == Some(&b'\n') {
                            read_to += 1;
                            self.core.reset();
                        }
                    }
                    let raw = self.raw(from, read_to);
                    // A row that ended with the file, or by a lone `\r`, holds no `\n` of its own.
                    let inner = memchr_iter(b'\n', raw).count() - usize::from(raw.last() == Some(&b'\n'));
                    self.line = line + 1 + inner as u64;
                    self.at = read_to;
                    return Ok(Line::Cells { from, to: read_to, line });
                }
                ReadRecordResult::End => {
                    self.at = read_to;
                    return Ok(Line::End);
                }
            }
        }
    }

    /// A row that does not end within the limit: its first line is broken, or the whole file is.
    fn give_up(&mut self, from: usize, line: u64) -> Result<Line, Stop> {
        let kept = self.buffer.get(from..).unwrap_or_default();
        match memchr(b'\n', kept) {
            Some(end) => {
                let to = from + end + 1;
                self.go_to(to, line + 1);
                Ok(Line::Broken { from, to, line, said: "a quote is opened and never closed" })
            }
            None => Err(too_long("the line", line).into()),
        }
    }

    fn skip_line_ends(&mut self, input: &mut (impl Read + ?Sized)) -> Result<(), Stop> {
        loop {
            match self.buffer.get(self.at) {
                Some(b'\n') => {
                    self.at += 1;
                    self.line += 1;
                }
                Some(b'\r') => {
                    self.at += 1;
                    // Of `\r\n` the `\n` counts.
                    if self.buffer.get(self.at).is_some_and(|next| *next != b'\n') {
                        self.line += 1;
                    }
                }
                Some(_) => return Ok(()),
                None if self.ended => return Ok(()),
                None => {
                    self.at = self.fill(input, self.at)?;
                }
            }
        }
    }

    /// Drops what lies before `from`, reads more, and says where `from` is now.
    fn fill(&mut self, input: &mut (impl Read + ?Sized), from: usize) -> Result<usize, Stop> {
        self.buffer.drain(..from);
        self.buffer_offset += from as u64;
        self.at = 0;
        let before = self.buffer.len();
        self.buffer.resize(before + FILL_BYTES, 0);
        // One read that brings something is enough: a slow server must not hold back the rows that are there.
        let read = loop {
            match input.read(self.buffer.get_mut(before..).unwrap_or_default()) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.buffer.truncate(before + read.as_ref().copied().unwrap_or(0));
        let read = read?;
        if read == 0 {
            self.ended = true;
        } else if let Some(last) = self.buffer.last() {
            self.last_byte = *last;
        }
        Ok(0)
    }
}
