//! One-to-one assignment of least cost, by shortest augmenting paths with potentials (Jonker & Volgenant 1987, *A
//! shortest augmenting path algorithm for dense and sparse linear assignment problems*; rectangular after Crouse 2016,
//! *On implementing 2D rectangular assignment algorithms*). Leaving a row unassigned has a cost too, so there is always an
//! answer, and a pair that cannot be is never in it.

/// A pair that cannot be.
pub(crate) const INFEASIBLE: f64 = f64::INFINITY;

/// For each row the column it gets, or `None`: the sum of the costs of the pairs plus `unassigned` for each row without
/// one is least. `cost` holds rows one after the other; entries may be negative, and [`INFEASIBLE`] (or NaN) forbids.
pub(crate) fn assign(rows: usize, columns: usize, cost: &[f64], unassigned: f64) -> Vec<Option<usize>> {
    debug_assert_eq!(cost.len(), rows * columns);
    let mut column_of: Vec<Option<usize>> = vec![None; rows];
    let mut row_of: Vec<Option<usize>> = vec![None; columns];
    let (mut row_potential, mut column_potential) = (vec![0.0; rows], vec![0.0; columns]);
    let (mut distance, mut before, mut done) = (vec![0.0; columns], vec![0; columns], vec![false; columns]);
    for start in 0..rows {
        distance.fill(INFEASIBLE);
        done.fill(false);
        let (mut row, mut so_far) = (start, 0.0);
        // The cheapest way to end by leaving a row (this one or one met on the way) without a column.
        let (mut exit, mut exit_row) = (INFEASIBLE, start);
        let (end_column, total) = loop {
            let leave = so_far + unassigned - row_potential[row];
            if leave < exit {
                (exit, exit_row) = (leave, row);
            }
            let mut nearest: Option<usize> = None;
            for column in (0..columns).filter(|c| !done[*c]) {
                let pair = cost[row * columns + column];
                if pair.is_finite() {
                    let via = so_far + pair - row_potential[row] - column_potential[column];
                    if via < distance[column] {
                        distance[column] = via;
                        before[column] = row;
                    }
                }
                if distance[column].is_finite() && nearest.is_none_or(|n| distance[column] < distance[n]) {
                    nearest = Some(column);
                }
            }
            let Some(column) = nearest.filter(|c| distance[*c] < exit) else { break (None, exit) };
            so_far = distance[column];
            done[column] = true;
            match row_of[column] {
                None => break (Some(column), so_far),
                Some(next) => row = next,
            }
        };
        row_potential[start] += total;
        for column in (0..columns).filter(|c| done[*c]) {
            let slack = total - distance[column];
            column_potential[column] -= slack;
            if let Some(row) = row_of[column] {
                row_potential[row] += slack;
            }
        }
        // Turn the path over: every row on it takes the column it was reached through.
        let mut free = match end_column {
            Some(column) => Some(column),
            None => column_of[exit_row].take(),
        };
        while let Some(column) = free {
            let row = before[column];
            row_of[column] = Some(row);
            free = column_of[row].replace(column);
        }
    }
    column_of
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn total(columns: usize, cost: &[f64], unassigned: f64, answer: &[Option<usize>]) -> f64 {
        answer.iter().enumerate().map(|(r, c)| c.map_or(unassigned, |c| cost[r * columns + c])).sum()
    }

    /// Every one-to-one assignment, tried.
    fn least(rows: usize, columns: usize, cost: &[f64], unassigned: f64, row: usize, used: u32) -> f64 {
        if row == rows {
            return 0.0;
        }
        let mut best = unassigned + least(rows, columns, cost, unassigned, row + 1, used);
        for c in (0..columns).filter(|c| used & (1 << c) == 0 && cost[row * columns + c].is_finite()) {
            best = best.min(cost[row * columns + c] + least(rows, columns, cost, unassigned, row + 1, used | (1 << c)));
        }
        best
    }

    fn problem() -> impl Strategy<Value = (usize, usize, Vec<f64>, f64)> {
        (0usize..6, 0usize..6).prop_flat_map(|(rows, columns)| {
            // Whole numbers make ties, which is where such code breaks.
            let entry = prop_oneof![
                3 => (-20i32..20).prop_map(f64::from),
                2 => -20.0..20.0f64,
                2 => Just(INFEASIBLE),
                1 => Just(f64::NAN),
            ];
            (Just(rows), Just(columns), prop::collection::vec(entry, rows * columns), -10.0..15.0f64)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        #[test]
        fn is_as_good_as_trying_everything((rows, columns, cost, unassigned) in problem()) {
            let answer = assign(rows, columns, &cost, unassigned);
            prop_assert_eq!(answer.len(), rows);
            let mut taken: Vec<usize> = answer.iter().flatten().copied().collect();
            let n = taken.len();
            taken.sort();
            taken.dedup();
            prop_assert_eq!(n, taken.len(), "one to one");
            for (r, c) in answer.iter().enumerate() {
                if let Some(c) = c {
                    prop_assert!(cost[r * columns + c].is_finite(), "an infeasible pair");
                }
            }
            let got = total(columns, &cost, unassigned, &answer);
            let best = least(rows, columns, &cost, unassigned, 0, 0);
            prop_assert!((got - best).abs() < 1e-9, "{got} against {best}");
        }
    }

    #[test]
    fn nothing_feasible_leaves_all_alone() {
        assert_eq!(assign(2, 2, &[INFEASIBLE; 4], 0.0), vec![None, None]);
        assert_eq!(assign(3, 0, &[], 0.0), vec![None, None, None]);
    }

    #[test]
    fn two_rows_for_one_column_give_it_to_the_better() {
        assert_eq!(assign(2, 1, &[-3.0, -5.0], 0.0), vec![None, Some(0)]);
    }
}
