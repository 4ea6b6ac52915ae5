//! What the palette lists: what a search found, and the pages of that name.

use crate::number::plural;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// A page that can be gone to by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Its name.
    pub name: String,
    /// Its address.
    pub href: String,
}

/// What the search answers, as far as it is shown here.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Answer {
    /// Records by kind.
    pub groups: Vec<Group>,
    /// Runs.
    pub runs: Vec<Run>,
    /// What was meant beyond doubt.
    pub straight: Option<String>,
}

/// Records of one kind.
#[derive(Clone, Debug, Deserialize)]
pub struct Group {
    /// Their kind.
    pub object: String,
    /// The best first.
    pub items: Vec<Item>,
    /// Whether there are more.
    pub more: bool,
}

/// A record.
#[derive(Clone, Debug, Deserialize)]
pub struct Item {
    /// Id.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// What tells it from others of that name.
    pub detail: String,
}

/// A run.
#[derive(Clone, Debug, Deserialize)]
pub struct Run {
    /// Id.
    pub id: String,
    /// Its connection's name.
    pub connection_name: String,
    /// What was read.
    pub object: String,
}

/// One line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The heading that it stands under.
    pub heading: &'static str,
    /// What it is called.
    pub label: String,
    /// What tells it from others of that name.
    pub detail: String,
    /// Where it leads.
    pub href: String,
}

/// Where the search stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Nothing was typed that could be searched for.
    Nothing,
    /// On its way.
    Waiting,
    /// Answered.
    Found(Vec<Line>),
    /// No answer came.
    Failed,
}

/// The headings of the kinds of record, as the API names them.
#[must_use]
pub fn heading(object: &str) -> &'static str {
    match object {
        "customer" => "Customers",
        "vehicle" => "Vehicles owned",
        "inventory" => "Inventory",
        "deal" => "Deals",
        "repair_order" => "Repair orders",
        "lead" => "Leads",
        _ => "Records",
    }
}

/// The lines of an answer, what was meant beyond doubt first.
#[must_use]
pub fn lines(answer: Answer, typed: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut more = false;
    for group in answer.groups {
        more |= group.more;
        for item in group.items {
            let line = Line {
                heading: heading(&group.object),
                label: item.title,
                detail: item.detail,
                href: format!("/records/{}", item.id),
            };
            if answer.straight.as_ref() == Some(&item.id) {
                lines.insert(0, line);
            } else {
                lines.push(line);
            }
        }
    }
    for run in answer.runs {
        let label = format!("{} from {}", heading(&run.object), run.connection_name);
        lines.push(Line { heading: "Runs", label, detail: String::new(), href: format!("/runs/{}", run.id) });
    }
    if more {
        let href = format!("/search?q={}", encoded(typed));
        lines.push(Line { heading: "More", label: "All results".to_owned(), detail: String::new(), href });
    }
    lines
}

/// A text inside an address.
#[must_use]
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            // A text takes everything that is written to it.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The pages whose name has what was typed; all of them where nothing was.
#[must_use]
pub fn going(places: &[Place], typed: &str) -> Vec<Line> {
    let typed = typed.trim().to_lowercase();
    places
        .iter()
        .filter(|place| place.name.to_lowercase().contains(&typed))
        .map(|place| Line {
            heading: "Go to",
            label: place.name.clone(),
            detail: String::new(),
            href: place.href.clone(),
        })
        .collect()
}

/// What the list says to who does not see it.
#[must_use]
pub fn said(asked: &Asked, many: usize) -> String {
    match asked {
        Asked::Failed => "The search did not answer. Press Enter to try the search page.".to_owned(),
        Asked::Found(found) if found.is_empty() && many == 0 => {
            "Nothing found. A surname needs three letters; everything else is looked up whole.".to_owned()
        }
        Asked::Waiting if many == 0 => "Searching …".to_owned(),
        Asked::Nothing => plural(many as u64, "page", "pages"),
        Asked::Waiting | Asked::Found(_) => plural(many as u64, "result", "results"),
    }
}

/// The next place in a list of so many, round and round.
#[must_use]
pub const fn moved(active: usize, many: usize, down: bool) -> usize {
    match (many, down) {
        (0, _) => 0,
        (_, true) if active + 1 >= many => 0,
        (_, true) => active + 1,
        (_, false) if active == 0 => many - 1,
        (_, false) => active - 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(straight: Option<&str>) -> Answer {
        let item = |id: &str| Item { id: id.to_owned(), title: id.to_owned(), detail: String::new() };
        let group = |object: &str, id, more| Group { object: object.to_owned(), items: vec![item(id)], more };
        let groups = vec![group("customer", "a", false), group("vehicle", "b", true)];
        Answer { groups, runs: Vec::new(), straight: straight.map(str::to_owned) }
    }

    fn labels(lines: &[Line]) -> Vec<&str> {
        lines.iter().map(|line| line.label.as_str()).collect()
    }

    #[test]
    fn what_was_meant_beyond_doubt_is_first_and_all_results_are_a_step_away() {
        assert_eq!(labels(&lines(answer(None), "x")), ["a", "b", "All results"]);
        let straight = lines(answer(Some("b")), "o'neil & co");
        assert_eq!(labels(&straight), ["b", "a", "All results"]);
        assert_eq!(straight.last().map(|line| line.href.as_str()), Some("/search?q=o%27neil%20%26%20co"));
    }

    #[test]
    fn pages_are_found_by_any_part_of_their_name() {
        let place = |name: &str| Place { name: name.to_owned(), href: "/".to_owned() };
        let places = [place("Audit trail"), place("Team")];

        assert_eq!(labels(&going(&places, " AUDIT")), ["Audit trail"]);
        assert_eq!(going(&places, "").len(), 2);
    }

    #[test]
    fn the_arrow_keys_go_round() {
        assert_eq!((moved(0, 3, false), moved(2, 3, true), moved(1, 3, true), moved(0, 0, true)), (2, 0, 2, 0));
    }
}
