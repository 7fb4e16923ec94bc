//! Which files are found in what is mounted, and which are not.

use std::path::Path;

use super::*;
use crate::compose::at_hand::chosen;
use crate::derive::testing::{container, pairs, port, stack};
use crate::stack::project::Selection;
use crate::stack::surroundings::Surroundings;
use crate::stack::{Mount, Stack};

fn write(folder: &Path, name: &str, text: &str) {
    let file = folder.join(name);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text).unwrap();
}

/// The files of one container: an image, its command, its variables, and what is mounted into it from a folder.
fn found(
    folder: &Path,
    image: &str,
    command: &str,
    variables: &[(&str, &str)],
    mounts: &[(&str, &str)],
) -> Vec<String> {
    let stack = one(folder, image, command, variables, mounts);
    let gathered = from_disk(&stack, None, Whereabouts::Here);
    gathered.files.iter().map(|file| file.path.clone()).collect()
}

fn one(folder: &Path, image: &str, command: &str, variables: &[(&str, &str)], mounts: &[(&str, &str)]) -> Stack {
    let mut app = container("app", image);
    app.command = command.split_ascii_whitespace().map(str::to_owned).collect();
    app.environment = pairs(variables);
    let mount = |(source, destination): &(&str, &str)| Mount {
        kind: "bind".into(),
        source: folder.join(source).display().to_string(),
        destination: (*destination).into(),
    };
    app.mounts = mounts.iter().map(mount).collect();
    stack([app])
}

#[test]
fn files_are_found_where_technologies_look_and_where_they_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(
        at,
        "p/prometheus.yml",
        "scrape_configs: [{file_sd_configs: [{files: ['t/*.json', /abs.yml, ../../x.json]}]}]\n",
    );
    write(at, "p/dev.yml", "scrape_configs: []\n");
    write(at, "p/t/a.json", "[]");
    write(at, "p/t/b.json.off", "[]");
    write(at, "p/t/deep/c.json", "[]");
    write(at, "x.json", "[]");
    write(at, "c/application.yml", "a: 1\n");
    write(at, "c/rates.properties", "a=1\n");
    write(at, "c/.env", "A=1\n");
    write(at, "src/pom.xml", "");
    write(at, "src/application.yml", "a: 1\n");
    write(at, "src/.env", "A=1\n");
    write(at, "r/cable.yml", "a: 1\n");
    std::os::unix::fs::symlink(at.join("x.json"), at.join("p/t/link.json")).unwrap();
    let prometheus = "/etc/prometheus/prometheus.yml";
    for (image, command, variables, mounts, expected) in [
        ("prom/prometheus", "", &[][..], &[("p/dev.yml", prometheus)][..], &[prometheus][..]),
        ("prom/prometheus", "", &[], &[("p", "/etc/prometheus")], &["/etc/prometheus/t/a.json", prometheus]),
        // Another one is named, and it alone is read.
        (
            "prom/prometheus",
            "--config.file=/etc/prometheus/dev.yml",
            &[],
            &[("p", "/etc/prometheus")],
            &["/etc/prometheus/dev.yml"],
        ),
        (
            "prom/prometheus",
            "--web.config.file=/etc/prometheus/dev.yml",
            &[],
            &[("p/dev.yml", "/etc/prometheus/dev.yml")],
            &[],
        ),
        ("prom/prometheus", "", &[], &[("p", "/prometheus")], &[]),
        // A file that is mounted over a folder takes the place of the one in it.
        ("prom/prometheus", "", &[], &[("p", "/etc/prometheus"), ("p/dev.yml", prometheus)], &[prometheus]),
        // Applications: by name, in folders that are no source trees, or named.
        ("shop/app", "", &[], &[("c", "/app/config")], &["/app/config/application.yml", "/app/config/.env"]),
        ("shop/app", "", &[], &[("src", "/app")], &[]),
        ("shop/app", "", &[], &[("src/application.yml", "/app/application.yml")], &["/app/application.yml"]),
        (
            "shop/app",
            "/bin/app --config /etc/x/rates.properties",
            &[],
            &[("c/rates.properties", "/etc/x/rates.properties")],
            &["/etc/x/rates.properties"],
        ),
        (
            "shop/app",
            "",
            &[("APP_CONFIG", "/etc/x.properties")],
            &[("c/rates.properties", "/etc/x.properties")],
            &["/etc/x.properties"],
        ),
        (
            "shop/app",
            "cat /etc/x.properties",
            &[("OUTPUT", "/etc/x.properties")],
            &[("c/rates.properties", "/etc/x.properties")],
            &[],
        ),
        ("shop/app", "", &[], &[("c/application.yml", "/run/secrets/application.yml")], &[]),
        ("shop/app", "", &[], &[("r", "/app/config")], &["/app/config/cable.yml"]),
        ("shop/app", "", &[], &[("r", "/app/other")], &[]),
        ("shop/app", "", &[], &[("gone", "/app/application.yml")], &[]),
    ] {
        assert_eq!(
            found(at, image, command, variables, mounts),
            expected,
            "{image} {command} {variables:?} {mounts:?}"
        );
    }
}

