//! E-mail addresses and phone numbers as keys.

use super::text::is_placeholder;

/// Names before the @ that are nobody's, whatever the host: such an address may reach somebody and still says nothing
/// of who it is.
const NOBODYS: [&str; 8] = ["noreply", "donotemail", "declined", "refused", "test", "unknown", "nobody", "noone"];

/// Where two spellings reach one mailbox they become one key; what was invented at the counter becomes nothing.
pub(crate) fn email(text: &str) -> Option<String> {
    if is_placeholder(text) {
        return None;
    }
    let address = domain::check::email(text)?;
    let (local, host) = address.rsplit_once('@')?;
    if domain::check::is_invented_email(&address) || NOBODYS.contains(&local) {
        return None;
    }
    let local = match local.split_once('+') {
        Some((before, _)) if !before.is_empty() => before,
        Some(_) | None => local,
    };
    if matches!(host, "gmail.com" | "googlemail.com") {
        return Some(format!("{}@gmail.com", local.replace('.', "")));
    }
    Some(format!("{local}@{host}"))
}

/// The digits of a phone number: ten for North America, else with the country code where it was told. Looser than
/// [`domain::check::phone`], which wants a number that can be dialled: a mistyped one still resembles itself.
pub(crate) fn phone(text: &str) -> Option<String> {
    let told = text.split(['x', 'X', '#', ';']).next().unwrap_or_default();
    let mut digits: String = told.chars().filter(char::is_ascii_digit).collect();
    if digits.starts_with("00") {
        digits.drain(..2);
    }
    if digits.len() == 11 && digits.starts_with('1') {
        digits.remove(0);
    }
    let first = digits.bytes().next()?;
    let one_digit = digits.bytes().skip(1).all(|b| b == first);
    let tail_of_one = digits.len() >= 10 && digits.bytes().skip(3).all(|b| b == b'0');
    let counted = "01234567890123".contains(digits.as_str());
    (digits.len() >= 6 && digits.len() <= 15 && !one_digit && !counted && !tail_of_one).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_mailbox_meet_and_inventions_are_nothing() {
        assert_eq!(email("Ann.Lee+cars@Gmail.com").as_deref(), Some("annlee@gmail.com"));
        assert_eq!(email("ann.lee@mail.example").as_deref(), Some("ann.lee@mail.example"));
        for text in ["NA", "none@none.com", "noemail@dealer.com", "na@na.com", "", "CD"] {
            assert_eq!(email(text), None, "{text}");
        }
    }

    #[test]
    fn spellings_of_a_phone_meet_and_inventions_are_nothing() {
        for text in ["(813) 555-0142", "+1 813.555.0142", "18135550142", "813-555-0142 x9"] {
            assert_eq!(phone(text).as_deref(), Some("8135550142"), "{text}");
        }
        assert_eq!(phone("+44 20 7946 0958").as_deref(), Some("442079460958"));
        for text in ["0", "0000000000", "9999999999", "", "1234567890", "8130000000"] {
            assert_eq!(phone(text), None, "{text}");
        }
    }
}
