//! Identity: signing up, proving an address, signing in and out, sessions, passwords.

mod api_key_caller;
pub mod cookie;
mod me;
pub(crate) mod password;
mod recover;
mod session;
mod sign_in;
mod sign_up;
pub(crate) mod token;

pub use me::{Group, Me};
pub use recover::{AcceptInvitation, ResetPassword};
pub use session::{NewSession, SessionShown, SignedIn};
pub use sign_in::{Origin, SignIn};
pub use sign_up::{SignUp, Verify};

use crate::start::App;

/// What can be done about identity.
#[derive(Clone, Copy)]
pub struct Identity<'a>(pub(crate) &'a App);

impl App {
    /// Identity.
    #[must_use]
    pub const fn identity(&self) -> Identity<'_> {
        Identity(self)
    }
}
