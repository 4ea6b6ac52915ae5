//! XML into JSON without loss, as [`crate::connector::Payload::body`] describes it, for every connector that meets XML.
//!
//! - An element without attributes and children is its text, kept to the last blank; an empty one is `""`.
//! - Otherwise it is an object: attributes under `@name`, children under their name, its own text under `#text`.
//! - Children that repeat become a list, in their order. `xsi:nil="true"` is `null`.
//! - Names are local: prefixes and namespace declarations are the sender's business. Comments and instructions are left out.
//!
//! A DOCTYPE is refused (no entities, so no billion laughs and no file inclusion), depth is capped, and all text comes
//! from the document itself. Size is capped by whoever reads the bytes.

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use serde_json::{Map, Value as Json};
use std::borrow::Cow;
use std::io::BufRead;

/// Deeper documents are refused.
pub const DEPTH_MAX: usize = 64;

/// Why a document cannot be read. Never holds a piece of the document: it may be personal.
#[derive(Debug, thiserror::Error)]
pub enum XmlError {
    /// Not well formed, or cut off.
    #[error("not well-formed XML near byte {at}: {said}")]
    Broken {
        /// Byte offset.
        at: u64,
        /// What is wrong.
        said: String,
    },
    /// A DOCTYPE: refused whatever it says.
    #[error("the XML has a DOCTYPE, which is refused")]
    Doctype,
    /// An entity that XML itself does not define.
    #[error("the XML uses an entity that is not one of XML's own, near byte {at}")]
    Entity {
        /// Byte offset.
        at: u64,
    },
    /// Too deep.
    #[error("the XML is nested deeper than {DEPTH_MAX} elements")]
    TooDeep,
    /// No element at all.
    #[error("there is no XML element")]
    Empty,
}

impl From<XmlError> for crate::error::ConnectorError {
    fn from(error: XmlError) -> Self {
        Self::unreadable(error.to_string())
    }
}

/// Bytes as text: by byte-order mark, else by the encoding that the XML declaration names, else UTF-8. Wrong bytes
/// become U+FFFD.
#[must_use]
pub fn decode(bytes: &[u8]) -> Cow<'_, str> {
    // The declaration is ASCII in every encoding that a vendor sends, and stands at the very start.
    let head = String::from_utf8_lossy(bytes.get(..bytes.len().min(128)).unwrap_or_default());
    let declared = head
        .strip_prefix("<?xml")
        .and_then(|rest| rest.split_once("?>"))
        .and_then(|(declaration, _)| declaration.split_once("encoding="))
        .and_then(|(_, value)| value.split(['"', '\'']).nth(1))
        .and_then(|label| encoding_rs::Encoding::for_label(label.as_bytes()));
    declared.unwrap_or(encoding_rs::UTF_8).decode(bytes).0
}

/// A whole document: the name of its root element and what is in it.
///
/// # Errors
/// As [`XmlError`] says.
pub fn parse(text: &str) -> Result<(String, Json), XmlError> {
    let mut elements = Elements::new(text.as_bytes());
    let Some(root) = elements.next_where(|_| true)? else { return Err(XmlError::Empty) };
    elements.end()?;
    Ok(root)
}

/// The elements of one name in a large document, one by one, so that it need not be held in memory.
pub struct Elements<R> {
    reader: Reader<R>,
    buffer: Vec<u8>,
    depth: usize,
}

impl<R: BufRead> Elements<R> {
    /// Reads from UTF-8 bytes; cap them (`Read::take`) where the sender is not trusted.
    #[must_use]
    pub fn new(bytes: R) -> Self {
        let mut reader = Reader::from_reader(bytes);
        reader.config_mut().expand_empty_elements = true;
        Self { reader, buffer: Vec::new(), depth: 0 }
    }

