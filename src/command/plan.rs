//! `crosscheck plan`: the checks that would run, printed, or in a file of the user's.

use std::path::{Component, Path, PathBuf};
use std::time::Instant;

use crate::cli::{Format, PlanOptions, Shared};
use crate::document::{self, DocumentError, Kind, Rendered, diff};
use crate::exit;
use crate::interrupt::Interrupt;
use crate::known::Known;
use crate::output::{Output, say};
use crate::planning::{Asked, planned, say_empty};
use crate::report::{Report, build as assemble};
use crate::stack::connect::Connection;
use crate::stack::surroundings::absolute;
use crate::terminal;

/// Prints the plan, or writes it into a file, or holds a file against it.
///
/// # Errors
///
/// What prevented it, in words that say what to do.
pub async fn plan(shared: &Shared, options: &PlanOptions) -> anyhow::Result<u8> {
    let started = Instant::now();
    let is_document = document_of(shared.format).is_some() || options.write.is_some() || options.verify.is_some();
    let mut interrupt = Interrupt::listen()?;
    let known = if is_document {
        known_alike(shared, &mut interrupt).await?
    } else {
        Known::of_either(shared, &mut interrupt).await?
    };
    let Some((connection, known)) = known else { return Ok(exit::INTERRUPTED) };
    let asked = Asked { services: &options.services, expected: &shared.expect, with_outside: true };
    let mut plan = planned(&known, shared, &asked)?;
    let interrupted = match connection {
        // What a file holds is the same whatever happens to be open.
        Some(connection) if !is_document => {
            Box::pin(plan.survey_alone(&known, shared, &connection, &mut interrupt)).await?
        }
        _ => false,
    };
    let mut report = assemble::frame("plan", &known.stack);
    if report.engine.is_none() {
        report.services.iter_mut().for_each(|service| service.state = "declared".into());
    }
    report.checks = plan.checks.iter().map(assemble::planned).collect();
    if plan.checks.is_empty() && !shared.allow_empty && !interrupted && !is_document {
        say_empty(shared, plan.about.is_some());
    }
    let code = match (interrupted, plan.checks.is_empty() && !shared.allow_empty) {
        (true, _) => exit::INTERRUPTED,
        (false, true) => exit::INCONCLUSIVE,
        (false, false) => exit::OK,
    };
    report.close(started, code);
    if is_document {
        if plan.about.is_some() {
            report.services.clear();
        }
        name_files(&mut report, &known);
    }
    match (&options.write, &options.verify) {
        (Some(path), _) => write(path, &report, shared)?,
        (None, Some(path)) if !verify(path, &report, shared)? => return Ok(exit::FAILED),
        (None, Some(_)) => {}
        (None, None) => Output::new(shared).plan(&report)?,
    }
    Ok(report.exit_code)
}

/// Refuses a format that only a plan has, or that a file cannot have.
///
/// # Errors
///
/// It says so.
pub fn fits(format: Format, options: Option<&PlanOptions>) -> anyhow::Result<()> {
    let name = match format {
        Format::Mermaid => "mermaid",
        Format::Markdown => "markdown",
        Format::Json => "json",
        Format::Junit => "junit",
        Format::Text => return Ok(()),
    };
    match (document_of(format), options) {
        (Some(_), None) => {
            anyhow::bail!(
                "--format {name} is there for `crosscheck plan` only: text, json and junit are for every command"
            )
        }
        (None, Some(options)) if options.write.is_some() || options.verify.is_some() => {
            anyhow::bail!(
                "a file holds the plan as markdown or as mermaid, not as {name}: leave --format out, or change it"
            )
        }
        _ => Ok(()),
    }
}

/// What a format is in a file of the user's.
const fn document_of(format: Format) -> Option<Kind> {
    match format {
        Format::Mermaid => Some(Kind::Map),
        Format::Markdown => Some(Kind::Plan),
        Format::Text | Format::Json | Format::Junit => None,
    }
}

/// The stack as its files declare it wherever they are at hand, so that everybody who has them gets the same, with and without
/// an engine: images' own variables, chosen ports and replicas that were added are in nobody's files. With the name of a
/// project alone, what runs by that name is meant.
async fn known_alike(
    shared: &Shared,
    interrupt: &mut Interrupt,
) -> anyhow::Result<Option<(Option<Connection>, Known)>> {
    let files_count = shared.project_name.is_none() || !shared.file.is_empty();
    if files_count && let Some(known) = Known::of_files(shared)? {
        return Ok(Some((None, known)));
    }
    Ok(Known::of_either(shared, interrupt).await?)
}

