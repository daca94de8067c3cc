//! Data sets, generated once and kept below `target/bench/data/`.

use super::cases::Case;
use super::tools::Tools;
use crate::steps::{run, target};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

/// The folders of a case's runs; generates them unless this generator has done so before.
pub(crate) fn make(tools: &Tools, case: &Case, seed: u64) -> Result<Vec<PathBuf>> {
    let folder = target("bench/data").join(case.data_name(seed));
    let mut command = tools.generate();
    command.arg(case.family).args(["--seed", &seed.to_string()]);
    if case.runs > 1 {
        command.args(["--mc", &format!("0:{}", case.runs)]);
    }
    if !case.set.is_empty() {
        command.arg("--set").args(&case.set);
    }
    // Written last: it also says that the set is whole.
    let made = folder.join("made-by");
    let by = format!("{} {:?}\n", fingerprint(&tools.generator())?, command.get_args().skip(1).collect::<Vec<_>>());
    if fs::read_to_string(&made).ok().as_deref() != Some(&by) {
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        run(command.arg("--out").arg(&folder))?;
        fs::write(&made, by)?;
    }
    Ok(match case.runs {
        1 => vec![folder],
        runs => (0..runs).map(|i| folder.join(format!("mc{i:03}"))).collect(),
    })
}

/// Tells a changed generator from the one that made the data. Two versions of Rust may differ here: then it is made again.
fn fingerprint(path: &Path) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    fs::read(path).with_context(|| path.display().to_string())?.hash(&mut hasher);
    Ok(format!("{:016x}", hasher.finish()))
}

/// The first `ticks` ticks of a data set as a set of its own, beside it.
pub(crate) fn cut(folder: &Path, ticks: usize) -> Result<PathBuf> {
    let mut scenario: Value = read(&folder.join("scenario.json"))?;
    let Some(object) = scenario.as_object_mut() else { anyhow::bail!("scenario.json is no object") };
    let number = |key: &str| object.get(key).and_then(Value::as_f64).with_context(|| format!("scenario.json: {key}"));
    let (start, tick) = (number("t_start")?, number("tick_s")?);
    let last = |count: usize| start + (count as f64 - 1.0) * tick;
    let cut = PathBuf::from(format!("{}-cut{ticks}", folder.display()));
    fs::create_dir_all(&cut)?;
    for file in ["sensors.json", "truth.jsonl", "truth_hidden.json"] {
        fs::copy(folder.join(file), cut.join(file)).with_context(|| file.to_owned())?;
    }
    let rows = copy_rows(&folder.join("detections.jsonl"), &cut.join("detections.jsonl"), ticks)?;
    object.insert("t_end".into(), json!(last(rows.ticks)));
    object.insert("n_ticks".into(), json!(rows.ticks));
    object.insert("n_rows".into(), json!(rows.rows));
    object.insert("n_detections".into(), json!(rows.detections));
    object.remove("sha256");
    fs::write(cut.join("scenario.json"), serde_json::to_vec_pretty(&scenario)?)?;
    Ok(cut)
}

/// How much a cut has.
#[derive(Debug, Default, PartialEq, Eq)]
struct Rows {
    rows: usize,
    ticks: usize,
    detections: usize,
}

/// Copies rows up to and with the given tick.
fn copy_rows(from: &Path, to: &Path, ticks: usize) -> Result<Rows> {
    let source = fs::File::open(from).with_context(|| from.display().to_string())?;
    let mut sink = BufWriter::new(fs::File::create(to)?);
    let mut count = Rows::default();
    for line in BufReader::new(source).lines() {
        let line = line?;
        writeln!(sink, "{line}")?;
        count.rows += 1;
        count.detections += usize::from(line.contains("\"v\":"));
        count.ticks += usize::from(line.contains("\"k\":\"tick\""));
        if count.ticks == ticks {
            break;
        }
    }
    sink.flush()?;
    Ok(count)
}

/// A JSON file.
pub(crate) fn read(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    serde_json::from_str(&text).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_ends_with_its_last_tick() {
        let folder = std::env::temp_dir().join(format!("lapwing-cut-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (from, to) = (folder.join("from"), folder.join("to"));
        let scan = r#"{"n":0,"ta":1,"k":"scan","s":"s1","sc":"s1:1","t":1,"m":1}"#;
        let plot = r#"{"n":1,"ta":1,"k":"xy","s":"s1","sc":"s1:1","t":1,"v":[1,2]}"#;
        let tick = r#"{"n":2,"ta":1,"k":"tick","t":1}"#;
        fs::write(&from, format!("{scan}\n{plot}\n{tick}\n{scan}\n{plot}\n{tick}\n{scan}\n")).unwrap();
        assert_eq!(copy_rows(&from, &to, 1).unwrap(), Rows { rows: 3, ticks: 1, detections: 1 });
        assert_eq!(copy_rows(&from, &to, 9).unwrap(), Rows { rows: 7, ticks: 2, detections: 2 });
        assert_eq!(fs::read_to_string(&from).unwrap(), fs::read_to_string(&to).unwrap());
        fs::remove_dir_all(&folder).unwrap();
    }
}
