//! Signing in at a group's issuer: out with marks that only this browser can bring back, in once and to that group.

use crate::error::AppError;
use crate::fields::{Fields, invalid};
use crate::identity::{Begun, Entrance, Origin, token};
use crate::mail::Letter;
use crate::single_sign_on::issuer::{Marks, Told, Trouble, short};
use crate::single_sign_on::{SingleSignOn, domain_of};
use chrono::{DateTime, TimeDelta, Utc};
use domain::permission::Role;
use domain::{TenantId, UserId};
use serde_json::json;
use store::sign_in_trips::{self, Trip};
use store::single_sign_on::{self, SingleSignOn as Kept};
use store::{Actor, Grants, StoreError, TenantScope, audit, memberships, people, tenants};

/// Signing in at the issuer takes no longer.
const BACK_WITHIN: TimeDelta = TimeDelta::minutes(15);
/// Pages that were asked for before are remembered up to this length.
const NEXT_CHARS_MAX: usize = 500;

/// A browser that goes to an issuer.
#[derive(Clone, Debug)]
pub struct Leaving {
    /// Where to.
    pub address: String,
    /// The issuer's host, as people may know it.
    pub host: String,
    /// For the cookie: only the browser that left comes back.
    pub browser: String,
    /// The cookie's end.
    pub expires_at: DateTime<Utc>,
}

/// What a browser comes back with.
#[derive(Clone, Debug, Default)]
pub struct CameBack {
    /// The group that the address named.
    pub group: String,
    /// What it left with.
    pub state: String,
    /// What it is to be exchanged for.
    pub code: Option<String>,
    /// The issuer's own name (RFC 9207).
    pub iss: Option<String>,
    /// The issuer's error code, where it let nobody in.
    pub error: Option<String>,
    /// The issuer's words on it.
    pub error_description: Option<String>,
    /// The browser's cookie.
    pub browser: String,
}

/// Somebody whom single sign-on did not let in: why, in the issuer's own words where it had any, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Stable code.
    pub code: &'static str,
    /// What happened, one sentence.
    pub what: String,
    /// The issuer's own words; may be empty.
    pub said: String,
    /// What to do.
    pub fix: String,
}

/// Why somebody is not in.
#[derive(Debug, thiserror::Error)]
pub enum NotIn {
    /// Refused, for a reason that they can be told.
    #[error("{}", .0.what)]
    Refused(Box<Refused>),
    /// As everywhere.
    #[error(transparent)]
    App(#[from] AppError),
}

impl From<StoreError> for NotIn {
    fn from(error: StoreError) -> Self {
        Self::App(error.into())
    }
}

impl From<Trouble> for NotIn {
    fn from(trouble: Trouble) -> Self {
        let what = "Your company's sign-in did not go through.".to_owned();
        Self::Refused(Box::new(Refused { code: trouble.code, what, said: trouble.said, fix: trouble.fix }))
    }
}

fn refused(code: &'static str, what: impl Into<String>, fix: impl Into<String>) -> NotIn {
    NotIn::Refused(Box::new(Refused { code, what: what.into(), said: String::new(), fix: fix.into() }))
}

fn over() -> NotIn {
    refused(
        "sign_in_over",
        "This sign-in is over, was used before, or began in another browser.",
        "Start again from the sign-in page.",
    )
}

/// Nonce and verifier follow from what only the browser knows, so that nothing of them is kept.
fn marks(state: &str, browser: &str) -> Marks {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let of = |what: &str| URL_SAFE_NO_PAD.encode(token::hash(&format!("{what} {browser} {state}")));
    Marks { state: state.to_owned(), nonce: of("nonce"), verifier: of("verifier") }
}

impl SingleSignOn<'_> {
    /// Where to send the browser of somebody with this address. What is told depends on the address' domain alone, whose
    /// DNS says as much to anybody; whether there is such a person is not looked at.
    ///
    /// # Errors
    /// [`NotIn`]: [`AppError::Invalid`] where the domain has no single sign-on, [`AppError::Throttled`], or the issuer's
    /// own words.
    pub async fn leave(self, email: &str, next: &str, origin: &Origin) -> Result<Leaving, NotIn> {
        let mut fields = Fields::default();
        let email = fields.email("email", email);
        fields.done()?;
        self.0.identity().count_trip(origin).await?;
        let none = || {
            invalid(
                "email",
                "There is no single sign-on for this address. Sign in with your password, or ask whoever invited you.",
            )
        };
        let tx = self.0.db().platform().await?;
        let group = single_sign_on::group_of_domain(&tx, domain_of(&email)).await?;
        tx.commit().await?;
        let group = group.ok_or_else(none)?;
        let scope = TenantScope::driveline(group);
        let (issuer, _) = self.issuer(&scope).await?.ok_or_else(none)?;
        let metadata = issuer.published().await?;
        let (state, browser) = (token::new_token(), token::new_token());
        let address = issuer.address_for(metadata, &marks(&state, &browser), &email)?;
        let expires_at = self.0.now() + BACK_WITHIN;
        let next: String = next.chars().take(NEXT_CHARS_MAX).collect();
        let trip = Trip { tenant: group, browser_hash: token::hash(&browser), next };
        let tx = self.0.db().platform().await?;
        sign_in_trips::insert(&tx, &token::hash(&state), &trip, expires_at).await?;
        tx.commit().await?;
        let host = address.host_str().unwrap_or_default().to_owned();
        Ok(Leaving { address: address.to_string(), host, browser, expires_at })
    }

