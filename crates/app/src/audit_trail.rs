//! The audit trail, page by page, and whether it still holds together.

use crate::error::AppError;
use crate::start::App;
use domain::permission::Permission;
pub use store::audit::AuditEntry;
use store::{TenantScope, audit};

/// What can be done with the audit trail.
#[derive(Clone, Copy)]
pub struct AuditTrail<'a>(&'a App);

impl App {
    /// The audit trail.
    #[must_use]
    pub const fn audit_trail(&self) -> AuditTrail<'_> {
        AuditTrail(self)
    }
}

impl AuditTrail<'_> {
    /// A page, newest first, before `before` where given.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn page(self, scope: &TenantScope, before: Option<i64>, limit: u32) -> Result<Vec<AuditEntry>, AppError> {
        scope.require_at(None, Permission::ReadAudit)?;
        let tx = self.0.db().tenant(scope).await?;
        let page = audit::page(&tx, before, limit).await?;
        tx.commit().await?;
        Ok(page)
    }

    /// Whether every entry still follows from the one before; the place of the first that does not.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn first_broken(self, scope: &TenantScope) -> Result<Option<i64>, AppError> {
        scope.require_at(None, Permission::ReadAudit)?;
        let tx = self.0.db().tenant(scope).await?;
        let broken = audit::first_broken(&tx).await?;
        tx.commit().await?;
        Ok(broken)
    }
}
