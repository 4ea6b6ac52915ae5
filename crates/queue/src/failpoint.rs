//! Places where a test can kill the process: at the commit boundaries, where it hurts most.

/// A named place; does nothing unless built with the feature `failpoints` and asked by `FAILPOINTS`.
macro_rules! failpoint {
    ($name:literal) => {{
        #[cfg(feature = "failpoints")]
        fail::fail_point!($name);
    }};
}
pub(crate) use failpoint;
