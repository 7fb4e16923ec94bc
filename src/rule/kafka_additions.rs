//! One more listener for a broker, beside those that it has: what somebody uses stays as it is.

use super::kafka_listeners::{Advertised, FLAGS, bound, names, setting, settings};
use crate::stack::Container;

/// What to set so that a broker has one more listener, advertised as `host:port`, or where no port is given at the one that
/// it is bound to; all that it has stays as it is. It speaks what the listener of the name `like` does. Gives the text and the listener.
#[must_use]
pub fn adding(broker: &Container, wanted: &str, host: &str, port: Option<u16>, like: &str) -> (String, Advertised) {
    let (settings, known) = (settings(broker), names(broker));
    let is_free = |name: &String| !known.iter().any(|other| other.eq_ignore_ascii_case(name));
    let mut numbered = std::iter::once(wanted.to_owned()).chain((2..).map(|number| format!("{wanted}{number}")));
    let name = numbered.find(is_free).unwrap_or_else(|| wanted.to_owned());
    let used: Vec<u16> = bound(broker).map(|(_, ports)| ports).unwrap_or_default();
    let is_unused = |port: &u16| !used.contains(port) && settings.advertised.iter().all(|other| other.bound != *port);
    let bound = [29092, 39092, 49092].into_iter().find(is_unused).unwrap_or(59092);
    let added = Advertised { name: name.clone(), host: host.to_owned(), port: port.unwrap_or(bound), bound };
    let advertised = settings.advertised.iter().chain([&added]).map(|it| format!("{}://{}", it.name, it.address()));
    let advertised = advertised.collect::<Vec<_>>().join(",");
    let flags = settings.variable == FLAGS.0;
    let everywhere = if flags { "0.0.0.0" } else { "" };
    let unwritten = settings.advertised.iter().map(|it| format!("{}://{everywhere}:{}", it.name, it.bound));
    let listeners = settings.listeners.clone().unwrap_or_else(|| unwritten.collect::<Vec<_>>().join(","));
    let listeners = format!("{},{name}://{everywhere}:{bound}", listeners.trim().trim_end_matches(','));
    if flags {
        let text = format!("start {} with\n  {} {listeners}\n  {} {advertised}", broker.service, FLAGS.1, FLAGS.0);
        return (text, added);
    }
    let speaks = |name: &String| {
        let itself = ["SSL", "SASL_PLAINTEXT", "SASL_SSL"].into_iter().find(|it| it.eq_ignore_ascii_case(name));
        format!("{name}:{}", itself.unwrap_or("PLAINTEXT"))
    };
    let map = setting(broker, "LISTENER_SECURITY_PROTOCOL_MAP").filter(|map| !map.is_empty()).map(str::to_owned);
    let map = map.unwrap_or_else(|| known.iter().map(speaks).collect::<Vec<_>>().join(","));
    let mut mapped = map.split(',').filter_map(|entry| entry.trim().split_once(':'));
    let protocol =
        mapped.find(|(name, _)| name.eq_ignore_ascii_case(like)).map_or("PLAINTEXT", |(_, protocol)| protocol);
    let prefix = settings.variable.trim_end_matches("ADVERTISED_LISTENERS");
    let text = format!(
        "give {} one more listener:\n  {prefix}LISTENERS: {listeners}\n  {prefix}ADVERTISED_LISTENERS: {advertised}\n  {prefix}LISTENER_SECURITY_PROTOCOL_MAP: {map},{name}:{protocol}",
        broker.service
    );
    (text, added)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::testing::broker;

    #[test]
    fn what_is_added_leaves_the_rest_as_it_is() {
        let broker = |more: &[(&str, &str)]| {
            let named =
                [("KAFKA_ADVERTISED_LISTENERS", "PLAINTEXT://kafka:9092"), ("KAFKA_CONTROLLER_LISTENER_NAMES", "C")];
            broker(&[&named[..], more].concat(), &[])
        };
        let (text, added) = adding(&broker(&[]), "EXTERNAL", "localhost", Some(39093), "PLAINTEXT");
        assert_eq!((added.bound, added.address().as_str()), (29092, "localhost:39093"));
        assert_eq!(
            text,
            "give kafka one more listener:\n  KAFKA_LISTENERS: PLAINTEXT://:9092,EXTERNAL://:29092\n  KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://kafka:9092,EXTERNAL://localhost:39093\n  KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: PLAINTEXT:PLAINTEXT,C:PLAINTEXT,EXTERNAL:PLAINTEXT"
        );
        let taken = broker(&[
            ("KAFKA_LISTENERS", "PLAINTEXT://:9092,EXTERNAL://:29092,C://:9093"),
            ("KAFKA_LISTENER_SECURITY_PROTOCOL_MAP", "PLAINTEXT:SASL_PLAINTEXT,EXTERNAL:SSL,C:PLAINTEXT"),
        ]);
        let (text, added) = adding(&taken, "EXTERNAL", "localhost", None, "PLAINTEXT");
        assert_eq!((added.bound, added.address().as_str()), (39092, "localhost:39092"));
        assert!(
            text.contains("KAFKA_LISTENERS: PLAINTEXT://:9092,EXTERNAL://:29092,C://:9093,EXTERNAL2://:39092\n"),
            "{text}"
        );
        assert!(
            text.ends_with("MAP: PLAINTEXT:SASL_PLAINTEXT,EXTERNAL:SSL,C:PLAINTEXT,EXTERNAL2:SASL_PLAINTEXT"),
            "{text}"
        );
        let redpanda = self::broker(&[], &["redpanda start --advertise-kafka-addr=in://redpanda:9092"]);
        assert_eq!(
            adding(&redpanda, "external", "localhost", Some(9092), "in").0,
            "start kafka with\n  --kafka-addr in://0.0.0.0:9092,external://0.0.0.0:29092\n  --advertise-kafka-addr in://redpanda:9092,external://localhost:9092"
        );
    }
}
