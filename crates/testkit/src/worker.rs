//! A worker process in miniature: the whole machinery over real Postgres and Redis, on a runtime of its own.

use crate::application::TestApp;
use app::App;
use queue::Vitals;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long an end may take.
const STOP_MAX: Duration = Duration::from_secs(30);

/// A running worker; dropped, it ends as by `kill -9`.
pub struct TestWorker {
    runtime: Option<tokio::runtime::Runtime>,
    stop: CancellationToken,
    done: Option<tokio::task::JoinHandle<()>>,
}

impl TestWorker {
    /// Starts one over the application, whose `REDIS_URL` must be a Redis that nobody else uses.
    #[must_use]
    pub fn start(test: &TestApp) -> Self {
        let name = format!("test-{}", Uuid::now_v7().simple());
        let config = test.app.config().clone();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let stop = CancellationToken::new();
        let until = stop.clone();
        let done = runtime.spawn(async move {
            // An application of its own, as in another process: the machine's clock, the shared call budgets.
            let app = App::start(config).await.expect("the worker's application");
            let worker = app.worker(&name, Arc::new(Vitals::default())).await.expect("a worker");
            worker.run(until).await.expect("the worker's Redis");
        });
        Self { runtime: Some(runtime), stop, done: Some(done) }
    }

    /// As by SIGTERM; returns when it has ended.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Some(done) = self.done.take() {
            tokio::time::timeout(STOP_MAX, done).await.expect("the worker ends in time").expect("without a panic");
        }
    }
}

impl Drop for TestWorker {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
