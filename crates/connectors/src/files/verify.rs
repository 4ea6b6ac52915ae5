//! The connection test: address, connection, key, sign-in, folder, a sample of each object.

use super::form::ABOUT;
use super::listing::look;
use super::place::{Transport, place, source, transport};
use super::reading::Folder;
use super::settings::{Settings, pattern_setting};
use crate::access::Access;
use crate::connector::{Sample, Step, StepOutcome, Verified};
use crate::error::ConnectorError;
use crate::file_transfer::{Place, Source, ftp, net, sftp};
use std::sync::Arc;

/// Records of a sample.
const SAMPLE_ROWS: usize = 5;

/// See [`crate::Connector::verify`].
pub async fn verify(access: &Access) -> Verified {
    let mut tested = Verified::default();
    if steps(access, &mut tested).await.is_none() {
        for name in ["Address", "Connection", "Server's key", "Sign-in", "Folder", "Sample"] {
            if !tested.steps.iter().any(|step| step.name == name || tested_later(&step.name, name)) {
                let outcome = StepOutcome::Skipped;
                tested.steps.push(Step { name: name.to_owned(), outcome, said: String::new(), fix: String::new() });
            }
        }
    }
    tested
}

/// Samples carry the object's name.
fn tested_later(step: &str, name: &str) -> bool {
    name == "Sample" && step.starts_with("Sample")
}

async fn steps(access: &Access, tested: &mut Verified) -> Option<()> {
    let settings = tested.step(
        "Settings",
        "All settings can be read.",
        Settings::of(access).and_then(|settings| transport(access).map(|way| (settings, way))),
    );
    let (settings, way) = settings?;
    let source: Arc<dyn Source> = match way {
        Transport::Upload => source(access).ok()?,
        Transport::Sftp | Transport::Ftp(_) => {
            let place = place(access, way);
            let place = match place {
                Ok(place) => place,
                Err(error) => return tested.step("Address", "", Err(error)),
            };
            signed_in(way, &place, tested).await?;
            tested.step("Folder", "", source(access).map(|source| (source, ()))).map(|(source, ())| {
                // Told below, once it was listed.
                tested.steps.pop();
                source
            })?
        }
    };
    let folder = Folder { connection: access.connection, source, settings: Arc::new(settings) };
    let listed = folder.source.list().await;
    let said =
        listed.as_ref().map(|names| format!("The folder can be listed: {} names.", names.len())).unwrap_or_default();
    tested.step("Folder", &said, listed)?;
    let mut files = 0;
    for capability in ABOUT.capabilities {
        let object = capability.object;
        let name = format!("Sample of {}", object.plural());
        let looked = match look(folder.source.as_ref(), &folder.settings, object, chrono::Utc::now()).await {
            Ok(looked) => looked,
            Err(error) => return tested.step(&name, "", Err(error)),
        };
        match folder.sample(object, &looked, SAMPLE_ROWS).await {
            Ok(None) => {}
            Ok(Some((file, page))) => {
                files += 1;
                let result = match (page.records.is_empty(), page.rejects.first()) {
                    (true, Some(reject)) => Err(ConnectorError::Refused {
                        code: "no_good_row".to_owned(),
                        said: format!("{}: {}", reject.place, reject.said),
                        fix: reject.fix.clone(),
                        evidence: None,
                    }),
                    (true, None) | (false, _) => Ok(()),
                };
                let said = match page.records.len() {
                    0 => format!("{file} is empty."),
                    rows => format!("{file} can be read; the first {rows} records are shown."),
                };
                tested.step(&name, &said, result);
                tested.samples.push(Sample { object, payloads: page.records });
            }
            Err(error) => {
                files += 1;
                tested.step::<()>(&name, "", Err(error));
            }
        }
    }
    if files == 0 {
        let patterns: Vec<&str> = ABOUT.capabilities.iter().map(|c| pattern_setting(c.object)).collect();
        tested.steps.push(Step {
            name: "Sample".to_owned(),
            outcome: if way == Transport::Upload { StepOutcome::Good } else { StepOutcome::Bad },
            said: "No file in the folder is one of this connection's.".to_owned(),
            fix: format!("Wait for the first export, or correct the file patterns ({}).", patterns.join(", ")),
        });
    }
    Some(())
}

/// Address, connection, key, sign-in.
async fn signed_in(way: Transport, place: &Place, tested: &mut Verified) -> Option<()> {
    let addresses = net::resolve(&place.host, place.port, place.allow_private_hosts).await;
    let said = addresses
        .as_ref()
        .map(|all| {
            format!("The name leads to {}.", all.iter().map(|a| a.ip().to_string()).collect::<Vec<_>>().join(", "))
        })
        .unwrap_or_default();
    let addresses = tested.step("Address", &said, addresses)?;
    let stream = net::connect(&addresses).await;
    let stream = tested.step("Connection", &format!("Port {} answers.", place.port), stream)?;
    let shown = |fingerprint: &str| match place.pin {
        Some(_) => format!("The server shows the expected {fingerprint}."),
        None => format!("The server shows {fingerprint}; enter it as the server's fingerprint to accept no other."),
    };
    match way {
        Transport::Sftp => {
            let met = sftp::meet(stream, place).await;
            let said = met.as_ref().map(|met| shown(&met.fingerprint)).unwrap_or_default();
            let mut met = tested.step("Server's key", &said, met)?;
            let in_now = match met.sign_in(place).await {
                Ok(()) => met.open(place).await.map(|_| ()),
                Err(error) => Err(error),
            };
            tested.step("Sign-in", "The server accepts the account.", in_now)
        }
        Transport::Ftp(protection) => {
            let met = ftp::meet(stream, place, protection).await;
            let said = met
                .as_ref()
                .map(|met| {
                    met.fingerprint.as_deref().map_or_else(|| "Not protected: plain FTP was chosen.".to_owned(), shown)
                })
                .unwrap_or_default();
            let met = tested.step("Server's key", &said, met)?;
            let in_now = met.sign_in(place).await.map(|_| ());
            tested.step("Sign-in", "The server accepts the account.", in_now)
        }
        Transport::Upload => Some(()),
    }
}