    /// Byte offset of what comes next.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.reader.buffer_position()
    }

    /// The next element of this (local) name at any depth; `None` at the end.
    ///
    /// # Errors
    /// As [`XmlError`] says; reading cannot go on after it.
    pub fn next(&mut self, name: &str) -> Result<Option<Json>, XmlError> {
        Ok(self.next_where(|found| found == name)?.map(|(_, element)| element))
    }

    fn next_where(&mut self, wanted: impl Fn(&str) -> bool) -> Result<Option<(String, Json)>, XmlError> {
        loop {
            self.buffer.clear();
            let at = self.reader.buffer_position();
            match self.reader.read_event_into(&mut self.buffer).map_err(|error| broken(at, &error))? {
                Event::Start(start) => {
                    let name = start.local_name().as_ref().to_owned();
                    if wanted(&name) {
                        let open = Open::new(&start, at)?;
                        return self.element(open).map(|element| Some((name, element)));
                    }
                    self.depth += 1;
                    if self.depth > DEPTH_MAX {
                        return Err(XmlError::TooDeep);
                    }
                }
                Event::End(_) => self.depth = self.depth.saturating_sub(1),
                Event::DocType(_) => return Err(XmlError::Doctype),
                Event::Eof if self.depth > 0 => {
                    return Err(XmlError::Broken { at, said: "the document ends too early".to_owned() });
                }
                Event::Eof => return Ok(None),
                Event::Empty(_)
                | Event::Text(_)
                | Event::CData(_)
                | Event::Comment(_)
                | Event::Decl(_)
                | Event::PI(_)
                | Event::GeneralRef(_) => {}
            }
        }
    }

    /// Reads on to the end, which must come without another element.
    fn end(&mut self) -> Result<(), XmlError> {
        let at = self.reader.buffer_position();
        match self.next_where(|_| true)? {
            None => Ok(()),
            Some(_) => Err(XmlError::Broken { at, said: "there is a second root element".to_owned() }),
        }
    }

    fn element(&mut self, root: Open) -> Result<Json, XmlError> {
        let mut open = vec![root];
        loop {
            self.buffer.clear();
            let at = self.reader.buffer_position();
            let event = self.reader.read_event_into(&mut self.buffer).map_err(|error| broken(at, &error))?;
            let Some(here) = open.last_mut() else { return Err(XmlError::Empty) };
            match event {
                Event::Start(start) => {
                    if self.depth + open.len() >= DEPTH_MAX {
                        return Err(XmlError::TooDeep);
                    }
                    open.push(Open::new(&start, at)?);
                }
                Event::End(_) => {
                    let Some(done) = open.pop() else { return Err(XmlError::Empty) };
                    let (name, value) = done.close();
                    match open.last_mut() {
                        Some(parent) => parent.add(name, value),
                        None => return Ok(value),
                    }
                }
                Event::Text(text) => here.text.push_str(&text.xml10_content()),
                Event::CData(text) => here.text.push_str(&text.xml10_content()),
                Event::GeneralRef(entity) => {
                    let told = entity.resolve_char_ref().map_err(|error| broken(at, &error))?;
                    match told {
                        Some(character) => here.text.push(character),
                        None => here
                            .text
                            .push_str(quick_xml::escape::resolve_xml_entity(&entity).ok_or(XmlError::Entity { at })?),
                    }
                }
                Event::DocType(_) => return Err(XmlError::Doctype),
                Event::Eof => return Err(XmlError::Broken { at, said: "the document ends too early".to_owned() }),
                Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            }
        }
    }
}

fn broken(at: u64, error: &quick_xml::Error) -> XmlError {
    // The parser's own words name elements at most; cut short all the same.
    XmlError::Broken { at, said: error.to_string().chars().take(120).collect() }
}

/// An element whose end has not come.
struct Open {
    name: String,
    parts: Map<String, Json>,
    text: String,
    nil: bool,
}

impl Open {
    fn new(start: &BytesStart<'_>, at: u64) -> Result<Self, XmlError> {
        let mut open =
            Self { name: start.local_name().as_ref().to_owned(), parts: Map::new(), text: String::new(), nil: false };
        for attribute in start.attributes() {
            let attribute = attribute
                .map_err(|error| XmlError::Broken { at, said: error.to_string().chars().take(120).collect() })?;
            if attribute.key.as_namespace_binding().is_some() {
                continue;
            }
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| broken(at, &error))?;
            let name: &str = attribute.key.as_ref();
            if name.ends_with(":nil") && matches!(value.as_ref(), "true" | "1") {
                open.nil = true;
            } else {
                let local = attribute.key.local_name();
                open.parts.insert(format!("@{}", local.as_ref()), Json::String(value.into_owned()));
            }
        }
        Ok(open)
    }

    fn add(&mut self, name: String, value: Json) {
        match self.parts.get_mut(&name) {
            None => {
                self.parts.insert(name, value);
            }
            // Only a repeated child can be a list: one element alone is never one.
            Some(Json::Array(list)) => list.push(value),
            Some(first) => {
                let before = first.take();
                *first = Json::Array(vec![before, value]);
            }
        }
    }

    fn close(mut self) -> (String, Json) {
        if self.nil && self.parts.is_empty() {
            return (self.name, Json::Null);
        }
        if self.parts.is_empty() {
            return (self.name, Json::String(self.text));
        }
        // Blanks between children are layout, not text.
        if !self.text.trim().is_empty() {
            self.parts.insert("#text".to_owned(), Json::String(self.text));
        }
        (self.name, Json::Object(self.parts))
    }
}

