//! `lapwing run`: a site live.

use crate::{config, live};
use anyhow::anyhow;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The site's configuration file.
    site: PathBuf,
}

pub(crate) fn run(args: &Args, colour: bool) -> anyhow::Result<()> {
    let config = config::load(&args.site).map_err(|problems| {
        eprint!("{}", problems.render(colour));
        anyhow!("{} cannot be used; `lapwing check {0}` says the same", args.site.display())
    })?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async { live::run(config, live::stop_signal()).await })
}
