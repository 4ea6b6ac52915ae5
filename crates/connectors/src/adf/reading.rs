//! ADF as providers really send it: any case, broken entities, missing parts, several prospects, HTML around it.

use crate::connector::Reject;
use crate::error::ConnectorError;
use mail_parser::{Message, MessageParser, MimeHeaders, PartType};
use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use serde_json::{Map, Value as Json};
use std::borrow::Cow;

/// The deepest nesting.
const DEPTH_MAX: usize = 32;
/// Mails inside mails.
const MAILS_DEPTH_MAX: usize = 4;
/// Prospects of one document.
const PROSPECTS_MAX: usize = 1_000;
/// Bytes of a broken piece that are kept.
const RAW_BYTES_MAX: usize = 64 * 1024;

/// A document's prospects, and what of it cannot be read.
pub struct Document {
    /// Each `prospect` element: names in lower case, attributes under `@name`, text under `#text`.
    pub prospects: Vec<Map<String, Json>>,
    /// Broken pieces.
    pub rejects: Vec<Reject>,
}

/// Finds the ADF in a received body: itself, in an e-mail's text or attachment, or escaped in HTML.
///
/// # Errors
/// [`ConnectorError::Unreadable`] where there is none.
pub fn find(content_type: &str, body: &[u8]) -> Result<String, ConnectorError> {
    let none = || ConnectorError::unreadable("there is no ADF in it: no element named adf or prospect");
    if is_mail(content_type, body) {
        let mail = MessageParser::default().parse(body).ok_or_else(none)?;
        let mut texts = Vec::new();
        collect(&mail, 0, &mut texts);
        texts.sort_by_key(|(rank, _)| *rank);
        return texts.iter().find_map(|(_, text)| cut_out(text)).ok_or_else(none);
    }
    cut_out(&decoded(body)).ok_or_else(none)
}

/// The texts of a mail and of the mails inside it, with their rank: an attachment made for machines comes before a text
/// made for people.
fn collect<'a>(mail: &'a Message<'_>, depth: usize, texts: &mut Vec<(u8, Cow<'a, str>)>) {
    for part in &mail.parts {
        let named = part.attachment_name().is_some_and(|name| {
            let name = name.to_lowercase();
            name.ends_with(".xml") || name.ends_with(".adf")
        });
        match &part.body {
            PartType::Text(text) => texts.push((u8::from(!named), Cow::Borrowed(text.as_ref()))),
            PartType::Html(text) => texts.push((2, Cow::Borrowed(text.as_ref()))),
            PartType::Binary(bytes) | PartType::InlineBinary(bytes) => {
                texts.push((if named { 0 } else { 3 }, decoded(bytes)));
            }
            PartType::Message(inner) if depth < MAILS_DEPTH_MAX => collect(inner, depth + 1, texts),
            PartType::Message(_) | PartType::Multipart(_) => {}
        }
    }
}

/// By its type, or by looking like one: a header line before anything else.
fn is_mail(content_type: &str, body: &[u8]) -> bool {
    let content_type = content_type.to_ascii_lowercase();
    if content_type.starts_with("message/rfc822") {
        return true;
    }
    let head = String::from_utf8_lossy(body.get(..1024).unwrap_or(body)).to_ascii_lowercase();
    !head.trim_start().starts_with('<')
        && ["return-path:", "received:", "from:", "delivered-to:", "mime-version:", "date:", "subject:", "to:"]
            .iter()
            .any(|name| head.starts_with(name))
}

fn decoded(bytes: &[u8]) -> Cow<'_, str> {
    match encoding_rs::Encoding::for_bom(bytes) {
        Some((encoding, _)) => encoding.decode(bytes).0,
        None => match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => encoding_rs::WINDOWS_1252.decode(bytes).0,
        },
    }
}

