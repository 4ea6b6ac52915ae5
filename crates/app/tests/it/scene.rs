//! What these tests start from: a simulator, rooftops, connections.

use app::TenantScope;
use app::connections::{Connect, ConnectionShown};
use app::rooftops::{Rooftop, RooftopForm};
use simulators::faults::Faults;
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;
use testkit::TestApp;

pub fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A CRM on a free port; ends with this value.
pub struct Crm {
    pub base_url: String,
    server: actix_web::dev::ServerHandle,
}

impl Drop for Crm {
    fn drop(&mut self) {
        drop(self.server.stop(false));
    }
}

impl Crm {
    pub fn start() -> Self {
        let faults = Faults::default();
        let simulator = simulators::hubspot::HubSpot::new(&faults);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base_url = format!("http://{}/hubspot", listener.local_addr().unwrap());
        let server = simulators::server::serve(vec![Arc::new(simulator)], faults, listener).unwrap();
        let handle = server.handle();
        tokio::spawn(server);
        Self { base_url, server: handle }
    }

    pub fn ask(&self, token: &str) -> Connect {
        Connect {
            connector: "hubspot".to_owned(),
            name: "Our CRM".to_owned(),
            rooftop: None,
            role: None,
            values: values(&[
                ("base_url", &self.base_url),
                ("authorize_url", &format!("{}/oauth/authorize", self.base_url)),
                ("client_id", "driveline-app"),
                ("client_secret", "driveline-app-secret"),
                ("token", token),
            ]),
        }
    }
}

pub async fn rooftop(test: &TestApp, scope: &TenantScope, name: &str) -> Rooftop {
    let form =
        RooftopForm { name: name.to_owned(), time_zone: "America/New_York".to_owned(), ..RooftopForm::default() };
    test.app.rooftops().create(scope, &form).await.unwrap()
}

/// A connection that files are uploaded to.
pub async fn by_upload(test: &TestApp, scope: &TenantScope, rooftop: Option<domain::RooftopId>) -> ConnectionShown {
    let ask = Connect {
        connector: "files".to_owned(),
        name: "DMS export".to_owned(),
        rooftop,
        role: None,
        values: values(&[("transport", "upload"), ("customers", "customers*.csv")]),
    };
    test.app.connections().connect(scope, ask).await.unwrap()
}
