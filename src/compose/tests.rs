//! Small declarations in memory, and what is read of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use super::*;

/// Reads files by name, the first ones merged; `variables` are those that they may refer to.
fn project(
    names: &[&str],
    files: &[(&str, &str)],
    variables: &[(&str, &str)],
    profiles: &[&str],
) -> Result<Project, String> {
    let files: BTreeMap<_, _> = files.iter().map(|(name, text)| (Path::new("/shop").join(name), *text)).collect();
    let set = Set {
        files: names.iter().map(|name| Path::new("/shop").join(name)).collect(),
        directory: "/shop".into(),
        variables: variables.iter().map(|&(name, value)| (name.into(), value.into())).collect(),
    };
    let profiles: Vec<_> = profiles.iter().map(|&profile| profile.to_owned()).collect();
    let text = |path: &Path| files.get(path).map(|text| (*text).to_owned()).ok_or("no such file".to_owned());
    read(&set, &profiles, &text).map_err(|error| error.to_string())
}

fn one(text: &str) -> Result<Project, String> {
    project(&["compose.yaml"], &[("compose.yaml", text)], &[], &[])
}

/// A service's variables as `NAME=value file:line:column`.
fn variables(project: &Project, service: &str) -> Vec<String> {
    let of = project.services[service].environment.iter();
    of.map(|(name, placed)| {
        let file = project.sources.path(placed.place).strip_prefix("/shop").unwrap().display();
        let value = placed.value.as_deref().map(|value| format!("={value}")).unwrap_or_default();
        format!("{name}{value} {file}:{}:{}", placed.place.line, placed.place.column)
    })
    .collect()
}

#[test]
fn every_variable_has_the_place_where_its_value_is_written() {
    let compose = "\
x-common: &common
  KAFKA: kafka:9092
  DB: db:1
x-more: &more {DB: db:2, MORE: 0x10}
services:
  map:
    environment:
      <<: [*common, *more]
      DB: \"db:3\"
      EMPTY:
      TAKEN:
  list:
    environment:
      - KAFKA=kafka:9092
      - 'QUOTED=a=b'
      - NAME
      - TAKEN
      - ${KEY}=by name
";
    let read = project(&["c.yaml"], &[("c.yaml", compose)], &[("TAKEN", "t"), ("KEY", "K")], &[]).unwrap();
    let expected = [
        "DB=db:3 c.yaml:9:11",
        "EMPTY c.yaml:10:12",
        "KAFKA=kafka:9092 c.yaml:2:10",
        "MORE=16 c.yaml:4:32",
        "TAKEN=t c.yaml:11:12",
    ];
    assert_eq!(variables(&read, "map"), expected);
    let expected = [
        "K=by name c.yaml:18:9",
        "KAFKA=kafka:9092 c.yaml:14:15",
        "NAME c.yaml:16:9",
        "QUOTED=a=b c.yaml:15:17",
        "TAKEN=t c.yaml:17:9",
    ];
    assert_eq!(variables(&read, "list"), expected);
}

#[test]
fn files_of_variables_come_first_and_have_places_of_their_own() {
    let compose = "services: {app: {env_file: [a.env, {path: gone.env, required: false}], environment: {B: own}}}";
    let files =
        [("c.yaml", compose), ("a.env", "# all of them\r\nA=kafka:9092\r\nexport B=file\r\nC=\"$A/$OUT\"\nOUT\n")];
    let read = project(&["c.yaml"], &files, &[("OUT", "out")], &[]).unwrap();
    let expected = ["A=kafka:9092 a.env:2:3", "B=own c.yaml:1:89", "C=kafka:9092/out a.env:4:3", "OUT=out a.env:5:1"];
    assert_eq!(variables(&read, "app"), expected);
    let gone = one("services: {app: {env_file: gone.env}}").err().unwrap();
    assert_eq!(gone, "/shop/gone.env: no such file");
}