/// The text from `<adf` (or `<prospect`) to its end; where it is escaped for HTML, unescaped first.
fn cut_out(text: &str) -> Option<String> {
    let from = |text: &str, start: &str, end: &str| {
        // ASCII lower case keeps every byte in its place.
        let lower = text.to_ascii_lowercase();
        let first = lower.find(start)?;
        let last = lower.rfind(end).map_or(text.len(), |at| at + end.len());
        text.get(first..last.max(first)).map(ToOwned::to_owned)
    };
    for (plain, closing, escaped, escaped_closing) in [
        ("<adf", "</adf>", "&lt;adf", "&lt;/adf&gt;"),
        ("<prospect", "</prospect>", "&lt;prospect", "&lt;/prospect&gt;"),
    ] {
        if let Some(found) = from(text, plain, closing) {
            return Some(found);
        }
        if let Some(found) = from(text, escaped, escaped_closing) {
            return Some(unescaped(&found));
        }
    }
    None
}

/// HTML's own tags go, what was escaped becomes XML.
fn unescaped(html: &str) -> String {
    let mut bare = String::with_capacity(html.len());
    let mut in_tag = false;
    for c in html.chars() {
        match c {
            '<' => in_tag = true,
            '>' if in_tag => in_tag = false,
            _ if in_tag => {}
            c => bare.push(c),
        }
    }
    bare.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&nbsp;", " ")
        .replace("&amp;", "&")
}

/// Reads all prospects.
///
/// # Errors
/// [`ConnectorError::Unreadable`] where no prospect can be read at all.
pub fn read(xml: &str) -> Result<Document, ConnectorError> {
    let mut document = Document { prospects: Vec::new(), rejects: Vec::new() };
    let identity: String = blake3::hash(xml.as_bytes()).to_hex().chars().take(16).collect();
    let pieces = pieces(xml);
    if pieces.len() > PROSPECTS_MAX {
        return Err(ConnectorError::unreadable(format!("the document has more than {PROSPECTS_MAX} prospects")));
    }
    for (place, piece) in pieces.iter().enumerate() {
        match prospect(piece) {
            Ok(found) if found.is_empty() => {}
            Ok(found) => document.prospects.push(found),
            Err(said) => document.rejects.push(Reject {
                place: format!("ADF {identity} prospect {}", place + 1),
                said: said.to_owned(),
                fix: "Ask the provider to send valid ADF 1.0; enter this lead by hand.".to_owned(),
                raw: piece.as_bytes().get(..RAW_BYTES_MAX).unwrap_or(piece.as_bytes()).to_vec(),
            }),
        }
    }
    if document.prospects.is_empty() && document.rejects.is_empty() {
        return Err(ConnectorError::unreadable("the ADF holds no prospect"));
    }
    Ok(document)
}

/// The text of each prospect, so that a broken one costs no other.
fn pieces(xml: &str) -> Vec<&str> {
    let lower = xml.to_ascii_lowercase();
    let starts: Vec<usize> = lower
        .match_indices("<prospect")
        .map(|(at, _)| at)
        .filter(|at| {
            lower.as_bytes().get(at + 9).is_some_and(|next| matches!(next, b'>' | b'/') || next.is_ascii_whitespace())
        })
        .collect();
    starts
        .iter()
        .enumerate()
        .filter_map(|(place, start)| {
            let until = starts.get(place + 1).copied().unwrap_or(xml.len());
            let end = lower.get(*start..until)?.rfind("</prospect").map_or(until, |at| {
                let close = start + at;
                lower.get(close..until).and_then(|rest| rest.find('>')).map_or(until, |more| close + more + 1)
            });
            xml.get(*start..end)
        })
        .collect()
}

