//! Addresses in configuration files.

use serde::{Deserialize, Deserializer};
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// An address to listen on: an IP address of this machine's loopback and a port. Nothing listens beyond loopback as long
/// as there are no credentials to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenAddress(pub SocketAddr);

impl<'de> Deserialize<'de> for ListenAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let text = String::deserialize(deserializer)?;
        let address: SocketAddr = text.parse().map_err(|_| {
            D::Error::custom(format!("expected an IP address and a port, such as \"127.0.0.1:30004\", not {text:?}"))
        })?;
        if !address.ip().is_loopback() {
            return Err(D::Error::custom(format!(
                "{} can be reached from other machines; inputs have no credentials yet, so only a loopback address \
                 (127.0.0.1 or [::1]) may be listened on. Let a relay on this machine (socat, stunnel, a VPN) forward \
                 to it, or let Lapwing connect out to the sensor",
                address.ip()
            )));
        }
        Ok(Self(address))
    }
}

/// A peer to connect to, anywhere: `host:port`, with IPv6 addresses in brackets.
#[derive(Clone, PartialEq, Eq)]
pub struct Peer {
    host: String,
    port: u16,
}

impl Peer {
    /// From a host name or address and a port.
    pub fn new(host: &str, port: u16) -> Option<Self> {
        let plain = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        let known = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_');
        let ok = if plain.len() == host.len() {
            !host.is_empty() && host.bytes().all(known)
        } else {
            plain.parse::<std::net::Ipv6Addr>().is_ok()
        };
        (ok && port != 0).then(|| Self { host: plain.to_owned(), port })
    }

    /// Host name or address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Peer {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let (host, port) = text.rsplit_once(':').ok_or(())?;
        Self::new(host, port.parse().map_err(|_| ())?).ok_or(())
    }
}

impl<'de> Deserialize<'de> for Peer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|()| {
            serde::de::Error::custom(format!(
                "expected a host and a port, such as \"192.168.1.20:30005\" or \"radar.example:4000\", not {text:?}"
            ))
        })
    }
}

/// Reads seconds, between a millisecond and a day.
pub(crate) fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    if (0.001..=86_400.0).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(serde::de::Error::custom(format!("expected seconds between 0.001 and 86400, not {seconds}")))
    }
}

/// [`seconds`], for a key that may be absent.
pub(crate) fn seconds_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    seconds(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Listen {
        listen: ListenAddress,
    }

    #[derive(Debug, Deserialize)]
    struct Connect {
        connect: Peer,
    }

    #[test]
    fn only_loopback_is_listened_on_and_the_error_says_what_to_do() {
        for good in ["127.0.0.1:1", "127.8.0.1:65535", "[::1]:4000"] {
            let listen: Listen = toml::from_str(&format!("listen = {good:?}")).unwrap();
            assert_eq!(listen.listen.0, good.parse().unwrap());
        }
        for bad in
            ["0.0.0.0:4000", "[::]:4000", "192.168.1.1:4000", "localhost:4000", "127.0.0.1", "[::ffff:127.0.0.1]:1"]
        {
            let error = toml::from_str::<Listen>(&format!("listen = {bad:?}")).unwrap_err();
            assert!(error.span().is_some(), "{bad}");
            assert!(
                error.message().contains("loopback") || error.message().contains("expected an IP"),
                "{bad}: {error}"
            );
        }
    }

    #[test]
    fn peers_may_be_anywhere_but_must_be_whole() {
        for good in ["radar.example:4000", "10.0.0.1:1", "[fe80::1]:80"] {
            let connect: Connect = toml::from_str(&format!("connect = {good:?}")).unwrap();
            assert_eq!(connect.connect.to_string(), good);
        }
        for bad in ["radar", ":80", "a b:80", "host:0", "host:99999", "fe80::1:80", "http://host:80", "user@host:1"] {
            assert!(toml::from_str::<Connect>(&format!("connect = {bad:?}")).is_err(), "{bad}");
        }
    }
}
