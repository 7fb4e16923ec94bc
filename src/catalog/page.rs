//! The pages of rules: `checks/rules/<id>.md`, YAML between two lines of `---`, then Markdown.

use std::sync::LazyLock;

use include_dir::{Dir, include_dir};
use serde::Deserialize;

use crate::compose::typed;
use crate::report::Severity;

static RULES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/checks/rules");

static PAGES: LazyLock<Vec<Page>> = LazyLock::new(|| {
    // As with technologies, a broken page is the test's business.
    let mut pages: Vec<_> = embedded().filter_map(Result::ok).collect();
    pages.sort_by(|a, b| a.id.cmp(&b.id));
    pages
});

/// What a rule's page says.
#[derive(Clone, Debug)]
pub struct Page {
    /// The rule's id, which is the name of the file.
    pub id: String,
    /// How bad it is.
    pub severity: Severity,
    /// The first version that has the rule.
    pub since: String,
    /// The problem in one line.
    pub title: String,
    /// What it is, why, how to mend it: Markdown.
    pub body: String,
}

/// A page that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("page {id}: {reason}")]
pub struct PageError {
    /// The rule.
    pub id: String,
    /// What is wrong.
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FrontMatter {
    severity: Severity,
    since: String,
    title: String,
}

/// The page of a rule.
#[must_use]
pub fn page(id: &str) -> Option<&'static Page> {
    let pages = pages();
    pages.binary_search_by(|page| page.id.as_str().cmp(id)).ok().map(|at| &pages[at])
}

/// Every page, in the order of their ids.
#[must_use]
pub fn pages() -> &'static [Page] {
    &PAGES
}

fn embedded() -> impl Iterator<Item = Result<Page, PageError>> {
    let files = RULES.files().filter_map(|file| {
        let path = file.path();
        (path.extension()? == "md").then_some(())?;
        Some((path.file_stem()?.to_str()?, file.contents_utf8()?))
    });
    files.filter(|(id, _)| *id != "README").map(|(id, text)| Page::parse(id, text))
}

impl Page {
    /// Reads a page from the text of its file.
    ///
    /// # Errors
    ///
    /// Says what is missing or not understood.
    pub fn parse(id: &str, text: &str) -> Result<Self, PageError> {
        let error = |reason: String| PageError { id: id.into(), reason };
        let (front, body) = text
            .strip_prefix("---\n")
            .and_then(|rest| rest.split_once("\n---\n"))
            .ok_or_else(|| error("no front matter between two lines of ---".into()))?;
        let front: FrontMatter = typed::parse(front).map_err(|wrong| error(wrong.reason))?;
        let FrontMatter { severity, since, title } = front;
        Ok(Self { id: id.into(), severity, since, title, body: body.trim().to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_read_and_found() {
        let all: Vec<_> = embedded().collect::<Result<_, _>>().unwrap();
        assert!(!all.is_empty());
        for one in &all {
            assert!(!one.title.is_empty() && !one.body.is_empty(), "{}", one.id);
            assert_eq!(page(&one.id).map(|found| &found.title), Some(&one.title));
        }
        assert!(pages().is_sorted_by_key(|page| &page.id));
        assert!(page("no-such-rule").is_none());
    }

    #[test]
    fn a_page_says_what_is_wrong_with_it() {
        for (text, reason) in [
            ("# no front matter", "front matter"),
            ("---\nseverity: bad\nsince: 0.1.0\ntitle: x\n---\nbody", "bad"),
            ("---\nseverity: note\ntitle: x\n---\nbody", "since"),
            ("---\nseverity: note\nsince: 0.1.0\ntitle: x\nmore: y\n---\nbody", "more"),
        ] {
            let error = Page::parse("x", text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
        let page =
            Page::parse("x", "---\nseverity: warning\nsince: \"0.1.0\"\ntitle: A thing\n---\n\nText.\n").unwrap();
        assert_eq!((page.severity, page.since.as_str(), page.body.as_str()), (Severity::Warning, "0.1.0", "Text."));
    }
}
