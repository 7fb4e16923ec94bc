//! Every input that is kept in `fuzz/corpus/`, through the target that it was kept for: what a fuzzer found once stays
//! mended, on any toolchain.

#[path = "../fuzz/src/targets.rs"]
mod targets;

use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn what_was_found_once_stays_mended() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let (mut files, mut bytes) = (0, 0);
    for (name, run) in targets::ALL {
        let inputs: Vec<_> = std::fs::read_dir(corpus.join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(inputs.len() >= 3, "{name} has no seeds to speak of");
        for input in inputs {
            // Tells which one it was, should it fail.
            println!("{}", input.display());
            let content = std::fs::read(&input).unwrap();
            (files, bytes) = (files + 1, bytes + content.len());
            run(&content);
            // Cut anywhere, it must hold too.
            for end in (0..content.len()).step_by(content.len() / 16 + 1) {
                run(&content[..end]);
            }
        }
    }
    assert!(
        files < 300 && bytes < 1 << 20,
        "{files} files with {bytes} bytes: minimise them with scripts/fuzz --minimise"
    );
}

#[test]
fn every_target_has_its_executable_and_its_corpus() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let names = |folder: &str| -> BTreeSet<String> {
        let entries = std::fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        entries.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect()
    };
    let known: BTreeSet<String> = targets::ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(known, names("fuzz_targets"));
    assert_eq!(known, names("corpus"));
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    assert!(known.iter().all(|name| manifest.contains(&format!("name = \"{name}\""))));
}
