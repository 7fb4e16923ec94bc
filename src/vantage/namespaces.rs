//! Makes a thread a nobody in a container's network: its namespace, its `resolv.conf` and `hosts`, and no privilege.
//!
//! Runs at the beginning of a thread of its own, before the first byte is read or sent there. Namespaces, credentials and
//! capabilities belong to threads, and threads that this one starts inherit them: Kafka's real client resolves names by the C
//! library, on threads of its own. Nothing here changes anything outside the thread: the mounts are made in a mount namespace
//! that it alone has.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};

use super::enter::{Enter, Refused};
use super::privileges;

/// The largest file of a container that is read, in bytes.
const LARGEST_FILE: u64 = 4 << 20;

/// Where sockets of the host's name services are (nscd, systemd-resolved, Avahi), by which a C library would resolve
/// names as the host does. The mount over it hides them, and holds what is laid over the files in `/etc`.
const RUN: &str = "/run";

impl Enter {
    /// Has this thread enter, and gives every privilege of it away.
    ///
    /// # Errors
    /// When anything of it cannot be done. The thread may have entered in part and must then end.
    pub fn enter(&self) -> Result<(), Refused> {
        let namespace = self.network_namespace()?;
        setns(&namespace, CloneFlags::CLONE_NEWNET)
            .map_err(|error| Refused::because("cannot enter the network namespace", error))?;
        self.lay_files()?;
        privileges::drop_all()
    }

    /// Whether this process could enter, as far as reading can tell.
    ///
    /// # Errors
    /// What stands against it.
    pub fn try_reading(&self) -> Result<(), Refused> {
        self.network_namespace()?;
        read(&self.resolv_conf)?;
        read(&self.hosts)?;
        Ok(())
    }

    /// The namespace, once it is certain that it is this container's: the engine may run on another machine, and a
    /// process id may belong to another process by now.
    fn network_namespace(&self) -> Result<File, Refused> {
        let cannot = |error| Refused::because(&format!("cannot look at process {}", self.pid), error);
        let path = format!("/proc/{}", self.pid);
        // The open directory stands for this one process: nothing that gets its id later is seen through it.
        let process = fs::OpenOptions::new()
            .read(true)
            .custom_flags(nix::libc::O_PATH | nix::libc::O_DIRECTORY)
            .open(path)
            .map_err(cannot)?;
        let inside = PathBuf::from(format!("/proc/self/fd/{}", process.as_raw_fd()));
        let groups = read(&inside.join("cgroup")).map_err(|_| self.not_of_container())?;
        if !names(&String::from_utf8_lossy(&groups), &self.container) {
            return Err(self.not_of_container());
        }
        File::open(inside.join("ns/net")).map_err(cannot)
    }

    fn not_of_container(&self) -> Refused {
        let short = self.container.get(..12).unwrap_or(&self.container);
        Refused::new(format!("process {} of this machine is not one of container {short}", self.pid))
    }

    /// Lays the container's files over those of the host, in a mount namespace of our own.
    fn lay_files(&self) -> Result<(), Refused> {
        let files = [
            ("resolv.conf", read(&self.resolv_conf)?),
            ("hosts", read(&self.hosts)?),
            // Names come from these two files, whatever else the host has configured.
            ("nsswitch.conf", b"hosts: files dns\n".to_vec()),
        ];
        let cannot = |what: &'static str| move |error: nix::Error| Refused::because(what, error);
        unshare(CloneFlags::CLONE_NEWNS).map_err(cannot("cannot have mounts of our own"))?;
        let none = None::<&str>;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
            .map_err(cannot("cannot keep our mounts to ourselves"))?;
        // Followed to their ends before the mount hides where some of them lead.
        let places = files.each_ref().map(|(name, _)| follow(&Path::new("/etc").join(name)));
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        mount(Some("tmpfs"), RUN, Some("tmpfs"), flags, Some("mode=0755,size=16m"))
            .map_err(cannot("cannot mount over /run"))?;
        for ((name, contents), place) in files.iter().zip(places) {
            match place {
                Some(place) => lay(name, contents, &place).map_err(|error| {
                    Refused::because(&format!("cannot lay the container's file over /etc/{name}"), error)
                })?,
                // Without it a C library takes its default, which is files and DNS.
                None if *name == "nsswitch.conf" => {}
                None => {
                    return Err(Refused::new(format!("this machine has no /etc/{name} to lay the container's over")));
                }
            }
        }
        Ok(())
    }
}

/// Where a file of the host is in the end, be it there or only meant to be (a link into `/run` that nobody filled).
fn follow(path: &Path) -> Option<PathBuf> {
    let target = match fs::read_link(path) {
        Ok(target) => path.parent()?.join(target),
        Err(_) => path.to_owned(),
    };
    match fs::canonicalize(&target) {
        Ok(place) => Some(place),
        Err(_) if target != path => {
            Some(fs::canonicalize(target.parent()?).ok()?.join(target.file_name()?)).filter(|place| in_run(place))
        }
        Err(_) => None,
    }
}

