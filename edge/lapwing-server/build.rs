//! Makes sure that the console's folder exists, so that the crate builds without Node: an empty folder gives a server
//! whose pages say how to build the console. Nothing is built here.

use std::path::Path;

fn main() {
    let dist = Path::new("../../web/dist");
    // A read-only source tree is fine too: the embedding allows a missing folder. Created where possible, because
    // Cargo would otherwise take the missing path for a change at every build.
    if let Err(why) = std::fs::create_dir_all(dist)
        && !dist.exists()
    {
        println!("cargo:warning=the console's folder {} cannot be made: {why}", dist.display());
    }
    println!("cargo:rerun-if-changed=../../web/dist");
}
