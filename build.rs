//! Packs the schemas that the program carries: half a megabyte of text, a tenth of that deflated.
//! The files that are checked in stay as people read them.

use std::error::Error;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::DeflateEncoder;

/// Where schemas are checked in.
const FOLDERS: [&str; 2] = ["schemas", "scenarios"];
const ENDING: &str = ".schema.json";

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    for folder in FOLDERS {
        println!("cargo::rerun-if-changed={folder}");
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.ends_with(ENDING) {
                pack(&path, &out.join(format!("{name}.deflate")))?;
            }
        }
    }
    Ok(())
}

fn pack(from: &Path, to: &Path) -> Result<(), Box<dyn Error>> {
    let mut packed = DeflateEncoder::new(File::create(to)?, Compression::best());
    packed.write_all(&fs::read(from)?)?;
    packed.finish()?;
    Ok(())
}