#[test]
fn a_path_or_a_command_says_what_a_file_is_for() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(at, "n/shop.conf", "");
    write(at, "p/shop.yml", "scrape_configs: []\n");
    write(at, "h/configuration.yml", "a: 1\n");
    write(at, "s/load.sh", "curl http://app\n");
    let (shop, nginx) = ("/etc/nginx/conf.d/shop.conf", "/etc/nginx/nginx.conf");
    let fill = "sh -c envsubst</t/x>/etc/nginx/nginx.conf;nginx";
    for (image, command, mounts, expected) in [
        ("shop/edge", "", &[("n", "/etc/nginx/conf.d")][..], &[shop][..]),
        ("shop/edge", "nginx -g daemon", &[("n/shop.conf", shop)], &[shop]),
        ("shop/edge", "chown -R 101 /etc/nginx", &[("n/shop.conf", shop)], &[]),
        ("postgres", "", &[("n", "/etc/nginx/conf.d")], &[]),
        ("curlimages/curl", "", &[("n", "/etc/nginx/conf.d")], &[]),
        (
            "shop/p",
            "--config.file=/etc/prometheus/shop.yml",
            &[("p", "/etc/prometheus")],
            &["/etc/prometheus/shop.yml"],
        ),
        ("shop/p", "--web.x=/etc/prometheus/shop.yml", &[("p", "/etc/prometheus")], &[]),
        ("shop/home", "", &[("h", "/config")], &[]),
        // What is written out of a mounted file is what is read.
        ("nginx", fill, &[("n/shop.conf", "/t/x")], &[nginx]),
        ("shop/edge", fill, &[("n/shop.conf", "/t/x")], &[nginx]),
        ("nginx", fill, &[("n/shop.conf", "/t/y")], &[]),
        ("alpine", "cp /t/x /etc/nginx/nginx.conf", &[("n/shop.conf", "/t/x")], &[]),
        // Scripts that are run
        ("shop/tools", "/load.sh", &[("s/load.sh", "/load.sh")], &["/load.sh"]),
        ("shop/tools", "bash -e /s/load.sh x", &[("s", "/s")], &["/s/load.sh"]),
        ("shop/tools", "exec ./load.sh", &[("s/load.sh", "/work/load.sh")], &["/work/load.sh"]),
        ("shop/tools", "cat /load.sh", &[("s/load.sh", "/load.sh")], &[]),
        ("shop/tools", "/other.sh", &[("s/load.sh", "/load.sh")], &[]),
        ("shop/tools", "app /load.sh", &[("s/load.sh", "/load.sh")], &[]),
    ] {
        let mut stack = one(at, image, "", &[], mounts);
        stack.containers[0].command = match command.strip_prefix("sh -c ") {
            Some(script) => ["sh", "-c", script].map(str::to_owned).to_vec(),
            None => command.split_whitespace().map(str::to_owned).collect(),
        };
        let files = from_disk(&stack, None, Whereabouts::Here).files;
        assert_eq!(
            files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(),
            expected,
            "{image} {command} {mounts:?}"
        );
    }
}

