//! The portal's built files: styles, font, loader and wasm, under names that change with their content.
//!
//! `./dev build` writes them with a `manifest.json`; the server reads that once at start.

use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Addresses of the built files, as pages name them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Site {
    /// The style sheet.
    pub css: String,
    /// The script that wakes the islands; it fetches the wasm only where a page has one.
    pub loader: String,
    /// The text font, to be preloaded.
    pub font: String,
    /// The icon of the browser's tab.
    pub icon: String,
    /// The folder the files are in.
    #[serde(skip)]
    folder: PathBuf,
}

/// Why the portal's files cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// The manifest is not there.
    #[error("there is no {path}: build the portal's files with ./dev build, or set DRIVELINE_SITE_DIR")]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// The manifest is not what this server expects.
    #[error("{path} is of another version: build the portal's files again with ./dev build")]
    Unreadable {
        /// The manifest.
        path: PathBuf,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
}

impl Site {
    /// Reads the manifest in a folder.
    ///
    /// # Errors
    /// Where the folder has no manifest, or one of another version.
    pub fn load(folder: &Path) -> Result<Self, SiteError> {
        let path = folder.join("manifest.json");
        let text =
            std::fs::read_to_string(&path).map_err(|source| SiteError::Missing { path: path.clone(), source })?;
        let site: Self = serde_json::from_str(&text).map_err(|source| SiteError::Unreadable { path, source })?;
        Ok(Self { folder: folder.to_owned(), ..site })
    }

    /// The folder that `/pkg` serves; everything in it may be cached for ever.
    #[must_use]
    pub fn pkg(&self) -> PathBuf {
        self.folder.join("pkg")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_a_manifest_says_what_to_do() {
        let error = Site::load(Path::new("/nonexistent")).unwrap_err();

        assert!(error.to_string().contains("./dev build"), "{error}");
    }
}
