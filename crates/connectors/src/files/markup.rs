//! XML: one record per element, read as a stream. DOCTYPE and entities of its own are refused; depth and size are capped.
//!
//! Elements become JSON objects: attributes under `@name`, text beside children under `#text`, repeated children as a
//! list, namespaces left out. After a syntax error nothing in a file can be trusted: the rest is refused with its line.

use super::rows::{COLUMNS_MAX, Collected, Mark, RECORD_BYTES_MAX, Shape, key_of, keyless, too_long};
use super::settings::Encoding;
use super::unpack::{Narrowed, Refusal, Stop, Text};
use domain::ObjectKind;
use encoding_rs::{Encoding as Charset, UTF_8, WINDOWS_1252};
use memchr::memchr_iter;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use serde_json::{Map, Value as Json};
use std::io::{self, BufRead, BufReader, Read};

/// The deepest nesting.
const DEPTH_MAX: usize = 64;
/// Bytes of one read.
const FILL_BYTES: usize = 256 * 1024;

/// An XML file being read.
pub struct Markup {
    reader: Reader<Meter<Box<dyn Read + Send>>>,
    event: Vec<u8>,
    shift: Option<u64>,
    shape: Shape,
    /// Names from the root to a record's element.
    path: Vec<String>,
    /// Names from the root to here.
    open: Vec<String>,
    keyed: bool,
    closed: bool,
}

/// Counts bytes and lines, and keeps a record from growing without end.
struct Meter<R> {
    inner: BufReader<R>,
    taken: u64,
    line: u64,
    left: usize,
}

impl<R: Read> Meter<R> {
    fn new(inner: R, mark: Mark) -> Self {
        let inner = BufReader::with_capacity(FILL_BYTES, inner);
        Self { inner, taken: mark.offset, line: mark.line, left: RECORD_BYTES_MAX }
    }
}

impl<R: Read> Read for Meter<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut rest = self.fill_buf()?;
        let read = rest.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: Read> BufRead for Meter<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            return Err(io::Error::other(too_long("the element", self.line)));
        }
        let seen = self.inner.fill_buf()?;
        Ok(seen.get(..self.left).unwrap_or(seen))
    }

    fn consume(&mut self, amount: usize) {
        let seen = self.inner.buffer().get(..amount).unwrap_or_default();
        self.line += memchr_iter(b'\n', seen).count() as u64;
        self.taken += amount as u64;
        self.left = self.left.saturating_sub(amount);
        self.inner.consume(amount);
    }
}

impl Markup {
    /// Finds the element of a record.
    ///
    /// # Errors
    /// As [`Stop`] says.
    pub fn begin(text: Text, shape: Shape, path: &[String]) -> Result<Self, Stop> {
        if text.head.contains(&0) {
            return Err(Refusal::new("this is no text file", "Export the file as CSV or XML.").into());
        }
        let charset = charset(&text.head, shape.encoding);
        // Only UTF-8 text has its places where the file has them; a stray byte in it moves them, so it is refused.
        let shift = if charset == UTF_8 { text.shift } else { None };
        let rest: Box<dyn Read + Send> = if charset == UTF_8 {
            text.rest
        } else {
            Box::new(Narrowed::new(text.rest, charset.new_decoder_without_bom_handling()))
        };
        let path = if path.is_empty() { find_record(&text.head, charset, shape.object) } else { path.to_vec() };
        Ok(Self {
            reader: reader(rest, Mark { offset: 0, line: 1 }),
            event: Vec::new(),
            shift,
            shape,
            path,
            open: Vec::new(),
            keyed: false,
            closed: false,
        })
    }

    /// Goes on elsewhere, between two records.
    #[must_use]
    pub fn resumed(self, rest: Box<dyn Read + Send>, mark: Mark) -> Self {
        let open = self.path.iter().take(self.path.len().saturating_sub(1)).cloned().collect();
        Self { reader: reader(rest, mark), open, keyed: true, closed: false, ..self }
    }

    /// Where the next record starts.
    #[must_use]
    pub fn mark(&self) -> Mark {
        let meter = self.reader.get_ref();
        Mark { offset: meter.taken, line: meter.line }
    }

    /// See [`super::rows::Rows::shift`].
    #[must_use]
    pub const fn shift(&self) -> Option<u64> {
        self.shift
    }

