//! Docker's options that cannot be had here, each refused with its reason.

use crate::cli::context::Failure;

/// Options that are known for their refusal.
#[derive(Default, clap::Args)]
pub(super) struct Refused {
    /// Publish a port: refused, as containers have no bridges
    #[arg(short, long, value_name = "PORT")]
    publish: Vec<String>,
    /// Publish all ports: refused, as containers have no bridges
    #[arg(short = 'P', long, hide = true)]
    publish_all: bool,
    #[arg(long, hide = true, value_name = "ADDRESS")]
    mac_address: Option<String>,
    #[arg(long, hide = true, value_name = "ADDRESS")]
    ip: Option<String>,
    #[arg(long, hide = true, value_name = "ADDRESS")]
    ip6: Option<String>,
    #[arg(long, hide = true, value_name = "CONTAINER")]
    link: Vec<String>,
    #[arg(long, hide = true, value_name = "NAME")]
    network_alias: Vec<String>,
    /// Restart policy: no is known, as nothing watches containers
    #[arg(long, value_name = "POLICY")]
    restart: Option<String>,
    #[arg(long, hide = true, value_name = "COMMAND")]
    health_cmd: Option<String>,
    #[arg(long, hide = true, value_name = "DURATION")]
    health_interval: Option<String>,
    #[arg(long, hide = true, value_name = "NUMBER")]
    health_retries: Option<String>,
    #[arg(long, hide = true, value_name = "DURATION")]
    health_timeout: Option<String>,
    #[arg(long, hide = true, value_name = "DURATION")]
    health_start_period: Option<String>,
    #[arg(long, hide = true, value_name = "DURATION")]
    health_start_interval: Option<String>,
    /// Disable any container-specified health check, which is how it is anyway
    #[arg(long, hide = true)]
    no_healthcheck: bool,
    /// Images are there already: whoever asks for no more than that has it
    #[arg(long, hide = true, value_name = "POLICY")]
    pull: Option<String>,
    /// Nothing is pulled, and nothing said about it
    #[arg(short, long, hide = true)]
    quiet: bool,
    #[arg(long, hide = true, value_name = "DRIVER")]
    log_driver: Option<String>,
    #[arg(long, hide = true, value_name = "NAME=VALUE")]
    log_opt: Vec<String>,
    #[arg(long, hide = true, value_name = "DEVICES")]
    gpus: Option<String>,
    #[arg(long, hide = true, value_name = "NAME=VALUE")]
    storage_opt: Vec<String>,
    #[arg(long, hide = true, value_name = "BYTES")]
    kernel_memory: Option<String>,
    #[arg(long, hide = true, value_name = "KIND")]
    isolation: Option<String>,
}

const NO_BRIDGE: &str =
    "containers have no bridge to publish ports of (with --network host the program's ports are the host's)";
const NO_ADDRESS: &str = "containers have no bridge, and so no address on one";
const NO_PULL: &str = "no registry is asked (missing and never are known; get the image with cowbox load)";
const NO_DRIVER: &str = "what containers print is kept in the store, and read by cowbox logs";
const NO_GPUS: &str = "no driver finds them (give the device files, as --device /dev/dri)";
const NO_STORAGE: &str = "there is no storage driver (--disk limits what a container of WASI programs writes)";
const NO_KERNEL_MEMORY: &str = "Linux limits it no more by itself (--memory counts it, too)";
const NO_ISOLATION: &str = "only default is known on this system";
const NO_WATCH: &str = "there is no daemon that would watch over the container";

impl Refused {
    /// Refuses the first that is given.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let one = |word: &Option<String>| word.clone();
        let first = |words: &[String]| words.first().cloned();
        let given = [
            ("--publish", first(&self.publish), NO_BRIDGE),
            ("--publish-all", self.publish_all.then(String::new), NO_BRIDGE),
            ("--mac-address", one(&self.mac_address), NO_ADDRESS),
            ("--ip", one(&self.ip), NO_ADDRESS),
            ("--ip6", one(&self.ip6), NO_ADDRESS),
            ("--link", first(&self.link), NO_ADDRESS),
            ("--network-alias", first(&self.network_alias), NO_ADDRESS),
            ("--restart", one(&self.restart).filter(|policy| policy != "no"), NO_WATCH),
            ("--health-cmd", one(&self.health_cmd), NO_WATCH),
            ("--health-interval", one(&self.health_interval), NO_WATCH),
            ("--health-retries", one(&self.health_retries), NO_WATCH),
            ("--health-timeout", one(&self.health_timeout), NO_WATCH),
            ("--health-start-period", one(&self.health_start_period), NO_WATCH),
            ("--health-start-interval", one(&self.health_start_interval), NO_WATCH),
            ("--pull", one(&self.pull).filter(|policy| !matches!(policy.as_str(), "missing" | "never")), NO_PULL),
            ("--log-driver", one(&self.log_driver).filter(|driver| driver != "json-file"), NO_DRIVER),
            ("--log-opt", first(&self.log_opt), NO_DRIVER),
            ("--gpus", one(&self.gpus), NO_GPUS),
            ("--storage-opt", first(&self.storage_opt), NO_STORAGE),
            ("--kernel-memory", one(&self.kernel_memory), NO_KERNEL_MEMORY),
            ("--isolation", one(&self.isolation).filter(|kind| !matches!(kind.as_str(), "" | "default")), NO_ISOLATION),
        ];
        match given.into_iter().find_map(|(flag, word, why)| word.map(|word| (flag, word, why))) {
            Some((flag, word, why)) => Err(Failure::new(format!("{}: {why}", format!("{flag} {word}").trim_end()))),
            None => Ok(()),
        }
    }
}
