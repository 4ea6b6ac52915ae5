//! How a name sounds, roughly: spellings that are heard alike meet in one short key.

/// A key of at most eight letters. Built on the idea of NYSIIS: the first letter stays, vowels go, letters of one
/// sound become one, doubles become single.
pub(crate) fn key(name: &str) -> u64 {
    let bytes = name.as_bytes();
    let mut key = 0_u64;
    let mut last = 0_u8;
    let mut taken = 0;
    let mut i = 0;
    while let Some(&letter) = bytes.get(i) {
        let next = bytes.get(i + 1).copied().unwrap_or_default();
        let (sound, width) = match (letter, next) {
            (b'p', b'h') => (b'f', 2),
            (b's', b'c') | (b's', b'h') | (b'c', b'h') => (b's', 2),
            (b'c', b'k') => (b'k', 2),
            (b'g', b'h') | (b'w', b'h') if i > 0 => (0, 2),
            (b'k', b'n') | (b'g', b'n') if i == 0 => (b'n', 2),
            (b'w', b'r') if i == 0 => (b'r', 2),
            (b'c', b'e' | b'i' | b'y') | (b'z', _) => (b's', 1),
            (b'c' | b'q', _) => (b'k', 1),
            (b'd', b't') => (b't', 2),
            (b'd', _) if i > 0 => (b't', 1),
            (b'v', _) if i > 0 => (b'f', 1),
            (b'm', _) if i > 0 => (b'n', 1),
            (b'a' | b'e' | b'i' | b'o' | b'u' | b'y', _) if i == 0 => (b'a', 1),
            (b'a' | b'e' | b'i' | b'o' | b'u' | b'y' | b'h' | b'w', _) => (0, 1),
            (other, _) => (other, 1),
        };
        if sound == 0 {
            // A vowel parts two letters of one sound, an h does not.
            if !matches!(letter, b'h' | b'w' | b'g') {
                last = 0;
            }
        } else if sound != last {
            key = key << 8 | u64::from(sound);
            last = sound;
            taken += 1;
            if taken == 6 {
                break;
            }
        }
        i += width;
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sounds_alike_meets() {
        for (a, b) in [("smith", "smyth"), ("phillips", "filips"), ("schmidt", "shmit"), ("meyer", "meier")] {
            assert_eq!(key(a), key(b), "{a} {b}");
        }
        assert_ne!(key("smith"), key("jones"));
    }
}
