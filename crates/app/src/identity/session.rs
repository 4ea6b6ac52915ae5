//! Sessions: who a cookie's token stands for, with which rights, right now.

use crate::error::AppError;
use crate::identity::{Identity, token};
use chrono::{DateTime, TimeDelta, Utc};
use domain::permission::Role;
use domain::{SessionId, TenantId, UserId};
use serde::Serialize;
use serde_json::json;
use store::sessions::{self, Live, NewSession as Start};
use store::{Actor, PlatformTx, TenantScope, audit, memberships, people, single_sign_on};

/// A session ends after so long, used or not.
const LIFE: TimeDelta = TimeDelta::days(14);
/// One that a group's issuer began ends sooner: whoever left there is out here within a day.
const LIFE_BY_ISSUER: TimeDelta = TimeDelta::days(1);
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
    /// The group that they would look at and that does not let them in yet.
    pub kept_out: Option<KeptOut>,
    /// The only group that this session may see, where that group's issuer began it. It can change nothing of the
    /// person's account, which may open other groups.
    pub bound_to: Option<TenantId>,
    /// Sent back in the hidden field `csrf` of each form.
    pub csrf_token: String,
}

/// A group that does not let somebody in yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptOut {
    /// The group.
    pub group: TenantId,
    /// What they must do first.
    pub until: Until,
}

/// What a group asks for before it lets somebody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// They set up a second factor.
    SecondFactor,
    /// They sign in at the group's issuer.
    SingleSignOn,
}

/// How somebody got in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entrance<'a> {
    /// In the words of the trail.
    pub(crate) how: &'a str,
    /// The group whose issuer it was.
    pub(crate) bound_to: Option<TenantId>,
    /// Whether the issuer asked for a second factor.
    pub(crate) issuer_checked_second_factor: bool,
}

impl<'a> Entrance<'a> {
    /// By something of one's own: a password or a mailed link.
    pub(crate) const fn own(how: &'a str) -> Self {
        Self { how, bound_to: None, issuer_checked_second_factor: false }
    }
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
    /// For the device cookie; `None`: the browser keeps the one that it may have.
    pub device: Option<String>,
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
        self.scope.as_ref().map(TenantScope::tenant).or(self.kept_out.map(|kept_out| kept_out.group))
    }

    /// Refuses what changes the person's account where a group's issuer began the session: the group chose the issuer,
    /// and the account may open others.
    pub(crate) fn require_own_sign_in(&self) -> Result<(), AppError> {
        match self.bound_to {
            None => Ok(()),
            Some(_) => Err(AppError::Conflict {
                code: "single_sign_on_session",
                said: "you signed in by single sign-on, which opens your group and changes nothing of your own account; sign in with your password for that".to_owned(),
            }),
        }
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
        let Some(live) = found else { return Ok(None) };
        let until = self.kept_out_until(&tx, &live).await?;
        let Live { session, roles, .. } = live;
        if now - session.seen_at >= TOUCH_EVERY {
            sessions::touch(&tx, session.id, now).await?;
        }
        tx.commit().await?;
        // Roles are read each time, so that one taken away is gone with the next click.
        let bound_to = session.bound_to;
        let belongs_to =
            session.tenant.filter(|tenant| !roles.is_empty() && bound_to.is_none_or(|bound_to| bound_to == *tenant));
        let kept_out = belongs_to.zip(until).map(|(group, until)| KeptOut { group, until });
        let scope = belongs_to
            .filter(|_| until.is_none())
            .map(|tenant| TenantScope::new(tenant, Actor::Person(session.person), memberships::grants(&roles)));
        let csrf_token = session.csrf_token;
        Ok(Some(SignedIn { session: session.id, person: session.person, scope, kept_out, bound_to, csrf_token }))
    }

    /// What the group that a session looks at still asks for. Where single sign-on is required, an owner of its domain
    /// comes back in by password and second factor, so that a broken issuer locks nobody out for good.
    async fn kept_out_until(self, tx: &PlatformTx, live: &Live) -> Result<Option<Until>, AppError> {
        let lacks = live.lacks_second_factor.then_some(Until::SecondFactor);
        let (Some(group), true, None) = (live.session.tenant, live.requires_single_sign_on, live.session.bound_to)
        else {
            return Ok(lacks);
        };
        let person = people::by_id(tx, live.session.person).await?.map(|known| known.person);
        let domain = person.as_ref().and_then(|person| person.email.rsplit_once('@')).map_or("", |(_, domain)| domain);
        if single_sign_on::group_of_domain(tx, domain).await? != Some(group) {
            return Ok(lacks);
        }
        let is_owner = live.roles.iter().any(|role| role.role == Role::Owner);
        Ok(match (is_owner, live.has_second_factor) {
            (true, true) => None,
            (true, false) => Some(Until::SecondFactor),
            (false, _) => Some(Until::SingleSignOn),
        })
    }

    /// Begins a session; looks at the group that it is bound to, else at the person's first group.
    pub(crate) async fn start_session(
        self,
        tx: PlatformTx,
        person: UserId,
        email: &str,
        device: Option<String>,
        user_agent: &str,
        entrance: Entrance<'_>,
    ) -> Result<NewSession, AppError> {
        let now = self.0.now();
        let (tenant, life) = match entrance.bound_to {
            Some(group) => (Some(group), LIFE_BY_ISSUER),
            None => (memberships::groups_of(&tx, person).await?.first().map(|(id, _)| *id), LIFE),
        };
        let (session_token, csrf_token) = (token::new_token(), token::new_token());
        let user_agent: String = user_agent.chars().filter(|c| !c.is_control()).take(USER_AGENT_CHARS_MAX).collect();
        let start = Start {
            token_hash: &token::hash(&session_token),
            person,
            tenant,
            bound_to: entrance.bound_to,
            issuer_checked_second_factor: entrance.issuer_checked_second_factor,
            csrf_token: &csrf_token,
            user_agent: &user_agent,
            now,
            expires_at: now + life,
        };
        let session = sessions::insert(&tx, &start).await?;
        // Known is a browser only to somebody's own password: an issuer says nothing of that.
        let device = match entrance.bound_to {
            Some(_) => None,
            None => Some(device.unwrap_or_else(|| super::sign_in::new_device(&tx, email))),
        };
        self.note(tx, person, tenant, "session.started", about(session), json!({ "how": entrance.how })).await?;
        Ok(NewSession { session, person, token: session_token, device, expires_at: now + life })
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

    /// A person's own sessions, newest first; one that a group's issuer began sees its like only.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn sessions(self, who: &SignedIn) -> Result<Vec<SessionShown>, AppError> {
        let tx = self.0.db().platform().await?;
        let found = sessions::of_person(&tx, who.person, who.bound_to, self.0.now()).await?;
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
        if !sessions::revoke(&tx, who.person, session, who.bound_to, self.0.now()).await? {
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
        let now = self.0.now();
        let ended = match who.bound_to {
            Some(group) => sessions::revoke_others_bound_to(&tx, who.person, who.session, group, now).await?,
            None => sessions::revoke_others(&tx, who.person, Some(who.session), now).await?,
        };
        let detail = json!({ "ended": ended });
        self.note(tx, who.person, who.group(), "session.others_ended", about(who.session), detail).await?;
        Ok(ended)
    }
}