    /// Whether the root element is closed.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.closed
    }

    /// One more record; `false` at the end.
    ///
    /// # Errors
    /// As [`Stop`] says.
    pub fn next(&mut self, page: &mut Collected) -> Result<bool, Stop> {
        loop {
            self.reader.get_mut().left = RECORD_BYTES_MAX;
            self.event.clear();
            let before = self.mark();
            let event = self.reader.read_event_into(&mut self.event).map_err(|error| broken(error, before.line))?;
            match event {
                Event::Start(start) => {
                    let name = local(&start);
                    if self.open.len() >= DEPTH_MAX {
                        return Err(too_deep(before.line));
                    }
                    self.open.push(name);
                    if self.open == self.path {
                        let element = attributes(&start, before.line)?;
                        let body = self.element(element)?;
                        self.open.pop();
                        return self.record(body, before, page);
                    }
                }
                Event::Empty(start) => {
                    self.open.push(local(&start));
                    let is_record = self.open == self.path;
                    self.open.pop();
                    if is_record {
                        let body = Json::Object(attributes(&start, before.line)?);
                        return self.record(body, before, page);
                    }
                }
                Event::End(end) => {
                    let name = end.local_name();
                    if self.open.pop().is_none_or(|open| open.as_str() != name.as_ref()) {
                        return Err(syntax(before.line, "an element is closed that was not opened"));
                    }
                    self.closed = self.open.is_empty();
                }
                Event::DocType(_) => return Err(doctype()),
                Event::Eof if self.closed => return Ok(false),
                Event::Eof if self.open.is_empty() && self.path.is_empty() => return Ok(false),
                Event::Eof => return Err(syntax(before.line, "the file ends in its middle")),
                Event::GeneralRef(_)
                | Event::Text(_)
                | Event::CData(_)
                | Event::Comment(_)
                | Event::Decl(_)
                | Event::PI(_) => {}
            }
        }
    }

    fn record(&mut self, body: Json, start: Mark, page: &mut Collected) -> Result<bool, Stop> {
        page.bytes += usize::try_from(self.mark().offset - start.offset).unwrap_or(usize::MAX);
        let Json::Object(fields) = body else {
            let said = format!("the element {} holds only text", self.path.join("/"));
            page.reject(&self.shape, start.line, said, "Name the element of one record in the settings.", &[]);
            return Ok(true);
        };
        let fields: Map<String, Json> =
            fields.into_iter().map(|(name, value)| (self.shape.columns.spelled(&name), value)).collect();
        // A key may be an attribute.
        let names: Vec<String> = fields.keys().map(|name| name.trim_start_matches('@').to_owned()).collect();
        let Some(keys) =
            self.shape.columns.key(&names.iter().map(|n| self.shape.columns.spelled(n)).collect::<Vec<_>>())
        else {
            if self.keyed {
                let raw = Json::Object(fields).to_string();
                page.reject(&self.shape, start.line, "the record has no key".to_owned(), KEYLESS, raw.as_bytes());
                return Ok(true);
            }
            return Err(Stop::Remote(keyless(&self.shape, &names)));
        };
        self.keyed = true;
        let keys: Vec<String> = keys
            .into_iter()
            .map(|key| if fields.contains_key(&key) { key } else { self.attribute(&fields, &key) })
            .collect();
        let id = key_of(&keys, &fields);
        let raw = if id.is_empty() { Json::Object(fields.clone()).to_string() } else { String::new() };
        page.record(&self.shape, start.line, id, None, Json::Object(fields), raw.as_bytes());
        Ok(true)
    }

    /// The attribute that is spelled like this key.
    fn attribute(&self, fields: &Map<String, Json>, key: &str) -> String {
        let is_it = |name: &&String| name.strip_prefix('@').is_some_and(|bare| self.shape.columns.spelled(bare) == key);
        fields.keys().find(is_it).cloned().unwrap_or_else(|| key.to_owned())
    }

    /// The rest of an element whose start was read.
    fn element(&mut self, element: Map<String, Json>) -> Result<Json, Stop> {
        let mut nest: Vec<(Map<String, Json>, String)> = vec![(element, String::new())];
        let mut names: Vec<String> = Vec::new();
        loop {
            self.event.clear();
            let line = self.reader.get_ref().line;
            let event = self.reader.read_event_into(&mut self.event).map_err(|error| broken(error, line))?;
            match event {
                Event::Start(start) => {
                    if nest.len() + self.open.len() >= DEPTH_MAX {
                        return Err(too_deep(line));
                    }
                    names.push(local(&start));
                    nest.push((attributes(&start, line)?, String::new()));
                }
                Event::Empty(start) => {
                    let (name, body) = (local(&start), attributes(&start, line)?);
                    if let (Some((parent, _)), false) = (nest.last_mut(), body.is_empty()) {
                        add(parent, name, Json::Object(body), line)?;
                    }
                }
                Event::End(end) => {
                    let (body, text) = nest.pop().unwrap_or_default();
                    let expected = names.pop();
                    let opened = expected.as_ref().or_else(|| self.path.last());
                    if opened.is_none_or(|name| name.as_str() != end.local_name().as_ref()) {
                        return Err(syntax(line, "an element is closed that was not opened"));
                    }
                    let value = joined(body, text);
                    match (nest.last_mut(), expected) {
                        (Some((parent, _)), Some(name)) => {
                            if value != Json::Null {
                                add(parent, name, value, line)?;
                            }
                        }
                        (None, _) | (Some(_), None) => return Ok(value),
                    }
                }
                Event::Text(piece) => {
                    if let Some((_, text)) = nest.last_mut() {
                        text.push_str(&piece.xml_content(XmlVersion::Implicit1_0));
                    }
                }
                Event::CData(piece) => {
                    if let Some((_, text)) = nest.last_mut() {
                        text.push_str(&piece.xml_content(XmlVersion::Implicit1_0));
                    }
                }
                Event::GeneralRef(reference) => {
                    let character = match reference.resolve_char_ref() {
                        Ok(Some(character)) => Some(character),
                        Ok(None) => predefined(&reference),
                        Err(_) => None,
                    };
                    match (nest.last_mut(), character) {
                        (Some((_, text)), Some(character)) if character != '\0' => text.push(character),
                        _ => return Err(syntax(line, "an entity is used that XML does not define")),
                    }
                }
                Event::DocType(_) => return Err(doctype()),
                Event::Eof => return Err(syntax(line, "the file ends in its middle")),
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            }
        }
    }
}

