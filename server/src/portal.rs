//! The portal's host: its built files, cacheable for ever under names that change with their content, and its pages.

use ::web::portal::Portal;
use ::web::site::Site;
use actix_web::http::header;
use actix_web::web::{Bytes, Data, Path as PathOf, ServiceConfig, get};
use actix_web::{HttpRequest, HttpResponse};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where `./dev build` leaves the portal's files.
const SITE_DIR: &str = "target/site";

/// One built file, in the encodings it was built in.
#[derive(Clone, Debug)]
struct BuiltFile {
    content_type: &'static str,
    plain: Bytes,
    gzip: Option<Bytes>,
    brotli: Option<Bytes>,
}

/// The portal's files in memory: they are few and small, and a name from outside never becomes a path.
#[derive(Clone, Debug, Default)]
pub struct PortalFiles {
    site: Option<Arc<Site>>,
    files: Arc<HashMap<String, BuiltFile>>,
}

impl PortalFiles {
    /// Reads them from `DRIVELINE_SITE_DIR`, else `target/site`. Without them pages come plain, and the log says so.
    #[must_use]
    pub fn from_env() -> Self {
        let folder = std::env::var_os("DRIVELINE_SITE_DIR").map_or_else(|| PathBuf::from(SITE_DIR), PathBuf::from);
        match Self::load(&folder) {
            Ok(files) => files,
            Err(error) => {
                tracing::warn!(error = %error, "the portal has no styles and no live progress");
                Self::default()
            }
        }
    }

    /// Reads them from a folder.
    ///
    /// # Errors
    /// Where there is no manifest, or a file cannot be read.
    pub fn load(folder: &Path) -> anyhow::Result<Self> {
        let site = Site::load(folder)?;
        let mut files = HashMap::new();
        for entry in std::fs::read_dir(site.pkg())? {
            let path = entry?.path();
            let (Some(name), Some(ending)) = (path.file_name(), path.extension()) else { continue };
            let content_type = match ending.to_str() {
                Some("css") => "text/css; charset=utf-8",
                Some("js") => "text/javascript; charset=utf-8",
                Some("wasm") => "application/wasm",
                Some("woff2") => "font/woff2",
                Some("svg") => "image/svg+xml",
                // The encoded twins, which are read with their plain file.
                Some(_) | None => continue,
            };
            let name = name.to_string_lossy().into_owned();
            let twin = |ending: &str| std::fs::read(site.pkg().join(format!("{name}.{ending}"))).ok().map(Bytes::from);
            let file =
                BuiltFile { content_type, plain: std::fs::read(&path)?.into(), gzip: twin("gz"), brotli: twin("br") };
            files.insert(name, file);
        }
        Ok(Self { site: Some(Arc::new(site)), files: Arc::new(files) })
    }
}

/// Mounts files and pages. What no other service answered comes to the pages, so this is mounted last.
pub fn configure(files: PortalFiles) -> impl FnOnce(&mut ServiceConfig) {
    move |config| {
        config
            .app_data(Data::new(Portal { site: files.site.clone() }))
            .app_data(Data::new(files))
            .route("/pkg/{name}", get().to(built_file))
            .configure(web::portal::configure);
    }
}

async fn built_file(request: HttpRequest, name: PathOf<String>, files: Data<PortalFiles>) -> HttpResponse {
    let Some(file) = files.files.get(name.as_str()) else { return HttpResponse::NotFound().finish() };
    let accepted = request.headers().get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or("");
    let accepts =
        |encoding: &str| accepted.split(',').any(|one| one.split(';').next().is_some_and(|one| one.trim() == encoding));
    let (encoding, body) = match (&file.brotli, &file.gzip) {
        (Some(body), _) if accepts("br") => (Some("br"), body),
        (_, Some(body)) if accepts("gzip") => (Some("gzip"), body),
        _ => (None, &file.plain),
    };
    let mut answer = HttpResponse::Ok();
    answer
        .insert_header((header::CONTENT_TYPE, file.content_type))
        .insert_header((header::CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .insert_header((header::VARY, "Accept-Encoding"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
    if let Some(encoding) = encoding {
        answer.insert_header((header::CONTENT_ENCODING, encoding));
    }
    answer.body(body.clone())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use actix_web::{App, test};

    fn built() -> (tempfile::TempDir, PortalFiles) {
        let folder = tempfile::tempdir().unwrap();
        let manifest = r#"{"css":"/pkg/a-1.css","loader":"/pkg/i-1.js","font":"/pkg/f-1.woff2","icon":"/pkg/i-1.svg"}"#;
        std::fs::write(folder.path().join("manifest.json"), manifest).unwrap();
        std::fs::create_dir(folder.path().join("pkg")).unwrap();
        std::fs::write(folder.path().join("pkg/a-1.css"), "p{}").unwrap();
        std::fs::write(folder.path().join("pkg/a-1.css.br"), "packed").unwrap();
        let files = PortalFiles::load(folder.path()).unwrap();
        (folder, files)
    }

    #[actix_web::test]
    async fn a_built_file_is_cached_for_ever_and_sent_packed_where_that_is_taken() {
        let (_folder, files) = built();
        let app = test::init_service(App::new().configure(configure(files))).await;

        let request =
            test::TestRequest::get().uri("/pkg/a-1.css").insert_header(("accept-encoding", "gzip, br")).to_request();
        let answer = test::call_service(&app, request).await;

        assert_eq!(answer.headers().get("content-encoding").unwrap(), "br");
        assert!(answer.headers().get("cache-control").unwrap().to_str().unwrap().contains("immutable"));
        assert_eq!(test::read_body(answer).await, "packed");
    }

    #[actix_web::test]
    async fn a_name_from_outside_never_becomes_a_path() {
        let (_folder, files) = built();
        let app = test::init_service(App::new().configure(configure(files))).await;

        for path in ["/pkg/..%2Fmanifest.json", "/pkg/manifest.json", "/pkg/a-1.css.br"] {
            let answer = test::call_service(&app, test::TestRequest::get().uri(path).to_request()).await;
            assert_eq!(answer.status(), 404, "{path}");
        }
    }
}
