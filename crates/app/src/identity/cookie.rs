//! Cookies: their names, and the header lines that set and clear them.
//!
//! Over TLS they carry the `__Host-` prefix, so that no neighbouring host can set them; a demo on loopback has no TLS.

use crate::config::WebConfig;
use crate::identity::{NewSession, SecondStep};
use crate::single_sign_on::Leaving;
use chrono::{DateTime, TimeDelta, Utc};

/// Name of the cookie that holds the session's token.
#[must_use]
pub fn session_cookie(config: &WebConfig) -> &'static str {
    if config.is_secure() { "__Host-driveline" } else { "driveline" }
}

/// Name of the cookie by which a browser is known that has signed in before.
#[must_use]
pub fn device_cookie(config: &WebConfig) -> &'static str {
    if config.is_secure() { "__Host-driveline-device" } else { "driveline-device" }
}

/// Name of the cookie that holds a sign-in which waits for its code.
#[must_use]
pub fn step_cookie(config: &WebConfig) -> &'static str {
    if config.is_secure() { "__Host-driveline-step" } else { "driveline-step" }
}

/// Name of the cookie by which a browser that went to an issuer is known when it comes back.
#[must_use]
pub fn trip_cookie(config: &WebConfig) -> &'static str {
    if config.is_secure() { "__Host-driveline-trip" } else { "driveline-trip" }
}

/// How long a browser is known.
const DEVICE_KNOWN_FOR: TimeDelta = TimeDelta::days(400);

/// `Set-Cookie` lines after signing in.
#[must_use]
pub fn signed_in(config: &WebConfig, session: &NewSession, now: DateTime<Utc>) -> Vec<String> {
    let mut lines = vec![
        line(config, step_cookie(config), "", TimeDelta::zero()),
        line(config, session_cookie(config), &session.token, session.expires_at - now),
    ];
    lines.extend(session.device.as_ref().map(|device| line(config, device_cookie(config), device, DEVICE_KNOWN_FOR)));
    lines
}

/// `Set-Cookie` line of a browser that goes to an issuer.
#[must_use]
pub fn leaving(config: &WebConfig, leaving: &Leaving, now: DateTime<Utc>) -> String {
    line(config, trip_cookie(config), &leaving.browser, leaving.expires_at - now)
}

/// `Set-Cookie` line of a browser that came back from one.
#[must_use]
pub fn back(config: &WebConfig) -> String {
    line(config, trip_cookie(config), "", TimeDelta::zero())
}

/// `Set-Cookie` line where a code is asked for.
#[must_use]
pub fn second_step(config: &WebConfig, step: &SecondStep, now: DateTime<Utc>) -> String {
    line(config, step_cookie(config), &step.token, step.expires_at - now)
}

/// `Set-Cookie` line after signing out. The browser stays known.
#[must_use]
pub fn signed_out(config: &WebConfig) -> String {
    line(config, session_cookie(config), "", TimeDelta::zero())
}

fn line(config: &WebConfig, name: &str, value: &str, age: TimeDelta) -> String {
    let secure = if config.is_secure() { "; Secure" } else { "" };
    let seconds = age.num_seconds().max(0);
    format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
}
