//! Whom clients trust: the files that their settings name are read before anybody is looked at.

use std::collections::BTreeSet;

use bollard::Docker;

use crate::derive::security::AUTHORITIES;
use crate::plan::{Check, Readiness, Tls};
use crate::stack::files::{self, Place};

/// Fills in the authorities of the checks that speak TLS. A file that cannot be read leaves them unknown, with the
/// reason.
pub async fn read<'a>(docker: &Docker, checks: impl Iterator<Item = &'a mut Check>) {
    let mut wanting: Vec<(Place, &mut Check)> = checks.filter_map(|check| Some((wanted(check)?, check))).collect();
    if wanting.is_empty() {
        return;
    }
    let places: BTreeSet<Place> = wanting.iter().map(|(place, _)| place.clone()).collect();
    let found = files::read(docker, &places).await;
    for (place, check) in &mut wanting {
        match found.get(place) {
            Some(Ok(pem)) => check.security.authorities = Some(pem.clone()),
            Some(Err(reason)) => {
                let words = format!("{} of {} cannot be read: {reason}", place.1, check.from);
                check.security.authorities_unknown = Some(words);
            }
            None => {}
        }
    }
}

/// The file with the authorities of whoever looks, where TLS is spoken and they are not known yet.
fn wanted(check: &Check) -> Option<Place> {
    let spoken = !matches!(check.security.tls, Tls::Off | Tls::Unsaid);
    if !spoken || check.security.authorities.is_some() || check.readiness != Readiness::Ready {
        return None;
    }
    Some((check.from.container()?.to_owned(), check.setting(AUTHORITIES)?.to_owned()))
}