/// The children of a name as a list, whether there are none, one or several.
#[must_use]
pub fn children<'a>(element: &'a Json, name: &str) -> &'a [Json] {
    match element.get(name) {
        None | Some(Json::Null) => &[],
        Some(Json::Array(list)) => list,
        Some(one) => std::slice::from_ref(one),
    }
}

/// The text of an element, whether it has attributes or not.
#[must_use]
pub fn text(element: &Json) -> Option<&str> {
    match element {
        Json::String(text) => Some(text),
        Json::Object(parts) => parts.get("#text").and_then(Json::as_str),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) => None,
    }
}

/// Text made safe to stand between tags or in an attribute; characters that XML does not allow are left out.
#[must_use]
pub fn escape(text: &str) -> String {
    let allowed: String = text
        .chars()
        .filter(|c| matches!(c, '\t' | '\n' | '\r') || (*c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}')))
        .collect();
    quick_xml::escape::escape(allowed.as_str()).into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use serde_json::json;

    #[test]
    fn a_document_becomes_json_without_loss() {
        let (name, body) = parse(
            r#"<?xml version="1.0"?><!-- c --><a:Vehicle xmlns:a="urn:a" status="used">
                 <VIN> JF1GD67656G511824</VIN><price type="quote" currency="USD">13998</price>
                 <Trim/><Nil xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"/>
                 <Note>R&amp;D &#169; <![CDATA[<b>]]></Note><Option>A</Option><Option>B</Option><Empty> </Empty>
               </a:Vehicle>"#,
        )
        .unwrap();
        assert_eq!(name, "Vehicle");
        assert_eq!(
            body,
            json!({
                "@status": "used", "VIN": " JF1GD67656G511824",
                "price": {"@type": "quote", "@currency": "USD", "#text": "13998"},
                "Trim": "", "Nil": null, "Note": "R&D © <b>", "Option": ["A", "B"], "Empty": " "
            })
        );
    }

    #[test]
    fn hostile_and_broken_documents_are_refused() {
        let laughs = r#"<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><l>&b;</l>"#;
        assert!(matches!(parse(laughs), Err(XmlError::Doctype)));
        assert!(matches!(parse("<a>&nbsp;</a>"), Err(XmlError::Entity { .. })));
        assert!(matches!(parse(&"<a>".repeat(100_000)), Err(XmlError::TooDeep)));
        assert!(matches!(parse(""), Err(XmlError::Empty)));
        for text in ["<a><b></a>", "<a>", "<a", "{", "<a/><b/>", "]]>\u{fffd} maintenance {", "<a x='1' x='2'/>"] {
            assert!(parse(text).is_err(), "{text} was read");
        }
    }

    #[test]
    fn a_large_document_is_read_element_by_element() {
        let text = "<Export><Head/><Rows><Row id='1'><N>a</N></Row><Row id='2'/></Rows></Export>";
        let mut elements = Elements::new(text.as_bytes());
        assert_eq!(elements.next("Row").unwrap(), Some(json!({"@id": "1", "N": "a"})));
        assert_eq!(elements.next("Row").unwrap(), Some(json!({"@id": "2"})));
        assert_eq!(elements.next("Row").unwrap(), None);

        let mut cut = Elements::new(&b"<Export><Row><N>a</N></Row><Row>"[..]);
        assert!(cut.next("Row").unwrap().is_some());
        assert!(cut.next("Row").is_err());
    }

    #[test]
    fn bytes_are_decoded_as_their_declaration_says() {
        let latin = b"<?xml version='1.0' encoding='windows-1252'?><a>Jos\xe9</a>";
        assert_eq!(parse(&decode(latin)).unwrap().1, json!("José"));
        assert_eq!(parse(&decode("\u{feff}<a>José</a>".as_bytes())).unwrap().1, json!("José"));
    }

    #[test]
    fn what_is_escaped_is_read_back_as_it_was() {
        let told = "O'Brien & Sons <b> \"x\" \u{1} é";
        let (_, read) = parse(&format!("<a>{}</a>", escape(told))).unwrap();
        assert_eq!(read, json!(told.replace('\u{1}', "")));
    }
}
