//! Limits: how many requests a caller may send, told in headers; how large a body may be.

use crate::caller;
use crate::problem::ApiError;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, ResponseError, web};
use app::App;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

/// A JSON body may be so large.
pub const JSON_BYTES_MAX: usize = 256 * 1024;
/// Requests that one key, session or address may send a minute, to one server process.
pub const REQUESTS_PER_MINUTE: NonZeroU32 = match NonZeroU32::new(3_000) {
    Some(requests) => requests,
    None => NonZeroU32::MIN,
};
/// After so many requests, callers that have been quiet are forgotten.
const TIDY_EVERY: u32 = 10_000;

type Limiter = RateLimiter<String, DefaultKeyedStateStore<String>, DefaultClock, StateInformationMiddleware>;

/// The limit on requests, per caller.
pub struct RequestLimit {
    per_minute: NonZeroU32,
    limiter: Limiter,
    clock: DefaultClock,
    since_tidy: AtomicU32,
}

impl Default for RequestLimit {
    fn default() -> Self {
        Self::new(REQUESTS_PER_MINUTE)
    }
}

/// What a caller has left.
struct Left {
    requests: u32,
    /// Seconds until all of it is there again.
    reset_s: u64,
}

impl RequestLimit {
    /// A limit of so many requests a minute.
    #[must_use]
    pub fn new(per_minute: NonZeroU32) -> Self {
        let limiter = RateLimiter::keyed(Quota::per_minute(per_minute)).with_middleware::<StateInformationMiddleware>();
        Self { per_minute, limiter, clock: DefaultClock::default(), since_tidy: AtomicU32::new(0) }
    }

    fn take(&self, caller: &String) -> Result<Left, ApiError> {
        if self.since_tidy.fetch_add(1, Ordering::Relaxed) >= TIDY_EVERY {
            self.since_tidy.store(0, Ordering::Relaxed);
            self.limiter.retain_recent();
        }
        match self.limiter.check_key(caller) {
            Ok(state) => {
                let requests = state.remaining_burst_capacity();
                let used = u64::from(state.quota().burst_size().get().saturating_sub(requests));
                let one_ms = u64::try_from(state.quota().replenish_interval().as_millis()).unwrap_or(u64::MAX);
                Ok(Left { requests, reset_s: used.saturating_mul(one_ms).div_ceil(1_000) })
            }
            Err(wait) => Err(ApiError::TooManyRequests { wait: wait.wait_time_from(self.clock.now()) }),
        }
    }
}

/// Middleware: counts the request and tells in headers what is left.
///
/// # Errors
/// What the route answers.
pub async fn count_request(
    app: web::Data<App>,
    limit: web::Data<RequestLimit>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let left = match limit.take(&caller::counted_by(request.request(), &app)) {
        Ok(left) => left,
        Err(error) => {
            let answer = error.error_response();
            return Ok(request.into_response(answer).map_into_right_body());
        }
    };
    let mut answer = next.call(request).await?;
    let headers = answer.headers_mut();
    let told = [
        ("ratelimit-limit", u64::from(limit.per_minute.get())),
        ("ratelimit-remaining", u64::from(left.requests)),
        ("ratelimit-reset", left.reset_s),
    ];
    for (name, value) in told {
        headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
    }
    Ok(answer.map_into_left_body())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_callers_requests_do_not_count_against_another() {
        let limit = RequestLimit::new(NonZeroU32::MIN);
        assert!(limit.take(&"a".to_owned()).is_ok());
        assert!(limit.take(&"b".to_owned()).is_ok());
        assert!(matches!(limit.take(&"a".to_owned()), Err(ApiError::TooManyRequests { .. })));
    }
}
