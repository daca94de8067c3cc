//! Conservation: received = used + rejected(reason) + shed(reason), exactly.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What became of everything an input received, in units: the smallest messages a format uses or rejects as a whole (a
/// Remote ID message, a Mode S frame, a line, an object).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Ledger {
    /// Units received, counted where they arrive.
    pub received: u64,
    /// Units that gave at least one report which the picture took.
    pub used: u64,
    /// Units rejected, by reason.
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, u64>))]
    pub rejected: BTreeMap<Cow<'static, str>, u64>,
    /// Units shed under load, by reason. A reception shed before it was decoded counts as one.
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, u64>))]
    pub shed: BTreeMap<Cow<'static, str>, u64>,
}

impl Ledger {
    /// The most reasons kept apart; further ones count as `other`, so that hostile input cannot grow the table.
    pub const REASONS_MAX: usize = 64;

    /// Counts one rejected unit.
    pub fn reject(&mut self, reason: Cow<'static, str>, units: u64) {
        add(&mut self.rejected, reason, units);
    }

    /// Counts shed units.
    pub fn shed(&mut self, reason: Cow<'static, str>, units: u64) {
        add(&mut self.shed, reason, units);
    }

    /// All rejected units.
    pub fn rejected_total(&self) -> u64 {
        self.rejected.values().sum()
    }

    /// All shed units.
    pub fn shed_total(&self) -> u64 {
        self.shed.values().sum()
    }

    /// Whether the books balance.
    pub fn balances(&self) -> bool {
        self.received == self.used + self.rejected_total() + self.shed_total()
    }
}

fn add(counts: &mut BTreeMap<Cow<'static, str>, u64>, reason: Cow<'static, str>, units: u64) {
    if units == 0 {
        return;
    }
    if let Some(count) = counts.get_mut(reason.as_ref()) {
        *count += units;
    } else if counts.len() < Ledger::REASONS_MAX {
        counts.insert(reason, units);
    } else {
        *counts.entry(Cow::Borrowed("other")).or_default() += units;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_reasons_cannot_grow_the_table_and_the_books_still_balance() {
        let mut ledger = Ledger { received: 1000, ..Ledger::default() };
        for i in 0..1000 {
            ledger.reject(Cow::Owned(format!("reason-{i}")), 1);
        }
        assert!(ledger.rejected.len() <= Ledger::REASONS_MAX + 1);
        assert!(ledger.balances());
    }
}
