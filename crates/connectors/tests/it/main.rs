//! Connectors against their simulators: one conformance suite over all, and what each vendor has beyond it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "tests"
)]

#[macro_use]
mod conformance;
mod adf;
mod bench;
mod files;
mod files_servers;
mod files_support;
mod hostile;
mod hubspot;
mod hubspot_contract;
mod inventory_feed;
mod opentrack;
mod opentrack_contract;

conformance!(hubspot_conforms, crate::hubspot::Fixture);
// OpenTrack has no operation that deletes: its own test says what comes of a withdrawal.
conformance!(opentrack_conforms, crate::opentrack::Fixture;
    good_credentials_pass_every_step,
    bad_credentials_are_told_at_their_step,
    paging_brings_every_record_exactly_once,
    a_401_asks_for_new_credentials,
    a_429_with_retry_after_waits_that_long,
    a_429_without_retry_after_waits_all_the_same,
    a_500_is_tried_again_soon,
    a_cut_read_is_tried_again_soon,
    an_unreadable_answer_is_told_as_such,
    the_same_page_twice_loses_nothing_and_ends,
    a_slow_read_is_given_up_in_time,
    a_renamed_field_is_reported_and_nothing_is_lost,
    a_write_without_an_answer_is_unknown_and_its_repeat_makes_no_duplicate,
    a_slow_write_is_unknown_and_its_repeat_makes_no_duplicate,
    a_refused_call_writes_nothing_and_the_repeat_writes_once,
    the_same_write_again_changes_nothing,
);
conformance!(inventory_feed_conforms, crate::inventory_feed::Fixture);
// ADF is only told: reading is by documents, and its writes have tests of their own.
conformance!(adf_conforms, crate::adf::Fixture::default();
    good_credentials_pass_every_step,
    bad_credentials_are_told_at_their_step,
);
