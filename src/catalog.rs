//! The knowledge that is data: technologies and the pages of rules, read from `checks/`, which travels in the executable.
//!
//! `checks/technologies/README.md` documents the format. Nothing here is read before it is first asked for.

mod address_key;
mod file_rule;
mod http_answer;
mod mistake;
mod page;
mod plain;
mod program;
mod signs;
mod technology;
pub mod user;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{LazyLock, OnceLock};

use include_dir::{Dir, include_dir};
use wildmatch::WildMatch;

pub use self::address_key::{AddressKey, Condition, KeyMeaning, KeyPattern};
pub use self::file_rule::{FileRule, Format, Glob, Reader};
pub use self::http_answer::{Acquaintance, HttpAnswer, HttpReader, Marks};
pub use self::mistake::TechnologyError;
pub use self::page::{Page, PageError, page, pages};
pub use self::plain::Plain;
pub use self::program::{Operands, Part, Program, program_name};
pub use self::signs::Signs;
pub use self::technology::{Clients, Labels, MissingSetting, Particular, Port, Technology};

static TECHNOLOGIES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/checks/technologies");

static CATALOG: OnceLock<&Catalog> = OnceLock::new();

static BUILT_IN: LazyLock<Catalog> = LazyLock::new(|| {
    // A file that cannot be read is left out here and fails the test below: the user cannot mend it.
    Catalog::new(embedded().filter_map(Result::ok).collect())
});

/// Reads the technologies that are built in, so that nobody waits for it later.
pub fn prepare() {
    LazyLock::force(&BUILT_IN);
}

/// The technologies of this run: those that are built in, and those that [`install`] added.
#[must_use]
pub fn catalog() -> &'static Catalog {
    CATALOG.get_or_init(|| &BUILT_IN)
}

/// Adds the technologies of folders of the user's to those of this run, the later folder before the earlier. To be called once,
/// before anybody asks for the catalogue; without folders nothing is read.
///
/// # Errors
///
/// Everything that is wrong with the files, each with its place and what was expected there, or that the catalogue is in use
/// already. Nothing of them is used then.
pub fn install(folders: &[PathBuf]) -> Result<(), user::Mistakes> {
    if folders.is_empty() {
        return Ok(());
    }
    // It lasts as long as the run.
    CATALOG.set(Box::leak(Box::new(user::catalog(folders)?))).map_err(|_| user::Mistakes::too_late())
}

fn embedded() -> impl Iterator<Item = Result<Technology, TechnologyError>> {
    let files = TECHNOLOGIES.files().filter_map(|file| {
        let path = file.path();
        (path.extension()? == "yaml").then_some(())?;
        Some((path.file_stem()?.to_str()?, file.contents_utf8()?))
    });
    files.map(|(id, text)| Technology::parse(id, text))
}

/// Technologies, and the ways to recognise them.
#[derive(Debug, Default)]
pub struct Catalog {
    /// The user's own first, each in the order of their ids.
    technologies: Vec<Technology>,
    images: BTreeMap<String, usize>,
    schemes: BTreeMap<String, (usize, bool)>,
    variables: BTreeMap<String, (usize, Role)>,
    patterns: Vec<Pattern>,
    /// Those whose servers are known by more than their images.
    with_signs: Vec<usize>,
    programs: BTreeMap<String, (usize, usize)>,
    program_images: BTreeMap<String, (usize, usize)>,
}

/// What a client's variable holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// A URL, `host:port`, or a list of these.
    Address,
    /// A host whose port stands in another variable.
    Host,
    /// Addresses of the server's own cluster: they count in the server's container too.
    Peer,
}

#[derive(Debug)]
struct Pattern {
    glob: WildMatch,
    /// What a name begins and ends with that it matches: most names are told apart by these.
    ends: (String, String),
    /// How much of a name it fixes: of two that match, the longer is meant.
    length: usize,
    technology: usize,
    role: Role,
}

impl Pattern {
    fn matches(&self, name: &str) -> bool {
        name.starts_with(&self.ends.0) && name.ends_with(&self.ends.1) && self.glob.matches(name)
    }
}

/// A client's variable that the catalogue knows.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// What it leads to.
    pub technology: &'a Technology,
    /// What it holds.
    pub role: Role,
    /// Whether the catalogue lists this very name, not a pattern.
    pub exact: bool,
}