    /// Lets somebody in who comes back, or asks for a code; returns the page that was asked for, too.
    ///
    /// # Errors
    /// [`NotIn`].
    pub async fn arrive(self, back: &CameBack, origin: &Origin) -> Result<(Begun, String), NotIn> {
        let now = self.0.now();
        let tx = self.0.db().platform().await?;
        let trip = sign_in_trips::take(&tx, &token::hash(&back.state), &token::hash(&back.browser), now).await?;
        tx.commit().await?;
        // Only now is anything believed that stands in the address.
        let trip = trip.filter(|trip| trip.tenant.to_string() == back.group).ok_or_else(over)?;
        let scope = TenantScope::driveline(trip.tenant);
        match self.let_in(&scope, back, origin).await {
            Ok(begun) => {
                self.0.identity().forgive_trip(origin).await?;
                Ok((begun, trip.next))
            }
            Err(NotIn::Refused(refused)) => {
                let tx = self.0.db().tenant(&scope).await?;
                let group = trip.tenant.to_string();
                let detail = json!({ "code": refused.code });
                audit::append(&tx, "single_sign_on.refused", "group", &group, detail, now).await?;
                tx.commit().await?;
                Err(NotIn::Refused(refused))
            }
            Err(error) => Err(error),
        }
    }

    async fn let_in(self, scope: &TenantScope, back: &CameBack, origin: &Origin) -> Result<Begun, NotIn> {
        let (issuer, kept) = self.issuer(scope).await?.ok_or_else(over)?;
        if let Some(error) = &back.error {
            let said = match &back.error_description {
                Some(words) => format!("{error}: {words}"),
                None => error.clone(),
            };
            return Err(NotIn::Refused(Box::new(Refused {
                code: "issuer_error",
                what: "Your company's sign-in let nobody in.".to_owned(),
                said: short(&said),
                fix: "Try again. If it stays so, show these words to whoever runs your company's sign-in.".to_owned(),
            })));
        }
        if back.iss.as_ref().is_some_and(|iss| *iss != kept.issuer) {
            return Err(over());
        }
        let code = back.code.as_deref().ok_or_else(over)?;
        let metadata = issuer.with_keys(issuer.published().await?).await?;
        let told = issuer.who_came(metadata, code, &marks(&back.state, &back.browser)).await?;

        let (person, email) = self.known_or_linked(scope, &kept, &told).await?;
        let tx = self.0.db().tenant(scope).await?;
        single_sign_on::note_sign_in(&tx, self.0.now()).await?;
        tx.commit().await?;
        let entrance = Entrance {
            how: "single_sign_on",
            bound_to: Some(scope.tenant()),
            issuer_checked_second_factor: kept.checks_second_factor,
        };
        let tx = self.0.db().platform().await?;
        // No device cookie: it would let whoever has the issuer guess at the account's own password unhindered.
        Ok(self.0.identity().begin_by(tx, person, &email, None, &origin.user_agent, entrance).await?)
    }

