//! The best one-to-one choice, and the k best.
//!
//! Shortest augmenting paths with dual variables (Jonker & Volgenant 1987, *A shortest augmenting path algorithm for dense and
//! sparse linear assignment problems*; the rectangular form of Crouse 2016, *On implementing 2D rectangular assignment
//! algorithms*), ranked by partitioning (Murty 1968, *An algorithm for ranking all the assignments in order of increasing
//! cost*). Every row may also stay alone at cost 0.

use smallvec::SmallVec;

/// A pair that cannot be.
pub(crate) const INFEASIBLE: f64 = f64::INFINITY;

/// Rows and columns up to which all choices are gone through.
const FEW_ROWS: usize = 3;
const FEW_COLUMNS: usize = 6;

/// The column of each row.
type Columns = SmallVec<[Option<u16>; 8]>;
/// A choice and its cost.
pub(crate) type Choice = (f64, Columns);

/// Working memory, kept between calls so that the steady state allocates nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Solver {
    row_of: Vec<usize>,
    dual_row: Vec<f64>,
    dual_column: Vec<f64>,
    shortest: Vec<f64>,
    path: Vec<usize>,
    done: Vec<bool>,
}

const NONE: usize = usize::MAX;

impl Solver {
    /// For each of `rows` the column it gets (each at most once) or `None`, so that the sum of costs is least, and that sum;
    /// `cost` is row after row. The first rows are fixed, and row `fixed.len()` may not have the columns `barred` (`columns` itself
    /// stands for staying alone). `None` when that cannot be.
    fn constrained(
        &mut self,
        rows: usize,
        columns: usize,
        cost: &[f64],
        fixed: &[Option<u16>],
        barred: &[usize],
        choice: &mut Columns,
    ) -> Option<f64> {
        // Column columns + i is row i's own place to stay alone.
        let width = columns + rows;
        self.row_of.clear();
        self.row_of.resize(width, NONE);
        self.dual_row.clear();
        self.dual_row.resize(rows, 0.0);
        self.dual_column.clear();
        self.dual_column.resize(width, 0.0);
        let price = |row: usize, column: usize| -> f64 {
            if let Some(kept) = fixed.get(row) {
                let own = match kept {
                    Some(c) => usize::from(*c) == column,
                    None => column == columns + row,
                };
                return if !own {
                    INFEASIBLE
                } else if column < columns {
                    cost.get(row * columns + column).copied().unwrap_or(INFEASIBLE)
                } else {
                    0.0
                };
            }
            if row == fixed.len() && barred.contains(&column.min(columns)) {
                return INFEASIBLE;
            }
            if column < columns {
                cost.get(row * columns + column).copied().unwrap_or(INFEASIBLE)
            } else if column == columns + row {
                0.0
            } else {
                INFEASIBLE
            }
        };
        for start in 0..rows {
            self.augment(start, width, &price)?;
        }
        choice.clear();
        choice.resize(rows, None);
        let mut sum = 0.0;
        for column in 0..width {
            let row = self.row_of[column];
            if row == NONE {
                continue;
            }
            sum += price(row, column);
            if column < columns {
                choice[row] = Some(column as u16);
            }
        }
        Some(sum)
    }

    /// One shortest augmenting path (Dijkstra over reduced costs) from a free row.
    fn augment(&mut self, start: usize, width: usize, price: &impl Fn(usize, usize) -> f64) -> Option<()> {
        self.shortest.clear();
        self.shortest.resize(width, f64::INFINITY);
        self.path.clear();
        self.path.resize(width, NONE);
        self.done.clear();
        self.done.resize(width, false);
        let (mut row, mut least, mut sink) = (start, 0.0, NONE);
        while sink == NONE {
            let (mut next, mut next_cost) = (NONE, f64::INFINITY);
            for column in 0..width {
                if self.done[column] {
                    continue;
                }
                let own = price(row, column);
                if own < f64::INFINITY {
                    let through = least + own - self.dual_row[row] - self.dual_column[column];
                    if through < self.shortest[column] {
                        self.shortest[column] = through;
                        self.path[column] = row;
                    }
                }
                if self.shortest[column] < next_cost {
                    (next, next_cost) = (column, self.shortest[column]);
                }
            }
            if next == NONE {
                return None;
            }
            least = next_cost;
            self.done[next] = true;
            match self.row_of[next] {
                NONE => sink = next,
                taken => row = taken,
            }
        }
        for column in 0..width {
            if !self.done[column] {
                continue;
            }
            let gain = least - self.shortest[column];
            self.dual_column[column] -= gain;
            if let Some(dual) = self.dual_row.get_mut(self.row_of[column]).filter(|_| column != sink) {
                *dual += gain;
            }
        }
        self.dual_row[start] += least;
        // Flip the path.
        let mut column = sink;
        loop {
            let row = self.path[column];
            self.row_of[column] = row;
            if row == start {
                return Some(());
            }
            // The column that row had before: the one it was reached through.
            let mut before = NONE;
            for c in 0..width {
                if c != column && self.row_of[c] == row {
                    before = c;
                    break;
                }
            }
            if before == NONE {
                return None;
            }
            column = before;
        }
    }

