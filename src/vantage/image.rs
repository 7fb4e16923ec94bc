//! The image that our containers run: this program's executable and what it is loaded with, and nothing else.
//!
//! It is made in memory and imported through the API, so that no registry is asked and no compiler is needed. Where this
//! machine cannot make it, the user names one that the engine has; nothing is ever pulled.

use std::path::{Path, PathBuf};

use bollard::Docker;
use bollard::body_full;
use bollard::errors::Error;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::TryStreamExt;

use super::program::{Program, add, blocking};
use super::{LABEL, engine_says};
use crate::text;

/// The repository of every probe image.
pub const REPOSITORY: &str = "crosscheck-probe";

/// Where the executable is in the image.
pub const EXECUTABLE: &str = "/crosscheck";

/// Where the image comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// It is made of this executable, for an engine of this architecture.
    Made {
        /// The executable.
        executable: PathBuf,
        /// As the engine names it.
        architecture: String,
    },
    /// The user names one that the engine has.
    Named(String),
}

/// An image that the engine has, and the program in it.
#[derive(Clone, Debug)]
pub struct Image {
    /// Its name.
    pub name: String,
    /// What starts crosscheck in it, without arguments.
    pub program: Vec<String>,
}

/// The image, imported where it is ours and the engine does not have it.
///
/// # Errors
/// Why there is no such image.
pub async fn ensure(docker: &Docker, source: &Source) -> Result<Image, String> {
    match source {
        Source::Named(name) => named(docker, name).await,
        Source::Made { executable, architecture } => made(docker, executable, architecture.clone()).await,
    }
}

async fn named(docker: &Docker, name: &str) -> Result<Image, String> {
    let shown = text::line(name, 200);
    match docker.inspect_image(name).await {
        Ok(found) => {
            let entrypoint = found.config.and_then(|config| config.entrypoint).filter(|words| !words.is_empty());
            let program = entrypoint.unwrap_or_else(|| vec![EXECUTABLE.into()]);
            Ok(Image { name: name.to_owned(), program })
        }
        Err(Error::DockerResponseServerError { status_code: 404, .. }) => Err(format!(
            "the engine has no image {shown}, which --probe-image names; build or load it there: crosscheck pulls nothing"
        )),
        Err(error) => Err(engine_says(&format!("cannot look for the image {shown}"), &error)),
    }
}

async fn made(docker: &Docker, executable: &Path, architecture: String) -> Result<Image, String> {
    let path = executable.to_owned();
    let program = blocking(move || Program::read(&path, &architecture))
        .await
        .map_err(|reason| format!("{reason}; or name an image of crosscheck that the engine has with --probe-image"))?;
    let tag = tag(&program.bytes);
    let image = Image { name: format!("{REPOSITORY}:{tag}"), program: vec![EXECUTABLE.into()] };
    match docker.inspect_image(&image.name).await {
        Ok(_) => return Ok(image),
        Err(Error::DockerResponseServerError { status_code: 404, .. }) => {}
        Err(error) => return Err(engine_says("cannot look for the probe image", &error)),
    }
    let archive = blocking(move || archive(&program)).await?;
    let options = CreateImageOptionsBuilder::new()
        .from_src("-")
        // The tag with the name: Podman's API does not read the other parameter.
        .repo(&image.name)
        .changes(vec![format!("LABEL {LABEL}=probe"), "ENV LD_LIBRARY_PATH=/lib".into()])
        .build();
    let imported = docker.create_image(Some(options), Some(body_full(archive.into())), None);
    imported
        .try_for_each(|_| std::future::ready(Ok(())))
        .await
        .map_err(|error| engine_says("cannot import the probe image", &error))?;
    Ok(image)
}

/// Another executable is another image, also between two builds of one version.
fn tag(program: &[u8]) -> String {
    format!("{}-{:08x}", env!("CARGO_PKG_VERSION"), crc32fast::hash(program)).replace('+', "_")
}

/// The image's only layer.
fn archive(program: &Program) -> Result<Vec<u8>, String> {
    let mut archive = tar::Builder::new(Vec::with_capacity(program.bytes.len() + (8 << 20)));
    add(&mut archive, Path::new(EXECUTABLE), Some(&program.bytes), 0o755)?;
    // Names come from these two, in the order in which nearly every image has them.
    add(&mut archive, Path::new("/etc/nsswitch.conf"), Some(b"hosts: files dns\n"), 0o644)?;
    if let Some(loaded) = program.loaded()? {
        add(&mut archive, &loaded.place, Some(&loaded.loader), 0o755)?;
        for (name, library) in &loaded.libraries {
            add(&mut archive, &Path::new("/lib").join(name), Some(library), 0o755)?;
        }
    }
    archive.into_inner().map_err(|error| format!("cannot pack the probe: {}", text::io_error(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_holds_what_the_executable_is_loaded_with() {
        let program = Program::read(&std::env::current_exe().unwrap(), "").unwrap();
        let archive = archive(&program).unwrap();
        let mut archive = tar::Archive::new(archive.as_slice());
        let names: Vec<_> =
            archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().into_owned()).collect();
        assert_eq!(names[..2], [PathBuf::from("crosscheck"), PathBuf::from("etc/nsswitch.conf")]);
        if let Some(loaded) = program.loaded().unwrap() {
            assert!(names.contains(&loaded.place.strip_prefix("/").unwrap().to_owned()), "{names:?}");
            // Every object that is mapped here, under whatever name its file has.
            let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
            let mapped = maps.lines().filter(|line| line.contains("r-xp")).filter_map(|line| line.split_once('/'));
            let mapped = mapped.filter(|(_, path)| path.contains(".so")).count();
            assert!(names.len() - 2 >= mapped, "{names:?}");
        }
    }
}
