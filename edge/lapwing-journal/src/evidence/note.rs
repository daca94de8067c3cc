//! Signed notes, as C2SP `signed-note` has them: a text, an empty line, signatures.
//!
//! Strict: what is not written exactly as [`sign`] writes it is refused, so that no byte of a note can change unseen.

use super::Hash;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use std::fmt;

/// Longest note that is read, in bytes.
pub const NOTE_BYTES_MAX: usize = 64 << 10;
/// Most signatures of a note (C2SP leaves the number to the reader).
const SIGNATURES_MAX: usize = 16;
/// Key type of Ed25519 (C2SP signed-note).
const ED25519: u8 = 0x01;
/// Key type of a timestamped cosignature (C2SP tlog-cosignature).
const COSIGNATURE: u8 = 0x04;

/// Bytes as base64, RFC 4648 §4.
pub fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Base64 to bytes. The one way of writing them only: the engine refuses loose bits and missing padding.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// A hash in base64.
pub fn hash_from_base64(text: &str) -> Option<Hash> {
    from_base64(text)?.try_into().ok()
}

/// Who signs: a log, or a witness of logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Log,
    Witness,
}

/// A public key with its name: `<name>+<hash>+<base64>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    key: VerifyingKey,
    role: Role,
}

/// Names hold no space, no `+`, and nothing that cannot be printed.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 128 && name.bytes().all(|b| b.is_ascii_graphic() && b != b'+')
}

/// First four bytes of `SHA-256(name || 0x0A || type || key)`.
fn key_hash(name: &str, kind: u8, key: &[u8; 32]) -> [u8; 4] {
    let hash = Sha256::new().chain_update(name).chain_update([b'\n', kind]).chain_update(key).finalize();
    [hash[0], hash[1], hash[2], hash[3]]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let typed = [&[self.kind()][..], self.key.as_bytes()].concat();
        write!(f, "{}+{}+{}", self.name, hex(&self.hash()), to_base64(&typed))
    }
}

impl Verifier {
    /// Reads the text form; an error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = text.trim_end_matches('\n').splitn(3, '+');
        let (Some(name), Some(hash), Some(data)) = (parts.next(), parts.next(), parts.next()) else {
            return Err("a verifier key is <name>+<hash>+<base64>".to_owned());
        };
        if !is_name(name) {
            return Err("the name of a verifier key cannot be used".to_owned());
        }
        let data = from_base64(data).ok_or("the base64 of a verifier key cannot be read")?;
        let (kind, key) = data.split_first().ok_or("a verifier key without a key")?;
        let role = match *kind {
            ED25519 => Role::Log,
            COSIGNATURE => Role::Witness,
            other => return Err(format!("a verifier key of type {other:#04x}; known are 0x01 and 0x04")),
        };
        let key: &[u8; 32] = key.try_into().map_err(|_| "an Ed25519 key has 32 bytes")?;
        let key = VerifyingKey::from_bytes(key).map_err(|_| "not an Ed25519 key")?;
        let verifier = Self { name: name.to_owned(), key, role };
        if hex(&verifier.hash()) != hash {
            return Err("the hash of a verifier key does not fit its name and key".to_owned());
        }
        Ok(verifier)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> u8 {
        match self.role {
            Role::Log => ED25519,
            Role::Witness => COSIGNATURE,
        }
    }

    fn hash(&self) -> [u8; 4] {
        key_hash(&self.name, self.kind(), self.key.as_bytes())
    }

    /// Whether one of the signatures of a note is this key's, and genuine. A witness's says when; that is not looked at.
    pub fn verifies(&self, note: &Note<'_>) -> bool {
        note.signatures.iter().any(|line| {
            line.name == self.name
                && line
                    .bytes
                    .strip_prefix(&self.hash())
                    .is_some_and(|signature| self.verifies_text(note.text, signature))
        })
    }

    fn verifies_text(&self, text: &str, signature: &[u8]) -> bool {
        let (message, signature) = match self.role {
            Role::Log => (text.to_owned(), signature),
            Role::Witness => {
                let Some((time, signature)) = signature.split_first_chunk() else { return false };
                (format!("cosignature/v1\ntime {}\n{text}", u64::from_be_bytes(*time)), signature)
            }
        };
        let Ok(signature) = <&[u8; 64]>::try_from(signature) else { return false };
        self.key.verify_strict(message.as_bytes(), &Signature::from_bytes(signature)).is_ok()
    }
}

/// A secret key with its name.
pub struct Signer {
    name: String,
    key: SigningKey,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.name)
    }
}

