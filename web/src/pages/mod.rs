//! The pages, by area. Each file holds what its pages look like and the handlers that load and change them.

pub mod audit;
pub mod connect;
pub mod connections;
pub mod duplicates;
pub mod entry;
pub mod failures;
pub mod home;
pub mod keys;
pub mod lost_phone;
pub mod mailbox;
pub mod records;
pub mod runs;
pub mod search;
pub mod security;
pub mod sessions;
pub mod settings;
pub mod setup;
pub mod single_sign_on;
pub mod sso_entry;
pub mod team;
pub mod two_step;
mod words;
