//! `crosscheck explain`: a rule's page, or the list of rules.

use crate::catalog::Page;
use crate::cli::When;
use crate::nearest::nearest;
use crate::report::explain::page;
use crate::rule::RULES;
use crate::{catalog, exit, terminal};

/// Prints a rule's page; without a rule the list, in the order in which rules are tried.
///
/// # Errors
/// When no rule has that id; the nearest one is named.
pub fn explain(rule: Option<&str>, color: When) -> anyhow::Result<u8> {
    let style = terminal::style(color);
    let Some(id) = rule else {
        let width = RULES.iter().map(|rule| rule.id.len()).max().unwrap_or_default();
        let lines = RULES.iter().map(|rule| {
            let title = catalog::page(rule.id).map_or("", |page| page.title.as_str());
            format!("{:width$}  {title}\n", rule.id)
        });
        return terminal::print(&lines.collect::<String>()).map(|()| exit::OK);
    };
    let found = known(id)?;
    terminal::print(&page(&format!("# {}\n\n{}", found.id, found.body), style))?;
    Ok(exit::OK)
}

/// The page of a rule.
///
/// # Errors
/// When no rule has that id; the nearest one is named.
pub fn known(id: &str) -> anyhow::Result<&'static Page> {
    catalog::page(id).ok_or_else(|| {
        let near = nearest(id, RULES.iter().map(|rule| rule.id));
        let hint =
            near.map_or_else(|| "`crosscheck explain` lists them".into(), |near| format!("did you mean {near}?"));
        anyhow::anyhow!("no rule is called {}: {hint}", crate::text::line(id, 80))
    })
}
