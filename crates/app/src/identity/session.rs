//! Sessions: who a cookie's token stands for, with which rights, right now.

use crate::error::AppError;
use crate::identity::{Identity, token};
use chrono::{DateTime, TimeDelta, Utc};
use domain::{SessionId, TenantId, UserId};
use serde::Serialize;
use serde_json::json;
use store::sessions::{self, Live, NewSession as Start};
use store::{Actor, PlatformTx, TenantScope, audit, memberships};

/// A session ends after so long, used or not.
const LIFE: TimeDelta = TimeDelta::days(14);
/// A session ends when it was not used for so long.
const IDLE: TimeDelta = TimeDelta::days(3);
/// The last use is noted at most this often.
const TOUCH_EVERY: TimeDelta = TimeDelta::minutes(1);
/// What a browser calls itself is kept up to this length.
const USER_AGENT_CHARS_MAX: usize = 200;

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The session.
    pub session: SessionId,
    /// The person.
    pub person: UserId,
    /// The group they look at and what they may do there; `None` where they belong to none, or may not go in yet.
    pub scope: Option<TenantScope>,
    /// The group that they would look at and that lets nobody in without a second factor.
    pub kept_out_of: Option<TenantId>,
    /// Sent back in the hidden field `csrf` of each form.
    pub csrf_token: String,
}

/// A session that has just begun: its token goes into a cookie and nowhere else.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// The session.
    pub session: SessionId,
    /// The person.
    pub person: UserId,
    /// For the session cookie.
    pub token: String,
    /// For the device cookie.
    pub device: String,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// A sign-in that waits for a code: its token goes into a cookie and nowhere else.
#[derive(Clone, Debug)]
pub struct SecondStep {
    /// For the cookie.
    pub token: String,
    /// Until when the code must come.
    pub expires_at: DateTime<Utc>,
}

/// What a right password or link came to.
#[derive(Clone, Debug)]
pub enum Begun {
    /// Signed in.
    Session(NewSession),
    /// A code is asked for first.
    SecondStep(SecondStep),
}

impl Begun {
    /// The session, where one has begun.
    #[must_use]
    pub fn session(self) -> Option<NewSession> {
        match self {
            Self::Session(session) => Some(session),
            Self::SecondStep(_) => None,
        }
    }

    /// The sign-in that waits, where a code is asked for.
    #[must_use]
    pub fn second_step(self) -> Option<SecondStep> {
        match self {
            Self::SecondStep(step) => Some(step),
            Self::Session(_) => None,
        }
    }
}

/// A session as its person sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SessionShown {
    /// Id.
    pub id: SessionId,
    /// What the browser calls itself.
    pub user_agent: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// Last used, to the minute.
    pub seen_at: DateTime<Utc>,
    /// Whether it is the one that asks.
    pub is_this_one: bool,
}

impl SignedIn {
    /// The group they look at, or would.
    #[must_use]
    pub fn group(&self) -> Option<TenantId> {
        self.scope.as_ref().map(TenantScope::tenant).or(self.kept_out_of)
    }

    /// Whether a form's `csrf` field is this session's.
    #[must_use]
    pub fn is_own_form(&self, csrf: &str) -> bool {
        use subtle::ConstantTimeEq;
        self.csrf_token.as_bytes().ct_eq(csrf.as_bytes()).into()
    }
}

/// A session as the subject of an entry of the trail.
pub(crate) fn about(session: SessionId) -> (&'static str, String) {
    ("session", session.to_string())
}

/// A person as the subject of an entry of the trail.
pub(crate) fn about_person(person: UserId) -> (&'static str, String) {
    ("person", person.to_string())
}

