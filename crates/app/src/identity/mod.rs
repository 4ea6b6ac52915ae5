//! Identity: signing up, proving an address, signing in and out, sessions, passwords, second factors.

mod api_key_caller;
pub mod cookie;
mod me;
pub(crate) mod password;
mod recover;
mod second_step;
mod session;
mod sign_in;
mod sign_up;
pub(crate) mod token;
mod two_step;

pub use me::{Group, Me};
pub use password::{CHARS_MAX as PASSWORD_CHARS_MAX, CHARS_MIN as PASSWORD_CHARS_MIN};
pub use recover::{AcceptInvitation, ResetPassword};
pub use second_step::RECOVERY_CODES;
pub(crate) use session::Entrance;
pub(crate) use session::about_person;
pub use session::{Begun, KeptOut, NewSession, SecondStep, SessionShown, SignedIn, Until};
pub use sign_in::{Origin, SignIn};
pub use sign_up::{SignUp, Verify};
pub use two_step::{SetUp, TwoStep};

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
