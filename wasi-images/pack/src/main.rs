//! Packs an image folder into an OCI archive, byte for byte the same wherever it runs: `pack FOLDER NAME EPOCH OUT [KEY=FILE...]`.
//!
//! FOLDER holds `files.txt` (what is in the image, see [`layer`]) and `config.json` (the image config without `created`, `rootfs` and
//! `history`). EPOCH, in seconds, is every time in the image. `KEY=FILE` gives the files that `files.txt` calls `@KEY`.

mod layer;
mod layout;
mod tar;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(facts) => {
            println!("{facts}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("pack: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Writes the archive and returns its digests, as JSON.
fn run(args: &[String]) -> Result<String, String> {
    let [folder, name, epoch, out, built @ ..] = args else {
        return Err("usage: pack FOLDER NAME EPOCH OUT [KEY=FILE...]".to_owned());
    };
    let folder = Path::new(folder);
    let epoch = epoch.parse::<u64>().map_err(|_| format!("{epoch} is no number of seconds"))?;
    let built = built
        .iter()
        .map(|pair| pair.split_once('=').map(|(key, file)| (key.to_owned(), PathBuf::from(file))).ok_or(pair))
        .collect::<Result<BTreeMap<_, _>, _>>()
        .map_err(|pair| format!("{pair} is not KEY=FILE"))?;

    let layer = layer::build(&text(&folder.join("files.txt"))?, folder, &built, epoch)?;
    let config = text(&folder.join("config.json"))?;
    let image = layout::Image::new(name, epoch, &config, &layer)?;
    std::fs::write(out, image.archive(epoch)).map_err(|error| format!("write {out}: {error}"))?;
    Ok(image.facts())
}

fn text(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("read {}: {error}", path.display()))
}
