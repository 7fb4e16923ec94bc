//! stub
use super::{Attempt, Stop};
use crate::plan::Credentials;
use crate::target::Target;

/// Looks at the target.
///
/// # Errors
/// [`Stop`] when a step failed.
pub async fn look(_attempt: &mut Attempt, _target: &Target, _credentials: Option<&Credentials>) -> Result<(), Stop> {
    unimplemented!()
}
