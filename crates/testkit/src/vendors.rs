//! All vendors' simulators on one free port, for one test.

use simulators::faults::{Faults, Planned};
use std::net::TcpListener;

/// Running simulators; they end with this value.
pub struct TestVendors {
    /// `http://…`: a vendor is at `/KEY`, its control routes at `/_sim/KEY`.
    pub base: String,
    faults: Faults,
    server: actix_web::dev::ServerHandle,
}

impl TestVendors {
    /// Starts them, with nothing in them.
    #[must_use]
    pub fn start() -> Self {
        let faults = Faults::default();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("its address"));
        let simulators = simulators::server::all(&faults);
        let server = simulators::server::serve(simulators, faults.clone(), listener).expect("the simulators");
        let handle = server.handle();
        tokio::spawn(server);
        Self { base, faults, server: handle }
    }

    /// The next calls to a vendor meet this.
    pub fn plan(&self, vendor: &str, planned: Planned) {
        self.faults.plan(vendor, planned);
    }

    /// Nothing more is planned for a vendor.
    pub fn mend(&self, vendor: &str) {
        self.faults.clear(vendor);
    }
}

impl Drop for TestVendors {
    fn drop(&mut self) {
        drop(self.server.stop(false));
    }
}
