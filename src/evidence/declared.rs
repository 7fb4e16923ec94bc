//! What the files declare now, where one of them was changed after a container was made: asked of Compose itself.
//!
//! Nothing is asked where no file was changed. The files must be on this machine, and nothing is fetched for them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::time::timeout;

use super::named_files;
use crate::observation::Fact;
use crate::rule::{Declared, DeclaredService};
use crate::stack::{Container, Source, Stack};
use crate::text;

/// How long Compose may take over all that it is asked.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most that is read of an answer, in bytes.
const MOST: u64 = 8 << 20;

/// Compares the files with the containers. `None` where no file was changed since a container was made, or none is here.
pub async fn read(stack: &Stack) -> Option<Fact<Declared>> {
    let Some(source) = &stack.source else {
        // Where no labels name files, nothing of Compose is there to compare.
        let differ = "its containers were made from different files, so that none of them declares the whole stack";
        return (!stack.files.is_empty()).then(|| Fact::NotLooked(differ.into()));
    };
    let (older, changed) = older(stack, source)?;
    let asked = timeout(PATIENCE, ask(stack, source)).await;
    let asked =
        asked.unwrap_or_else(|_| Err(format!("Compose did not read its files within {} s", PATIENCE.as_secs())));
    Some(match asked {
        Ok((services, version)) => Fact::Present(Declared { services, version, older, changed }),
        Err(reason) => Fact::NotLooked(reason),
    })
}

/// The containers, by id, that were made before a file was last changed, and the names of these files.
fn older(stack: &Stack, source: &Source) -> Option<(BTreeSet<String>, Vec<String>)> {
    let modified = |file: &Path| -> Option<SystemTime> {
        let metadata = std::fs::metadata(file).ok().filter(std::fs::Metadata::is_file)?;
        metadata.modified().ok()
    };
    let mut files = Vec::new();
    for file in source.files.iter().chain(&source.env_files).map(PathBuf::from) {
        // A file that is not here cannot be compared, nor can the others without it.
        files.push((modified(&file).filter(|_| file.is_absolute())?, file));
    }
    let default = Path::new(&source.directory).join(".env");
    if source.env_files.is_empty()
        && let Some(at) = modified(&default)
    {
        files.push((at, default));
    }
    // What the files name counts where it is here; a file of variables need not be.
    let named = named_files::of(source).into_iter();
    files.extend(named.filter_map(|file| Some((modified(&file)?, file))));
    let made = |container: &Container| container.created.parse::<Timestamp>().ok().map(SystemTime::from);
    let is_older = |container: &Container, at: SystemTime| made(container).is_some_and(|made| made < at);
    let any_older = |at: SystemTime| stack.containers.iter().any(|container| is_older(container, at));
    let last = files.iter().map(|(at, _)| *at).max()?;
    let older: BTreeSet<_> =
        stack.containers.iter().filter(|container| is_older(container, last)).map(|c| c.id.clone()).collect();
    let name = |file: &PathBuf| text::line(&file.file_name().unwrap_or_default().to_string_lossy(), 80);
    let changed = files.iter().filter(|(at, _)| any_older(*at)).map(|(_, file)| name(file)).collect();
    (!older.is_empty()).then_some((older, changed))
}

type Services = BTreeMap<String, DeclaredService>;

