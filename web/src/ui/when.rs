//! Moments: relative to now, the exact time in the rooftop's own zone on hover.

use crate::portal::PageContext;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use leptos::prelude::*;

/// A moment, past or to come.
#[component]
pub fn When(
    /// The moment.
    at: DateTime<Utc>,
) -> impl IntoView {
    let page = expect_context::<PageContext>();
    view! {
        <time datetime=at.to_rfc3339() title=exact(at, page.zone)>{relative(at, page.now)}</time>
    }
}

/// A moment that may not have come: "never" then.
#[component]
pub fn Until(
    /// The moment.
    at: Option<DateTime<Utc>>,
    /// What to say without one.
    #[prop(default = "never")]
    never: &'static str,
) -> impl IntoView {
    match at {
        Some(at) => view! { <When at=at/> }.into_any(),
        None => view! { <span class="text-muted">{never}</span> }.into_any(),
    }
}

fn exact(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone).format("%a %-d %b %Y, %H:%M:%S %Z").to_string()
}

/// "3 min ago", "in 2 h".
fn relative(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let gap = now - at;
    let (amount, ahead) = if gap < TimeDelta::zero() { (-gap, true) } else { (gap, false) };
    let words = match amount.num_seconds() {
        0..45 => return if ahead { "in a moment".to_owned() } else { "just now".to_owned() },
        45..5_400 => format!("{} min", (amount.num_seconds() + 30) / 60),
        5_400..129_600 => format!("{} h", (amount.num_minutes() + 30) / 60),
        _ => format!("{} days", (amount.num_hours() + 12) / 24),
    };
    if ahead { format!("in {words}") } else { format!("{words} ago") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_as_people_tell_it() {
        let now = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(20_000);
        let cases = [
            (TimeDelta::seconds(3), "just now"),
            (TimeDelta::seconds(-3), "in a moment"),
            (TimeDelta::minutes(3), "3 min ago"),
            (TimeDelta::minutes(-15), "in 15 min"),
            (TimeDelta::hours(5), "5 h ago"),
            (TimeDelta::days(3), "3 days ago"),
        ];

        for (gap, words) in cases {
            assert_eq!(relative(now - gap, now), words);
        }
    }

    #[test]
    fn the_exact_time_is_the_rooftops_own() {
        let noon = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::hours(12);

        assert_eq!(exact(noon, chrono_tz::America::Chicago), "Thu 1 Jan 1970, 06:00:00 CST");
    }
}
