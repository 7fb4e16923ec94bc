//! Which releases of Apache Kafka offer these versions of its APIs.

use kafka_protocol::messages::ApiKey;

use super::codec::Apis;

/// The first release, newest first, whose brokers offer this version of an API, whatever their settings.
const FIRSTS: [(&str, ApiKey, i16); 12] = [
    ("4.2", ApiKey::OffsetCommit, 10),
    ("4.1", ApiKey::Fetch, 18),
    ("4.0", ApiKey::Metadata, 13),
    ("3.9", ApiKey::Fetch, 17),
    ("3.8", ApiKey::Produce, 11),
    ("3.7", ApiKey::Fetch, 16),
    ("3.5", ApiKey::Fetch, 15),
    ("3.3", ApiKey::DescribeLogDirs, 4),
    ("3.2", ApiKey::JoinGroup, 9),
    ("3.1", ApiKey::Metadata, 12),
    ("3.0", ApiKey::ListOffsets, 7),
    ("2.8", ApiKey::Metadata, 11),
];

/// The last release before the one that the entry above names, where that is not the entry itself.
const LASTS: [(&str, &str); 2] = [("3.5", "3.6"), ("3.3", "3.4")];

/// The releases that offer `apis`: `4.1`, `3.5 or 3.6`, `4.2 or later`. `None` where they fit no release, as those of
/// other makers' brokers, or are older than 2.8.
pub fn range(apis: &Apis) -> Option<String> {
    let offers = |&(_, key, version): &(&str, ApiKey, i16)| apis.greatest(key).is_some_and(|it| it >= version);
    let newest = FIRSTS.iter().position(offers)?;
    // What came with a release stays in those that follow.
    if !FIRSTS[newest..].iter().all(offers) {
        return None;
    }
    let (first, ..) = FIRSTS[newest];
    if newest == 0 {
        return Some(format!("{first} or later"));
    }
    let last = LASTS.iter().find(|(of, _)| *of == first);
    Some(last.map_or_else(|| first.to_owned(), |(_, last)| format!("{first} or {last}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// APIs with just these greatest versions, in the order of the keys below.
    fn apis(greatest: [i16; 7]) -> Apis {
        let keys = [
            ApiKey::OffsetCommit,
            ApiKey::Fetch,
            ApiKey::Metadata,
            ApiKey::Produce,
            ApiKey::DescribeLogDirs,
            ApiKey::JoinGroup,
            ApiKey::ListOffsets,
        ];
        keys.into_iter().zip(greatest).map(|(key, version)| (key as i16, (0, version))).collect()
    }

    #[test]
    fn releases_are_told_apart() {
        for (greatest, release) in [
            ([10, 18, 13, 13, 4, 9, 11], Some("4.2 or later")),
            ([9, 18, 13, 13, 4, 9, 10], Some("4.1")),
            ([9, 17, 12, 11, 4, 9, 9], Some("3.9")),
            ([8, 15, 12, 9, 4, 9, 8], Some("3.5 or 3.6")),
            ([8, 13, 12, 9, 4, 9, 7], Some("3.3 or 3.4")),
            ([8, 12, 11, 9, 2, 7, 6], Some("2.8")),
            ([7, 11, 9, 8, 2, 6, 5], None),
            // Fetch of 4.1 with the groups of 2.8: no release of Apache Kafka.
            ([8, 18, 12, 11, 4, 7, 7], None),
        ] {
            assert_eq!(range(&apis(greatest)).as_deref(), release);
        }
        assert_eq!(range(&Apis::default()), None);
    }
}
