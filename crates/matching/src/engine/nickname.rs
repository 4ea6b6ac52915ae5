//! Given names that are used for one another (the relations of the `nicknames` project, Apache-2.0).

use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::LazyLock;

const RELATIONS: &str = include_str!("../../data/nicknames.txt");

struct Nicknames {
    pairs: FxHashSet<(&'static str, &'static str)>,
    group: FxHashMap<&'static str, &'static str>,
}

static NICKNAMES: LazyLock<Nicknames> = LazyLock::new(|| {
    let mut pairs = FxHashSet::default();
    let mut of: FxHashMap<&'static str, Vec<&'static str>> = FxHashMap::default();
    for line in RELATIONS.lines() {
        let mut names = line.split(' ');
        let Some(name) = names.next() else { continue };
        for short in names {
            pairs.insert(if name < short { (name, short) } else { (short, name) });
            of.entry(short).or_default().push(name);
            of.entry(name).or_default();
        }
    }
    // A name's group is the longest name it stands for; a name that stands for none is its own group.
    let group = of
        .into_iter()
        .map(|(name, stands_for)| {
            let long = stands_for.into_iter().max_by(|a, b| a.len().cmp(&b.len()).then_with(|| b.cmp(a)));
            (name, long.filter(|long| long.len() >= name.len()).unwrap_or(name))
        })
        .collect();
    Nicknames { pairs, group }
});

/// Whether one name is used for the other.
pub(crate) fn related(a: &str, b: &str) -> bool {
    NICKNAMES.pairs.contains(&if a < b { (a, b) } else { (b, a) })
}

/// The name under which a given name and its short forms meet. Relations are many to many, so some do not meet.
pub(crate) fn group(name: &str) -> &str {
    NICKNAMES.group.get(name).copied().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bill_is_william_and_meets_him() {
        assert!(related("bill", "william") && related("william", "bill"));
        assert_eq!(group("bill"), group("william"));
        assert!(!related("bill", "mary"));
    }
}