#[test]
fn a_file_is_read_for_whom_it_is_meant() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "shop.conf", "");
    // Both have the same file; which of the two is nginx?
    for ((one_name, one_image, one_port), (other_name, other_image, other_port), expected) in [
        (("web", "nginx", false), ("tool", "shop/tool", true), &["web"][..]),
        (("web", "shop/web-nginx", false), ("tool", "shop/tool", true), &["web"]),
        (("web", "shop/web", true), ("tool", "shop/tool", false), &["web"]),
        (("web", "shop/web", true), ("tool", "shop/tool", true), &["web", "tool"]),
        (("nginx1", "shop/web", true), ("nginx2", "shop/web", false), &["nginx1", "nginx2"]),
    ] {
        let make = |name: &str, image: &str, published: bool| {
            let mut made = container(name, image);
            let source = folder.path().join("shop.conf").display().to_string();
            made.mounts =
                vec![Mount { kind: "bind".into(), source, destination: "/etc/nginx/conf.d/shop.conf".into() }];
            made.wanted_ports = if published { vec![port(80, 80, "0.0.0.0")] } else { Vec::new() };
            made
        };
        let stack = stack([make(one_name, one_image, one_port), make(other_name, other_image, other_port)]);
        let files = from_disk(&stack, None, Whereabouts::Here).files;
        let found: Vec<_> = files.iter().map(|file| file.container.trim_end_matches("-id")).collect();
        assert_eq!(found, expected, "{one_image} {other_image}");
    }
}

#[test]
fn a_file_that_is_broken_or_not_there_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(at, "broken.yml", "scrape_configs:\n  - job_name: [a\n");
    write(at, "good.yml", "scrape_configs: []\n");
    write(at, "empty.yml", "");
    write(at, "made/keep", "");
    let usual = "/etc/prometheus/prometheus.yml";
    for (source, target, command, said) in [
        ("broken.yml", usual, "", Some("/etc/prometheus/prometheus.yml of app cannot be read: ")),
        ("made", usual, "", Some("prometheus.yml of app cannot be read: it is a folder, as Docker makes one")),
        ("gone.yml", usual, "", Some("prometheus.yml of app cannot be read: its source is not there")),
        ("made", "/p/own.yml", "--config.file=/p/own.yml", Some("/p/own.yml of app cannot be read: it is a folder")),
        ("good.yml", usual, "", None),
        ("empty.yml", usual, "", None),
        ("made", "/etc/prometheus", "", None),
        ("made", "/p/other.yml", "", None),
        ("gone", "/data", "", None),
    ] {
        let stack = one(at, "prom/prometheus", command, &[], &[(source, target)]);
        let notes = from_disk(&stack, None, Whereabouts::Declared).notes;
        assert_eq!(notes.len(), usize::from(said.is_some()), "{source} {target}: {notes:?}");
        assert!(notes.iter().all(|note| note.contains(said.unwrap_or_default())), "{notes:?}");
    }
}

#[test]
fn what_cannot_be_read_is_said_and_what_is_elsewhere_is_asked_of_the_engine() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(at, "large.yml", &"a".repeat((1 << 20) + 1));
    std::fs::write(at.join("binary.yml"), b"\xfe\xed").unwrap();
    write(at, "good.yml", "a: 1");
    let gathered = |whereabouts| {
        let mounts = [
            ("large.yml", "/a/application.yml"),
            ("binary.yml", "/b/application.yml"),
            ("good.yml", "/c/application.yml"),
        ];
        from_disk(&one(at, "shop/app", "", &[], &mounts), None, whereabouts)
    };
    let here = gathered(Whereabouts::Here);
    assert_eq!(here.notes, ["/a/application.yml of app cannot be read: it is larger than 1024 KiB"]);
    assert_eq!((here.files.len(), here.wanted.len()), (1, 0));
    let elsewhere = gathered(Whereabouts::Elsewhere);
    assert_eq!((elsewhere.files.len(), elsewhere.wanted.len(), elsewhere.notes.len()), (0, 3, 0));
    // Of a folder that is elsewhere, only what is known by its whole path can be asked for.
    let stack = one(at, "prom/prometheus", "", &[], &[("p", "/etc/prometheus"), ("q", "/app")]);
    let wanted: Vec<_> = from_disk(&stack, None, Whereabouts::Elsewhere).wanted.into_iter().map(|it| it.path).collect();
    assert_eq!(wanted, ["/etc/prometheus/prometheus.yml", "/etc/prometheus/prometheus.yaml"]);
}

