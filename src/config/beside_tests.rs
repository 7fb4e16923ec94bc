//! The file beside the compose file, and the key in it, as they may be by mistake.

use super::tests::project;
use super::*;

#[test]
fn a_file_that_is_there_is_read_or_is_a_mistake() {
    use std::os::unix::fs::symlink;
    type Make = fn(&Path);
    let cases: [(Make, &str); 6] = [
        (|at| std::fs::create_dir(at.join("crosscheck.yaml")).unwrap(), "crosscheck.yaml: it is a folder"),
        (
            |at| symlink("nowhere", at.join("crosscheck.yml")).unwrap(),
            "crosscheck.yml: it is a link that leads nowhere",
        ),
        (
            |at| symlink("crosscheck.yml", at.join("crosscheck.yml")).unwrap(),
            "crosscheck.yml: it is a link that leads nowhere",
        ),
        (|at| symlink("/dev/null", at.join("crosscheck.yaml")).unwrap(), "crosscheck.yaml: it is no file"),
        (
            |at| std::fs::write(at.join("crosscheck.yaml"), b"timeout: \xff").unwrap(),
            "crosscheck.yaml: it is no text in UTF-8",
        ),
        (
            |at| {
                std::fs::write(at.join("crosscheck.yaml"), "").unwrap();
                std::fs::write(at.join("crosscheck.yml"), "").unwrap();
            },
            "crosscheck.yml: crosscheck.yaml lies beside it and is the one that is read: this one must go",
        ),
    ];
    for (make, wanted) in cases {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path());
        let around = Surroundings { directory: folder.path().to_owned(), ..Surroundings::default() };
        let error = read(None, folder.path(), None, &around).map(drop).unwrap_err().to_string();
        assert!(error.starts_with(wanted), "{error}\n  {wanted}");
    }
    // A link to a file is as good as the file; a folder that is named has a name.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("own"), "timeout: 3s").unwrap();
    symlink("own", folder.path().join("crosscheck.yml")).unwrap();
    let around = Surroundings { directory: folder.path().to_owned(), ..Surroundings::default() };
    assert_eq!(read(None, folder.path(), None, &around).unwrap().timeout, Some(Duration::from_secs(3)));
    let error = read(Some(Path::new(".")), folder.path(), None, &around).map(drop).unwrap_err().to_string();
    assert_eq!(error, ".: it is a folder");
}

#[test]
fn a_key_that_is_nearly_ours_is_pointed_out() {
    let around = Surroundings { directory: "/shop".into(), ..Surroundings::default() };
    for (key, noted) in [
        ("x-croscheck", true),
        ("x-cross-check", true),
        ("x-Crosscheck", true),
        ("x-crosscheck", false),
        ("x-healthcheck", false),
        ("x-common", false),
    ] {
        let text = format!("services:\n  app: {{image: a}}\n{key}:\n  timeout: 4s\n");
        let config = read(None, Path::new("/nowhere"), Some(&project(&text)), &around).unwrap();
        let note = format!("compose.yaml:3:1: `{key}` is not read: did you mean `x-crosscheck`?");
        assert_eq!(config.notes, if noted { vec![note] } else { Vec::new() });
        assert_eq!(config.timeout.is_some(), key == "x-crosscheck");
    }
}