    /// Who somebody at the issuer is here, with their address: known by the issuer's id for them; at the first time by
    /// their confirmed address, as somebody whom this group invited, or whom it lets in uninvited.
    async fn known_or_linked(self, scope: &TenantScope, kept: &Kept, told: &Told) -> Result<(UserId, String), NotIn> {
        let tx = self.0.db().tenant(scope).await?;
        let known = single_sign_on::linked(&tx, &kept.issuer, &told.subject).await?;
        let domains = single_sign_on::domains(&tx).await?;
        let group = tenants::name(&tx).await?;
        tx.commit().await?;
        if let Some(person) = known {
            return self.still_member(scope.tenant(), person, &group).await;
        }
        let email = told.email.as_deref().and_then(domain::check::email).ok_or_else(|| {
            refused(
                "no_email",
                "Your company's sign-in does not say what your e-mail address is.",
                "Whoever runs it must allow the scope `email` for Driveline, and your account there needs an address.",
            )
        })?;
        if !told.is_email_verified {
            return Err(refused(
                "email_not_verified",
                "Your company's sign-in does not say that your e-mail address is confirmed.",
                "Confirm your address there. Whoever runs it must send the claim `email_verified` with the value true.",
            ));
        }
        let domain = domain_of(&email);
        if !domains.iter().any(|listed| listed.proved_at.is_some() && listed.domain == domain) {
            return Err(refused(
                "other_domain",
                format!("Single sign-on of {group} is not for addresses at {domain}."),
                "Sign in with your password, or ask the group's owner to add this domain.",
            ));
        }
        self.link(scope, kept, told, &email, &group).await
    }

    async fn still_member(self, tenant: TenantId, person: UserId, group: &str) -> Result<(UserId, String), NotIn> {
        let tx = self.0.db().platform().await?;
        let roles = memberships::of_person_in(&tx, person, tenant).await?;
        let known = people::by_id(&tx, person).await?;
        tx.commit().await?;
        match known {
            Some(known) if !roles.is_empty() => Ok((person, known.person.email)),
            Some(_) | None => Err(not_invited(group)),
        }
    }

    async fn link(
        self,
        scope: &TenantScope,
        kept: &Kept,
        told: &Told,
        email: &str,
        group: &str,
    ) -> Result<(UserId, String), NotIn> {
        let now = self.0.now();
        let tx = self.0.db().platform().await?;
        let known = people::by_email(&tx, email).await?.map(|known| known.person);
        let roles = match &known {
            Some(person) => memberships::of_person_in(&tx, person.id, scope.tenant()).await?,
            None => Vec::new(),
        };
        let joins: Option<Role> = if roles.is_empty() { kept.first_role } else { None };
        if roles.is_empty() && joins.is_none() {
            return Err(not_invited(group));
        }
        let person = match known {
            Some(person) => {
                if joins.is_some() && person.verified_at.is_some() {
                    Letter::Added { group }.post(self.0, &tx, email).await?;
                }
                person.id
            }
            None => {
                let name = told.name.as_deref().map(short).filter(|name| !name.is_empty());
                let name: String = name.as_deref().unwrap_or(email).chars().take(100).collect();
                // Without a password, and the address is not taken as proven: it is this group's issuer that says so,
                // and the account may open others one day.
                let added = people::insert(&tx, email, &name, people::NO_PASSWORD, now).await?;
                added.ok_or(StoreError::Conflict)?
            }
        };
        let scope = TenantScope::new(scope.tenant(), Actor::Person(person), Grants::default());
        let tx = self.0.db().enter(tx, &scope).await?;
        let (kind, id) = crate::identity::about_person(person);
        if !single_sign_on::link(&tx, &kept.issuer, &told.subject, person, now).await? {
            return Err(refused(
                "linked_otherwise",
                "This address belongs to somebody who signs in by another account of your company.",
                "Ask an admin of your group to remove you under Team and to add you again.",
            ));
        }
        if let Some(role) = joins {
            memberships::insert(&tx, person, None, role, now).await?;
            audit::append(&tx, "member.joined", kind, &id, json!({ "role": role, "how": "single_sign_on" }), now)
                .await?;
        }
        audit::append(&tx, "single_sign_on.linked", kind, &id, json!({ "issuer": kept.issuer }), now).await?;
        tx.commit().await?;
        Ok((person, email.to_owned()))
    }
}

fn not_invited(group: &str) -> NotIn {
    refused(
        "not_invited",
        format!("You have no role in {group}."),
        "Ask an admin of the group to add your address under Team; then sign in again.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_of_one_trip_of_one_browser() {
        let one = marks("state", "browser");
        assert_eq!(one.verifier.len(), 43);
        assert_ne!(one.nonce, one.verifier);
        assert_ne!(one.nonce, marks("state", "another").nonce);
        assert_ne!(one.nonce, marks("another", "browser").nonce);
        assert_eq!(one.nonce, marks("state", "browser").nonce);
    }
}