/// The services of the files with their hashes, and the version of Compose that gave them.
async fn ask(stack: &Stack, source: &Source) -> Result<(Services, String), String> {
    let file_arguments: Vec<_> = source.files.iter().flat_map(|file| ["-f", file.as_str()]).collect();
    let mut which = Command::new("docker");
    which.args(["compose", "version", "--short"]);
    let (resolved, plain, version) = tokio::try_join!(
        compose(stack, source, &file_arguments, &["config", "--format", "json"], None),
        compose(stack, source, &file_arguments, &["config", "--hash", "*"], None),
        run(&mut which, None),
    )?;
    // Files of variables (`env_file`) are part of what a container is made from, and of the hash only once they are read.
    let whole = compose(stack, source, &["-f", "-"], &["config", "--hash", "*"], Some(&resolved)).await?;
    let declared: Value = serde_json::from_slice(&resolved).map_err(|_| "Compose gave no JSON".to_owned())?;
    let mut services = Services::new();
    for (name, service) in declared["services"].as_object().into_iter().flatten() {
        let container = stack.of_service(name).next();
        let differs = container.map(|container| differences(service, container)).unwrap_or_default();
        // Compose puts a container's id in the place of another service before it hashes: nothing can be compared then.
        let hashes = container.filter(|_| refers(service)).map(|container| container.config_hash.clone());
        services.insert(name.clone(), DeclaredService { hashes: hashes.into_iter().collect(), differs });
    }
    for line in [&plain, &whole].into_iter().flat_map(|hashes| std::str::from_utf8(hashes)).flat_map(str::lines) {
        if let Some((name, hash)) = line.split_once(' ')
            && let Some(service) = services.get_mut(name)
        {
            service.hashes.insert(hash.trim().to_owned());
        }
    }
    if services.values().any(|service| service.hashes.is_empty()) {
        return Err("Compose gave no hashes of its services".into());
    }
    Ok((services, String::from_utf8_lossy(&version).trim().trim_start_matches('v').to_owned()))
}

/// Whether a service is declared by another: it shares its network, its processes or its volumes.
fn refers(service: &Value) -> bool {
    let shares = |key: &str| service[key].as_str().is_some_and(|value| value.starts_with("service:"));
    ["network_mode", "pid", "ipc"].into_iter().any(shares) || !service["volumes_from"].is_null()
}

/// What differs between a declaration and a container, by name alone: values may be secrets.
fn differences(service: &Value, container: &Container) -> Vec<String> {
    let mut differs = Vec::new();
    if let Some(image) = service["image"].as_str()
        && image != container.image
    {
        differs.push(format!("image {}", text::line(image, 120)));
    }
    for (name, value) in service["environment"].as_object().into_iter().flatten() {
        // The resolved form doubles dollars, so that reading it again gives the same.
        let wanted = value.as_str().map(|value| value.replace("$$", "$"));
        if wanted.as_deref() != container.variable(name) {
            differs.push(format!("environment {}", text::line(name, 80)));
        }
    }
    differs
}

async fn compose(
    stack: &Stack,
    source: &Source,
    files: &[&str],
    arguments: &[&str],
    stdin: Option<&[u8]>,
) -> Result<Vec<u8>, String> {
    let mut command = Command::new("docker");
    command.args(["compose", "-p", &stack.project, "--project-directory", &source.directory, "--profile", "*"]);
    command.args(source.env_files.iter().flat_map(|file| ["--env-file", file])).args(files).args(arguments);
    run(&mut command, stdin).await
}