const KEYLESS: &str = "Give the record its key in the system it came from, or choose another key in the settings.";

fn reader(rest: Box<dyn Read + Send>, mark: Mark) -> Reader<Meter<Box<dyn Read + Send>>> {
    let mut reader = Reader::from_reader(Meter::new(rest, mark));
    // Closing names are compared here: reading may have started in the middle.
    reader.config_mut().check_end_names = false;
    reader.config_mut().allow_unmatched_ends = true;
    reader
}

fn charset(head: &[u8], encoding: Encoding) -> &'static Charset {
    let start = String::from_utf8_lossy(head.get(..200).unwrap_or(head)).to_lowercase();
    let declared = start
        .split_once("encoding=")
        .filter(|(before, _)| before.trim_start().starts_with("<?xml") && !before.contains("?>"))
        .and_then(|(_, rest)| rest.get(1..))
        .and_then(|rest| rest.split(['"', '\'']).next().map(ToOwned::to_owned));
    match encoding {
        Encoding::Utf8 => UTF_8,
        Encoding::Windows1252 => WINDOWS_1252,
        // What was UTF-16 is UTF-8 by now, whatever it declares.
        Encoding::Auto => match declared.and_then(|name| Charset::for_label(name.as_bytes())) {
            Some(charset) if charset == encoding_rs::UTF_16LE || charset == encoding_rs::UTF_16BE => UTF_8,
            Some(charset) if charset != UTF_8 => charset,
            Some(_) | None => match std::str::from_utf8(head) {
                Ok(_) => UTF_8,
                // Cut in the middle of a character at the head's end.
                Err(error) if error.error_len().is_none() => UTF_8,
                Err(_) => WINDOWS_1252,
            },
        },
    }
}