impl Signer {
    /// A key from its 32 secret bytes.
    pub fn new(name: &str, seed: &[u8; 32]) -> Result<Self, String> {
        if !is_name(name) {
            return Err("the name of a key cannot be used".to_owned());
        }
        Ok(Self { name: name.to_owned(), key: SigningKey::from_bytes(seed) })
    }

    /// Reads `PRIVATE+KEY+<name>+<hash>+<base64>`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let odd = || "not a signing key: PRIVATE+KEY+<name>+<hash>+<base64>".to_owned();
        let rest = text.trim_end_matches('\n').strip_prefix("PRIVATE+KEY+").ok_or_else(odd)?;
        let mut parts = rest.splitn(3, '+');
        let (Some(name), Some(hash), Some(data)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(odd());
        };
        let data = from_base64(data).ok_or_else(odd)?;
        let seed: &[u8; 32] = match data.split_first() {
            Some((&ED25519, seed)) => seed.try_into().map_err(|_| odd())?,
            _ => return Err(odd()),
        };
        let signer = Self::new(name, seed)?;
        let own = key_hash(name, ED25519, signer.key.verifying_key().as_bytes());
        if hex(&own) == hash { Ok(signer) } else { Err("the hash of the signing key does not fit it".to_owned()) }
    }

    /// The secret, as [`Signer::parse`] reads it.
    pub fn secret(&self) -> String {
        let verifier = self.verifier();
        let typed = [&[ED25519][..], &self.key.to_bytes()].concat();
        format!("PRIVATE+KEY+{}+{}+{}\n", self.name, hex(&verifier.hash()), to_base64(&typed))
    }

    /// The public half.
    pub fn verifier(&self) -> Verifier {
        Verifier { name: self.name.clone(), key: self.key.verifying_key(), role: Role::Log }
    }

    /// The line that signs a text.
    pub fn line(&self, text: &str) -> String {
        let signature = self.key.sign(text.as_bytes()).to_bytes();
        let bytes = [&self.verifier().hash()[..], &signature].concat();
        format!("\u{2014} {} {}\n", self.name, to_base64(&bytes))
    }

    /// A witness's line over a text at a time, seconds since 1970 (C2SP tlog-cosignature).
    pub fn cosign(&self, text: &str, time: u64) -> String {
        let message = format!("cosignature/v1\ntime {time}\n{text}");
        let signature = self.key.sign(message.as_bytes()).to_bytes();
        let hash = key_hash(&self.name, COSIGNATURE, self.key.verifying_key().as_bytes());
        let bytes = [&hash[..], &time.to_be_bytes(), &signature].concat();
        format!("\u{2014} {} {}\n", self.name, to_base64(&bytes))
    }

    /// The public half as a witness's key.
    pub fn witness(&self) -> Verifier {
        Verifier { role: Role::Witness, ..self.verifier() }
    }
}

/// A text, which ends with a line feed, and a signature.
pub fn sign(text: &str, signer: &Signer) -> String {
    format!("{text}\n{}", signer.line(text))
}

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureLine<'a> {
    /// Name of the key.
    pub name: &'a str,
    /// The key's hash, and what the key made.
    pub bytes: Vec<u8>,
}

/// A note that can be read; whether it is genuine is for [`Verifier::verifies`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note<'a> {
    /// What is signed, with its last line feed.
    pub text: &'a str,
    /// Who signed.
    pub signatures: Vec<SignatureLine<'a>>,
}

impl<'a> Note<'a> {
    /// Reads a note.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(format!("a note of more than {NOTE_BYTES_MAX} bytes"));
        }
        let note = std::str::from_utf8(bytes).map_err(|_| "a note that is not UTF-8")?;
        if note.chars().any(|c| c < ' ' && c != '\n') {
            return Err("a note with control characters".to_owned());
        }
        let (text, lines) = note.rsplit_once("\n\n").ok_or("a note without signatures")?;
        let text = note.get(..text.len() + 1).unwrap_or_default();
        let lines = lines.strip_suffix('\n').ok_or("a note that does not end with a line feed")?;
        let mut signatures = Vec::new();
        for line in lines.split('\n') {
            let odd = || format!("not a signature line: {line}");
            let (name, data) = line.strip_prefix("\u{2014} ").and_then(|l| l.split_once(' ')).ok_or_else(odd)?;
            let bytes = from_base64(data).filter(|b| b.len() > 4 && is_name(name)).ok_or_else(odd)?;
            if signatures.len() == SIGNATURES_MAX {
                return Err(format!("more than {SIGNATURES_MAX} signatures"));
            }
            signatures.push(SignatureLine { name, bytes });
        }
        Ok(Self { text, signatures })
    }
}