#[test]
fn later_files_change_what_earlier_ones_say() {
    let base = "\
services:
  app:
    image: app:1
    command: [a, b]
    environment: [A=1, B=1]
    ports: ['80:80', '81:81']
    volumes: ['./a:/data', 'v:/v']
    depends_on: [db]
  db: {image: 'postgres:16', ports: ['5432:5432']}
";
    let over = "\
services:
  app:
    image: app:2
    command: c
    environment: {B: 2}
    ports: ['80:80', '82:82']
    volumes: ['/b:/data']
    depends_on: {db: {condition: service_healthy}}
  db: {ports: !reset []}
  new: {image: new, ports: !override ['1:1']}
";
    let read = project(&["a.yaml", "b.yaml"], &[("a.yaml", base), ("b.yaml", over)], &[], &[]).unwrap();
    let app = &read.services["app"];
    assert_eq!(app.image.as_ref().unwrap().value, "app:2");
    assert_eq!(app.command.as_ref().unwrap().iter().map(|word| word.value.as_str()).collect::<Vec<_>>(), ["c"]);
    assert_eq!(variables(&read, "app"), ["A=1 a.yaml:5:21", "B=2 b.yaml:5:22"]);
    assert_eq!(app.ports.iter().map(|port| port.target).collect::<Vec<_>>(), [80, 81, 82]);
    let mounts: Vec<_> = app.mounts.iter().map(|mount| (mount.source.as_str(), mount.target.as_str())).collect();
    assert_eq!(mounts, [("v", "/v"), ("/b", "/data")]);
    assert_eq!(app.depends_on["db"].value, "service_healthy");
    assert!(read.services["db"].ports.is_empty());
    assert_eq!(read.services["new"].ports.len(), 1);
}

#[test]
fn services_extend_others_of_this_file_and_of_others() {
    let compose = "\
services:
  base: {image: base, environment: {A: 1, B: 1}}
  app:
    extends: base
    environment: {B: 2}
  far:
    extends: {file: sub/common.yaml, service: far}
    environment: {C: 3}
";
    let common = "services: {far: {extends: root, env_file: far.env}, root: {image: root, volumes: ['./x:/x']}}";
    let files = [("c.yaml", compose), ("sub/common.yaml", common), ("sub/far.env", "F=1")];
    let read = project(&["c.yaml"], &files, &[], &[]).unwrap();
    assert_eq!(variables(&read, "app"), ["A=1 c.yaml:2:40", "B=2 c.yaml:5:22"]);
    assert_eq!(variables(&read, "far"), ["C=3 c.yaml:8:22", "F=1 sub/far.env:1:3"]);
    assert_eq!(read.services["far"].mounts[0].source, "/shop/sub/x");
    let around = one("services: {a: {extends: b}, b: {extends: a}}").err().unwrap();
    assert!(around.contains("extends itself in the end"), "{around}");
    let nobody = one("services: {a: {extends: b}}").err().unwrap();
    assert!(nobody.contains("no service `b`"), "{nobody}");
}

#[test]
fn files_include_others_whose_paths_count_from_themselves() {
    let compose = "include: [sub/compose.yaml, {path: [x.yaml, y.yaml], project_directory: other}]\nservices: {app: {image: app}}";
    let sub = "services: {db: {image: 'pg:${V}', volumes: ['./init:/init']}}";
    let (x, y) = ("services: {x: {image: one, env_file: x.env}}", "services: {x: {image: two}}");
    let files = [
        ("c.yaml", compose),
        ("sub/compose.yaml", sub),
        ("sub/.env", "V=16"),
        ("x.yaml", x),
        ("y.yaml", y),
        ("other/x.env", "X=1"),
    ];
    let read = project(&["c.yaml"], &files, &[], &[]).unwrap();
    assert_eq!(read.services["db"].image.as_ref().unwrap().value, "pg:16");
    assert_eq!(read.services["db"].mounts[0].source, "/shop/sub/init");
    assert_eq!(read.services["x"].image.as_ref().unwrap().value, "two");
    assert_eq!(variables(&read, "x"), ["X=1 other/x.env:1:3"]);
    assert!(read.services.contains_key("app"));
    let around = project(&["c.yaml"], &[("c.yaml", "include: [c.yaml]\nservices: {}")], &[], &[]).err().unwrap();
    assert!(around.contains("include each other"), "{around}");
    let remote = one("include: [oci://example/x]").err().unwrap();
    assert!(remote.contains("is not fetched"), "{remote}");
}