fn in_run(place: &Path) -> bool {
    place.starts_with(RUN)
}

/// Makes `/etc/NAME`, which is the file at `place`, read as `contents`, and reads it back.
fn lay(name: &str, contents: &[u8], place: &Path) -> io::Result<()> {
    if in_run(place) {
        place.parent().map_or(Ok(()), fs::create_dir_all)?;
        write(place, contents)?;
    } else {
        let source = Path::new(RUN).join(name);
        write(&source, contents)?;
        mount(Some(&source), place, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
    }
    let laid = fs::read(Path::new("/etc").join(name))?;
    if laid == contents { Ok(()) } else { Err(io::Error::other("it reads as something else")) }
}

/// Writes a file that no other thread's C library takes for the one it has read: that tells files apart by their inode,
/// size and time, and the first two are the same in every file system of ours.
fn write(path: &Path, contents: &[u8]) -> io::Result<()> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    fs::write(path, contents)?;
    let written = SystemTime::UNIX_EPOCH + Duration::from_secs(NUMBER.fetch_add(1, Ordering::Relaxed));
    File::options().write(true).open(path)?.set_modified(written)
}

/// A file's contents, bounded.
fn read(path: &Path) -> Result<Vec<u8>, Refused> {
    let cannot = |error| Refused::because(&format!("cannot read {}", path.display()), error);
    let mut contents = Vec::new();
    File::open(path).map_err(cannot)?.take(LARGEST_FILE + 1).read_to_end(&mut contents).map_err(cannot)?;
    if contents.len() as u64 > LARGEST_FILE {
        return Err(Refused::new(format!("{} is too large", path.display())));
    }
    Ok(contents)
}

/// Whether `/proc/PID/cgroup` says that the process is one of this container: in some hierarchy the innermost
/// container of its path is this one, and in none another. Docker writes `/docker/ID` or `docker-ID.scope`.
fn names(groups: &str, container: &str) -> bool {
    let innermost = |line: &str| {
        let mut ids = line.split(|c: char| !c.is_ascii_hexdigit()).filter(|part| part.len() == 64);
        ids.next_back().map(str::to_owned)
    };
    let mut ids = groups.lines().filter_map(innermost).peekable();
    ids.peek().is_some() && ids.all(|id| id == container)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const OTHER: &str = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";

    #[test]
    fn a_process_belongs_to_its_innermost_container() {
        for mine in [
            format!("0::/system.slice/docker-{ID}.scope\n"),
            format!("0::/docker/{ID}/init.scope\n"),
            format!("9:name=systemd:/\n4:memory:/docker/{ID}\n0::/\n"),
            format!("0::/../../docker/{ID}\n"),
            format!("4:memory:/docker/{OTHER}/docker/{ID}\n"),
            format!("0::/machine.slice/libpod-{ID}.scope/container\n"),
        ] {
            assert!(names(&mine, ID), "{mine}");
        }
        for foreign in [
            String::new(),
            "0::/\n".into(),
            "0::/user.slice/user-1000.slice/session-3.scope\n".into(),
            format!("0::/docker/{OTHER}\n"),
            format!("4:memory:/docker/{ID}/docker/{OTHER}\n"),
            format!("4:memory:/docker/{ID}\n3:pids:/docker/{OTHER}\n"),
            format!("0::/docker/{ID}0\n"),
        ] {
            assert!(!names(&foreign, ID), "{foreign}");
        }
        assert!(!names("0::/docker/\n", ""));
    }

    #[test]
    fn nobody_enters_a_process_that_is_no_container_of_ours() {
        let enter = Enter {
            pid: std::process::id(),
            container: ID.into(),
            resolv_conf: "/etc/resolv.conf".into(),
            hosts: "/etc/hosts".into(),
        };
        let refused = enter.try_reading().unwrap_err().to_string();
        assert!(refused.ends_with("of this machine is not one of container 0123456789ab"), "{refused}");
    }

    #[test]
    fn no_two_files_have_one_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("resolv.conf");
        let time = || {
            write(&path, b"nameserver 127.0.0.11\n").unwrap();
            fs::metadata(&path).unwrap().modified().unwrap()
        };
        assert_ne!(time(), time());
    }

    #[test]
    fn files_are_followed_to_where_they_are_or_are_meant_to_be() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| fs::canonicalize(folder.path()).unwrap().join(name);
        fs::write(at("file"), "x").unwrap();
        std::os::unix::fs::symlink("file", at("link")).unwrap();
        std::os::unix::fs::symlink("/run/nobody-made-this.conf", at("into-run")).unwrap();
        std::os::unix::fs::symlink("nowhere", at("dangling")).unwrap();
        assert_eq!(follow(&at("file")), Some(at("file")));
        assert_eq!(follow(&at("link")), Some(at("file")));
        assert_eq!(follow(&at("into-run")), Some("/run/nobody-made-this.conf".into()));
        assert_eq!(follow(&at("dangling")), None);
        assert_eq!(follow(&at("absent")), None);
    }
}
