//! To an open TCP connection: the address that was checked is the address that is connected to.

use crate::error::ConnectorError;
use crate::vendor_http::{CONNECT_TIMEOUT, is_public};
use std::net::SocketAddr;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

/// The addresses behind a host that may be connected to.
///
/// # Errors
/// [`ConnectorError::Misconfigured`] where the name leads nowhere or only into a private network.
pub async fn resolve(host: &str, port: u16, allow_private_hosts: bool) -> Result<Vec<SocketAddr>, ConnectorError> {
    let wrong = |said: &str| ConnectorError::Misconfigured { setting: "host", said: said.to_owned() };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if bare.is_empty() || bare.contains("://") || bare.contains('/') || bare.chars().any(char::is_whitespace) {
        return Err(wrong("this is no host name; write it without sftp:// and without a folder"));
    }
    let found = timeout(CONNECT_TIMEOUT, lookup_host((bare, port)))
        .await
        .map_err(|late| ConnectorError::unavailable("the name server did not answer", late))?
        .map_err(|_| wrong("no server of this name is known"))?;
    let fit: Vec<SocketAddr> = found.filter(|address| allow_private_hosts || is_public(address.ip())).collect();
    if fit.is_empty() {
        return Err(wrong("this name leads into a private network"));
    }
    Ok(fit)
}

/// A connection to the first address that answers.
///
/// # Errors
/// [`ConnectorError::Unavailable`].
pub async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, ConnectorError> {
    let mut last = ConnectorError::Unavailable { said: "there is no address".to_owned(), evidence: None, source: None };
    for address in addresses {
        match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Small requests must not wait for each other.
                stream.set_nodelay(true).ok();
                return Ok(stream);
            }
            Ok(Err(error)) => last = ConnectorError::unavailable(format!("no connection: {}", error.kind()), error),
            Err(late) => last = ConnectorError::unavailable("no connection in time", late),
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_host_inside_our_network_is_refused_in_any_disguise() {
        for host in [
            "127.0.0.1",
            "localhost",
            "::1",
            "[::1]",
            "0x7f.1",
            "2130706433",
            "0177.0.0.1",
            "169.254.169.254",
            "10.0.0.1",
            "::ffff:127.0.0.1",
            "0.0.0.0",
            "sftp://x.com",
            "a b",
            "x/y",
            "",
        ] {
            assert!(resolve(host, 22, false).await.is_err(), "{host}");
        }
        assert!(resolve("127.0.0.1", 22, true).await.is_ok());
    }
}
