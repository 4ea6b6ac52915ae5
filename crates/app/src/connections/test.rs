//! Testing a connection: step by step, with the remote's own words, and a few real records.

use crate::access::access_for;
use crate::connections::{Connections, connector_of, permitted};
use crate::error::AppError;
use connectors::{Step, StepOutcome};
use domain::permission::Permission;
use domain::{ConnectionId, ObjectKind};
use serde::Serialize;
use serde_json::json;
use std::time::Duration;
use store::{TenantScope, audit, connections, credentials};

/// A test that takes longer is ended.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// A test's result.
#[derive(Clone, Debug, Serialize)]
pub struct TestShown {
    /// Whether every step went well; then the connection is active.
    pub is_good: bool,
    /// The steps in order.
    pub steps: Vec<Step>,
    /// A few real records; only for those who may read records.
    pub samples: Vec<SampleShown>,
}

/// A few real records of one object.
#[derive(Clone, Debug, Serialize)]
pub struct SampleShown {
    /// The object.
    pub object: ObjectKind,
    /// As the system sent them.
    pub payloads: Vec<serde_json::Value>,
}

impl Connections<'_> {
    /// Tests a connection. A failed step is a result, not an error.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::NotFound`].
    pub async fn test(self, scope: &TenantScope, id: ConnectionId) -> Result<TestShown, AppError> {
        let tx = self.0.db().tenant(scope).await?;
        let connection = permitted(&tx, scope, id, Permission::ManageConnections).await?;
        let opened = credentials::open_all(&tx, id).await?;
        tx.commit().await?;

        let connector = connector_of(&connection)?;
        let access = access_for(self.0, scope.tenant(), connector, &connection, opened);
        let (is_good, steps, samples) = match tokio::time::timeout(TEST_TIMEOUT, connector.verify(&access)).await {
            Ok(verified) => (verified.is_good(), verified.steps, verified.samples),
            Err(_) => (
                false,
                vec![Step {
                    name: "Answer in time".to_owned(),
                    outcome: StepOutcome::Bad,
                    said: format!("the system gave no answer within {} s", TEST_TIMEOUT.as_secs()),
                    fix: "Check the address, and whether the system is up; then test again.".to_owned(),
                }],
                Vec::new(),
            ),
        };

        let now = self.0.now();
        let tx = self.0.db().tenant(scope).await?;
        if is_good {
            connections::set_tested(&tx, id, now).await?;
            self.0.engine().catch_up(&tx, id, None).await?;
        }
        let failed = steps.iter().find(|step| step.outcome == StepOutcome::Bad).map(|step| step.name.clone());
        let detail = json!({ "is_good": is_good, "failed_step": failed });
        audit::append(&tx, "connection.tested", "connection", &id.to_string(), detail, now).await?;
        tx.commit().await?;
        let may_read = scope.grants().permits(connection.rooftop, Permission::ReadRecords);
        let samples = samples
            .into_iter()
            .filter(|_| may_read)
            .map(|sample| SampleShown {
                object: sample.object,
                payloads: sample.payloads.into_iter().map(|payload| payload.body).collect(),
            })
            .collect();
        Ok(TestShown { is_good, steps, samples })
    }
}
