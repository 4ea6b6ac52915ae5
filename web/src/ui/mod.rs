//! Our own components, all of them in this folder; one file each.

mod button;
mod compare;
mod empty;
mod error_card;
mod facts;
mod field;
mod form;
mod funnel;
mod icon;
mod layout;
mod notice;

mod page;
mod pager;
mod status;
mod steps;
mod table;
mod tabs;
mod timeline;
mod waterfall;
mod when;

pub use crate::number::{grouped, plural};
pub use button::{Button, ButtonKind, LinkButton};
pub use compare::{Compare, CompareRow, Side};
pub use empty::EmptyState;
pub use error_card::{ErrorCard, FailureCard};
pub use facts::{Fact, Facts};
pub use field::{Choice, Field, Lines, Tick};
pub use form::{Form, FormNotice};
pub use funnel::{Funnel, FunnelStage};
pub use icon::{Icon, IconName};
pub use layout::{Bare, Document, Shell};
pub use notice::Notice;
pub use page::{Page, Section};
pub use pager::Pager;
pub use status::{Status, Tone};
pub use steps::{StepRow, Steps};
pub use table::{NUMBER, ROW, TD, TH, Table};
pub use tabs::{Tab, Tabs};
pub use timeline::{Moment, Timeline};
pub use waterfall::{FallStep, Waterfall};
pub use when::{Until, When};
