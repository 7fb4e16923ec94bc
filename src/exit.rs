//! The exit codes, as the README promises them.

use crate::report::Summary;

/// Everything is as expected.
pub const OK: u8 = 0;
/// A check failed, or a finding is an error.
pub const FAILED: u8 = 1;
/// Something could not be looked at, nothing was checked, or usage, configuration or engine prevented it.
pub const INCONCLUSIVE: u8 = 2;
/// Ctrl-C.
pub const INTERRUPTED: u8 = 130;

/// What turns some results into success or failure.
#[derive(Clone, Copy, Debug, Default)]
pub struct Leniency {
    /// Warnings fail the run.
    pub strict: bool,
    /// Inconclusive checks do not.
    pub allow_inconclusive: bool,
    /// A run without a single check does not.
    pub allow_empty: bool,
}

/// The exit code of a run that came to its end.
#[must_use]
pub const fn code(summary: &Summary, leniency: Leniency) -> u8 {
    let looked = summary.pass + summary.fail + summary.inconclusive;
    if summary.fail > 0 || summary.errors > 0 || (leniency.strict && summary.warnings > 0) {
        FAILED
    } else if (summary.inconclusive > 0 && !leniency.allow_inconclusive) || (looked == 0 && !leniency.allow_empty) {
        INCONCLUSIVE
    } else {
        OK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_as_promised() {
        let none = Leniency::default();
        let lenient = Leniency { allow_inconclusive: true, allow_empty: true, strict: false };
        let strict = Leniency { strict: true, ..none };
        let all = |pass, fail, inconclusive, errors, warnings| Summary {
            pass,
            fail,
            skipped: 9,
            inconclusive,
            errors,
            warnings,
        };
        for (summary, leniency, expected) in [
            (all(3, 0, 0, 0, 0), none, 0),
            (all(3, 1, 1, 0, 0), lenient, 1),
            (all(3, 0, 0, 1, 0), lenient, 1),
            (all(3, 0, 0, 0, 1), none, 0),
            (all(3, 0, 0, 0, 1), strict, 1),
            (all(3, 0, 1, 0, 0), none, 2),
            (all(3, 0, 1, 0, 0), lenient, 0),
            (all(0, 0, 0, 0, 0), none, 2),
            (all(0, 0, 0, 0, 0), lenient, 0),
        ] {
            assert_eq!(code(&summary, leniency), expected, "{summary:?} {leniency:?}");
        }
    }
}
