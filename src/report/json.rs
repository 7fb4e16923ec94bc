//! The report for machines. `schema/report.schema.json` describes it and is written from the types by the test below.

use std::fmt::Write as _;

use super::Report;
use crate::text::is_unprintable;

/// The report as JSON, indented, with a newline at the end. What could steer a terminal is escaped, so that it is safe
/// to look at as well.
///
/// # Errors
/// None that a report can cause: its types have no keys but strings and nothing that refuses to be written.
pub fn render(report: &Report) -> Result<String, serde_json::Error> {
    let raw = serde_json::to_string_pretty(report)?;
    let mut out = String::with_capacity(raw.len() + 1);
    for character in raw.chars() {
        // JSON has escaped the controls of ASCII already, and the only ones left are its own line breaks.
        if character > '~' && is_unprintable(character) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(character);
        }
    }
    out.push('\n');
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::report::samples;

    /// The schema of [`Report`], from its types and their doc comments.
    fn schema() -> serde_json::Value {
        let generator = schemars::generate::SchemaSettings::draft2020_12().for_serialize().into_generator();
        let mut schema = generator.into_root_schema_for::<Report>();
        schema.insert("title".into(), "crosscheck report".into());
        serde_json::to_value(schema).unwrap()
    }

    /// Files that are written from the code are held equal to it by tests such as this one. To refresh all of them:
    /// `UPDATE_GENERATED=1 cargo test`.
    #[test]
    fn the_schema_is_that_of_the_types() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/report.schema.json");
        let wanted = format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap());
        if std::env::var_os("UPDATE_GENERATED").is_some() {
            std::fs::write(&path, &wanted).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(found == wanted, "schema/report.schema.json is not that of the types: UPDATE_GENERATED=1 cargo test");
    }

    #[test]
    fn every_sample_follows_the_schema() {
        let validator = jsonschema::validator_for(&schema()).unwrap();
        for (name, report) in samples::all() {
            let value = serde_json::from_str(&render(&report).unwrap()).unwrap();
            let errors: Vec<_> =
                validator.iter_errors(&value).map(|error| format!("{error} at {}", error.instance_path())).collect();
            assert_eq!(errors, [""; 0], "{name}");
        }
    }

    #[test]
    fn the_schema_refuses_what_is_not_a_report() {
        let validator = jsonschema::validator_for(&schema()).unwrap();
        let good: serde_json::Value = serde_json::from_str(&render(&samples::named("broken")).unwrap()).unwrap();
        let mut later = good.clone();
        later["checks"][0]["observation"]["added-later"] = 1.into();
        assert!(validator.is_valid(&later), "additions are allowed");
        for (pointer, value) in [
            ("/schema", serde_json::json!(2)),
            ("/checks/0/verdict", serde_json::json!("maybe")),
            ("/checks/0/depth", serde_json::json!("deep")),
            ("/checks/0/expect", serde_json::json!("")),
            ("/checks/0/origins/0/kind", serde_json::json!("hearsay")),
            ("/checks/0/observation/phases/0/micros", serde_json::json!(-1)),
            ("/checks/0/observation/addresses/0", serde_json::json!(7)),
            ("/checks/2/observation/redirects/0/observation", serde_json::json!({})),
            ("/checks/2/observation/peer/protocol", serde_json::json!("smtp")),
            ("/findings/0", serde_json::json!({"rule": "x"})),
        ] {
            let mut bad = good.clone();
            *bad.pointer_mut(pointer).unwrap() = value;
            assert!(!validator.is_valid(&bad), "{pointer}");
        }
    }

    #[test]
    fn what_is_escaped_reads_back_as_it_was() {
        let report = Report { project: "a\u{202e}b\u{9b}\u{e0041}\u{7f}é😀\n".into(), ..Report::default() };
        let out = render(&report).unwrap();
        assert!(out.contains(r"a\u202eb\u009b\udb40\udc41\u007fé😀\n"), "{out}");
        let back: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(back["project"], report.project.as_str());
    }
}
