//! `lapwing check`, and `lapwing run` on what it refuses.

use crate::support::{Folder, json, root, run, text};

const GOOD: &str = "[site]\nname = \"x\"\n[[sensor]]\nid = \"gate\"\nkind = \"radar\"\ninterval_s = 1.0\n\
    [[input]]\nname = \"gate\"\nsensor = \"gate\"\nformat = \"json\"\ntransport = \"udp\"\nudp = { listen = \"127.0.0.1:47001\" }\n";

#[test]
fn a_good_file_is_ok() {
    let folder = Folder::new();
    let site = folder.write("site.toml", GOOD);
    let output = run(&["check", &site]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(
        text(&output.stdout),
        format!("{site}: ok (1 sensors, 1 inputs, 0 outputs, 0 zones, 1 rules, 0 authorised flights)\n")
    );
    let output = run(&["check", "--json", &site]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(json(&output.stdout)["ok"], true);
}

#[test]
fn every_example_is_ok() {
    let mut seen = 0;
    for folder in std::fs::read_dir(root().join("examples")).unwrap().flatten() {
        let site = folder.path().join("site.toml");
        if site.exists() {
            let output = run(&["check", &site.display().to_string()]);
            assert!(output.status.success(), "{}", text(&output.stderr));
            seen += 1;
        }
    }
    assert!(seen >= 3, "{seen} examples");
}

#[test]
fn a_wrong_file_is_told_with_file_line_column_key_and_hint_and_run_says_the_same() {
    let folder = Folder::new();
    let wrong = GOOD.replace("sensor = \"gate\"", "sensor = \"gaet\"").replace("interval_s", "intervals_s");
    let site = folder.write("site.toml", &wrong);
    let checked = run(&["check", &site]);
    assert_eq!(checked.status.code(), Some(1));
    let said = text(&checked.stderr);
    for word in [&format!("{site}:6:1"), "intervals_s", "did you mean `interval_s`?"] {
        assert!(said.contains(word), "{word} in\n{said}");
    }
    let output = run(&["check", "--json", &site]);
    assert_eq!(output.status.code(), Some(1));
    let told = json(&output.stdout);
    assert_eq!(told["ok"], false);
    let problem = &told["problems"][0];
    assert_eq!((&problem["file"], &problem["line"], &problem["column"]), (&site.as_str().into(), &6.into(), &1.into()));
    assert!(problem["hint"].as_str().unwrap().contains("interval_s"), "{told}");

    let ran = run(&["run", &site]);
    assert_eq!(ran.status.code(), Some(1));
    let run_said = text(&ran.stderr);
    // The last line of check counts the problems; of run, it says that it ends.
    let problems = said.rsplit_once(&site).unwrap().0;
    assert!(problems.len() > 40 && run_said.starts_with(problems), "run says\n{run_said}\ncheck says\n{said}");
    assert!(run_said.contains("error: ") && run_said.contains("cannot be used"), "{run_said}");
}

#[test]
fn a_missing_file_and_no_toml_are_told() {
    let folder = Folder::new();
    let torn = folder.write("torn.toml", "[site\nname = ");
    for (site, word) in [("/nowhere/site.toml", "cannot read"), (torn.as_str(), "torn.toml:1:")] {
        for command in ["check", "run"] {
            let output = run(&[command, site]);
            assert_eq!(output.status.code(), Some(1), "{command} {site}");
            let said = text(&output.stderr);
            assert!(said.contains(word) && said.contains(site), "{command}: {said}");
        }
    }
}