/// Runs a command, which must succeed, and gives what it wrote. Its errors may repeat what stands in a file: they are not
/// repeated here.
async fn run(command: &mut Command, stdin: Option<&[u8]>) -> Result<Vec<u8>, String> {
    let unable = |error: std::io::Error| format!("docker compose cannot be run: {}", text::io_error(&error));
    // Looking fetches nothing: files that include others from elsewhere are not read.
    command.env("COMPOSE_EXPERIMENTAL_GIT_REMOTE", "false").env("COMPOSE_EXPERIMENTAL_OCI_REMOTE", "false");
    command.env_remove("COMPOSE_FILE").env_remove("COMPOSE_PROFILES").kill_on_drop(true);
    command.stdin(if stdin.is_some() { Stdio::piped() } else { Stdio::null() });
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(unable)?;
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let write = async {
        if let (Some(mut input), Some(bytes)) = (input, stdin) {
            // Whoever does not read to the end says so by its exit code.
            let _ = input.write_all(bytes).await;
        }
    };
    let read = async {
        let mut bytes = Vec::new();
        if let Some(output) = output {
            output.take(MOST).read_to_end(&mut bytes).await.map_err(unable)?;
        }
        Ok::<_, String>(bytes)
    };
    let ((), bytes) = tokio::join!(write, read);
    let status = child.wait().await.map_err(unable)?;
    if status.success() { bytes } else { Err("docker compose cannot read the files as they are now".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::testing::{container, pairs, stack};

    /// The names of the files that are younger than a container of 2026, of files with these years.
    fn changed(files: &[(&str, &str)], named: &[&str]) -> Option<Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        for (name, year) in files {
            let file = std::fs::File::create(folder.path().join(name)).unwrap();
            let at: Timestamp = format!("{year}-06-01T00:00:00Z").parse().unwrap();
            file.set_modified(at.into()).unwrap();
        }
        let source = Source {
            directory: folder.path().to_string_lossy().into_owned(),
            files: named.iter().map(|name| folder.path().join(name).to_string_lossy().into_owned()).collect(),
            env_files: Vec::new(),
        };
        let made = Container { created: "2026-01-01T00:00:00.5Z".into(), ..container("app", "app:1") };
        let (older, changed) = older(&stack([made]), &source)?;
        assert_eq!(older, ["app-id".to_owned()].into());
        Some(changed)
    }

    #[test]
    fn only_files_that_are_here_and_younger_count() {
        let names = |names: &[&str]| Some(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>());
        assert_eq!(changed(&[("a.yaml", "2025"), ("b.yaml", "2026")], &["a.yaml", "b.yaml"]), names(&["b.yaml"]));
        assert_eq!(changed(&[("a.yaml", "2025"), (".env", "2026")], &["a.yaml"]), names(&[".env"]));
        assert_eq!(changed(&[("a.yaml", "2025"), ("b.yaml", "2026")], &["a.yaml"]), None, "not one of the stack's");
        assert_eq!(changed(&[("a.yaml", "2026")], &["a.yaml", "gone.yaml"]), None, "not all of them are here");
        assert_eq!(changed(&[], &[]), None);
    }

    #[test]
    fn files_that_the_files_name_count() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, year: &str, content: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            let at: Timestamp = format!("{year}-06-01T00:00:00Z").parse().unwrap();
            std::fs::File::options().write(true).open(&path).unwrap().set_modified(at.into()).unwrap();
            path.to_string_lossy().into_owned()
        };
        let files = vec![write("compose.yaml", "2025", "services: { app: { env_file: [app.env, gone.env] } }")];
        let directory = folder.path().to_string_lossy().into_owned();
        let source = Source { directory, files, env_files: Vec::new() };
        let made = Container { created: "2026-01-01T00:00:00Z".into(), ..container("app", "app:1") };
        let stack = stack([made]);
        write("app.env", "2025", "A=1");
        assert_eq!(older(&stack, &source), None);
        write("app.env", "2026", "A=2");
        assert_eq!(older(&stack, &source).unwrap().1, ["app.env"]);
    }

    #[tokio::test]
    async fn containers_of_different_files_are_not_compared() {
        let mut stack = stack([container("app", "app:1")]);
        assert_eq!(read(&stack).await, None);
        stack.files = vec!["/a/compose.yaml".into(), "/a/more.yaml".into()];
        assert!(matches!(read(&stack).await, Some(Fact::NotLooked(reason)) if reason.contains("different files")));
    }

    #[test]
    fn differences_are_named_and_values_are_not() {
        let app = Container { environment: pairs(&[("A", "1"), ("B", "2$"), ("C", "3")]), ..container("app", "app:1") };
        let service =
            serde_json::json!({ "image": "app:2", "environment": { "A": "1", "B": "2$$", "C": "SEKRET", "D": null } });
        assert_eq!(differences(&service, &app), ["image app:2", "environment C"]);
        assert!(differences(&serde_json::json!({ "image": "app:1" }), &app).is_empty());
    }

    #[tokio::test]
    async fn whoever_fails_or_is_not_there_is_not_looked_at() {
        assert!(run(&mut Command::new("false"), Some(b"x")).await.is_err());
        assert!(run(&mut Command::new("/no/such/docker"), None).await.unwrap_err().contains("cannot be run"));
        assert_eq!(run(&mut Command::new("cat"), Some(b"all of it")).await.unwrap(), b"all of it");
    }
}
