//! Authentication pages put together, per transmitter (F3411-22a clause 5.4, Authentication Message: up
//! to 16 pages, 255 bytes).

use super::fields::{AuthType, Bytes, Time2019Code, hex};
use super::message::{AuthContent, AuthPage};
use crate::BadState;
use lapwing_model::{Span, Time};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

/// Pages a signature can have.
const PAGES_MAX: usize = 16;
/// Transmitters whose pages are kept at a time; the one heard longest ago gives way.
const TRANSMITTERS_MAX: usize = 256;
/// Bytes that say who a transmitter is, at most.
const KEY_BYTES_MAX: usize = 256;
/// Pages older than this do not belong to what is heard now. Bluetooth 4 sends one page at a time, at least each 3 s.
const PAGE_AGE_MAX: Span = Span::from_seconds(60);

const FIRST_BYTES: usize = 17;
const NEXT_BYTES: usize = 23;

/// What is known of a transmitter's authentication data after a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Assembly {
    /// What was signed.
    pub auth_type: AuthType,
    /// Pages there.
    pub pages_received: u8,
    /// Pages needed for the announced length; `None` before page 0.
    pub pages_needed: Option<u8>,
    /// Numbers of the needed pages that are not there yet.
    pub pages_missing: Vec<u8>,
    /// Bytes announced by page 0.
    pub length_bytes: Option<u8>,
    /// When it was signed, by page 0.
    pub signed_at: Option<Time>,
    /// The data, once every needed page is there.
    #[serde(rename = "data_hex", serialize_with = "as_hex")]
    pub data: Option<Vec<u8>>,
    /// Why the pages cannot be right.
    pub problem: Option<&'static str>,
}

fn as_hex<S: Serializer>(data: &Option<Vec<u8>>, s: S) -> Result<S::Ok, S::Error> {
    data.as_deref().map(hex).serialize(s)
}

#[derive(Debug, Clone)]
struct Pages {
    auth_type: AuthType,
    heard_at: Time,
    first: Option<(u8, AuthPage)>,
    next: BTreeMap<u8, [u8; NEXT_BYTES]>,
}

impl Pages {
    fn new(auth_type: AuthType, heard_at: Time) -> Self {
        Self { auth_type, heard_at, first: None, next: BTreeMap::new() }
    }

    fn add(&mut self, protocol_version: u8, page: &AuthPage) {
        match &page.content {
            AuthContent::First { .. } => {
                // Another page 0 begins another signature; what came before it belongs to the old one.
                if self.first.as_ref().is_some_and(|(_, old)| old != page) {
                    self.next.clear();
                }
                self.first = Some((protocol_version, *page));
            }
            AuthContent::Next { data } => {
                if self.next.get(&page.page).is_some_and(|old| *old != data.0) {
                    self.first = None;
                    self.next.clear();
                }
                self.next.insert(page.page, data.0);
            }
        }
    }

    fn assembly(&self) -> Assembly {
        let mut out = Assembly {
            auth_type: self.auth_type,
            pages_received: (self.next.len() + usize::from(self.first.is_some())) as u8,
            pages_needed: None,
            pages_missing: Vec::new(),
            length_bytes: None,
            signed_at: None,
            data: None,
            problem: None,
        };
        let Some((version, AuthPage { content: AuthContent::First { last_page_index, length_bytes, time, data }, .. })) =
            &self.first
        else {
            out.pages_missing.push(0);
            return out;
        };
        let length = usize::from(*length_bytes);
        let needed = 1 + length.saturating_sub(FIRST_BYTES).div_ceil(NEXT_BYTES);
        out.length_bytes = Some(*length_bytes);
        out.signed_at = time.time();
        out.pages_needed = Some(needed as u8);
        // Version 0 counts pages, later ones name the last; senders of version 0 are known to do either, so there one
        // page less is no contradiction. More pages than the length needs carry error correction.
        let announced = usize::from(*last_page_index) + 1;
        if usize::from(*last_page_index) >= PAGES_MAX + usize::from(*version == 0) {
            out.problem = Some("more than 16 pages announced");
        } else if announced < needed {
            out.problem = Some("fewer pages announced than the length needs");
        } else if length == 0 {
            out.problem = Some("announced length is zero");
        }
        out.pages_missing = (1..needed as u8).filter(|page| !self.next.contains_key(page)).collect();
        if out.pages_missing.is_empty() && out.problem.is_none() {
            let mut bytes = data.0.to_vec();
            for page in self.next.values() {
                bytes.extend(page);
            }
            bytes.truncate(length);
            out.data = Some(bytes);
        }
        out
    }
}

