//! What brokers say of themselves in `DescribeConfigs`: that they are the ones who were meant, what their settings are,
//! and whether they know a topic. One request asks all of it.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::{ApiKey, DescribeConfigsRequest};
use kafka_protocol::protocol::StrBytes;

use super::codec::Question;
use super::reader::{Reader, lossy};
use crate::text;

/// The versions of `DescribeConfigs` that are read here.
pub const VERSIONS: RangeInclusive<i16> = 1..=4;

/// The topic in which consumer groups keep where they are. To ask for it by name in Metadata, or for a coordinator, makes
/// it on some releases; to ask for its settings never does.
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// The first version of the API whose brokers (2.6) say that a topic does not exist; older ones may give defaults for it.
const TELLS_TOPICS: i16 = 3;

/// The settings that are asked for: two that say which broker it is, and those that decide what clients can do.
const SETTINGS: [&str; 9] = [
    "broker.id",
    "node.id",
    "auto.create.topics.enable",
    "default.replication.factor",
    "inter.broker.listener.name",
    "listener.security.protocol.map",
    "min.insync.replicas",
    "offsets.topic.replication.factor",
    "transaction.state.log.replication.factor",
];

/// The longest value that is kept, in characters.
const LONGEST_VALUE: usize = 400;

/// The kinds of resources that `DescribeConfigs` speaks of.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// There is no such topic.
const UNKNOWN_TOPIC: i16 = 3;

/// What a broker said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// The error code that stands with the broker itself; 0 is none.
    pub error: i16,
    /// The broker's words for it.
    pub words: String,
    /// Those of its settings that it gave, as they may be shown.
    pub settings: BTreeMap<String, String>,
    /// Whether it knows these topics; without those that it said nothing of.
    pub topics: BTreeMap<String, bool>,
}

