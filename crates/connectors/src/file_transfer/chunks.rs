//! A file on its way: filled by a task that reads ahead a little, emptied by a blocking reader.

use crate::error::ConnectorError;
use bytes::Bytes;
use std::io::{self, Read};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;

/// Bytes of one chunk.
pub const CHUNK_BYTES: usize = 128 * 1024;
/// Chunks read ahead.
const AHEAD: usize = 4;
/// The longest wait for the next bytes of a file.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// How long an opened file is kept for a reader that takes nothing.
const UNREAD_MAX: Duration = Duration::from_secs(60);

/// The end that fills.
pub struct ChunksIn(mpsc::Sender<Result<Bytes, ConnectorError>>);

/// The end that is read. Reading blocks: use it on a blocking thread.
pub struct Chunks {
    coming: mpsc::Receiver<Result<Bytes, ConnectorError>>,
    now: Bytes,
    ended: bool,
}

impl Chunks {
    /// Both ends.
    #[must_use]
    pub fn pair() -> (ChunksIn, Self) {
        let (filling, coming) = mpsc::channel(AHEAD);
        (ChunksIn(filling), Self { coming, now: Bytes::new(), ended: false })
    }

    /// Chunks filled from a reader by a task of its own.
    #[must_use]
    pub fn pumped(reader: impl AsyncRead + Send + Unpin + 'static) -> Self {
        let (filling, chunks) = Self::pair();
        tokio::spawn(async move {
            if filling.pump(reader).await {
                filling.end().await;
            }
        });
        chunks
    }

    /// The error inside an I/O error of this reader or of one around it.
    #[must_use]
    pub fn cause(error: io::Error) -> ConnectorError {
        let kind = error.kind();
        match error.downcast::<ConnectorError>() {
            Ok(inner) => inner,
            Err(other) if kind == io::ErrorKind::UnexpectedEof => {
                ConnectorError::unavailable("the file was cut off on its way", other)
            }
            Err(other) => ConnectorError::unavailable(other.to_string(), other),
        }
    }
}

impl ChunksIn {
    /// Sends all that a reader has; false where it failed (the error was sent) or nobody reads any more.
    pub async fn pump(&self, mut reader: impl AsyncRead + Send + Unpin) -> bool {
        loop {
            let mut chunk = vec![0; CHUNK_BYTES];
            let mut filled = 0;
            while filled < chunk.len() {
                let Some(free) = chunk.get_mut(filled..) else { break };
                let read = match tokio::time::timeout(READ_TIMEOUT, reader.read(free)).await {
                    Err(late) => Err(ConnectorError::unavailable("the server stopped sending the file", late)),
                    Ok(Err(error)) => Err(ConnectorError::unavailable("the connection was cut", error)),
                    Ok(Ok(read)) => Ok(read),
                };
                match read {
                    Ok(0) => {
                        chunk.truncate(filled);
                        return filled == 0 || self.send(Ok(chunk.into())).await;
                    }
                    Ok(read) => filled += read,
                    Err(error) => {
                        self.send(Err(error)).await;
                        return false;
                    }
                }
            }
            if !self.send(Ok(chunk.into())).await {
                return false;
            }
        }
    }

    /// Sends one chunk or the error that ends the file.
    pub async fn send(&self, chunk: Result<Bytes, ConnectorError>) -> bool {
        self.0.send_timeout(chunk, UNREAD_MAX).await.is_ok()
    }

    /// Says that the file is whole. Without it a reader takes the end for a cut connection.
    pub async fn end(&self) {
        self.send(Ok(Bytes::new())).await;
    }
}

impl Read for Chunks {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.now.is_empty() && !self.ended {
            match self.coming.blocking_recv() {
                Some(Ok(chunk)) if chunk.is_empty() => self.ended = true,
                Some(Ok(chunk)) => self.now = chunk,
                Some(Err(error)) => return Err(io::Error::other(error)),
                None => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection was cut")),
            }
        }
        let size = self.now.len().min(into.len());
        let part = self.now.split_to(size);
        if let Some(place) = into.get_mut(..size) {
            place.copy_from_slice(&part);
        }
        Ok(size)
    }
}