#[test]
fn profiles_decide_who_is_there() {
    let compose = "services: {app: {image: a}, debug: {image: d, profiles: [debug, all]}}";
    let names = |profiles: &[&str]| {
        let read = project(&["c.yaml"], &[("c.yaml", compose)], &[], profiles).unwrap();
        (read.services.into_keys().collect::<Vec<_>>(), read.inactive.len())
    };
    assert_eq!(names(&[]), (vec!["app".to_owned()], 1));
    assert_eq!(names(&["all"]).0, ["app", "debug"]);
    assert_eq!(names(&["*"]).0, ["app", "debug"]);
    // The empty one is active where none is named: `profiles: ["${PROFILE:-}"]`.
    let compose = "services: {app: {image: a, profiles: ['${P:-}']}}";
    for (variables, profiles, there) in [
        (&[][..], &[][..], true),
        (&[], &["all"], false),
        (&[], &["all", ""], true),
        (&[], &["*"], true),
        (&[("P", "slow")], &[], false),
        (&[("P", "slow")], &["slow"], true),
    ] {
        let read = project(&["c.yaml"], &[("c.yaml", compose)], variables, profiles).unwrap();
        assert_eq!(read.services.contains_key("app"), there, "{variables:?} {profiles:?}");
    }
}

#[test]
fn what_compose_refuses_is_refused() {
    for (text, expected) in [
        ("services: {a: {depends_on: [b]}, bb: {}}", ":1:29: `a` needs the service `b`, which is not there"),
        (
            "services: {app: {depends_on: {cache: {}}}, cahce: {}}",
            ":1:31: `app` needs the service `cache`, which is not there (did you mean `cahce`?)",
        ),
        ("services: {a: {links: ['db:x']}}", ":1:24: `a` needs the service `db`"),
        ("services: {a: {network_mode: 'service:db'}}", ":1:30: `a` needs the service `db`"),
        ("services: {a: {volumes_from: [db]}}", "`a` needs the service `db`"),
        (
            "services: {a: {depends_on: [b]}, b: {profiles: [x]}}",
            "`b`, and no profile is active that has it: name one with --profile",
        ),
        (
            "services: {a: {networks: [nett]}}\nnetworks: {net: {}}",
            ":1:27: the network `nett` is not declared under `networks` (did you mean `net`?)",
        ),
        (
            "services: {a: {networks: {defaut: }}}",
            ":1:27: the network `defaut` is not declared under `networks` (did you mean `default`?)",
        ),
        ("services: {a: {volumes: ['data:/d']}}\nvolumes:", ":1:26: the volume `data` is not declared under `volumes`"),
        ("services: {a: {volumes: [{type: volume, source: data, target: /d}]}}", "the volume `data` is not declared"),
        (
            "services: {a: {configs: [web]}}\nconfigs: {webb: {content: x}}",
            ":1:26: the config `web` is not declared under `configs` (did you mean `webb`?)",
        ),
        ("services: {a: {secrets: [{source: key}]}}", ":1:26: the secret `key` is not declared under `secrets`"),
        (
            "services: {a: {-networks: []}}",
            ":1:16: `-networks` is no key of a service, and Compose refuses it (did you mean `networks`?)",
        ),
        ("services: {a: {profiles: [x], enviroment: {}}}", "(did you mean `environment`?)"),
        (
            "services: {}\nvolume: {}",
            ":2:1: `volume` is no key of a compose file, and Compose refuses it (did you mean `volumes`?)",
        ),
    ] {
        let error = one(text).err().unwrap_or_else(|| panic!("{text} was read"));
        assert!(error.contains(expected), "{text}: {error}");
    }
    for text in [
        "services: {a: {depends_on: {b: {condition: service_started, required: false}}}, b: {profiles: [x]}}",
        "services: {a: {profiles: [x], depends_on: [b], networks: [n], volumes: ['v2:/v']}}",
        "services: {a: {networks: [default]}, b: {networks: , volumes: , depends_on: , links: , secrets: }}",
        "services: {a: {networks: [n], secrets: [s], configs: [c], volumes: ['vol:/v']}}\n\
         networks: {n: }\nsecrets: {s: {external: true}}\nconfigs: {c: {file: x}}\nvolumes: {vol: }",
        "services: {a: {volumes: [/v, './x:/x', '~/y:/y', 'c:/x:/z', {type: volume, target: /t}, {type: tmpfs, target: /u}]}}",
        "services: {a: {x-note: 1, network_mode: host, pid: host, ipc: shareable, volumes_from: ['container:other']}}",
        "services: {a: {external_links: [other], network_mode: 'container:other'}}\nx-note: 1\nversion: '3'\nname: n",
        "x-a: &a {restart: always}\nservices: {a: {<<: *a, depends_on: [b]}, b: {}}",
    ] {
        one(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    }
    // Nobody asked Compose for those who are there for all profiles alone.
    let compose = "services: {a: {profiles: [x], depends_on: [b]}}";
    assert!(project(&["c.yaml"], &[("c.yaml", compose)], &[], &["*"]).is_ok());
    assert!(project(&["c.yaml"], &[("c.yaml", compose)], &[], &["x"]).is_err());
}

#[test]
fn mistakes_are_told_with_their_place_and_without_values() {
    for (text, expected) in [
        ("services:\n  app: [1]", ":2:8: a service is a mapping, and this is a list"),
        ("foo: bar", ":1:1: it has no `services`"),
        ("services: 7", ":1:11: `services` is a mapping, and this is a single value"),
        ("- 1", ":1:1: a compose file is a mapping with `services`, and this is a list"),
        ("", ": it says nothing"),
        ("services:\n  a: {}\n  a: {}", ":3:3: the key `a` is there already, in line 2"),
        ("services: {a: {environment: SEKRET}}", ":1:29: `environment` must be a mapping, or a list of `NAME=value`"),
        ("services: {a: {environment: {X: [1]}}}", ":1:33: `environment.X` must be a single value, and this is a list"),
        ("services: {a: {ports: [x]}}", ":1:24: this is no published port"),
        ("services: {a: {image: '${NO:?set it}'}}", ":1:23: `NO` must be set: set it"),
        ("services: {a: {command: \"'\"}}", ":1:25: `command` has a quote without an end"),
        ("services: {a: *b}", ":1:15: "),
        ("services:\n\t- x", ":2:"),
        ("services: {a: {<<: x}}", "`<<` takes a mapping, or a list of mappings"),
    ] {
        let error = one(text).err().unwrap_or_else(|| panic!("{text} was read"));
        assert!(error.starts_with("/shop/compose.yaml") && error.contains(expected), "{text}: {error}");
        assert!(!error.contains("SEKRET"), "{error}");
    }
}

#[test]
fn anchors_that_grow_without_end_are_refused() {
    let mut text = "a: &a0 [x, x]\n".to_owned();
    for level in 1..40 {
        writeln!(text, "b{level}: &a{level} [*a{0}, *a{0}]", level - 1).unwrap();
    }
    let error = one(&text).err().unwrap();
    assert!(error.contains("more than 200000 values"), "{error}");
}

#[test]
fn a_key_of_the_outermost_mapping_is_found_without_the_rest() {
    let many = (0..150).map(|number| format!("  s{number}:\n    <<: *base\n")).collect::<Vec<_>>().concat();
    let aliases = format!("x-base: &base {{image: a}}\nservices:\n{many}name: late\n");
    for (text, expected) in [
        ("name: shop\nservices: {}\n", &["shop"][..]),
        ("services: {name: inner}\n", &[]),
        ("services:\n  name: inner\nname: 'shop'\n", &["shop"]),
        ("name: 7\n---\nname: b\n", &["7", "b"]),
        ("name:\nservices: {a: [name, x]}\n", &[]),
        ("- name\n- x\n", &[]),
        ("a: name\nb: [{name: x}]\n? [name]\n: x\nname: y\n", &["y"]),
        ("a: &a name\n*a : x\n", &[]),
        (aliases.as_str(), &["late"]),
        ("", &[]),
    ] {
        assert_eq!(yaml::top_level(text, "name").unwrap(), expected, "{text}");
    }
    for (text, line) in [("name: x\na: [\n", 2), ("\nname: {a: b}\n", 2)] {
        assert_eq!(yaml::top_level(text, "name").unwrap_err().line, line, "{text}");
    }
}