/// The question: settings that a broker gives of itself only, and whether these topics exist.
pub fn question(version: i16, id: i32, topics: &[String]) -> Question {
    let keys = |names: &[&'static str]| Some(names.iter().copied().map(StrBytes::from_static_str).collect());
    let broker = DescribeConfigsResource::default()
        .with_resource_type(BROKER)
        .with_resource_name(StrBytes::from_string(id.to_string()))
        .with_configuration_keys(keys(&SETTINGS));
    let topic = |name: &String| {
        DescribeConfigsResource::default()
            .with_resource_type(TOPIC)
            .with_resource_name(StrBytes::from_string(name.clone()))
            .with_configuration_keys(keys(&["cleanup.policy"]))
    };
    let topics = topics.iter().filter(|_| version >= TELLS_TOPICS).map(topic);
    let resources = std::iter::once(broker).chain(topics).collect();
    Question::new(ApiKey::DescribeConfigs, version, &DescribeConfigsRequest::default().with_resources(resources))
}

/// Reads the answer; of the topics, those that were asked for.
pub fn answer(reply: &[u8], version: i16, asked: &[String]) -> Option<Description> {
    let mut reader = Reader::new(reply, version >= 4);
    reader.i32()?; // throttle time
    let mut found = None;
    let mut topics = BTreeMap::new();
    for _ in 0..reader.count()? {
        let error = reader.i16()?;
        let words = reader.string()?;
        let kind = reader.i8()?;
        let name = reader.string()?;
        let settings = settings(&mut reader, version)?;
        reader.tags()?;
        if kind == BROKER {
            found = Some(Description { error, words: lossy(words, 300), settings, ..Description::default() });
        } else if let Some(topic) = asked.iter().find(|topic| kind == TOPIC && topic.as_bytes() == name)
            && matches!(error, 0 | UNKNOWN_TOPIC)
        {
            topics.insert(topic.clone(), error == 0);
        }
    }
    found.map(|found| Description { topics, ..found })
}

/// The settings of one resource; those that were not asked for are passed over.
fn settings(reader: &mut Reader, version: i16) -> Option<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for _ in 0..reader.count()? {
        let name = reader.string()?;
        let value = reader.string()?;
        reader.i8()?; // whether it is read-only
        reader.i8()?; // its source
        let sensitive = reader.i8()? != 0;
        for _ in 0..reader.count()? {
            reader.string()?; // a synonym,
            reader.string()?; // its value
            reader.i8()?; // and its source
            reader.tags()?;
        }
        if version >= 3 {
            reader.i8()?; // its type
            reader.string()?; // its documentation
        }
        reader.tags()?;
        if let Some(name) = SETTINGS.iter().find(|known| known.as_bytes() == name)
            && !sensitive
            && !value.is_empty()
        {
            let value = text::line(&text::redact(&lossy(value, LONGEST_VALUE)), LONGEST_VALUE);
            found.insert((*name).to_owned(), value);
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer as a broker of this version writes it.
    struct Reply {
        bytes: Vec<u8>,
        version: i16,
    }

    impl Reply {
        fn count(&mut self, count: usize) {
            if self.version >= 4 {
                self.bytes.push(u8::try_from(count + 1).unwrap());
            } else {
                self.bytes.extend(i32::try_from(count).unwrap().to_be_bytes());
            }
        }

        fn string(&mut self, text: &str) {
            if self.version >= 4 {
                self.bytes.push(u8::try_from(text.len() + 1).unwrap());
            } else {
                self.bytes.extend(i16::try_from(text.len()).unwrap().to_be_bytes());
            }
            self.bytes.extend(text.as_bytes());
        }

        fn tags(&mut self) {
            if self.version >= 4 {
                self.bytes.push(0);
            }
        }

        fn resource(&mut self, kind: i8, name: &str, error: i16, settings: &[(&str, &str, bool)]) {
            self.bytes.extend(error.to_be_bytes());
            self.string("");
            self.bytes.extend(kind.to_be_bytes());
            self.string(name);
            self.count(settings.len());
            for (name, value, sensitive) in settings {
                self.string(name);
                self.string(value);
                self.bytes.extend([0, 5, u8::from(*sensitive)]);
                self.count(1);
                self.string(name);
                self.string(value);
                self.bytes.push(5);
                self.tags();
                if self.version >= 3 {
                    self.bytes.push(2);
                    self.string("");
                }
                self.tags();
            }
            self.tags();
        }
    }

    fn reply(version: i16) -> Vec<u8> {
        let mut reply = Reply { bytes: vec![0; 4], version };
        reply.count(5);
        reply.resource(TOPIC, "orders", 0, &[("cleanup.policy", "delete", false)]);
        let settings = [
            ("node.id", "7", false),
            ("auto.create.topics.enable", "false", false),
            ("ssl.keystore.password", "hunter2", false),
            ("min.insync.replicas", "3", true),
        ];
        reply.resource(BROKER, "7", 0, &settings);
        reply.resource(TOPIC, "gone", UNKNOWN_TOPIC, &[]);
        reply.resource(TOPIC, "forbidden", 29, &[]);
        reply.resource(TOPIC, "unasked", 0, &[]);
        reply.bytes
    }

    #[test]
    fn settings_and_topics_are_read_in_every_version_and_order() {
        let asked = ["forbidden", "gone", "orders"].map(str::to_owned);
        let expected = Description {
            settings: [("auto.create.topics.enable", "false"), ("node.id", "7")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            topics: [("gone".to_owned(), false), ("orders".to_owned(), true)].into(),
            ..Description::default()
        };
        for version in VERSIONS {
            let bytes = reply(version);
            assert_eq!(answer(&bytes, version, &asked), Some(expected.clone()), "version {version}");
            for cut in 0..bytes.len() {
                assert_eq!(answer(&bytes[..cut], version, &asked), None, "version {version}, {cut} bytes");
            }
        }
    }

    #[test]
    fn topics_are_asked_for_only_where_their_absence_is_told() {
        let holds =
            |version| question(version, 1, &["orders".to_owned()]).frame(1).windows(6).any(|bytes| bytes == b"orders");
        assert_eq!([1, 2, 3, 4].map(holds), [false, false, true, true]);
    }
}
