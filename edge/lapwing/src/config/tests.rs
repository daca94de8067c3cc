use super::*;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/config").join(name)
}

fn cases(name: &str) -> Vec<PathBuf> {
    let items = std::fs::read_dir(folder(name)).unwrap().flatten().map(|i| i.path());
    let mut cases: Vec<PathBuf> = items.filter(|p| p.extension().is_some_and(|e| e == "toml")).collect();
    cases.sort();
    cases
}

/// What `lapwing check` prints for each wrong file stands beside it; `UPDATE=1 cargo test -p lapwing` writes it anew.
#[test]
fn wrong_configurations_say_file_line_column_key_and_hint() {
    let cases = cases("wrong");
    assert!(cases.len() >= 12, "a dozen at least, found {}", cases.len());
    for path in cases {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let problems = parse(&name, &text, &folder("wrong")).expect_err(&name);
        // Paths of other files are absolute in the test only.
        let said = problems.render(false).replace(&format!("{}/", folder("wrong").display()), "");
        assert!(said.contains(&format!("--> {name}:")), "{name}: no file, line and column in\n{said}");
        let golden = path.with_extension("txt");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&golden, &said).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(said, expected, "{name}");
    }
}

#[test]
fn right_configurations_are_taken() {
    for path in cases("right") {
        let text = std::fs::read_to_string(&path).unwrap();
        if let Err(problems) = parse(&path.display().to_string(), &text, &folder("right")) {
            panic!("{}", problems.render(false));
        }
    }
}

#[test]
fn every_example_is_right() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut seen = 0;
    for item in std::fs::read_dir(examples).unwrap().flatten() {
        let site = item.path().join("site.toml");
        if site.exists() {
            if let Err(problems) = load(&site) {
                panic!("{}", problems.render(false));
            }
            seen += 1;
        }
    }
    assert!(seen >= 1);
}

#[test]
fn options_are_kept_as_text_that_opens_again() {
    let text = std::fs::read_to_string(folder("right").join("minimal.toml")).unwrap();
    let config = parse("minimal.toml", &text, &folder("right")).map_err(|p| p.render(false)).unwrap();
    let input = &config.inputs[0];
    assert!(input.transport_options.contains("127.0.0.1:5001"), "{}", input.transport_options);
    assert!(crate::line::decoder(input.info.format.as_str(), &input.info.format_options).is_ok());
}
