//! The pages, by area. Each file holds what its pages look like and the handlers that load and change them.

pub mod connect;
pub mod connections;
pub mod duplicates;
pub mod entry;
pub mod failures;
pub mod home;
pub mod mailbox;
pub mod records;
pub mod runs;
pub mod settings;
pub mod setup;
mod words;
