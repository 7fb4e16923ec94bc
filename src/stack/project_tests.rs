use std::fs;

use super::*;

/// A home for compose files: writes them and runs the choice there.
struct Trial {
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
    known: BTreeMap<String, Known>,
}

impl Trial {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        Self { folder, variables: Vec::new(), known: BTreeMap::new() }
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A project that runs, started from these files of the folder.
    fn running(mut self, name: &str, files: &[&str]) -> Self {
        let files = files.iter().map(|file| self.folder.path().join(file).display().to_string()).collect();
        self.known.insert(name.to_owned(), Known { containers: 2, alive: 1, files });
        self
    }

    fn surroundings(&self, below: &str) -> Surroundings {
        Surroundings {
            variables: self.variables.iter().cloned().collect(),
            home: None,
            directory: self.folder.path().join(below),
        }
    }

    fn name(&self, below: &str, selection: &Selection) -> Result<String, String> {
        let declaration = declaration::find(selection, &self.surroundings(below)).map_err(|error| self.text(&error))?;
        let name = declaration.name(selection).map_err(|error| self.text(&error))?;
        Ok(name.map(|(name, _)| name).unwrap_or_default())
    }

    fn choose(&self, selection: &Selection) -> Result<Chosen, String> {
        let declaration = declaration_for(selection, &self.surroundings("")).map_err(|error| self.text(&error))?;
        decide(selection, &declaration, &self.known, "unix:///d.sock").map_err(|error| self.text(&error))
    }

    /// The text of an error with the folder's own name made the same each time.
    fn text(&self, error: &StackError) -> String {
        error.to_string().replace(&*self.folder.path().to_string_lossy(), "/T")
    }
}

fn files(files: &[&str]) -> Selection {
    Selection { files: files.iter().map(PathBuf::from).collect(), ..Selection::default() }
}

fn project(name: &str) -> Selection {
    Selection { project: Some(name.to_owned()), ..Selection::default() }
}

const PLAIN: &str = "services:\n  a:\n    image: redis:7\n";

#[test]
fn names_as_compose_gives_them() {
    // What `docker compose config` 2.26 says of the same files.
    for (file, variables, wanted) in [
        (PLAIN, &[][..], "myapp"),
        ("name: Ab-${X:-D.ef}_\n", &[], "ab-def_"),
        ("name: Ab-${X:-D.ef}_\n", &[("X", "q")], "ab-q_"),
        ("name: ${X}\n", &[], "myapp"),
        ("name: one\n---\nname: two\n", &[], "two"),
        ("name: \"$$x$Y\"\n", &[("Y", "1")], "x1"),
        ("name: ''\n", &[], "myapp"),
        ("# nothing\n", &[], "myapp"),
        ("x-a: &a {k: v}\nname: n\nservices:\n  a: {<<: *a, ports: !reset []}\n", &[], "n"),
        ("services: {a: !override {image: x}}\n", &[], "myapp"),
        (PLAIN, &[("COMPOSE_PROJECT_NAME", "env")], "env"),
        (PLAIN, &[("COMPOSE_PROJECT_NAME", "")], "myapp"),
    ] {
        let mut trial = Trial::new(&[("My.App/compose.yaml", file)]);
        for (name, value) in variables {
            trial = trial.with(name, value);
        }
        assert_eq!(trial.name("My.App", &Selection::default()).as_deref(), Ok(wanted), "{file} {variables:?}");
    }
}

