//! What the connector says of itself, and the form a dealer fills in.

use crate::about::{About, Capability, FormField, FormKind, PushMode, Quota};
use domain::{ObjectKind, SystemRole};

const fn reads(object: ObjectKind, note: &'static str) -> Capability {
    Capability { object, pull: true, push: PushMode::None, note }
}

/// See [`About`].
pub static ABOUT: About = About {
    key: "files",
    name: "Files (CSV, XML)",
    role: SystemRole::Dms,
    summary: "Any system that exports CSV or XML files: by SFTP, FTPS, FTP or HTTPS upload.",
    demands: "Have the system export its files to a folder on a schedule, and get an account that may read that folder.",
    capabilities: &[
        reads(ObjectKind::Customer, ""),
        reads(ObjectKind::Vehicle, ""),
        reads(ObjectKind::Inventory, "Sold vehicles are concluded only where each file is a full snapshot."),
        reads(ObjectKind::Deal, ""),
        reads(ObjectKind::RepairOrder, ""),
        reads(ObjectKind::Lead, ""),
    ],
    quota: Quota { calls: 600, window_ms: 60_000 },
    cents_per_call: None,
    form: &[
        FormField::text("transport", "Way of transfer", "How the files come. Plain FTP protects neither password nor files.")
            .of(FormKind::Choice(&["sftp", "ftps", "ftp", "upload"]))
            .or("sftp"),
        FormField::text("host", "Server", "Name of the server, without sftp:// and folder. Not used for upload.").optional(),
        FormField::text("port", "Port", "22 for SFTP and 21 for FTPS and FTP unless the server's owner says otherwise.")
            .of(FormKind::Number)
            .optional(),
        FormField::text("user", "User name", "The account that may read the folder. Not used for upload.").optional(),
        FormField::secret("password", "Password", "Leave empty where a private key is used.").optional(),
        FormField::secret("private_key", "Private key", "SFTP only: the whole text of an OpenSSH, PEM or PuTTY key.").optional(),
        FormField::secret("passphrase", "Passphrase", "What unlocks the private key, where it is locked.").optional(),
        FormField::text(
            "host_key",
            "Server's fingerprint",
            "SSH key (SHA256:…) or certificate (hex). The connection test shows it; once entered, no other is accepted.",
        )
        .optional(),
        FormField::text("folder", "Folder", "Where the files are; empty for the folder after sign-in.").optional(),
        FormField::text("customers", "Customer files", "Patterns with * and ?, parted by commas.").optional(),
        FormField::text("vehicles", "Vehicle files", "Patterns with * and ?, parted by commas.").optional(),
        FormField::text("inventory", "Inventory files", "Patterns with * and ?, parted by commas.").optional(),
        FormField::text("deals", "Deal files", "Patterns with * and ?, parted by commas.").optional(),
        FormField::text("repair_orders", "Repair order files", "Patterns with * and ?, parted by commas.").optional(),
        FormField::text("leads", "Lead files", "Patterns with * and ?, parted by commas.").optional(),
        FormField::text("format", "Form", "Found out from each file unless chosen here.")
            .of(FormKind::Choice(&["auto", "csv", "semicolon", "tsv", "pipe", "xml"]))
            .or("auto"),
        FormField::text("xml_record", "XML element of one record", "Names from the root, as in Export/Customers/Customer.").optional(),
        FormField::text("encoding", "Encoding", "Found out from each file unless chosen here.")
            .of(FormKind::Choice(&["auto", "utf-8", "windows-1252"]))
            .or("auto"),
        FormField::text(
            "mapping",
            "Columns",
            "One line each: customer.email = EMail Address. Also: | date %d.%m.%Y, | words Y=opted_out, A + B, customer.ignore = A, B.",
        )
        .of(FormKind::Lines)
        .optional(),
        FormField::text("key_columns", "Key columns", "One line each: customer = CustNo, deal = Store + DealNo.")
            .of(FormKind::Lines)
            .optional(),
        FormField::text(
            "snapshot",
            "Each file holds everything",
            "With yes only the newest file counts, and what is missing in it is gone. The file must end with a line end.",
        )
        .of(FormKind::Choice(&["no", "yes"]))
        .or("no"),
        FormField::text("done_marker", "Marker of finished files", "An ending such as .done: a file is read once its marker is there.")
            .optional(),
        FormField::text("settle_seconds", "Seconds between two looks", "A young file is read if it is unchanged after so long.")
            .of(FormKind::Number)
            .or("2"),
        FormField::text("size_mb_max", "Largest file in MB", "A larger file is refused before it is read.")
            .of(FormKind::Number)
            .or("2048"),
    ],
};
