//! A CRM that takes leads as ADF 1.0 by HTTP POST (`/adf/leads`) and, beside the HTTP server, by SMTP.
//!
//! It is as strict as the standard: elements it does not know, out of order, or missing make it answer 422 with the
//! reason. It remembers each `id@source` and counts a second lead with the same id as a duplicate, unless it carries
//! the `Idempotency-Key` of the first: then it answers as it did the first time.

mod strict;

use crate::Simulator;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
pub use strict::{Lead, validate};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::task::JoinHandle;

/// The token that the HTTP door asks for.
pub const TOKEN: &str = "adf-token";
/// The longest line and the largest mail that the SMTP door takes.
const MAIL_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What was received.
#[derive(Default)]
struct Received {
    /// By `source:id`: the first lead, its key, and how often it came again.
    leads: BTreeMap<String, (Lead, String)>,
    duplicates: usize,
    repeats: usize,
    refused: Vec<String>,
    mails: usize,
}

/// The simulator.
#[derive(Clone, Default)]
pub struct Adf(Arc<Mutex<Received>>);

impl Adf {
    fn with<T>(&self, look: impl FnOnce(&mut Received) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes one document; the reason where it is refused.
    ///
    /// # Errors
    /// What the standard does not allow.
    pub fn take(&self, document: &str, key: &str) -> Result<usize, String> {
        let found = validate(document);
        self.with(|received| {
            let leads = match found {
                Ok(leads) => leads,
                Err(reason) => {
                    received.refused.push(reason.clone());
                    return Err(reason);
                }
            };
            let count = leads.len();
            for lead in leads {
                let known = received.leads.get(&lead.id).map(|(_, key)| key.clone());
                match known {
                    None => {
                        received.leads.insert(lead.id.clone(), (lead, key.to_owned()));
                    }
                    Some(first) if first == key && !key.is_empty() => received.repeats += 1,
                    Some(_) => received.duplicates += 1,
                }
            }
            Ok(count)
        })
    }

    /// The leads it has, in the order of their ids.
    #[must_use]
    pub fn leads(&self) -> Vec<Lead> {
        self.with(|received| received.leads.values().map(|(lead, _)| lead.clone()).collect())
    }
}

impl Simulator for Adf {
    fn key(&self) -> &'static str {
        "adf"
    }

    fn routes(&self, config: &mut ServiceConfig) {
        let taking = self.clone();
        config.service(
            web::resource("/leads")
                .route(web::method(actix_web::http::Method::OPTIONS).to(|request: HttpRequest| async move {
                    let mut answer =
                        if trusted(&request) { HttpResponse::NoContent() } else { HttpResponse::Unauthorized() };
                    answer.finish()
                }))
                .route(web::post().to(move |request: HttpRequest, body: String| {
                    let simulator = taking.clone();
                    async move {
                        if !trusted(&request) {
                            return HttpResponse::Unauthorized().finish();
                        }
                        let key = request.headers().get("Idempotency-Key").and_then(|key| key.to_str().ok());
                        match simulator.take(&body, key.unwrap_or_default()) {
                            Ok(leads) => HttpResponse::Ok().json(json!({"accepted": leads})),
                            Err(reason) => HttpResponse::UnprocessableEntity().json(json!({"error": reason})),
                        }
                    }
                })),
        );
    }

    fn truth(&self) -> Json {
        self.with(|received| {
            json!({
                "objects": {"lead": received.leads.len()},
                "effects": {"created": received.leads.len(), "updated": 0, "duplicates": received.duplicates},
                "repeats": received.repeats,
                "mails": received.mails,
                "refused": received.refused,
            })
        })
    }

    fn reset(&self) {
        self.with(|received| *received = Received::default());
    }
}

fn trusted(request: &HttpRequest) -> bool {
    let sent = request.headers().get("Authorization").and_then(|value| value.to_str().ok());
    sent == Some(&format!("Bearer {TOKEN}"))
}

/// A running SMTP door; it closes when this is dropped.
pub struct SmtpDoor {
    /// Where it listens.
    pub address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Drop for SmtpDoor {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Takes mails with ADF as their text and hands them to the simulator. Plain SMTP, for loopback only.
///
/// # Errors
/// Where the listener cannot be used.
pub fn serve_smtp(simulator: Adf, listener: TcpListener) -> std::io::Result<SmtpDoor> {
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let serving = tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let simulator = simulator.clone();
            tokio::spawn(async move {
                if let Err(error) = converse(&simulator, stream).await {
                    tracing::debug!(%error, "a mail client left");
                }
            });
        }
    });
    Ok(SmtpDoor { address, serving })
}

async fn converse(simulator: &Adf, stream: tokio::net::TcpStream) -> std::io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut lines = BufReader::new(reading).lines();
    writing.write_all(b"220 adf ESMTP\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let answer = match verb.as_str() {
            "EHLO" | "HELO" => "250 adf".to_owned(),
            "MAIL" | "RCPT" | "RSET" | "NOOP" => "250 OK".to_owned(),
            "DATA" => {
                writing.write_all(b"354 go on\r\n").await?;
                let mut mail = String::new();
                while let Some(line) = lines.next_line().await? {
                    if line == "." || mail.len() > MAIL_BYTES_MAX {
                        break;
                    }
                    mail.push_str(line.strip_prefix('.').unwrap_or(&line));
                    mail.push('\n');
                }
                simulator.with(|received| received.mails += 1);
                match simulator.take(&text_of(&mail), &message_id(&mail)) {
                    Ok(_) => "250 taken".to_owned(),
                    Err(reason) => format!("554 {reason}"),
                }
            }
            "QUIT" => {
                writing.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => "502 not here".to_owned(),
        };
        writing.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
    Ok(())
}

fn message_id(mail: &str) -> String {
    mail.lines()
        .take_while(|line| !line.is_empty())
        .find(|line| line.to_ascii_lowercase().starts_with("message-id:"))
        .and_then(|line| line.split_once(':'))
        .map(|(_, id)| id.trim().to_owned())
        .unwrap_or_default()
}

/// The text of a mail of one part, its transfer encoding undone.
fn text_of(mail: &str) -> String {
    let (head, body) = mail.split_once("\n\n").unwrap_or(("", mail));
    let head = head.to_ascii_lowercase();
    if head.contains("content-transfer-encoding: base64") {
        use base64::Engine;
        let packed: String = body.split_whitespace().collect();
        let bytes = base64::engine::general_purpose::STANDARD.decode(packed).unwrap_or_default();
        return String::from_utf8_lossy(&bytes).into_owned();
    }
    if head.contains("content-transfer-encoding: quoted-printable") {
        return unquoted(body);
    }
    body.to_owned()
}

fn unquoted(body: &str) -> String {
    let joined = body.replace("=\n", "");
    let mut bytes = Vec::with_capacity(joined.len());
    let mut rest = joined.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = (*first == b'=')
            .then(|| after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok()))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
