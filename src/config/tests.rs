use std::collections::BTreeMap;

use super::*;
use crate::compose::{Set, as_stack};
use crate::derive::testing::{container, stack};
use crate::plan::wanted::{Condition, Place as Leads, Question};
use crate::plan::{Expectation as Expect, Readiness};

/// Reads a file as if it lay in the working folder.
fn of(text: &str) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("technologies")).unwrap();
    std::fs::write(folder.path().join("crosscheck.yaml"), text).unwrap();
    let variables = [("PORT", "8081"), ("SECRET", "hunter2")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let variables = BTreeMap::from(variables);
    let around = Surroundings { variables, directory: folder.path().to_owned(), ..Surroundings::default() };
    read(None, &around.directory, None, &around).map_err(|error| error.to_string())
}

#[test]
fn every_mistake_has_its_place_and_says_what_to_write() {
    for (text, wanted) in [
        ("expect:\n  - app\n", "crosscheck.yaml:2:5: \"app\" is no expectation; write `app -> kafka://kafka:29092`"),
        (
            "expct: []\n",
            "crosscheck.yaml:1:1: the key `expct` is not known here (did you mean `expect`?); there are `expect`, `silence`",
        ),
        ("expect: app -> kafka:9092\n", "crosscheck.yaml:1:9: a list is expected here, and this is another text"),
        ("- a\n", "crosscheck.yaml:1:1: a mapping with keys such as `expect` is expected here, and this is a list"),
        ("expect:\n  - 1: 2\n", "crosscheck.yaml:2:5: the key `1` is not known here; there are `from`, `to`"),
        (
            "expect:\n  - [a]\n",
            "crosscheck.yaml:2:5: `FROM -> TARGET`, or a mapping with `from` and `to` is expected here, and this is a list",
        ),
        ("expect:\n  - to: a:1\n", "crosscheck.yaml:2:5: `from` is missing here"),
        ("expect:\n  - from: a\n", "crosscheck.yaml:2:5: it names no `to`"),
        ("expect:\n  - {from: [], to: a:1}\n", "crosscheck.yaml:2:5: it names no `from`"),
        (
            "expect:\n  - from: a\n    to: http://a:1\n    stats: 200\n",
            "crosscheck.yaml:4:5: the key `stats` is not known here (did you mean `status`?)",
        ),
        (
            "expect:\n  - from: a\n    to: http://a:1\n    status: OK\n",
            "crosscheck.yaml:4:13: a status is written as 200, 2xx or 200-299",
        ),
        (
            "expect:\n  - from: a\n    to: http://a:1\n    status: [200, 2xxx]\n",
            "crosscheck.yaml:4:19: a status is written as",
        ),
        (
            "expect:\n  - from: a\n    to: http://a:1\n    status: 300-200\n",
            "crosscheck.yaml:4:13: a status is written as",
        ),
        (
            "expect:\n  - from: a\n    to: http://a:1\n    within: 5\n",
            "crosscheck.yaml:4:13: a time needs a unit: 2s, 500ms, 1m",
        ),
        ("expect:\n  - from: a\n    to: http://a:1\n    timeout: 1h\n", "crosscheck.yaml:4:14: 'h' is no unit of time"),
        (
            "expect:\n  - from: a\n    to: http://a:1\n    json: {status: UP}\n",
            "crosscheck.yaml:4:20: a JSON Pointer starts with a slash",
        ),
        (
            "expect:\n  - from: a\n    to: http://a:1\n    json: {/status: [1]}\n",
            "crosscheck.yaml:4:21: a text, a number, true, false or null is expected here, and this is a list",
        ),
        (
            "expect:\n  - from: a\n    to: http://a:1\n    headroom: many\n",
            "crosscheck.yaml:4:15: a number is expected here, and this is another text",
        ),
        ("expect:\n  - from: a\n    to: dns://a\n    addresses: []\n", "crosscheck.yaml:4:16: it names no address"),
        (
            "expect:\n  - from: a\n    not: a:1\n    status: 200\n",
            "crosscheck.yaml:4:13: this says how an answer must be, and there is no `to`",
        ),
        ("expect:\n  - {from: a, to: http://a, status: []}\n", "crosscheck.yaml:2:37: it names no status"),
        ("expect:\n  - {from: a, to: http://a, within: 0s}\n", "crosscheck.yaml:2:37: no answer comes within no time"),
        ("expect:\n  - {from: a, to: [b:1, c:1], not: c:1}\n", ": this must not be reachable, and"),
        ("expect:\n  - {from: a, to: http://a, headers: {x y: z}}\n", ": \"x y\" is no name of a header"),
        ("expect:\n  - {from: a, to: http://a, headers: {'x:': z}}\n", "\"x:\" is no name of a header"),
        ("silence:\n  - reason: x\n", "crosscheck.yaml:2:5: it names neither a `rule` nor a `check`"),
        ("silence:\n  - rule: kafka-topic-missing\n", "crosscheck.yaml:2:5: `reason` is missing here"),
        (
            "silence:\n  - {rule: kafka-topic-mising, reason: x}\n",
            "crosscheck.yaml:2:12: there is no rule \"kafka-topic-mising\" (did you mean kafka-topic-missing?)",
        ),
        ("silence:\n  - {rule: kafka-topic-missing, reason: ' '}\n", "crosscheck.yaml:2:41: say why"),
        (
            "silence:\n  - {check: 'a -> b', service: a, reason: x}\n",
            "crosscheck.yaml:2:32: `service` narrows down a `rule`",
        ),
        (
            "silence:\n  - {rule: kafka-topic-missing, reason: x, until: soon}\n",
            "crosscheck.yaml:2:51: a day is written as 2027-01-31",
        ),
        (
            "silence:\n  - {rule: kafka-topic-missing, reason: x, until: 2027-02-30}\n",
            "crosscheck.yaml:2:51: a day is written as",
        ),
        ("technologies: nowhere\n", "crosscheck.yaml:1:15: there is no folder \"nowhere\""),
        ("technologies: 3\n", "crosscheck.yaml:1:15: there is no folder \"3\""),
        ("technologies: $PORT\n", "crosscheck.yaml:1:15: there is no folder \"***\""),
        ("Expect: []\n", "the key `Expect` is not known here (did you mean `expect`?)"),
        ("expect:\n  - {from: , to: a:1}\n", "it names no `from`"),
        ("expect:\n  - {from: a, to: [~]}\n", "this is nothing"),
        ("y-own: 1\n", "the key `y-own` is not known"),
        ("timeout: 1ms\n", "crosscheck.yaml:1:10: the time for a check is between 10ms and 10m"),
        ("external: perhaps\n", "crosscheck.yaml:1:11: true or false is expected here"),
        ("expect: [\n", "crosscheck.yaml:1:9: unclosed bracket"),
        ("a: 1\na: 2\n", "crosscheck.yaml:2:1: the key `a` is there already, in line 1"),
        ("timeout: 2s\n---\ntimeout: 3s\n", "crosscheck.yaml:3:1: there is one document in this file"),
        ("timeout: ${NOBODY:?set it}\n", "crosscheck.yaml:1:10: "),
    ] {
        match of(text) {
            Ok(_) => panic!("read: {text}"),
            Err(error) => assert!(error.contains(wanted), "{text}\n  {error}\n  {wanted}"),
        }
    }
}

