//! Rotation of the keys that seal: a new version for every group, and the wrapping under a new master key.

use crate::error::AppError;
use crate::start::App;

impl App {
    /// Gives every owner of keys, the platform included, a new version of its sealing key; returns how many. Each seals
    /// once every process knows it, some minutes later; what older versions sealed still opens.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn rotate_data_keys(&self) -> Result<usize, AppError> {
        let owners = self.db().key_owners().await?;
        for owner in &owners {
            self.db().rotate_data_key(*owner).await?;
        }
        Ok(owners.len())
    }

    /// Wraps every data key under the first of the master keys; returns how many were not yet.
    ///
    /// # Errors
    /// [`AppError::Store`] where one is wrapped under a master key that is not at hand.
    pub async fn rewrap_data_keys(&self) -> Result<u64, AppError> {
        Ok(self.db().rewrap_data_keys().await?)
    }
}