impl<'a> Known<'a> {
    /// What is to know of this very variable.
    #[must_use]
    pub fn particular(self, name: &str) -> Option<&'a Particular> {
        self.technology.clients.particulars.get(name).filter(|_| self.exact)
    }
}

impl Catalog {
    /// A catalogue of these technologies. Where two claim the same image, scheme or variable, the first has it.
    #[must_use]
    pub fn new(technologies: Vec<Technology>) -> Self {
        Self::with_own(technologies, &BTreeSet::new())
    }

    /// As [`Catalog::new`]; those with these ids are the user's own, and count before the others.
    #[must_use]
    pub fn with_own(mut technologies: Vec<Technology>, own: &BTreeSet<String>) -> Self {
        technologies.sort_by(|a, b| (!own.contains(&a.id), &a.id).cmp(&(!own.contains(&b.id), &b.id)));
        let mut catalog = Self::default();
        for (index, technology) in technologies.iter().enumerate() {
            for image in &technology.images {
                catalog.images.entry(image.clone()).or_insert(index);
            }
            for (schemes, tls) in [(&technology.schemes, false), (&technology.tls_schemes, true)] {
                for scheme in schemes {
                    catalog.schemes.entry(scheme.clone()).or_insert((index, tls));
                }
            }
            if !technology.signs.is_empty() {
                catalog.with_signs.push(index);
            }
            for (at, program) in technology.programs.iter().enumerate() {
                for (all, names) in
                    [(&mut catalog.programs, &program.names), (&mut catalog.program_images, &program.images)]
                {
                    for name in names {
                        all.entry(name.clone()).or_insert((index, at));
                    }
                }
            }
            for (names, role) in technology.clients.by_role() {
                for name in names {
                    if name.contains('*') {
                        let glob = WildMatch::new(name);
                        let end = |part: Option<&str>| part.unwrap_or_default().to_owned();
                        let ends = (end(name.split(['*', '?']).next()), end(name.rsplit(['*', '?']).next()));
                        catalog.patterns.push(Pattern { glob, ends, length: name.len(), technology: index, role });
                    } else {
                        catalog.variables.entry(name.clone()).or_insert((index, role));
                    }
                }
            }
        }
        catalog.patterns.sort_by_key(|pattern| (std::cmp::Reverse(pattern.length), pattern.technology));
        catalog.technologies = technologies;
        catalog
    }

    /// Every technology: the user's own, then the others, each in the order of their ids.
    #[must_use]
    pub fn technologies(&self) -> &[Technology] {
        &self.technologies
    }

    /// The technology of an image, by the path of its repository whatever the registry, the mirror's prefix and the tag.
    #[must_use]
    pub fn of_image(&self, image: &str) -> Option<&Technology> {
        of_image(&self.images, image).map(|&index| &self.technologies[index])
    }

    /// The technologies whose servers are known by more than their images.
    pub fn with_signs(&self) -> impl Iterator<Item = &Technology> {
        self.with_signs.iter().map(|&index| &self.technologies[index])
    }

    /// A program by its name, as [`program_name`] gives it, and what it connects to.
    #[must_use]
    pub fn of_program(&self, name: &str) -> Option<(&Technology, &Program)> {
        self.programs.get(name).map(|&at| self.program(at))
    }

    /// The program that an image starts by itself, and what it connects to.
    #[must_use]
    pub fn program_of_image(&self, image: &str) -> Option<(&Technology, &Program)> {
        of_image(&self.program_images, image).map(|&at| self.program(at))
    }

    fn program(&self, (technology, program): (usize, usize)) -> (&Technology, &Program) {
        let technology = &self.technologies[technology];
        (technology, &technology.programs[program])
    }

    /// The rules for the files of a container with this image: its technology's, then those of any container's, and in the end those
    /// for what nobody else knows.
    pub fn files_of(&self, image: &str) -> impl Iterator<Item = &FileRule> {
        let own = self.of_image(image).into_iter().filter(|technology| !technology.images.is_empty());
        let anybodys = self.technologies.iter().filter(|technology| technology.images.is_empty());
        let rules = own.chain(anybodys).flat_map(|technology| &technology.files);
        let is_unknown = |rule: &&FileRule| rule.reader == Some(Reader::Unknown);
        rules.clone().filter(move |rule| !is_unknown(rule)).chain(rules.filter(is_unknown))
    }

