//! A page becomes an answer: rendered at once, with a policy that lets only our own scripts run.

use super::{PageContext, Portal, Theme, Visitor, places};
use crate::ui::{Document, Shell};
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use app::identity::SignedIn;
use chrono::Utc;
use leptos::nonce::{provide_nonce, use_nonce};
use leptos::prelude::*;

/// A page on its way.
pub struct Answer {
    title: String,
    status: StatusCode,
    refresh_s: Option<u32>,
    context: PageContext,
}

impl Answer {
    /// For somebody who is signed in.
    #[must_use]
    pub fn to(request: &HttpRequest, visitor: &Visitor, title: impl Into<String>) -> Self {
        let mut answer = Self::to_anybody(request, title);
        answer.context.csrf = visitor.session.csrf_token.clone();
        answer.context.zone = visitor.zone;
        answer.context.frame = Some(visitor.frame.clone());
        answer.context.places = places(visitor);
        answer
    }

    /// For somebody who is signed in, outside the frame of a group.
    #[must_use]
    pub fn to_person(request: &HttpRequest, who: &SignedIn, title: impl Into<String>) -> Self {
        let mut answer = Self::to_anybody(request, title);
        answer.context.csrf = who.csrf_token.clone();
        answer
    }

    /// For anybody.
    #[must_use]
    pub fn to_anybody(request: &HttpRequest, title: impl Into<String>) -> Self {
        let portal = request.app_data::<web::Data<Portal>>();
        let theme = request.cookie("theme").map(|cookie| Theme::named(cookie.value())).unwrap_or_default();
        let done = url::form_urlencoded::parse(request.query_string().as_bytes())
            .find(|(name, _)| name == "done")
            .and_then(|(_, what)| done_words(&what));
        let context = PageContext {
            csrf: String::new(),
            now: Utc::now(),
            zone: chrono_tz::UTC,
            theme,
            site: portal.and_then(|portal| portal.site.clone()),
            path: request.path().to_owned(),
            frame: None,
            notice: done.map(str::to_owned),
            places: Vec::new(),
        };
        Self { title: title.into(), status: StatusCode::OK, refresh_s: None, context }
    }

    /// With another status than 200.
    #[must_use]
    pub fn status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// Asked again after so many seconds by browsers without scripts.
    #[must_use]
    pub fn refreshed(self, refresh_s: Option<u32>) -> Self {
        Self { refresh_s, ..self }
    }

    /// Renders the page.
    pub fn page(self, view: impl FnOnce() -> AnyView) -> HttpResponse {
        let owner = Owner::new_root(None);
        let Self { title, status, refresh_s, context } = self;
        let framed = context.frame.is_some();
        let (html, policy) = owner.with(|| {
            provide_nonce();
            provide_context(context);
            let policy = policy(use_nonce().as_deref().unwrap_or_default());
            let page = view();
            let body = if framed { view! { <Shell>{page}</Shell> }.into_any() } else { page };
            let document = view! { <Document title=title refresh_s=refresh_s>{body}</Document> };
            (format!("<!DOCTYPE html>{}", document.to_html()), policy)
        });
        owner.unset_with_forced_cleanup();
        HttpResponse::build(status)
            .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
            .insert_header((header::CONTENT_SECURITY_POLICY, policy))
            // Pages show personal data; nothing keeps a copy.
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .body(html)
    }
}

/// Only scripts that carry the nonce and what they import; wasm for the islands; nothing from elsewhere.
fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'; style-src 'self'; \
         font-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
}

/// Sends the browser on after a post.
#[must_use]
pub fn see_other(to: impl AsRef<str>) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, to.as_ref())).finish()
}

/// What was just done, as the address says it (`?done=…`); only sentences of ours are ever shown.
fn done_words(what: &str) -> Option<&'static str> {
    Some(match what {
        "verified" => "Your e-mail address is confirmed.",
        "signed-out" => "You are signed out.",
        "too-late" => "Signing in took too long, or the code was wrong too often. Start again from your password.",
        "password" => "Your password is changed. Every other browser is signed out.",
        "two-step-reset" => "Two-step sign-in is reset. They are told by mail, and set it up again.",
        "two-step-off" => "Two-step sign-in is off. Your password alone signs you in.",
        "domain-added" => "The domain is listed. Add the TXT record that is shown, then check the DNS.",
        "domain-proven" => "The domain is yours.",
        "rooftop" => "The rooftop is saved.",
        "signed-in-there" => "The vendor lets Driveline in. Test the connection now.",
        "paused" => "Paused. Nothing is read or written until you resume it.",
        "resumed" => "Resumed.",
        "saved" => "Saved.",
        "started" => "The sync has started.",
        "removed" => "Removed.",
        "replayed" => "Driveline tries these again now.",
        "merged" => "Merged. The systems are told; you can undo it below.",
        "not-a-match" => "Remembered: these are two. Nobody asks again unless their data change.",
        "undone" => "Undone. What it did is taken back, and the systems are told.",
        "snoozed" => "Put off. It comes back by itself; you can undo it below.",
        "last-pair" => "That was the last pair that nobody else looks at.",
        "cluster" => "Decided. Each pair has its own undo under Duplicates.",
        "bulk" => "Decided. Each pair has its own undo under its tab.",
        "bulk-part" => "The first ones are decided. These are left.",
        "split" => "Taken apart. This is what you took out; the undo is under Duplicates.",
        "resent" => "This record is read and delivered again now.",
        "invited" => "Added. They got an e-mail with a link to sign in.",
        "revoked" => "The key is revoked. It works no longer.",
        _ => return None,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn a_page_runs_only_scripts_that_carry_its_nonce() {
        let request = TestRequest::get().uri("/sign-in").to_http_request();

        let response = Answer::to_anybody(&request, "Sign in").page(|| view! { <p>"Hello"</p> }.into_any());

        let policy = response.headers().get("content-security-policy").unwrap().to_str().unwrap();
        assert!(policy.contains("'nonce-") && !policy.contains("unsafe-inline"), "{policy}");
        assert!(!policy.contains("'unsafe-eval'"), "{policy}");
    }

    #[test]
    fn an_address_cannot_put_words_on_a_page() {
        assert_eq!(done_words("<script>"), None);
    }
}
