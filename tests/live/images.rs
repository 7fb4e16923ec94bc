//! Images that users name for sidecars and the agent.

use std::process::Command;

use bollard::Docker;
use crosscheck::observation::Depth;
use crosscheck::plan::Vantage;
use crosscheck::stack::Stack;
use crosscheck::vantage::{Via, Ways};

use super::live::{Fixture, containers_of, docker, executable};
use super::{request, session, ways};

/// Images of this test, which go when it ends.
struct Images(String);

impl Images {
    fn name(&self, tag: &str) -> String {
        format!("{}:{tag}", self.0)
    }

    /// An image like another, that starts with something else.
    fn derive(&self, from: &str, tag: &str, entrypoint: &str) -> String {
        let name = self.name(tag);
        let made = docker(&["create", from, "x"]);
        docker(&["commit", "--change", &format!("ENTRYPOINT {entrypoint}"), &made, &name]);
        docker(&["rm", &made]);
        name
    }
}

impl Drop for Images {
    fn drop(&mut self) {
        for tag in ["plain", "started", "other"] {
            let _ = Command::new("docker").args(["rmi", "-f", &self.name(tag)]).output();
        }
    }
}

async fn named(stack: &Stack, via: Via, image: &str) -> Ways {
    let docker = Docker::connect_with_local_defaults().unwrap();
    // This program itself is of no use here, as on a machine that is no Linux.
    Ways::with_image(Some(docker), stack, via, "/nowhere/crosscheck".into(), Some(image.into())).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_of_the_users_own_is_taken_and_never_pulled() {
    if std::env::var_os("CROSSCHECK_LIVE").is_none() {
        return;
    }
    let fixture = Fixture::new();
    fixture.redis("server", &[]);
    let stack = fixture.stack().await;
    // Our own image is made by the first sidecar.
    let ours = ways(&stack, Via::Sidecar).await;
    let held = session(&ours, &stack, "server").await;
    let listed = docker(&["ps", "--filter", &format!("label=dev.crosscheck={}", ours.run()), "--format", "{{.Image}}"]);
    let images = Images(fixture.project.clone());
    let plain = images.name("plain");
    // While it is in use, nobody removes it.
    docker(&["tag", &listed, &plain]);
    held.close().await;
    ours.close().await;
    let started = images.derive(&plain, "started", r#"["/crosscheck"]"#);
    let hello = r#"["redis-cli", "--version"]"#;
    let other =
        images.derive(&docker(&["inspect", "-f", "{{.Config.Image}}", &fixture.name("server")]), "other", hello);
    for (via, image) in [(Via::Sidecar, &plain), (Via::Sidecar, &started), (Via::Agent, &started)] {
        let ways = named(&stack, via, image).await;
        let seen = session(&ways, &stack, "server").await.look(&request("localhost", 6379)).await;
        assert_eq!(seen.depth, Depth::Connected, "{via:?} {image}: {seen:?}");
        ways.close().await;
    }
    let absent = images.name("absent");
    for (via, image, said) in [
        (Via::Sidecar, &absent, "the engine has no image"),
        (Via::Agent, &absent, "crosscheck pulls nothing"),
        (Via::Sidecar, &other, "the probe said something that is no answer"),
        (Via::Agent, &other, "is no crosscheck of this version"),
    ] {
        let ways = named(&stack, via, image).await;
        let vantage =
            Vantage::Container { service: "server".into(), replica: None, id: stack.containers[0].id.clone() };
        let refused = ways.open(&vantage, &stack).await.unwrap_err().to_string();
        assert!(refused.contains(said), "{via:?} {image}: {refused}");
        ways.close().await;
        assert_eq!(containers_of(ways.run()), Vec::<String>::new());
    }
    let missing = Docker::connect_with_local_defaults().unwrap();
    let ways = Ways::new(Some(missing), &stack, Via::Sidecar, "/nowhere/crosscheck".into()).await.unwrap();
    let network = Vantage::Network { name: "backend".into(), id: fixture.network_id() };
    let refused = ways.open(&network, &stack).await.unwrap_err().to_string();
    assert!(refused.contains("--probe-image") && executable().is_absolute(), "{refused}");
    ways.close().await;
}
