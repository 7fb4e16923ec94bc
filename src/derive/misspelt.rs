//! Whether a name that nobody has is one that somebody was meant to have.

use super::address::{Address, Form};
use super::asked::Asked;
use super::hosts;
use super::meaning::Meaning;

/// Words that stand where a host was to be filled in, unless the stack has that name.
const PLACEHOLDERS: &str = "\
    changeme change-me change_me disabled dummy example fake false host hostname ip nil none null off placeholder \
    replace server todo true undefined unused xxx";

/// Whether a name that nobody has was probably meant to be somebody's.
pub(super) fn is_probable(asked: &Asked, address: &Address, meaning: &Meaning) -> bool {
    let host = address.host.to_ascii_lowercase();
    if PLACEHOLDERS.split_ascii_whitespace().any(|known| known == host)
        || host.starts_with("your")
        || host.starts_with("my-")
    {
        return false;
    }
    if asked.certain {
        return address.scheme.is_none() || meaning.understood;
    }
    // Images bring such URLs along as a default, which `…_HOST` or `…_SERVER` beside it replaces.
    if address.form == Form::Url && asked.environment.sibling(asked.variable, &["HOST", "SERVER"]).is_some() {
        return false;
    }
    if asked.known.is_some() {
        // Only where the scheme, if there is one, leads anywhere.
        return address.scheme.is_none() || meaning.understood;
    }
    if meaning.http {
        if asked.is_link() {
            return false;
        }
        let public = asked.variable.is_followed(false);
        let near = hosts::nearest(asked.stack, &host).is_some();
        // Nobody's browser knows a name that is nearly a service's.
        return if public { near && address.port.is_some() } else { near || address.port.is_some() };
    }
    matches!(address.form, Form::Url | Form::Jdbc) && meaning.understood
}
