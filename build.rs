//! Tells Cargo that the executable holds what is in `checks/`: a new file there must trigger a build.

fn main() {
    println!("cargo::rerun-if-changed=checks");
}
