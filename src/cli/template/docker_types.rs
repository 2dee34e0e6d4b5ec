//! What Go's types say of the documents of `docker inspect`, and JSON does not.

/// Maps whose keys are users' words: a key that is not there is no mistake.
const MAPS: &[&str] = &[
    "Annotations",
    "DriverOpts",
    "ExposedPorts",
    "Labels",
    "Networks",
    "Options",
    "PortBindings",
    "Ports",
    "Runtimes",
    "StorageOpt",
    "Sysctls",
    "Tmpfs",
    "Volumes",
];

/// Lists, which are `null` in JSON and `[]` in a template.
const LISTS: &[&str] = &[
    "Binds",
    "CapAdd",
    "CapDrop",
    "Cmd",
    "Devices",
    "Dns",
    "DnsOptions",
    "DnsSearch",
    "Entrypoint",
    "Env",
    "ExecIDs",
    "ExtraHosts",
    "GroupAdd",
    "Layers",
    "Links",
    "Mounts",
    "OnBuild",
    "RepoDigests",
    "RepoTags",
    "SecurityOpt",
    "Shell",
    "Ulimits",
    "VolumesFrom",
];

/// Other fields that are left out of JSON where they say nothing.
const OPTIONAL: &[&str] = &[
    "ArgsEscaped",
    "Author",
    "Comment",
    "Health",
    "Healthcheck",
    "Init",
    "MacAddress",
    "NetworkDisabled",
    "OsVersion",
    "Parent",
    "Runtime",
    "SizeRootFs",
    "SizeRw",
    "StopSignal",
    "StopTimeout",
    "Variant",
];

/// Whether a field is a map of users' words.
pub fn is_map(field: &str) -> bool {
    MAPS.contains(&field)
}

/// Whether a field is a list.
pub fn is_list(field: &str) -> bool {
    LISTS.contains(&field)
}

/// Whether a field may be left out.
pub fn is_optional(field: &str) -> bool {
    OPTIONAL.contains(&field) || is_list(field) || is_map(field)
}
