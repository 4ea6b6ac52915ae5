//! An application over a test's own database, with a clock that is set by hand and a mailbox that is read.

use crate::database::TestDb;
use app::identity::{NewSession, Origin, SignUp, SignedIn, Verify};
use app::{App, AppConfig, Clock};
use chrono::{DateTime, TimeDelta, Utc};
use connectors::Unlimited;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};

/// The password of everybody in tests.
pub const PASSWORD: &str = "four tall green hats";

/// An application that nobody else uses.
pub struct TestApp {
    /// The application.
    pub app: App,
    /// Its database.
    pub test: TestDb,
    now: Arc<Mutex<DateTime<Utc>>>,
}

impl TestApp {
    /// A fresh one. Its clock starts at the machine's time and stands still.
    pub async fn fresh() -> Self {
        Self::with(&[]).await
    }

    /// A fresh one with some settings of its own, by the names of the environment.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        let test = TestDb::fresh().await;
        let own = |name: &str| settings.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned());
        let usual = |name: &str| match name {
            "DATABASE_URL" => Some(test.url()),
            "REDIS_URL" => Some(std::env::var("TEST_REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:1".to_owned())),
            "DRIVELINE_MASTER_KEY" => Some("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=".to_owned()),
            "DRIVELINE_MAIL" => Some("mailbox".to_owned()),
            "DRIVELINE_PUBLIC_URL" => Some("http://127.0.0.1:8080".to_owned()),
            "DRIVELINE_ALLOW_PRIVATE_HOSTS" => Some("1".to_owned()),
            _ => None,
        };
        let config = AppConfig::from_lookup(&|name| own(name).or_else(|| usual(name))).expect("the test's settings");
        let now = Arc::new(Mutex::new(Utc::now()));
        let hand = Arc::clone(&now);
        let clock = Clock::set_by(move || *hand.lock().expect("the test's clock"));
        let app = App::assemble(test.db.clone(), config, clock, Arc::new(|_, _, _| Arc::new(Unlimited)))
            .expect("the test's application");
        Self { app, test, now }
    }

    /// Moves the clock.
    pub fn pass(&self, time: TimeDelta) {
        *self.now.lock().expect("the test's clock") += time;
    }

    /// A browser at an address, that has never been here.
    #[must_use]
    pub fn browser(last_octet: u8) -> Origin {
        Origin {
            address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, last_octet)),
            user_agent: "Test".to_owned(),
            device: None,
        }
    }

    /// The token of the newest mail's link to this address.
    pub async fn mailed_token(&self, to: &str) -> String {
        let mails = self.app.mails().mailbox().await.expect("the mailbox").expect("a mailbox");
        let mail = mails.into_iter().find(|mail| mail.to == to).expect("no mail came");
        let (_, rest) = mail.text.split_once("token=").expect("the mail has no link");
        rest.split_whitespace().next().expect("the link has a token").to_owned()
    }

    /// Somebody who has signed up, proven their address and is signed in as the owner of a new group.
    pub async fn owner(&self, email: &str) -> SignedIn {
        let session = self.owner_session(email).await;
        self.app.identity().of_session(&session.token).await.expect("the session").expect("a session")
    }

    /// The same, with the tokens that go into cookies.
    pub async fn owner_session(&self, email: &str) -> NewSession {
        let ask = SignUp {
            email: email.to_owned(),
            password: PASSWORD.into(),
            name: "Test Person".to_owned(),
            group: format!("Group of {email}"),
        };
        let browser = Self::browser(1);
        self.app.identity().sign_up(ask, &browser).await.expect("signing up");
        let token = self.mailed_token(email).await;
        let ask = Verify { token, password: PASSWORD.into() };
        self.app.identity().verify(ask, &browser).await.expect("verifying").session().expect("a session")
    }
}