    /// The `k` best choices in order of cost, best first. Stops early once a choice is worse than the best by more than
    /// `span`. Of columns beyond the first 65,535 there is no saying: there are never so many.
    pub(crate) fn k_best(
        &mut self,
        rows: usize,
        columns: usize,
        cost: &[f64],
        k: usize,
        span: f64,
        out: &mut Vec<Choice>,
    ) {
        out.clear();
        if rows <= FEW_ROWS && columns <= FEW_COLUMNS {
            enumerated(rows, columns, cost, k, span, out);
        } else {
            self.ranked(rows, columns, cost, k, span, out);
        }
    }

    /// The same by partitioning.
    fn ranked(&mut self, rows: usize, columns: usize, cost: &[f64], k: usize, span: f64, out: &mut Vec<Choice>) {
        struct Node {
            cost: f64,
            choice: Columns,
            fixed: usize,
            barred: SmallVec<[usize; 4]>,
        }
        let mut choice = Columns::new();
        let Some(best) = self.constrained(rows, columns, cost, &[], &[], &mut choice) else { return };
        let mut open = vec![Node { cost: best, choice, fixed: 0, barred: SmallVec::new() }];
        while out.len() < k {
            let Some(at) = (0..open.len()).min_by(|a, b| open[*a].cost.total_cmp(&open[*b].cost)) else { break };
            let node = open.swap_remove(at);
            if node.cost > best + span {
                break;
            }
            // Partition what is left: the first rows as here, the next one otherwise.
            if out.len() + 1 < k {
                for row in node.fixed..rows {
                    let mut barred = if row == node.fixed { node.barred.clone() } else { SmallVec::new() };
                    barred.push(node.choice.get(row).copied().flatten().map_or(columns, usize::from));
                    let fixed = node.choice.get(..row).unwrap_or(&[]);
                    let mut choice = Columns::new();
                    if let Some(cost) = self.constrained(rows, columns, cost, fixed, &barred, &mut choice)
                        && cost <= best + span
                    {
                        open.push(Node { cost, choice, fixed: row, barred });
                    }
                }
            }
            out.push((node.cost, node.choice));
        }
    }
}

/// The same one by one, which is quicker where there are few. Each row's least price bounds what the rows after may still gain.
fn enumerated(rows: usize, columns: usize, cost: &[f64], k: usize, span: f64, out: &mut Vec<Choice>) {
    let mut search = Search { columns, cost, k, span, least_after: [0.0; FEW_ROWS + 1], best: f64::INFINITY, out };
    for row in (0..rows).rev() {
        let prices = cost.get(row * columns..(row + 1) * columns).unwrap_or(&[]);
        search.least_after[row] = search.least_after[row + 1] + prices.iter().copied().fold(0.0, f64::min);
    }
    search.go(&mut [None; FEW_ROWS], 0, rows, 0.0);
}

struct Search<'a> {
    columns: usize,
    cost: &'a [f64],
    k: usize,
    span: f64,
    /// What the rows from each on cost at least.
    least_after: [f64; FEW_ROWS + 1],
    best: f64,
    /// In order.
    out: &'a mut Vec<Choice>,
}