/// Pages of many transmitters, bounded.
#[derive(Debug, Clone, Default)]
pub struct Assembler {
    by_transmitter: BTreeMap<Vec<u8>, Pages>,
}

/// Page 0 as it is saved: the protocol's version, the page's number, type, last page, length, time, data.
type SavedFirst = (u8, u8, u8, u8, u8, u32, [u8; FIRST_BYTES]);
/// One transmitter's pages as they are saved: type, when heard, page 0, the others.
type SavedPages = (u8, Time, Option<SavedFirst>, BTreeMap<u8, [u8; NEXT_BYTES]>);

impl Pages {
    fn save(&self) -> SavedPages {
        let first = self.first.as_ref().and_then(|(version, page)| match page.content {
            AuthContent::First { last_page_index, length_bytes, time, data } => {
                Some((*version, page.page, page.auth_type.0, last_page_index, length_bytes, time.0, data.0))
            }
            // Never put there.
            AuthContent::Next { .. } => None,
        });
        (self.auth_type.0, self.heard_at, first, self.next.clone())
    }

    fn restore((auth_type, heard_at, first, next): SavedPages) -> Self {
        let first = first.map(|(version, page, auth_type, last_page_index, length_bytes, time, data)| {
            let (time, data) = (Time2019Code(time), Bytes(data));
            let content = AuthContent::First { last_page_index, length_bytes, time, data };
            (version, AuthPage { auth_type: AuthType(auth_type), page, content })
        });
        Self { auth_type: AuthType(auth_type), heard_at, first, next }
    }
}

impl Assembler {
    /// Its pages as bytes.
    pub(crate) fn save(&self) -> Vec<u8> {
        let pages: BTreeMap<&Vec<u8>, SavedPages> = self.by_transmitter.iter().map(|(k, p)| (k, p.save())).collect();
        crate::state::save(&pages)
    }

    /// The assembler that was saved.
    pub(crate) fn restore(state: &[u8]) -> Result<Self, BadState> {
        let pages = crate::state::restore(state, |pages: &BTreeMap<Vec<u8>, SavedPages>| {
            pages.len() <= TRANSMITTERS_MAX
                && pages.iter().all(|(key, (_, _, _, next))| key.len() <= KEY_BYTES_MAX && next.len() <= PAGES_MAX)
        })?;
        Ok(Self { by_transmitter: pages.into_iter().map(|(key, saved)| (key, Pages::restore(saved))).collect() })
    }

    /// Adds a page heard from `transmitter` (its address and carrier) and says what is known now.
    pub fn add(&mut self, transmitter: &[u8], heard_at: Time, protocol_version: u8, page: &AuthPage) -> Assembly {
        let full = self.by_transmitter.len() >= TRANSMITTERS_MAX;
        if full && !self.by_transmitter.contains_key(transmitter) {
            let oldest = self.by_transmitter.iter().min_by_key(|(_, p)| p.heard_at).map(|(key, _)| key.clone());
            if let Some(key) = oldest {
                self.by_transmitter.remove(&key);
            }
        }
        let pages =
            self.by_transmitter.entry(transmitter.to_vec()).or_insert_with(|| Pages::new(page.auth_type, heard_at));
        if pages.auth_type != page.auth_type || heard_at.since(pages.heard_at).abs() > PAGE_AGE_MAX {
            *pages = Pages::new(page.auth_type, heard_at);
        }
        pages.heard_at = heard_at;
        pages.add(protocol_version, page);
        pages.assembly()
    }

    /// Transmitters kept now.
    pub fn len(&self) -> usize {
        self.by_transmitter.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.by_transmitter.is_empty()
    }
}

