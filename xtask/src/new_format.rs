//! `cargo xtask new-format NAME`: the files a new format begins with. What is left to do is what the registry test asks for.

use crate::steps::root;
use anyhow::{Result, bail};
use std::fs;

pub(crate) fn run(name: &str) -> Result<()> {
    let sound = !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && name.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
        && !name.ends_with('-');
    if !sound {
        bail!("`{name}`: a format's name is kebab case, such as `cat-048`");
    }
    let module = name.replace('-', "_");
    let root = root();
    let formats = root.join("core/lapwing-formats/src");
    let source = formats.join(format!("{module}.rs"));
    if source.exists() || formats.join(&module).exists() {
        bail!("{} is there already", source.display());
    }
    fs::write(&source, SOURCE.replace("{name}", name))?;
    fs::write(root.join(format!("fuzz/fuzz_targets/{module}.rs")), TARGET.replace("{name}", name))?;
    for folder in ["", "malformed"] {
        fs::create_dir_all(root.join("testdata/formats").join(name).join(folder))?;
    }
    let lib = formats.join("lib.rs");
    let text = fs::read_to_string(&lib)?;
    fs::write(&lib, register(&text, &module))?;
    println!("begun: {}", source.display());
    println!(
        "next:  write the decoder, put golden cases into testdata/formats/{name}/ and damaged ones into malformed/,"
    );
    println!(
        "       name the target in fuzz/Cargo.toml, then `cargo test -p lapwing-formats --test registry` says what is missing"
    );
    Ok(())
}

/// Adds the module and its registry entry, in order.
fn register(lib: &str, module: &str) -> String {
    let mut lines: Vec<String> = lib.lines().map(str::to_owned).collect();
    let declaration = format!("pub mod {module};");
    let at = lines.iter().position(|l| l.starts_with("pub mod ") && *l > declaration);
    let last = lines.iter().rposition(|l| l.starts_with("pub mod ")).map_or(0, |i| i + 1);
    lines.insert(at.unwrap_or(last), declaration);
    let text = lines.join("\n") + "\n";
    add_entry(&text, &format!("{module}::FORMAT")).unwrap_or(text)
}

/// The text with one more entry in the list `FORMATS`, sorted.
fn add_entry(text: &str, entry: &str) -> Option<String> {
    let declared = text.find("pub const FORMATS")?;
    let open = declared + text.get(declared..)?.find("= &[")? + "= &[".len();
    let close = open + text.get(open..)?.find("];")?;
    let mut entries: Vec<&str> = text.get(open..close)?.split(',').map(str::trim).filter(|e| !e.is_empty()).collect();
    entries.push(entry);
    entries.sort_unstable();
    let list: String = entries.iter().map(|e| format!("    {e},\n")).collect();
    Some(format!("{}\n{list}{}", text.get(..open)?, text.get(close..)?))
}

const SOURCE: &str = r#"//! {name}: what it is, and the standard, edition and items it follows.

use crate::{BadState, ConfigTable, Decoded, Decoder, Format, fault};
use lapwing_model::{Envelope, FaultKind, Time};
use serde::Deserialize;

/// This format's entry in the registry.
pub const FORMAT: Format =
    Format { name: "{name}", summary: "", decoder: Some(open), encoder: None, sample: "" };

/// Settings; an unknown key is refused.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {}

fn open(table: ConfigTable<'_>) -> Result<Box<dyn Decoder>, toml::de::Error> {
    let _config = Config::deserialize(toml::de::ValueDeserializer::from(table))?;
    Ok(Box::new(Reader))
}

struct Reader;

impl Decoder for Reader {
    fn decode(&mut self, _received_at: Time, _envelope: &Envelope, bytes: &[u8], out: &mut Decoded) {
        // Every unit ends as used or rejected, and every byte is counted once.
        let length = bytes.len() as u64;
        if length > 0 {
            out.received();
            out.bytes_rejected(length);
            out.reject(fault(FaultKind::Unsupported, "not-yet-read", "this decoder reads nothing yet", 0, length));
        }
    }

    fn save(&self) -> Vec<u8> {
        Vec::new()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), BadState> {
        if state.is_empty() { Ok(()) } else { Err(BadState) }
    }
}
"#;

const TARGET: &str = r#"#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| lapwing_formats::harness::fuzz("{name}", data));
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_registered_in_order() {
        let lib = "mod decode;\npub mod json;\npub mod sbs;\n\npub const FORMATS: &[Format] = &[json::FORMAT, sbs::FORMAT];\n";
        let text = register(lib, "mode_s");
        assert!(text.contains("pub mod json;\npub mod mode_s;\npub mod sbs;"), "{text}");
        assert!(text.contains("    json::FORMAT,\n    mode_s::FORMAT,\n    sbs::FORMAT,\n];"), "{text}");
    }
}
