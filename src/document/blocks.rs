//! The places of a Markdown file that hold a plan: what stands between two comments, each alone on its line.

use std::ops::Range;

/// What stands between two markers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The table of who uses which address.
    Plan,
    /// The map.
    Map,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Plan, Self::Map];

    /// What people call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plan => "table",
            Self::Map => "map",
        }
    }

    /// The line before it.
    #[must_use]
    pub const fn begin(self) -> &'static str {
        match self {
            Self::Plan => "<!-- crosscheck:plan -->",
            Self::Map => "<!-- crosscheck:map -->",
        }
    }

    /// The line behind it.
    #[must_use]
    pub const fn end(self) -> &'static str {
        match self {
            Self::Plan => "<!-- /crosscheck:plan -->",
            Self::Map => "<!-- /crosscheck:map -->",
        }
    }
}

/// A place for a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub kind: Kind,
    /// Between the markers' lines, in bytes.
    pub body: Range<usize>,
}

/// Markers that are no pairs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    /// From 1.
    pub line: usize,
    pub reason: String,
}

/// The places for a plan in a text. What a fenced block of code shows is no marker.
pub(super) fn blocks(text: &str) -> Result<Vec<Block>, Mistake> {
    let mut found: Vec<Block> = Vec::new();
    let mut open: Option<(Kind, usize, usize)> = None;
    let mut fence: Option<String> = None;
    let mut at = 0;
    for (number, raw) in (1..).zip(text.split_inclusive('\n')) {
        let (start, end) = (at, at + raw.len());
        at = end;
        let line = raw.trim_start_matches('\u{feff}').trim();
        let wrong = |reason: String| Mistake { line: number, reason };
        if open.is_none() {
            let marks = fence_of(line);
            match (&fence, marks) {
                (Some(opened), Some(marks)) if marks.starts_with(opened.as_str()) && marks == line => fence = None,
                (None, Some(marks)) => fence = Some(marks.to_owned()),
                _ => {}
            }
            if fence.is_some() {
                continue;
            }
        }
        if let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.begin() == line) {
            if let Some((other, _, opened)) = open {
                return Err(wrong(format!("`{line}` stands before the `{}` that line {opened} needs", other.end())));
            }
            if found.iter().any(|block| block.kind == kind) {
                return Err(wrong(format!("`{line}` stands here for the second time: leave one of them")));
            }
            open = Some((kind, end, number));
        } else if let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.end() == line) {
            match open.take() {
                Some((opened, body, _)) if opened == kind => found.push(Block { kind, body: body..start }),
                _ => return Err(wrong(format!("`{line}` ends nothing: `{}` belongs before it", kind.begin()))),
            }
        }
    }
    match open {
        Some((kind, _, line)) => {
            let reason = format!("`{}` has no end: `{}` belongs behind it", kind.begin(), kind.end());
            Err(Mistake { line, reason })
        }
        None => Ok(found),
    }
}

/// The marks with which a line opens or closes a fenced block of code.
fn fence_of(line: &str) -> Option<&str> {
    let mark = line.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
    let marks = &line[..line.len() - line.trim_start_matches(mark).len()];
    // Three backticks and more on one line are code within a line.
    (marks.len() >= 3 && !(mark == '`' && line[marks.len()..].contains('`'))).then_some(marks)
}
