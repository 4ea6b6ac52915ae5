//! What is going on, on a terminal.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// A line that is written over and over; nothing where nobody looks.
pub(crate) struct Progress {
    shown: bool,
    last: Instant,
    bytes: u64,
}

impl Progress {
    pub fn new() -> Self {
        Self { shown: std::io::stderr().is_terminal(), last: Instant::now(), bytes: 0 }
    }

    /// A file of so many bytes is about to be read.
    pub fn reading(&mut self, bytes: u64) {
        self.bytes = bytes.max(1);
    }

    /// So many bytes and rows are read.
    pub fn read(&mut self, bytes: u64, rows: usize) {
        const WIDTH: u64 = 30;
        if !self.shown || self.last.elapsed() < Duration::from_millis(100) {
            return;
        }
        self.last = Instant::now();
        let done = usize::try_from((bytes * WIDTH / self.bytes).min(WIDTH)).unwrap_or_default();
        let left = usize::try_from(WIDTH).unwrap_or_default() - done;
        self.line(&format!("reading [{}{}] {rows} rows", "#".repeat(done), ".".repeat(left)));
    }

    pub fn stage(&mut self, name: &str) {
        if self.shown {
            self.line(name);
        }
    }

    pub fn end(&mut self) {
        if self.shown {
            self.line("");
        }
    }

    fn line(&self, text: &str) {
        // A terminal that went away is no reason to stop.
        let mut out = std::io::stderr().lock();
        let _ = write!(out, "\r\x1b[2K{text}");
        let _ = out.flush();
    }
}
