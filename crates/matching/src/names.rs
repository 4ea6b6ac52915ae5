//! How alike two names are: spelling, nicknames, initials.

use crate::engine::nickname;
use domain::check::name_key;

/// How two names stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// The same, or a spelling, nickname or initial of it.
    Agree,
    /// One side has none.
    Unknown,
    /// Clearly different.
    Differ,
    /// Neither clearly the same nor clearly different.
    Near,
}

/// Compares given names.
pub(crate) fn given(left: Option<&str>, right: Option<&str>) -> Names {
    compare(left, right, 0.9, |left, right| {
        let initial = left.len() == 1 || right.len() == 1;
        (initial && left.chars().next() == right.chars().next())
            || nickname::related(left, right)
            || nickname::group(left) == nickname::group(right)
    })
}

/// Compares surnames.
pub(crate) fn surname(left: Option<&str>, right: Option<&str>) -> Names {
    // A double name agrees with each of its halves.
    compare(left, right, 0.92, |left, right| {
        let (short, long) = if left.len() < right.len() { (left, right) } else { (right, left) };
        short.len() >= 4 && (long.starts_with(short) || long.ends_with(short)) && long.len() >= short.len() + 3
    })
}

/// Compares company names.
pub(crate) fn company(left: Option<&str>, right: Option<&str>) -> Names {
    let bare = |text: &str| {
        text.split_whitespace()
            .filter(|word| !["llc", "inc", "corp", "co", "ltd", "the"].contains(&name_key(word).as_str()))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let (left, right) = (left.map(bare), right.map(bare));
    compare(left.as_deref(), right.as_deref(), 0.93, |_, _| false)
}

fn compare(left: Option<&str>, right: Option<&str>, alike_from: f64, also: impl Fn(&str, &str) -> bool) -> Names {
    let (Some(left), Some(right)) = (left.map(name_key), right.map(name_key)) else { return Names::Unknown };
    if left.is_empty() || right.is_empty() {
        return Names::Unknown;
    }
    if left == right || also(&left, &right) {
        return Names::Agree;
    }
    let alike = strsim::jaro_winkler(&left, &right);
    if alike >= alike_from {
        Names::Agree
    } else if alike >= 0.8 {
        Names::Near
    } else {
        Names::Differ
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_nicknames_and_initials_agree_and_others_do_not() {
        let cases = [
            (given(Some("Bill"), Some("William")), Names::Agree),
            (given(Some("J"), Some("Joseph")), Names::Agree),
            (given(Some("Jon"), Some("John")), Names::Agree),
            (given(Some("Ann"), None), Names::Unknown),
            (given(Some("Mary"), Some("John")), Names::Differ),
            (surname(Some("O'Brien"), Some("OBRIEN")), Names::Agree),
            (surname(Some("Garcia"), Some("Garcia-Lopez")), Names::Agree),
            (surname(Some("Smith"), Some("Johnson")), Names::Differ),
            (company(Some("Acme Towing LLC"), Some("ACME TOWING, INC.")), Names::Agree),
        ];
        for (place, (got, wanted)) in cases.into_iter().enumerate() {
            assert_eq!(got, wanted, "case {place}");
        }
    }
}
