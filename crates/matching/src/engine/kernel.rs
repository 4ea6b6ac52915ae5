//! Distances of short texts. strsim is the reference; what is here is held equal to it by tests.

/// Which letters a text has and how long it is: enough to rule most pairs out without looking at them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    /// One bit per letter and digit; the highest for any other character.
    pub mask: u64,
    /// Length in bytes, 255 for any longer.
    pub len: u8,
    /// Whether every character is one byte, so that the fast kernels apply.
    pub ascii: bool,
    /// The first four bytes, 0 where there are fewer.
    pub head: [u8; 4],
}

impl Shape {
    pub(crate) fn of(text: &str) -> Self {
        let mask = text.bytes().fold(0_u64, |mask, b| {
            mask | 1
                << match b {
                    b'a'..=b'z' => b - b'a',
                    b'0'..=b'9' => 26 + b - b'0',
                    _ => 63,
                }
        });
        let mut head = [0; 4];
        for (head, b) in head.iter_mut().zip(text.bytes()) {
            *head = b;
        }
        Self { mask, len: u8::try_from(text.len()).unwrap_or(u8::MAX), ascii: text.is_ascii(), head }
    }

    /// Whether texts of these shapes can be one slip apart: it changes one letter into another at most.
    pub(crate) fn may_be_one_slip(self, other: Self) -> bool {
        self.len.abs_diff(other.len) <= 1 && (self.mask ^ other.mask).count_ones() <= 2
    }

    /// Length of the common prefix, at most four.
    pub(crate) fn prefix(self, other: Self) -> usize {
        self.head.iter().zip(other.head).take_while(|(a, b)| **a == *b && **a != 0).count()
    }

    /// The greatest Jaro–Winkler similarity that two texts of these shapes can have, given their common prefix.
    pub(crate) fn jaro_winkler_at_most(self, other: Self, prefix: usize) -> f64 {
        if !(self.ascii && other.ascii)
            || self.len == u8::MAX
            || other.len == u8::MAX
            || self.len == 0
            || other.len == 0
        {
            return 1.0;
        }
        let (a, b) = (f64::from(self.len), f64::from(other.len));
        // A letter that the other text lacks matches nothing.
        let matched_a = a - f64::from((self.mask & !other.mask).count_ones());
        let matched_b = b - f64::from((other.mask & !self.mask).count_ones());
        let matched = matched_a.min(matched_b);
        let jaro = (matched / a + matched / b + 1.0) / 3.0;
        with_prefix(jaro, prefix)
    }
}

fn with_prefix(jaro: f64, prefix: usize) -> f64 {
    // As strsim does it: four letters at most, and only from 0.7 on.
    if jaro > 0.7 { jaro + 0.1 * prefix.min(4) as f64 * (1.0 - jaro) } else { jaro }
}

/// Length of the common prefix, at most four.
pub(crate) fn prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take(4).take_while(|(a, b)| a == b).count()
}

/// Jaro–Winkler similarity, 0 to 1.
pub(crate) fn jaro_winkler(a: &str, b: &str) -> f64 {
    if a.len() <= 64 && b.len() <= 64 && a.is_ascii() && b.is_ascii() {
        with_prefix(jaro_bytes(a.as_bytes(), b.as_bytes()), prefix(a.as_bytes(), b.as_bytes()))
    } else {
        strsim::jaro_winkler(a, b)
    }
}

/// Jaro similarity of two ASCII texts of at most 64 characters, taken letters kept as bits.
fn jaro_bytes(a: &[u8], b: &[u8]) -> f64 {
    if a.is_empty() && b.is_empty() {
        return 1.0;
    }
    if a.is_empty() || b.is_empty() {
        return 0.0;
    }
    if a.len() == 1 && b.len() == 1 {
        return if a == b { 1.0 } else { 0.0 };
    }
    let range = (a.len().max(b.len()) / 2).saturating_sub(1);
    let (mut in_a, mut in_b) = (0_u64, 0_u64);
    for (i, letter) in a.iter().enumerate() {
        let from = i.saturating_sub(range);
        let to = (i + range + 1).min(b.len());
        for (j, other) in b.iter().enumerate().take(to).skip(from) {
            if letter == other && in_b & (1 << j) == 0 {
                in_a |= 1 << i;
                in_b |= 1 << j;
                break;
            }
        }
    }
    let matches = in_a.count_ones();
    if matches == 0 {
        return 0.0;
    }
    let (mut rest, mut exchanged) = (in_b, 0_u32);
    for (i, letter) in a.iter().enumerate() {
        if in_a & (1 << i) != 0 {
            let j = rest.trailing_zeros() as usize;
            exchanged += u32::from(b.get(j) != Some(letter));
            rest &= rest - 1;
        }
    }
    let m = f64::from(matches);
    let exchanged = f64::from(exchanged / 2);
    (m / a.len() as f64 + m / b.len() as f64 + (m - exchanged) / m) / 3.0
}

/// Whether two texts differ by one letter put in, left out, exchanged for another or swapped with its neighbour.
pub(crate) fn one_slip(a: &[u8], b: &[u8]) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    if long.len() - short.len() > 1 {
        return false;
    }
    let start = short.iter().zip(long).take_while(|(a, b)| a == b).count();
    let (short, long) = (short.get(start..).unwrap_or_default(), long.get(start..).unwrap_or_default());
    if short.len() < long.len() {
        return long.get(1..) == Some(short);
    }
    match (short, long) {
        ([a, b, rest_a @ ..], [c, d, rest_b @ ..]) => {
            short.get(1..) == long.get(1..) || (a == d && b == c && rest_a == rest_b)
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn jaro_winkler_is_strsims(a in "[a-e]{0,12}", b in "[a-e]{0,12}") {
            prop_assert_eq!(jaro_winkler(&a, &b), strsim::jaro_winkler(&a, &b));
        }

        #[test]
        fn jaro_winkler_is_strsims_for_any_text(a in ".{0,80}", b in ".{0,80}") {
            prop_assert_eq!(jaro_winkler(&a, &b), strsim::jaro_winkler(&a, &b));
        }

        #[test]
        fn the_bound_is_never_below_the_similarity(a in "[a-h]{1,10}", b in "[a-h]{1,10}") {
            let bound = Shape::of(&a).jaro_winkler_at_most(Shape::of(&b), prefix(a.as_bytes(), b.as_bytes()));
            prop_assert!(bound + 1e-12 >= strsim::jaro_winkler(&a, &b));
        }

        #[test]
        fn a_slip_is_never_ruled_out_by_shape(a in "[a-c0-1]{0,6}", b in "[a-c0-1]{0,6}") {
            let (x, y) = (Shape::of(&a), Shape::of(&b));
            prop_assert!(x.may_be_one_slip(y) || !one_slip(a.as_bytes(), b.as_bytes()));
            prop_assert_eq!(x.prefix(y), prefix(a.as_bytes(), b.as_bytes()));
        }

        #[test]
        fn one_slip_is_a_distance_of_at_most_one(a in "[a-c]{0,6}", b in "[a-c]{0,6}") {
            prop_assert_eq!(one_slip(a.as_bytes(), b.as_bytes()), strsim::osa_distance(&a, &b) <= 1);
        }
    }
}