fn prospect(xml: &str) -> Result<Map<String, Json>, &'static str> {
    let mut reader = Reader::from_str(xml);
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.allow_dangling_amp = true;
    let mut open: Vec<(String, Map<String, Json>, String)> = Vec::new();
    let mut root = None;
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => {
                if open.len() >= DEPTH_MAX {
                    return Err("elements are nested more than 32 deep");
                }
                open.push((name(&start), attributes(&start), String::new()));
            }
            Ok(Event::Empty(start)) => {
                let body = attributes(&start);
                if let (Some((_, parent, _)), false) = (open.last_mut(), body.is_empty()) {
                    add(parent, name(&start), Json::Object(body));
                }
            }
            Ok(Event::End(end)) => {
                let wanted = end.local_name().as_ref().to_ascii_lowercase();
                // `<b><i></b>`: what was left open ends with what closes; a stray end is nothing.
                if let Some(place) = open.iter().rposition(|(name, _, _)| *name == wanted) {
                    while open.len() > place {
                        close(&mut open, &mut root);
                    }
                }
            }
            Ok(Event::Text(piece)) => push(&mut open, &piece.xml_content(XmlVersion::Implicit1_0)),
            Ok(Event::CData(piece)) => push(&mut open, &piece.xml_content(XmlVersion::Implicit1_0)),
            Ok(Event::GeneralRef(reference)) => {
                let character = reference.resolve_char_ref().ok().flatten();
                match (character, &*reference) {
                    (Some(character), _) => push(&mut open, character.encode_utf8(&mut [0; 4])),
                    (None, "amp") => push(&mut open, "&"),
                    (None, "lt") => push(&mut open, "<"),
                    (None, "gt") => push(&mut open, ">"),
                    (None, "quot") => push(&mut open, "\""),
                    (None, "apos") => push(&mut open, "'"),
                    (None, "nbsp") => push(&mut open, " "),
                    // HTML's other names stay as they were written.
                    (None, other) => push(&mut open, &format!("&{other};")),
                }
            }
            Ok(Event::Eof) => {
                while !open.is_empty() {
                    close(&mut open, &mut root);
                }
                return match root {
                    Some(Json::Object(found)) => Ok(found),
                    Some(_) | None => Ok(Map::new()),
                };
            }
            // A DOCTYPE's entities are never used, so it is only passed over.
            Ok(Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_)) => {}
            Err(_) => return Err("the XML is broken"),
        }
    }
}

fn push(open: &mut [(String, Map<String, Json>, String)], piece: &str) {
    if let Some((_, _, text)) = open.last_mut() {
        text.extend(piece.chars().filter(|c| *c != '\0'));
    }
}

fn close(open: &mut Vec<(String, Map<String, Json>, String)>, root: &mut Option<Json>) {
    let Some((name, mut body, text)) = open.pop() else { return };
    let text = text.trim();
    let value = match (body.is_empty(), text.is_empty()) {
        (true, true) => return,
        (true, false) => Json::String(text.to_owned()),
        (false, true) => Json::Object(body),
        (false, false) => {
            body.insert("#text".to_owned(), Json::String(text.to_owned()));
            Json::Object(body)
        }
    };
    match open.last_mut() {
        Some((_, parent, _)) => add(parent, name, value),
        None => *root = root.take().or(Some(value)),
    }
}

fn add(parent: &mut Map<String, Json>, name: String, value: Json) {
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
}

fn name(start: &BytesStart<'_>) -> String {
    start.local_name().as_ref().to_ascii_lowercase()
}

fn attributes(start: &BytesStart<'_>) -> Map<String, Json> {
    let mut found = Map::new();
    // Without checks a duplicate or an unquoted value costs only itself.
    for attribute in start.html_attributes().with_checks(false).flatten() {
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_or_else(|_| attribute.value.to_string(), Cow::into_owned);
        let value: String = value.trim().chars().filter(|c| *c != '\0').collect();
        let key: &str = attribute.key.as_ref();
        if !value.is_empty() && !key.starts_with("xmlns") {
            found.insert(format!("@{}", key.to_ascii_lowercase()), Json::String(value));
        }
    }
    found
}

/// All elements of this name, whether there is one or a list.
pub fn all<'a>(parent: &'a Map<String, Json>, name: &str) -> Vec<&'a Json> {
    match parent.get(name) {
        None => Vec::new(),
        Some(Json::Array(list)) => list.iter().collect(),
        Some(one) => vec![one],
    }
}

/// An element's text.
pub fn text(element: &Json) -> Option<&str> {
    match element {
        Json::String(text) => Some(text),
        Json::Object(body) => body.get("#text").and_then(Json::as_str),
        Json::Array(list) => list.first().and_then(text),
        Json::Null | Json::Bool(_) | Json::Number(_) => None,
    }
}

/// An element's attribute in lower case.
pub fn attribute(element: &Json, name: &str) -> String {
    element.get(format!("@{name}")).and_then(Json::as_str).unwrap_or_default().to_ascii_lowercase()
}