    /// The technology of a URL's scheme, in lower case, and whether the scheme says TLS.
    #[must_use]
    pub fn of_scheme(&self, scheme: &str) -> Option<(&Technology, bool)> {
        self.schemes.get(scheme).map(|&(index, tls)| (&self.technologies[index], tls))
    }

    /// What is known of a client's variable, its name as [`variable_name`] writes it.
    #[must_use]
    pub fn of_variable(&self, name: &str) -> Option<Known<'_>> {
        let (index, role, exact) = if let Some(&(index, role)) = self.variables.get(name) {
            (index, role, true)
        } else {
            let pattern = self.patterns.iter().find(|pattern| pattern.matches(name))?;
            (pattern.technology, pattern.role, false)
        };
        Some(Known { technology: &self.technologies[index], role, exact })
    }

    /// Who may be told by the answer to this path over HTTP, and what is asked once it is known.
    #[must_use]
    pub fn told_at(&self, path: &str) -> Vec<Acquaintance> {
        let asked = |technology: &Technology| -> Vec<_> {
            let answers = technology.http.iter().filter(|answer| answer.known_by.is_none() || answer.tells(path));
            answers.cloned().collect()
        };
        let told = self.technologies.iter().filter(|it| it.http.iter().any(|answer| answer.tells(path)));
        told.map(|it| Acquaintance { technology: it.id.clone(), name: it.name.clone(), answers: asked(it) }).collect()
    }

    /// Whether any server may be asked for this path without changing anything: it is one that many have, below folders whose
    /// names are words and no keys.
    #[must_use]
    pub fn is_safe_path(&self, path: &str) -> bool {
        let is_word =
            |part: &str| part.len() <= 24 && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        let plain = path.split('/').count() <= 8 && path.split('/').all(is_word);
        plain && self.technologies.iter().flat_map(|technology| &technology.http).any(|answer| answer.is_anybodys(path))
    }

    /// The technologies whose servers listen on this port if nobody says otherwise.
    pub fn of_port(&self, port: u16) -> impl Iterator<Item = &Technology> {
        self.technologies.iter().filter(move |technology| technology.ports.contains_key(&port))
    }
}

/// A variable's name as the catalogue writes it: `spring.data.redis.host` is `SPRING_DATA_REDIS_HOST`, .NET's `Redis:Host` is
/// `REDIS_HOST`.
#[must_use]
pub fn variable_name(name: &str) -> String {
    let mut written = String::with_capacity(name.len());
    for word in name.split(['_', '.', '-', ':']).filter(|word| !word.is_empty()) {
        if !written.is_empty() {
            written.push('_');
        }
        written.push_str(word);
    }
    written.make_ascii_uppercase();
    written
}

/// What is known of an image by the path of its repository.
fn of_image<'a, T>(known: &'a BTreeMap<String, T>, image: &str) -> Option<&'a T> {
    let path = repository_path(image);
    let starts = std::iter::once(0).chain(path.match_indices('/').map(|(at, _)| at + 1));
    // A single word is the end of a path of some organisation that is not known: only its whole path says who made it.
    let mut ends = starts.map(|start| &path[start..]).filter(|end| end.contains('/'));
    ends.find_map(|end| known.get(end))
}

/// The major version that an image's tag begins with.
#[must_use]
pub fn major_version(image: &str) -> Option<u32> {
    let name = image.split('@').next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    let (_, tag) = name.split_once(':')?;
    let end = tag.find(|c: char| !c.is_ascii_digit()).unwrap_or(tag.len());
    tag[..end].parse().ok()
}

/// The path of an image's repository without registry, tag and digest; Docker Hub's `library/` written out.
#[must_use]
pub fn repository_path(image: &str) -> String {
    let image = image.split('@').next().unwrap_or_default();
    let last = image.rfind('/').map_or(0, |at| at + 1);
    let path = image[last..].find(':').map_or(image, |at| &image[..last + at]);
    let path = match path.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => rest,
        _ => path,
    };
    let path = path.to_ascii_lowercase();
    if path.contains('/') { path } else { format!("library/{path}") }
}

#[cfg(test)]
mod tests;