#[test]
fn files_are_found_as_compose_finds_them() {
    let trial = Trial::new(&[
        ("app/docker-compose.yml", PLAIN),
        ("app/compose.override.yml", "name: overridden\n"),
        ("app/deep/er/x", ""),
        ("app/.env", "COMPOSE_PROJECT_NAME=dotenv\n"),
        ("other/a.yaml", "name: a\n"),
        ("other/b.yaml", "name: b\n"),
        ("listed/.env", "COMPOSE_FILE=../other/b.yaml;../other/a.yaml\nCOMPOSE_PATH_SEPARATOR=;\n"),
        ("e1", "COMPOSE_PROJECT_NAME=e1"),
        ("e2", "COMPOSE_PROJECT_NAME=e2"),
    ]);
    let none = Selection::default();
    assert_eq!(trial.name("app", &none).as_deref(), Ok("dotenv"));
    assert_eq!(trial.name("app/deep/er", &none).as_deref(), Ok("dotenv"));
    assert_eq!(trial.name("listed", &none).as_deref(), Ok("a"));
    assert_eq!(trial.name("other", &none).as_deref(), Ok(""));
    assert_eq!(trial.name("other", &files(&["a.yaml", "b.yaml"])).as_deref(), Ok("b"));
    assert_eq!(trial.name("other", &files(&["b.yaml", "../app/docker-compose.yml"])).as_deref(), Ok("b"));
    assert_eq!(trial.name("", &files(&["app/docker-compose.yml"])).as_deref(), Ok("dotenv"));

    let elsewhere = Selection { directory: Some("other".into()), ..files(&["app/docker-compose.yml"]) };
    assert_eq!(trial.name("", &elsewhere).as_deref(), Ok("other"));
    let there = Selection { directory: Some("app/deep".into()), ..Selection::default() };
    assert_eq!(trial.name("", &there).as_deref(), Ok("overridden"), "the folder is not the one with the .env file");
    let env_files = Selection { env_files: vec!["../e1".into(), "../e2".into()], ..Selection::default() };
    assert_eq!(trial.name("app", &env_files).as_deref(), Ok("e2"));

    let trial = trial.with("COMPOSE_DISABLE_ENV_FILE", "true");
    assert_eq!(trial.name("app", &none).as_deref(), Ok("overridden"));
    let trial = trial.with("COMPOSE_FILE", "../other/a.yaml:../other/b.yaml");
    assert_eq!(trial.name("app", &none).as_deref(), Ok("b"));
    assert_eq!(trial.name("app", &files(&["docker-compose.yml"])).as_deref(), Ok("app"));
}

#[test]
fn files_that_cannot_be_read_are_said() {
    let trial = Trial::new(&[
        ("bad.yaml", "name: x\nservices:\n  a: [\n"),
        ("wrong.yaml", "name: [a]\n"),
        ("unset.yaml", "name: ${X:?set X}\n"),
        ("broken.env", "A=1\nB='\n"),
        ("folder/x", ""),
    ]);
    let error = |selection: &Selection| trial.name("", selection).unwrap_err();
    let check =
        "; check the path, its permissions, and -f, --env-file, COMPOSE_FILE or COMPOSE_ENV_FILES where it was given";
    assert_eq!(error(&files(&["no.yaml"])), format!("cannot read /T/no.yaml: no such file or directory{check}"));
    assert_eq!(error(&files(&["folder"])), format!("cannot read /T/folder: is a folder{check}"));
    assert!(error(&files(&["-"])).starts_with("a compose file from standard input (-f -) is not supported; write it"));
    let yaml = error(&files(&["bad.yaml"]));
    assert!(
        yaml.starts_with("/T/bad.yaml:") && yaml.ends_with("; mend the file, or choose the project with -p"),
        "{yaml}"
    );
    let place: Vec<_> = yaml.split(':').skip(1).take(2).map(|part| part.parse::<u32>().unwrap()).collect();
    assert!(place[0] >= 3, "{yaml}");
    let wrong = error(&files(&["wrong.yaml"]));
    assert!(wrong.starts_with("/T/wrong.yaml:1:7: "), "{wrong}");
    assert_eq!(
        error(&files(&["unset.yaml"])),
        "/T/unset.yaml: `name:` cannot be read: `X` must be set: set X; set the variable, or choose the project with -p"
    );
    let env = Selection { env_files: vec!["broken.env".into()], ..Selection::default() };
    assert_eq!(
        error(&env),
        "/T/broken.env:2: a quoted value has no end; mend the file, or name another with --env-file"
    );
    let env = Selection { env_files: vec!["no.env".into()], ..Selection::default() };
    assert!(error(&env).starts_with("cannot read /T/no.env: no such file"));
}

#[test]
fn a_folder_without_a_single_letter_names_nothing() {
    let trial = Trial::new(&[("___/compose.yaml", PLAIN)]);
    assert!(
        trial
            .name("___", &Selection::default())
            .unwrap_err()
            .starts_with("the folder /T/___ gives its project no name; set")
    );
}

#[test]
fn names_are_normalised() {
    for (name, wanted) in [("My.App", "myapp"), ("_-a_B-", "a_b-"), ("Ünï", "n"), ("---", ""), ("0x", "0x")] {
        assert_eq!(normalized(name), wanted, "{name}");
    }
}

use declaration::normalized;

#[test]
fn a_named_project_is_taken_or_missed_by_name() {
    let trial = Trial::new(&[]).running("shop", &[]).running("blog", &[]);
    assert_eq!(trial.choose(&project("shop")), Ok(Chosen { name: "shop".to_owned(), notes: vec![] }));
    assert_eq!(
        trial.choose(&project("shpo")).unwrap_err(),
        "nothing of project `shpo` (given with -p) runs; did you mean `shop`?; choose one that there is with -p: blog \
         (2 containers), shop (2 containers)"
    );
    assert_eq!(
        trial.choose(&project("Shop")).unwrap_err(),
        "no project can be called `Shop` (given with -p): a name has only lower-case letters, digits, - and _, and \
         starts with a letter or digit; did you mean `shop`?"
    );
    assert!(
        trial
            .with("COMPOSE_PROJECT_NAME", "x")
            .choose(&Selection::default())
            .unwrap_err()
            .starts_with("nothing of project `x` (from COMPOSE_PROJECT_NAME) runs; ")
    );
}

