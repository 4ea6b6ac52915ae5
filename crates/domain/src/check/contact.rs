//! E-mail addresses and phone numbers.

use super::{Unread, is_placeholder};

const EMAIL_INVALID: Unread = Unread::invalid(
    "email_invalid",
    "This is no e-mail address.",
    "Correct the e-mail in the system it came from, or leave it empty.",
);

const PHONE_INVALID: Unread = Unread::invalid(
    "phone_invalid",
    "This is no phone number.",
    "Correct the phone in the system it came from: ten digits in the US, or + and the country code.",
);

/// Reads an e-mail address: lower case, no display name. `None` for an empty text.
pub(super) fn read_email(text: &str) -> Result<Option<String>, Unread> {
    if is_placeholder(text) {
        return Err(Unread::placeholder("The e-mail is a placeholder, so it is treated as unknown."));
    }
    match email(text) {
        Some(address) if is_invented_email(&address) => {
            Err(Unread::placeholder("The e-mail is a placeholder, so it is treated as unknown."))
        }
        Some(address) => Ok(Some(address)),
        None => Err(EMAIL_INVALID),
    }
}

/// Reads a phone number to E.164.
pub(super) fn read_phone(text: &str) -> Result<Option<String>, Unread> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_digit).collect();
    let one_digit = digits.iter().all(|d| Some(d) == digits.first());
    if is_placeholder(text) || (one_digit && !digits.is_empty()) {
        return Err(Unread::placeholder("The phone is a placeholder, so it is treated as unknown."));
    }
    phone(text).map(Some).ok_or(PHONE_INVALID)
}

/// An e-mail address in lower case, or `None` where the text is none.
#[must_use]
pub fn email(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches("mailto:");
    // "Ann Lee <ann@example.com>"
    let text = text.rsplit_once('<').map_or(text, |(_, rest)| rest.trim_end_matches('>'));
    let (local, host) = text.rsplit_once('@')?;
    let local_fine = !local.is_empty()
        && local.len() <= 64
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local.chars().all(|c| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c));
    let labels: Vec<&str> = host.split('.').collect();
    let host_fine = host.len() <= 253
        && labels.len() >= 2
        && labels.iter().all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        })
        && labels.last().is_some_and(|tld| tld.chars().count() >= 2 && !tld.chars().all(|c| c.is_ascii_digit()));
    (local_fine && host_fine).then(|| format!("{}@{}", local.to_lowercase(), host.to_lowercase()))
}

/// Whether an address was invented at the counter.
#[must_use]
pub fn is_invented_email(address: &str) -> bool {
    let (local, host) = address.rsplit_once('@').unwrap_or((address, ""));
    let host_name = host.split('.').next().unwrap_or_default();
    const LOCALS: [&str; 9] = ["none", "noemail", "no", "na", "nomail", "noreply", "declined", "refused", "donotemail"];
    const HOSTS: [&str; 6] = ["none", "noemail", "nomail", "na", "no", "nowhere"];
    (LOCALS.contains(&local) && (HOSTS.contains(&host_name) || local == host_name))
        || HOSTS.iter().any(|h| *h == host_name && host.len() <= h.len() + 4)
        || matches!(local, "noemail" | "nomail" | "none")
}

/// Whether an address is a desk's, not a person's: it may not decide who somebody is.
#[must_use]
pub fn is_shared_mailbox(address: &str) -> bool {
    const DESKS: [&str; 12] = [
        "info",
        "sales",
        "service",
        "office",
        "admin",
        "contact",
        "parts",
        "accounting",
        "ap",
        "billing",
        "support",
        "fleet",
    ];
    address.split_once('@').is_some_and(|(local, _)| DESKS.contains(&local))
}

/// `+12815550123` as `(281) 555-0123`; none where the number is not of North America.
#[must_use]
pub fn phone_words(text: &str) -> Option<String> {
    let digits =
        text.strip_prefix("+1").filter(|digits| digits.len() == 10 && digits.bytes().all(|b| b.is_ascii_digit()))?;
    let (area, rest) = digits.split_at_checked(3)?;
    let (office, line) = rest.split_at_checked(3)?;
    Some(format!("({area}) {office}-{line}"))
}

/// A phone number in E.164, or `None` where the text is none. Without a country code the US and Canada are meant.
#[must_use]
pub fn phone(text: &str) -> Option<String> {
    // An extension is not part of the number.
    let text = text.split(['x', 'X', 'e', 'E', '#', ';']).next().unwrap_or_default().trim();
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let foreign = text.starts_with('+') && !digits.starts_with('1');
    if !foreign {
        // Most numbers by far are North American; reading those by hand keeps a large import fast.
        let national = match digits.len() {
            11 if digits.starts_with('1') => digits.get(1..)?,
            10 => digits.as_str(),
            _ => return None,
        };
        let fits = |place: usize| national.as_bytes().get(place).is_some_and(|d| (b'2'..=b'9').contains(d));
        // NANP: neither the area code nor the exchange starts with 0 or 1.
        return (fits(0) && fits(3)).then(|| format!("+1{national}"));
    }
    let number = phonenumber::parse(None, text).ok()?;
    phonenumber::is_valid(&number).then(|| number.format().mode(phonenumber::Mode::E164).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_become_e164() {
        let cases = [
            ("(415) 555-0100", Some("+14155550100")),
            ("1-415-555-0100", Some("+14155550100")),
            ("415.555.0100 x12", Some("+14155550100")),
            ("14155550100 ext 9", Some("+14155550100")),
            ("+44 20 7946 0958", Some("+442079460958")),
            ("0155550100", None),
            ("555-0100", None),
        ];
        for (told, e164) in cases {
            assert_eq!(phone(told).as_deref(), e164, "{told}");
        }
    }

    #[test]
    fn emails_are_read_leniently_and_checked_strictly() {
        let cases = [
            (" Ann.Lee@Example.COM ", Some("ann.lee@example.com")),
            ("Ann Lee <ann@example.com>", Some("ann@example.com")),
            ("ann@example", None),
            ("ann lee@example.com", None),
            ("a@b@c.com", None),
            ("ann@10.0.0.1", None),
        ];
        for (told, address) in cases {
            assert_eq!(email(told).as_deref(), address, "{told}");
        }
    }

    #[test]
    fn what_the_counter_invents_is_a_placeholder_and_real_people_are_not() {
        for text in ["none@none.com", "NA", "cd", "noemail@dealer.com", "na@na.com", "no@no.com"] {
            assert_eq!(read_email(text).err().map(|u| u.code), Some("placeholder"), "{text}");
        }
        for text in ["nora@example.com", "ann@nonesuch.com", "no.way@example.com"] {
            assert!(matches!(read_email(text), Ok(Some(_))), "{text}");
        }
        for text in ["0", "0000000000", "9999999999", "none"] {
            assert_eq!(read_phone(text).err().map(|u| u.code), Some("placeholder"), "{text}");
        }
    }
}
