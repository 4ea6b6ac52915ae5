//! The HTTP server: API, webhooks, health; and the portal's host.

pub mod portal;
