//! The lists of Docker's commands: their fields, headers and tables.

use super::format::Listing;

/// `ps`.
pub const CONTAINERS: Listing = Listing {
    type_name: "*formatter.ContainerContext",
    headers: &[
        ("ID", "CONTAINER ID"),
        ("Names", "NAMES"),
        ("Image", "IMAGE"),
        ("Command", "COMMAND"),
        ("CreatedAt", "CREATED AT"),
        ("RunningFor", "CREATED"),
        ("Ports", "PORTS"),
        ("State", "STATE"),
        ("Status", "STATUS"),
        ("Size", "SIZE"),
        ("Labels", "LABELS"),
        ("Mounts", "MOUNTS"),
        ("LocalVolumes", "LOCAL VOLUMES"),
        ("Networks", "NETWORKS"),
        ("Platform", "PLATFORM"),
        ("HealthStatus", "HEALTH STATUS"),
    ],
    table: "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}",
};

/// The table of `ps -s`.
pub const CONTAINERS_WITH_SIZE: &str =
    "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}\t{{.Size}}";

/// `images`.
pub const IMAGES: Listing = Listing {
    type_name: "*formatter.imageContext",
    headers: &[
        ("ID", "IMAGE ID"),
        ("Repository", "REPOSITORY"),
        ("Tag", "TAG"),
        ("Digest", "DIGEST"),
        ("CreatedSince", "CREATED"),
        ("CreatedAt", "CREATED AT"),
        ("Size", "SIZE"),
        ("Containers", "CONTAINERS"),
        ("SharedSize", "SHARED SIZE"),
        ("UniqueSize", "UNIQUE SIZE"),
    ],
    table: "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{if .CreatedSince}}{{.CreatedSince}}{{else}}N/A{{end}}\t{{.Size}}",
};

/// The table of `images --digests`.
pub const IMAGES_WITH_DIGESTS: &str = "table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{if .CreatedSince}}{{.CreatedSince}}{{else}}N/A{{end}}\t{{.Size}}";

/// `history`.
pub const HISTORY: Listing = Listing {
    type_name: "*image.historyContext",
    headers: &[
        ("ID", "IMAGE"),
        ("CreatedSince", "CREATED"),
        ("CreatedAt", "CREATED AT"),
        ("CreatedBy", "CREATED BY"),
        ("Size", "SIZE"),
        ("Comment", "COMMENT"),
    ],
    table: "table {{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
};

/// The table of `history --human=false`.
pub const HISTORY_NOT_HUMAN: &str = "table {{.ID}}\t{{.CreatedAt}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}";

/// `volume ls`.
pub const VOLUMES: Listing = Listing {
    type_name: "*formatter.volumeContext",
    headers: &[
        ("Name", "VOLUME NAME"),
        ("Driver", "DRIVER"),
        ("Scope", "SCOPE"),
        ("Mountpoint", "MOUNTPOINT"),
        ("Labels", "LABELS"),
        ("Links", "LINKS"),
        ("Size", "SIZE"),
    ],
    table: "table {{.Driver}}\t{{.Name}}",
};

/// `system df`.
pub const DISK_USAGE: Listing = Listing {
    type_name: "*formatter.diskUsageContext",
    headers: &[
        ("Type", "TYPE"),
        ("TotalCount", "TOTAL"),
        ("Active", "ACTIVE"),
        ("Size", "SIZE"),
        ("Reclaimable", "RECLAIMABLE"),
    ],
    table: "table {{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::template::format::Format;

    fn header(format: &str, listing: &Listing) -> String {
        Format::parse(format, listing).unwrap().render(listing, &[]).unwrap()
    }

    #[test]
    fn the_headers_are_docker_s() {
        for (listing, shown) in [
            (&CONTAINERS, "CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     NAMES\n"),
            (&IMAGES, "REPOSITORY   TAG       IMAGE ID   CREATED   SIZE\n"),
            (&HISTORY, "IMAGE     CREATED   CREATED BY   SIZE      COMMENT\n"),
            (&VOLUMES, "DRIVER    VOLUME NAME\n"),
            (&DISK_USAGE, "TYPE      TOTAL     ACTIVE    SIZE      RECLAIMABLE\n"),
        ] {
            assert_eq!(header("", listing), shown);
        }
        assert_eq!(
            header(IMAGES_WITH_DIGESTS, &IMAGES),
            "REPOSITORY   TAG       DIGEST    IMAGE ID   CREATED   SIZE\n"
        );
        assert!(header(CONTAINERS_WITH_SIZE, &CONTAINERS).ends_with("NAMES     SIZE\n"));
        assert_eq!(header(HISTORY_NOT_HUMAN, &HISTORY), "IMAGE     CREATED AT   CREATED BY   SIZE      COMMENT\n");
    }
}
