//! Bringing a file to a listing site by SFTP, so that a reader sees the old one or the whole new one.

use crate::access::Access;
use crate::connector::Verified;
use crate::error::ConnectorError;
use crate::file_transfer::sftp::Sftp;
use crate::file_transfer::{Place, Source, is_plain_name};
use secrecy::SecretString;
use std::io::{Cursor, Write};
use zip::write::SimpleFileOptions;

/// Tries the server, the sign-in and the folder.
pub async fn verify(access: &Access, verified: &mut Verified) {
    let place = place(access).and_then(|place| file_name(access).map(|_| place));
    let Some(place) = verified.step("Settings", "the settings are complete", place) else { return };
    let connected = Sftp::connect(&place).await;
    let Some(sftp) = verified.step("Sign in", "the SFTP server knows us", connected) else { return };
    verified.step("Open the folder", "the folder can be listed", sftp.list().await.map(drop));
}

/// Packs and delivers the file; its size as delivered.
pub async fn deliver(access: &Access, csv: Vec<u8>, zips: bool) -> Result<usize, ConnectorError> {
    let name = file_name(access)?;
    let (name, content) = if zips { (zip_name(name), zipped(name, &csv)?) } else { (name.to_owned(), csv) };
    let sftp = Sftp::connect(&place(access)?).await?;
    sftp.put(&name, &content).await?;
    Ok(content.len())
}

fn file_name(access: &Access) -> Result<&str, ConnectorError> {
    let name = access.setting("file_name")?;
    if is_plain_name(name) {
        return Ok(name);
    }
    let said = "this is no plain file name; the folder has a field of its own".to_owned();
    Err(ConnectorError::Misconfigured { setting: "file_name", said })
}

fn zip_name(name: &str) -> String {
    format!("{}.zip", name.rsplit_once('.').map_or(name, |(stem, _)| stem))
}

fn zipped(name: &str, csv: &[u8]) -> Result<Vec<u8>, ConnectorError> {
    let packed = || -> zip::result::ZipResult<Vec<u8>> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file(name, SimpleFileOptions::default())?;
        zip.write_all(csv)?;
        Ok(zip.finish()?.into_inner())
    };
    packed().map_err(|error| ConnectorError::refused("file_not_packed", &error.to_string()))
}

fn place(access: &Access) -> Result<Place, ConnectorError> {
    let secret = |name: &str| access.optional_credential(name).map(|text| SecretString::from(text.to_owned()));
    let port = access.setting("port")?.parse().map_err(|_| ConnectorError::Misconfigured {
        setting: "port",
        said: "a port is a number from 1 to 65535".to_owned(),
    })?;
    Ok(Place {
        host: access.setting("host")?.to_owned(),
        port,
        user: access.setting("user")?.to_owned(),
        password: secret("password"),
        private_key: secret("private_key"),
        passphrase: secret("passphrase"),
        folder: access.optional("folder").unwrap_or_default().to_owned(),
        pin: access.optional("host_key").map(ToOwned::to_owned),
        allow_private_hosts: access.allow_private_hosts,
    })
}
