//! Files in containers that clients' settings name: read through the engine, nothing in the container is changed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::time::Duration;

use bollard::Docker;
use bollard::query_parameters::DownloadFromContainerOptionsBuilder;
use futures_util::{StreamExt, stream};
use tokio::time::timeout;

use crate::text;

/// The largest file that is read, in bytes.
const LARGEST: usize = 1 << 20;
/// The most that is taken of an archive: the file, its headers and padding.
const MOST_BYTES: usize = LARGEST + (64 << 10);
/// How long the engine may take over one.
const PATIENCE: Duration = Duration::from_secs(2);
/// No more files than these are read.
const MOST_FILES: usize = 64;
/// How many are read at once.
const AT_ONCE: usize = 16;
/// How many links are followed to a file.
const MOST_LINKS: usize = 4;

/// A container, by id, and an absolute path in it.
pub type Place = (String, String);

/// Reads these files, all at once; why one could not be read is said in words.
pub async fn read(docker: &Docker, wanted: &BTreeSet<Place>) -> BTreeMap<Place, Result<String, String>> {
    let one = async |(index, place): (usize, &Place)| {
        let content = if index < MOST_FILES {
            let read = timeout(PATIENCE, follow(docker, &place.0, &place.1)).await;
            read.unwrap_or_else(|_| Err("the engine did not give it in time".into()))
        } else {
            Err(format!("only {MOST_FILES} files are read in one run"))
        };
        (place.clone(), content)
    };
    stream::iter(wanted.iter().enumerate().map(one)).buffer_unordered(AT_ONCE).collect().await
}

/// Reads a file, through links within the container: secrets and configs are often mounted as such.
async fn follow(docker: &Docker, container: &str, path: &str) -> Result<String, String> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let archive = download(docker, container, &path).await?;
        match entry(&archive)? {
            Entry::File(text) => return Ok(text),
            Entry::Link(to) => path = resolve(&path, &to).ok_or("it is a link to nowhere")?,
        }
    }
    Err("it is a link to a link, too often".into())
}

async fn download(docker: &Docker, container: &str, path: &str) -> Result<Vec<u8>, String> {
    let options = DownloadFromContainerOptionsBuilder::new().path(path).build();
    let mut chunks = std::pin::pin!(docker.download_from_container(container, Some(options)));
    let mut archive = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| match error {
            bollard::errors::Error::DockerResponseServerError { status_code: 404, .. } => "there is none".to_owned(),
            error => text::line(&error.to_string(), 200),
        })?;
        archive.extend_from_slice(&chunk);
        if archive.len() > MOST_BYTES {
            return Err(too_large());
        }
    }
    Ok(archive)
}

fn too_large() -> String {
    format!("it is larger than {} KiB", LARGEST >> 10)
}

/// What the engine gave for a path.
#[derive(Debug, PartialEq, Eq)]
enum Entry {
    File(String),
    Link(String),
}

/// The first entry of an archive: a regular file of text, or a symbolic link.
fn entry(archive: &[u8]) -> Result<Entry, String> {
    let unreadable = |_| "what the engine gave for it cannot be read".to_owned();
    let mut archive = tar::Archive::new(archive);
    let entry = archive.entries().map_err(unreadable)?.next().ok_or("the engine gave nothing for it")?;
    let mut entry = entry.map_err(unreadable)?;
    let kind = entry.header().entry_type();
    if kind.is_symlink() {
        let to = entry.link_name().ok().flatten().and_then(|to| to.to_str().map(str::to_owned));
        return to.map(Entry::Link).ok_or_else(|| "it is a link that cannot be read".into());
    }
    if !kind.is_file() {
        return Err("it is no file".into());
    }
    if entry.size() > u64::try_from(LARGEST).unwrap_or(u64::MAX) {
        return Err(too_large());
    }
    let mut text = String::new();
    entry.read_to_string(&mut text).map_err(|_| "it holds no text".to_owned())?;
    Ok(Entry::File(text))
}

/// Where a link at `path` leads, within the container.
fn resolve(path: &str, to: &str) -> Option<String> {
    let base = if to.starts_with('/') { "" } else { path.rsplit_once('/')?.0 };
    let mut parts: Vec<&str> = Vec::new();
    for part in base.split('/').chain(to.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| format!("/{}", parts.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(kind: tar::EntryType, content: &[u8], link: Option<&str>) -> Vec<u8> {
        let mut header = tar::Header::new_gnu();
        header.set_path("ca.pem").unwrap();
        header.set_entry_type(kind);
        header.set_size(u64::try_from(content.len()).unwrap());
        if let Some(link) = link {
            header.set_link_name(link).unwrap();
        }
        header.set_cksum();
        let mut builder = tar::Builder::new(Vec::new());
        builder.append(&header, content).unwrap();
        builder.into_inner().unwrap()
    }

    #[test]
    fn only_text_in_a_file_is_read() {
        let file = |content: &[u8]| entry(&archive(tar::EntryType::Regular, content, None));
        assert_eq!(file(b"PEM"), Ok(Entry::File("PEM".into())));
        assert_eq!(file(b"\xfe\xed\xfe\xed"), Err("it holds no text".into()));
        assert_eq!(file(&vec![b'x'; LARGEST + 1]), Err("it is larger than 1024 KiB".into()));
        assert_eq!(entry(&archive(tar::EntryType::Directory, b"", None)), Err("it is no file".into()));
        assert_eq!(entry(&archive(tar::EntryType::Symlink, b"", Some("../x"))), Ok(Entry::Link("../x".into())));
        assert!(entry(b"").is_err() && entry(&[1; 600]).is_err());
        let whole = archive(tar::EntryType::Regular, b"PEM", None);
        for length in 0..whole.len() {
            let _ = entry(&whole[..length]);
        }
    }

    #[test]
    fn links_stay_in_the_container() {
        for (path, to, expected) in [
            ("/certs/ca.pem", "real.pem", Some("/certs/real.pem")),
            ("/certs/ca.pem", "../x/ca.pem", Some("/x/ca.pem")),
            ("/certs/ca.pem", "../../../etc/ca.pem", Some("/etc/ca.pem")),
            ("/certs/ca.pem", "/run/ca.pem", Some("/run/ca.pem")),
            ("/ca.pem", "..", None),
        ] {
            assert_eq!(resolve(path, to).as_deref(), expected, "{path} {to}");
        }
    }
}