/// Cuts data into pages, as a transmitter does: at most 255 bytes.
pub fn pages(auth_type: AuthType, signed_at: Option<Time>, data: &[u8]) -> Vec<AuthPage> {
    let data = data.get(..255).unwrap_or(data);
    let mut first = [0; FIRST_BYTES];
    for (to, from) in first.iter_mut().zip(data) {
        *to = *from;
    }
    let rest = data.get(FIRST_BYTES..).unwrap_or_default();
    let mut out = vec![AuthPage {
        auth_type,
        page: 0,
        content: AuthContent::First {
            last_page_index: rest.len().div_ceil(NEXT_BYTES) as u8,
            length_bytes: data.len() as u8,
            time: Time2019Code::from_time(signed_at),
            data: Bytes(first),
        },
    }];
    for (i, chunk) in rest.chunks(NEXT_BYTES).enumerate() {
        let mut next = [0; NEXT_BYTES];
        for (to, from) in next.iter_mut().zip(chunk) {
            *to = *from;
        }
        out.push(AuthPage { auth_type, page: i as u8 + 1, content: AuthContent::Next { data: Bytes(next) } });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Time {
        Time::from_seconds(1_700_000_000 + s)
    }

    fn signature(seed: u8, len: usize) -> Vec<u8> {
        (0..len).map(|i| seed.wrapping_add(i as u8)).collect()
    }

    #[test]
    fn pages_in_any_order_give_the_data_back() {
        for len in [1, 17, 18, 40, 41, 63, 64, 247, 255] {
            let data = signature(7, len);
            let mut pages = pages(AuthType::MESSAGE_SET, Some(at(0)), &data);
            pages.reverse();
            let mut assembler = Assembler::default();
            let last = pages.iter().map(|p| assembler.add(b"mac", at(1), 2, p)).last().unwrap();
            assert_eq!(last.data.as_deref(), Some(data.as_slice()), "length {len}");
            assert_eq!(last.pages_missing, Vec::<u8>::new());
            assert_eq!(last.signed_at, Some(at(0)));
            assert_eq!(last.problem, None);
        }
    }

    #[test]
    fn missing_pages_are_named() {
        let pages = pages(AuthType::UAS_ID, Some(at(0)), &signature(1, 64));
        let mut assembler = Assembler::default();
        let only_third = assembler.add(b"mac", at(0), 2, pages.get(2).unwrap());
        assert_eq!((only_third.pages_needed, only_third.pages_missing), (None, vec![0]));
        let with_first = assembler.add(b"mac", at(0), 2, pages.first().unwrap());
        assert_eq!((with_first.pages_needed, with_first.pages_missing), (Some(4), vec![1, 3]));
        assert_eq!(with_first.data, None);
    }

    #[test]
    fn a_new_signature_does_not_mix_with_the_old_one() {
        let old = pages(AuthType::UAS_ID, Some(at(0)), &signature(1, 40));
        let new = pages(AuthType::UAS_ID, Some(at(3)), &signature(99, 40));
        let mut assembler = Assembler::default();
        for page in &old {
            assembler.add(b"mac", at(0), 2, page);
        }
        let half = assembler.add(b"mac", at(3), 2, new.first().unwrap());
        assert_eq!(half.data, None, "page 1 of the old signature must not complete the new one");
        // The other order: page 1 comes first and throws the old page 0 away.
        for page in &old {
            assembler.add(b"mac", at(4), 2, page);
        }
        let half = assembler.add(b"mac", at(5), 2, new.get(1).unwrap());
        assert_eq!((half.data, half.pages_missing), (None, vec![0]));
        let whole = assembler.add(b"mac", at(5), 2, new.first().unwrap());
        assert_eq!(whole.data, Some(signature(99, 40)));
    }

    #[test]
    fn transmitters_do_not_mix_and_are_bounded() {
        let pages = pages(AuthType::UAS_ID, Some(at(0)), &signature(1, 40));
        let mut assembler = Assembler::default();
        assembler.add(b"one", at(0), 2, pages.first().unwrap());
        assert_eq!(assembler.add(b"two", at(0), 2, pages.get(1).unwrap()).data, None);
        for i in 0..10_000_u32 {
            assembler.add(&i.to_be_bytes(), at(1), 2, pages.first().unwrap());
        }
        assert_eq!(assembler.len(), TRANSMITTERS_MAX);
    }

    #[test]
    fn old_pages_are_forgotten() {
        let pages = pages(AuthType::UAS_ID, Some(at(0)), &signature(1, 40));
        let mut assembler = Assembler::default();
        assembler.add(b"mac", at(0), 2, pages.first().unwrap());
        let late = assembler.add(b"mac", at(600), 2, pages.get(1).unwrap());
        assert_eq!((late.data, late.pages_missing), (None, vec![0]));
    }

    #[test]
    fn a_length_that_does_not_fit_the_pages_is_a_problem() {
        let mut pages = pages(AuthType::UAS_ID, Some(at(0)), &signature(1, 40));
        if let Some(AuthPage { content: AuthContent::First { length_bytes, .. }, .. }) = pages.first_mut() {
            *length_bytes = 200;
        }
        let got = Assembler::default().add(b"mac", at(0), 2, pages.first().unwrap());
        assert_eq!(got.problem, Some("fewer pages announced than the length needs"));
    }
}
