//! Which pairs an address asks for.

use crate::portal::Typed;
use app::candidates::{Filter, Place, Standing};
use chrono::DateTime;
use domain::{ConnectionId, ObjectKind};

/// What stands in the address: filters, and the place in the list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ask {
    pub standing: Standing,
    pub object: Option<ObjectKind>,
    pub connection: Option<ConnectionId>,
    /// Least likeness, in percent.
    pub min: Option<u8>,
    /// Most likeness, in percent.
    pub max: Option<u8>,
    pub after: Option<Place>,
}

impl Ask {
    /// From an address or a form; what cannot be read is not asked for.
    pub fn of(typed: &Typed) -> Self {
        let percent = |name: &str| typed.text(name).parse::<u8>().ok().filter(|percent| *percent <= 100);
        Self {
            standing: Standing::ALL.into_iter().find(|one| one.name() == typed.text("state")).unwrap_or_default(),
            object: ObjectKind::ALL.into_iter().find(|one| one.name() == typed.text("object")),
            connection: typed.text("connection").parse().ok(),
            min: percent("min"),
            max: percent("max"),
            after: place(typed.text("after")),
        }
    }

    /// As the use-case takes it.
    pub fn filter(&self) -> Filter {
        Filter {
            standing: self.standing,
            object: self.object,
            connection: self.connection,
            score_min: self.min.map(|percent| f32::from(percent) / 100.0),
            score_max: self.max.map(|percent| f32::from(percent) / 100.0),
            tellers: None,
        }
    }

    /// The filters, without the state: name and value.
    pub fn filters(&self) -> Vec<(&'static str, String)> {
        let mut filters = Vec::new();
        filters.extend(self.object.map(|object| ("object", object.name().to_owned())));
        filters.extend(self.connection.map(|id| ("connection", id.to_string())));
        filters.extend(self.min.map(|percent| ("min", percent.to_string())));
        filters.extend(self.max.map(|percent| ("max", percent.to_string())));
        filters
    }

    /// The filters as the end of an address.
    pub fn words(&self) -> String {
        self.filters().into_iter().map(|(name, value)| format!("&{name}={value}")).collect()
    }

    /// The address of the same filters in another state.
    pub fn href(&self, standing: Standing) -> String {
        format!("/duplicates?state={}{}", standing.name(), self.words())
    }

    /// The address of the page behind this place.
    pub fn behind(&self, place: &Place) -> String {
        let decided = place.decided_at.map(|at| at.timestamp_micros()).unwrap_or_default();
        format!("{}&after={}_{}_{decided}_{}", self.href(self.standing), place.stake, place.score, place.id)
    }
}

fn place(text: &str) -> Option<Place> {
    let mut parts = text.split('_');
    let stake = parts.next()?.parse().ok()?;
    let score = parts.next()?.parse().ok()?;
    let decided: i64 = parts.next()?.parse().ok()?;
    let id = parts.next()?.parse().ok()?;
    let decided_at = if decided == 0 { None } else { Some(DateTime::from_timestamp_micros(decided)?) };
    Some(Place { stake, score, decided_at, id })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::CandidateId;

    fn read(href: &str) -> Ask {
        let query = href.split_once('?').map_or("", |(_, query)| query);
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        Ask::of(&pairs.fold(Typed::default(), |typed, (name, value)| typed.with(&name, value)))
    }

    #[test]
    fn a_place_in_a_filtered_list_survives_its_address() {
        let place = Place {
            stake: 12,
            score: 0.731,
            decided_at: DateTime::from_timestamp_micros(1_700_000_000_000_001),
            id: CandidateId::new(),
        };
        let ask = Ask {
            standing: Standing::Joined,
            object: Some(ObjectKind::Customer),
            connection: Some(ConnectionId::new()),
            min: Some(40),
            max: Some(90),
            after: None,
        };

        let there = read(&ask.behind(&place));

        assert_eq!(there, Ask { after: Some(place), ..ask });
    }

    #[test]
    fn what_cannot_be_read_is_not_asked_for() {
        assert_eq!(read("/duplicates?state=x&object=y&min=200&after=1_2"), Ask::default());
    }
}
