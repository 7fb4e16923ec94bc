use std::fs;

use super::*;

fn surroundings(variables: &[(&str, &str)], home: &Path) -> Surroundings {
    Surroundings {
        variables: variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        home: Some(home.to_path_buf()),
        directory: home.to_path_buf(),
    }
}

fn at(value: &str) -> Result<Endpoint, StackError> {
    find(&surroundings(&[("DOCKER_HOST", value)], Path::new("/home/u")))
}

/// Writes a context as `docker context create` does, and returns the folder of its certificates.
fn make_context(home: &Path, name: &str, endpoint: &str) -> PathBuf {
    let digest = folder_of(name);
    let folder = home.join(".docker/contexts/meta").join(&digest);
    fs::create_dir_all(&folder).unwrap();
    let stored = format!(r#"{{"Name":"{name}","Metadata":{{}},"Endpoints":{{"docker":{endpoint}}}}}"#);
    fs::write(folder.join("meta.json"), stored).unwrap();
    home.join(".docker/contexts/tls").join(digest).join("docker")
}

#[test]
fn addresses_as_people_write_them() {
    for (value, wanted) in [
        ("unix:///run/user/1000/docker.sock", "unix:///run/user/1000/docker.sock"),
        ("unix://", "unix:///var/run/docker.sock"),
        ("tcp://10.0.0.1:2375", "tcp://10.0.0.1:2375"),
        ("tcp://docker", "tcp://docker:2375"),
        ("tcp://docker:2375/", "tcp://docker:2375"),
        ("tcp://:2375", "tcp://localhost:2375"),
        ("docker:2375", "tcp://docker:2375"),
        ("http://docker:2375", "tcp://docker:2375"),
        ("http://docker", "tcp://docker:80"),
        ("https://docker", "tcp://docker:443"),
        ("tcp://[::1]:2375", "tcp://[::1]:2375"),
        ("tcp://[::1]", "tcp://[::1]:2375"),
        ("ssh://build.example", "ssh://build.example"),
        ("ssh://me@build.example:2222/", "ssh://me@build.example:2222"),
        ("ssh://me@[::1]:22/run/user/7/docker.sock", "ssh://me@[::1]:22/run/user/7/docker.sock"),
    ] {
        let endpoint = at(value).unwrap();
        assert_eq!(endpoint.to_string(), wanted, "{value}");
        assert_eq!(endpoint.tls.is_some(), value.starts_with("https"), "{value}");
        assert_eq!(endpoint.origin, Origin::Variable);
    }
}

#[test]
fn addresses_that_are_none() {
    for (value, reason) in [
        ("fd://", "its scheme is none of unix, tcp, ssh, http, https"),
        ("npipe:////./pipe/docker_engine", "named pipes exist on Windows only"),
        ("tcp://docker:0", "the port is no number from 1 to 65535"),
        ("tcp://docker:x", "the port is no number from 1 to 65535"),
        ("tcp://::1:2375", "an IPv6 address stands in brackets"),
        ("tcp://[::1:2375", "a bracket is not closed"),
        ("tcp://[::1]2375", "the port must follow a colon"),
        ("tcp://docker:2375/engine", "a path after the port is not supported"),
        ("tcp://a b:1", "the host has a character that none can have"),
        ("ssh://", "the host is missing"),
        ("ssh://-oProxyCommand=x", "no user and no host begins so"),
        ("ssh://build/x;reboot", "the path of the socket has a character that is not supported"),
        ("ssh://build:0", "the port is no number from 1 to 65535"),
    ] {
        let error = at(value).unwrap_err().to_string();
        let wanted = format!(
            "`{value}` (from DOCKER_HOST) is no address of an engine: {reason}; write unix:///path/to/docker.sock, \
             tcp://host:port or ssh://user@host"
        );
        assert_eq!(error, wanted);
    }
    let error = at("tcp://user:hunter2@docker:2375").unwrap_err().to_string();
    assert!(error.contains("a user in it is not supported") && !error.contains("hunter2"), "{error}");
}

#[test]
fn users_that_ssh_would_misread() {
    for (value, reason) in [
        ("ssh://me@/x", "the host is missing"),
        ("ssh://-oProxyCommand=x@build", "no user and no host begins so"),
        ("ssh://@build", "no user and no host begins so"),
        ("ssh://a b@build", "the user has a character that none can have"),
    ] {
        let error = at(value).unwrap_err().to_string();
        assert!(error.contains(&format!("is no address of an engine: {reason};")), "{error}");
    }
}

#[test]
fn ssh_has_no_passwords() {
    let error = at("ssh://me:hunter2@build.example:2222").unwrap_err().to_string();
    assert!(error.contains("a password in it is not supported") && !error.contains("hunter2"), "{error}");
}

#[test]
fn contexts_may_lead_through_ssh() {
    let home = tempfile::tempdir().unwrap();
    make_context(home.path(), "far", r#"{"Host":"ssh://me@far:2222"}"#);
    let found = find(&surroundings(&[("DOCKER_CONTEXT", "far")], home.path())).unwrap();
    let wanted = Destination { user: Some("me".into()), host: "far".into(), port: Some(2222), socket: None };
    assert_eq!((found.address, found.tls), (Address::Ssh(wanted), None));
}

#[test]
fn tls_follows_the_variables() {
    let home = Path::new("/home/u");
    let tls = |variables: &[(&str, &str)]| {
        let mut all = vec![("DOCKER_HOST", "tcp://docker")];
        all.extend(variables);
        let endpoint = find(&surroundings(&all, home)).unwrap();
        (endpoint.to_string(), endpoint.tls)
    };
    let files = |folder: &str, verify| Some(TlsFiles { folder: folder.into(), verify, needs_authority: verify });
    assert_eq!(tls(&[]).1, None);
    assert_eq!(tls(&[("DOCKER_TLS_VERIFY", "")]).1, None);
    assert_eq!(tls(&[("DOCKER_CERT_PATH", "/certs")]).1, None);
    assert_eq!(tls(&[("DOCKER_TLS_VERIFY", "1")]), ("tcp://docker:2376".to_owned(), files("/home/u/.docker", true)));
    assert_eq!(tls(&[("DOCKER_TLS", "1"), ("DOCKER_CERT_PATH", "/certs")]).1, files("/certs", false));
    assert_eq!(tls(&[("DOCKER_TLS_VERIFY", "1"), ("DOCKER_CONFIG", "/etc/d")]).1, files("/etc/d", true));
}

#[test]
fn contexts_are_found_and_overridden() {
    let home = tempfile::tempdir().unwrap();
    let certificates = make_context(home.path(), "remote", r#"{"Host":"tcp://10.0.0.9:2376","SkipTLSVerify":false}"#);
    make_context(home.path(), "lab", r#"{"Host":"tcp://lab:2376","SkipTLSVerify":true}"#);
    make_context(home.path(), "rootless", r#"{"Host":"unix:///run/user/1000/docker.sock"}"#);
    fs::write(home.path().join(".docker/config.json"), r#"{"auths":{},"currentContext":"rootless"}"#).unwrap();

    let found = |variables: &[(&str, &str)]| find(&surroundings(variables, home.path())).unwrap();
    let by_settings = found(&[]);
    assert_eq!(by_settings.to_string(), "unix:///run/user/1000/docker.sock");
    assert_eq!(
        by_settings.origin.to_string(),
        "from the context `rootless`, named by currentContext in Docker's config.json"
    );
    assert_eq!(found(&[("DOCKER_CONTEXT", "remote")]).tls, None);
    assert!(!found(&[("DOCKER_CONTEXT", "lab")]).tls.unwrap().verify);
    assert_eq!(found(&[("DOCKER_CONTEXT", "default")]).origin, Origin::Default);
    let both = found(&[("DOCKER_CONTEXT", "remote"), ("DOCKER_HOST", "unix:///x")]);
    assert_eq!((both.to_string().as_str(), both.origin), ("unix:///x", Origin::Variable));

    fs::create_dir_all(&certificates).unwrap();
    fs::write(certificates.join("ca.pem"), "").unwrap();
    let wanted = TlsFiles { folder: certificates, verify: true, needs_authority: false };
    assert_eq!(found(&[("DOCKER_CONTEXT", "remote")]).tls, Some(wanted));
    // Docker's folder may lie elsewhere.
    let moved = [("DOCKER_CONFIG", home.path().join(".docker")), ("HOME", "/nowhere".into())];
    let moved = moved.map(|(name, value)| (name, value.to_str().unwrap().to_owned()));
    let moved: Vec<_> = moved.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut elsewhere = surroundings(&moved, Path::new("/nowhere"));
    assert_eq!(find(&elsewhere).unwrap().to_string(), "unix:///run/user/1000/docker.sock");
    elsewhere.variables.clear();
    assert_eq!(find(&elsewhere).unwrap().origin, Origin::Default);
}

#[test]
fn an_unknown_context_names_its_neighbours() {
    let home = tempfile::tempdir().unwrap();
    let error = |name: &str| find(&surroundings(&[("DOCKER_CONTEXT", name)], home.path())).unwrap_err().to_string();
    assert_eq!(
        error("remote"),
        "there is no Docker context `remote` (named by DOCKER_CONTEXT); there is only default; make it with `docker \
         context create`"
    );
    make_context(home.path(), "remote", r#"{"Host":"unix:///x"}"#);
    assert_eq!(
        error("remoet"),
        "there is no Docker context `remoet` (named by DOCKER_CONTEXT); did you mean `remote`? there are default and \
         remote; choose with `docker context use NAME`"
    );
}

#[test]
fn a_broken_context_is_said_and_broken_settings_choose_none() {
    let home = tempfile::tempdir().unwrap();
    make_context(home.path(), "x", r#"{"Host":""}"#);
    let error = find(&surroundings(&[("DOCKER_CONTEXT", "x")], home.path())).unwrap_err().to_string();
    assert!(error.contains("it names no Docker engine; make it anew with `docker context create`"), "{error}");
    fs::write(home.path().join(".docker/config.json"), "{").unwrap();
    assert_eq!(find(&surroundings(&[], home.path())).unwrap().origin, Origin::Default);
}

#[test]
fn without_any_word_the_usual_sockets_are_tried_in_turn() {
    if Path::new(DEFAULT_SOCKET).exists() {
        let found = find(&surroundings(&[("XDG_RUNTIME_DIR", "/tmp")], Path::new("/tmp"))).unwrap();
        assert_eq!(found.address, Address::Socket(DEFAULT_SOCKET.into()));
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let variables = [("XDG_RUNTIME_DIR", home.path().to_str().unwrap())];
    fs::create_dir_all(home.path().join(".docker/run")).unwrap();
    let found = || find(&surroundings(&variables, home.path())).unwrap().address;
    assert_eq!(found(), Address::Socket(DEFAULT_SOCKET.into()));
    fs::write(home.path().join(".docker/run/docker.sock"), "").unwrap();
    assert_eq!(found(), Address::Socket(home.path().join(".docker/run/docker.sock")));
    fs::write(home.path().join("docker.sock"), "").unwrap();
    assert_eq!(found(), Address::Socket(home.path().join("docker.sock")));
}

#[test]
fn folders_of_contexts_are_digests() {
    // `printf remote | sha256sum`
    assert_eq!(folder_of("remote"), "b71199ebd070b36beab7317920c2c2f1d777df8d05e5527d8458fda57cb17a7a");
}