/// The path to the first element with a usual name for one record; else the first child of the root.
fn find_record(head: &[u8], charset: &'static Charset, object: ObjectKind) -> Vec<String> {
    let usual: &[&str] = match object {
        ObjectKind::Customer => &["customer", "cust", "contact", "customerrecord"],
        ObjectKind::Vehicle => &["vehicle", "ownedvehicle", "customervehicle"],
        ObjectKind::Inventory => &["inventory", "stock", "vehicle", "inventoryitem", "stockitem", "unit"],
        ObjectKind::Deal => &["deal", "sale", "vehiclesale"],
        ObjectKind::RepairOrder => &["repairorder", "ro", "serviceorder"],
        ObjectKind::Lead => &["lead", "prospect"],
    };
    const ANY: &[&str] = &["record", "row", "item", "entry"];
    let (text, _) = charset.decode_without_bom_handling(head);
    let mut reader = Reader::from_str(&text);
    reader.config_mut().check_end_names = false;
    reader.config_mut().allow_unmatched_ends = true;
    let (mut open, mut first): (Vec<String>, Option<Vec<String>>) = (Vec::new(), None);
    loop {
        let (name, stays) = match reader.read_event() {
            Ok(Event::Start(start)) => (local(&start), true),
            Ok(Event::Empty(start)) => (local(&start), false),
            Ok(Event::End(_)) => {
                open.pop();
                continue;
            }
            Ok(Event::Eof) | Err(_) => return first.unwrap_or_default(),
            Ok(
                Event::Text(_)
                | Event::CData(_)
                | Event::Comment(_)
                | Event::Decl(_)
                | Event::PI(_)
                | Event::DocType(_)
                | Event::GeneralRef(_),
            ) => continue,
        };
        if open.len() >= DEPTH_MAX {
            return first.unwrap_or_default();
        }
        let bare: String = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
        open.push(name);
        if open.len() >= 2 && (usual.contains(&bare.as_str()) || ANY.contains(&bare.as_str())) {
            return open;
        }
        if open.len() == 2 && first.is_none() {
            first = Some(open.clone());
        }
        if !stays {
            open.pop();
        }
    }
}

fn local(start: &BytesStart<'_>) -> String {
    start.local_name().as_ref().to_owned()
}

fn attributes(start: &BytesStart<'_>, line: u64) -> Result<Map<String, Json>, Stop> {
    let mut found = Map::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|_| syntax(line, "an attribute is broken"))?;
        let name: &str = attribute.key.as_ref();
        if name == "xmlns" || name.starts_with("xmlns:") {
            continue;
        }
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|_| syntax(line, "an attribute uses an entity that XML does not define"))?;
        if value.contains('\0') {
            return Err(syntax(line, "an attribute holds a NUL character"));
        }
        let name = attribute.key.local_name();
        let name: &str = name.as_ref();
        if !value.trim().is_empty() {
            found.insert(format!("@{name}"), Json::String(value.trim().to_owned()));
        }
        if found.len() > COLUMNS_MAX {
            return Err(syntax(line, "an element has more than 4096 attributes"));
        }
    }
    Ok(found)
}

/// Attributes, children and text as one value; nothing where there is nothing.
fn joined(mut body: Map<String, Json>, text: String) -> Json {
    let text = text.trim();
    match (body.is_empty(), text.is_empty()) {
        (true, true) => Json::Null,
        (true, false) => Json::String(text.to_owned()),
        (false, true) => Json::Object(body),
        (false, false) => {
            body.insert("#text".to_owned(), Json::String(text.to_owned()));
            Json::Object(body)
        }
    }
}

fn add(parent: &mut Map<String, Json>, name: String, value: Json, line: u64) -> Result<(), Stop> {
    if parent.len() >= COLUMNS_MAX {
        return Err(syntax(line, "an element has more than 4096 children"));
    }
    match parent.get_mut(&name) {
        None => {
            parent.insert(name, value);
        }
        Some(Json::Array(list)) => list.push(value),
        Some(first) => {
            let first_value = first.take();
            *first = Json::Array(vec![first_value, value]);
        }
    }
    Ok(())
}

fn predefined(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    }
}

fn broken(error: quick_xml::Error, line: u64) -> Stop {
    match error {
        quick_xml::Error::Io(error) => match io::Error::from(error.kind()).kind() {
            io::ErrorKind::InvalidData => syntax(line, "the text is not in the encoding that the file declares"),
            _ => match std::sync::Arc::try_unwrap(error) {
                Ok(error) => error.into(),
                Err(shared) => Stop::Remote(crate::ConnectorError::unreadable(shared.to_string())),
            },
        },
        other => syntax(line, &other.to_string()),
    }
}

fn syntax(line: u64, said: &str) -> Stop {
    Refusal::new(
        format!("the XML is broken at line {line}: {said}"),
        "Export the file again; what stands before this line was read.",
    )
    .into()
}

fn too_deep(line: u64) -> Stop {
    syntax(line, "elements are nested more than 64 deep")
}

fn doctype() -> Stop {
    Refusal::new("the XML has a DOCTYPE, which could define entities", "Export the file without a DOCTYPE.").into()
}
