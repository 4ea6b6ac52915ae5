//! Ends the process when its runtime hangs: a job that blocks its thread for ever must not take the others with it.
//!
//! Somebody starts the process anew, and whatever ran here is run elsewhere when its lease runs out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How often the runtime shows that it runs, and is looked at.
const BEAT: Duration = Duration::from_millis(500);
/// Looks in a row without a beat, 30 s: a process that was stopped and goes on is not looked at meanwhile.
const SILENT_LOOKS_MAX: u32 = 60;

/// Starts to watch the runtime that this is called on.
///
/// # Errors
/// Where no thread can be started.
pub fn watch() -> std::io::Result<()> {
    let beats = Arc::new(AtomicU64::new(0));
    let beating = Arc::clone(&beats);
    tokio::spawn(async move {
        loop {
            beating.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(BEAT).await;
        }
    });
    std::thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
        let (mut seen, mut silent) = (0, 0);
        while silent < SILENT_LOOKS_MAX {
            std::thread::sleep(BEAT);
            let now = beats.load(Ordering::Relaxed);
            silent = if now == seen { silent + 1 } else { 0 };
            seen = now;
        }
        tracing::error!("nothing moves in this process any more: it ends, so that another one takes over");
        std::process::abort();
    })?;
    Ok(())
}