impl Search<'_> {
    fn go(&mut self, choice: &mut [Option<u16>; FEW_ROWS], row: usize, rows: usize, sum: f64) {
        let full = self.out.len() >= self.k;
        let worst = if full { self.out.last().map_or(f64::NEG_INFINITY, |(c, _)| *c) } else { f64::INFINITY };
        let least = sum + self.least_after[row];
        if least > self.best + self.span || (full && least >= worst) {
            return;
        }
        if row == rows {
            let at = self.out.partition_point(|(c, _)| *c <= sum);
            self.out.insert(at, (sum, Columns::from_slice(choice.get(..rows).unwrap_or(&[]))));
            self.out.truncate(self.k);
            self.best = self.best.min(sum);
            let most = self.best + self.span;
            self.out.retain(|(c, _)| *c <= most);
            return;
        }
        choice[row] = None;
        self.go(choice, row + 1, rows, sum);
        for column in 0..self.columns {
            let price = self.cost.get(row * self.columns + column).copied().unwrap_or(INFEASIBLE);
            let own = Some(column as u16);
            let taken = choice.get(..row).is_some_and(|c| c.contains(&own));
            if price < INFEASIBLE && !taken {
                choice[row] = own;
                self.go(choice, row + 1, rows, sum + price);
            }
        }
        choice[row] = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every choice, by recursion.
    fn all(rows: usize, columns: usize, cost: &[f64]) -> Vec<f64> {
        fn go(
            row: usize,
            rows: usize,
            columns: usize,
            cost: &[f64],
            used: &mut Vec<bool>,
            sum: f64,
            out: &mut Vec<f64>,
        ) {
            if row == rows {
                out.push(sum);
                return;
            }
            go(row + 1, rows, columns, cost, used, sum, out);
            for c in 0..columns {
                let price = cost[row * columns + c];
                if !used[c] && price < INFEASIBLE {
                    used[c] = true;
                    go(row + 1, rows, columns, cost, used, sum + price, out);
                    used[c] = false;
                }
            }
        }
        let mut out = Vec::new();
        go(0, rows, columns, cost, &mut vec![false; columns], 0.0, &mut out);
        out.sort_by(f64::total_cmp);
        out
    }

    fn check(rows: usize, columns: usize, cost: &[f64], choice: &[Option<u16>], sum: f64) {
        let mut used = vec![false; columns];
        let mut own = 0.0;
        for (row, c) in choice.iter().enumerate() {
            if let Some(c) = c.map(usize::from) {
                assert!(!std::mem::replace(&mut used[c], true), "each column once");
                own += cost[row * columns + c];
            }
        }
        assert!((own - sum).abs() < 1e-9);
        assert_eq!(choice.len(), rows);
    }

    fn costs(rows: usize, columns: usize, seed: u64) -> Vec<f64> {
        let mut x = seed;
        let next = |_| {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let u = (x >> 33) as f64 / f64::from(u32::MAX >> 1);
            if u < 0.25 { INFEASIBLE } else { 20.0 * (u - 0.7) }
        };
        (0..rows * columns).map(next).collect()
    }

    proptest! {
        #[test]
        fn the_k_best_are_the_k_best(rows in 1usize..5, columns in 0usize..5, seed in any::<u64>()) {
            let cost = costs(rows, columns, seed);
            let truth = all(rows, columns, &cost);
            let (mut ranked, mut few) = (Vec::new(), Vec::new());
            Solver::default().ranked(rows, columns, &cost, 12, f64::INFINITY, &mut ranked);
            if rows <= FEW_ROWS {
                enumerated(rows, columns, &cost, 12, f64::INFINITY, &mut few);
            }
            for got in std::iter::once(ranked).chain((rows <= FEW_ROWS).then_some(few)) {
                prop_assert_eq!(got.len(), truth.len().min(12));
                for ((sum, choice), want) in got.iter().zip(&truth) {
                    prop_assert!((sum - want).abs() < 1e-9, "{} against {}", sum, want);
                    check(rows, columns, &cost, choice, *sum);
                }
                let mut choices: Vec<_> = got.iter().map(|(_, c)| c.clone()).collect();
                choices.sort();
                choices.dedup();
                prop_assert_eq!(choices.len(), got.len(), "no choice twice");
            }
        }

        /// What is worse than the best by more than the span is left out, and nothing else.
        #[test]
        fn the_span_is_kept(rows in 1usize..4, columns in 0usize..5, seed in any::<u64>(), span in 0.0f64..8.0) {
            let cost = costs(rows, columns, seed);
            let truth = all(rows, columns, &cost);
            let want = truth.iter().filter(|c| **c <= truth[0] + span).count().min(6);
            let (mut ranked, mut few) = (Vec::new(), Vec::new());
            enumerated(rows, columns, &cost, 6, span, &mut few);
            Solver::default().ranked(rows, columns, &cost, 6, span, &mut ranked);
            prop_assert_eq!((few.len(), ranked.len()), (want, want));
        }
    }
}