#[test]
fn many_files_are_not_all_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for number in 0..80 {
        write(at, &format!("d/{number}.yaml"), "datasources: []\n");
    }
    let stack = one(at, "grafana/grafana", "", &[], &[("d", "/etc/grafana/provisioning/datasources")]);
    let gathered = from_disk(&stack, None, Whereabouts::Here);
    assert_eq!(gathered.files.len(), 64);
    assert_eq!(gathered.notes, ["16 mounted files not read: at most 64 are, for no longer than 2 s"]);
}

#[test]
fn texts_in_the_compose_file_have_their_place_there() {
    let folder = tempfile::tempdir().unwrap();
    let compose = "services:\n  a:\n    image: prom/prometheus\n    configs: [{source: p, target: /etc/prometheus/prometheus.yml}]\n\
        \x20 b:\n    image: prom/prometheus\n    configs: [{source: q, target: /etc/prometheus/prometheus.yml}]\n\
        configs:\n  q: {content: \"remote_write: [{url: 'http://a:1'}]\"}\n  p:\n    content: |\n      remote_write:\n        - url: http://b:1\n";
    write(folder.path(), "compose.yaml", compose);
    let here = Surroundings { directory: folder.path().to_owned(), ..Surroundings::default() };
    let (name, project) = chosen(&Selection::default(), &[], &here).unwrap().unwrap();
    let stack = crate::compose::as_stack(&project, &name);
    let gathered = from_disk(&stack, Some(&project), Whereabouts::Declared);
    let connections = crate::derive::files::derive(&stack, &gathered.files, folder.path());
    let places: Vec<_> = connections
        .iter()
        .map(|connection| {
            let at = connection.origin.location.as_ref().unwrap();
            format!("{} {} {}:{}:{}", connection.from, connection.target.address(), at.file, at.line, at.column)
        })
        .collect();
    assert_eq!(places, ["a b:1 compose.yaml:13:16", "b a:1 compose.yaml:9:16"]);
    // Where a container runs, the engine is asked what it was given.
    let running = from_disk(&stack, Some(&project), Whereabouts::Here);
    assert_eq!((running.files.len(), running.wanted.len()), (0, 2));
}

#[test]
fn what_lies_in_a_volume_or_an_image_is_asked_of_the_engine() {
    let compose = "\
services:
  app:
    image: prom/prometheus
    command: [--config.file=/etc/own/prometheus.yml, --web.config.file=/etc/own/web.yml]
    environment: {EXTRA: /etc/own/extra.yml}
";
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "compose.yaml", compose);
    let here = Surroundings { directory: folder.path().to_owned(), ..Surroundings::default() };
    let (_, project) = chosen(&Selection::default(), &[], &here).unwrap().unwrap();
    let wanted = |command: &str, volume: &str, project: Option<&Project>, whereabouts| {
        let mut stack = one(folder.path(), "prom/prometheus", command, &[], &[]);
        let mount = Mount { kind: "volume".into(), source: "shop_conf".into(), destination: volume.into() };
        stack.containers[0].mounts = vec![mount];
        let gathered = from_disk(&stack, project, whereabouts);
        assert!(gathered.files.is_empty() && gathered.notes.is_empty());
        gathered.wanted.into_iter().map(|it| it.path).collect::<Vec<_>>()
    };
    let (usual, own) =
        (["/etc/prometheus/prometheus.yml", "/etc/prometheus/prometheus.yaml"], "/etc/own/prometheus.yml");
    let option = "--config.file=/etc/own/prometheus.yml";
    for whereabouts in [Whereabouts::Here, Whereabouts::Elsewhere] {
        assert_eq!(wanted("", "/etc/prometheus", None, whereabouts), usual);
        assert_eq!(wanted(option, "/etc/own", None, whereabouts), [own]);
        // Data is no configuration.
        assert!(wanted("", "/prometheus", None, whereabouts).is_empty());
        // What the image names itself is its example; what the user names is the user's.
        assert!(wanted(option, "/prometheus", None, whereabouts).is_empty());
        assert_eq!(wanted(option, "/prometheus", Some(&project), whereabouts), [own]);
    }
    assert!(wanted(option, "/etc/prometheus", Some(&project), Whereabouts::Declared).is_empty());
}