impl Identity<'_> {
    /// Who a session cookie stands for; `None` where it stands for nobody (any more).
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn of_session(self, token: &str) -> Result<Option<SignedIn>, AppError> {
        let now = self.0.now();
        let tx = self.0.db().platform().await?;
        let found = sessions::by_token(&tx, &token::hash(token), now, now - IDLE).await?;
        let Some(Live { session, roles, lacks_second_factor }) = found else { return Ok(None) };
        if now - session.seen_at >= TOUCH_EVERY {
            sessions::touch(&tx, session.id, now).await?;
        }
        tx.commit().await?;
        // Roles are read each time, so that one taken away is gone with the next click.
        let belongs_to = session.tenant.filter(|_| !roles.is_empty());
        let kept_out_of = belongs_to.filter(|_| lacks_second_factor);
        let scope = belongs_to
            .filter(|_| !lacks_second_factor)
            .map(|tenant| TenantScope::new(tenant, Actor::Person(session.person), memberships::grants(&roles)));
        let csrf_token = session.csrf_token;
        Ok(Some(SignedIn { session: session.id, person: session.person, scope, kept_out_of, csrf_token }))
    }

    /// Begins a session; looks at `tenant`, else at the person's first group.
    pub(crate) async fn start_session(
        self,
        tx: PlatformTx,
        person: UserId,
        email: &str,
        device: Option<String>,
        user_agent: &str,
        how: &str,
    ) -> Result<NewSession, AppError> {
        let now = self.0.now();
        let tenant: Option<TenantId> = memberships::groups_of(&tx, person).await?.first().map(|(id, _)| *id);
        let (session_token, csrf_token) = (token::new_token(), token::new_token());
        let user_agent: String = user_agent.chars().filter(|c| !c.is_control()).take(USER_AGENT_CHARS_MAX).collect();
        let start = Start {
            token_hash: &token::hash(&session_token),
            person,
            tenant,
            csrf_token: &csrf_token,
            user_agent: &user_agent,
            now,
            expires_at: now + LIFE,
        };
        let session = sessions::insert(&tx, &start).await?;
        let device = device.unwrap_or_else(|| super::sign_in::new_device(&tx, email));
        self.note(tx, person, tenant, "session.started", about(session), json!({ "how": how })).await?;
        Ok(NewSession { session, person, token: session_token, device, expires_at: now + LIFE })
    }

    /// Writes a person's own act into the trail of the group they look at, and commits.
    pub(crate) async fn note(
        self,
        tx: PlatformTx,
        person: UserId,
        tenant: Option<TenantId>,
        action: &str,
        (kind, id): (&str, String),
        detail: serde_json::Value,
    ) -> Result<(), AppError> {
        let Some(tenant) = tenant else {
            tx.commit().await?;
            return Ok(());
        };
        let roles = memberships::of_person_in(&tx, person, tenant).await?;
        let scope = TenantScope::new(tenant, Actor::Person(person), memberships::grants(&roles));
        let tx = self.0.db().enter(tx, &scope).await?;
        audit::append(&tx, action, kind, &id, detail, self.0.now()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Ends the session that asks.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn sign_out(self, who: &SignedIn) -> Result<(), AppError> {
        self.revoke_session(who, who.session).await
    }

    /// A person's own sessions, newest first.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn sessions(self, who: &SignedIn) -> Result<Vec<SessionShown>, AppError> {
        let tx = self.0.db().platform().await?;
        let found = sessions::of_person(&tx, who.person, self.0.now()).await?;
        tx.commit().await?;
        Ok(found
            .into_iter()
            .map(|session| SessionShown {
                id: session.id,
                user_agent: session.user_agent,
                created_at: session.created_at,
                seen_at: session.seen_at,
                is_this_one: session.id == who.session,
            })
            .collect())
    }

    /// Ends one of a person's own sessions.
    ///
    /// # Errors
    /// [`AppError::NotFound`], [`AppError::Store`].
    pub async fn revoke_session(self, who: &SignedIn, session: SessionId) -> Result<(), AppError> {
        let tx = self.0.db().platform().await?;
        if !sessions::revoke(&tx, who.person, session, self.0.now()).await? {
            return Err(AppError::NotFound("session"));
        }
        self.note(tx, who.person, who.group(), "session.ended", about(session), json!({})).await
    }

    /// Ends all of a person's sessions but the one that asks; returns how many.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn revoke_other_sessions(self, who: &SignedIn) -> Result<u64, AppError> {
        let tx = self.0.db().platform().await?;
        let ended = sessions::revoke_others(&tx, who.person, Some(who.session), self.0.now()).await?;
        let detail = json!({ "ended": ended });
        self.note(tx, who.person, who.group(), "session.others_ended", about(who.session), detail).await?;
        Ok(ended)
    }
}
