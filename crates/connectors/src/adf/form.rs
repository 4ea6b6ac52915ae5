//! What the connector says of itself, and the form a dealer fills in.

use crate::about::{About, Capability, FormField, FormKind, PushMode, Quota};
use domain::{ObjectKind, SystemRole};

/// See [`About`].
pub static ABOUT: About = About {
    key: "adf",
    name: "ADF leads",
    role: SystemRole::Website,
    summary: "Leads in and out as ADF 1.0, by HTTP POST and e-mail: any website, lead provider or CRM.",
    demands: "In: give the provider this connection's address for leads. Out: ask the CRM for its ADF address.",
    capabilities: &[
        Capability {
            object: ObjectKind::Customer,
            pull: false,
            push: PushMode::None,
            note: "Arrives with each lead, and is carried inside each lead that is sent.",
        },
        Capability {
            object: ObjectKind::Lead,
            pull: false,
            push: PushMode::CreateAndUpdate,
            note: "Arrives; is sent once: ADF knows neither updates nor deletions.",
        },
    ],
    quota: Quota { calls: 120, window_ms: 60_000 },
    cents_per_call: None,
    form: &[
        FormField::text("deliver_by", "Send leads", "How leads go out; no, where they only come in.")
            .of(FormKind::Choice(&["no", "http", "email", "both"]))
            .or("no"),
        FormField::text("url", "Address for leads", "Where the receiver takes ADF by HTTP POST.")
            .of(FormKind::Url)
            .optional(),
        FormField::secret("token", "Token", "Sent as a bearer token, where the receiver wants one.").optional(),
        FormField::text("vendor_name", "Dealership", "The dealership's name as the receiver knows it.").optional(),
        FormField::text("vendor_id", "Dealership's id", "The dealership's id at the receiver, where it has one.")
            .optional(),
        FormField::text("email_to", "E-mail for leads", "The receiver's address for ADF by e-mail.").optional(),
        FormField::text("email_from", "Sender", "The address that leads are sent from.").optional(),
        FormField::text("smtp_host", "Mail server", "Name of the server that sends mail.").optional(),
        FormField::text("smtp_port", "Its port", "587 with STARTTLS, 465 with TLS.").of(FormKind::Number).or("587"),
        FormField::text("smtp_security", "Protection", "None is only for a server on this machine.")
            .of(FormKind::Choice(&["starttls", "tls", "none"]))
            .or("starttls"),
        FormField::secret("smtp_user", "Mail account", "Leave empty where the server asks for none.").optional(),
        FormField::secret("smtp_password", "Its password", "Leave empty where the server asks for none.").optional(),
    ],
};
