//! SOAP as OpenTrack speaks it: two envelopes in, the same two out, errors inside normal replies.

use quick_xml::Reader;
use quick_xml::events::Event;
use std::fmt::Write;

/// The STAR transport's namespace.
pub(super) const TRANSPORT: &str = "http://www.starstandards.org/webservices/2005/10/transport";
/// The direct services' namespace; it has no scheme.
pub(super) const DIRECT: &str = "opentrack.dealertrack.com";

/// An element of a request.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub name: String,
    pub text: String,
    pub children: Vec<Node>,
}

impl Node {
    /// Reads a document; `None` where it is not well formed.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut reader = Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        let mut open = vec![Self::default()];
        loop {
            match reader.read_event().ok()? {
                Event::Start(start) => {
                    open.push(Self { name: start.local_name().as_ref().to_owned(), ..Self::default() })
                }
                Event::End(_) => {
                    let done = open.pop()?;
                    open.last_mut()?.children.push(done);
                }
                Event::Text(text) => open.last_mut()?.text.push_str(&text.xml10_content()),
                Event::CData(text) => open.last_mut()?.text.push_str(&text.xml10_content()),
                Event::GeneralRef(entity) => {
                    let here = open.last_mut()?;
                    match entity.resolve_char_ref().ok()? {
                        Some(c) => here.text.push(c),
                        None => here.text.push_str(quick_xml::escape::resolve_xml_entity(&entity)?),
                    }
                }
                Event::DocType(_) => return None,
                Event::Eof => return open.pop().filter(|_| open.is_empty())?.children.pop(),
                Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            }
        }
    }

    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The trimmed text of a child, empty where there is none.
    pub(super) fn of(&self, name: &str) -> &str {
        self.child(name).map_or("", |child| child.text.trim())
    }

    /// The first element of this name at any depth.
    pub(super) fn find(&self, name: &str) -> Option<&Self> {
        if self.name == name {
            return Some(self);
        }
        self.children.iter().find_map(|child| child.find(name))
    }
}

/// An error inside a normal reply.
#[derive(Clone, Debug)]
pub(super) struct Wrong(pub u16, pub &'static str);

/// Appends `<name>text</name>`, or `<name />` where there is no text.
pub(super) fn put(xml: &mut String, name: &str, text: &str) {
    let done = if text.is_empty() {
        write!(xml, "<{name} />")
    } else {
        write!(xml, "<{name}>{}</{name}>", quick_xml::escape::escape(text))
    };
    debug_assert!(done.is_ok());
}

/// Appends several.
pub(super) fn put_all(xml: &mut String, pairs: &[(&str, &str)]) {
    for (name, text) in pairs {
        put(xml, name, text);
    }
}

/// A reply to ProcessMessage around the inner XML of `{operation}Response`.
pub(super) fn star_reply(element: &str, inner: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope \
         xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Header><PayloadManifest xmlns=\"{TRANSPORT}\">\
         <manifest contentID=\"Content0\" namespaceURI=\"\" element=\"{element}\" /></PayloadManifest></soap:Header>\
         <soap:Body><ProcessMessageResponse xmlns=\"{TRANSPORT}\"><payload><content id=\"Content0\">\
         <{element} xmlns=\"\">{inner}</{element}></content></payload></ProcessMessageResponse></soap:Body>\
         </soap:Envelope>"
    )
}

/// A reply of ServiceAPI.asmx around the inner XML of `{operation}Result`.
pub(super) fn direct_reply(operation: &str, inner: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope \
         xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soap:Body><{operation}Response xmlns=\"{DIRECT}\">\
         <{operation}Result>{inner}</{operation}Result></{operation}Response></soap:Body></soap:Envelope>"
    )
}

/// `<Error>` as it stands in a reply.
pub(super) fn error(wrong: &Wrong) -> String {
    let mut xml = String::from("<Error>");
    put(&mut xml, "Code", &wrong.0.to_string());
    put(&mut xml, "Message", wrong.1);
    xml.push_str("</Error>");
    xml
}

/// A SOAP fault: for messages that are no messages.
pub(super) fn fault(code: &str, said: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope \
         xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body><soap:Fault><faultcode>{code}</faultcode>\
         <faultstring>{}</faultstring></soap:Fault></soap:Body></soap:Envelope>",
        quick_xml::escape::escape(said)
    )
}
