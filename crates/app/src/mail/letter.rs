//! The letters that Driveline writes, as text and as HTML.

use crate::error::AppError;
use crate::start::App;
use minijinja::{AutoEscape, Environment, context};
use store::PlatformTx;
use store::mails::{self, Mail};

/// A letter.
#[derive(Clone, Copy, Debug)]
pub enum Letter<'a> {
    /// Prove that this address is yours.
    Verify {
        /// Opens the page that does it.
        link: &'a str,
    },
    /// Somebody signed up with an address that has an account.
    AlreadyHere,
    /// Set a new password.
    ResetPassword {
        /// Opens the page that does it.
        link: &'a str,
    },
    /// Somebody who is not known yet was invited to a group.
    Invitation {
        /// The group.
        group: &'a str,
        /// Opens the page that accepts it.
        link: &'a str,
    },
    /// Somebody who is known was given a role in a group.
    Added {
        /// The group.
        group: &'a str,
    },
    /// The password was changed.
    PasswordChanged,
    /// A second factor was set up.
    TwoStepOn,
    /// The second factor was switched off.
    TwoStepOff,
    /// Somebody signed in with a recovery code.
    RecoveryCodeUsed {
        /// How many are left.
        left: i64,
    },
    /// New recovery codes were made.
    RecoveryCodesRenewed,
    /// Somebody whose first step was right had wrong codes only.
    WrongCodes {
        /// Whether that step was taken at a group's issuer.
        by_issuer: bool,
    },
    /// An admin switched the second factor off for its person.
    TwoStepReset {
        /// The group.
        group: &'a str,
        /// The admin.
        by: &'a str,
    },
}

impl Letter<'_> {
    const fn subject(self) -> &'static str {
        match self {
            Self::Verify { .. } => "Confirm your e-mail address",
            Self::AlreadyHere => "You already have a Driveline account",
            Self::ResetPassword { .. } => "Set a new password",
            Self::Invitation { .. } => "You are invited to Driveline",
            Self::Added { .. } => "You have access to another dealer group",
            Self::PasswordChanged => "Your password was changed",
            Self::TwoStepOn => "Two-step sign-in is on",
            Self::TwoStepOff => "Two-step sign-in is off",
            Self::RecoveryCodeUsed { .. } => "A recovery code was used",
            Self::RecoveryCodesRenewed => "You have new recovery codes",
            Self::WrongCodes { .. } => "Somebody could not sign in as you",
            Self::TwoStepReset { .. } => "Your two-step sign-in was reset",
        }
    }

    /// What is said, before and after the button, and the button.
    fn content(self) -> (String, Option<(&'static str, String)>, &'static str) {
        match self {
            Self::Verify { link } => (
                "Welcome to Driveline. Confirm that this address is yours, and your account is ready.".to_owned(),
                Some(("Confirm address", link.to_owned())),
                "The link works once, for 24 hours. If you did not sign up, do nothing: nobody can use the account.",
            ),
            Self::AlreadyHere => (
                "Somebody, probably you, signed up with this address. It has an account already: sign in, or set a new password if you forgot it.".to_owned(),
                None,
                "If it was not you, there is nothing to do.",
            ),
            Self::ResetPassword { link } => (
                "Somebody, probably you, asked for a new password.".to_owned(),
                Some(("Set a new password", link.to_owned())),
                "The link works once, for one hour. If it was not you, do nothing: your password stays as it is.",
            ),
            Self::Invitation { group, link } => (
                format!("You are invited to work with {group} in Driveline."),
                Some(("Accept the invitation", link.to_owned())),
                "The link works once, for seven days.",
            ),
            Self::Added { group } => (
                format!("You now have access to {group} in Driveline. Sign in as usual and choose it at the top."),
                None,
                "If you did not expect this, tell the group's owner.",
            ),
            Self::PasswordChanged => (
                "The password of your Driveline account was changed, and all other browsers were signed out.".to_owned(),
                None,
                "If it was not you, set a new password at once and tell your group's owner.",
            ),
            Self::TwoStepOn => (
                "From now on, signing in to Driveline asks for your password and for a code from your app.".to_owned(),
                None,
                "Keep your recovery codes where you find them without your phone. If it was not you, tell your group's owner at once.",
            ),
            Self::TwoStepOff => (
                "Signing in to Driveline now asks for your password only.".to_owned(),
                None,
                "If it was not you, set a new password at once and tell your group's owner.",
            ),
            Self::RecoveryCodeUsed { left } => (
                format!("Somebody, probably you, signed in with one of your recovery codes. {left} of them are left."),
                None,
                "If it was not you, set a new password at once and tell your group's owner.",
            ),
            Self::RecoveryCodesRenewed => (
                "New recovery codes were made for you. Those that you had before work no more.".to_owned(),
                None,
                "If it was not you, set a new password at once and tell your group's owner.",
            ),
            Self::WrongCodes { by_issuer: true } => (
                "Somebody signed in as you by single sign-on and then entered wrong codes only. They were not let in.".to_owned(),
                None,
                "If it was not you, change the password that you sign in with at work, and tell your group's owner.",
            ),
            Self::WrongCodes { by_issuer: false } => (
                "Somebody signed in with your password and then entered wrong codes only. They were not let in.".to_owned(),
                None,
                "If it was not you, set a new password at once: yours is known to somebody else.",
            ),
            Self::TwoStepReset { group, by } => (
                format!("{by} of {group} switched two-step sign-in off for you, as one does for a lost phone. You are signed out everywhere. Sign in with your password and set it up again."),
                None,
                "If you did not ask for it, set a new password at once and tell your group's owner.",
            ),
        }
    }

    /// Writes it.
    ///
    /// # Errors
    /// [`AppError::Broken`] where a template is broken.
    fn write(self, app: &App, to: &str) -> Result<Mail, AppError> {
        let broken = |error| AppError::broken("writing a mail", error);
        let mut templates = Environment::new();
        templates.set_auto_escape_callback(
            |name| {
                if name.ends_with(".html") { AutoEscape::Html } else { AutoEscape::None }
            },
        );
        templates.add_template("letter.txt", include_str!("../../templates/letter.txt")).map_err(broken)?;
        templates.add_template("letter.html", include_str!("../../templates/letter.html")).map_err(broken)?;
        let (said, button, note) = self.content();
        let (label, link) = button.map_or(("", String::new()), |(label, link)| (label, link));
        let home = app.config().web.address_of("/");
        let values = context! { subject => self.subject(), said, label, link, note, home };
        let written = |name: &str| templates.get_template(name).and_then(|t| t.render(&values)).map_err(broken);
        Ok(Mail {
            to: to.to_owned(),
            subject: self.subject().to_owned(),
            text: written("letter.txt")?,
            html: written("letter.html")?,
        })
    }

    /// Writes it and posts it with the transaction: it leaves once that commits.
    ///
    /// # Errors
    /// [`AppError::Store`], [`AppError::Broken`].
    pub(crate) async fn post(self, app: &App, tx: &PlatformTx, to: &str) -> Result<(), AppError> {
        let mail = self.write(app, to)?;
        mails::insert(tx, &mail, app.mailer().keeps(), app.now()).await?;
        Ok(())
    }
}