#[test]
fn no_mistake_repeats_a_secret() {
    for text in [
        "expect:\n  - app redis://:hunter2@redis:6379\n",
        "expect:\n  - from: a\n    to: {x: redis://:hunter2@redis}\n",
        "timeout: redis://:hunter2@redis\n",
        "expect: redis://:hunter2@redis\n",
        "expect:\n  - from: a\n    to: redis://:hunter2@redis\n    headroom: hunter2\n",
    ] {
        let error = of(text).map(drop).unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn no_mistake_repeats_what_a_variable_holds() {
    let stack = stack([container("app", "any:1"), container("redis", "redis:7")]);
    for (text, wanted) in [
        ("expect:\n  - {from: '${SECRET}', to: redis:6379}\n", ":2:12: there is no service \"***\" to look from; look"),
        ("expect:\n  - {from: \"\\x24SECRET\", to: redis:6379}\n", "there is no service \"***\""),
        ("expect:\n  - ${SECRET} -> redis:6379\n", ":2:5: there is no service \"***\""),
        ("expect:\n  - network:$SECRET -> redis:6379\n", "has no network \"***\""),
        ("expect:\n  - app#$SECRET -> redis:6379\n", "service app has no container ***"),
        ("expect:\n  - $SECRET\n", "\"***\" is no expectation"),
        ("expect:\n  - app -> $SECRET\n", "\"***\" has no port"),
        ("expect:\n  - app -> $SECRET://redis\n", "protocol \"***\" is not known"),
        ("expect:\n  - {from: app, to: 'dns://redis', addresses: $SECRET}\n", "*** is neither a service"),
        ("silence:\n  - {rule: $SECRET, reason: x}\n", "there is no rule of the name that the variable holds"),
        ("timeout: 5$SECRET\n", ""),
        ("timeout: $SECRET\n", ""),
        // What no service can be called, wherever it is from.
        ("expect:\n  - hunter2! -> redis:6379\n", "there is no service \"***\""),
        // What came from no variable is told.
        ("expect:\n  - ap -> http://app:$PORT\n", "there is no service \"ap\" to look from (did you mean app?)"),
    ] {
        let error = of(text).and_then(|config| {
            let found = config.expect.iter().map(|expected| expected.derive(&stack, None));
            found.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())
        });
        let error = error.map(drop).expect_err(text);
        assert!(error.contains(wanted) && !error.contains("hunter"), "{text}\n  {error}");
    }
}

#[test]
fn nothing_at_all_is_no_mistake() {
    for text in [
        "",
        "# nothing yet\n",
        "---\n",
        "expect: []\n",
        "expect:\n#  - a -> b:1\nsilence:\n",
        "technologies:\ntimeout:\nexternal:\n",
        "x-own: &own {from: a}\nexpect:\n  - {<<: *own, to: b:1}\n",
        "x-: 1\n",
        "expect:\n  - {from: a, to: http://a, headers: {}, json: {}, not: [a:1]}\n",
        "\u{feff}timeout: 3s\r\n",
    ] {
        assert!(of(text).is_ok(), "{text:?}");
    }
    assert_eq!(of("timeout: 3s\n").unwrap().timeout, Some(Duration::from_secs(3)));
    let config = of("technologies: technologies\nexternal: true\n").unwrap();
    assert!(config.technologies[0].ends_with("technologies") && config.external);
}

#[test]
fn what_is_expected_becomes_connections() {
    let config = of("expect:
  - app -> redis:6379
  - web -/-> mysql://db:3306
  - from: [app, host]
    to: http://api:$PORT/health
    not: redis://redis:6379
    because: the load balancer asks it
    timeout: 5s
    within: 200ms
    status: [200, 3xx]
    headers: {Content-Type: application/json}
    body: ok
    json: {/status: UP, /count: 3, /none: null}
  - from: app
    to: dns://api
    addresses: [api, 10.0.0.0/8]
")
    .unwrap();
    let stack = stack([
        container("app", "any:1"),
        container("web", "any:1"),
        container("redis", "redis:7"),
        container("db", "mysql:9"),
        container("api", "any:1"),
    ]);
    let found: Vec<_> =
        config.expect.iter().flat_map(|expectation| expectation.derive(&stack, None).unwrap()).collect();
    let shown: Vec<_> = found
        .iter()
        .map(|it| (it.from.to_string(), it.target.to_string(), it.expect, it.origin.location.as_ref().unwrap().line))
        .collect();
    let answers = |from: &str, to: &str, line| (from.to_owned(), to.to_owned(), Expect::Answers, line);
    let closed = |from: &str, to: &str, line| (from.to_owned(), to.to_owned(), Expect::Closed, line);
    let expected = [
        answers("app", "redis://redis:6379", 2),
        closed("web", "mysql://db:3306", 3),
        answers("app", "http://api:8081/health", 5),
        closed("app", "redis://redis:6379", 6),
        answers("host", "http://api:8081/health", 5),
        closed("host", "redis://redis:6379", 6),
        answers("app", "dns://api", 15),
    ];
    assert_eq!(shown, expected);
    assert_eq!(
        (found[0].origin.name.as_str(), found[2].origin.name.as_str()),
        ("crosscheck.yaml", "the load balancer asks it")
    );
    let wanted = &found[2].wanted;
    let json =
        |pointer: &str, value: &str| Condition::Http(Question::Json { pointer: pointer.into(), value: value.into() });
    let conditions = [
        Condition::Status(vec![(200, 200), (300, 399)]),
        Condition::Http(Question::Header { name: "content-type".into(), value: "application/json".into() }),
        Condition::Http(Question::Body("ok".into())),
        json("/count", "3"),
        json("/none", "null"),
        json("/status", "UP"),
        Condition::Within(Duration::from_millis(200)),
    ];
    assert_eq!((wanted.conditions.as_slice(), wanted.timeout), (conditions.as_slice(), Some(Duration::from_secs(5))));
    assert!(found[3].wanted.conditions.is_empty(), "what must not answer has no answer");
    let leads = vec![Leads::Service("api".into()), Leads::network("10.0.0.0/8").unwrap()];
    assert_eq!(found[6].wanted.conditions, [Condition::Addresses(leads)]);
}

#[test]
fn what_does_not_fit_the_stack_is_said_at_its_place() {
    let stack = stack([container("app", "any:1"), container("redis", "redis:7")]);
    for (text, wanted) in [
        ("- ap -> redis:6379", "crosscheck.yaml:2:3: there is no service \"ap\" to look from (did you mean app?)"),
        ("- app#4 -> redis:6379", ":2:3: service app has no container 4"),
        ("- {from: app, to: redes:6379}", ":2:19: there is no service \"redes\" (did you mean redis?)"),
        ("- {from: app, not: redes:6379}", ":2:20: there is no service \"redes\" (did you mean redis?)"),
        ("- {from: 'network:x', to: redis:6379}", ":2:10: the stack has no network \"x\""),
        ("- {from: app, to: kafak://redis:6379}", ":2:19: protocol \"kafak\" is not known (did you mean kafka?)"),
        ("- {from: app, to: redis}", ":2:19: \"redis\" has no port"),
        ("- {from: app, to: redis:6379, status: 200}", ":2:39: this is about an HTTP answer"),
        ("- {from: app, to: tcp://redis:6379, headroom: 3}", ":2:47: MySQL, PostgreSQL and Redis say"),
        (
            "- {from: app, to: dns://redis, addresses: [redi]}",
            ":2:44: \"redi\" is neither a service (did you mean redis?)",
        ),
    ] {
        let config = of(&format!("expect:\n{text}\n")).unwrap();
        let error = config.expect[0].derive(&stack, None).map(drop).unwrap_err().to_string();
        assert!(error.contains(wanted), "{text}\n  {error}\n  {wanted}");
    }
}

pub(super) fn project(text: &str) -> Project {
    let set = Set { files: vec!["/shop/compose.yaml".into()], directory: "/shop".into(), variables: BTreeMap::new() };
    crate::compose::read(&set, &["*".to_owned()], &|_| Ok(text.to_owned())).unwrap()
}

#[test]
fn a_service_that_does_not_run_is_no_mistake() {
    let project = project(
        "services:
  app: {image: a}
  batch: {image: a, profiles: [slow]}
  redis: {image: redis}
x-crosscheck:
  expect: [batch -> redis:6379, app -> redis:6379]
",
    );
    let config = read(
        None,
        Path::new("/shop"),
        Some(&project),
        &Surroundings { directory: "/".into(), ..Surroundings::default() },
    )
    .unwrap();
    let mut stack = as_stack(&project, "shop");
    stack.containers.retain(|container| container.service == "redis");
    let found: Vec<_> =
        config.expect.iter().flat_map(|expectation| expectation.derive(&stack, Some(&project)).unwrap()).collect();
    assert_eq!(found[0].readiness, Readiness::Skip("nothing of batch runs, which has profiles".into()));
    assert_eq!(found[1].readiness, Readiness::Cannot("nothing of app runs".into()));
    assert_eq!(found[0].origin.value.as_deref(), Some("batch -> redis:6379"));
    let location = found[0].origin.location.as_ref().unwrap();
    assert_eq!((location.file.as_str(), location.line, location.column), ("shop/compose.yaml", 6, 12));
}

#[test]
fn the_compose_file_may_say_the_same() {
    let text = "services:\n  app: {image: a}\nx-crosscheck:\n  timeout: 4s\n  expct: []\n";
    let around = Surroundings { directory: "/shop".into(), ..Surroundings::default() };
    let error = read(None, Path::new("/shop"), Some(&project(text)), &around).map(drop).unwrap_err().to_string();
    assert!(error.starts_with("compose.yaml:5:3: the key `expct` is not known"), "{error}");
    let config = read(None, Path::new("/shop"), Some(&project(&text.replace("expct", "expect"))), &around).unwrap();
    assert_eq!(config.timeout, Some(Duration::from_secs(4)));
    let empty = "services:\n  app: {image: a}\nx-crosscheck:\n";
    assert!(read(None, Path::new("/shop"), Some(&project(empty)), &around).is_ok());
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let around = Surroundings { directory: "/".into(), ..Surroundings::default() };
    let error =
        read(Some(Path::new("nowhere/x.yaml")), Path::new("/"), None, &around).map(drop).unwrap_err().to_string();
    assert!(error.starts_with("nowhere/x.yaml: "), "{error}");
}

/// The schema is made of the types, and says yes and no to the same files as the reader, as far as a schema can.
#[test]
fn the_schema_is_that_of_the_types() {
    let generator = schemars::generate::SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<File>();
    schema.insert("title".into(), "crosscheck.yaml".into());
    let schema = serde_json::to_value(schema).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/config.schema.json");
    let shown = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(&path, &shown).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), shown, "UPDATE_GENERATED=1 cargo test --lib writes it");
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (file, valid) in [
        (serde_json::json!({"expect": ["app -> kafka:9092"], "timeout": "2s"}), true),
        (
            serde_json::json!({"expect": [{"from": "app", "to": ["a:1"], "status": [200, "2xx"], "json": {"/a": null}}]}),
            true,
        ),
        (serde_json::json!({"silence": [{"rule": "tls-failed", "reason": "x", "until": "2027-01-31"}]}), true),
        (serde_json::json!({"technologies": "mine", "external": true}), true),
        (serde_json::json!({"expect": null, "silence": null}), true),
        (serde_json::json!({"technologies": null, "x-own": {"a": [1]}}), true),
        (serde_json::json!({"expct": []}), false),
        (serde_json::json!({"expect": ["app"]}), false),
        (serde_json::json!({"expect": [{"to": "a:1"}]}), false),
        (serde_json::json!({"expect": [{"from": "app", "to": "a:1", "status": "OK"}]}), false),
        (serde_json::json!({"silence": [{"rule": "tls-failed"}]}), false),
        (serde_json::json!({"timeout": "5"}), false),
    ] {
        assert_eq!(validator.is_valid(&file), valid, "{file}");
        // JSON is YAML.
        assert_eq!(of(&file.to_string().replace("\"mine\"", "\"technologies\"")).is_ok(), valid, "{file}");
    }
}

#[test]
fn the_examples_of_the_docs_hold() {
    let docs = include_str!("../../docs/configuration.md");
    let examples: Vec<_> =
        docs.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default()).collect();
    assert_eq!(examples.len(), 3);
    for example in &examples {
        let config = of(&example.replace("${DB_PASSWORD}", "secret")).unwrap();
        assert!(!config.expect.is_empty() || !config.silence.is_empty() || config.external, "{example}");
    }
    // Every key is explained.
    let schema = include_str!("../../schema/config.schema.json");
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
    for part in
        [&schema["properties"], &schema["$defs"]["Long"]["properties"], &schema["$defs"]["Silence"]["properties"]]
    {
        for key in part.as_object().unwrap().keys() {
            assert!(docs.contains(&format!("`{key}`")), "{key}");
        }
    }
}
