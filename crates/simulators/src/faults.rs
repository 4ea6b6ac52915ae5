//! Faults on demand: the next calls to a vendor meet what networks and vendors do on bad days.

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What happens to a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Fault {
    /// Answers 401 without doing anything.
    Unauthorized,
    /// Answers 429 without doing anything.
    TooMany {
        /// Sent as `Retry-After`, in seconds, where given.
        retry_after_s: Option<u64>,
    },
    /// Answers 500 without doing anything.
    Broken,
    /// Answers 400 without doing anything, in words that repeat what was sent.
    Repeats,
    /// Does what was asked, then cuts the connection before the answer is whole.
    Cut,
    /// Does what was asked and answers 200 with a body that is neither JSON nor XML.
    Unreadable,
    /// Waits, then does what was asked.
    Slow {
        /// How long.
        delay_ms: u64,
    },
    /// The vendor's folder gives the page before once more.
    SamePage,
    /// The vendor's folder renames a field and adds one.
    Drift,
}

/// A fault for the next calls of one vendor.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Planned {
    /// What happens.
    #[serde(flatten)]
    pub fault: Fault,
    /// To how many calls.
    #[serde(default = "once")]
    pub times: u32,
    /// Only to calls whose path contains this.
    #[serde(default)]
    pub path: String,
    /// One of so many fitting calls is hit (1: each), for storms.
    #[serde(default = "once")]
    pub every: u32,
}

const fn once() -> u32 {
    1
}

/// The planned faults of all vendors.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<ByVendor>>);

/// Per vendor: what is planned, and how many fitting calls each plan has seen.
type ByVendor = BTreeMap<String, VecDeque<(Planned, u32)>>;

impl Faults {
    /// Plans a fault for a vendor.
    pub fn plan(&self, vendor: &str, planned: Planned) {
        self.lock().entry(vendor.to_owned()).or_default().push_back((planned, 0));
    }

    /// Forgets all that is planned for a vendor.
    pub fn clear(&self, vendor: &str) {
        self.lock().remove(vendor);
    }

    /// Takes the fault that meets this call, if one does.
    pub fn take(&self, vendor: &str, path: &str, wanted: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let mut all = self.lock();
        let queue = all.get_mut(vendor)?;
        let place = queue.iter().position(|(p, _)| path.contains(&p.path) && wanted(&p.fault))?;
        let (planned, seen) = queue.get_mut(place)?;
        *seen += 1;
        if *seen % planned.every.max(1) != 0 {
            return None;
        }
        planned.times = planned.times.saturating_sub(1);
        let fault = planned.fault.clone();
        if planned.times == 0 {
            queue.remove(place);
        }
        Some(fault)
    }

    /// For the vendor's folder: whether this call repeats a page or has drifted.
    pub fn take_own(&self, vendor: &str, path: &str, fault: &Fault) -> bool {
        self.take(vendor, path, |planned| planned == fault).is_some()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, ByVendor> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wraps the routes of every vendor: the first part of the path says which.
pub async fn meet(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<EitherBody<BoxBody>>, actix_web::Error> {
    let faults = request.app_data::<web::Data<Faults>>().map(|f| f.get_ref().clone()).unwrap_or_default();
    let path = request.path().to_owned();
    let vendor = path.split('/').nth(1).unwrap_or_default().to_owned();
    let fault = faults.take(&vendor, &path, |f| !matches!(f, Fault::SamePage | Fault::Drift));
    let answer = |request: ServiceRequest, response: HttpResponse| {
        Ok(request.into_response(response).map_into_boxed_body().map_into_left_body())
    };
    match fault {
        Some(fault @ (Fault::Unauthorized | Fault::Broken | Fault::TooMany { .. })) => match fault.instead() {
            Some(response) => answer(request, response),
            None => Ok(next.call(request).await?.map_into_boxed_body().map_into_right_body()),
        },
        Some(Fault::Repeats) => {
            let mut request = request;
            let sent = request.extract::<web::Bytes>().await?;
            let said = serde_json::json!({"status": "error", "message": String::from_utf8_lossy(&sent)});
            answer(request, HttpResponse::BadRequest().json(said))
        }
        Some(Fault::Slow { delay_ms }) => {
            tokio::time::sleep(Duration::from_millis(delay_ms)).await;
            Ok(next.call(request).await?.map_into_boxed_body().map_into_right_body())
        }
        Some(Fault::Cut) => {
            let done = next.call(request).await?;
            let response = cut(done.status());
            Ok(done.into_response(response).map_into_boxed_body().map_into_left_body())
        }
        Some(Fault::Unreadable) => {
            let done = next.call(request).await?;
            Ok(done.into_response(unreadable()).map_into_boxed_body().map_into_left_body())
        }
        Some(Fault::SamePage | Fault::Drift) | None => {
            Ok(next.call(request).await?.map_into_boxed_body().map_into_right_body())
        }
    }
}

impl Fault {
    /// The answer that comes instead of doing what was asked, for faults of that kind.
    fn instead(&self) -> Option<HttpResponse> {
        match self {
            Self::Unauthorized => Some(HttpResponse::Unauthorized().finish()),
            Self::Broken => Some(HttpResponse::InternalServerError().finish()),
            Self::TooMany { retry_after_s } => {
                let mut response = HttpResponse::TooManyRequests();
                if let Some(seconds) = retry_after_s {
                    response.insert_header(("Retry-After", seconds.to_string()));
                }
                Some(response.finish())
            }
            Self::Repeats | Self::Cut | Self::Unreadable | Self::Slow { .. } | Self::SamePage | Self::Drift => None,
        }
    }
}

/// The same faults for a vendor whose operations share one path: `path` names the operation.
pub(crate) async fn meet_operation<F>(faults: &Faults, vendor: &str, path: &str, work: F) -> HttpResponse
where
    F: Future<Output = HttpResponse>,
{
    let fault = faults.take(vendor, path, |f| !matches!(f, Fault::SamePage | Fault::Drift | Fault::Repeats));
    if let Some(response) = fault.as_ref().and_then(Fault::instead) {
        return response;
    }
    if let Some(Fault::Slow { delay_ms }) = fault {
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
    }
    let done = work.await;
    match fault {
        Some(Fault::Cut) => cut(done.status()),
        Some(Fault::Unreadable) => unreadable(),
        Some(
            Fault::Unauthorized
            | Fault::Broken
            | Fault::TooMany { .. }
            | Fault::Slow { .. }
            | Fault::SamePage
            | Fault::Drift
            | Fault::Repeats,
        )
        | None => done,
    }
}

/// A body that promises more than it holds: the connection is closed in its middle.
fn cut(status: actix_web::http::StatusCode) -> HttpResponse {
    HttpResponse::build(status).no_chunking(1_000_000).streaming(futures_once())
}

fn unreadable() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("]]>\u{fffd} maintenance {")
}

fn futures_once() -> impl futures::Stream<Item = Result<web::Bytes, std::io::Error>> {
    futures::stream::iter([
        Ok(web::Bytes::from_static(b"{")),
        Err(std::io::Error::new(std::io::ErrorKind::ConnectionReset, "cut")),
    ])
}