#[test]
fn a_broken_file_does_not_hinder_a_named_project() {
    let trial = Trial::new(&[("compose.yaml", "a: ["), (".env", "B='")]).running("shop", &[]);
    assert_eq!(trial.choose(&project("shop")).unwrap().name, "shop");
    let named = Selection { files: vec!["no.yaml".into()], ..project("shop") };
    assert!(trial.choose(&named).is_err());
}

#[test]
fn the_project_that_was_started_from_the_file_is_taken() {
    let trial =
        Trial::new(&[("compose.yaml", "name: shop\n")]).running("mine", &["compose.yaml"]).running("other", &[]);
    let chosen = trial.choose(&Selection::default()).unwrap();
    assert_eq!(chosen.name, "mine");
    assert_eq!(chosen.notes.len(), 1);
    assert!(chosen.notes[0].starts_with("took project mine, which was started from "), "{:?}", chosen.notes);

    let trial = trial.running("shop", &["compose.yaml"]);
    assert_eq!(trial.choose(&Selection::default()), Ok(Chosen { name: "shop".to_owned(), notes: vec![] }));
    let trial =
        Trial::new(&[("compose.yaml", "name: none\n")]).running("a", &["compose.yaml"]).running("b", &["compose.yaml"]);
    assert_eq!(
        trial.choose(&Selection::default()).unwrap_err(),
        "several projects were started from /T/compose.yaml: a (2 containers), b (2 containers); choose one with -p NAME"
    );
}

#[test]
fn a_project_of_more_of_the_files_comes_first() {
    let trial = Trial::new(&[("compose.yaml", PLAIN), ("dev.yaml", ""), ("prod.yaml", "")])
        .running("dev", &["compose.yaml", "dev.yaml"])
        .running("prod", &["compose.yaml", "prod.yaml"]);
    assert_eq!(trial.choose(&files(&["compose.yaml", "prod.yaml"])).unwrap().name, "prod");
    assert!(trial.choose(&files(&["compose.yaml"])).unwrap_err().starts_with("several projects were started from"));
}

#[test]
fn links_to_files_are_followed_on_both_sides() {
    let trial = Trial::new(&[("real/compose.yaml", PLAIN)]).running("linked", &["link/compose.yaml"]);
    std::os::unix::fs::symlink(trial.folder.path().join("real"), trial.folder.path().join("link")).unwrap();
    assert_eq!(trial.choose(&files(&["real/compose.yaml"])).unwrap().name, "linked");
    let trial = trial.running("linked", &["real/compose.yaml"]);
    assert_eq!(trial.choose(&files(&["link/compose.yaml"])).unwrap().name, "linked");
}

#[test]
fn files_of_which_nothing_runs() {
    let trial = Trial::new(&[("compose.yaml", "name: shop\n")]);
    assert_eq!(
        trial.choose(&Selection::default()).unwrap_err(),
        "nothing of project `shop` (from `name:` in /T/compose.yaml) runs; start it with `docker compose up -d`; no \
         other project runs either"
    );
    let trial = trial.running("shop", &[]);
    assert_eq!(trial.choose(&Selection::default()).unwrap().name, "shop", "started elsewhere, the same by name");
}

#[test]
fn without_files_the_only_project_that_runs() {
    let none = Selection::default();
    let trial = Trial::new(&[]);
    assert_eq!(
        trial.choose(&none).unwrap_err(),
        "no compose project runs on unix:///d.sock; start one with `docker compose up -d`"
    );
    let mut trial = trial.running("shop", &[]);
    let chosen = trial.choose(&none).unwrap();
    assert_eq!(chosen.notes, ["no compose file here: took shop, the only project that runs"]);
    trial.known.insert("old".to_owned(), Known { containers: 1, ..Known::default() });
    assert_eq!(trial.choose(&none).unwrap().name, "shop");
    let mut trial = trial.running("blog", &[]);
    assert_eq!(
        trial.choose(&none).unwrap_err(),
        "several projects run: blog (2 containers), shop (2 containers); choose one with -p NAME, or go to the folder \
         of its compose file"
    );
    trial.known.retain(|name, _| name == "old");
    assert_eq!(
        trial.choose(&none).unwrap_err(),
        "no compose project runs on unix:///d.sock; there are only old (1 container, stopped); start one with \
         `docker compose up -d`"
    );
}