fn write(path: &Path, report: &Report, shared: &Shared) -> Result<(), DocumentError> {
    let (rendered, asked) = (Rendered::of(report), document_of(shared.format));
    let old = document::file::read(path)?;
    let new = match &old {
        Some(text) if !text.is_empty() => rendered.within(text, path, asked)?,
        _ => rendered.alone(asked.unwrap_or_else(|| document::kind_of(path)), Some(path)),
    };
    if old.as_ref() == Some(&new) {
        say(shared, &format!("{} is up to date", path.display()));
    } else {
        document::file::write(path, &new)?;
        say(shared, &format!("{} is written", path.display()));
    }
    Ok(())
}

/// Whether a file is up to date; what is not is shown.
fn verify(path: &Path, report: &Report, shared: &Shared) -> anyhow::Result<bool> {
    let shown = path.display();
    let Some(old) = document::file::read(path)? else {
        return Err(DocumentError::Missing { path: shown.to_string() }.into());
    };
    let new = Rendered::of(report).within(&old, path, document_of(shared.format))?;
    if old == new {
        say(shared, &format!("{shown} is up to date"));
        return Ok(true);
    }
    terminal::print(&diff(&old, &new))?;
    eprintln!(
        "crosscheck: {shown} is out of date: update it with `crosscheck plan --write {shown}`, and the same flags as here"
    );
    Ok(false)
}

/// Names files from the folder of the compose file, wherever crosscheck was called.
fn name_files(report: &mut Report, known: &Known) {
    let here = std::env::current_dir().unwrap_or_default();
    let first = known.project.as_ref().and_then(|project| project.files().into_iter().next());
    let Some(base) = first.as_deref().and_then(Path::parent) else { return };
    for file in report.checks.iter_mut().flat_map(|check| &mut check.origins).filter_map(|origin| origin.file.as_mut())
    {
        *file = from_folder(&here.join(&*file), base).display().to_string();
    }
}

/// A path as it is written from a folder. What has nothing in common with the folder but the root stays as it is.
fn from_folder(path: &Path, folder: &Path) -> PathBuf {
    let root = Path::new("/");
    let (path, folder) = (absolute(root, path), absolute(root, folder));
    let shared = path.components().zip(folder.components()).take_while(|(one, other)| one == other).count();
    if shared <= 1 {
        return path;
    }
    let up = folder.components().skip(shared).map(|_| Component::ParentDir);
    up.chain(path.components().skip(shared)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_from_the_folder_of_the_compose_file() {
        for (path, folder, expected) in [
            ("/home/me/shop/compose.yaml", "/home/me/shop", "compose.yaml"),
            ("/home/me/shop/conf/app.yml", "/home/me/shop", "conf/app.yml"),
            ("/home/me/common/redis.yaml", "/home/me/shop", "../common/redis.yaml"),
            ("/home/me/shop/../common/redis.yaml", "/home/me/shop", "../common/redis.yaml"),
            ("/home/me/app.env", "/home/me/shop/deploy", "../../app.env"),
            ("/etc/nginx/nginx.conf", "/home/me/shop", "/etc/nginx/nginx.conf"),
        ] {
            assert_eq!(from_folder(Path::new(path), Path::new(folder)), Path::new(expected));
        }
    }

    #[test]
    fn formats_of_a_plan_are_for_plans_and_files_hold_no_others() {
        let none = PlanOptions::default();
        let file = PlanOptions { verify: Some("README.md".into()), ..PlanOptions::default() };
        for (format, options, fine) in [
            (Format::Mermaid, None, false),
            (Format::Markdown, None, false),
            (Format::Json, None, true),
            (Format::Mermaid, Some(&none), true),
            (Format::Json, Some(&none), true),
            (Format::Json, Some(&file), false),
            (Format::Junit, Some(&file), false),
            (Format::Text, Some(&file), true),
            (Format::Markdown, Some(&file), true),
        ] {
            assert_eq!(fits(format, options).is_ok(), fine, "{format:?}");
        }
    }
}
