//! Who visits: the session behind the cookie, what they may do, what their sidebar shows.

use super::{Frame, PageProblem};
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use app::identity::{Origin, SignedIn, Until, cookie};
use app::{App, TenantScope};
use chrono_tz::Tz;
use domain::RooftopId;
use domain::permission::Permission;
use futures::future::LocalBoxFuture;
use std::net::{IpAddr, Ipv4Addr};

/// Somebody who is signed in and looks at a group.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// Their rights there.
    pub scope: TenantScope,
    /// Their session.
    pub session: SignedIn,
    /// The sidebar.
    pub frame: Frame,
    /// The time zone that times are shown in.
    pub zone: Tz,
}

impl Visitor {
    /// Whether they may do it anywhere.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.scope.grants().permits_somewhere(permission)
    }

    /// Whether they may do it at a rooftop, or for the group.
    #[must_use]
    pub fn may_at(&self, rooftop: Option<RooftopId>, permission: Permission) -> bool {
        self.scope.grants().permits(rooftop, permission)
    }

    async fn of(app: &App, session: SignedIn) -> Result<Self, PageProblem> {
        let scope = match (&session.scope, session.kept_out.map(|kept_out| kept_out.until)) {
            (Some(scope), _) => scope.clone(),
            (None, Some(Until::SecondFactor)) => return Err(PageProblem::SecondFactor),
            (None, Some(Until::SingleSignOn)) => return Err(PageProblem::SingleSignOn),
            (None, None) => {
                return Err(PageProblem::NotPermitted("you belong to no dealer group any more".to_owned()));
            }
        };
        let me = app.identity().me(&session).await?;
        let waiting = app.views().waiting(&scope).await?;
        let group = me.groups.iter().find(|group| Some(group.id) == me.group);
        let frame = Frame {
            group: group.map(|group| group.name.clone()).unwrap_or_default(),
            person: me.name,
            needs_you: waiting.needs_you,
            duplicates: waiting.duplicates,
            setup_done: waiting.setup_done,
        };
        Ok(Self { scope, session, frame, zone: waiting.zone })
    }
}

/// Somebody who is signed in, whether or not a group lets them in.
#[derive(Clone, Debug)]
pub struct Person(pub SignedIn);

impl FromRequest for Person {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let app = request.app_data::<web::Data<App>>().cloned();
        let request = request.clone();
        Box::pin(async move {
            let app = app.ok_or(PageProblem::Missing)?;
            let token = request.cookie(cookie::session_cookie(&app.config().web)).ok_or(PageProblem::SignIn)?;
            let session = app.identity().of_session(token.value()).await.map_err(PageProblem::from)?;
            Ok(Self(session.ok_or(PageProblem::SignIn)?))
        })
    }
}

impl FromRequest for Visitor {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let app = request.app_data::<web::Data<App>>().cloned();
        let person = Person::from_request(request, payload);
        Box::pin(async move {
            let app = app.ok_or(PageProblem::Missing)?;
            Ok(Self::of(&app, person.await?.0).await?)
        })
    }
}

/// Where a request comes from, for counting guesses.
#[must_use]
pub fn origin(request: &HttpRequest, app: &App) -> Origin {
    let web = &app.config().web;
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    // Only the last entry was written by our own proxy; what stands before it, anybody may have written.
    let told = header("x-forwarded-for")
        .filter(|_| web.behind_proxy)
        .and_then(|list| list.rsplit(',').next()?.trim().parse().ok());
    Origin {
        address: told.unwrap_or(peer),
        user_agent: header("user-agent").unwrap_or_default().to_owned(),
        device: request.cookie(cookie::device_cookie(web)).map(|cookie| cookie.value().to_owned()),
    }
}
