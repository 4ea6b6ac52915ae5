//! A website that sends leads all the time, and sends each again until it is taken.

use crate::api::Api;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Between two leads.
const EVERY: Duration = Duration::from_millis(400);
/// Between two tries of one lead.
const AGAIN_AFTER: Duration = Duration::from_millis(100);
/// The addresses of everybody who sends a lead; nobody else has one there.
pub const DOMAIN: &str = "leads.chaos.example";

/// What a website saw.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    /// Leads that were taken: the e-mail address of each.
    pub taken: Vec<String>,
    /// How long each answer took that took a lead, in ms.
    pub answers_ms: Vec<f64>,
    /// Tries without such an answer.
    pub tries_in_vain: u64,
}

/// The website at work.
pub struct Website {
    stop: Arc<AtomicBool>,
    sending: JoinHandle<Sent>,
}

impl Website {
    /// Starts to send.
    #[must_use]
    pub fn open(api: Api, hook: String) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let sending = tokio::spawn(send(api, hook, Arc::clone(&stop)));
        Self { stop, sending }
    }

    /// Stops; what was sent.
    ///
    /// # Errors
    /// Where the sender came to grief.
    pub async fn close(self) -> anyhow::Result<Sent> {
        self.stop.store(true, Ordering::Relaxed);
        Ok(self.sending.await?)
    }
}

async fn send(api: Api, hook: String, stop: Arc<AtomicBool>) -> Sent {
    let mut sent = Sent::default();
    let mut number = 0_u32;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let email = format!("lead-{number}@{DOMAIN}");
        loop {
            let began = Instant::now();
            if api.send_document(&hook, "application/xml", document(number, &email)).await.is_ok() {
                sent.answers_ms.push(began.elapsed().as_secs_f64() * 1_000.0);
                sent.taken.push(email);
                break;
            }
            sent.tries_in_vain += 1;
            if stop.load(Ordering::Relaxed) {
                break;
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
        tokio::time::sleep(EVERY).await;
    }
    sent
}

/// A lead of somebody whom nobody else is like.
fn document(number: u32, email: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<?adf version=\"1.0\"?>\n<adf><prospect status=\"new\">\
         <id sequence=\"1\" source=\"chaos\">{number}</id><requestdate>2026-01-05T10:00:00-05:00</requestdate>\
         <vehicle interest=\"buy\" status=\"new\"><year>2026</year><make>Ford</make><model>F-150</model></vehicle>\
         <customer><contact><name part=\"first\">{}</name><name part=\"last\">{}</name><email>{email}</email>\
         </contact></customer><vendor><vendorname>Bayside Ford</vendorname><contact><name part=\"full\">Bayside Ford</name></contact></vendor>\
         <provider><name part=\"full\">Chaos Web</name></provider></prospect></adf>\n",
        name("Zo", number),
        name("Quix", number.wrapping_mul(7919)),
    )
}

/// The number as letters.
fn name(start: &str, number: u32) -> String {
    let letters = number.to_string();
    let spelt = letters.bytes().map(|digit| char::from(b'a' + digit.wrapping_sub(b'0')));
    start.chars().chain(spelt).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lead_is_a_document_of_its_own_that_the_strictest_receiver_takes() {
        let documents: std::collections::BTreeSet<String> =
            (1..200).map(|number| document(number, &format!("lead-{number}@{DOMAIN}"))).collect();
        assert_eq!(documents.len(), 199);
        for lead in &documents {
            assert_eq!(simulators::adf::validate(lead).map(|taken| taken.len()), Ok(1), "{lead}");
        }
    }
}
